// SPDX-License-Identifier: MIT
/** `deno task quality`: what fills the buffer, by function, and which PCs come and go. */
import { diffArrays } from "diff";
import {
  type Condition,
  type Filling,
  type PcMode,
  QUALITY_BITMAP_WORDS,
  type Runs,
  type SameTrace,
} from "../../../selftests/contract/quality.ts";
import type { SourceFrame } from "../inspect/symbolizer.ts";

/** By what entries of a buffer are gathered. */
export const SHARE_KEYS = ["function", "inlined", "file"] as const;
export type ShareKey = typeof SHARE_KEYS[number];

/** Frames of a PC, the innermost inlined function first; none outside of vmlinux. */
export type Places = ReadonlyMap<bigint, readonly SourceFrame[]>;

/** Entries of one mode. */
export interface Entries {
  readonly entries: number;
  /** Of all entries of the mode: 0 to 1. */
  readonly share: number;
}

export interface Share {
  readonly name: string;
  /** Start of the function of the image; null where entries are not gathered by it. */
  readonly start: bigint | null;
  readonly modes: Readonly<Partial<Record<PcMode, Entries>>>;
}

export type FillingsByMode = ReadonlyMap<PcMode, readonly Filling[]>;

function shareOf(pc: bigint, places: Places, by: ShareKey): Omit<Share, "modes"> {
  const frames = places.get(pc) ?? [];
  const [inner, outer] = [frames[0], frames.at(-1)];
  if (inner === undefined || outer === undefined) return { name: "(outside vmlinux)", start: null };
  switch (by) {
    case "function":
      return { name: outer.function, start: outer.start ?? null };
    case "inlined":
      return { name: `${inner.function} ${inner.file}`, start: null };
    case "file":
      return { name: outer.file, start: null };
  }
}

/** What part of the entries each function has, in each mode; most entries in the first mode first. */
export function shares(fillings: FillingsByMode, places: Places, by: ShareKey): Share[] {
  const found = new Map<string, Omit<Share, "modes"> & { modes: Map<PcMode, number> }>();
  const totals = new Map<PcMode, number>();
  for (const [mode, list] of fillings) {
    for (const [pc, count] of list.flatMap(({ counts }) => [...counts])) {
      const share = shareOf(pc, places, by);
      const key = `${share.name} ${share.start}`;
      const one = found.get(key) ?? { ...share, modes: new Map() };
      one.modes.set(mode, (one.modes.get(mode) ?? 0) + count);
      totals.set(mode, (totals.get(mode) ?? 0) + count);
      found.set(key, one);
    }
  }
  const modes = [...fillings.keys()];
  return [...found.values()].map(({ name, start, modes: counts }) => ({
    ...{ name, start },
    modes: Object.fromEntries(modes.map((mode) => {
      const entries = counts.get(mode) ?? 0;
      return [mode, { entries, share: entries / (totals.get(mode) || 1) }];
    })),
  })).sort((a, b) => entriesOf(b, modes[0]!) - entriesOf(a, modes[0]!) || byName(a, b));
}

/** Entries of a function in a mode. */
export function entriesOf({ modes }: Share, mode: PcMode): number {
  return modes[mode]?.entries ?? 0;
}

function byName(a: Share, b: Share): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

/** Entries that a buffer of so many words takes in a mode. */
export function capacityOf(mode: PcMode, bufferWords: number): number {
  return bufferWords - 1 - (mode === "unique" ? QUALITY_BITMAP_WORDS : 0);
}

/** Whether a buffer of so many words is full; what comes after is lost, and nobody knows. */
export function overflows(filling: Filling, mode: PcMode, bufferWords: number): boolean {
  return filling.full || filling.entries >= capacityOf(mode, bufferWords);
}

/** What happened around runs, of these kinds. */
export const AROUND = ["switched", "faulted", "interrupted"] as const;
export type Around = typeof AROUND[number];

/** How many runs, and around how many of them something happened. */
export type RunCounts = { readonly runs: number } & Readonly<Record<Around, number>>;

/** Entries next to each other that a trace has and that of most runs has not, or the reverse. */
export interface Change {
  readonly kind: "added" | "missing";
  readonly pcs: readonly bigint[];
  /** The entry before them; null at the beginning of the trace. */
  readonly after: bigint | null;
  /** The entry behind them; null at the end of the trace. */
  readonly before: bigint | null;
  readonly counts: RunCounts;
  /** All of these runs came before the first one that left the trace of most runs. */
  readonly warmUp: boolean;
  /**
   * What happened around each run that has the change, but not around each run of all; null where
   * there is no such thing.
   */
  readonly around: Around | null;
}

export interface Moves {
  readonly added: number;
  readonly missing: number;
}

/** Runs of a subject under a condition, compared with the trace that most of them left. */
export interface Comparison {
  readonly subject: string;
  readonly condition: Condition;
  readonly counts: RunCounts;
  /** Runs that left the trace of most runs, and how long it is. */
  readonly alike: number;
  readonly entries: number;
  /** Runs before the first of those. */
  readonly warmUpRuns: number;
  /** Later runs that left another trace. */
  readonly odd: RunCounts;
  readonly changes: readonly Change[];
  /** Runs into which a PC came, and from which it went missing, for each that did. */
  readonly moves: ReadonlyMap<bigint, Moves>;
  /** Runs whose traces are not known. */
  readonly unkept: number;
  /** Every PC of a later run. */
  readonly pcs: ReadonlySet<bigint>;
}

/** More changes than this between two traces are one: everything was different. */
const MOST_EDITS = 500;

const NO_RUNS: RunCounts = { runs: 0, switched: 0, faulted: 0, interrupted: 0 };

function plus(a: RunCounts, b: RunCounts): RunCounts {
  return {
    runs: a.runs + b.runs,
    switched: a.switched + b.switched,
    faulted: a.faulted + b.faulted,
    interrupted: a.interrupted + b.interrupted,
  };
}

/** A change apart from the runs that have it. */
export type BareChange = Pick<Change, "kind" | "pcs" | "after" | "before">;

/** What it takes to come from one trace to another. */
export function changesBetween(most: readonly bigint[], other: readonly bigint[]): BareChange[] {
  const parts = diffArrays([...most], [...other], { maxEditLength: MOST_EDITS }) ?? [
    { added: false, removed: true, value: [...most] },
    { added: true, removed: false, value: [...other] },
  ];
  const changes: BareChange[] = [];
  let at = 0;
  for (const { added, removed, value } of parts) {
    const behind = at + (added ? 0 : value.length);
    if (added || removed) {
      changes.push({
        kind: added ? "added" : "missing",
        pcs: value,
        after: most[at - 1] ?? null,
        before: most[behind] ?? null,
      });
    }
    at = behind;
  }
  return changes;
}

function keyOf({ kind, pcs, after, before }: BareChange): string {
  return [kind, after, before, ...pcs].join(" ");
}

/** Compares all traces with the first, which most runs left. */
export function compareRuns(runs: Runs, condition: Condition): Comparison {
  const [most, ...others] = runs.traces;
  const warmUpRuns = most?.first ?? runs.runs;
  const isWarmUp = ({ last }: SameTrace) => last < warmUpRuns;
  const found = new Map<string, BareChange & { counts: RunCounts; warmUp: boolean }>();
  const moves = new Map<bigint, Moves>();
  for (const trace of others) {
    const changes = changesBetween(most!.pcs, trace.pcs);
    for (const kind of ["added", "missing"] as const) {
      const moved = changes.filter((change) => change.kind === kind).flatMap(({ pcs }) => pcs);
      for (const pc of new Set(moved)) {
        const before = moves.get(pc) ?? { added: 0, missing: 0 };
        moves.set(pc, { ...before, [kind]: before[kind] + trace.runs });
      }
    }
    for (const change of changes) {
      const { counts = NO_RUNS, warmUp = true } = found.get(keyOf(change)) ?? {};
      found.set(keyOf(change), {
        ...change,
        counts: plus(counts, trace),
        warmUp: warmUp && isWarmUp(trace),
      });
    }
  }
  const later = runs.traces.filter((trace) => !isWarmUp(trace));
  const around = (counts: RunCounts) =>
    AROUND.find((name) => counts[name] === counts.runs && runs[name] < runs.runs) ?? null;
  return {
    ...{ subject: runs.subject, condition, warmUpRuns, unkept: runs.unkept, moves },
    counts: plus(NO_RUNS, runs),
    alike: most?.runs ?? 0,
    entries: most?.pcs.length ?? 0,
    odd: later.slice(1).reduce<RunCounts>(plus, NO_RUNS),
    changes: [...found.values()]
      .map((change) => ({ ...change, around: around(change.counts) }))
      .sort((a, b) => b.counts.runs - a.counts.runs),
    pcs: new Set(later.flatMap(({ pcs }) => pcs)),
  };
}

/** A change with all that it was found in. */
export interface ChangeFound {
  readonly change: BareChange;
  readonly places: readonly {
    readonly comparison: Comparison;
    readonly change: Change;
  }[];
  /** Runs of all places. */
  readonly counts: RunCounts;
}

/** Each change once, the one of most runs first. */
export function changesFound(comparisons: readonly Comparison[]): ChangeFound[] {
  const all = comparisons.flatMap((comparison) =>
    comparison.changes.map((change) => ({ comparison, change }))
  );
  return [...Map.groupBy(all, ({ change }) => keyOf(change)).values()].map((places) => ({
    change: places[0]!.change,
    places,
    counts: places.map(({ change }) => change.counts).reduce(plus, NO_RUNS),
  })).sort((a, b) => b.counts.runs - a.counts.runs);
}

/** A PC that is not in each run as often. */
export interface UnstablePc {
  readonly pc: bigint;
  /** By condition; programs that ran under the same one are added up. */
  readonly runs: ReadonlyMap<Condition, Moves>;
  /** It came or went in warm-up runs alone. */
  readonly warmUp: boolean;
  /** What its later changes come with. */
  readonly around: ReadonlySet<Around | null>;
  /** Under no other conditions than these is it there at all; null where it is there alone, too. */
  readonly only: readonly Condition[] | null;
}

/** Every PC that comes or goes, over all subjects and conditions; the most unstable one first. */
export function unstablePcs(comparisons: readonly Comparison[]): UnstablePc[] {
  const pcs = new Set(comparisons.flatMap(({ moves }) => [...moves.keys()]));
  const alone = comparisons.filter(({ condition }) => condition === "alone");
  const total = ({ runs }: Pick<UnstablePc, "runs">) =>
    [...runs.values()].reduce((sum, { added, missing }) => sum + added + missing, 0);
  return [...pcs].map((pc): UnstablePc => {
    const runs = new Map<Condition, Moves>();
    for (const { condition, moves } of comparisons) {
      const [before, more] = [runs.get(condition), moves.get(pc)];
      if (more === undefined) continue;
      runs.set(condition, {
        added: more.added + (before?.added ?? 0),
        missing: more.missing + (before?.missing ?? 0),
      });
    }
    const later = comparisons.flatMap(({ changes }) => changes)
      .filter((change) => !change.warmUp && change.pcs.includes(pc));
    const isThere = comparisons.filter(({ pcs }) => pcs.has(pc)).map(({ condition }) => condition);
    const isProvoked = alone.length > 0 && !isThere.includes("alone");
    return {
      ...{ pc, runs },
      warmUp: later.length === 0,
      around: new Set(later.map(({ around }) => around)),
      only: isProvoked && isThere.length > 0 ? [...new Set(isThere)] : null,
    };
  }).sort((a, b) => total(b) - total(a) || (a.pc < b.pc ? -1 : 1));
}
