// SPDX-License-Identifier: MIT

/**
 * Function names and text ranges of the running kernel: its own from the table that the host has put
 * into the initramfs or else from /proc/kallsyms, those of modules from there and /proc/modules.
 */

import { GUEST_PATHS } from "../contract/cell.ts";
import { hex } from "../harness/asserts.ts";
import { close, guest, isSysError, mapFile, O_RDONLY, open, SYS } from "../harness/guest.ts";
import { packSymbols, SymbolTable, type TextSymbol, textSymbol } from "../contract/symbol_table.ts";

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

/** Where instrumented code may lie, and what it is called. */
export class KernelSymbols {
  readonly #kernel: SymbolTable;
  /** Functions of modules, which the file lists unsorted. */
  readonly #moduleSymbols: readonly TextSymbol[];
  /**
   * The highest first: the size of a module is that of all its memory, of which its text is only the
   * first part, so that its range may reach into the next one.
   */
  readonly #ranges: readonly Range[];

  /**
   * @param kernel functions of the kernel itself
   * @param kallsyms text of the file, for the functions of modules; empty where none are asked for
   * @param modules text of /proc/modules
   * @param displacement of the kernel, in bytes: KCOV takes it off the PCs of modules as well
   *   (canonicalize_ip() of kernel/kcov.c)
   */
  constructor(kernel: SymbolTable, kallsyms: string, modules: string, displacement = 0) {
    this.#kernel = kernel;
    // Lines of modules are the last ones, and end in "\t[name]".
    const firstModule = kallsyms.indexOf("\t[");
    this.#moduleSymbols = firstModule < 0
      ? []
      : kallsyms.slice(kallsyms.lastIndexOf("\n", firstModule) + 1).split("\n")
        .map((line) => textSymbol(line.split("\t", 1)[0]!))
        .filter((symbol) => symbol !== undefined)
        .map(({ start, name }) => ({ start: start - displacement, name }));
    const loaded = parseModules(modules).map((range) => ({
      ...range,
      start: range.start - displacement,
      end: range.end - displacement,
    }));
    this.#ranges = [{ start: kernel.start, end: kernel.end }, ...loaded]
      .sort((one, other) => other.start - one.start);
  }

  /** The range that holds the address, kernel text or a loaded module. */
  #rangeOf(address: bigint): Range | undefined {
    const low = lowHalf(address);
    if (low === undefined) return undefined;
    for (const range of this.#ranges) if (low >= range.start && low < range.end) return range;
    return undefined;
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
    const range = this.#rangeOf(pc);
    if (range === undefined) return undefined;
    const call = lowHalf(pc)! - 1;
    if (range.module !== undefined) {
      return this.#moduleSymbols
        .filter(({ start }) => start <= call)
        .reduce<TextSymbol | undefined>(
          (best, each) => best && best.start >= each.start ? best : each,
          undefined,
        )
        ?.name;
    }
    return this.#kernel.at(call)?.name;
  }

  /** Functions of the trace, in order of their first entry. */
  namesOf(pcs: Iterable<bigint>): string[] {
    return [...new Set([...new Set(pcs)].map((pc) => this.nameOf(pc) ?? hex(pc)))];
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

/** The table of the initramfs, mapped: no process copies it. undefined where there is none. */
function mappedTable(): SymbolTable | undefined {
  try {
    return new SymbolTable(mapFile(GUEST_PATHS.symbols), guest().text);
  } catch (error) {
    if (isSysError(error)) return undefined;
    throw error;
  }
}

/** /proc/kallsyms up to the part that holds _stext: behind the per-CPU symbols, if they are there. */
function firstOfKallsyms(): string {
  const sys = guest();
  const part = new Uint8Array(4096);
  const fd = open("/proc/kallsyms", O_RDONLY);
  let text = "";
  for (let got = 1; got > 0 && !text.includes(" T _stext\n");) {
    got = sys.call(SYS.read, fd, part, part.length);
    text += sys.text(part.subarray(0, got));
  }
  close(fd);
  return text;
}

/**
 * The table of the host, unless the running kernel tells otherwise; else what the kernel prints. With
 * the table of the host it is known where the kernel lies.
 */
function kernelTable(): { readonly table: SymbolTable; readonly displacement: number | null } {
  const sys = guest();
  const table = mappedTable();
  const displacement = table?.displacementOf(firstOfKallsyms()) ?? null;
  if (table !== undefined && displacement !== null) return { table, displacement };
  const packed = packSymbols(sys.readFile("/proc/kallsyms"));
  if (packed === null) {
    throw new Error("/proc/kallsyms has no _stext or _etext (CONFIG_KALLSYMS, kptr_restrict)");
  }
  const printed = new SymbolTable(packed.buffer as ArrayBuffer, sys.text);
  return { table: printed, displacement: null };
}

/** Symbols as they are now, with those of modules: do it before anything is measured. */
export function readKernelSymbols(): KernelSymbols {
  const sys = guest();
  const { table, displacement } = knownKernel();
  const all = sys.readFile("/proc/kallsyms");
  return new KernelSymbols(table, all, loadedModules(), displacement ?? 0);
}

function loadedModules(): string {
  try {
    return guest().readFile("/proc/modules");
  } catch {
    return ""; // no CONFIG_MODULES
  }
}

let kernel: ReturnType<typeof kernelTable> | undefined;
let known: KernelSymbols | undefined;

function knownKernel(): ReturnType<typeof kernelTable> {
  return kernel ??= kernelTable();
}

/** How far from where it was linked the kernel lies, in bytes; null where nobody can tell. */
export function kernelDisplacement(): number | null {
  return knownKernel().displacement;
}

/** Low half of the first address behind the kernel's text, as KCOV reports it. */
export function kernelTextEnd(): number {
  return knownKernel().table.end;
}

/**
 * Symbols of the kernel without modules that are loaded later. PID 1 reads them once before the first
 * test, and the children inherit them.
 */
export function kernelSymbols(): KernelSymbols {
  if (known === undefined) {
    const modules = loadedModules();
    // A session of `deno task repro` may have loaded some.
    known = modules === "" ? new KernelSymbols(knownKernel().table, "", "") : readKernelSymbols();
  }
  return known;
}
