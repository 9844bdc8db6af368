// SPDX-License-Identifier: MIT
/**
 * What the page of a run shows, as values: made of the report and of the logs beside it, written into
 * report.html as JSON, and drawn by tasks/page/. Texts are plain already (core/text/plain_text.ts).
 */
import type { Change, RunComparison } from "../compare/compare.ts";
import type { DataflowReport } from "../dataflow/report.ts";
import type { ComparedTime } from "../compare/times.ts";
import type { Stage } from "../model/stage_table.ts";
import type { Blame } from "../model/failure_kinds.ts";
import type { Figures } from "./figures.ts";
import type { LineRange, PlacedSplat } from "./log_excerpt.ts";

/** A line of a log that is part of the page. */
export interface LogPlace {
  /** Index among the logs of its cell. */
  readonly log: number;
  /** The line that people look for, by its number. */
  readonly at: number;
  /** What belongs to it. */
  readonly lines: readonly LineRange[];
}

export interface PageFailure {
  readonly id: string;
  readonly blame: Blame;
  readonly message: string;
  readonly detail: string;
  /** Ids of the tests that it is about; none where it is about a stage or the cell. */
  readonly tests: readonly string[];
  readonly stage: Stage | null;
  /** Of what the kernel complained of. */
  readonly fingerprint: string | null;
  /** Where a log shows it; null where none does. */
  readonly place: LogPlace | null;
}

export type CellWord = "passed" | "skipped" | "failed" | "flaky" | "left-out" | "unfinished";

export type TestWord =
  | "passed"
  | "failed"
  | "flaky"
  | "skipped"
  | "expected-failure"
  | "not-run";

export type StageWord = "passed" | "failed" | "flaky" | "left-out" | "pending" | "blocked";

export interface PageStage {
  readonly stage: Stage;
  readonly word: StageWord;
  readonly durationMs: number;
  /** What is said of it: its note, or why it did not run. */
  readonly note: string;
}

export interface PageTest {
  readonly id: string;
  readonly fixture: string;
  /** `<variant>.<test>`. */
  readonly name: string;
  readonly file: string;
  readonly word: TestWord;
  readonly durationMs: number;
  /** Why it failed, was skipped or did not run. */
  readonly note: string;
  /** The failing assertion and what goes with it, and the test's own diagnostics. */
  readonly detail: string;
}

export interface PageSplat extends Omit<PlacedSplat, "lines" | "at"> {
  readonly during: string;
  readonly times: number;
  readonly frames: readonly { readonly place: string; readonly source: readonly string[] }[];
  /** Why it may be there, where a list says so. */
  readonly allowed: string | null;
}

/** A log of a cell, whose lines are packed beside the model. */
export interface PageLog {
  /** "console.log" */
  readonly name: string;
  /** Below the run's folder. */
  readonly path: string;
  readonly bytes: number;
  readonly lines: number;
  readonly kept: readonly LineRange[];
  readonly splats: readonly PlacedSplat[];
  readonly tests: Readonly<Record<string, LineRange>>;
  /** Number of the line that the failure of its stage names; null where it names none. */
  readonly at: number | null;
  /** Why it is not there, although a boot was judged; null where it is. */
  readonly missing: string | null;
  /** Id of the element with its lines; null where none are kept. */
  readonly element: string | null;
}

/** The calls of a traced system call. */
export interface PageDataflow {
  /** Below the run's folder. */
  readonly path: string;
  /** null where it cannot be shown. */
  readonly report: DataflowReport | null;
  /** Why not; "" where it is. */
  readonly missing: string;
}

export interface PageCell {
  readonly id: string;
  readonly word: CellWord;
  /** The first cause, or what is said of a cell that passed. */
  readonly note: string;
  /** What decided, the cause first. */
  readonly failures: readonly PageFailure[];
  readonly stages: readonly PageStage[];
  readonly tests: readonly PageTest[];
  readonly splats: readonly PageSplat[];
  readonly logs: readonly PageLog[];
  /** Of a boot of `deno task dataflow`. */
  readonly dataflow: PageDataflow | null;
  /** The command that does it again. */
  readonly repeat: string;
  readonly properties: Readonly<Record<string, string>>;
  /** Its folder and the files in it, below the run's folder. */
  readonly folder: string;
  readonly files: readonly string[];
}

/** Failures of several cells that are the same. */
export interface PageCause {
  readonly failure: PageFailure;
  /** Each with the index of the failure among its own. */
  readonly cells: readonly { readonly cell: string; readonly failure: number }[];
  /** Whether it is the first cause of any of them. */
  readonly first: boolean;
}

/** Something that is judged and became another one, or still fails. */
export interface PageChange {
  readonly cell: string;
  /** A test's id, "stage build", or "cell". */
  readonly what: string;
  /** Others of the cell that changed alike for no cause of their own. */
  readonly more: readonly string[];
  /** Why it fails, or has failed; "" where there is no cause. */
  readonly message: string;
  /** The failure's id; null where there is none. */
  readonly id: string | null;
  readonly otherCause: boolean;
  /** Where this run has it; null where it has no such cell. */
  readonly link: { readonly test: string | null; readonly failure: number } | null;
}

export interface PageChanges {
  readonly change: Change;
  /** "New failures" */
  readonly title: string;
  readonly count: number;
  readonly rows: readonly PageChange[];
}

export interface PageFigure {
  readonly cell: string;
  readonly name: string;
  readonly before: number | null;
  readonly after: number | null;
  /** "+0.25 %" */
  readonly percent: string;
}

export interface PageComparison {
  /** Name of the earlier run; the page is of the other. */
  readonly before: string;
  /** How many cells both have. */
  readonly cells: number;
  readonly equal: boolean;
  /** In the order in which people want to know of them; kinds without any are left out. */
  readonly changes: readonly PageChanges[];
  readonly warnings: RunComparison["warnings"];
  readonly figures: readonly PageFigure[];
  readonly traces: RunComparison["traces"];
  /** Other ones first. */
  readonly times: readonly ComparedTime[];
  /** What limits the comparison. */
  readonly remarks: readonly string[];
}

export interface PageModel {
  /** Name of the run's folder. */
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly accel: string | null;
  readonly interrupted: string | null;
  /** "4 cells: 3 passed, …", as the table of a run ends. */
  readonly summary: string;
  readonly good: boolean;
  /** Failures that belong to no cell. */
  readonly failures: readonly PageFailure[];
  readonly stages: readonly Stage[];
  /** Tests of all cells by fixture, in the order in which they were declared. */
  readonly fixtures: readonly { readonly name: string; readonly tests: readonly string[] }[];
  readonly cells: readonly PageCell[];
  readonly causes: readonly PageCause[];
  readonly figures: Figures;
  /** Where the run's files lie as seen from the page: "", "../run/"; null where nothing leads to them. */
  readonly filesAt: string | null;
  /** With an earlier run; null in the page that a run leaves. */
  readonly comparison: PageComparison | null;
}
