// SPDX-License-Identifier: MIT
/**
 * When a time is another one. A machine is slower at one moment than at the next, throughout: what all
 * times of a run have in common is taken off first. How much a single time varies beside that is
 * learned from earlier runs. Pure.
 */

/** A time in two runs, in ms. */
export interface TimePair {
  readonly beforeMs: number;
  readonly afterMs: number;
  /** How much of either time, 0 to 1, the machine had more to do than its processors could. */
  readonly stalledShare: number;
  /** The same in earlier runs on this machine, each as a ratio to what all times of its run took. */
  readonly earlier: readonly number[];
}

/** Shorter ones are made of single ticks of the host. */
export const LEAST_MS = 50;
/** A change that nobody would look into, whatever its ratio. */
const LEAST_CHANGE_MS = 250;
/** So many earlier runs tell how much a time varies; with fewer, twice is too near to be sure. */
const ENOUGH_RUNS = 5;
const UNKNOWN_SPREAD = Math.log(2.5);
/** Of three phases of a boot, the middle one is what they have in common, and varies as well. */
const LEAST_SPREAD = Math.log(1.6);
/** In standard deviations; of a pair each of the two varies. */
const BEYOND = 4 * Math.SQRT2;
/** Makes a median absolute deviation a standard deviation, where a distribution is normal. */
const OF_NORMAL = 1.4826;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** How many times as long everything took; 1 where there is nothing to go by. */
export function commonFactor(pairs: readonly Pick<TimePair, "beforeMs" | "afterMs">[]): number {
  const long = pairs.filter(({ beforeMs, afterMs }) => Math.min(beforeMs, afterMs) >= LEAST_MS);
  // Of two times nobody can say which one has changed.
  if (long.length < 3) return 1;
  return Math.exp(median(long.map(({ beforeMs, afterMs }) => Math.log(afterMs / beforeMs))));
}

/** By what factor a time may differ from the others of its run without a word. */
export function boundOf(earlier: readonly number[]): number {
  const logs = earlier.filter((ratio) => ratio > 0).map(Math.log);
  if (logs.length < ENOUGH_RUNS) return Math.exp(UNKNOWN_SPREAD);
  const centre = median(logs);
  const spread = OF_NORMAL * median(logs.map((one) => Math.abs(one - centre)));
  return Math.exp(Math.max(LEAST_SPREAD, BEYOND * spread));
}

/** A time that passed with waiting for a processor more than this says nothing of what was timed. */
const MOST_STALLED = 0.5;

/** What is to be said of a time in two runs. */
export interface JudgedTime {
  /** How many times as long it took beside all others. */
  readonly ratio: number;
  /** By what factor it may differ without a word; null where the machine was too busy to say. */
  readonly bound: number | null;
  readonly changed: boolean;
}

/** @param common What all times of the two runs have in common, see {@linkcode commonFactor}. */
export function judgeTime(pair: TimePair, common: number): JudgedTime {
  const { beforeMs, afterMs, stalledShare, earlier } = pair;
  const ratio = Math.max(afterMs, 1) / (Math.max(beforeMs, 1) * common);
  if (stalledShare > MOST_STALLED) return { ratio, bound: null, changed: false };
  const bound = boundOf(earlier) / (1 - stalledShare);
  const isLong = Math.max(beforeMs, afterMs) >= LEAST_MS &&
    Math.abs(afterMs - beforeMs * common) >= LEAST_CHANGE_MS;
  return { ratio, bound, changed: isLong && (ratio > bound || ratio < 1 / bound) };
}
