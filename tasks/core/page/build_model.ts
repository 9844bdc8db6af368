// SPDX-License-Identifier: MIT
/** Makes the model of a page of a run's report and of what was found in its logs. */
import type {
  CellReport,
  CellVerdict,
  RunReport,
  SplatReport,
  StageOutcome,
  StageResult,
  TestOutcome,
  TestResult,
} from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import { blameOf } from "../model/failure_kinds.ts";
import { cellFolder } from "../model/paths.ts";
import { STAGES } from "../model/stage_table.ts";
import { cellProperties } from "../report/properties.ts";
import { countLine, PLAIN } from "../report/summary.ts";
import { plainLine, plainText } from "../text/plain_text.ts";
import type { RunComparison } from "../compare/compare.ts";
import { pageComparison } from "./compared.ts";
import { figuresOf } from "./figures.ts";
import type {
  CellWord,
  LogPlace,
  PageCause,
  PageCell,
  PageDataflow,
  PageFailure,
  PageLog,
  PageModel,
  PageSplat,
  PageStage,
  PageTest,
} from "./page_model.ts";

/** What lies beside the report of a cell. */
export interface CellFiles {
  readonly logs: readonly PageLog[];
  readonly dataflow: PageDataflow | null;
  /** Below the run's folder. */
  readonly files: readonly string[];
}

const NO_FILES: CellFiles = { logs: [], dataflow: null, files: [] };

/** What a page shows beside the run itself. */
export interface PageSurroundings {
  /** Path of the run's folder, as the page's links need it; null where they cannot lead there. */
  readonly filesAt: string | null;
  readonly comparison: RunComparison | null;
}

/** Of the page that a run leaves in its folder. */
export const IN_ITS_FOLDER: PageSurroundings = { filesAt: "", comparison: null };

/**
 * @param name Name of the run's folder.
 * @param files Of each cell, by its id.
 */
export function pageModel(
  run: RunReport,
  name: string,
  files: ReadonlyMap<string, CellFiles>,
  { filesAt, comparison }: PageSurroundings = IN_ITS_FOLDER,
): PageModel {
  const cells = run.cells.map((cell) => pageCell(cell, run, files.get(cell.cell) ?? NO_FILES));
  const bad = (word: CellWord) => word !== "passed" && word !== "skipped";
  return {
    name,
    startedAt: run.startedAt,
    durationMs: run.durationMs,
    accel: run.accel,
    interrupted: run.interrupted,
    summary: countLine(run, PLAIN),
    good: run.failures.length === 0 && !cells.some(({ word }) => bad(word)),
    failures: run.failures.map((one) => pageFailure(one, [])),
    stages: STAGES.filter((stage) =>
      run.cells.some((cell) => cell.stages.some((one) => one.stage === stage))
    ),
    fixtures: fixturesOf(run.cells),
    cells,
    causes: causesOf(run.cells, cells),
    figures: figuresOf(run),
    filesAt,
    comparison: comparison && pageComparison(comparison, cells),
  };
}

function fixturesOf(cells: readonly CellReport[]): PageModel["fixtures"] {
  const fixtures = new Map<string, Set<string>>();
  for (const { fixture, id } of cells.flatMap(({ tests }) => tests)) {
    const tests = fixtures.get(fixture) ?? new Set();
    fixtures.set(fixture, tests.add(id));
  }
  return [...fixtures].map(([name, tests]) => ({ name, tests: [...tests] }));
}

function pageCell(
  report: CellReport,
  run: RunReport,
  { logs, dataflow, files }: CellFiles,
): PageCell {
  const { cell, verdict } = report;
  return {
    id: cell,
    word: wordOf(verdict),
    note: plainLine(noteOf(verdict)),
    failures: failuresOf(verdict).map((one) => pageFailure(one, logs)),
    stages: report.stages.map(pageStage),
    tests: report.tests.map(pageTest),
    splats: report.splats.map(pageSplat),
    ...{ logs, dataflow },
    repeat: plainText(report.repeat),
    properties: plainValues(cellProperties(report, run.sources)),
    folder: cellFolder(cell),
    files,
  };
}

function plainValues(properties: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [name, plainText(value)]),
  );
}

function wordOf(verdict: CellVerdict): CellWord {
  return verdict.kind === "passed" && verdict.declared === "skip" ? "skipped" : verdict.kind;
}

function failuresOf(verdict: CellVerdict): readonly Failure[] {
  return "failures" in verdict ? verdict.failures : [];
}

function noteOf(verdict: CellVerdict): string {
  switch (verdict.kind) {
    case "passed":
      return verdict.note;
    case "unfinished":
      return verdict.why;
    case "failed":
    case "flaky":
    case "left-out":
      return verdict.failures[0].message;
  }
}

/** @param logs Of its cell; none for a failure of the run as a whole. */
function pageFailure(failure: Failure, logs: readonly PageLog[]): PageFailure {
  return {
    id: failure.id,
    blame: blameOf(failure.kind),
    message: plainLine(failure.message),
    detail: plainText(failure.detail).trimEnd(),
    tests: failure.subject?.tests ?? [],
    stage: failure.subject?.stage ?? null,
    fingerprint: failure.complaint?.fingerprint ?? null,
    place: placeOf(failure, logs),
  };
}

/** Where a log shows a failure: its complaint, else its test, else the end of the log it is about. */
function placeOf({ complaint, subject }: Failure, logs: readonly PageLog[]): LogPlace | null {
  for (const [log, { splats }] of logs.entries()) {
    const splat = splats.find(({ fingerprint }) => fingerprint === complaint?.fingerprint);
    if (splat) return { log, at: splat.at, lines: splat.lines };
  }
  for (const [log, { tests }] of logs.entries()) {
    const found = subject?.tests?.flatMap((id) => Object.hasOwn(tests, id) ? [tests[id]!] : []);
    if (found?.[0]) return { log, at: found[0][0], lines: [found[0]] };
  }
  const stage = subject?.stage;
  const wanted = stage === "boot" || stage === "parse"
    ? logs.findIndex((one) => one.element !== null && one.name === "console.log")
    : stage === undefined
    ? -1
    : logs.findIndex((one) => one.element !== null && one.name === "build.log");
  const log = logs[wanted];
  const at = log?.at ?? log?.lines;
  return at ? { log: wanted, at, lines: [[at, at]] } : null;
}

function pageStage({ stage, outcome, durationMs, note }: StageResult): PageStage {
  return {
    stage,
    word: outcome.kind,
    durationMs,
    note: plainText(stageNote(outcome) || note),
  };
}

function stageNote(outcome: StageOutcome): string {
  switch (outcome.kind) {
    case "passed":
    case "pending":
      return "";
    case "failed":
    case "left-out":
      return outcome.failure.message;
    case "flaky":
      return outcome.failures[0]?.message ?? "";
    case "blocked":
      return `blocked by ${outcome.by}`;
  }
}

function pageTest(test: TestResult): PageTest {
  const { id, fixture, name, file, outcome, durationMs, diagnostics } = test;
  const { note, details } = testWords(outcome);
  return {
    ...{ id, fixture, name, file, word: outcome.kind, durationMs },
    note: plainLine(note),
    // What a failure says of itself has the diagnostics in it.
    detail: plainText(details.filter(Boolean).join("\n") || diagnostics.join("\n")).trimEnd(),
  };
}

function testWords(outcome: TestOutcome): { note: string; details: readonly string[] } {
  switch (outcome.kind) {
    case "passed":
      return { note: "", details: [] };
    case "failed":
      return { note: outcome.failure.message, details: [outcome.failure.detail] };
    case "flaky": {
      const [first] = outcome.failures;
      const words = `failed in ${outcome.failures.length} of ${outcome.runs} boots`;
      return { note: `${words}: ${first?.message ?? ""}`, details: [first?.detail ?? ""] };
    }
    case "skipped":
    case "expected-failure":
      return { note: outcome.reason, details: [] };
    case "not-run":
      return {
        note: outcome.by === null ? "" : `the boot ended before: ${outcome.by}`,
        details: [],
      };
  }
}

function pageSplat(splat: SplatReport): PageSplat {
  const { id, title, fingerprint, root, during, times, frames, allowed } = splat;
  return {
    ...{ id, fingerprint, root, during, times, frames },
    title: plainLine(title),
    allowed: allowed ? plainLine(`${allowed.place}: ${allowed.reason} (${allowed.link})`) : null,
  };
}

/** Failures of all cells, each once: the same complaint, or the same words of one id. */
function causesOf(reports: readonly CellReport[], cells: readonly PageCell[]): PageCause[] {
  const causes = new Map<string, PageCause & { cells: { cell: string; failure: number }[] }>();
  for (const [row, { id, failures }] of cells.entries()) {
    if (reports[row]!.verdict.kind === "left-out") continue;
    for (const [index, failure] of failures.entries()) {
      const key = failure.fingerprint ?? `${failure.id}\n${failure.message}`;
      const known = causes.get(key);
      const all = known?.cells ?? [];
      all.push({ cell: id, failure: index });
      const first = index === 0 || (known?.first ?? false);
      causes.set(key, { failure: known?.failure ?? failure, cells: all, first });
    }
  }
  return [...causes.values()].sort((a, b) =>
    Number(b.first) - Number(a.first) || b.cells.length - a.cells.length
  );
}
