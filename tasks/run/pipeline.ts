// SPDX-License-Identifier: MIT
/**
 * A whole plan. For each kernel: fetch, patch. For each build: configure, build, inspect, pack. For
 * each cell: boot, parse. run/cell_stages.ts knows their order and does them; a stage that fails marks
 * everything behind it as blocked by it, and other cells go on.
 */
import type { Host } from "../host/host.ts";
import { cellFolder, type Paths } from "../core/model/paths.ts";
import {
  type CellReport,
  type KernelBuild,
  type KernelConfig,
  type Plan,
  RUN_FORMAT,
  type RunReport,
  type SourceArchive,
  type SourceIdentity,
  type SourceTree,
  type Stage,
} from "../core/model/model.ts";
import {
  CellStages,
  type ReadyKernel,
  type RunStage,
  type StageValues,
  withKernelLock,
} from "./cell_stages.ts";
import { CellProgress } from "./cell_progress.ts";
import { handOver, keepBuildFiles } from "./cell_handover.ts";
import { JobBook } from "./job_book.ts";
import { unusedInLists } from "./unused_lists.ts";
import { type Failure, failure, failureFrom } from "../core/model/errors.ts";
import { comesTo, isLong } from "../core/model/stage_table.ts";
import { describeFuzz } from "../core/source/series.ts";
import { groupByBuild } from "../core/matrix/plan.ts";
import { failureFacts } from "../core/model/run_event.ts";
import type { Build } from "../core/matrix/schedule.ts";
import { Schedule } from "./schedule.ts";
import { judgeWarnings } from "../core/build/build_log.ts";
import { lackingForAll } from "../core/matrix/selection.ts";
import { sourceLines } from "../core/source/source_identity.ts";
import { identifySource } from "../steps/source_identity.ts";
import { overBudgetText } from "../core/boot/boot_phases.ts";
import { bootFacts } from "../core/report/cell_facts.ts";
import { machineFeatures } from "../core/model/features.ts";
import { guestFeatures } from "../core/boot/guest_layout.ts";
import { attemptFolder } from "../core/judge/flakes.ts";
import type { Finding } from "../steps/doctor.ts";
import { ensureReady } from "../steps/setup.ts";
import { declaredTests } from "../steps/declared_tests.ts";

export interface PipelineOptions {
  /** The last stage to run. */
  readonly until: Stage;
  /** Folder of this run. */
  readonly runDir: string;
  /** Called whenever something about a cell is new; whatever it writes is the state so far. */
  readonly onChange: (report: RunReport) => Promise<void>;
  /** The command that does one cell of this run again. */
  readonly repeat: (cell: string) => string;
  /** Which signal has broken the run off, if any. */
  readonly interruptedBy: () => RunReport["interrupted"];
}

/** Runs a plan. Never throws: what goes wrong is in the report. */
export async function runPipeline(
  plan: Plan,
  options: PipelineOptions,
  paths: Paths,
  host: Host,
): Promise<RunReport> {
  const run = new Run(plan, options, paths, host);
  await run.go();
  return run.report();
}

/** Thrown to stop cells whose outcome is already recorded. */
class Stopped extends Error {}

class Run {
  readonly #plan: Plan;
  readonly #options: PipelineOptions;
  readonly #paths: Paths;
  readonly #host: Host;
  readonly #stages: CellStages;
  readonly #startedAt: number;
  readonly #cells: readonly CellProgress[];
  /** Those of which it is told that they have ended. */
  readonly #told = new Set<CellProgress>();
  readonly #failures: Failure[] = [];
  readonly #sources: SourceIdentity[] = [];
  readonly #schedule: Schedule;
  readonly #jobs: JobBook;
  #reported: Promise<void> = Promise.resolve();
  /** Programs with their versions. */
  #tools: Readonly<Record<string, string>> = {};

  constructor(plan: Plan, options: PipelineOptions, paths: Paths, host: Host) {
    this.#plan = plan;
    this.#options = options;
    this.#paths = paths;
    this.#host = host;
    const { settings } = plan;
    const budget = { cores: settings.jobs, oneByOne: settings.failFast };
    const builds = groupByBuild(plan.cells).length;
    this.#schedule = new Schedule(budget, builds, () => host.now());
    this.#jobs = new JobBook(plan, this.#schedule, paths, host);
    const shared = { ...plan, settings: { ...settings, jobs: this.#schedule.jobs } };
    this.#stages = new CellStages(shared, paths, host);
    this.#startedAt = host.now();
    this.#cells = plan.cells.map((cell) => new CellProgress(cell));
  }

  report(): RunReport {
    return {
      format: RUN_FORMAT,
      startedAt: new Date(this.#startedAt).toISOString(),
      durationMs: this.#host.now() - this.#startedAt,
      accel: this.#stages.accel,
      cells: this.#cells.map((cell) => this.#reportOf(cell)),
      interrupted: this.#options.interruptedBy(),
      failures: this.#failures,
      sources: this.#sources,
      usage: this.#host.usage(),
    };
  }

  /** Tells of a cell whose verdict stands. */
  #ended(cell: CellProgress): void {
    if (this.#told.has(cell)) return;
    this.#told.add(cell);
    const { verdict } = this.#reportOf(cell);
    const failures = "failures" in verdict ? verdict.failures : [];
    this.#host.emit({
      ...{ event: "cell-ended", cell: cell.cell.id, verdict: verdict.kind },
      failure: failures[0] === undefined ? null : failureFacts(failures[0]),
    });
  }

  #reportOf(cell: CellProgress): CellReport {
    const { until, repeat } = this.#options;
    return cell.report(until, repeat(cell.cell.id), this.#plan.settings);
  }

  async go(): Promise<void> {
    const ids = this.#cells.map(({ cell }) => cell.id);
    const builds = groupByBuild(this.#plan.cells).length;
    this.#host.emit({ event: "cells-planned", cells: ids, builds });
    await this.#go();
    for (const cell of this.#cells) this.#ended(cell);
  }

  async #go(): Promise<void> {
    await this.#changed();
    try {
      const { cells, settings } = this.#plan;
      this.#tools = versionsOf(await ensureReady(cells, settings, this.#paths, this.#host));
    } catch (error) {
      this.#failedAsAWhole(error);
      for (const cell of this.#cells) cell.block(this.#options.until, this.#stopWord("setup"));
      return await this.#changed();
    }
    const sandbox = await this.#host.sandbox();
    for (const cell of this.#cells) cell.sandbox = sandbox;
    await this.#jobs.announce(this.#options.until);
    const kernels: Promise<void>[] = [];
    for (const kernel of new Set(this.#plan.cells.map((cell) => cell.kernel.id))) {
      const cells = this.#cells.filter((one) => one.cell.kernel.id === kernel);
      // Sources come one after the other, and each kernel's builds wait for no other's.
      const sourced = Promise.withResolvers<void>();
      const ended = this.#kernel(kernel, cells, sourced.resolve).catch((error) => {
        // Between two stages, where a full disk shows itself; no cell of it can go on.
        this.#failedAsAWhole(error);
        for (const cell of cells) cell.block(this.#options.until, this.#stopWord("setup"));
      }).finally(sourced.resolve);
      kernels.push(ended);
      await (this.#plan.settings.failFast ? ended : sourced.promise);
    }
    await Promise.all(kernels);
    for (const cell of this.#cells) {
      cell.block(this.#options.until, this.#stopWord("fail-fast"));
    }
    this.#failures.push(...unusedInLists(this.#plan, this.#cells));
    await this.#changed();
  }

  async #kernel(id: string, cells: readonly CellProgress[], sourced: () => void): Promise<void> {
    const groups = groupByBuild(cells.map((one) => one.cell));
    const build = async (source: SourceTree) => {
      const jobs = await Promise.all(groups.map((group) => this.#jobs.jobOf(source, group[0]!)));
      const ends = groups.map((group, index) => {
        const members = cells.filter((one) => group.includes(one.cell));
        return untilStopped(() => this.#group(source, members, jobs[index]!));
      });
      sourced();
      // The lock is held until the last of them has ended, whatever becomes of the others.
      const failed = (await Promise.allSettled(ends)).find((end) => end.status === "rejected");
      if (failed) throw failed.reason;
    };
    if (this.#stopped(cells)) return;
    try {
      await withKernelLock(id, this.#paths, this.#host, () =>
        untilStopped(async () => {
          const { kernel } = cells[0]!.cell;
          await build(await this.#stages.source(kernel, this.#runner(cells)));
        }));
    } finally {
      this.#jobs.withdraw(groups.map((group) => group[0]!));
    }
  }

  /** Blocks the cells where the run is not to go on; says whether it did. */
  #stopped(cells: readonly CellProgress[]): boolean {
    const failFast = this.#plan.settings.failFast && this.#cells.some((one) => one.failed);
    if (!this.#host.signal.aborted && !failFast) return false;
    for (const cell of cells) cell.block(this.#options.until, this.#stopWord("fail-fast"));
    return true;
  }

  #stopWord<T extends string>(otherwise: T): T | "interrupt" {
    return this.#host.signal.aborted ? "interrupt" : otherwise;
  }

  /** Being broken off is no failure: cells say what did not run, the exit code why. */
  #failedAsAWhole(error: unknown): void {
    const failure = this.#failureOf(error);
    if (failure.kind !== "interrupted") this.#failures.push(failure);
  }

  #failureOf(error: unknown): Failure {
    if (this.#host.signal.aborted) {
      return failure("interrupted", "interrupted", "the run was interrupted");
    }
    return failureFrom(error);
  }

  /** Runs stages for cells that share them; those that have failed leave it. */
  #runner(cells: readonly CellProgress[]): RunStage {
    let left = cells;
    return async (stage, body) => {
      const value = await this.#stage(stage, left, body);
      left = await this.#note({ stage, value } as Made, left);
      return value;
    };
  }

  /**
   * Runs one stage for cells that share it. A failure is recorded for each of them and blocks what
   * is behind.
   * @throws Stopped where it did not run, or failed.
   */
  async #stage<T>(
    stage: Stage,
    cells: readonly CellProgress[],
    body: () => Promise<T>,
  ): Promise<T> {
    const { until } = this.#options;
    if (!comesTo(stage, until) || cells.length === 0) throw new Stopped();
    if (this.#host.signal.aborted) {
      for (const cell of cells) cell.block(until, "interrupt");
      throw new Stopped();
    }
    const startedAt = this.#host.now();
    const ids = cells.map((one) => one.cell.id);
    const remainingMs = isLong(stage) ? Math.round(this.#schedule.remainingMs) : null;
    this.#host.emit({ event: "stage-started", stage, cells: ids, remainingMs });
    const ended = (outcome: "passed" | "failed" | "interrupted", failure: Failure | null) =>
      this.#host.emit({
        ...{ event: "stage-ended", stage, cells: ids, outcome },
        ...{ durationMs: this.#host.now() - startedAt, failure: failure && failureFacts(failure) },
      });
    try {
      const value = await body();
      const durationMs = this.#host.now() - startedAt;
      for (const cell of cells) {
        cell.stages.push({ stage, outcome: { kind: "passed" }, durationMs, note: "" });
      }
      ended("passed", null);
      return value;
    } catch (error) {
      const failure = this.#failureOf(error);
      const durationMs = this.#host.now() - startedAt;
      for (const cell of cells) {
        const outcome = failure.kind === "interrupted"
          ? { kind: "blocked", by: "interrupt" } as const
          : { kind: "failed", failure } as const;
        cell.stages.push({ stage, outcome, durationMs, note: "" });
        cell.block(until, this.#stopWord(stage));
      }
      if (failure.kind === "interrupted") ended("interrupted", null);
      else {
        ended("failed", failure);
        this.#host.log("warn", `${stage} failed: ${failure.message}`);
        for (const cell of cells) await this.#handOver(cell);
      }
      for (const cell of cells) this.#ended(cell);
      await this.#changed();
      throw new Stopped();
    }
  }

  /** What reports tell of a stage's value; gives the cells that go on. */
  async #note(made: Made, cells: readonly CellProgress[]): Promise<readonly CellProgress[]> {
    switch (made.stage) {
      case "fetch":
        for (const cell of cells) {
          cell.version = made.value.version;
          cell.note("fetch", made.value.version);
        }
        if (cells.length > 0) await this.#identify(cells, made.value);
        return cells;
      case "configure":
        for (const cell of cells) {
          cell.config = made.value;
          cell.note("configure", made.value.notices.join("\n"));
        }
        for (const cell of cells) await this.#judgeFilter(cell, made.value);
        return cells.filter((one) => !one.failed);
      case "build": {
        for (const cell of cells) cell.kernel = made.value;
        if (made.value.compiled) {
          await this.#jobs.remember(cells[0]!.cell, {
            buildMs: made.value.durationMs,
            bootMs: null,
          });
        }
        const ids = cells.map(({ cell }) => cell);
        await keepBuildFiles(ids, made.value, this.#options.runDir, this.#host);
        const clean = this.#judgeWarnings(cells, made.value);
        for (const one of cells.filter((each) => !clean.includes(each))) {
          await this.#handOver(one);
          this.#ended(one);
        }
        return clean;
      }
      case "inspect":
        for (const cell of cells) cell.inspection = made.value;
        return cells;
      case "patch": {
        const { fuzz = [] } = made.value;
        if (fuzz.length === 0) return cells;
        const text = fuzz.map(describeFuzz).join("\n");
        for (const cell of cells) {
          cell.fuzz = fuzz;
          cell.note("patch", text);
        }
        return cells;
      }
      case "pack":
      case "boot":
      case "parse":
        return cells;
    }
  }

  /** What is judged goes on record before anything is made of it. */
  async #identify(cells: readonly CellProgress[], archive: SourceArchive): Promise<void> {
    const { kernel } = cells[0]!.cell;
    try {
      const { runDir } = this.#options;
      const source = await identifySource(kernel, archive, runDir, this.#paths, this.#host);
      this.#sources.push(source);
      for (const cell of cells) cell.source = source;
      for (const line of sourceLines(source)) this.#host.log("info", line);
    } catch (error) {
      // A verdict without it is one all the same; a patch that is gone fails where it is applied.
      const { message } = this.#failureOf(error);
      this.#host.log("warn", `${kernel.id}: what is judged is not on record: ${message}`);
    }
  }

  async #group(source: SourceTree, cells: readonly CellProgress[], job: Build): Promise<void> {
    const ready = await this.#schedule.run(job, async () => {
      if (this.#stopped(cells)) throw new Stopped();
      return await this.#stages.ready(cells[0]!.cell, source, this.#runner(cells));
    });
    const ends = cells.map((one, index) =>
      this.#schedule.run(job.boots[index]!, async () => {
        if (!one.failed && !this.#stopped([one])) {
          await untilStopped(() => this.#boot(one, ready));
        }
      })
    );
    const failed = (await Promise.allSettled(ends)).find((end) => end.status === "rejected");
    if (failed) throw failed.reason;
  }

  /** A cell in which none of the selected tests can pass is not worth a build. */
  async #judgeFilter(one: CellProgress, { features }: KernelConfig): Promise<boolean> {
    const { testFilter } = this.#plan.settings;
    const { expect, machine } = one.cell;
    const boots = comesTo("boot", this.#options.until);
    if (!boots || testFilter.length === 0 || expect.kind !== "pass") return true;
    const all = [...features, ...machineFeatures(machine)];
    const lacking = lackingForAll(await declaredTests(), testFilter, all);
    if (lacking === null) return true;
    const text = `no test of ${testFilter.join(" ")} can pass in ${one.cell.id}: it lacks ` +
      lacking.join(", ");
    one.fail("configure", failure("no-match", "nothing-ran", text), this.#options.until);
    this.#ended(one);
    this.#host.log("warn", `configure failed: ${text}`);
    return false;
  }

  /** Warnings belong to a build, but the list of known ones to a cell. */
  #judgeWarnings(cells: readonly CellProgress[], kernel: KernelBuild): CellProgress[] {
    return cells.filter((one) => {
      const known = this.#plan.matrix.warnings;
      const { unlisted, listed, used } = judgeWarnings(kernel.warnings, known, one.cell.id);
      one.warnings = { listed: listed.length, used };
      if (unlisted.length === 0) return true;
      const lines = unlisted.map((warning) => warning.text);
      const text = `${unlisted.length} warnings that the matrix does not list; first: ${lines[0]}`;
      const detail = lines.slice(0, 50).join("\n");
      one.fail("build", failure("build", "new-warning", text, detail), this.#options.until);
      this.#host.log("warn", `build failed: ${text}`);
      return false;
    });
  }

  async #boot(one: CellProgress, kernel: ReadyKernel): Promise<void> {
    const { cell } = one;
    const { settings } = this.#plan;
    const ready = { ...kernel, cell, features: guestFeatures(kernel.kernel, cell.machine) };
    const bootOnce = async (folder: string, filter: readonly string[], run: RunStage) => {
      const dir = `${this.#options.runDir}/${folder}`;
      const booted = await this.#stages.boot(ready, { dir, filter }, run);
      one.addBoot({ folder, ...booted }, settings.attempts);
      const slow = bootFacts(booted.record, null).overBudget.map(overBudgetText);
      if (slow.length > 0) this.#host.log("warn", `${cell.id}: slow boot: ${slow.join("; ")}`);
      if (booted.result.boot !== null) return;
      await this.#jobs.remember(cell, { buildMs: null, bootMs: booted.record.durationMs });
    };
    const folder = cellFolder(cell.id);
    await bootOnce(folder, settings.testFilter, this.#runner([one]));
    for (let filter; (filter = one.nextFilter(settings)) !== null;) {
      const number = one.attempts.length + 1;
      const next = `${folder}${attemptFolder(number)}`;
      this.#host.log("info", `boot ${cell.id}, attempt ${number}`);
      try {
        await bootOnce(next, filter, (_, body) => body());
      } catch (error) {
        // What the boots before have shown stands.
        this.#failures.push(this.#failureOf(error));
        break;
      }
      await this.#changed();
    }
    await this.#handOver(one);
    const shown = one.attempts.find((each) => one.verdictOf(each).kind !== "passed");
    const dir = `${this.#options.runDir}/${(shown ?? one.attempts.at(-1)!).folder}`;
    one.consoleTail = await this.#host.fs.readTail(`${dir}/console.log`, 4096);
    this.#ended(one);
    await this.#changed();
  }

  async #handOver(one: CellProgress): Promise<void> {
    const run = { plan: this.#plan, runDir: this.#options.runDir, tools: this.#tools };
    await handOver(one, this.#reportOf(one), run, this.#paths, this.#host);
  }

  /**
   * One report after the other, for the last one written must be the newest. What cannot be written
   * now is written later, or the report at the end fails too.
   */
  #changed(): Promise<void> {
    this.#reported = this.#reported.then(async () => {
      try {
        await this.#options.onChange(this.report());
      } catch (error) {
        const { message } = failureFrom(error);
        this.#host.log("warn", `the report could not be written: ${message}`);
      }
    });
    return this.#reported;
  }
}

/** A stage and its value. */
type Made = { [S in Stage]: { readonly stage: S; readonly value: StageValues[S] } }[Stage];

/** Whatever stopped is in the cells' progress already. */
async function untilStopped(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
}

/** What is known of the versions of programs. */
function versionsOf(findings: readonly Finding[]): Record<string, string> {
  return Object.fromEntries(
    findings.filter(({ requirement }) => requirement.probe.kind === "version")
      .map(({ requirement, found }) => [requirement.id, found]),
  );
}
