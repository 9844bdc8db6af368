// SPDX-License-Identifier: MIT
/**
 * A whole plan. For each kernel: fetch, patch. For each build: configure, build, inspect, pack. For
 * each cell: boot, parse. run/cell_stages.ts knows their order and does them; run/shared_stages.ts gives
 * each cell what came of a stage; a failure blocks what comes after it, and other cells go on.
 */
import type { Host } from "../host/host.ts";
import { cellFolder, type Paths } from "../core/model/paths.ts";
import type { Plan, RunReport, SourceTree } from "../core/model/model.ts";
import { CellStages, type ReadyKernel, type RunStage } from "./cell_stages.ts";
import type { CellProgress } from "./cell_progress.ts";
import { JobBook } from "./job_book.ts";
import { type RunOptions, RunState } from "./run_state.ts";
import { SharedStages, Stopped, untilStopped } from "./shared_stages.ts";
import { tellBootJudged, tellPlanned } from "./telling.ts";
import { listUses } from "./unused_lists.ts";
import { unusedOf } from "../core/console/allow_list.ts";
import { nothingJudged } from "../core/shards/merge.ts";
import { groupByBuild } from "../core/matrix/plan.ts";
import type { Build } from "../core/matrix/schedule.ts";
import { Schedule } from "./schedule.ts";
import { overBudgetText } from "../core/boot/boot_phases.ts";
import { bootFacts } from "../core/report/cell_facts.ts";
import { guestFeatures } from "../core/boot/guest_layout.ts";
import { attemptFolder } from "../core/judge/flakes.ts";
import type { Finding } from "../steps/doctor.ts";
import { ensureReady } from "../steps/setup.ts";

export class Pipeline {
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #paths: Paths;
  readonly #host: Host;
  readonly #state: RunState;
  readonly #stages: CellStages;
  readonly #shared: SharedStages;
  readonly #schedule: Schedule;
  readonly #jobs: JobBook;

  constructor(plan: Plan, options: RunOptions, paths: Paths, host: Host) {
    this.#plan = plan;
    this.#options = options;
    this.#paths = paths;
    this.#host = host;
    const { settings } = plan;
    const budget = { cores: settings.jobs, oneByOne: settings.failFast };
    const builds = groupByBuild(plan.cells).length;
    this.#schedule = new Schedule(budget, builds, () => host.now());
    this.#jobs = new JobBook(plan, this.#schedule, paths, host);
    this.#state = new RunState(plan, options, host);
    this.#shared = new SharedStages({
      ...{ plan, options, paths, host },
      ...{ state: this.#state, schedule: this.#schedule, jobs: this.#jobs },
    });
    const sharing = { ...plan, settings: { ...settings, jobs: this.#schedule.jobs } };
    this.#stages = new CellStages(sharing, paths, host);
  }

  /** What is known of the run now. */
  report(): RunReport {
    return this.#state.report(this.#stages.accel);
  }

  /** Runs the plan. Never throws: what goes wrong is in the report. */
  async run(): Promise<RunReport> {
    tellPlanned(this.#plan.cells, this.#host);
    if (await this.#makeReady()) await this.#kernels();
    for (const cell of this.#state.cells) this.#state.ended(cell);
    return this.report();
  }

  /** Whether the machine has what the cells need; if not, that is the run's failure. */
  async #makeReady(): Promise<boolean> {
    const state = this.#state;
    try {
      const { cells, settings } = this.#plan;
      state.tools = versionsOf(await ensureReady(cells, settings, this.#paths, this.#host));
    } catch (error) {
      state.failedAsAWhole(error);
      state.block(state.cells, "setup");
      return false;
    }
    const sandbox = await this.#host.sandbox();
    for (const cell of state.cells) cell.sandbox = sandbox;
    await this.#jobs.announce(this.#options.until);
    return true;
  }

  async #kernels(): Promise<void> {
    const state = this.#state;
    const kernels: Promise<void>[] = [];
    for (const kernel of new Set(this.#plan.cells.map((cell) => cell.kernel.id))) {
      const cells = state.cells.filter((one) => one.cell.kernel.id === kernel);
      // Sources come one after the other, and each kernel's builds wait for no other's.
      const sourced = Promise.withResolvers<void>();
      const ended = this.#kernel(kernel, cells, sourced.resolve).catch((error) => {
        // Between two stages, where a full disk shows itself; no cell of it can go on.
        state.failedAsAWhole(error);
        state.block(cells, "setup");
      }).finally(sourced.resolve);
      kernels.push(ended);
      await (this.#plan.settings.failFast ? ended : sourced.promise);
    }
    await Promise.all(kernels);
    state.block(state.cells, "fail-fast");
    const lists = listUses(this.#plan, state.cells);
    if (this.#plan.shard !== undefined) {
      // Of the whole run one part can say neither; the merge does.
      state.lists = lists;
      return;
    }
    if (state.cells.every((one) => one.leftOut)) state.failures.push(nothingJudged());
    state.failures.push(...unusedOf(lists === null ? [] : [lists]));
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
      await allEnded(ends);
    };
    if (this.#state.stopped(cells)) return;
    try {
      await untilStopped(async () => {
        const { kernel } = cells[0]!.cell;
        await build(await this.#stages.source(kernel, this.#shared.runner(cells)));
      });
    } finally {
      this.#stages.releaseTrees(id);
      this.#jobs.withdraw(groups.map((group) => group[0]!));
    }
  }

  /** Cells of one build. */
  async #group(source: SourceTree, cells: readonly CellProgress[], job: Build): Promise<void> {
    const ready = await this.#schedule.run(job, async () => {
      if (this.#state.stopped(cells)) throw new Stopped();
      return await this.#stages.ready(cells[0]!.cell, source, this.#shared.runner(cells));
    });
    try {
      await allEnded(cells.map((one, index) =>
        this.#schedule.run(job.boots[index]!, async () => {
          if (!one.failed && !this.#state.stopped([one])) {
            await untilStopped(() => this.#boots(one, ready));
          }
        })
      ));
    } finally {
      ready.use.release();
    }
  }

  /** Boots a cell as often as the settings want, and hands over what it shows. */
  async #boots(one: CellProgress, kernel: ReadyKernel): Promise<void> {
    const { settings } = this.#plan;
    const folder = cellFolder(one.cell.id);
    await this.#boot(one, kernel, folder, settings.testFilter, this.#shared.runner([one]));
    for (let filter; (filter = one.nextFilter(settings)) !== null;) {
      const number = one.attempts.length + 1;
      const next = `${folder}${attemptFolder(number)}`;
      this.#host.log("info", `boot ${one.cell.id}, attempt ${number}`);
      try {
        await this.#boot(one, kernel, next, filter, (_, body) => body());
      } catch (error) {
        // What the boots before have shown stands.
        this.#state.failures.push(this.#state.failureOf(error));
        break;
      }
    }
    await this.#shared.handOver(one);
    const shown = one.attempts.find((each) => one.verdictOf(each).kind !== "passed");
    const dir = `${this.#options.runDir}/${(shown ?? one.attempts.at(-1)!).folder}`;
    one.consoleTail = await this.#host.fs.readTail(`${dir}/console.log`, 4096);
    this.#state.ended(one);
  }

  async #boot(
    one: CellProgress,
    kernel: ReadyKernel,
    folder: string,
    filter: readonly string[],
    run: RunStage,
  ): Promise<void> {
    const { cell } = one;
    const ready = { ...kernel, cell, features: guestFeatures(kernel.kernel, cell.machine) };
    const dir = `${this.#options.runDir}/${folder}`;
    const booted = await this.#stages.boot(ready, { dir, filter }, run);
    const attempt = { folder, ...booted };
    one.addBoot(attempt, this.#plan.settings.attempts);
    tellBootJudged(cell.id, dir, one.verdictOf(attempt), this.#host);
    const slow = bootFacts(booted.record, null).overBudget.map(overBudgetText);
    if (slow.length > 0) this.#host.log("warn", `${cell.id}: slow boot: ${slow.join("; ")}`);
    if (booted.result.boot !== null) return;
    await this.#jobs.remember(cell, { buildMs: null, bootMs: booted.record.durationMs });
  }
}

/** Waits for the last of them, whatever becomes of the others. @throws What the first one threw. */
async function allEnded(ends: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(ends)).find((end) => end.status === "rejected");
  if (failed) throw failed.reason;
}

/** What is known of the versions of programs. */
function versionsOf(findings: readonly Finding[]): Record<string, string> {
  return Object.fromEntries(
    findings.filter(({ requirement }) => requirement.probe.kind === "version")
      .map(({ requirement, found }) => [requirement.id, found]),
  );
}
