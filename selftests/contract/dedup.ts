// SPDX-License-Identifier: MIT

/**
 * What unique mode spares, in figures: what the test attaches and what the host makes a table of.
 * Pure.
 */

/** The test that measures, and the name of what it attaches to its result. */
export const DEDUP_TEST = "kcov_dedup.base.unique_mode_overflows_less_and_loses_nothing";
export const DEDUP_ATTACHMENT = "dedup";

/** One program in both modes, in buffers of the same size. */
export interface DedupProgram {
  readonly name: string;
  /** System calls that it makes. */
  readonly calls: number;
  /** Different PCs that it leaves each time in mode PC, where the buffer is big enough. */
  readonly distinct: number;
  readonly pc: DedupModeOfProgram;
  readonly unique: DedupModeOfProgram;
}

export interface DedupModeOfProgram {
  readonly overflow: boolean;
  /** Entries in the buffer. */
  readonly kept: number;
  /** Different PCs of the big buffer that are not among them. */
  readonly lost: number;
  /** Time for all calls, in nanoseconds. */
  readonly ns: number;
}

/** The attachment: programs as rows of numbers, for the results channel is slow. */
export interface DedupAttachment {
  /** Words of the buffer in both modes. */
  readonly words: number;
  /** Those of them that are the bitmap in unique mode. */
  readonly bitmapWords: number;
  /** name, calls, distinct, then for each mode overflow (0 or 1), kept, lost, ns. */
  readonly rows: readonly (readonly (string | number)[])[];
}

/** What {@link readDedup} reads. */
export function dedupAttachment(
  words: number,
  bitmapWords: number,
  programs: readonly DedupProgram[],
): DedupAttachment {
  const mode = ({ overflow, kept, lost, ns }: DedupModeOfProgram) => [
    Number(overflow),
    kept,
    lost,
    Math.round(ns),
  ];
  const rows = programs.map(({ name, calls, distinct, pc, unique }) => [
    name,
    calls,
    distinct,
    ...mode(pc),
    ...mode(unique),
  ]);
  return { words, bitmapWords, rows };
}

export interface DedupFigures {
  readonly words: number;
  readonly bitmapWords: number;
  readonly programs: number;
  readonly calls: number;
  readonly pc: DedupMode;
  readonly unique: DedupMode;
}

/** Sums over all programs. */
export interface DedupMode {
  readonly overflows: number;
  readonly kept: number;
  readonly lost: number;
  readonly nsPerCall: number;
}

/** Sums up an attachment; null for a value that is none. */
export function readDedup(value: unknown): DedupFigures | null {
  const { words, bitmapWords, rows } = (value ?? {}) as Partial<DedupAttachment>;
  if (typeof words !== "number" || typeof bitmapWords !== "number" || !Array.isArray(rows)) {
    return null;
  }
  const whole = rows.every((row) =>
    Array.isArray(row) && row.length === 11 && row.slice(1).every((one) => typeof one === "number")
  );
  if (!whole || rows.length === 0) return null;
  const total = (column: number) => rows.reduce((sum, row) => sum + (row[column] as number), 0);
  const calls = total(1);
  const mode = (first: number): DedupMode => ({
    overflows: total(first),
    kept: total(first + 1),
    lost: total(first + 2),
    nsPerCall: total(first + 3) / calls,
  });
  return { words, bitmapWords, programs: rows.length, calls, pc: mode(3), unique: mode(7) };
}

/** Share of programs that overflow in mode PC. */
export function overflowRate({ programs }: DedupFigures, { overflows }: DedupMode): number {
  return overflows / programs;
}

/** How many of mode PC's overflows unique mode spares: 1 for all of them. */
export function sparedOverflows({ pc, unique }: DedupFigures): number {
  return pc.overflows === 0 ? 0 : 1 - unique.overflows / pc.overflows;
}
