// SPDX-License-Identifier: MIT
/**
 * A stage that several cells share runs once, and each of them gets what came of it: an outcome,
 * what reports tell of its value, and where it failed the end of its way.
 */
import { counted } from "../core/text/counted.ts";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { KernelBuild, KernelConfig, Plan, SourceArchive, Stage } from "../core/model/model.ts";
import { failure } from "../core/model/errors.ts";
import { comesTo, isLong } from "../core/model/stage_table.ts";
import { machineFeatures } from "../core/model/features.ts";
import { judgeWarnings } from "../core/build/build_log.ts";
import { lackingForAll } from "../core/matrix/selection.ts";
import { lacksOf } from "../core/source/kernel_sources.ts";
import { describeFuzz } from "../core/source/series.ts";
import { sourceLines } from "../core/source/source_identity.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { identifySource } from "../steps/source_identity.ts";
import { handOver, keepBaseReport, keepBuildFiles } from "./cell_handover.ts";
import type { CellProgress, StageTimes } from "./cell_progress.ts";
import type { RunStage, StageValues } from "./cell_stages.ts";
import type { JobBook } from "./job_book.ts";
import type { RunOptions, RunState } from "./run_state.ts";
import type { Schedule } from "./schedule.ts";
import { toldStage } from "./telling.ts";

/** Thrown to stop cells whose outcome is already recorded. */
export class Stopped extends Error {}

/** Whatever stopped is in the cells' progress already. */
export async function untilStopped(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
}

/** Judges the value of a stage for the cells that share it; gives those that go on. */
type JudgeValue<S extends Stage> = (
  value: StageValues[S],
  cells: readonly CellProgress[],
) => Promise<readonly CellProgress[]>;

/** The run that the cells are part of. */
export interface SharedRun {
  readonly plan: Plan;
  readonly options: RunOptions;
  readonly state: RunState;
  readonly schedule: Schedule;
  readonly jobs: JobBook;
  readonly paths: Paths;
  readonly host: Host;
}

export class SharedStages {
  readonly #run: SharedRun;

  constructor(run: SharedRun) {
    this.#run = run;
  }

  /** Runs stages for cells that share them; those that have failed leave it. */
  runner(cells: readonly CellProgress[]): RunStage {
    let left = cells;
    return async (stage, body, key) => {
      const value = await this.#stage(stage, left, body, key);
      left = await this.#judges[stage]?.(value, left) ?? left;
      return value;
    };
  }

  /** Leaves with a failed cell what shows its failure again. */
  async handOver(one: CellProgress): Promise<void> {
    const { plan, options, state, paths, host } = this.#run;
    const run = { plan, runDir: options.runDir, tools: state.tools };
    await handOver(one, state.reportOf(one), run, paths, host);
  }

  /**
   * Runs one stage for cells that share it. A failure is recorded for each of them and blocks what
   * comes after.
   * @throws Stopped where it did not run, or failed.
   */
  async #stage<S extends Stage>(
    stage: S,
    cells: readonly CellProgress[],
    body: () => Promise<StageValues[S]>,
    key: string | null = null,
  ): Promise<StageValues[S]> {
    const { options: { until }, state, schedule, host } = this.#run;
    if (!comesTo(stage, until) || cells.length === 0) throw new Stopped();
    if (host.signal.aborted) {
      state.block(cells, stage);
      throw new Stopped();
    }
    const startedMs = state.elapsedMs;
    const times = () => ({ startedMs, durationMs: state.elapsedMs - startedMs });
    const remainingMs = isLong(stage) ? Math.round(schedule.remainingMs) : null;
    try {
      const ids = cells.map(({ cell }) => cell.id);
      const value = await toldStage({ stage, cells: ids, remainingMs, key }, host, body);
      const passed = times();
      for (const cell of cells) cell.pass(stage, value, passed);
      return value;
    } catch (error) {
      await this.#failed(stage, cells, error, times());
      throw new Stopped();
    }
  }

  async #failed(
    stage: Stage,
    cells: readonly CellProgress[],
    error: unknown,
    times: StageTimes,
  ): Promise<void> {
    const { state, host } = this.#run;
    const failure = state.failureOf(error);
    const { kernel } = cells[0]!.cell;
    const mayLack = !this.#run.plan.mustHave?.includes(kernel.id);
    const outcome = failure.kind === "interrupted"
      ? { kind: "blocked", by: "interrupt" } as const
      : mayLack && lacksOf(failure) !== null
      ? { kind: "left-out", failure } as const
      : { kind: "failed", failure } as const;
    for (const cell of cells) cell.stages.push({ stage, outcome, ...times, note: "" });
    state.block(cells, stage);
    if (outcome.kind === "left-out") {
      host.log("warn", `${kernel.id} is left out: ${failure.message}`);
    }
    for (const cell of cells) state.ended(cell);
    if (outcome.kind === "failed") {
      for (const cell of cells) await this.handOver(cell);
    }
  }

  /**
   * What the value of a stage means for its cells beyond being known; gives those that go on. Stages
   * without an entry let all go on.
   */
  readonly #judges: { readonly [S in Stage]?: JudgeValue<S> } = {
    fetch: async (archive, cells) => {
      for (const cell of cells) cell.note("fetch", archive.version);
      if (cells.length > 0) await this.#identify(cells, archive);
      return cells;
    },
    patch: ({ fuzz = [] }, cells) => {
      const text = fuzz.map(describeFuzz).join("\n");
      for (const cell of cells) cell.note("patch", text);
      return Promise.resolve(cells);
    },
    configure: async (config, cells) => {
      for (const cell of cells) {
        cell.note("configure", config.notices.join("\n"));
        await keepBaseReport(cell, config, this.#run.options.runDir, this.#run.host);
        await this.#judgeFilter(cell, config);
      }
      return cells.filter((one) => !one.failed);
    },
    build: (kernel, cells) => this.#judgeBuild(kernel, cells),
  };

  async #judgeBuild(
    kernel: KernelBuild,
    cells: readonly CellProgress[],
  ): Promise<readonly CellProgress[]> {
    const { options: { runDir }, state, jobs, host } = this.#run;
    if (kernel.compiled) {
      await jobs.remember(cells[0]!.cell, { buildMs: kernel.durationMs, bootMs: null });
    }
    await keepBuildFiles(cells.map(({ cell }) => cell), kernel, runDir, host);
    const clean = this.#judgeWarnings(cells, kernel);
    for (const one of cells.filter((each) => !clean.includes(each))) {
      state.ended(one);
      await this.handOver(one);
    }
    return clean;
  }

  /** What is judged goes on record before anything is made of it. */
  async #identify(cells: readonly CellProgress[], archive: SourceArchive): Promise<void> {
    const { options: { runDir }, state, paths, host } = this.#run;
    const { kernel } = cells[0]!.cell;
    try {
      const source = await identifySource(kernel, archive, runDir, paths, host);
      state.sources.push(source);
      for (const cell of cells) cell.source = source;
      for (const line of sourceLines(source)) host.log("info", line);
    } catch (error) {
      // A verdict without it is one all the same; a patch that is gone fails where it is applied.
      const { message } = state.failureOf(error);
      host.log("warn", `${kernel.id}: what is judged is not on record: ${message}`);
    }
  }

  /** A cell in which none of the selected tests can pass is not worth a build. */
  async #judgeFilter(one: CellProgress, { features }: KernelConfig): Promise<void> {
    const { plan: { settings: { testFilter } }, options: { until }, state } = this.#run;
    const { expect, machine } = one.cell;
    if (!comesTo("boot", until) || testFilter.length === 0 || expect.kind !== "pass") return;
    const all = [...features, ...machineFeatures(machine)];
    const lacking = lackingForAll(await declaredTests(), testFilter, all);
    if (lacking === null) return;
    const text = `no test of ${testFilter.join(" ")} can pass in ${one.cell.id}: it lacks ` +
      lacking.join(", ");
    one.fail("configure", failure("no-match", "nothing-ran", text), until);
    state.ended(one);
  }

  /** Warnings belong to a build, but the list of known ones to a cell; gives those without new ones. */
  #judgeWarnings(cells: readonly CellProgress[], kernel: KernelBuild): CellProgress[] {
    const { plan, options: { until } } = this.#run;
    return cells.filter((one) => {
      const known = plan.matrix.warnings;
      const { unlisted, listed, used } = judgeWarnings(kernel.warnings, known, one.cell.id);
      one.warnings = { listed: listed.length, used };
      if (unlisted.length === 0) return true;
      const lines = unlisted.map((warning) => warning.text);
      const text = `${counted(unlisted.length, "warning")} that the matrix does not list; first: ${
        lines[0]
      }`;
      const detail = lines.slice(0, 50).join("\n");
      one.fail("build", failure("build", "new-warning", text, detail), until);
      return false;
    });
  }
}
