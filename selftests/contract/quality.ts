// SPDX-License-Identifier: MIT

/**
 * What `deno task quality` asks of the guest, and what the guest attaches for it: how often each PC
 * stands in the buffer, and which runs of the same thing left another trace than most. Pure.
 */

import { type CoverArgument, type CoverRequest, packPcs, unpackPcs, unpackWords } from "./cover.ts";
import type { DataflowRequest } from "./dataflow_call.ts";

/** What is run and traced. */
export type QualitySubject =
  | {
    readonly kind: "call";
    /** Number of the system call. */
    readonly number: number;
    readonly args: readonly CoverArgument[];
  }
  /** The small programs that deduplication is measured with, each on its own. */
  | { readonly kind: "programs" };

/** What cell.json may hold as `cover` in a boot of `deno task quality`. */
export interface QualityRequest {
  readonly kind: "quality";
  readonly subject: QualitySubject;
  /** How often each subject runs under each condition. */
  readonly runs: number;
}

/** All that cell.json may hold as `cover`. */
export type TraceRequest = CoverRequest | QualityRequest | DataflowRequest;

/**
 * What goes on beside a run:
 * - alone: SCHED_FIFO on one CPU, so that nothing is switched to
 * - plain: SCHED_OTHER, as a fuzzer's process runs
 * - timer: as alone, and a timer interrupts at most 100 µs after the window opens
 * - wakeup: as alone, and a process of a higher priority on the same CPU wakes up every 100 µs
 * - yield: as plain, and a process on the same CPU yields all the time
 * - signal: as wakeup, and at each wake-up a signal is sent, which is handled
 */
export const CONDITIONS = ["alone", "plain", "timer", "wakeup", "yield", "signal"] as const;
export type Condition = typeof CONDITIONS[number];

/** The two ways of collection that have PCs. */
export const PC_MODES = ["pc", "unique"] as const;
export type PcMode = typeof PC_MODES[number];

/** Words of the bitmap in unique mode: 32768 indices. */
export const QUALITY_BITMAP_WORDS = 512;

/** Of the buffer that runs are compared in. */
export const RUNS_BUFFER_WORDS = 16 * 1024;

/** How a subject fills a buffer that is big enough, once everything has run before. */
export interface Filling {
  readonly subject: string;
  /** System calls that it makes. */
  readonly calls: number;
  /** What a single call returned, -errno where it failed; null for a program. */
  readonly result: number | null;
  readonly entries: number;
  /** Not even the big buffer was big enough. */
  readonly full: boolean;
  /** How often each PC is there, in the order of its first entry. */
  readonly counts: ReadonlyMap<bigint, number>;
}

/** Runs of one subject under one condition that left the same trace. */
export interface SameTrace {
  readonly pcs: readonly bigint[];
  /** How many they are, and the first and last of them, from 0. */
  readonly runs: number;
  readonly first: number;
  readonly last: number;
  /** In how many of them an interrupt was served, from just before the window to just after it. */
  readonly interrupted: number;
  /** The same of context switches of the thread. */
  readonly switched: number;
  /** The same of page faults of the thread. */
  readonly faulted: number;
}

/** What runs of one subject under one condition left. */
export interface Runs {
  readonly subject: string;
  readonly runs: number;
  readonly interrupted: number;
  readonly switched: number;
  readonly faulted: number;
  /** The trace that most runs left comes first; of equal ones the earlier. */
  readonly traces: readonly SameTrace[];
  /** Runs whose traces are not among them, for the guest keeps a limited number. */
  readonly unkept: number;
}

type Attach = (name: string, value: unknown) => void;
type Attachments = Readonly<Record<string, unknown>>;

/** Counts of one attachment. */
const COUNTS_A_FRAME = 800;

/** Attaches what {@link readFillings} reads, as the one numbered `index`. */
export function attachFilling(attach: Attach, index: number, filling: Filling): void {
  const { counts, ...facts } = filling;
  const prefix = `filling.${index}`;
  attach(prefix, facts);
  for (const [name, value] of packPcs([...counts.keys()], `${prefix}.pcs`)) attach(name, value);
  const numbers = [...counts.values()];
  for (let at = 0; at < numbers.length; at += COUNTS_A_FRAME) {
    const chunk = numbers.slice(at, at + COUNTS_A_FRAME).map((count) => count.toString(36));
    attach(`${prefix}.counts.${at / COUNTS_A_FRAME}`, chunk.join(" "));
  }
}

/** What {@link attachFilling} attached, in order. */
export function readFillings(attachments: Attachments): Filling[] {
  const fillings: Filling[] = [];
  for (let index = 0; attachments[`filling.${index}`] !== undefined; index++) {
    const prefix = `filling.${index}`;
    const facts = attachments[prefix] as Omit<Filling, "counts">;
    const counts = unpackWords(attachments, `${prefix}.counts`).map((word) => parseInt(word, 36));
    const pcs = unpackPcs(attachments, `${prefix}.pcs`);
    fillings.push({ ...facts, counts: new Map(pcs.map((pc, at) => [pc, counts[at]!])) });
  }
  return fillings;
}

/** PCs that two lists of them begin and end with, as numbers of entries that do not overlap. */
function common(one: readonly bigint[], other: readonly bigint[]): [begin: number, end: number] {
  const shorter = Math.min(one.length, other.length);
  let begin = 0;
  while (begin < shorter && one[begin] === other[begin]) begin++;
  let end = 0;
  while (end < shorter - begin && one.at(-1 - end) === other.at(-1 - end)) end++;
  return [begin, end];
}

/** Attaches what {@link readRuns} reads, as the one numbered `index`. */
export function attachRuns(attach: Attach, index: number, runs: Runs): void {
  const { traces, ...facts } = runs;
  const prefix = `runs.${index}`;
  attach(prefix, facts);
  traces.forEach(({ pcs, ...figures }, at) => {
    // The first is there whole, of the others only where they differ from it.
    const [begin, end] = at === 0 ? [0, 0] : common(traces[0]!.pcs, pcs);
    attach(`${prefix}.${at}`, { ...figures, begin, end });
    const rest = pcs.slice(begin, pcs.length - end);
    for (const [name, value] of packPcs(rest, `${prefix}.${at}.pcs`)) attach(name, value);
  });
}

/** What {@link attachRuns} attached, in order. */
export function readRuns(attachments: Attachments): Runs[] {
  const all: Runs[] = [];
  for (let index = 0; attachments[`runs.${index}`] !== undefined; index++) {
    const prefix = `runs.${index}`;
    const traces: SameTrace[] = [];
    for (let at = 0; attachments[`${prefix}.${at}`] !== undefined; at++) {
      const { begin, end, ...figures } = attachments[`${prefix}.${at}`] as
        & Omit<SameTrace, "pcs">
        & { begin: number; end: number };
      const most = traces[0]?.pcs ?? [];
      const pcs = [
        ...most.slice(0, begin),
        ...unpackPcs(attachments, `${prefix}.${at}.pcs`),
        ...most.slice(most.length - end),
      ];
      traces.push({ ...figures, pcs });
    }
    all.push({ ...attachments[prefix] as Omit<Runs, "traces">, traces });
  }
  return all;
}
