// SPDX-License-Identifier: MIT
/** A run as text for people: a table, then each failure with its evidence. */
import type { CellReport, RunReport } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import { blameOf } from "../model/failure_kinds.ts";
import { groupSplats, timesText } from "../console/splat_report.ts";
import { attemptsText } from "../judge/flakes.ts";
import { plainLine } from "../text/plain_text.ts";
import { counted } from "../text/counted.ts";
import { padColumns, tableLines } from "../text/columns.ts";
import { instrumentation } from "./instrumentation.ts";

export interface SummaryStyle {
  good(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
}

export const PLAIN: SummaryStyle = { good: (x) => x, bad: (x) => x, dim: (x) => x };

const DETAIL_LINES = 25;

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)}s`;
}

/** The word for each verdict in tables and lines. */
export const VERDICT_WORDS = {
  passed: "pass",
  failed: "FAIL",
  flaky: "flaky",
  "left-out": "left out",
  unfinished: "none",
} as const satisfies Readonly<Record<CellReport["verdict"]["kind"], string>>;

function word({ verdict }: CellReport): string {
  const isSkip = verdict.kind === "passed" && verdict.declared === "skip";
  return isSkip ? "skip" : VERDICT_WORDS[verdict.kind];
}

function note(report: CellReport): string {
  const { verdict, attempts } = report;
  switch (verdict.kind) {
    case "passed":
      return [verdict.note, attempts ? attemptsText(attempts) : ""].filter(Boolean).join("; ");
    case "failed":
    case "flaky": {
      const more = verdict.failures.length > 1 ? ` (+${verdict.failures.length - 1} more)` : "";
      return `${verdict.failures[0]!.message}${more}`;
    }
    case "left-out":
      return verdict.failures[0].message;
    case "unfinished":
      return verdict.why;
  }
}

function row(report: CellReport): string[] {
  const count = (...kinds: string[]) =>
    report.tests.filter((test) => kinds.includes(test.outcome.kind)).length;
  const stage = (name: string) => report.stages.find((stage) => stage.stage === name);
  const time = (name: string) => {
    const found = stage(name);
    return found && found.outcome.kind !== "blocked" ? seconds(found.durationMs) : "-";
  };
  const tests = report.tests.length === 0 ? ["-", "-", "-", "-"] : [
    count("passed"),
    count("failed", "flaky"),
    count("skipped", "expected-failure"),
    count("not-run"),
  ].map(String);
  return [word(report), report.cell, ...tests, time("build"), time("boot"), note(report)];
}

const HEAD = ["", "cell", "passed", "failed", "skipped", "not run", "build", "boot", ""];
const NOT_RUN_COLUMN = 5;

/** The rows behind their head, without the column of what did not run where everything did. */
export function summaryRows(report: RunReport): string[][] {
  const rows = [HEAD, ...report.cells.map(row)];
  const unrun = report.cells.some(({ tests }) =>
    tests.some(({ outcome }) => outcome.kind === "not-run")
  );
  return unrun ? rows : rows.map((cells) => cells.toSpliced(NOT_RUN_COLUMN, 1));
}

/** The table of all cells and the one line that counts them. */
export function summaryTable(report: RunReport, width: number, style: SummaryStyle): string {
  const rows = summaryRows(report);
  // The verdict, the cell and the note begin at the same place; figures end there.
  const right = [...rows[0]!.keys()].slice(2, -1);
  const padded = padColumns(rows.map((cells) => cells.slice(0, -1)), { right });
  const lines = rows.map((cells, index) => {
    const figures = padded[index]!.join("  ");
    const room = Math.max(20, width - figures.length - 2);
    const last = plainLine(cells.at(-1)!);
    const line = `${figures}  ${last.length > room ? `${last.slice(0, room - 1)}…` : last}`
      .trimEnd();
    if (index === 0) return style.dim(line);
    const verdict = report.cells[index - 1]!.verdict.kind;
    return verdict === "failed" || verdict === "flaky" || verdict === "left-out"
      ? style.bad(line)
      : verdict === "passed"
      ? line
      : style.dim(line);
  });
  return [...lines, "", countLine(report, style)].join("\n");
}

const INSPECT_HEAD = [
  "cell",
  "pc calls",
  "cmp calls",
  "guard bytes",
  "= 4 x calls",
  ".text",
  "growth",
];

/** In front of the last, where a cell has dataflow. */
const DATAFLOW_HEAD = ["args calls", "ret calls", "tables"];

/** What the inspect stage found, a line for each instrumented cell; "" where there is none. */
export function inspectTable(report: RunReport, style: SummaryStyle): string {
  const cells = instrumentation(report);
  if (cells.length === 0) return "";
  const withDataflow = cells.some(({ dataflow }) => dataflow !== null);
  const head = withDataflow ? INSPECT_HEAD.toSpliced(-1, 0, ...DATAFLOW_HEAD) : INSPECT_HEAD;
  const rows = cells.map(({ cell, pcCalls, cmpCalls, guardBytes, textBytes, growth, dataflow }) => [
    cell,
    `${pcCalls}`,
    `${cmpCalls}`,
    `${guardBytes ?? "-"}`,
    guardBytes === null ? "-" : guardBytes === 4 * pcCalls ? "yes" : "NO",
    `${textBytes}`,
    ...(withDataflow
      ? [dataflow?.args, dataflow?.rets, dataflow?.tables].map((figure) => `${figure ?? "-"}`)
      : []),
    growth ? `${(100 * growth.share).toFixed(1)} % over ${growth.over}` : "-",
  ]);
  const right = [...head.keys()].slice(1, -1);
  return tableLines([head, ...rows], { right })
    .map((line, index) => index === 0 ? style.dim(line) : line).join("\n");
}

/** "4 cells: 3 passed, 1 skipped as declared, 0 failed, 0 unfinished in 312.4s (tcg)". */
export function countLine(report: RunReport, style: SummaryStyle): string {
  const words = report.cells.map(word);
  const count = (wanted: string) => words.filter((one) => one === wanted).length;
  const flaky = count("flaky");
  const leftOut = count("left out");
  const cells = counted(report.cells.length, "cell");
  const text = `${cells}: ${count("pass")} passed, ` +
    `${count("skip")} skipped as declared, ${count("FAIL")} failed, ` +
    `${count("none")} unfinished${flaky > 0 ? `, ${flaky} flaky` : ""}${
      leftOut > 0 ? `, ${leftOut} left out` : ""
    } in ${seconds(report.durationMs)}` +
    (report.accel ? ` (${report.accel})` : "");
  const sound = count("FAIL") + count("none") + flaky + leftOut + report.failures.length === 0;
  return sound ? style.good(text) : style.bad(text);
}

/**
 * What kernels complained of in more than one cell, and what they were allowed to; "" for nothing.
 * "same report in 5 of 8 cells: WARNING: at kernel/kcov.c:412 kcov_ioctl [1a2b3c4d]".
 */
export function splatsText(report: RunReport, style: SummaryStyle): string {
  const booted =
    report.cells.filter(({ stages }) =>
      stages.some(({ stage, outcome }) => stage === "boot" && outcome.kind !== "blocked")
    ).length;
  return groupSplats(report.cells).filter(({ cells, allowed }) => allowed || cells.length > 1).map(
    ({ title, cells, times, allowed, fingerprint }) => {
      const often = times > cells.length ? `, ${timesText(times)}` : "";
      const where = `${cells.length} of ${booted} cells${often}: ${title} [${fingerprint}]`;
      return allowed
        ? style.dim(`allowed report in ${where}`)
        : style.bad(`same report in ${where}`);
    },
  ).join("\n");
}

/** One failure with who has to act, its evidence (bounded) and nothing else. */
export function failureText(failure: Failure, style: SummaryStyle = PLAIN): string {
  const lines = failure.detail.trimEnd().split("\n");
  const shown = lines.length > DETAIL_LINES
    ? [...lines.slice(0, DETAIL_LINES), `… ${lines.length - DETAIL_LINES} more lines`]
    : lines;
  const head = style.bad(`${failure.message} [${failure.id}, ${blameOf(failure.kind)}]`);
  return [head, ...shown.filter(Boolean).map((line) => `    ${line}`)].join("\n");
}

/** "1 test did not run" */
export function notRunText(count: number): string {
  return `${counted(count, "test")} did not run`;
}

const NOT_RUN_SHOWN = 3;

/** Tests behind the end of a boot: their number, and the first few. */
function unrunText({ tests }: CellReport): string[] {
  const unrun = tests.filter(({ outcome }) => outcome.kind === "not-run").map(({ id }) => id);
  if (unrun.length === 0) return [];
  const more = unrun.length - NOT_RUN_SHOWN;
  const names = unrun.slice(0, NOT_RUN_SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
  return [`${notRunText(unrun.length)}: ${names}`];
}

/** Each reason for which cells were left out once, with the cells. */
function leftOutTexts(run: RunReport, style: SummaryStyle): string[] {
  const cells = new Map<string, { readonly failure: Failure; readonly ids: string[] }>();
  for (const { cell, verdict } of run.cells) {
    if (verdict.kind !== "left-out") continue;
    const [failure] = verdict.failures;
    const { ids } = cells.get(failure.message) ?? { ids: [] };
    cells.set(failure.message, { failure, ids: [...ids, cell] });
  }
  return [...cells.values()].map(({ failure, ids }) =>
    [
      style.bad(`── left out: ${ids.join(", ")}`),
      failureText(failure, style),
      style.dim("--require-all makes that a failure of the run"),
    ].join("\n")
  );
}

/** A failure by what people would call the same: where it is said once more, only its head is. */
function sameKey({ id, message, complaint, subject }: Failure): string {
  return JSON.stringify([id, complaint?.fingerprint ?? message, subject?.tests ?? []]);
}

/** Cells that failed of the same, all of it, in the order in which they came. */
function groupByFailures(run: RunReport): [FailedCell, ...FailedCell[]][] {
  const groups = new Map<string, [FailedCell, ...FailedCell[]]>();
  for (const report of run.cells) {
    const { verdict, attempts } = report;
    if (verdict.kind !== "failed" && verdict.kind !== "flaky") continue;
    const { failures } = verdict;
    const one = { report, failures };
    const key = JSON.stringify([
      verdict.kind,
      failures.map(sameKey),
      attempts ? attemptsText(attempts) : "",
      unrunText(report),
    ]);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()];
}

interface FailedCell {
  readonly report: CellReport;
  readonly failures: readonly Failure[];
}

/**
 * Every failure of a run below the name of its cell, and the command that repeats the cell. What
 * several cells have in common is told in full with the first of them.
 */
export function failuresText(run: RunReport, style: SummaryStyle): string {
  const blocks = [
    ...run.failures.map((failure) => failureText(failure, style)),
    ...leftOutTexts(run, style),
  ];
  const shown = new Map<string, string>();
  for (const [first, ...others] of groupByFailures(run)) {
    const { cell, repeat, attempts } = first.report;
    const same = others.length === 0
      ? []
      : [`the same in ${counted(others.length, "more cell")}: ${
        others.map(({ report }) => report.cell).join(", ")
      }`];
    blocks.push([
      style.bad(`── ${cell}`),
      ...same,
      ...(attempts ? [attemptsText(attempts)] : []),
      ...first.failures.map((failure) => {
        const before = shown.get(sameKey(failure));
        shown.set(sameKey(failure), before ?? cell);
        if (before === undefined || before === cell) return failureText(failure, style);
        return `${failureText({ ...failure, detail: "" }, style)}\n    as in ${before}`;
      }),
      ...unrunText(first.report),
      style.dim(`repeat with: ${repeat}`),
    ].join("\n"));
  }
  return blocks.join("\n\n");
}
