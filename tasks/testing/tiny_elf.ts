// SPDX-License-Identifier: MIT
/** ELF files of a few sections for x86-64, for tests of what reads kernels, objects and modules. */
import { X86_64 } from "../core/arch/x86_64.ts";

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const SYMBOL_BYTES = 24;
const RELA_BYTES = 24;
/** Where the kernel's code starts (Documentation/arch/x86/x86_64/mm.rst). */
const TEXT_ADDRESS = 0xffffffff81000000n;
const BSS_ADDRESS = 0xffffffff82000000n;

const PROGBITS = { type: 1, flags: 0 };
const CODE = { type: 1, flags: 6 };
const BSS = { type: 8, flags: 3 };

export interface TinySection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address?: bigint;
  readonly content?: Uint8Array;
  /** Of a section without content (NOBITS). */
  readonly size?: number;
  readonly link?: number;
  readonly info?: number;
  readonly alignment?: number;
}

/** One section table entry each, in this order, behind the obligatory empty one. */
export function tinyElf(sections: readonly TinySection[]): Uint8Array<ArrayBuffer> {
  const all: readonly TinySection[] = [...sections, { name: ".shstrtab", type: 3, flags: 0 }];
  const names = new TextEncoder().encode(`\0${all.map(({ name }) => `${name}\0`).join("")}`);
  const contents = all.map((section, index) =>
    index === all.length - 1 ? names : section.content ?? new Uint8Array()
  );
  const size = contents.reduce((sum, content) => sum + content.length, HEADER_BYTES);
  const bytes = new Uint8Array(size + SECTION_BYTES * (all.length + 1));
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(0x12, X86_64.elfMachine, true);
  view.setBigUint64(0x28, BigInt(size), true);
  view.setUint16(0x3a, SECTION_BYTES, true);
  view.setUint16(0x3c, all.length + 1, true);
  view.setUint16(0x3e, all.length, true);
  let [offset, nameOffset] = [HEADER_BYTES, 1];
  for (const [index, section] of all.entries()) {
    const content = contents[index]!;
    const at = size + SECTION_BYTES * (index + 1);
    bytes.set(content, offset);
    view.setUint32(at, nameOffset, true);
    view.setUint32(at + 4, section.type, true);
    view.setBigUint64(at + 8, BigInt(section.flags), true);
    view.setBigUint64(at + 16, section.address ?? 0n, true);
    view.setBigUint64(at + 24, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(section.size ?? content.length), true);
    view.setUint32(at + 40, section.link ?? 0, true);
    view.setUint32(at + 44, section.info ?? 0, true);
    view.setBigUint64(at + 48, BigInt(section.alignment ?? 0), true);
    offset += content.length;
    nameOffset += section.name.length + 1;
  }
  return bytes;
}

export interface TinySymbol {
  readonly name: string;
  readonly value: bigint;
  /** Index of its section; 0 for none. */
  readonly section?: number;
  readonly size?: number;
}

/** Symbol table and strings; to be the first two sections of a file. Symbol 0 is the empty one. */
export function symbolSections(symbols: readonly TinySymbol[]): TinySection[] {
  const table = new Uint8Array(SYMBOL_BYTES * (symbols.length + 1));
  const view = new DataView(table.buffer);
  let text = "\0";
  for (const [index, { name, value, section = 0, size = 16 }] of symbols.entries()) {
    const at = SYMBOL_BYTES * (index + 1);
    view.setUint32(at, text.length, true);
    table[at + 4] = 0x12; // STB_GLOBAL, STT_FUNC
    view.setUint16(at + 6, section, true);
    view.setBigUint64(at + 8, value, true);
    view.setBigUint64(at + 16, BigInt(size), true);
    text += `${name}\0`;
  }
  return [
    { name: ".symtab", type: 2, flags: 0, content: table, link: 2 },
    { name: ".strtab", type: 3, flags: 0, content: new TextEncoder().encode(text) },
  ];
}

export interface TinyRelocation {
  readonly offset: number;
  /** R_X86_64_…: 2 is PC32, 4 is PLT32, 11 is 32S. */
  readonly type: number;
  readonly symbol: number;
  readonly addend?: number;
}

/** A .rela section for the section with this index. */
export function relaSection(
  name: string,
  section: number,
  relocations: readonly TinyRelocation[],
): TinySection {
  const content = new Uint8Array(RELA_BYTES * relocations.length);
  const view = new DataView(content.buffer);
  for (const [index, { offset, type, symbol, addend = 0 }] of relocations.entries()) {
    view.setBigUint64(index * RELA_BYTES, BigInt(offset), true);
    view.setUint32(index * RELA_BYTES + 8, type, true);
    view.setUint32(index * RELA_BYTES + 12, symbol, true);
    view.setBigInt64(index * RELA_BYTES + 16, BigInt(addend), true);
  }
  return { name: `.rela${name}`, type: 4, flags: 0, content, link: 1, info: section };
}

export interface TinyKernel {
  /** How often .text calls each callback; 0 for one that exists and is never called. */
  readonly calls: Readonly<Record<string, number>>;
  /** 0xe8, a call; or 0xe9, a tail call. */
  readonly opcode?: number;
  /** Bytes between the two symbols around the guards; no such symbols where it is left out. */
  readonly guardBytes?: number;
  readonly symbols?: readonly TinySymbol[];
  readonly sections?: readonly TinySection[];
}

/** A vmlinux in which nothing is true but its calls of the instrumentation callbacks. */
export function tinyKernel(kernel: TinyKernel): Uint8Array<ArrayBuffer> {
  const names = Object.keys(kernel.calls);
  const total = Object.values(kernel.calls).reduce((sum, count) => sum + count, 0);
  const callbacks = names.map((name, index) => ({
    name,
    value: TEXT_ADDRESS + BigInt(total * 5 + index * 16),
    // The number of .text, behind the null section and the two of the symbols.
    section: 3,
  }));
  const text = new Uint8Array(total * 5 + names.length * 16).fill(0x90);
  const view = new DataView(text.buffer);
  let at = 0;
  for (const { name, value } of callbacks) {
    for (let count = kernel.calls[name]!; count > 0; count--) {
      text[at] = kernel.opcode ?? 0xe8;
      view.setInt32(at + 1, Number(value - TEXT_ADDRESS) - at - 5, true);
      at += 5;
    }
  }
  const guards = kernel.guardBytes === undefined ? [] : [
    { name: "__start___sancov_guards", value: BSS_ADDRESS },
    { name: "__stop___sancov_guards", value: BSS_ADDRESS + BigInt(kernel.guardBytes) },
  ];
  return tinyElf([
    ...symbolSections([...callbacks, ...guards, ...kernel.symbols ?? []]),
    { name: ".text", ...CODE, address: TEXT_ADDRESS, content: text },
    { name: ".bss", ...BSS, address: BSS_ADDRESS, size: 1 << 20 },
    // Not loaded: what looks like a call in here is none.
    { name: ".debug_line", ...PROGBITS, address: TEXT_ADDRESS, content: text },
    ...kernel.sections ?? [],
  ]);
}

/** Bytes from one call to the next in {@linkcode tinyModule}. */
const CALL_STRIDE = 12;

export interface TinyModule {
  /** What each call of .text has in %rdi: the place of a guard in .bss, or null for nothing. */
  readonly calls: readonly (number | null)[];
  readonly callback: string;
  readonly symbols?: readonly TinySymbol[];
  readonly sections?: readonly TinySection[];
  /** More relocations of .text. */
  readonly relocations?: readonly TinyRelocation[];
}

/** A .ko (or any object): .text is section 3 and .bss section 4; symbols of its own start at 3. */
export function tinyModule(module: TinyModule): Uint8Array<ArrayBuffer> {
  const relocations = module.calls.flatMap((guard, index): TinyRelocation[] => [
    // mov $guard,%rdi has its operand three bytes in.
    ...(guard === null
      ? []
      : [{ offset: index * CALL_STRIDE + 3, type: 11, symbol: 2, addend: guard }]),
    { offset: index * CALL_STRIDE + 8, type: 4, symbol: 1, addend: -4 },
  ]);
  const content = new Uint8Array(module.calls.length * CALL_STRIDE + 16).fill(0x90);
  return tinyElf([
    ...symbolSections([
      { name: module.callback, value: 0n },
      { name: "", value: 0n, section: 4, size: 0 },
      ...module.symbols ?? [],
    ]),
    { name: ".text", ...CODE, content },
    { name: ".bss", ...BSS, size: 4096 },
    relaSection(".text", 3, [...relocations, ...module.relocations ?? []]),
    ...module.sections ?? [],
  ]);
}
