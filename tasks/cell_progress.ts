// SPDX-License-Identifier: MIT
/** What is known of one cell while a run goes on: its stages, boots and properties, as a report. */
import type { Booted } from "./cell_stages.ts";
import {
  type Cell,
  type CellReport,
  type CellResult,
  type CellVerdict,
  type Inspection,
  type KernelBuild,
  type KernelConfig,
  type LeftOut,
  type RunSettings,
  type SourceIdentity,
  type Stage,
  type StageOutcome,
  type StageResult,
} from "./model.ts";
import type { Failure } from "./errors.ts";
import { stagesUntil } from "./stage_table.ts";
import { phaseProperties } from "./formats/boot_phases.ts";
import { cProgramProperties } from "./formats/c_programs.ts";
import { dedupProperties } from "./formats/dedup_table.ts";
import {
  type AttemptPlan,
  bootsAgain,
  mergeAttempts,
  rateText,
  testsLeft,
} from "./formats/flakes.ts";
import { splatProperties } from "./formats/splat_report.ts";
import { bootStage, judgeCell } from "./formats/verdict.ts";

/** One boot of a cell. */
export interface BootAttempt extends Booted {
  /** Below the run's folder. */
  readonly folder: string;
}

const LEFT_OUT_PROPERTIES: Readonly<Record<keyof LeftOut, string>> = {
  byFlags: "inspect.left-out",
  byAttributes: "inspect.left-out.attributes",
  unexplained: "inspect.left-out.unexplained",
};

/** What becomes of one cell while the run goes on. */
export class CellProgress {
  readonly cell: Cell;
  readonly stages: StageResult[] = [];
  readonly properties: Record<string, string> = {};
  result: CellResult | null = null;
  consoleTail = "";
  readonly attempts: BootAttempt[] = [];
  /** What is known of its kernel's source. */
  source: SourceIdentity | null = null;
  /** How far the cell's kernel came. */
  config: KernelConfig | null = null;
  kernel: KernelBuild | null = null;
  inspection: Inspection | null = null;
  /** Places of the known warnings that its build has shown. */
  warningsUsed: readonly string[] = [];

  constructor(cell: Cell) {
    this.cell = cell;
  }

  get failed(): boolean {
    return this.stages.some((one) => one.outcome.kind === "failed");
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

  /** @param repeat The command that does the cell again. */
  report(until: Stage, repeat: string, settings: RunSettings): CellReport {
    const { tests, verdict } = judgeCell(this.cell.expect, this.stages, this.result);
    const done = this.stages.some((one) => one.stage === until && one.outcome.kind === "passed");
    return {
      cell: this.cell.id,
      stages: [...this.stages, ...this.#pending(until)],
      tests,
      splats: this.result?.splats ?? [],
      properties: this.properties,
      ...(this.inspection?.leftOut ? { leftOut: this.inspection.leftOut } : {}),
      consoleTail: this.consoleTail,
      // One boot may well pass.
      repeat: verdict.kind === "flaky" ? `${repeat} --until-fail` : repeat,
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
    const { record } = attempt;
    const index = this.stages.findIndex((stage) => stage.stage === "boot");
    const durationMs = this.attempts.reduce((sum, each) => sum + each.record.durationMs, 0);
    this.stages[index] = { stage: "boot", outcome: merged.boot, durationMs, note: "" };
    this.properties["boot.accel"] = record.accel;
    this.properties["boot.ms"] = `${record.durationMs}`;
    Object.assign(this.properties, phaseProperties(record));
    if (result.guest.release) this.properties["guest.release"] = result.guest.release;
    if (this.attempts.length > 1 && plan?.kind !== "keep-going") {
      const verdicts = this.attempts.map((one) => this.verdictOf(one).kind);
      const passed = verdicts.filter((kind) => kind === "passed").length;
      this.properties["boot.attempts"] = rateText(passed, verdicts.length);
    }
    Object.assign(
      this.properties,
      dedupProperties(result.tests),
      cProgramProperties(result.tests),
      splatProperties(result.splats),
    );
  }

  /** What reports tell of its kernel. */
  describe(inspection: Inspection): void {
    this.inspection = inspection;
    const { properties, config, kernel } = this;
    if (config === null || kernel === null) return;
    properties["build.features"] = config.features.join(" ");
    properties["build.objects"] = `${kernel.objects}`;
    properties["build.compiled"] = kernel.compiled ? "yes" : "no (nothing changed)";
    if (kernel.reasons.length > 0) properties["build.reason"] = kernel.reasons.join("; ");
    if (kernel.cacheUse && kernel.cacheUse.calls > 0) {
      const { hits, calls, remoteHits } = kernel.cacheUse;
      properties["build.ccache"] = `${hits} of ${calls} calls were hits` +
        (remoteHits === 0 ? "" : `, ${remoteHits} of them from remote storage`);
    }
    properties["inspect.text.bytes"] = `${inspection.textBytes}`;
    for (const [name, count] of Object.entries(inspection.calls)) {
      properties[`inspect.calls.${name}`] = `${count}`;
    }
    if (inspection.guardBytes !== null) {
      properties["inspect.guard.bytes"] = `${inspection.guardBytes}`;
    }
    for (const [how, paths] of Object.entries(inspection.leftOut ?? {})) {
      if (paths.length > 0) properties[LEFT_OUT_PROPERTIES[how as keyof LeftOut]] = paths.join(" ");
    }
    for (const module of inspection.modules) {
      const calls = Object.values(module.calls).reduce((sum, count) => sum + count, 0);
      properties[`inspect.module.${module.name.split("/").at(-1)}`] =
        `${calls} calls, ${module.guards} guards, ${module.textBytes} bytes of text`;
    }
  }
}
