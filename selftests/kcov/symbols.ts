// SPDX-License-Identifier: MIT

/** Function names and text ranges of the running kernel, from /proc/kallsyms and /proc/modules. */

import { hex } from "../harness/asserts.ts";
import { guest } from "../harness/guest.ts";

/**
 * All kernel text of x86-64 lies in the topmost 2 GiB, so the low half of an address identifies it,
 * and a number holds it.
 */
const KERNEL_HIGH_HALF = 0xffffffffn;

function lowHalf(address: bigint): number | undefined {
  return address >> 32n === KERNEL_HIGH_HALF ? Number(address & 0xffffffffn) : undefined;
}

interface Range {
  readonly start: number;
  /** First address behind. */
  readonly end: number;
  readonly module?: string;
}

interface Symbol {
  readonly start: number;
  readonly name: string;
}

/** "ffffffff81000000 T name", in modules "ffffffffc0000000 t name\t[module]". */
function parseSymbol(line: string): Symbol {
  return { start: parseInt(line.slice(8, 16), 16), name: line.slice(19).split("\t", 1)[0]! };
}

/** Where instrumented code may lie, and what it is called. */
export class KernelSymbols {
  /** Lines of the kernel itself, sorted by address. Searched as text: parsing them all takes long. */
  readonly #kernel: string;
  /** Functions of modules, which the file lists unsorted. */
  readonly #moduleSymbols: readonly Symbol[];
  readonly #text: Range;
  readonly #modules: readonly Range[];

  /** @param kallsyms, modules text of the two files of /proc */
  constructor(kallsyms: string, modules: string) {
    // Per-CPU symbols come first, with small addresses; lines of modules end in "\t[name]".
    const start = Math.max(0, kallsyms.indexOf("\nffffffff") + 1);
    const firstModule = kallsyms.indexOf("\t[", start);
    const end = firstModule < 0 ? kallsyms.length : kallsyms.lastIndexOf("\n", firstModule) + 1;
    this.#kernel = kallsyms.slice(start, end);
    this.#moduleSymbols = kallsyms.slice(end).split("\n")
      .filter((line) => /^ffffffff.{8} [tTwW] /.test(line))
      .map(parseSymbol);
    this.#text = { start: this.#find("_stext"), end: this.#find("_etext") };
    this.#modules = parseModules(modules);
  }

  #find(name: string): number {
    const at = this.#kernel.indexOf(` T ${name}\n`);
    if (at < 0) {
      throw new Error(`/proc/kallsyms has no ${name} (CONFIG_KALLSYMS_ALL, kptr_restrict)`);
    }
    return parseInt(this.#kernel.slice(at - 8, at), 16);
  }

  /** The range that holds the address, kernel text or a loaded module. */
  #rangeOf(address: bigint): Range | undefined {
    const low = lowHalf(address);
    if (low === undefined) return undefined;
    return [this.#text, ...this.#modules].find(({ start, end }) => low >= start && low < end);
  }

  /** True when the address lies in [_stext, _etext) or in a loaded module. */
  isText(address: bigint): boolean {
    return this.#rangeOf(address) !== undefined;
  }

  /** The module whose memory holds the address. */
  moduleOf(address: bigint): string | undefined {
    return this.#rangeOf(address)?.module;
  }

  /**
   * Name of the function a trace entry belongs to, or undefined outside of text. The entry is a
   * return address, so the call is looked up: it may be the last instruction of its function.
   */
  nameOf(pc: bigint): string | undefined {
    const low = lowHalf(pc);
    if (low === undefined || !this.isText(pc)) return undefined;
    const call = low - 1;
    if (this.moduleOf(pc) !== undefined) {
      return this.#moduleSymbols
        .filter(({ start }) => start <= call)
        .reduce<Symbol | undefined>(
          (best, each) => best && best.start >= each.start ? best : each,
          undefined,
        )
        ?.name;
    }
    return this.#kernelSymbolAt(call);
  }

  /** Binary search for the last line whose address is not above `low`. */
  #kernelSymbolAt(low: number): string | undefined {
    const text = this.#kernel;
    let first = 0;
    let last = text.length;
    let found: Symbol | undefined;
    while (first < last) {
      const line = text.lastIndexOf("\n", (first + last >>> 1) - 1) + 1;
      const end = text.indexOf("\n", line) + 1 || text.length;
      const symbol = parseSymbol(text.slice(line, end).trimEnd());
      if (symbol.start <= low) {
        found = symbol;
        first = end;
      } else last = line;
    }
    return found?.name;
  }

  /** Functions of the trace, in order of their first entry. */
  namesOf(pcs: readonly bigint[]): string[] {
    const names = [...new Set(pcs)].map((pc) => this.nameOf(pc) ?? hex(pc));
    return [...new Set(names)];
  }
}

/** `name size users dependants state address` for each line of /proc/modules. */
function parseModules(text: string): Range[] {
  const ranges: Range[] = [];
  for (const line of text.split("\n")) {
    const [name, size, , , , address] = line.split(" ");
    if (address === undefined) continue;
    const start = lowHalf(BigInt(address));
    if (start !== undefined) ranges.push({ start, end: start + Number(size), module: name! });
  }
  return ranges;
}

/** Symbols as they are now. Reads about a megabyte: do it before anything is measured. */
export function readKernelSymbols(): KernelSymbols {
  const sys = guest();
  let modules = "";
  try {
    modules = sys.readFile("/proc/modules");
  } catch {
    // no CONFIG_MODULES
  }
  return new KernelSymbols(sys.readFile("/proc/kallsyms"), modules);
}

let known: KernelSymbols | undefined;

/**
 * Symbols of the kernel without modules that are loaded later. PID 1 reads them once before the first
 * test, and the children inherit them.
 */
export function kernelSymbols(): KernelSymbols {
  return known ??= readKernelSymbols();
}
