// SPDX-License-Identifier: MIT
/** Complaints as reports show them: with source lines, with the reason why one is allowed, grouped. */
import type { AllowedSplat, CellReport, SplatReport } from "../model.ts";
import type { ElfSymbol } from "./elf.ts";
import { allowedBy } from "./allow_list.ts";
import { linesShown, type Splat, splatText, TOO_MANY } from "./splats.ts";
import { plainTitle } from "./blame.ts";
import { type StackFrame, stackFrameText, tellingFrames } from "./stack_trace.ts";
import { frameText, type SourceFrame } from "./symbolizer.ts";

/** Source frames by {@linkcode stackFrameText}, the innermost inlined function first. */
export type SplatSources = ReadonlyMap<string, readonly SourceFrame[]>;

export const NO_SOURCES: SplatSources = new Map();

/** What is kept of a complaint. */
export function reportSplat(
  splat: Splat,
  cell: string,
  allow: readonly AllowedSplat[],
  sources: SplatSources,
): SplatReport {
  const { id, during, root, fingerprint, frames } = splat;
  const title = splatText(splat);
  return {
    ...{ id, title, during, root, fingerprint },
    frames: frames.map((frame) => ({
      place: stackFrameText(frame),
      source: (sources.get(stackFrameText(frame)) ?? []).map(frameText),
    })),
    allowed: allowanceOf(splat, cell, allow),
  };
}

const ALIKE_KEPT = 5;
const SPLATS_KEPT = 100;

/** What of a console full of complaints goes into reports: the first few of each, and not too many. */
export function notableSplats(splats: readonly Splat[]): Splat[] {
  const seen = new Map<string, number>();
  return splats.filter(({ fingerprint }) => {
    const count = (seen.get(fingerprint) ?? 0) + 1;
    seen.set(fingerprint, count);
    return count <= ALIKE_KEPT;
  }).slice(0, SPLATS_KEPT);
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
  readonly allowed: boolean;
}

/** Complaints of a run by fingerprint, those of most cells first; consequences are left out. */
export function groupSplats(cells: readonly CellReport[]): SplatGroup[] {
  const groups = new Map<string, { splat: SplatReport; cells: Set<string> }>();
  for (const { cell, splats } of cells) {
    // A run.json of before there were splats has none.
    for (const splat of (splats ?? []).filter((one) => one.root)) {
      const key = `${splat.fingerprint} ${splat.allowed === null}`;
      const group = groups.get(key) ?? { splat, cells: new Set() };
      group.cells.add(cell);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ splat, cells }) => ({
    fingerprint: splat.fingerprint,
    title: plainTitle(splat.title),
    cells: [...cells],
    allowed: splat.allowed !== null,
  })).sort((a, b) => b.cells.length - a.cells.length);
}

/** JUnit properties of a cell: `splat.<fingerprint>`, with when, what and why it is allowed. */
export function splatProperties(splats: readonly SplatReport[]): Record<string, string> {
  const texts = new Map<string, string>();
  for (const { fingerprint, during, title, root, allowed } of splats) {
    if (!root || texts.has(fingerprint)) continue;
    const why = allowed === null ? "" : ` (allowed by ${allowed.place}: ${allowed.reason})`;
    texts.set(fingerprint, `${during}: ${title}${why}`);
  }
  return Object.fromEntries([...texts].map(([print, text]) => [`splat.${print}`, text]));
}
