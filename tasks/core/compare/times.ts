// SPDX-License-Identifier: MIT
/** The times of two runs beside each other. Pure. */
import { BOOT_PHASES, type CellReport, type RunReport } from "../model/model.ts";
import { commonFactor, judgeTime, LEAST_MS, type TimePair } from "./noise.ts";

/** A time of a cell in two runs. */
export interface ComparedTime {
  readonly cell: string;
  /** "build" or a phase of the boot. */
  readonly what: string;
  readonly beforeMs: number;
  readonly afterMs: number;
  /** How many times as long it took, what all times have in common taken off. */
  readonly ratio: number;
  /** By what factor it may differ without a word; null where the machine was too busy to say. */
  readonly bound: number | null;
  /** Whether it is another one. */
  readonly changed: boolean;
}

/** A cell that both runs have. */
export interface Both {
  readonly before: CellReport;
  readonly after: CellReport;
}

interface CellTime {
  readonly ms: number;
  readonly key: string;
  readonly stalledShare: number;
}

/**
 * Times of a cell, by name: of its build where all of it was compiled, and of the phases of its last
 * boot. `key` says what has to be equal for two of them to be comparable.
 */
export function timesOf({ facts, stages }: CellReport): Map<string, CellTime> {
  const all = new Map<string, CellTime>();
  const { build, boot } = facts;
  const made = stages.find(({ stage, outcome }) => stage === "build" && outcome.kind === "passed");
  if (build?.compiled && made !== undefined) {
    const { hits = 0, calls = 0 } = build.cacheUse ?? {};
    // In tenths: how much of it the compiler cache spared.
    const share = calls === 0 ? "none" : `${Math.round(10 * hits / calls)}`;
    const size = `${Math.round(calls / 50)}`;
    const { stalledShare = 0 } = build;
    all.set("build", { ms: made.durationMs, key: `${share} of ${size}`, stalledShare });
  }
  for (const phase of BOOT_PHASES) {
    const ms = boot?.phasesMs[phase];
    if (ms === undefined) continue;
    const stalledShare = boot!.stalledShares?.[phase] ?? 0;
    all.set(`boot, ${phase}`, { ms, key: boot!.accel, stalledShare });
  }
  return all;
}

/** The same times in earlier runs on this machine: `cell what` → ratios, see {@linkcode TimePair}. */
export type EarlierTimes = ReadonlyMap<string, readonly number[]>;

function timePairs(cells: readonly Both[], earlier: EarlierTimes) {
  return cells.flatMap(({ before, after }) => {
    const from = timesOf(before);
    return [...timesOf(after)].flatMap(([what, { ms: afterMs, key, stalledShare }]) => {
      const one = from.get(what);
      if (one === undefined || one.key !== key) return [];
      const pair: TimePair = {
        beforeMs: one.ms,
        afterMs,
        stalledShare: Math.max(one.stalledShare, stalledShare),
        earlier: earlier.get(`${after.cell} ${what}`) ?? [],
      };
      return [{ cell: after.cell, what, pair }];
    });
  });
}

/** Each time of a run as a ratio to what all of them took, against the run that is compared. */
export function ratiosTo(run: RunReport, reference: RunReport): Map<string, number> {
  const cells = run.cells.flatMap((after) => {
    const before = reference.cells.find(({ cell }) => cell === after.cell);
    return before === undefined ? [] : [{ before, after }];
  });
  const { times } = compareTimes(cells, new Map());
  return new Map(times.map(({ cell, what, ratio }) => [`${cell} ${what}`, ratio]));
}

/** Every time that both runs have under like conditions. */
export function compareTimes(
  cells: readonly Both[],
  earlier: EarlierTimes,
): { readonly times: readonly ComparedTime[]; readonly commonFactor: number } {
  const pairs = timePairs(cells, earlier);
  const common = commonFactor(pairs.map(({ pair }) => pair));
  const times = pairs.map(({ cell, what, pair }): ComparedTime => ({
    ...{ cell, what, beforeMs: pair.beforeMs, afterMs: pair.afterMs },
    ...judgeTime(pair, common),
  }));
  return { times, commonFactor: common };
}

/** Whether it would have been judged had the machine had less to do. */
export function isUnjudged({ bound, beforeMs, afterMs }: ComparedTime): boolean {
  return bound === null && beforeMs !== afterMs && Math.max(beforeMs, afterMs) >= LEAST_MS;
}
