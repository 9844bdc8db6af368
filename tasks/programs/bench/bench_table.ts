// SPDX-License-Identifier: MIT
/** Figures of the benchmark: medians, ratios, and the page that is written from a run. */
import { basename } from "node:path/posix";
import { padColumns } from "../../core/text/columns.ts";

/** One thing that was measured, beside what it is held against. */
export interface Comparison {
  readonly what: string;
  /** How the other side does it; "" where there is none. */
  readonly against: string;
  readonly unit: "s" | "CPU s" | "MiB" | "processes" | "%";
  /** Each run's figure. */
  readonly ours: readonly number[];
  /** Of the same runs, in turn with ours; empty where there is no other side. */
  readonly theirs: readonly number[];
  /** What is aimed at, in words: "at most 1.15 x". */
  readonly target: string;
}

/** The middle value; of two middle ones the upper. @throws RangeError for no value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new RangeError("no value, no median");
  return middle;
}

/** Ours over theirs, as medians; null where one side is missing. */
export function ratio({ ours, theirs }: Pick<Comparison, "ours" | "theirs">): number | null {
  return ours.length === 0 || theirs.length === 0 ? null : median(ours) / median(theirs);
}

function figure(values: readonly number[], unit: Comparison["unit"]): string {
  if (values.length === 0) return "-";
  const digits = unit === "s" || unit === "CPU s" ? 2 : 0;
  return `${median(values).toFixed(digits)} ${unit}`;
}

const HEAD = ["what", "kmatrix", "other side", "ratio", "runs", "target"];

function cellsOf(one: Comparison): string[] {
  const factor = ratio(one);
  return [
    one.what,
    figure(one.ours, one.unit),
    one.theirs.length === 0
      ? one.against || "-"
      : `${figure(one.theirs, one.unit)} (${one.against})`,
    factor === null ? "-" : factor.toFixed(2),
    `${one.ours.length}`,
    one.target,
  ];
}

/** A table in Markdown, which also reads well on a terminal. */
export function benchTable(comparisons: readonly Comparison[]): string {
  const rows = [HEAD, ...comparisons.map(cellsOf)];
  const [head, ...rest] = padColumns(rows);
  const rule = head!.map(({ length }) => "-".repeat(length));
  return [head!, rule, ...rest].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Programs that count as work of the build and the boot itself. */
const COMPILERS = /^(clang|clang-\d+|clang\+\+.*|ld\.lld.*|cc1|as)$/;

/**
 * Compiler and linker processes in a log of `strace -f -e trace=execve`, apart from calls that
 * failed.
 */
export function countCompilers(straceLog: string): number {
  return [...straceLog.matchAll(/execve\("([^"]+)".* = 0$/gm)].filter(([, path]) =>
    COMPILERS.test(basename(path!))
  ).length;
}

/** User and system time in seconds from what bash's `time` prints with TIMEFORMAT="%U %S". */
export function cpuSeconds(text: string): number {
  const match = /(\d+\.\d+) (\d+\.\d+)\s*$/.exec(text);
  if (!match) throw new RangeError(`no times in: ${text.slice(-200)}`);
  return Number(match[1]) + Number(match[2]);
}
