// SPDX-License-Identifier: MIT
/** What a run is doing now, from its events: stages that go on, cells that are done, time left. */
import type { RunEvent } from "../model/run_event.ts";
import type { Stage } from "../model/model.ts";

/** A stage that goes on. */
export interface Activity {
  readonly stage: Stage;
  /** Ids of the cells that share it. */
  readonly cells: readonly string[];
  /** When it began, in ms on the clock of {@linkcode RunProgress.read}. */
  readonly sinceMs: number;
  /** The build key; null for stages that are about none. */
  readonly key: string | null;
  /** Compiled so far; null before the first object. `total` is what is expected, null if unknown. */
  readonly objects: { readonly done: number; readonly total: number | null } | null;
  /** The test that runs in the guest; null between tests. */
  readonly test: string | null;
  /** What the guest has said so far of its tests. */
  readonly said: TestCounts;
}

export type TestCounts = Readonly<Record<"ok" | "not ok" | "skip", number>>;

export const NO_TESTS: TestCounts = { ok: 0, "not ok": 0, skip: 0 };

/** Sharing below which the speed of a build says nothing of its end. */
const TELLING_SHARE = 0.05;

export class RunProgress {
  #running: Activity[] = [];
  #planned: readonly string[] = [];
  /** Verdict by cell; one that begins again has none. */
  readonly #ended = new Map<string, string>();
  #left: { readonly ms: number; readonly atMs: number } | null = null;

  /** Stages that go on, the oldest first. */
  get running(): readonly Activity[] {
    return this.#running;
  }

  /** How many cells the command takes; 0 before that is known. */
  get planned(): number {
    return this.#planned.length;
  }

  /** How many of them have a verdict that stands. */
  get done(): number {
    return this.#ended.size;
  }

  /** How many of those are failed or flaky. */
  get failed(): number {
    return [...this.#ended.values()].filter((one) => one === "failed" || one === "flaky").length;
  }

  /** Takes what has happened. @param nowMs On any clock that only goes forward. */
  read(event: RunEvent, nowMs: number): void {
    switch (event.event) {
      case "cells-planned":
        this.#planned = event.cells;
        break;
      case "stage-started": {
        const { stage, cells, key, remainingMs } = event;
        for (const cell of cells) this.#ended.delete(cell);
        const begun = { objects: null, test: null, said: NO_TESTS };
        this.#running.push({ stage, cells, key, sinceMs: nowMs, ...begun });
        if (remainingMs !== null) this.#left = { ms: remainingMs, atMs: nowMs };
        break;
      }
      case "stage-ended":
        this.#running = this.#running.filter(({ stage, cells }) =>
          stage !== event.stage || cells[0] !== event.cells[0]
        );
        break;
      case "objects-compiled":
        this.#change(({ stage, key }) => stage === "build" && key === event.key, () => ({
          objects: { done: event.done, total: event.total },
        }));
        break;
      case "test-started":
        this.#change(boots(event.cell), () => ({ test: event.test }));
        break;
      case "test-ended":
        this.#change(boots(event.cell), ({ said }) => ({
          test: null,
          said: { ...said, [event.said]: said[event.said] + 1 },
        }));
        break;
      case "cell-ended":
        this.#ended.set(event.cell, event.verdict);
        break;
      case "run-ended":
        this.#running = [];
        break;
    }
  }

  /**
   * Time that the run still takes: what was foreseen, less what has passed, and no less than builds
   * need at the speed that they have. null where nothing was foreseen.
   */
  leftMs(nowMs: number): number | null {
    if (this.#left === null) return null;
    const builds = this.#running.map(({ objects, sinceMs }) => {
      const share = objects?.total ? Math.min(1, objects.done / objects.total) : 0;
      return share < TELLING_SHARE ? 0 : (nowMs - sinceMs) * (1 - share) / share;
    });
    return Math.max(0, this.#left.ms - (nowMs - this.#left.atMs), ...builds);
  }

  #change(which: (one: Activity) => boolean, to: (one: Activity) => Partial<Activity>): void {
    this.#running = this.#running.map((one) => which(one) ? { ...one, ...to(one) } : one);
  }
}

const boots = (cell: string) => ({ stage, cells }: Activity) =>
  stage === "boot" && cells.includes(cell);
