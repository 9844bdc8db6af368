// SPDX-License-Identifier: MIT
/** As much of ELF64 little-endian as the inspect stage reads (System V ABI and its supplements). */
import type { Arch } from "../arch/arch.ts";
import { archOfElf } from "../arch/table.ts";
import { type Parts, partsOf } from "../text/lines.ts";
import { basename } from "node:path/posix";
import { KmatrixError } from "../model/errors.ts";

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  /** Its address is a multiple of this. */
  readonly alignment: number;
  readonly entrySize: number;
}

export interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly section: number;
  readonly type: number;
}

export interface Relocation {
  /** Place in the section that is relocated. */
  readonly offset: number;
  /** Its number means something in the file's architecture alone. */
  readonly type: number;
  /** Index into {@linkcode Elf.symbolTable}. */
  readonly symbol: number;
  readonly addend: number;
}

export const SHT_SYMTAB = 2;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHF_ALLOC = 2;
export const STT_FUNC = 2;
export const SHF_EXECINSTR = 4;

/** Place of the width of addresses in a file, and that of 32 bits (System V ABI, "ELF Identification"). */
export const EI_CLASS = 4;
export const ELFCLASS32 = 1;

/** An ELF file. Addresses are numbers without their upper 32 sign bits where negative. */
export class Elf {
  readonly #file: Parts;
  readonly #name: string;
  /** e_machine. */
  readonly #machine: number;
  #symbolTable: readonly ElfSymbol[] | undefined;
  readonly sections: readonly Section[];

  /** @throws KmatrixError (inspect) where this is no ELF64 little-endian file. */
  constructor(source: Parts | Uint8Array, file: string) {
    const parts = source instanceof Uint8Array ? partsOf(source) : source;
    this.#file = parts;
    const header = viewOf(parts.read(0, 64));
    if (
      header.byteLength < 64 || header.getUint32(0, false) !== 0x7f454c46 ||
      header.getUint8(4) !== 2 || header.getUint8(5) !== 1
    ) {
      throw broken(file, "is no 64-bit little-endian ELF file");
    }
    this.#name = file;
    this.#machine = header.getUint16(MACHINE_AT, true);
    const table = Number(header.getBigUint64(0x28, true));
    const entry = header.getUint16(0x3a, true);
    const count = header.getUint16(0x3c, true);
    const names = header.getUint16(0x3e, true);
    if (entry < SECTION_BYTES || table + entry * count > parts.size) {
      throw broken(file, "is cut off: its section table is missing");
    }
    const view = viewOf(parts.read(table, entry * count));
    const raw = Array.from({ length: count }, (_, index) => readSection(view, index * entry));
    const isInside = ({ type, offset, size }: typeof raw[number]) =>
      type === SHT_NOBITS || (offset >= 0 && size >= 0 && offset + size <= parts.size);
    const link = raw[names];
    const strings = link && isInside(link) ? this.content(link) : new Uint8Array();
    this.sections = raw.map(({ nameOffset, ...section }) => ({
      ...section,
      name: stringAt(strings, nameOffset),
    }));
    const outside = raw.findIndex((section) => !isInside(section));
    if (outside >= 0) {
      const { name } = this.sections[outside]!;
      throw broken(file, `is damaged: section "${name}" lies outside the file`);
    }
  }

  /**
   * What its code is for. @throws KmatrixError (inspect) where that is not in core/arch/table.ts:
   * addresses, symbols and sections can be read of any.
   */
  get arch(): Arch {
    const found = archOfElf(this.#machine);
    if (!found) {
      throw broken(this.#name, `is for machine ${this.#machine} (e_machine), which is not known`);
    }
    return found;
  }

  /** The bytes of a section; none for NOBITS. */
  content({ type, offset, size }: Pick<Section, "type" | "offset" | "size">): Uint8Array {
    return type === SHT_NOBITS ? new Uint8Array() : this.#file.read(offset, size);
  }

  /** The symbol table in its own order, so that relocations can point into it. */
  get symbolTable(): readonly ElfSymbol[] {
    this.#symbolTable ??= this.sections.filter((section) => section.type === SHT_SYMTAB).flatMap(
      (table) => this.#readSymbols(table, () => true),
    );
    return this.#symbolTable;
  }

  /** All symbols whose name `wanted` accepts; cheaper than the whole table of a kernel. */
  symbols(wanted: (name: string) => boolean): ElfSymbol[] {
    return this.sections.filter((section) => section.type === SHT_SYMTAB).flatMap((table) =>
      this.#readSymbols(table, wanted)
    );
  }

  /** Sizes of all functions in one section; reads no names, of which a kernel has 100,000. */
  functionBytes(section: number): number {
    let total = 0;
    for (const table of this.sections.filter((one) => one.type === SHT_SYMTAB)) {
      for (const view of entriesOf(this.content(table))) {
        if ((view.getUint8(4) & 0xf) !== STT_FUNC || view.getUint16(6, true) !== section) continue;
        total += Number(view.getBigUint64(16, true));
      }
    }
    return total;
  }

  #readSymbols(table: Section, wanted: (name: string) => boolean): ElfSymbol[] {
    const link = this.sections[table.link];
    if (!link) return [];
    const strings = this.content(link);
    const found: ElfSymbol[] = [];
    for (const view of entriesOf(this.content(table))) {
      const name = stringAt(strings, view.getUint32(0, true));
      if (!wanted(name)) continue;
      found.push({
        name,
        type: view.getUint8(4) & 0xf,
        section: view.getUint16(6, true),
        value: address(view, 8),
        size: Number(view.getBigUint64(16, true)),
      });
    }
    return found;
  }

  /** The relocations that apply to the section with this index, by place. */
  relocations(sectionIndex: number): Relocation[] {
    const found: Relocation[] = [];
    for (const table of this.sections) {
      if (table.type !== SHT_RELA || table.info !== sectionIndex) continue;
      for (const view of entriesOf(this.content(table))) {
        found.push({
          offset: Number(view.getBigUint64(0, true)),
          type: view.getUint32(8, true),
          symbol: view.getUint32(12, true),
          addend: address(view, 16),
        });
      }
    }
    return found.sort((a, b) => a.offset - b.offset);
  }
}

const SECTION_BYTES = 64;
/** Both of a symbol and of a relocation with addend. */
const ENTRY_BYTES = 24;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A view of each whole entry of a symbol or relocation table. */
function* entriesOf(table: Uint8Array): Generator<DataView> {
  for (let at = 0; at + ENTRY_BYTES <= table.length; at += ENTRY_BYTES) {
    yield new DataView(table.buffer, table.byteOffset + at, ENTRY_BYTES);
  }
}

function readSection(view: DataView, at: number) {
  const word = (offset: number) => view.getUint32(at + offset, true);
  const wide = (offset: number) => address(view, at + offset);
  return {
    nameOffset: word(0),
    type: word(4),
    flags: wide(8),
    address: wide(16),
    offset: wide(24),
    size: wide(32),
    link: word(40),
    info: word(44),
    alignment: wide(48),
    entrySize: wide(56),
  };
}

const DECODER = new TextDecoder();

/** The string that starts at an offset of a string table, to its zero or the table's end. */
function stringAt(table: Uint8Array, offset: number): string {
  const end = table.indexOf(0, offset);
  return DECODER.decode(table.subarray(offset, end < 0 ? table.length : end));
}

/**
 * A 64-bit word as a number. Kernel addresses are negative as signed words, and as such (unlike as
 * unsigned ones) small enough to be exact in a double.
 */
function address(view: DataView, at: number): number {
  return Number(view.getBigInt64(at, true));
}

/** Place of e_machine in the header. */
const MACHINE_AT = 0x12;
const PT_INTERP = 3;

/** Why a file cannot run where there are neither libraries nor interpreters; null where it can. */
export function whyNotRunnable(file: Parts, { elfMachine, title }: Arch): string | null {
  const header = viewOf(file.read(0, Math.min(64, file.size)));
  if (header.byteLength < 64 || header.getUint32(0, false) !== 0x7f454c46) {
    return "it is no ELF file, and the guest has no shell and no interpreter";
  }
  if (header.getUint8(4) !== 2 || header.getUint16(MACHINE_AT, true) !== elfMachine) {
    return `it is not for ${title}`;
  }
  const at = Number(header.getBigUint64(0x20, true));
  const [bytes, count] = [header.getUint16(0x36, true), header.getUint16(0x38, true)];
  if (at + bytes * count > file.size) return "it is cut off";
  const table = viewOf(file.read(at, bytes * count));
  const types = Array.from({ length: count }, (_, index) => table.getUint32(index * bytes, true));
  if (!types.includes(PT_INTERP)) return null;
  return "it is linked dynamically, and the guest has no libraries; link it with -static";
}

function broken(file: string, why: string): KmatrixError {
  const evidence = { kind: "file", name: basename(file) } as const;
  return new KmatrixError("inspect", "no-elf", `${file} ${why}`, "", evidence);
}
