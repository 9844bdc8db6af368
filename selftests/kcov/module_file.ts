// SPDX-License-Identifier: MIT

/**
 * The code of a module's file, so that a PC can be told from its sections' addresses alone: what is
 * in .init.text is gone from memory, and from /proc/kallsyms, when the module is ready. Pure.
 */

// elf.h
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const STT_FUNC = 2;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
/** With addend. */
const RELOCATION_BYTES = 24;
/** What instrumented code calls at an edge. */
const PC_CALLBACKS = ["__sanitizer_cov_trace_pc", "__sanitizer_cov_trace_pc_guard"];
/** Of all callbacks; other references are not kept. */
const CALLBACK_PREFIX = "__sanitizer_cov_";
/** Bytes of the operand of a call of x86-64, where its relocation is. */
const OPERAND_BYTES = 4;

export interface ModuleSection {
  readonly name: string;
  readonly size: number;
  /** Takes memory when the module is loaded. */
  readonly allocated: boolean;
  readonly code: boolean;
}

export interface ModuleFunction {
  readonly name: string;
  readonly section: string;
  /** Offset in the section. */
  readonly start: number;
  readonly size: number;
}

/** Sections and functions of a .ko: an ELF64 relocatable object. */
export class ModuleFile {
  readonly sections: readonly ModuleSection[];
  readonly functions: readonly ModuleFunction[];
  /** Where the code refers to a callback, which it does by calling it. */
  readonly #calls: readonly {
    readonly section: string;
    readonly offset: number;
    readonly symbol: string;
  }[];

  /** Throws a RangeError for bytes that are no such file. */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // Not getBigUint64(): the guest's engine takes long over each bigint.
    const word = (at: number) => view.getUint32(at, true) + 2 ** 32 * view.getUint32(at + 4, true);
    if (bytes.length < 64 || view.getUint32(0, false) !== 0x7f454c46 || bytes[4] !== 2) {
      throw new RangeError("not an ELF64 file");
    }
    const table = word(0x28);
    const headers = Array.from({ length: view.getUint16(0x3c, true) }, (_, index) => {
      const at = table + index * SECTION_BYTES;
      return {
        name: view.getUint32(at, true),
        type: view.getUint32(at + 4, true),
        flags: word(at + 8),
        offset: word(at + 24),
        size: word(at + 32),
        link: view.getUint32(at + 40, true),
        info: view.getUint32(at + 44, true),
      };
    });
    const names = headers[view.getUint16(0x3e, true)];
    this.sections = headers.map(({ name, flags, size }) => ({
      name: text(bytes, (names?.offset ?? 0) + name),
      size,
      allocated: (flags & SHF_ALLOC) !== 0,
      code: (flags & SHF_EXECINSTR) !== 0,
    }));
    const functions: ModuleFunction[] = [];
    for (const { type, offset, size, link } of headers) {
      if (type !== SHT_SYMTAB) continue;
      const strings = headers[link]?.offset ?? 0;
      for (let at = offset; at + SYMBOL_BYTES <= offset + size; at += SYMBOL_BYTES) {
        const section = this.sections[view.getUint16(at + 6, true)];
        if ((bytes[at + 4]! & 0xf) !== STT_FUNC || !section?.code) continue;
        functions.push({
          name: text(bytes, strings + view.getUint32(at, true)),
          section: section.name,
          start: word(at + 8),
          size: word(at + 16),
        });
      }
    }
    this.functions = functions;
    const calls: { section: string; offset: number; symbol: string }[] = [];
    for (const { type, offset, size, link, info } of headers) {
      const section = this.sections[info];
      if (type !== SHT_RELA || !section?.code) continue;
      const symbols = headers[link];
      const strings = headers[symbols?.link ?? -1];
      if (!symbols || !strings) continue;
      // A module refers to few symbols, and to each of them often.
      const names = new Map<number, string>();
      for (let at = offset; at + RELOCATION_BYTES <= offset + size; at += RELOCATION_BYTES) {
        const index = view.getUint32(at + 12, true);
        let symbol = names.get(index);
        if (symbol === undefined) {
          const name = view.getUint32(symbols.offset + index * SYMBOL_BYTES, true);
          symbol = text(bytes, strings.offset + name);
          names.set(index, symbol);
        }
        if (symbol.startsWith(CALLBACK_PREFIX)) {
          calls.push({ section: section.name, offset: word(at), symbol });
        }
      }
    }
    this.#calls = calls;
  }

  /** How many places of a function report a PC; of its aliases the same. */
  callsOf(section: string, name: string): number {
    const places = this.functions.filter((each) => each.section === section && each.name === name);
    return this.#calls.filter((call) =>
      call.section === section && PC_CALLBACKS.includes(call.symbol) &&
      places.some(({ start, size }) => call.offset >= start && call.offset < start + size)
    ).length;
  }

  /** Offsets that the calls of a callback in a section return to. */
  returnsTo(section: string, callback: string): number[] {
    return this.#calls.filter((call) => call.section === section && call.symbol === callback)
      .map(({ offset }) => offset + OPERAND_BYTES);
  }

  /** Names of the function that holds an offset of a section: more than one where it has aliases. */
  functionsAt(section: string, offset: number): string[] {
    return this.functions.filter((each) =>
      each.section === section && offset >= each.start && offset < each.start + each.size
    ).map(({ name }) => name);
  }
}

/** Zero-terminated ASCII. (The guest has no TextDecoder.) */
function text(bytes: Uint8Array, at: number): string {
  let end = at;
  while (end < bytes.length && bytes[end] !== 0) end++;
  return String.fromCharCode(...bytes.subarray(at, end));
}
