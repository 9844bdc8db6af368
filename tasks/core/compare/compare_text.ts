// SPDX-License-Identifier: MIT
/** A comparison of two runs for people: lines of a terminal, Markdown. Pure. */
import { counted } from "../text/counted.ts";
import { tableLines } from "../text/columns.ts";
import { tableCell } from "../text/markdown.ts";
import { plainLine } from "../text/plain_text.ts";
import { type Figure, isEqual, type Item, type RunComparison } from "./compare.ts";
import {
  CHANGE_TITLES,
  grouped,
  percentOf,
  ratioText,
  remarks,
  stillFailing,
} from "./compare_words.ts";
import type { ComparedTime } from "./times.ts";

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

function itemSection(
  [change, title]: typeof CHANGE_TITLES[number],
  items: readonly Item[],
): Section[] {
  const these = items.filter((item) => item.change === change);
  if (these.length === 0) return [];
  const rows = grouped(these).map(({ item: { cell, what, failure, otherCause }, more }) => [
    cell,
    more.length === 0 ? what : `${what}, and ${more.length} more`,
    `${otherCause ? "for another reason: " : ""}${plainLine(failure?.message ?? "")}`,
  ]);
  const shown = rows.slice(0, MOST_ITEMS);
  if (rows.length > shown.length) shown.push([`and ${rows.length - shown.length} more`, "", ""]);
  return [{ title: `${title}: ${these.length}`, head: ["cell", "what", "cause"], rows: shown }];
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

function timeSection(times: readonly ComparedTime[]): Section[] {
  if (times.length === 0) return [];
  const rows = times.map((time) => [
    ...[time.cell, time.what, seconds(time.beforeMs), seconds(time.afterMs), ratioText(time)],
  ]);
  const head = ["cell", "what", "before", "after", "beside all other times"];
  return [{ title: `Times: ${times.length}`, head, rows, right: [2, 3] }];
}

function sections(comparison: RunComparison): Section[] {
  const { items, warnings, figures, traces, times } = comparison;
  return [
    ...CHANGE_TITLES.flatMap((title) => itemSection(title, items)),
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

function opening(comparison: RunComparison): string[] {
  const { before, after, cells } = comparison;
  if (!isEqual(comparison)) {
    return [`before: ${plainLine(before)}`, `after:  ${plainLine(after)}`];
  }
  const said = [`No difference in ${counted(cells, "cell")}`, stillFailing(comparison)];
  return [said.filter(Boolean).join("; ")];
}

/** Lines of a terminal. */
export function comparisonLines(comparison: RunComparison): string[] {
  const equal = isEqual(comparison);
  const shown = equal ? [] : sections(comparison);
  return [
    ...opening(comparison),
    ...shown.flatMap(({ title, head, rows, right = [] }) => [
      ...["", plainLine(title)],
      ...tableLines([head, ...rows.map((row) => row.map(plainLine))], { right })
        .map((line) => `  ${line}`),
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
