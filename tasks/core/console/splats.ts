// SPDX-License-Identifier: MIT
/** Complaints of the kernel on its console. */
import { readMark } from "../../../selftests/contract/marks.ts";
import type { ComplaintId } from "./complaint_kinds.ts";
import { kernelLog } from "./kernel_log.ts";
import type { Text } from "../text/lines.ts";
import { blameOf } from "./blame.ts";
import { LINES_SHOWN, ReportReader } from "./report_reader.ts";
import type { StackFrame } from "./stack_frame.ts";
import { wholeTitles } from "./whole_titles.ts";

export interface Splat {
  /** Stable word: "panic", "oops", "kasan-use-after-free", …; docs/verdicts.md lists all. */
  readonly id: ComplaintId;
  /** The words that name it, without what stands in front of them in their line. */
  readonly title: string;
  /** The test that ran, "boot" before the first, "teardown" behind the last, or "between tests". */
  readonly during: string;
  /** Its lines, from the cut mark or the title on, bounded. */
  readonly lines: readonly string[];
  /** Of each of the lines, its number in the file, from 1; none where it is no line of it. */
  readonly numbers: readonly number[];
  /** Number of the line with its title. */
  readonly titleAt: number;
  /** False for the consequence of an earlier one, such as the panic that an oops ends in. */
  readonly root: boolean;
  /** The kernel stopped here for good. */
  readonly fatal: boolean;
  /** Innermost first; empty where no stack was printed. */
  readonly frames: readonly StackFrame[];
  /** The function that it is blamed on; null where the report names none. */
  readonly blamed: StackFrame | null;
  /** Equal for the same complaint in all cells, see core/console/blame.ts. */
  readonly fingerprint: string;
}

/** The console as plain lines, for people. */
export function consoleLines(console: Text): string[] {
  return Array.from(kernelLog(console), ({ text }) => text);
}

/** As many of a splat's lines as people read: its beginning and its end. */
export function linesShown(lines: readonly string[]): string[] {
  if (lines.length <= LINES_SHOWN) return [...lines];
  const half = LINES_SHOWN / 2;
  const left = `… ${lines.length - LINES_SHOWN} lines …`;
  return [...lines.slice(0, half), left, ...lines.slice(-half)];
}

/**
 * Every splat of a console, oldest first, with the test during which it came.
 * @param order Ids of the tests in the order of the result stream, which tells the guest's own marks
 *     from others; null where it is not known.
 */
export function findSplats(console: Text, order: readonly string[] | null = null): Splat[] {
  const reader = new ReportReader(order);
  for (const line of wholeTitles(kernelLog(console))) reader.read(line);
  return reader.end().map(({ id, title, during, root, fatal, lines, numbers, titleAt }) => ({
    ...{ id, title, during, root, fatal, lines, numbers, titleAt },
    ...blameOf(id, title, lines),
  }));
}

/** The title with the function in which it happened, where it does not name that itself. */
export function splatText({ title, blamed, fatal }: Splat): string {
  if (fatal || !blamed || title.includes(blamed.function)) return title;
  return `${title.replace(/:$/, "")}, in ${blamed.function}${
    blamed.module === null ? "" : ` [${blamed.module}]`
  }`;
}

/** Whether the guest's last mark is there: behind it nothing of the run is missing. */
export function isWhole(console: Text): boolean {
  for (const { kernel, text } of kernelLog(console)) {
    if (kernel && readMark(text)?.word === "DONE") return true;
  }
  return false;
}
