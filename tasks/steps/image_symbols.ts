// SPDX-License-Identifier: MIT
/** What lies at an address of a kernel's image, by its symbol table. */
import { Elf, type ElfSymbol } from "../core/inspect/elf.ts";
import type { Host } from "../host/host.ts";

/** STT_NOTYPE, STT_OBJECT and STT_FUNC of the ELF specification. */
const NAMED_TYPES: readonly number[] = [0, 1, 2];
/** Sections from here on are none: absolute and common symbols. */
const SHN_LORESERVE = 0xff00;

/**
 * @param vmlinux Its path.
 * @returns For an address of the kernel as linked "vfs_read", "vfs_read+0x10", or null where nothing
 *   of a known size lies there.
 * @throws KmatrixError (inspect) where the file is no 64-bit little-endian ELF file.
 */
export async function imageSymbols(
  vmlinux: string,
  host: Host,
): Promise<(address: bigint) => string | null> {
  const file = await host.fs.openParts(vmlinux);
  let symbols: readonly ElfSymbol[];
  try {
    symbols = new Elf(file, vmlinux).symbols((name) => name !== "" && !name.startsWith("$"));
  } finally {
    file.close();
  }
  const named = symbols
    .filter(({ value, section, type }) =>
      value !== 0 && section > 0 && section < SHN_LORESERVE && NAMED_TYPES.includes(type)
    )
    // Of several at one place the one with a size, then the shortest name.
    .sort((a, b) =>
      a.value - b.value || Number(a.size > 0) - Number(b.size > 0) || b.name.length - a.name.length
    );
  return (address) => {
    const wanted = Number(BigInt.asIntN(64, address));
    let [first, behind] = [0, named.length];
    while (first < behind) {
      const middle = first + behind >>> 1;
      if (named[middle]!.value <= wanted) first = middle + 1;
      else behind = middle;
    }
    const found = named[first - 1];
    if (found === undefined) return null;
    const offset = wanted - found.value;
    if (offset === 0) return found.name;
    return offset < found.size ? `${found.name}+0x${offset.toString(16)}` : null;
  };
}
