// SPDX-License-Identifier: MIT
/** The functions that records of a dataflow trace lie in: names, places and types. */
import { type KnownFunction, returnsPair, type SourcePlace } from "../core/dataflow/describe.ts";
import { addressText, type SourceFrame } from "../core/inspect/symbolizer.ts";
import type { Toolchain } from "../core/model/model.ts";
import type { Host } from "../host/host.ts";
import { functionTypes } from "./function_types.ts";
import { symbolize } from "./symbolize.ts";

export interface TracedFunctions {
  readonly functionOf: (pc: bigint) => KnownFunction;
  readonly placeOf: (pc: bigint) => SourcePlace;
}

/**
 * @param vmlinux Its path.
 * @param pcs Of records: in a call of the callback, as linked.
 * @throws KmatrixError "infra" where a program of LLVM is missing or fails.
 */
export async function tracedFunctions(
  vmlinux: string,
  pcs: readonly bigint[],
  toolchain: Pick<Toolchain, "llvm">,
  host: Host,
): Promise<TracedFunctions> {
  const frames = await symbolize(vmlinux, pcs, toolchain, host);
  // The callback is called by the function itself: what was inlined into it stands before it.
  const frameOf = (pc: bigint): SourceFrame | undefined => frames.get(pc)?.at(-1);
  const idOf = (pc: bigint) => {
    const frame = frameOf(pc);
    if (frame?.start !== undefined) return addressText(frame.start);
    return frame === undefined || frame.function === "??" ? addressText(pc) : frame.function;
  };
  const byId = Map.groupBy(new Set(pcs), idOf);
  const types = await functionTypes(
    vmlinux,
    [...byId.values()].map(([pc]) => pc!),
    toolchain,
    host,
  );
  const known = new Map([...byId].map(([id, [pc]]) => {
    const type = types.get(pc!) ?? null;
    const frame = frameOf(pc!);
    const name = frame === undefined || frame.function === "??" ? addressText(pc!) : frame.function;
    return [id, { id, name, type, returnsPair: returnsPair(type) }];
  }));
  return {
    functionOf: (pc) => known.get(idOf(pc))!,
    placeOf(pc) {
      const { file = "", line = 0 } = frameOf(pc) ?? {};
      return { file, line };
    },
  };
}
