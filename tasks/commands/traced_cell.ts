// SPDX-License-Identifier: MIT
/** What `cover` and `quality` have in common: a call by name, and entries of a buffer as places. */
import { constants } from "node:os";
import { archOf } from "../core/arch/table.ts";
import type { SourceFrame } from "../core/inspect/symbolizer.ts";
import { type Failure, failure } from "../core/model/errors.ts";
import type { Cell, CellResult, CoverRequest, SourceTree } from "../core/model/model.ts";
import { parseCallParameters, SYSTEM_CALL_HEADER } from "../core/report/call_parameters.ts";
import { parseCall, parseSyscallTable } from "../core/report/cover.ts";
import type { Host } from "../host/host.ts";
import type { ReadyCell } from "../run/cell_stages.ts";
import { symbolize } from "../steps/symbolize.ts";

/** The call that these words are on a kernel. @throws KmatrixError "usage" */
export async function callOf(
  words: readonly string[],
  cell: Cell,
  source: SourceTree,
  host: Host,
): Promise<Extract<CoverRequest, { kind: "call" }>> {
  const { systemCalls } = archOf(cell.machine);
  const textOf = async (file: string) =>
    await host.fs.readTextIfAny(`${source.path}/${file}`) ?? "";
  return parseCall(words, {
    numbers: parseSyscallTable(await textOf(systemCalls.file), systemCalls),
    parameters: parseCallParameters(await textOf(SYSTEM_CALL_HEADER)),
  });
}

/**
 * Frames of each entry of a buffer, the innermost inlined function first; none outside of vmlinux. An
 * entry is the address behind the call of the callback: one less is in the call.
 * @throws KmatrixError "infra" where llvm-symbolizer is missing or fails.
 */
export async function placesOf(
  pcs: Iterable<bigint>,
  { kernel, cell }: ReadyCell,
  host: Host,
): Promise<ReadonlyMap<bigint, readonly SourceFrame[]>> {
  const wanted = [...new Set(pcs)];
  const calls = wanted.map((pc) => pc - 1n);
  const found = await symbolize(kernel.vmlinux, calls, cell.toolchain, host);
  return new Map(wanted.map((pc) => {
    const frames = found.get(pc - 1n) ?? [];
    return [pc, frames[0]?.file === "" ? [] : frames];
  }));
}

/** What a boot failed with: itself, and each of its tests. */
export function failuresOf({ boot, tests }: CellResult): Failure[] {
  const failed = tests.flatMap(({ id, outcome }) =>
    outcome.kind === "failed"
      ? [{ ...outcome.failure, message: `${id}: ${outcome.failure.message}` }]
      : outcome.kind === "not-run" && boot === null
      ? [failure("test", "not-run", `${id}: has no result, although the guest ended as it should`)]
      : []
  );
  return boot === null ? failed : [boot, ...failed];
}

/** What a call returned: "3", "-9 EBADF". */
export function resultText(result: number): string {
  const name = Object.entries(constants.errno).find(([, errno]) => errno === -result)?.[0];
  return result < 0 && name !== undefined ? `${result} ${name}` : `${result}`;
}
