// SPDX-License-Identifier: MIT
/**
 * Debug information as llvm-dwarfdump prints it: the calls of the program, and its lines as entries
 * (DIEs). What is read is the tree of tags and attributes; how DWARF is encoded is the program's.
 */
import type { Toolchain } from "../model/model.ts";
import { llvmTool } from "../build/make.ts";

/** One entry, as far as types and functions need it. Attributes that are not there are undefined. */
export interface Die {
  /** In the section: what other entries refer to it by. */
  readonly offset: number;
  /** Without "DW_TAG_": "subprogram". */
  readonly tag: string;
  readonly children: Die[];
  name?: string;
  /** Offset of the entry of its type; functions without it return nothing. */
  type?: number;
  /** That type in C as llvm-dwarfdump has it. */
  typeText?: string;
  /** Offset of the entry that says the rest: of a function that was inlined elsewhere as well. */
  origin?: number;
  byteSize?: number;
  bitSize?: number;
  dataBitOffset?: number;
  /** "signed", "unsigned_char", …: without "DW_ATE_". */
  encoding?: string;
  /** Offset of a member in bytes. */
  memberAt?: number;
  constValue?: bigint;
  upperBound?: number;
  count?: number;
  isDeclaration?: boolean;
  /** Says of a function that its parameters are told; line tables do not. */
  isPrototyped?: boolean;
  /** First address and the one behind the last. */
  ranges?: [low: bigint, high: bigint][];
}

/** Tags that say something of types or parameters; all others of a unit are not printed. */
const TAGS = [
  ...["subprogram", "formal_parameter", "unspecified_parameters"],
  ...["base_type", "pointer_type", "typedef", "const_type", "volatile_type", "restrict_type"],
  ...["atomic_type", "structure_type", "union_type", "member", "enumeration_type", "enumerator"],
  ...["array_type", "subrange_type", "subroutine_type", "unspecified_type"],
];

/** The call that prints every compile unit, without what is in it. */
export function unitsArgv({ llvm }: Pick<Toolchain, "llvm">, object: string): string[] {
  const program = llvmTool(llvm, "llvm-dwarfdump");
  return [program, "--color=0", "--debug-info", "--show-children", "--recurse-depth=0", object];
}

/** The call that prints one compile unit. @param offset As {@link Die.offset} of the unit. */
export function unitArgv(
  { llvm }: Pick<Toolchain, "llvm">,
  object: string,
  offset: number,
): string[] {
  return [
    ...[llvmTool(llvm, "llvm-dwarfdump"), "--color=0", "--show-children"],
    ...TAGS.map((tag) => `--filter-child-tag=DW_TAG_${tag}`),
    ...[`--debug-info=0x${offset.toString(16)}`, object],
  ];
}

/** Reads the lines of a dump, in their order, and gives entries of the top as a tree. */
export class DieReader {
  readonly #tops: Die[] = [];
  /** Those that are open, outermost first, each with its indent. */
  readonly #open: { readonly indent: number; readonly die: Die }[] = [];
  #inRanges = false;

  /** Entries that have none around them. */
  get tops(): readonly Die[] {
    return this.#tops;
  }

  line(line: string): void {
    const begun = /^0x([0-9a-f]+):( +)DW_TAG_(\w+)/.exec(line);
    if (begun) return this.#begin(parseInt(begun[1]!, 16), begun[2]!.length, begun[3]!);
    const die = this.#open.at(-1)?.die;
    if (die === undefined) return;
    const range = this.#inRanges ? /^ +\[0x([0-9a-f]+), 0x([0-9a-f]+)\)/.exec(line) : null;
    if (range) {
      (die.ranges ??= []).push([BigInt(`0x${range[1]}`), BigInt(`0x${range[2]}`)]);
      return;
    }
    const attribute = /^ +DW_AT_(\w+)\t\((.*?)\)?$/.exec(line);
    if (!attribute) return;
    const [, name, value] = attribute;
    this.#inRanges = name === "ranges";
    read(die, name!, value!);
  }

  #begin(offset: number, indent: number, tag: string): void {
    while (this.#open.length > 0 && this.#open.at(-1)!.indent >= indent) this.#open.pop();
    const die: Die = { offset, tag, children: [] };
    const around = this.#open.at(-1)?.die.children ?? this.#tops;
    around.push(die);
    this.#open.push({ indent, die });
    this.#inRanges = false;
  }
}

/** The entries of a dump. */
export function parseDies(text: string): readonly Die[] {
  const reader = new DieReader();
  for (const line of text.split("\n")) reader.line(line);
  return reader.tops;
}

function read(die: Die, attribute: string, value: string): void {
  switch (attribute) {
    case "name":
      die.name = quoted(value);
      return;
    case "type": {
      const [, offset, text] = /^0x([0-9a-f]+)(?: "(.*)")?$/.exec(value) ?? [];
      if (offset !== undefined) die.type = parseInt(offset, 16);
      if (text !== undefined) die.typeText = text;
      return;
    }
    case "abstract_origin":
    case "specification":
      die.origin = parseInt(value.slice(2), 16);
      return;
    case "byte_size":
      die.byteSize = Number(value);
      return;
    case "bit_size":
      die.bitSize = Number(value);
      return;
    case "data_bit_offset":
      die.dataBitOffset = Number(value);
      return;
    case "encoding":
      die.encoding = value.replace(/^DW_ATE_/, "");
      return;
    case "data_member_location":
      die.memberAt = Number(value);
      return;
    case "const_value":
      if (/^-?(0x[0-9a-f]+|\d+)$/.test(value)) die.constValue = integer(value);
      return;
    case "upper_bound":
      die.upperBound = Number(value);
      return;
    case "count":
      die.count = Number(value);
      return;
    case "declaration":
      die.isDeclaration = true;
      return;
    case "prototyped":
      die.isPrototyped = true;
      return;
    case "low_pc":
      die.ranges = [[BigInt(value.split(" ")[0]!), 0n]];
      return;
    case "high_pc": {
      // llvm-dwarfdump prints the address, also where the length is what is stored.
      const [low] = die.ranges?.[0] ?? [];
      if (low !== undefined) die.ranges = [[low, BigInt(value.split(" ")[0]!)]];
    }
  }
}

function quoted(text: string): string {
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

function integer(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

/** Whether an entry has code at an address. */
export function holds({ ranges = [] }: Die, address: bigint): boolean {
  return ranges.some(([low, high]) => low <= address && address < high);
}
