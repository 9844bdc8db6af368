// SPDX-License-Identifier: MIT
/** Addresses as functions and source lines: the call of llvm-symbolizer, and what it answers. */
import * as v from "valibot";
import { readJson } from "../text/shape.ts";
import type { Toolchain } from "../model/model.ts";
import { llvmTool } from "../build/make.ts";

/** One function at an address; of inlined ones there are several. */
export interface SourceFrame {
  /** "??" where the line tables do not know the address. */
  readonly function: string;
  /** As the compiler was called with it, e.g. "fs/read_write.c"; "" where unknown. */
  readonly file: string;
  /** 1-based; 0 where unknown. */
  readonly line: number;
  /** Where the function begins; of an inlined one, this copy of it. Not every answer has it. */
  readonly start?: bigint;
}

/** "0xffffffff811404b0" */
export function addressText(address: bigint): string {
  return `0x${BigInt.asUintN(64, address).toString(16)}`;
}

/**
 * The call that asks for some addresses, at most a few hundred of them: it all has to fit into one
 * command line and its answer into a MiB.
 * @param object Path of a vmlinux or .ko.
 */
export function symbolizerArgv(
  toolchain: Pick<Toolchain, "llvm">,
  object: string,
  addresses: readonly bigint[],
): string[] {
  return [
    llvmTool(toolchain.llvm, "llvm-symbolizer"),
    `--obj=${object}`,
    "--inlines",
    // Kernel names are C's, but a Rust object's are clearer as they stand in the symbol table.
    "--no-demangle",
    // Without the build folder, which the compiler noted as its own: "fs/read_write.c".
    "--relativenames",
    "--output-style=JSON",
    ...addresses.map(addressText),
  ];
}

const answersShape = v.array(v.looseObject({
  Address: v.string(),
  Symbol: v.optional(v.array(v.looseObject({
    FunctionName: v.string(),
    FileName: v.string(),
    Line: v.number(),
    StartAddress: v.optional(v.string()),
  }))),
}));

/**
 * Reads the answer: for each address its frames, the innermost inlined function first. An address
 * that is not in the object has one frame of "??".
 * @throws SyntaxError where the text is no answer.
 */
export function parseSymbolizer(text: string): Map<bigint, SourceFrame[]> {
  const read = readJson(answersShape, text);
  if (read.kind === "wrong") throw new SyntaxError(`llvm-symbolizer's answer: ${read.why}`);
  const answers = read.value;
  return new Map(answers.map(({ Address, Symbol }) => [
    BigInt(Address),
    (Symbol ?? []).map(({ FunctionName, FileName, Line, StartAddress }) => ({
      function: FunctionName || "??",
      file: FileName,
      line: Line,
      ...(StartAddress ? { start: BigInt(StartAddress) } : {}),
    })),
  ]));
}

/** "ksys_read fs/read_write.c:702" */
export function frameText(frame: SourceFrame): string {
  return frame.file === ""
    ? frame.function
    : `${frame.function} ${frame.file}:${frame.line === 0 ? "?" : frame.line}`;
}
