// SPDX-License-Identifier: MIT
/** What is different between two runs: cells, tests, warnings, sizes and times. Pure. */
import { DEDUP_ATTACHMENT, type DedupAttachment } from "../../../selftests/contract/dedup.ts";
import type { Failure } from "../model/errors.ts";
import type { CellReport, RunReport, StageOutcome, TestOutcome } from "../model/model.ts";
import {
  type Both,
  type ComparedTime,
  compareTimes,
  type EarlierTimes,
  isUnjudged,
} from "./times.ts";

/** A run with what its folder holds beside run.json. */
export interface ComparedRun {
  readonly run: RunReport;
  /** What people called it, or the folder. */
  readonly name: string;
  /** Warnings of each cell's build, without their line numbers; none of a cell whose log is gone. */
  readonly warnings: ReadonlyMap<string, readonly string[]>;
}

/** What became of something that is judged. */
export type Change =
  | "new-failure"
  | "still-failing"
  | "fixed"
  | "flaky"
  | "not-run"
  | "skipped"
  | "appeared"
  | "vanished";

/** Those that make a comparison end with exit code 3. */
export const WORSE: readonly Change[] = ["new-failure"];

export interface Item {
  readonly change: Change;
  readonly cell: string;
  /** A test's id, "stage build", or "cell". */
  readonly what: string;
  /** Why it fails after, or failed before; null where it never did. */
  readonly failure: Failure | null;
  /** Of what fails in both: whether it is for another reason. */
  readonly otherCause: boolean;
}

/** A size or count of a cell that is the same in each run of the same source. */
export interface Figure {
  readonly cell: string;
  readonly name: string;
  readonly before: number | null;
  readonly after: number | null;
}

export interface WarningChange {
  readonly cell: string;
  readonly change: "appeared" | "vanished";
  readonly text: string;
}

/** Functions that the same call has run in one of the runs alone. */
export interface TraceChange {
  readonly cell: string;
  readonly test: string;
  readonly appeared: readonly string[];
  readonly vanished: readonly string[];
}

export interface RunComparison {
  readonly before: string;
  readonly after: string;
  readonly cells: number;
  readonly items: readonly Item[];
  readonly warnings: readonly WarningChange[];
  readonly figures: readonly Figure[];
  readonly traces: readonly TraceChange[];
  /** Those that are other ones. */
  readonly times: readonly ComparedTime[];
  /** Those that are not, or of which nobody can say. */
  readonly otherTimes: readonly ComparedTime[];
  /** How many times as long everything took; null where times cannot be compared. */
  readonly commonFactor: number | null;
  /** Times that were not judged, for the machine had other work. */
  readonly unclearTimes: number;
  /** Why times are not compared; null where they are. */
  readonly noTimes: "accelerator" | "nothing" | null;
}

type State = "good" | "bad" | "flaky" | "skipped" | "none";

interface Judged {
  readonly state: State;
  readonly failure: Failure | null;
}

function ofTest(outcome: TestOutcome): Judged {
  switch (outcome.kind) {
    case "passed":
    case "expected-failure":
      return { state: "good", failure: null };
    case "failed":
      return { state: "bad", failure: outcome.failure };
    case "flaky":
      return { state: "flaky", failure: outcome.failures[0] ?? null };
    case "skipped":
      return { state: "skipped", failure: null };
    case "not-run":
      return { state: "none", failure: null };
  }
}

function ofStage(outcome: StageOutcome): Judged {
  switch (outcome.kind) {
    case "passed":
      return { state: "good", failure: null };
    case "failed":
      return { state: "bad", failure: outcome.failure };
    case "flaky":
      return { state: "flaky", failure: outcome.failures[0] ?? null };
    case "left-out":
    case "pending":
    case "blocked":
      return { state: "none", failure: null };
  }
}

/** What makes two failures the same one. */
function causeOf(failure: Failure | null): string {
  if (failure === null) return "";
  return `${failure.kind} ${failure.id} ${failure.complaint?.fingerprint ?? ""}`;
}

/** Everything in a cell that is judged, by name. */
function judgedOf(report: CellReport): Map<string, Judged> {
  const all = new Map<string, Judged>();
  for (const { stage, outcome } of report.stages) all.set(`stage ${stage}`, ofStage(outcome));
  for (const { id, outcome } of report.tests) all.set(id, ofTest(outcome));
  const known = new Set([...all.values()].map(({ failure }) => causeOf(failure)));
  const { verdict } = report;
  // What fails a cell and is neither of a stage nor of a test, such as a promise.
  const more = verdict.kind === "failed" ? verdict.failures : [];
  for (const failure of more.filter((one) => !known.has(causeOf(one)))) {
    all.set(failure.complaint?.title ?? failure.id, { state: "bad", failure });
  }
  if (verdict.kind === "unfinished") all.set("cell", { state: "bad", failure: null });
  return all;
}

const NOTHING: Judged = { state: "none", failure: null };

function changeOfState(before: Judged | undefined, after: Judged | undefined): Change | null {
  const [from, to] = [(before ?? NOTHING).state, (after ?? NOTHING).state];
  if (to === "bad") return from === "bad" ? "still-failing" : "new-failure";
  if (to === "flaky") return from === "flaky" ? null : "flaky";
  if (before === undefined) return to === "none" ? null : "appeared";
  if (after === undefined) return from === "none" ? null : "vanished";
  if (to === "good") return from === "bad" ? "fixed" : null;
  if (from === to || from === "none") return null;
  return to === "skipped" ? "skipped" : "not-run";
}

function itemsOf(before: CellReport | undefined, after: CellReport | undefined): Item[] {
  const cell = (after ?? before)!.cell;
  const [from, to] = [before, after].map((one) => one && judgedOf(one));
  const names = new Set([...from?.keys() ?? [], ...to?.keys() ?? []]);
  const items = [...names].flatMap((what): Item[] => {
    const [one, other] = [from?.get(what), to?.get(what)];
    const change = changeOfState(one, other);
    if (change === null) return [];
    const failure = other?.failure ?? one?.failure ?? null;
    const otherCause = change === "still-failing" &&
      causeOf(one?.failure ?? null) !== causeOf(other?.failure ?? null);
    return [{ change, cell, what, failure, otherCause }];
  });
  if (before !== undefined && after !== undefined) return items;
  // A cell that is new or gone is one thing, whatever it has; what fails in it is said.
  const change = after === undefined ? "vanished" : "appeared";
  const failing = items.filter((item) => item.change === "new-failure");
  return [{ change, cell, what: "cell", failure: null, otherCause: false }, ...failing];
}

function figuresOf({ facts: { inspection }, tests }: CellReport): Map<string, number> {
  const all = new Map<string, number>();
  if (inspection !== null) {
    all.set("text, bytes", inspection.textBytes);
    if (inspection.guardBytes !== null) all.set("guards, bytes", inspection.guardBytes);
    for (const [name, count] of Object.entries(inspection.calls)) {
      all.set(`calls of ${name}`, count);
    }
    for (const [name, figure] of dataflowFigures(inspection)) all.set(name, figure);
    for (const { name, textBytes, guards } of inspection.modules) {
      all.set(`${name}: text, bytes`, textBytes);
      all.set(`${name}: guards`, guards);
    }
  }
  for (const { id, attachments } of tests) {
    const { pcs, [DEDUP_ATTACHMENT]: dedup } = attachments;
    if (Array.isArray(pcs)) all.set(`PCs of ${id}`, pcs.length);
    const { rows = [] } = (dedup ?? {}) as Partial<DedupAttachment>;
    for (const [name, , distinct] of rows) all.set(`PCs of program ${name}`, Number(distinct));
  }
  return all;
}

/** What the plugin of dataflow notes; its calls are told with all others. */
function dataflowFigures(
  { dataflow }: NonNullable<CellReport["facts"]["inspection"]>,
): [string, number][] {
  if (dataflow === undefined) return [];
  const { functions, lost, tables, tableBytes } = dataflow;
  return [
    ["dataflow: functions", functions],
    ["dataflow: unknown arguments", lost],
    ["dataflow: tables", tables],
    ["dataflow: tables, bytes", tableBytes],
  ];
}

/** Functions that the same call of the same test has run, by test. */
function functionsOf({ tests }: CellReport): Map<string, readonly string[]> {
  return new Map(
    tests.flatMap(({ id, attachments: { functions } }) =>
      Array.isArray(functions) ? [[id, functions.map(String)]] : []
    ),
  );
}

function traceChanges(before: CellReport, after: CellReport): TraceChange[] {
  const from = functionsOf(before);
  return [...functionsOf(after)].flatMap(([test, functions]) => {
    const known = from.get(test);
    if (known === undefined) return [];
    const appeared = functions.filter((name) => !known.includes(name));
    const vanished = known.filter((name) => !functions.includes(name));
    const isSame = appeared.length + vanished.length === 0;
    return isSame ? [] : [{ cell: after.cell, test, appeared, vanished }];
  });
}

/** What a program covers varies a little with what the kernel did before. */
const SAME_PCS = 0.02;
const isOfProgram = (name: string) => name.startsWith("PCs of program ");

function isSame(name: string, before: number | undefined, after: number | undefined): boolean {
  if (before === after) return true;
  if (before === undefined || after === undefined || !isOfProgram(name)) return false;
  return Math.abs(after - before) <= Math.max(3, SAME_PCS * before);
}

function figureChanges(before: CellReport, after: CellReport): Figure[] {
  const [from, to] = [figuresOf(before), figuresOf(after)];
  // A cell that did not come that far has no sizes to compare.
  if (from.size === 0 || to.size === 0) return [];
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((name) => !isSame(name, from.get(name), to.get(name)))
    // A test that only one of them has is told as such.
    .filter((name) => !name.startsWith("PCs of ") || (from.has(name) && to.has(name)))
    .map((name) => ({
      cell: after.cell,
      name,
      before: from.get(name) ?? null,
      after: to.get(name) ?? null,
    }));
}

/** @param earlier What is known of how much times vary on this machine. */
export function compareRuns(
  before: ComparedRun,
  after: ComparedRun,
  earlier: EarlierTimes = new Map(),
): RunComparison {
  const [from, to] = [before, after].map(({ run }) =>
    new Map(run.cells.map((report) => [report.cell as string, report]))
  ) as [Map<string, CellReport>, Map<string, CellReport>];
  const cells = [...new Set([...from.keys(), ...to.keys()])];
  const both = cells.flatMap((id): Both[] => {
    const [one, other] = [from.get(id), to.get(id)];
    return one === undefined || other === undefined ? [] : [{ before: one, after: other }];
  });
  const { times, commonFactor } = compareTimes(both, earlier);
  const otherAccel = both.some((one) =>
    one.before.facts.boot !== null && one.after.facts.boot !== null &&
    one.before.facts.boot.accel !== one.after.facts.boot.accel
  );
  return {
    before: before.name,
    after: after.name,
    cells: both.length,
    items: cells.flatMap((id) => itemsOf(from.get(id), to.get(id))),
    warnings: both.flatMap(({ after: { cell } }) =>
      warningChanges(cell, before.warnings.get(cell), after.warnings.get(cell))
    ),
    figures: both.flatMap((one) => figureChanges(one.before, one.after)),
    traces: both.flatMap((one) => traceChanges(one.before, one.after)),
    times: times.filter(({ changed }) => changed),
    otherTimes: times.filter(({ changed }) => !changed),
    commonFactor: times.length === 0 ? null : commonFactor,
    unclearTimes: times.filter(isUnjudged).length,
    noTimes: otherAccel ? "accelerator" : times.length === 0 ? "nothing" : null,
  };
}

function warningChanges(
  cell: string,
  before: readonly string[] | undefined,
  after: readonly string[] | undefined,
): WarningChange[] {
  // Without a log of both, what is missing in one of them says nothing.
  if (before === undefined || after === undefined) return [];
  const only = (
    these: readonly string[],
    those: readonly string[],
    change: "appeared" | "vanished",
  ) =>
    [...new Set(these)].filter((text) => !those.includes(text))
      .map((text) => ({ cell, change, text }));
  return [...only(after, before, "appeared"), ...only(before, after, "vanished")];
}

/** Whether there is anything to say. */
export function isEqual({ items, warnings, figures, traces, times }: RunComparison): boolean {
  return items.every(({ change, otherCause }) => change === "still-failing" && !otherCause) &&
    warnings.length === 0 && figures.length + traces.length + times.length === 0;
}
