// SPDX-License-Identifier: MIT
/** Complaints as reports show them: with source lines, with the reason why one is allowed, grouped. */
import type { AllowedSplat, CellReport, SplatReport } from "../model/model.ts";
import type { ElfSymbol } from "../inspect/elf.ts";
import { allowedBy } from "./allow_list.ts";
import { TOO_MANY } from "./complaint_kinds.ts";
import { linesShown, type Splat, splatText } from "./splats.ts";
import { plainTitle } from "./blame.ts";
import { type StackFrame, stackFrameText } from "./stack_frame.ts";
import { tellingFrames } from "./telling_frames.ts";
import { frameText, type SourceFrame } from "../inspect/symbolizer.ts";

/** Source frames by {@linkcode stackFrameText}, the innermost inlined function first. */
export type SplatSources = ReadonlyMap<string, readonly SourceFrame[]>;

export const NO_SOURCES: SplatSources = new Map();

/** Of a console full of different complaints, so many are kept. */
const SPLATS_KEPT = 100;

/**
 * What is kept of the complaints of one boot: one entry for each, however often it came, in the
 * order in which they came first.
 */
export function reportSplats(
  splats: readonly Splat[],
  cell: string,
  allow: readonly AllowedSplat[],
  sources: SplatSources,
): SplatReport[] {
  return mergeSplats(splats.map((splat) => ({
    ...{ id: splat.id, title: splatText(splat), during: splat.during, root: splat.root },
    ...{ fingerprint: splat.fingerprint, alsoDuring: [], times: 1 },
    frames: splat.frames.map((frame) => ({
      place: stackFrameText(frame),
      source: (sources.get(stackFrameText(frame)) ?? []).map(frameText),
    })),
    allowed: allowanceOf(splat, cell, allow),
  }))).slice(0, SPLATS_KEPT);
}

/** Complaints of several boots, or of one of which nobody has counted anything yet. */
export function mergeSplats(splats: readonly SplatReport[]): SplatReport[] {
  const merged = new Map<string, { first: SplatReport; during: Set<string>; times: number }>();
  for (const splat of splats) {
    const { fingerprint, root, allowed, during, alsoDuring, times } = splat;
    const key = `${fingerprint} ${root} ${allowed?.place}`;
    const entry = merged.get(key) ?? { first: splat, during: new Set(), times: 0 };
    for (const one of [during, ...alsoDuring]) entry.during.add(one);
    entry.times += times;
    merged.set(key, entry);
  }
  return [...merged.values()].map(({ first, during, times }) => ({
    ...first,
    alsoDuring: [...during].slice(1),
    times,
  }));
}

/**
 * What allows a complaint; null for nothing. A kernel that stopped for good is never all right, nor
 * what was not read.
 */
export function allowanceOf(
  splat: Splat,
  cell: string,
  allow: readonly AllowedSplat[],
): AllowedSplat | null {
  return splat.fatal || splat.id === TOO_MANY ? null : allowedBy(allow, cell, splatText(splat));
}

const FRAMES_SHOWN = 8;

/** The evidence of a complaint: where it happened, in source lines, and what the kernel printed. */
export function splatDetail(splat: Splat, sources: SplatSources): string {
  const telling = tellingFrames(splat.frames).slice(0, FRAMES_SHOWN);
  const known = telling.some((frame) => sources.has(stackFrameText(frame)));
  const where = !known ? [] : telling.flatMap((frame, index) => {
    const inlined = sources.get(stackFrameText(frame)) ?? [];
    const module = frame.module === null ? "" : ` [${frame.module}]`;
    const texts = inlined.length > 0 ? inlined.map(frameText) : [stackFrameText(frame)];
    return texts.map((text, inner) => `${index + inner === 0 ? "in" : "by"} ${text}${module}`);
  });
  return [...where, ...linesShown(splat.lines)].join("\n");
}

/** Whether a symbol's size is that of a frame: the kernel counts the padding behind a function. */
export function sizeFits(symbol: number, frame: number): boolean {
  return symbol <= frame && frame - symbol < 64;
}

/**
 * Where to look a frame up: the symbol's section and the address in it. null where no function, or
 * more than one, fits the frame.
 * @param symbols Of the frame's own object; `isCode` says which sections hold code.
 */
export function locateFrame(
  frame: StackFrame,
  symbols: readonly ElfSymbol[],
  isCode: (section: number) => boolean,
): { section: number; address: bigint } | null {
  const { offset, size } = frame;
  if (offset === null || size === null) return null;
  const named = symbols.filter(({ name, section }) => name === frame.function && isCode(section));
  const fitting = named.length > 1 ? named.filter((one) => sizeFits(one.size, size)) : named;
  const places = new Set(fitting.map(({ section, value }) => `${section}:${value}`));
  const [symbol] = fitting;
  if (!symbol || places.size !== 1) return null;
  // The call, not what comes behind it.
  const inside = BigInt(frame.returns ? offset - 1 : offset);
  return {
    section: symbol.section,
    address: BigInt.asUintN(64, BigInt(symbol.value) + inside),
  };
}

/** A complaint that several cells share. */
export interface SplatGroup {
  readonly fingerprint: string;
  readonly title: string;
  readonly cells: readonly string[];
  /** How often it came in all of them. */
  readonly times: number;
  readonly allowed: boolean;
}

/** Complaints of a run by fingerprint, those of most cells first; consequences are left out. */
export function groupSplats(cells: readonly CellReport[]): SplatGroup[] {
  const groups = new Map<string, { splat: SplatReport; cells: Set<string>; times: number }>();
  for (const { cell, splats } of cells) {
    for (const splat of splats.filter((one) => one.root)) {
      const key = `${splat.fingerprint} ${splat.allowed === null}`;
      const group = groups.get(key) ?? { splat, cells: new Set(), times: 0 };
      group.cells.add(cell);
      group.times += splat.times;
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ splat, cells, times }) => ({
    fingerprint: splat.fingerprint,
    title: plainTitle(splat.title),
    cells: [...cells],
    times,
    allowed: splat.allowed !== null,
  })).sort((a, b) => b.cells.length - a.cells.length);
}

/** "34 times", or "" for what came once. */
export function timesText(times: number): string {
  return times === 1 ? "" : `${times} times`;
}
