// SPDX-License-Identifier: MIT
/** As much of ELF64 little-endian as the inspect stage reads (System V ABI, AMD64 supplement). */
import { KmatrixError } from "../errors.ts";

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
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
  /** R_X86_64_… */
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

/** An ELF file in memory. Addresses are numbers without their upper 32 sign bits where negative. */
export class Elf {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #symbolTable: readonly ElfSymbol[] | undefined;
  readonly sections: readonly Section[];

  /** @throws KmatrixError (inspect) where this is no ELF64 little-endian file. */
  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (
      bytes.length < 64 || this.#view.getUint32(0, false) !== 0x7f454c46 || bytes[4] !== 2 ||
      bytes[5] !== 1
    ) {
      throw new KmatrixError("inspect", "no-elf", `${file} is no 64-bit little-endian ELF file`);
    }
    const table = Number(this.#view.getBigUint64(0x28, true));
    const entry = this.#view.getUint16(0x3a, true);
    const count = this.#view.getUint16(0x3c, true);
    const names = this.#view.getUint16(0x3e, true);
    if (table + entry * count > bytes.length) {
      throw new KmatrixError(
        "inspect",
        "no-elf",
        `${file} is cut off: its section table is missing`,
      );
    }
    const raw = Array.from({ length: count }, (_, index) => this.#section(table + index * entry));
    const strings = raw[names];
    this.sections = raw.map(({ nameOffset, ...section }) => ({
      ...section,
      name: strings ? this.#string(strings.offset + nameOffset) : "",
    }));
    const outside = this.sections.find((section) =>
      section.type !== SHT_NOBITS &&
      (section.offset < 0 || section.size < 0 || section.offset + section.size > bytes.length)
    );
    if (outside) {
      const text = `${file} is damaged: section "${outside.name}" lies outside the file`;
      throw new KmatrixError("inspect", "no-elf", text);
    }
  }

  #section(at: number) {
    const word = (offset: number) => this.#view.getUint32(at + offset, true);
    const wide = (offset: number) => address(this.#view, at + offset);
    return {
      nameOffset: word(0),
      type: word(4),
      flags: wide(8),
      address: wide(16),
      offset: wide(24),
      size: wide(32),
      link: word(40),
      info: word(44),
      entrySize: wide(56),
    };
  }

  #string(at: number): string {
    return new TextDecoder().decode(this.#bytes.subarray(at, this.#bytes.indexOf(0, at)));
  }

  /** The bytes of a section; none for NOBITS. */
  content(section: Section): Uint8Array {
    if (section.type === SHT_NOBITS) return new Uint8Array();
    return this.#bytes.subarray(section.offset, section.offset + section.size);
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
      for (let at = table.offset; at + 24 <= table.offset + table.size; at += 24) {
        if ((this.#bytes[at + 4]! & 0xf) !== STT_FUNC) continue;
        if (this.#view.getUint16(at + 6, true) !== section) continue;
        total += Number(this.#view.getBigUint64(at + 16, true));
      }
    }
    return total;
  }

  #readSymbols(table: Section, wanted: (name: string) => boolean): ElfSymbol[] {
    const strings = this.sections[table.link];
    if (!strings) return [];
    const found: ElfSymbol[] = [];
    for (let at = table.offset; at + 24 <= table.offset + table.size; at += 24) {
      const name = this.#string(strings.offset + this.#view.getUint32(at, true));
      if (!wanted(name)) continue;
      found.push({
        name,
        type: this.#bytes[at + 4]! & 0xf,
        section: this.#view.getUint16(at + 6, true),
        value: address(this.#view, at + 8),
        size: Number(this.#view.getBigUint64(at + 16, true)),
      });
    }
    return found;
  }

  /** The relocations that apply to the section with this index, by place. */
  relocations(sectionIndex: number): Relocation[] {
    const found: Relocation[] = [];
    for (const table of this.sections) {
      if (table.type !== SHT_RELA || table.info !== sectionIndex) continue;
      for (let at = table.offset; at + 24 <= table.offset + table.size; at += 24) {
        found.push({
          offset: Number(this.#view.getBigUint64(at, true)),
          type: this.#view.getUint32(at + 8, true),
          symbol: this.#view.getUint32(at + 12, true),
          addend: address(this.#view, at + 16),
        });
      }
    }
    return found.sort((a, b) => a.offset - b.offset);
  }
}

/**
 * A 64-bit word as a number. Kernel addresses are negative as signed words, and as such (unlike as
 * unsigned ones) small enough to be exact in a double.
 */
function address(view: DataView, at: number): number {
  return Number(view.getBigInt64(at, true));
}
