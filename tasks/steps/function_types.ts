// SPDX-License-Identifier: MIT
/** Types of functions of a built kernel, from its debug information. */
import { type Die, DieReader, holds, unitArgv, unitsArgv } from "../core/dataflow/die_text.ts";
import { type FunctionType, UnitTypes } from "../core/dataflow/types.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { Toolchain } from "../core/model/model.ts";
import type { Host } from "../host/host.ts";

/** Dumps that go on at the same time. */
const AT_ONCE = 2;

/**
 * The function at each address, as its compile unit describes it; addresses of which there is no
 * debug information, or line tables alone, are left out or without parameters.
 * @param object Path of a vmlinux.
 * @throws KmatrixError "infra" where llvm-dwarfdump is missing or fails.
 */
export async function functionTypes(
  object: string,
  addresses: Iterable<bigint>,
  toolchain: Pick<Toolchain, "llvm">,
  host: Host,
): Promise<ReadonlyMap<bigint, FunctionType>> {
  const wanted = [...new Set(addresses)];
  if (wanted.length === 0) return new Map();
  const units = await dump(unitsArgv(toolchain, object), host);
  const found = new Map<bigint, FunctionType>();
  const left = units.flatMap((unit) => {
    const mine = wanted.filter((address) => holds(unit, address));
    return mine.length === 0 ? [] : [{ unit, mine }];
  });
  const work = async () => {
    for (let next; (next = left.shift()) !== undefined;) {
      const [unit] = await dump(unitArgv(toolchain, object, next.unit.offset), host);
      if (unit === undefined) continue;
      const types = new UnitTypes(unit);
      for (const address of next.mine) {
        const type = types.functionAt(address);
        if (type !== null) found.set(address, type);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

/** Of the millions of lines of a kernel, those of one unit at a time are held. */
async function dump(argv: readonly string[], host: Host): Promise<readonly Die[]> {
  const child = await host.spawn({ argv });
  const reader = new DieReader();
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of child.stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) reader.line(line);
  }
  reader.line(rest);
  const code = await child.exit;
  if (code === 0) return reader.tops;
  throw new KmatrixError(
    "infra",
    code === 127 ? "missing-tool" : "symbolizer-failed",
    `${argv[0]} ${code === 127 ? "is missing" : `ended with code ${code}`}; it comes with llvm`,
  );
}
