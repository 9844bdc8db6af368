// SPDX-License-Identifier: MIT
/**
 * One cell, made ready and booted as often as a command likes, by the stages that every cell goes
 * through. The first failure is thrown.
 */
import type { Host } from "../host/host.ts";
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
import { type Failure, failureFrom, KmatrixError } from "../core/model/errors.ts";
import { judgeWarnings } from "../core/build/build_log.ts";
import { failureFacts } from "../core/model/run_event.ts";
import { guestFeatures } from "../core/boot/guest_layout.ts";
import type { AttendOptions } from "../stages/boot.ts";

/** In the middle of a series the option for unique mode can be there, and its ioctl not yet. */
function promised(features: readonly Feature[]): readonly Feature[] {
  return features.filter((one) => one !== "unique" || features.includes("unique-ioctl"));
}

export class OneCell {
  readonly #stages: CellStages;
  readonly #known: readonly KnownWarning[];
  readonly #host: Host;

  /** @param plan Its settings and --kconfig-add hold; which cells it has does not matter. */
  constructor(plan: Plan, paths: Paths, host: Host) {
    this.#stages = new CellStages(plan, paths, host);
    this.#known = plan.matrix.warnings;
    this.#host = host;
  }

  /** The source of a cell's kernel with its series. @throws KmatrixError as fetch and patch do. */
  async source(cell: Cell): Promise<SourceTree> {
    return await this.#stages.source(cell.kernel, this.#runner(cell));
  }

  /**
   * Configures, builds, inspects and packs.
   * @throws KmatrixError as the stages do; "interrupted" where the run is broken off.
   */
  async ready(cell: Cell, source: SourceTree, looks: Looks = {}): Promise<ReadyCell> {
    const ready = await this.#stages.ready(cell, source, this.#runner(cell), looks);
    return { ...ready, cell, features: promised(guestFeatures(ready.kernel, cell.machine)) };
  }

  /** What the build warned of and the matrix does not list; it fails a cell of `matrix`. */
  newWarnings({ cell, kernel }: ReadyCell): readonly Warning[] {
    return judgeWarnings(kernel.warnings, this.#known, cell.id).unlisted;
  }

  /** Boots once and judges the recordings; what the guest does is in the result, never thrown. */
  async boot(ready: ReadyCell, request: BootRequest): Promise<CellResult> {
    return (await this.#stages.boot(ready, request, this.#runner(ready.cell))).result;
  }

  /** Boots with the user's terminal as the console; gives QEMU's exit code. */
  async attend(ready: ReadyCell, request: BootRequest, options: AttendOptions): Promise<number> {
    this.#host.log("info", `boot ${ready.cell.id}`);
    return await this.#stages.attend(ready, request, options);
  }

  #runner(cell: Cell): RunStage {
    return async (stage, body) => {
      this.#stopIfBrokenOff();
      const told = { stage, cells: [cell.id] };
      this.#host.emit({ event: "stage-started", ...told, remainingMs: null });
      const startedAt = this.#host.now();
      const ended = (failure: Failure | null) =>
        this.#host.emit({
          ...{ event: "stage-ended", ...told, durationMs: this.#host.now() - startedAt },
          ...(this.#host.signal.aborted
            ? { outcome: "interrupted", failure: null }
            : failure === null
            ? { outcome: "passed", failure }
            : { outcome: "failed", failure: failureFacts(failure) }),
        });
      try {
        const value = await body();
        ended(null);
        return value;
      } catch (error) {
        ended(failureFrom(error));
        throw error;
      } finally {
        this.#stopIfBrokenOff();
      }
    };
  }

  #stopIfBrokenOff(): void {
    if (!this.#host.signal.aborted) return;
    throw new KmatrixError("interrupted", "interrupted", "the run was interrupted");
  }
}
