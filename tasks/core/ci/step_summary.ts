// SPDX-License-Identifier: MIT
/** A run as the Markdown that GitHub shows of a job (GITHUB_STEP_SUMMARY). Pure. */
import type { CellReport, RunReport } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import type { RunComparison } from "../compare/compare.ts";
import { comparisonMarkdown } from "../compare/compare_text.ts";
import { countLine, failureText, notRunText, PLAIN, summaryRows } from "../report/summary.ts";
import { codeBlock, foreignText } from "../text/markdown.ts";
import { counted } from "../text/counted.ts";
import type { Annotations } from "./annotations.ts";
import { LEVELS } from "./workflow_commands.ts";

/**
 * GitHub refuses a step's whole summary beyond 1024 KiB (docs.github.com, "Adding a job summary"), so
 * this is what one may have of it at most: bytes of UTF-8.
 */
export const SUMMARY_BYTES = 1024 * 1024;

/** Of the table; failures and the comparison have the rest. */
const TABLE_SHARE = 0.4;

export interface SummaryParts {
  readonly run: RunReport;
  /** Against the base branch's last run; null where none is known. */
  readonly comparison: RunComparison | null;
  /** What the log's annotations lack, which GitHub takes ten of. */
  readonly leftOut: Annotations["leftOut"];
  /** Name of the artifact or folder with everything, for people. */
  readonly results: string;
}

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

/** As many texts as fit, from the first on, and how many do not. */
function fitting<T>(
  things: readonly T[],
  textOf: (thing: T) => string,
  room: number,
): [kept: string[], left: number] {
  let free = room;
  const kept: string[] = [];
  for (const thing of things) {
    const text = textOf(thing);
    free -= bytesOf(text) + 1;
    if (free < 0) break;
    kept.push(text);
  }
  return [kept, things.length - kept.length];
}

/** A row is to be read at a glance. */
const CELL_CHARACTERS = 300;
const tableText = (text: string) =>
  foreignText(text.length > CELL_CHARACTERS ? `${text.slice(0, CELL_CHARACTERS)}…` : text);

function table(run: RunReport, room: number): string[] {
  const [head, ...rows] = summaryRows(run);
  if (rows.length === 0) return [];
  // What is red comes first, for the table may be cut.
  const order = (report: CellReport) => report.verdict.kind === "passed" ? 1 : 0;
  const sorted = run.cells.map((report, index) => [order(report), rows[index]!] as const)
    .toSorted(([a], [b]) => a - b);
  const line = (cells: readonly string[]) => `| ${cells.map(tableText).join(" | ")} |`;
  const last = head!.length - 1;
  const marks = head!.map((_, column) => column > 1 && column < last ? "---:" : "---");
  const [kept, left] = fitting(sorted, ([, row]) => line(row), room);
  return [
    line(head!),
    `|${marks.join("|")}|`,
    ...kept,
    ...(left > 0 ? ["", `${counted(left, "more cell")} in the results.`] : []),
  ];
}

const failuresOf = ({ verdict }: CellReport): readonly Failure[] =>
  verdict.kind === "failed" || verdict.kind === "flaky" ? verdict.failures : [];

/** A red cell: its first cause with the evidence, folded, and the command that does it again. */
function redCell({ cell, repeat, tests }: CellReport, failures: readonly Failure[]): string {
  const [first, ...others] = failures as [Failure, ...Failure[]];
  const unrun = tests.filter(({ outcome }) => outcome.kind === "not-run").length;
  const more = [
    others.length > 0 ? counted(others.length, "more failure") : "",
    unrun > 0 ? notRunText(unrun) : "",
  ].filter(Boolean).join(", ");
  return [
    `### ${foreignText(cell)}`,
    "",
    `**${foreignText(first.id)}**: ${foreignText(first.message)}${more && ` (${more})`}`,
    "",
    codeBlock(repeat),
    "",
    "<details><summary>evidence</summary>",
    "",
    codeBlock(failureText(first, PLAIN)),
    "",
    "</details>",
    "",
  ].join("\n");
}

function notShown(leftOut: Annotations["leftOut"]): string[] {
  const texts = LEVELS.filter((level) => leftOut[level] > 0)
    .map((level) => counted(leftOut[level], level));
  if (texts.length === 0) return [];
  return ["", `Beyond what GitHub shows as annotations: ${texts.join(", ")}.`];
}

/**
 * The table, what fails with its first cause, and the differences to the base run.
 * @param room Bytes of UTF-8 that it may have; what does not fit is counted.
 */
export function stepSummary(
  { run, comparison, leftOut, results }: SummaryParts,
  room: number,
): string {
  const head = [
    "## kmatrix",
    "",
    foreignText(countLine(run, PLAIN)),
    "",
    ...run.failures.slice(0, 10).map((one) =>
      `- **${foreignText(one.id)}**: ${foreignText(one.message).slice(0, 2000)}`
    ),
    ...(run.failures.length > 0 ? [""] : []),
  ];
  const foot = [...notShown(leftOut), "", `Everything else: ${foreignText(results)}`, ""];
  const cells = table(run, room * TABLE_SHARE);
  const fixed = [...head, ...cells, "", ...foot];
  const rest = room - bytesOf(fixed.join("\n")) - 200;
  const compared = comparison === null
    ? ""
    : `### Beside the base run\n\n${comparisonMarkdown(comparison)}`;
  const fits = bytesOf(compared) <= rest / 2;
  const [red, left] = fitting(
    run.cells.filter((report) => failuresOf(report).length > 0),
    (report) => redCell(report, failuresOf(report)),
    rest - (fits ? bytesOf(compared) : 0),
  );
  return [
    ...head,
    ...cells,
    "",
    ...red,
    ...(left > 0 ? [`${counted(left, "more red cell")} in the results.`, ""] : []),
    fits ? compared : "The comparison with the base run is too long for this page.",
    ...foot,
  ].join("\n");
}
