// SPDX-License-Identifier: MIT

/**
 * Names of the kernel's own functions as one block of memory that is searched as it is: the host packs
 * it from the build's System.map, the guest maps the file. (The kernel takes a tenth of a second to
 * print /proc/kallsyms, and each test's process would copy what was made of it.) Pure.
 *
 * Little-endian 32-bit words: the number of functions, the low halves of _stext and _etext, that of
 * each function's address, ascending, and where its name starts; then where the last name ends, and
 * the names, in ASCII with nothing in between.
 */

/** Words before the addresses. */
const HEAD_WORDS = 3;
const WORD_BYTES = 4;

/** "ffffffff81000000 T name", as System.map and /proc/kallsyms have it. */
const TEXT_LINE = /^ffffffff([0-9a-f]{8}) [tTwW] (\S+)$/;

export interface TextSymbol {
  /** Low half of the address. */
  readonly start: number;
  readonly name: string;
}

/** The function of a line of System.map or /proc/kallsyms, or undefined where it names something else. */
export function textSymbol(line: string): TextSymbol | undefined {
  const match = TEXT_LINE.exec(line);
  return match ? { start: parseInt(match[1]!, 16), name: match[2]! } : undefined;
}

/**
 * The lower, the rather a name is taken for an address that has several: with fewer leading
 * underscores, which is the kernel's own choice (scripts/kallsyms.c), and of two with as many not the
 * one for 32-bit programs, which a call without arguments shares with the 64-bit one where
 * CONFIG_IA32_EMULATION is on (SYSCALL_DEFINE0 of asm/syscall_wrapper.h).
 */
const rank = (name: string) => /^_*/.exec(name)![0].length + (name.startsWith("__ia32_") ? 0.5 : 0);

/**
 * Packs the functions from _stext up to _etext, each address with one name.
 * @returns null where the text is no System.map with these two marks.
 */
export function packSymbols(systemMap: string): Uint8Array | null {
  const all = systemMap.split("\n").map(textSymbol).filter((symbol) => symbol !== undefined);
  const addressOf = (name: string) => all.find((symbol) => symbol.name === name)?.start;
  const [start, end] = [addressOf("_stext"), addressOf("_etext")];
  if (start === undefined || end === undefined) return null;
  const names = new Map<number, string>();
  for (const symbol of all.sort((a, b) => a.start - b.start)) {
    if (symbol.start < start || symbol.start >= end) continue;
    const other = names.get(symbol.start);
    if (other === undefined || rank(symbol.name) < rank(other)) {
      names.set(symbol.start, symbol.name);
    }
  }
  const words = [names.size, start, end, ...names.keys()];
  let at = 0;
  for (const name of names.values()) {
    words.push(at);
    at += name.length;
  }
  words.push(at);
  const bytes = new Uint8Array(words.length * WORD_BYTES + at);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setUint32(index * WORD_BYTES, word, true));
  const text = [...names.values()].join("");
  for (let i = 0; i < at; i++) bytes[words.length * WORD_BYTES + i] = text.charCodeAt(i);
  return bytes;
}

/** What {@link packSymbols} has packed. */
export class SymbolTable {
  readonly #words: Uint32Array;
  readonly #names: Uint8Array;
  readonly #decode: (bytes: Uint8Array) => string;
  readonly #count: number;
  /** Low half of the address of _stext. */
  readonly start: number;
  /** Low half of the address of _etext, which is the first behind. */
  readonly end: number;

  /** @param decode Bytes as text; the guest has no TextDecoder. */
  constructor(packed: ArrayBuffer, decode: (bytes: Uint8Array) => string) {
    this.#count = new Uint32Array(packed, 0, 1)[0]!;
    const words = HEAD_WORDS + 2 * this.#count + 1;
    this.#words = new Uint32Array(packed, 0, words);
    this.#names = new Uint8Array(packed, words * WORD_BYTES);
    this.#decode = decode;
    [this.start, this.end] = [this.#words[1]!, this.#words[2]!];
  }

  /** The last function that does not start above the address's low half. */
  at(low: number): TextSymbol | undefined {
    const words = this.#words;
    let [first, last] = [HEAD_WORDS, HEAD_WORDS + this.#count];
    while (first < last) {
      const middle = first + last >>> 1;
      if (words[middle]! <= low) first = middle + 1;
      else last = middle;
    }
    if (first === HEAD_WORDS) return undefined;
    const nameAt = first - 1 + this.#count;
    const name = this.#names.subarray(words[nameAt]!, words[nameAt + 1]!);
    return { start: words[first - 1]!, name: this.#decode(name) };
  }

  /**
   * How far from where it was linked the kernel lies that prints these lines of /proc/kallsyms, in
   * bytes; null where this is not its table. They have to hold _stext, its first line of text.
   */
  displacementOf(kallsyms: string): number | null {
    const lines = kallsyms.slice(0, kallsyms.lastIndexOf("\n")).split("\n");
    const stext = textSymbol(lines.find((line) => line.endsWith(" T _stext")) ?? "");
    const last = textSymbol(lines.at(-1)!);
    if (stext === undefined || last === undefined) return null;
    const displacement = stext.start - this.start;
    // That _stext alone has moved says nothing of the rest.
    if (displacement !== 0 && last.start === stext.start) return null;
    const linked = last.start - displacement;
    return this.at(linked)?.start === linked ? displacement : null;
  }
}
