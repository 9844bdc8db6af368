// SPDX-License-Identifier: MIT
/** Running a stage and judging a boot so that all who read along are told. */
import type { Host } from "../host/host.ts";
import type { Cell, CellResult, CellVerdict, Stage } from "../core/model/model.ts";
import { type Failure, failureFrom } from "../core/model/errors.ts";
import { failureFacts } from "../core/model/run_event.ts";
import { groupByBuild } from "../core/matrix/plan.ts";

export interface ToldStage {
  readonly stage: Stage;
  /** Ids of the cells that share it. */
  readonly cells: readonly string[];
  /** Time that the whole run still takes; null where that is not known. */
  readonly remainingMs: number | null;
  /** The build key, where the stage is about one. */
  readonly key: string | null;
}

/** Emits which cells a command takes. */
export function tellPlanned(cells: readonly Cell[], host: Host): void {
  const ids = cells.map(({ id }) => id);
  host.emit({ event: "cells-planned", cells: ids, builds: groupByBuild(cells).length });
}

/** Emits beginning and end of a stage around its body, and throws what the body throws. */
export async function toldStage<T>(
  { stage, cells, remainingMs, key }: ToldStage,
  host: Host,
  body: () => Promise<T>,
): Promise<T> {
  host.emit({ event: "stage-started", stage, cells: [...cells], remainingMs, key });
  const startedAt = host.now();
  const ended = (outcome: "passed" | "failed" | "interrupted", failure: Failure | null) =>
    host.emit({
      ...{ event: "stage-ended", stage, cells: [...cells], outcome },
      ...{ durationMs: host.now() - startedAt, failure: failure && failureFacts(failure) },
    });
  let value: T;
  try {
    value = await body();
  } catch (error) {
    // Whatever a stage says while it is broken off, the user's Ctrl-C is the cause.
    if (host.signal.aborted) ended("interrupted", null);
    else ended("failed", failureFrom(error));
    throw error;
  }
  ended("passed", null);
  return value;
}

/** Emits the kernel's complaints of one boot. @param folder Of its recordings. */
export function tellSplats(cell: string, folder: string, { splats }: CellResult, host: Host): void {
  for (const { id, title, during, times, root, fingerprint, allowed } of splats) {
    host.emit({
      ...{ event: "splat", cell, folder, id, title, during, times, root, fingerprint },
      allowed: allowed !== null,
    });
  }
}

/** Emits a verdict on one boot. @param folder Of its recordings. */
export function tellBootJudged(
  cell: string,
  folder: string,
  verdict: CellVerdict,
  host: Host,
): void {
  host.emit({ event: "boot-judged", cell, folder, ...verdictFacts(verdict) });
}

/** Emits a verdict that stands. */
export function tellCellEnded(cell: string, verdict: CellVerdict, host: Host): void {
  host.emit({ event: "cell-ended", cell, ...verdictFacts(verdict) });
}

function verdictFacts(verdict: CellVerdict) {
  const [first] = "failures" in verdict ? verdict.failures : [];
  return { verdict: verdict.kind, failure: first === undefined ? null : failureFacts(first) };
}
