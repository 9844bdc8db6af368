// SPDX-License-Identifier: MIT
/** Whether two object files say the same to a linker: sections, relocations, symbols. */
import { type Elf, type Section, SHT_RELA, SHT_SYMTAB } from "./elf.ts";

/** Debug information names folders, and a build in another one has others; nobody runs it. */
const DEBUG = /^\.(rela\.)?debug/;
const SHT_STRTAB = 3;

/**
 * LLVM tells tables of switch values apart by a number behind their local names: how many names it had
 * made unique in this module before, which it does not write into IR. Nothing refers to them by name.
 */
const SWITCH_TABLE = /^(__sancov_gen_cov_switch_values)\.\d+$/;

/**
 * What differs, by name: sections with other content, "relocations of <section>", "symbols", "order of
 * sections"; none where nothing does. Debug information, the places of sections in the file, the numbers
 * of switch tables and the build ID are left aside.
 */
export function differenceOf(one: Elf, other: Elf): string[] {
  const [mine, theirs] = [comparable(one), comparable(other)];
  const names = new Set([...mine, ...theirs].map(({ key }) => key));
  const found: string[] = [];
  for (const name of names) {
    const [a, b] = [mine, theirs].map((all) => all.filter(({ key }) => key === name)) as [
      Comparable[],
      Comparable[],
    ];
    const differs = a.length !== b.length ||
      a.some((section, at) => !sameBytes(section.content(), b[at]!.content()));
    if (differs) found.push(name);
  }
  const order = (parts: readonly Comparable[]) => parts.map(({ key }) => key).join("\n");
  if (found.length === 0 && order(mine) !== order(theirs)) found.push("order of sections");
  return found;
}

/** A part of an object under a name that more than one can have (section groups bring them). */
interface Comparable {
  readonly key: string;
  content(): Uint8Array;
}

function comparable(elf: Elf): Comparable[] {
  const parts: Comparable[] = [];
  elf.sections.forEach((section) => {
    const { name, type, flags, size, alignment, entrySize, link } = section;
    if (DEBUG.test(name) || type === SHT_STRTAB) return;
    if (type === SHT_SYMTAB) {
      return parts.push({ key: "symbols", content: () => encoded(symbolsOf(elf, section)) });
    }
    if (type === SHT_RELA) {
      const target = elf.sections[section.info]?.name ?? "?";
      const key = `relocations of ${target}`;
      return parts.push({ key, content: () => encoded(relocationsOf(elf, section.info)) });
    }
    // A section that goes where another one goes (SHF_LINK_ORDER) names it.
    const linked = elf.sections[link]?.name ?? "";
    const shape = encoded([`${type} ${flags} ${size} ${alignment} ${entrySize} ${linked}`]);
    parts.push({ key: name, content: () => joined(shape, contentOf(elf, section)) });
  });
  return parts;
}

/**
 * Of a section group (SHT_GROUP), the names of its members: their numbers are others with no debug
 * information. Of notes, all but the build ID, which counts the names of local symbols.
 */
function contentOf(elf: Elf, section: Section): Uint8Array {
  const bytes = elf.content(section);
  if (section.type === SHT_NOTE) return withoutBuildId(bytes);
  if (section.type !== SHT_GROUP) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = Array.from({ length: bytes.length / 4 }, (_, at) => view.getUint32(at * 4, true));
  return encoded(words.map((word, at) => at === 0 ? `${word}` : elf.sections[word]?.name ?? "?"));
}

const SHT_GROUP = 17;
const SHT_NOTE = 7;

/** The build ID of a linked file; null where it has none. */
export function buildIdOf(elf: Elf): Uint8Array | null {
  for (const section of elf.sections.filter(({ type }) => type === SHT_NOTE)) {
    const bytes = elf.content(section);
    const place = placeOfBuildId(bytes);
    if (place !== null) return bytes.slice(place.from, place.to);
  }
  return null;
}

function withoutBuildId(notes: Uint8Array): Uint8Array {
  const place = placeOfBuildId(notes);
  return place === null ? notes : notes.slice().fill(0, place.from, place.to);
}

/** Name and type of the note of the linker's --build-id (NT_GNU_BUILD_ID of glibc's elf.h). */
const BUILD_ID_NAME = "GNU\0";
const NT_GNU_BUILD_ID = 3;

/** System V ABI, "Note Section": sizes of name and content, type; both are padded to four bytes. */
function placeOfBuildId(notes: Uint8Array): { from: number; to: number } | null {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  const padded = (size: number) => Math.ceil(size / 4) * 4;
  for (let at = 0; at + 12 <= notes.length;) {
    const [nameSize, size, type] = [0, 4, 8].map((word) => view.getUint32(at + word, true)) as [
      number,
      number,
      number,
    ];
    const from = at + 12 + padded(nameSize);
    const name = new TextDecoder().decode(notes.subarray(at + 12, at + 12 + nameSize));
    if (type === NT_GNU_BUILD_ID && name === BUILD_ID_NAME && from + size <= notes.length) {
      return { from, to: from + size };
    }
    at = from + padded(size);
  }
  return null;
}

function symbolsOf(elf: Elf, table: Section): string[] {
  const bytes = elf.content(table);
  return elf.symbolTable.map(({ name, value, size, section }, at) => {
    const place = elf.sections[section]?.name ?? section;
    // Type, binding and visibility, as they stand there (st_info, st_other).
    const kind = `${bytes[at * SYMBOL_BYTES + 4]} ${bytes[at * SYMBOL_BYTES + 5]}`;
    return DEBUG.test(`${place}`) ? "" : `${unnumbered(name)} ${kind} ${value} ${size} ${place}`;
  }).filter(Boolean);
}

const SYMBOL_BYTES = 24;

/** A relocation against a section is named by the section: its symbol has no name of its own. */
function relocationsOf(elf: Elf, target: number): string[] {
  return elf.relocations(target).map(({ offset, type, symbol, addend }) => {
    const found = elf.symbolTable[symbol];
    const name = unnumbered(found?.name ?? "") || (elf.sections[found?.section ?? 0]?.name ?? "?");
    return `${offset} ${type} ${name} ${addend}`;
  });
}

function unnumbered(name: string): string {
  return name.replace(SWITCH_TABLE, "$1");
}

function encoded(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.join("\n"));
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
