// SPDX-License-Identifier: MIT
/** Whether two folders hold the same build: objects, vmlinux and modules, whatever lies beside them. */
import { Elf, SHT_NOBITS } from "../core/inspect/elf.ts";

/** EI_CLASS of elf(5). */
const CLASS_32 = 1;

/** Debug information names the folder of the build, where the tree's flags map no prefix. */
const DEBUG = /^\.(rela?)?\.?debug_/;

/** What a loader or a linker takes of an ELF file: names, headers and contents, without offsets. */
function sectionsOf(bytes: Uint8Array<ArrayBuffer>, name: string): string[] {
  const sections = bytes[4] === CLASS_32 ? sectionsOf32(bytes) : sectionsOf64(bytes, name);
  return sections.filter(([name]) => !DEBUG.test(name)).map((section) => JSON.stringify(section));
}

type Told = readonly [name: string, ...facts: readonly unknown[]];
const latin1 = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);

function sectionsOf64(bytes: Uint8Array<ArrayBuffer>, name: string): Told[] {
  const elf = new Elf(bytes, name);
  return elf.sections.map((section) => {
    const { name, type, flags, address, size, entrySize } = section;
    const content = type === SHT_NOBITS ? "" : latin1(elf.content(section));
    return [name, type, flags, address, size, entrySize, content];
  });
}

/** Of what runs before the kernel is in 64-bit mode (Elf32_Ehdr and Elf32_Shdr of elf(5)). */
function sectionsOf32(bytes: Uint8Array<ArrayBuffer>): Told[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [table, size, count, names] = [
    view.getUint32(32, true),
    ...[46, 48, 50].map((at) => view.getUint16(at, true)),
  ] as [number, number, number, number];
  const headers = Array.from(
    { length: count },
    (_, index) =>
      Array.from(
        { length: 10 },
        (_, field) => view.getUint32(table + index * size + 4 * field, true),
      ),
  );
  const bytesOf = (header: readonly number[]) =>
    bytes.subarray(header[4]!, header[4]! + header[5]!);
  const strings = latin1(bytesOf(headers[names]!));
  return headers.map((header) => {
    const [at, type, flags, address, _, length, , , , entrySize] = header;
    const name = strings.slice(at, strings.indexOf("\0", at));
    const content = type === SHT_NOBITS ? "" : latin1(bytesOf(header));
    return [name, type, flags, address, length, entrySize, content];
  });
}

/** Whether two files are the same, debug information of ELF files aside. */
export function isSameFile(
  one: Uint8Array<ArrayBuffer>,
  other: Uint8Array<ArrayBuffer>,
  name: string,
): boolean {
  if (one.length === other.length && one.every((byte, index) => byte === other[index])) return true;
  const isElf = [one, other].every((bytes) => bytes[0] === 0x7f && bytes[1] === 0x45);
  if (!isElf) return false;
  const [mine, others] = [sectionsOf(one, name), sectionsOf(other, name)];
  return mine.length === others.length && mine.every((text, index) => text === others[index]);
}

async function* filesBelow(folder: string, below = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(`${folder}/${below}`)) {
    if (isDirectory && !name.startsWith("kmatrix-")) yield* filesBelow(folder, `${below}${name}/`);
    else if (isFile) yield `${below}${name}`;
  }
}

/**
 * Holds each object, module, archive index and image of a build from nothing against that of another folder,
 * which may hold objects besides, of options that it had once.
 * @returns How many were the same, and the names of the others.
 */
export async function compareBuilds(
  fromNothing: string,
  other: string,
): Promise<{ readonly same: number; readonly different: readonly string[] }> {
  const different: string[] = [];
  let same = 0;
  for await (const name of filesBelow(fromNothing)) {
    if (!/\.(o|ko)$|^vmlinux$|^System\.map$|(^|\/)bzImage$/.test(name)) continue;
    const mine = await Deno.readFile(`${fromNothing}/${name}`);
    const theirs = await Deno.readFile(`${other}/${name}`).catch(() => null);
    if (theirs !== null && isSameFile(mine, theirs, name)) same++;
    else different.push(name);
  }
  return { same, different: different.sort() };
}
