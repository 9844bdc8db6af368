// SPDX-License-Identifier: MIT
/**
 * One cell, made ready and booted as often as a command likes, by the stages that every cell goes
 * through. The first failure is thrown.
 */
import type { Held, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type {
  Cell,
  CellResult,
  Feature,
  KnownWarning,
  Plan,
  SourceTree,
  Warning,
} from "../core/model/model.ts";
import {
  type BootRequest,
  CellStages,
  type Looks,
  type ReadyCell,
  type RunStage,
} from "./cell_stages.ts";
import { failureFrom, KmatrixError } from "../core/model/errors.ts";
import { judgeWarnings } from "../core/build/build_log.ts";
import { guestFeatures } from "../core/boot/guest_layout.ts";
import type { AttendOptions } from "../stages/boot.ts";
import { judgeOneBoot } from "../core/judge/verdict.ts";
import { tellBootJudged, tellCellEnded, toldStage } from "./telling.ts";

/** In the middle of a series the option for unique mode can be there, and its ioctl not yet. */
function promised(features: readonly Feature[]): readonly Feature[] {
  return features.filter((one) => one !== "unique" || features.includes("unique-ioctl"));
}

export class OneCell {
  readonly #stages: CellStages;
  readonly #known: readonly KnownWarning[];
  readonly #host: Host;
  /** Of the cell that was made ready last. */
  #use: Held | null = null;

  private constructor(plan: Plan, paths: Paths, host: Host) {
    this.#stages = new CellStages(plan, paths, host);
    this.#known = plan.matrix.warnings;
    this.#host = host;
  }

  /**
   * Holds what the body gets of it, trees and the build that was made ready last, until it is done.
   * @param plan Its settings and --kconfig-add hold; which cells it has does not matter.
   */
  static async run<T>(
    plan: Plan,
    paths: Paths,
    host: Host,
    body: (cell: OneCell) => Promise<T>,
  ): Promise<T> {
    const one = new OneCell(plan, paths, host);
    try {
      return await body(one);
    } finally {
      one.#use?.release();
      one.#stages.releaseTrees();
    }
  }

  /** The source of a cell's kernel with its series. @throws KmatrixError as fetch and patch do. */
  async source(cell: Cell): Promise<SourceTree> {
    return await this.#making(cell, (run) => this.#stages.source(cell.kernel, run));
  }

  /**
   * Configures, builds, inspects and packs. What was made ready before may change from now on.
   * @throws KmatrixError as the stages do; "interrupted" where the run is broken off.
   */
  async ready(cell: Cell, source: SourceTree, looks: Looks = {}): Promise<ReadyCell> {
    this.#use?.release();
    this.#use = null;
    const ready = await this.#making(
      cell,
      (run) => this.#stages.ready(cell, source, run, looks),
    );
    this.#use = ready.use;
    return { ...ready, cell, features: promised(guestFeatures(ready.kernel, cell.machine)) };
  }

  /** What the build warned of and the matrix does not list; it fails a cell of `matrix`. */
  newWarnings({ cell, kernel }: ReadyCell): readonly Warning[] {
    return judgeWarnings(kernel.warnings, this.#known, cell.id).unlisted;
  }

  /** Boots once and judges the recordings; what the guest does is in the result, never thrown. */
  async boot(ready: ReadyCell, request: BootRequest): Promise<CellResult> {
    const { cell } = ready;
    const { result } = await this.#stages.boot(ready, request, this.#runner(cell));
    const { verdict } = judgeOneBoot(cell.expect, result);
    tellBootJudged(cell.id, request.dir, verdict, this.#host);
    tellCellEnded(cell.id, verdict, this.#host);
    return result;
  }

  /** Boots with the user's terminal as the console; gives QEMU's exit code. */
  async attend(ready: ReadyCell, request: BootRequest, options: AttendOptions): Promise<number> {
    this.#host.log("info", `boot ${ready.cell.id}`);
    return await this.#stages.attend(ready, request, options);
  }

  #runner(cell: Cell): RunStage {
    return async (stage, body, key = null) => {
      this.#stopIfBrokenOff();
      try {
        const told = { stage, cells: [cell.id], remainingMs: null, key };
        return await toldStage(told, this.#host, body);
      } finally {
        this.#stopIfBrokenOff();
      }
    };
  }

  /** Runs what makes a cell ready; a failure of it ends the cell. */
  async #making<T>(cell: Cell, body: (run: RunStage) => Promise<T>): Promise<T> {
    try {
      return await body(this.#runner(cell));
    } catch (error) {
      const failures = [failureFrom(error)] as const;
      if (!this.#host.signal.aborted) {
        tellCellEnded(cell.id, { kind: "failed", failures }, this.#host);
      }
      throw error;
    }
  }

  #stopIfBrokenOff(): void {
    if (!this.#host.signal.aborted) return;
    throw new KmatrixError("interrupted", "interrupted", "the run was interrupted");
  }
}
