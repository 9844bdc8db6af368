// SPDX-License-Identifier: MIT
/** A comparison of two runs for people: lines of a terminal, Markdown. Pure. */
import { counted } from "../text/counted.ts";
import { tableLines } from "../text/columns.ts";
import { tableCell } from "../text/markdown.ts";
import { plainLine } from "../text/plain_text.ts";
import {
  type Change,
  type Figure,
  isEqual,
  type Item,
  type RunComparison,
  type TimeChange,
} from "./compare.ts";

/** Kinds of change in the order in which people want to know of them, and how they are called. */
const TITLES: readonly (readonly [Change, string])[] = [
  ["new-failure", "New failures"],
  ["flaky", "Flaky now"],
  ["fixed", "Fixed"],
  ["still-failing", "Still failing"],
  ["not-run", "Not run any more"],
  ["skipped", "Skipped now"],
  ["appeared", "Appeared"],
  ["vanished", "Vanished"],
];

/** More of a kind are counted; the JSON has each. */
const MOST_ITEMS = 20;

/** A heading and rows of columns. */
interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of numbers. */
  readonly right?: readonly number[];
}

function itemSection([change, title]: typeof TITLES[number], items: readonly Item[]): Section[] {
  const these = items.filter((item) => item.change === change);
  if (these.length === 0) return [];
  const rows = grouped(these).map(({ cell, what, failure, otherCause }) => [
    cell,
    what,
    `${otherCause ? "for another reason: " : ""}${plainLine(failure?.message ?? "")}`,
  ]);
  const shown = rows.slice(0, MOST_ITEMS);
  if (rows.length > shown.length) shown.push([`and ${rows.length - shown.length} more`, "", ""]);
  return [{ title: `${title}: ${these.length}`, head: ["cell", "what", "cause"], rows: shown }];
}

/** Many tests of a cell that changed alike for no cause of their own are one row. */
function grouped(items: readonly Item[]): Item[] {
  const rows: Item[] = [];
  const cells = new Set(items.map(({ cell }) => cell));
  for (const cell of cells) {
    const silent = items.filter((item) => item.cell === cell && item.failure === null);
    const rest = items.filter((item) => item.cell === cell && item.failure !== null);
    const what = `${silent[0]?.what}, and ${silent.length - 1} more`;
    rows.push(...rest, ...(silent.length > 3 ? [{ ...silent[0]!, what }] : silent));
  }
  return rows;
}

function percentOf({ before, after }: Figure): string {
  if (!before || after === null) return "";
  const percent = 100 * (after - before) / before;
  return `${percent > 0 ? "+" : ""}${percent.toFixed(Math.abs(percent) < 1 ? 2 : 1)} %`;
}

function figureSection(figures: readonly Figure[]): Section[] {
  if (figures.length === 0) return [];
  const shown = (value: number | null) => value === null ? "-" : `${value}`;
  const rows = figures.map((figure) => [
    ...[figure.cell, figure.name, shown(figure.before), shown(figure.after), percentOf(figure)],
  ]);
  const head = ["cell", "what", "before", "after", ""];
  return [{ title: `Sizes and counts: ${figures.length}`, head, rows, right: [2, 3, 4] }];
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

function timeSection(times: readonly TimeChange[]): Section[] {
  if (times.length === 0) return [];
  const rows = times.map(({ cell, what, beforeMs, afterMs, ratio }) => [
    ...[cell, what, seconds(beforeMs), seconds(afterMs)],
    ratio > 1 ? `slower: ${ratio.toFixed(1)} times as long` : `faster: ${ratio.toFixed(2)} of it`,
  ]);
  const head = ["cell", "what", "before", "after", "beside all other times"];
  return [{ title: `Times: ${times.length}`, head, rows, right: [2, 3] }];
}

function sections(comparison: RunComparison): Section[] {
  const { items, warnings, figures, traces, times } = comparison;
  return [
    ...TITLES.flatMap((title) => itemSection(title, items)),
    ...(["appeared", "vanished"] as const).flatMap((change): Section[] => {
      const rows = warnings.filter((one) => one.change === change)
        .map(({ cell, text }) => [cell, plainLine(text)]);
      const title = `Compiler warnings that ${change}: ${rows.length}`;
      return rows.length === 0 ? [] : [{ title, head: ["cell", "warning"], rows }];
    }),
    ...figureSection(figures),
    ...traces.map(({ cell, test, appeared, vanished }): Section => ({
      title: `Functions of the same call: ${test} in ${cell}`,
      head: ["", "function"],
      rows: [...appeared.map((name) => ["+", name]), ...vanished.map((name) => ["-", name])],
    })),
    ...timeSection(times),
  ];
}

/** A machine this much faster or slower is worth a word. */
const NOTABLE_FACTOR = 1.5;

/** What limits the comparison, for people. */
function remarks({ noTimes, commonFactor, unclearTimes }: RunComparison): string[] {
  if (noTimes === "accelerator") return ["Times are not compared: one ran with KVM, one without."];
  const unclear = unclearTimes === 0 ? [] : [
    `${
      counted(unclearTimes, "time")
    } not compared: the machine had more to do than its processors could.`,
  ];
  const factor = commonFactor ?? 1;
  if (unclear.length > 0 || Math.max(factor, 1 / factor) < NOTABLE_FACTOR) return unclear;
  const text = `Everything took ${factor.toFixed(1)} times as long: the machine was ` +
    `${factor > 1 ? "busier" : "less busy"}, or all of the kernel is ` +
    `${factor > 1 ? "slower" : "faster"}. Times are told beside that.`;
  return [text];
}

function opening(comparison: RunComparison): string[] {
  const { before, after, cells, items } = comparison;
  const failing = items.filter(({ change }) => change === "still-failing").length;
  const still = failing === 0 ? "" : `; ${failing} still failing`;
  return isEqual(comparison) ? [`No difference in ${counted(cells, "cell")}${still}`] : [
    `before: ${before}`,
    `after:  ${after}`,
  ];
}

/** Lines of a terminal. */
export function comparisonLines(comparison: RunComparison): string[] {
  const equal = isEqual(comparison);
  const shown = equal ? [] : sections(comparison);
  return [
    ...opening(comparison),
    ...shown.flatMap(({ title, head, rows, right = [] }) => [
      ...["", title],
      ...tableLines([head, ...rows], { right }).map((line) => `  ${line}`),
    ]),
    ...remarks(comparison).flatMap((line) => ["", line]),
  ];
}

/** GitHub's Markdown, as a comment or a step summary takes it. */
export function comparisonMarkdown(comparison: RunComparison): string {
  const lines = isEqual(comparison)
    ? opening(comparison)
    : [`**${tableCell(comparison.before)}** → **${tableCell(comparison.after)}**`];
  for (const { title, head, rows, right = [] } of isEqual(comparison) ? [] : sections(comparison)) {
    lines.push("", `### ${tableCell(title)}`, "", `| ${head.join(" | ")} |`);
    lines.push(`|${head.map((_, column) => right.includes(column) ? "---:" : "---").join("|")}|`);
    lines.push(...rows.map((row) => `| ${row.map(tableCell).join(" | ")} |`));
  }
  lines.push(...remarks(comparison).flatMap((line) => ["", line]));
  return `${lines.join("\n")}\n`;
}
