// SPDX-License-Identifier: MIT
/** Whether two built kernels are the same to whoever boots them. */
import { sha256 } from "../text/digest.ts";
import { type Elf, SHF_ALLOC, SHT_NOBITS, SHT_RELA } from "../inspect/elf.ts";

/**
 * A digest of what is loaded of a vmlinux or a module. Left out are debug information, for a comment
 * changes the numbers of lines, and the notes, for the build id is a hash over that too.
 */
export async function imageDigest(elf: Elf): Promise<string> {
  const loaded = ({ flags }: { flags: number }) => (flags & SHF_ALLOC) !== 0;
  const parts: string[] = [];
  for (const section of elf.sections) {
    const counts = loaded(section) ||
      (section.type === SHT_RELA && loaded(elf.sections[section.info] ?? { flags: 0 }));
    if (!counts || /^\.note/.test(section.name)) continue;
    const { name, address, size, type } = section;
    const content = type === SHT_NOBITS ? "" : await sha256(new Uint8Array(elf.content(section)));
    parts.push(`${name} ${address} ${size} ${content}`);
  }
  return await sha256(parts.join("\n"));
}
