// SPDX-License-Identifier: MIT
/** A console as lines, each with what printk wrote in front of it taken off. */

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
const INNER_STAMP = /(?<!^<\d+>)(?=\[ *\d+\.\d{6}\](?:\[ *[CT]\d+\])? )/;
// deno-lint-ignore no-control-regex
const TERMINAL_CODES = /\x1b\[[0-9;?]*[A-Za-z]|\x1bc/g;

/**
 * The lines of a console, without stamps, carriage returns and terminal codes. Where any line has a
 * stamp, those without are none of the kernel's: printk puts one before each line of a record. Where
 * none has (printk.time=0), every line may be.
 */
export function kernelLog(console: string): LogLine[] {
  const lines: { text: string; stamped: boolean; caller: string }[] = [];
  for (const raw of console.split("\n")) {
    const whole = raw.replace(/\r/g, "").replace(TERMINAL_CODES, "");
    const parts = whole.lastIndexOf("[") > 0 ? whole.split(INNER_STAMP) : [whole];
    for (const part of parts) {
      const stamp = STAMP.exec(part);
      lines.push(
        stamp
          ? { text: part.slice(stamp[0].length), stamped: true, caller: stamp[1] ?? "" }
          // early_printk() writes past printk, for what is too early to be printed (mm/extable.c).
          : { text: part, stamped: /^PANIC: early exception/.test(part), caller: "" },
      );
    }
  }
  const stamps = lines.some(({ stamped }) => stamped);
  return lines.map(({ text, stamped, caller }) => ({ text, kernel: stamped || !stamps, caller }));
}
