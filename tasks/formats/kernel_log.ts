// SPDX-License-Identifier: MIT
/** A console as lines, each with what printk wrote in front of it taken off. */

import { pieces, type Text } from "./lines.ts";

export interface LogLine {
  readonly text: string;
  /** Printed by printk, and not by a process with the console open. */
  readonly kernel: boolean;
  /** "T1" or "C0" where the kernel has CONFIG_PRINTK_CALLER, else "". */
  readonly caller: string;
}

/** CONFIG_PRINTK_TIME and CONFIG_PRINTK_CALLER: "[    1.234567][    T1] " (kernel/printk/printk.c). */
const STAMP = /^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[\s*([CT]\d+)\])? ?/;
/** Where a process has left a line open, printk's begins in the middle of it. */
const INNER_STAMP = /(?<!^<\d+>)(?=\[ *\d+\.\d{6}\](?:\[ *[CT]\d+\])? )/g;
// deno-lint-ignore no-control-regex
const TERMINAL_CODES = /\x1b\[[0-9;?]*[A-Za-z]|\x1bc/g;

/** What a process has left open, and each line of printk's behind it. */
function* parts(line: string): Generator<string> {
  let from = 0;
  if (line.lastIndexOf("[") > 0) {
    for (const { index } of line.matchAll(INNER_STAMP)) {
      if (index === 0) continue;
      yield line.slice(from, index);
      from = index;
    }
  }
  yield line.slice(from);
}

interface RawLine {
  readonly text: string;
  readonly stamped: boolean;
  readonly caller: string;
}

function* rawLines(console: Text): Generator<RawLine> {
  for (const piece of pieces(console)) {
    for (const whole of piece.replaceAll("\r", "").replace(TERMINAL_CODES, "").split("\n")) {
      // They say nothing, and there may be millions of them.
      if (whole === "") continue;
      for (const part of parts(whole)) {
        const stamp = STAMP.exec(part);
        if (stamp) {
          yield { text: part.slice(stamp[0].length), stamped: true, caller: stamp[1] ?? "" };
        } else {
          // early_printk() writes past printk, for what is too early to be printed (mm/extable.c).
          yield { text: part, stamped: /^PANIC: early exception/.test(part), caller: "" };
        }
      }
    }
  }
}

function hasStamps(console: Text): boolean {
  for (const { stamped } of rawLines(console)) if (stamped) return true;
  return false;
}

/**
 * The lines of a console one by one but for empty ones, without stamps, carriage returns and
 * terminal codes. Where any line has a stamp, those without are none of the kernel's: printk puts one
 * before each line of a record. Where none has (printk.time=0), every line may be.
 */
export function* kernelLog(console: Text): Generator<LogLine> {
  const stamps = hasStamps(console);
  for (const { text, stamped, caller } of rawLines(console)) {
    yield { text, kernel: stamped || !stamps, caller };
  }
}
