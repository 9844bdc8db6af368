// SPDX-License-Identifier: MIT
/** Addresses of a built kernel as functions and source lines, inlined ones included. */
import type { Host } from "../host/host.ts";
import type { Toolchain } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { parseSymbolizer, type SourceFrame, symbolizerArgv } from "../formats/symbolizer.ts";

/** Of a kernel with KASAN an address has up to ten frames of 250 bytes; 1 MiB is kept of an answer. */
const AT_ONCE = 300;

/**
 * Frames of each address, the innermost inlined function first. The caller subtracts one from a
 * return address, so that it is looked up in the call and not behind it.
 * @param object Path of a vmlinux or .ko with line tables.
 * @throws KmatrixError "infra" where llvm-symbolizer is missing or fails.
 */
export async function symbolize(
  object: string,
  addresses: Iterable<bigint>,
  toolchain: Pick<Toolchain, "llvm">,
  host: Host,
): Promise<ReadonlyMap<bigint, readonly SourceFrame[]>> {
  const wanted = [...new Set(addresses)];
  const found = new Map<bigint, readonly SourceFrame[]>();
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const argv = symbolizerArgv(toolchain, object, wanted.slice(at, at + AT_ONCE));
    const { code, stdout, stderr } = await host.run({ argv });
    if (code !== 0) {
      throw new KmatrixError(
        "infra",
        code === 127 ? "missing-tool" : "symbolizer-failed",
        `${argv[0]} ${code === 127 ? "is missing" : `ended with code ${code}`}; it comes with llvm`,
        stderr,
      );
    }
    for (const [address, frames] of parseSymbolizer(stdout)) found.set(address, frames);
  }
  return found;
}
