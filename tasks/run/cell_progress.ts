// SPDX-License-Identifier: MIT
/** What is known of one cell while a run goes on: its stages, boots and facts, as a report. */
import type { Booted, StageValues } from "./cell_stages.ts";
import {
  type Cell,
  type CellFacts,
  type CellReport,
  type CellResult,
  type CellVerdict,
  type RunSettings,
  type SourceIdentity,
  type Stage,
  type StageOutcome,
  type StageResult,
} from "../core/model/model.ts";
import type { Failure } from "../core/model/errors.ts";
import { stagesUntil } from "../core/model/stage_table.ts";
import { cellFacts } from "../core/report/cell_facts.ts";
import { bootsAgain, mergeAttempts, testsLeft } from "../core/judge/flakes.ts";
import type { AttemptPlan, SandboxUse } from "../core/model/model.ts";
import { C_FIXTURE, C_TEST } from "../../selftests/contract/c_programs.ts";
import { bootStage, judgeCell } from "../core/judge/verdict.ts";

/** More tests than these are repeated by their cell. */
const MOST_REPEATED = 3;

/** The tests that have failed, where they are few and nothing else has. */
function testsToRepeat(verdict: CellVerdict): readonly string[] {
  if (verdict.kind !== "failed" && verdict.kind !== "flaky") return [];
  const subjects = verdict.failures.map(({ subject }) => subject);
  if (subjects.some((one) => one?.stage !== undefined || !one?.tests?.length)) return [];
  const ids = subjects.flatMap((one) => one?.tests ?? [])
    .map((id) => id.startsWith(`${C_FIXTURE}.`) ? C_TEST : id);
  const tests = [...new Set(ids)];
  return tests.length > MOST_REPEATED ? [] : tests;
}

/** One boot of a cell. */
export interface BootAttempt extends Booted {
  /** Below the run's folder. */
  readonly folder: string;
}

export type StageTimes = Required<Pick<StageResult, "durationMs" | "startedMs">>;

/** What becomes of one cell while the run goes on. */
export class CellProgress {
  readonly cell: Cell;
  readonly stages: StageResult[] = [];
  result: CellResult | null = null;
  consoleTail = "";
  readonly attempts: BootAttempt[] = [];
  sandbox: SandboxUse | null = null;
  /** What each stage gave, of those that the cell has passed. */
  readonly values: { -readonly [S in Stage]?: StageValues[S] } = {};
  /** What is known of its kernel's source. */
  source: SourceIdentity | null = null;
  /** How many warnings of its build the matrix lists, and the places of the entries. */
  warnings: { readonly listed: number; readonly used: readonly string[] } = { listed: 0, used: [] };

  constructor(cell: Cell) {
    this.cell = cell;
  }

  get failed(): boolean {
    return this.stages.some((one) => one.outcome.kind === "failed");
  }

  /** Whether its kernel's source cannot be had and need not be. */
  get leftOut(): boolean {
    return this.stages.some((one) => one.outcome.kind === "left-out");
  }

  /** Takes what a stage gave. */
  pass<S extends Stage>(stage: S, value: StageValues[S], times: StageTimes): void {
    this.stages.push({ stage, outcome: { kind: "passed" }, ...times, note: "" });
    this.values[stage] = value;
  }

  /** Says something of a stage that has passed. */
  note(stage: Stage, note: string): void {
    const index = this.stages.findIndex((one) => one.stage === stage);
    this.stages[index] = { ...this.stages[index]!, note };
  }

  /** What a stage that has passed shows is a failure of this cell. */
  fail(stage: Stage, failure: Failure, until: Stage): void {
    const index = this.stages.findIndex((one) => one.stage === stage);
    this.stages[index] = { ...this.stages[index]!, outcome: { kind: "failed", failure } };
    this.block(until, stage);
  }

  /** Marks every stage up to `until` that has no result yet. */
  block(until: Stage, by: Extract<StageOutcome, { kind: "blocked" }>["by"]): void {
    for (const stage of stagesUntil(until)) {
      if (this.stages.some((one) => one.stage === stage)) continue;
      this.stages.push({ stage, outcome: { kind: "blocked", by }, durationMs: 0, note: "" });
    }
  }

  /** The verdict on one boot alone. */
  verdictOf({ result, record }: BootAttempt): CellVerdict {
    const stages = this.stages.map((one) =>
      one.stage === "boot" ? bootStage(result, record.durationMs, "") : one
    );
    return judgeCell(this.cell.expect, stages, result).verdict;
  }

  /** A run that is killed says with its last report what it did not come to. */
  #pending(until: Stage): StageResult[] {
    return stagesUntil(until)
      .filter((stage) => !this.stages.some((one) => one.stage === stage))
      .map((stage) => ({ stage, outcome: { kind: "pending" }, durationMs: 0, note: "" }));
  }

  /** @param repeat The command that does the cell again, or some tests of it. */
  report(
    until: Stage,
    repeat: (tests: readonly string[]) => string,
    settings: RunSettings,
  ): CellReport {
    const { tests, verdict } = judgeCell(this.cell.expect, this.stages, this.result);
    const again = repeat(testsToRepeat(verdict));
    const done = this.stages.some((one) => one.stage === until && one.outcome.kind === "passed");
    return {
      cell: this.cell.id,
      stages: [...this.stages, ...this.#pending(until)],
      tests,
      splats: this.result?.splats ?? [],
      facts: this.#facts(),
      ...(this.values.inspect?.leftOut ? { leftOut: this.values.inspect.leftOut } : {}),
      consoleTail: this.consoleTail,
      // One boot may well pass.
      repeat: verdict.kind === "flaky" ? `${again} --until-fail` : again,
      // A stage command has no tests to judge by: its last stage is its verdict.
      verdict: verdict.kind === "unfinished" && done
        ? { kind: "passed", note: `${until} done` }
        : verdict.kind === "flaky"
        ? { ...verdict, allowed: settings.allowFlaky ?? false }
        : verdict,
      // Boots that each ran other tests have no rate.
      ...(this.attempts.length < 2 || settings.attempts?.kind === "keep-going" ? {} : {
        attempts: this.attempts.map((one) => ({
          folder: one.folder,
          verdict: this.verdictOf(one).kind,
        })),
      }),
    };
  }

  /** What the next boot is to run; null where it was booted often enough. */
  nextFilter({ attempts, testFilter }: RunSettings): readonly string[] | null {
    if (attempts?.kind === "keep-going") {
      return testsLeft(this.attempts.map(({ result }) => result));
    }
    const verdicts = this.attempts.map((one) => this.verdictOf(one));
    return bootsAgain(attempts, verdicts) ? testFilter : null;
  }

  /** Takes one more boot into what is known of the cell. */
  addBoot(attempt: BootAttempt, plan: AttemptPlan | undefined): void {
    this.attempts.push(attempt);
    const merged = mergeAttempts(
      this.attempts.map(({ result }) => result),
      plan,
    );
    const { result } = merged;
    this.result = result;
    const index = this.stages.findIndex((stage) => stage.stage === "boot");
    const durationMs = this.attempts.reduce((sum, each) => sum + each.record.durationMs, 0);
    this.stages[index] = { ...this.stages[index]!, outcome: merged.boot, durationMs };
  }

  #facts(): CellFacts {
    const { cell, sandbox, values, warnings, attempts } = this;
    const release = attempts.findLast((one) => one.result.guest.release)?.result.guest.release;
    return cellFacts({
      ...{ cell, sandbox, values, listedWarnings: warnings.listed },
      ...{ record: attempts.at(-1)?.record ?? null, release: release ?? null },
      tests: this.result?.tests ?? [],
      promises: this.result?.promises ?? null,
    });
  }
}
