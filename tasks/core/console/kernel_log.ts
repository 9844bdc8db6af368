// SPDX-License-Identifier: MIT
/** A console as lines, each with what printk and loggers wrote in front of it taken off. */

import { prefixed } from "./line_prefix.ts";
import { pieces, type Text } from "../text/lines.ts";

export interface LogLine {
  readonly text: string;
  /** Printed by the kernel, and not by a process with the console open. */
  readonly kernel: boolean;
  /** Nobody can tell whether the kernel printed it, see {@linkcode kernelLog}. */
  readonly doubtful: boolean;
  /** "T1" or "C0" where the kernel has CONFIG_PRINTK_CALLER, else "". */
  readonly caller: string;
  /** The kernel's time as it stands in the log, or "". */
  readonly time: string;
  /** Of the line of the file that it is of, or begins in; from 1. */
  readonly number: number;
}

const INNER = String.raw`\[ {0,12}\d{1,10}\.\d{6}\](?:\[ {0,8}[CT]\d{1,10}\])? `;
/** Where a process has left a line open, printk's begins in the middle of it. */
const INNER_STAMP = new RegExp(
  String.raw`<\d>(?=${INNER})|(?<!<\d>)(?=${INNER})|(?=\[(?= {0,4}[CT]\d{1,5}\] )[ \w]{6}\] )`,
  "g",
);
const TERMINAL_CODES =
  // deno-lint-ignore no-control-regex
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[()][A-Z0-9]|[=>78cDEHMNOZ])/g;
/** early_printk() writes past printk, for what is too early to be printed (mm/extable.c). */
const EARLY = /^PANIC: early exception/;

interface RawLine {
  readonly text: string;
  readonly writer: "kernel" | "process" | "bare";
  readonly caller: string;
  readonly time: string;
}

/** A line without its prefix, and each line of printk's that begins in the middle of it. */
function* parts({ text, ...whose }: RawLine): Generator<RawLine> {
  if (text.includes("\n")) {
    for (const one of text.split("\n")) if (one !== "") yield { text: one, ...whose };
    return;
  }
  if (text.lastIndexOf("[") <= 0) return yield { text, ...whose };
  const starts = Array.from(text.matchAll(INNER_STAMP), ({ index }) => index).filter((at) =>
    at > 0
  );
  yield { text: text.slice(0, starts[0]), ...whose };
  for (const [number, at] of starts.entries()) {
    yield prefixed(text.slice(at, starts[number + 1]));
  }
}

/** Lines without carriage returns and terminal codes, but for empty ones, with their numbers. */
function* plainLines(console: Text): Generator<readonly [line: string, number: number]> {
  let number = 0;
  for (const piece of pieces(console)) {
    for (const line of piece.replaceAll("\r", "").replace(TERMINAL_CODES, "").split("\n")) {
      number++;
      // They say nothing, and there may be millions of them.
      if (line !== "") yield [line, number];
    }
  }
}

const LEADING = /^[ \t>|]{0,40}/;

/**
 * What stands in front of each line of a log that was quoted or indented as a whole, in a mail or a
 * commit message; "" for all others. One blank alone is how a stack is printed.
 */
function quoteOf(console: Text): string {
  let quote: string | null = null;
  for (const [line] of plainLines(console)) {
    const leading: string = LEADING.exec(line)![0];
    if (leading.length === line.length) continue;
    quote ??= leading;
    while (!leading.startsWith(quote)) quote = quote.slice(0, -1);
    if (quote.trim() === "" && quote.length < 2) return "";
  }
  return quote ?? "";
}

/** Shorter prefixes say too little of the lines behind them. */
const WIDE_PREFIX = 8;

function* rawLines(console: Text, quote: string): Generator<RawLine & { number: number }> {
  /** Of the last line of the kernel: the width of its prefix in blanks, and whose it was. */
  let margin = "";
  let before: RawLine | null = null;
  for (const [quoted, number] of plainLines(console)) {
    const line = quoted.slice(quote.length);
    const whole = prefixed(line);
    if (whole.writer === "kernel") {
      const width = line.length - whole.text.length;
      if (width !== margin.length) margin = width < WIDE_PREFIX ? "" : " ".repeat(width);
      before = whole;
    } else if (before && margin !== "" && whole.writer === "bare" && line.startsWith(margin)) {
      // dmesg puts blanks in front of the other lines of a record, as many as the prefix is wide.
      yield { ...before, text: line.slice(margin.length), number };
      continue;
    } else before = null;
    for (const part of parts(whole)) yield { ...part, number };
  }
}

/** Whether any line says that a kernel wrote it: by what stands in front, or as its first words. */
export function holdsKernelLines(console: Text): boolean {
  for (const { writer, text } of rawLines(console, quoteOf(console))) {
    if (writer === "kernel" || (writer === "bare" && BANNER.test(text))) return true;
  }
  return false;
}

function hasStamps(console: Text, quote: string): boolean {
  for (const { writer } of rawLines(console, quote)) if (writer === "kernel") return true;
  return false;
}

/** The first line of a kernel, and what it prints next: a process that shows the first does not. */
const BANNER = /^Linux version \d+\./;
const BEHIND_BANNER =
  /^(Command line:|Kernel command line:|Machine model:|KERNEL supported cpus|BIOS-provided|efi:|random: |KASLR|NX \()/;
const BANNER_LINES = 4;

/**
 * Whose the lines without a stamp are. printk puts one before each line of a record, or before none:
 * how a kernel prints is known from its first line, up to the next kernel's. A log that begins in
 * the middle leaves it open: its stamps may be those of a process, or have been switched on late.
 */
class Bare {
  whose: "kernel" | "process" | "open";
  #banner = 0;

  constructor(stamps: boolean) {
    this.whose = stamps ? "open" : "kernel";
  }

  follow({ text, writer }: RawLine): void {
    if (writer === "process") return;
    const banner = text.startsWith("Linux version ") && BANNER.test(text);
    if (writer === "kernel") {
      // Where one without was there, a process may be printing the log with its times (dmesg).
      if (banner) this.whose = this.whose === "kernel" ? "open" : "process";
    } else if (banner) {
      this.#banner = BANNER_LINES;
    } else if (this.#banner > 0) {
      this.#banner--;
      if (BEHIND_BANNER.test(text)) this.whose = "kernel";
    }
  }
}

/**
 * The lines of a console one by one but for empty ones, without prefixes, carriage returns and
 * terminal codes. Lines with printk's stamp are the kernel's; those without are it
 * - all, where no line has one (printk.time=0) or the kernel that runs began without;
 * - none, where the kernel that runs began with one: these are lines of processes;
 * - perhaps, where the log does not hold the beginning (`doubtful`).
 */
export function* kernelLog(console: Text): Generator<LogLine> {
  const quote = quoteOf(console);
  const bare = new Bare(hasStamps(console, quote));
  for (const line of rawLines(console, quote)) {
    bare.follow(line);
    const { text, writer, caller, time, number } = line;
    const kernel = writer === "kernel" ||
      (writer === "bare" && (bare.whose === "kernel" || EARLY.test(text)));
    yield {
      text,
      kernel,
      doubtful: !kernel && writer === "bare" && bare.whose === "open",
      caller,
      time,
      number,
    };
  }
}
