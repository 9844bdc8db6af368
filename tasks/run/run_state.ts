// SPDX-License-Identifier: MIT
/** What is known of a run while it goes on: its cells, what failed as a whole, the report so far. */
import type { Host } from "../host/host.ts";
import {
  type Accel,
  type CellReport,
  type ListUse,
  type Plan,
  RUN_FORMAT,
  type RunReport,
  type SourceIdentity,
  type Stage,
} from "../core/model/model.ts";
import { type Failure, failure, failureFrom } from "../core/model/errors.ts";
import { CellProgress } from "./cell_progress.ts";
import { tellCellEnded } from "./telling.ts";

export interface RunOptions {
  /** The last stage to run. */
  readonly until: Stage;
  /** Folder of this run. */
  readonly runDir: string;
  /** The command that does one cell of this run again, or where there are any, these tests of it. */
  readonly repeat: (cell: string, tests: readonly string[]) => string;
  /** Which signal has broken the run off, if any. */
  readonly interruptedBy: () => RunReport["interrupted"];
}

export class RunState {
  readonly cells: readonly CellProgress[];
  /** Failures that belong to no cell. */
  readonly failures: Failure[] = [];
  /** What is on record of each kernel's source. */
  readonly sources: SourceIdentity[] = [];
  /** Of a shard that has ended: what the lists of the project say of its cells. */
  lists: readonly ListUse[] | null = null;
  /** Programs with their versions. */
  tools: Readonly<Record<string, string>> = {};
  readonly #plan: Plan;
  readonly #options: RunOptions;
  readonly #host: Host;
  readonly #startedAt: number;
  /** Those whose end has been told. */
  readonly #told = new Set<CellProgress>();

  constructor(plan: Plan, options: RunOptions, host: Host) {
    this.#plan = plan;
    this.#options = options;
    this.#host = host;
    this.#startedAt = host.now();
    this.cells = plan.cells.map((cell) => new CellProgress(cell));
  }

  /** Time since the run's start. */
  get elapsedMs(): number {
    return this.#host.now() - this.#startedAt;
  }

  /** @param accel What guests run on; null before the first boot. */
  report(accel: Accel | null): RunReport {
    return {
      format: RUN_FORMAT,
      startedAt: new Date(this.#startedAt).toISOString(),
      durationMs: this.elapsedMs,
      accel,
      cells: this.cells.map((cell) => this.reportOf(cell)),
      interrupted: this.#options.interruptedBy(),
      failures: this.failures,
      sources: this.sources,
      usage: this.#host.usage(),
      ...(this.#plan.shard === undefined ? {} : { shard: this.#plan.shard }),
      ...(this.lists === null ? {} : { lists: this.lists }),
    };
  }

  reportOf(cell: CellProgress): CellReport {
    const { until, repeat } = this.#options;
    return cell.report(until, (tests) => repeat(cell.cell.id, tests), this.#plan.settings);
  }

  /** Tells, once, that the verdict of a cell stands. */
  ended(cell: CellProgress): void {
    if (this.#told.has(cell)) return;
    this.#told.add(cell);
    tellCellEnded(cell.cell.id, this.reportOf(cell).verdict, this.#host);
  }

  /** Marks what cells have not come to as blocked: by Ctrl-C if there was one, else as said. */
  block(cells: readonly CellProgress[], otherwise: Stage | "setup" | "fail-fast"): void {
    const by = this.#host.signal.aborted ? "interrupt" : otherwise;
    for (const cell of cells) cell.block(this.#options.until, by);
  }

  /** Blocks the cells where the run is not to go on; says whether it did. */
  stopped(cells: readonly CellProgress[]): boolean {
    const failFast = this.#plan.settings.failFast && this.cells.some((one) => one.failed);
    if (!this.#host.signal.aborted && !failFast) return false;
    this.block(cells, "fail-fast");
    return true;
  }

  /** Being broken off is no failure: cells say what did not run, the exit code why. */
  failedAsAWhole(error: unknown): void {
    const failure = this.failureOf(error);
    if (failure.kind !== "interrupted") this.failures.push(failure);
  }

  failureOf(error: unknown): Failure {
    if (this.#host.signal.aborted) {
      return failure("interrupted", "interrupted", "the run was interrupted");
    }
    return failureFrom(error);
  }
}
