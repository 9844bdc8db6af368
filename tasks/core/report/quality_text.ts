// SPDX-License-Identifier: MIT
/** What `deno task quality` found, as lines for people and as data. */
import { CONDITIONS, type PcMode, RUNS_BUFFER_WORDS } from "../../../selftests/contract/quality.ts";
import { addressText, type SourceFrame } from "../inspect/symbolizer.ts";
import { tableLines } from "../text/columns.ts";
import { counted } from "../text/counted.ts";
import {
  AROUND,
  type Around,
  capacityOf,
  type ChangeFound,
  changesFound,
  type Comparison,
  entriesOf,
  type FillingsByMode,
  type Moves,
  overflows,
  type Places,
  type Share,
  type ShareKey,
  shares,
  type UnstablePc,
  unstablePcs,
} from "./quality.ts";

/** What one cell's boot has shown. */
export interface Quality {
  readonly cell: string;
  /** "read(-1, null, 0) = -9 EBADF", or "30 programs". */
  readonly what: string;
  readonly fillings: FillingsByMode;
  readonly comparisons: readonly Comparison[];
  readonly places: Places;
  /** Where the functions of the image begin, by address. */
  readonly starts: ReadonlyMap<bigint, SourceFrame>;
}

export interface QualityOptions {
  readonly by: ShareKey;
  readonly top: number;
  readonly bufferWords: number;
}

/** "12.3 %" */
function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** "ksys_read fs/read_write.c:702" */
function shareText({ name, start }: Share, { starts }: Quality): string {
  const place = start === null ? undefined : starts.get(start);
  return place === undefined || place.file === "" ? name : `${name} ${place.file}:${place.line}`;
}

/** "ksys_read+0x1c", or the address. */
function symbolText(pc: bigint, places: Places): string {
  const outer = places.get(pc)?.at(-1);
  if (outer === undefined) return addressText(pc);
  return outer.start === undefined
    ? outer.function
    : `${outer.function}+0x${(pc - outer.start).toString(16)}`;
}

/** "fs/file.c:1124", and the inlined function that the line is of. */
function lineText(pc: bigint, places: Places): string {
  const frames = places.get(pc) ?? [];
  const inner = frames[0];
  if (inner === undefined) return "(outside vmlinux)";
  const line = `${inner.file}:${inner.line === 0 ? "?" : inner.line}`;
  return frames.length === 1 ? line : `${line} (${inner.function})`;
}

function fillingLines(quality: Quality, { by, top, bufferWords }: QualityOptions): string[] {
  const { fillings, places } = quality;
  const modes = [...fillings.keys()];
  const lines: string[] = [];
  for (const [mode, list] of fillings) {
    const entries = list.reduce((sum, one) => sum + one.entries, 0);
    const full = list.filter((one) => overflows(one, mode, bufferWords));
    lines.push(
      `mode ${mode}: ${counted(entries, "entry", "entries")}; ` +
        `${full.length} of ${list.length} overflow a buffer of ${bufferWords} words ` +
        `(room for ${capacityOf(mode, bufferWords)})`,
    );
  }
  const all = shares(fillings, places, by);
  for (const mode of modes) {
    const sorted = all.filter((one) => entriesOf(one, mode) > 0)
      .sort((a, b) => entriesOf(b, mode) - entriesOf(a, mode));
    const rows = sorted.slice(0, top).map((share) => [
      ...modes.flatMap((other) => [
        percent(share.modes[other]?.share ?? 0),
        `${entriesOf(share, other)}`,
      ]),
      shareText(share, quality),
    ]);
    const head = [...modes.flatMap((other) => [`mode ${other}`, "entries"]), by];
    const right = modes.flatMap((_, column) => [2 * column, 2 * column + 1]);
    lines.push("", `Most entries in mode ${mode}: ${rows.length} of ${sorted.length}`);
    lines.push(...tableLines([head, ...rows], { right }));
  }
  return lines;
}

function programLines(quality: Quality, { by, bufferWords }: QualityOptions): string[] {
  const { fillings, places } = quality;
  const modes = [...fillings.keys()];
  // None where the boot ended before.
  const first = fillings.get(modes[0]!) ?? [];
  if (first.length < 2) return [];
  const rows = first.map(({ subject, calls }, index) => [
    subject,
    `${calls}`,
    ...modes.flatMap((mode) => {
      const filling = fillings.get(mode)?.[index];
      if (filling === undefined) return ["-", "", "-"];
      const [most] = shares(new Map([[mode, [filling]]]), places, by);
      return [
        `${filling.entries}`,
        overflows(filling, mode, bufferWords) ? "full" : "",
        most === undefined ? "-" : `${percent(most.modes[mode]!.share)} ${most.name}`,
      ];
    }),
  ]);
  const head = ["program", "calls", ...modes.flatMap((mode) => [mode, "", `most in ${mode}`])];
  const right = [1, ...modes.map((_, column) => 2 + 3 * column)];
  return ["", ...tableLines([head, ...rows], { right })];
}

const AROUND_TEXT: Readonly<Record<Around, string>> = {
  switched: "context switch",
  faulted: "page fault",
  interrupted: "interrupt",
};

function aroundText(around: Around | null): string {
  return around === null
    ? "nothing in particular"
    : `a ${AROUND_TEXT[around]}`.replace("a i", "an i");
}

/** The condition of a call's runs; programs all run under the same. */
function labelOf({ subject, condition }: Comparison): string {
  return subject === "call" ? condition : subject;
}

function comparisonLines(comparisons: readonly Comparison[]): string[] {
  const head = [
    ...["", "runs", "entries", "warm-up", "odd later"],
    ...AROUND.flatMap((name) => [`${AROUND_TEXT[name]}`, "of the odd"]),
  ];
  const rows = comparisons.map((comparison) => {
    const { counts, entries, warmUpRuns, odd, unkept } = comparison;
    return [
      labelOf(comparison),
      `${counts.runs}`,
      entries >= RUNS_BUFFER_WORDS - 1 ? `${entries} (full)` : `${entries}`,
      `${warmUpRuns}`,
      `${odd.runs}${unkept === 0 ? "" : ` and ${unkept} not kept`}`,
      ...AROUND.flatMap((name) => [`${counts[name]}`, `${odd[name]}`]),
    ];
  });
  const right = head.map((_, column) => column).slice(1);
  return tableLines([head, ...rows], { right });
}

/** "+3 -1", "+3", "" */
function signs(counts: Moves | undefined): string {
  if (counts === undefined) return "";
  return [counts.added && `+${counts.added}`, counts.missing && `-${counts.missing}`]
    .filter(Boolean).join(" ");
}

function unstableLines(
  unstable: readonly UnstablePc[],
  { comparisons, places }: Quality,
): string[] {
  const conditions = CONDITIONS.filter((name) =>
    comparisons.some(({ condition }) => condition === name)
  );
  const head = ["PC", ...conditions, "function", "line", "comes with"];
  const rows = unstable.map(({ pc, runs, warmUp, around }) => [
    addressText(pc),
    ...conditions.map((condition) => signs(runs.get(condition))),
    symbolText(pc, places),
    lineText(pc, places),
    warmUp ? "the first runs" : [...around].map(aroundText).join(", or "),
  ]);
  return tableLines([head, ...rows], { right: conditions.map((_, column) => column + 1) });
}

/** One change with the functions it runs through, its neighbours and where it was found. */
function changeLines({ change, places: found, counts }: ChangeFound, places: Places): string[] {
  const { kind, pcs, after, before } = change;
  const neighbours = [
    after === null ? "at the beginning" : `after ${symbolText(after, places)}`,
    before === null ? "at the end" : `before ${symbolText(before, places)}`,
  ];
  const entries = counted(pcs.length, "entry", "entries");
  const functions = pcs.map((pc) => places.get(pc)?.at(-1)?.function ?? addressText(pc));
  const path = functions.filter((name, at) => name !== functions[at - 1]);
  const shown = path.length > 8 ? [...path.slice(0, 8), `… ${path.length - 8} more`] : path;
  const runs = found.map(({ comparison, change }) =>
    `${labelOf(comparison)} ${change.counts.runs}${change.warmUp ? " at first" : ""}`
  );
  const seen = AROUND.map((name) => `${counts[name]} with ${aroundText(name)}`);
  return [
    `${kind === "added" ? "+" : "-"} ${entries} ${neighbours.join(", ")}: ${shown.join(" > ")}`,
    `    runs: ${runs.join(", ")}; of them ${seen.join(", ")}`,
  ];
}

/** More changes than this are in the JSON alone. */
const MOST_CHANGES = 12;

function stabilityLines(quality: Quality): string[] {
  const { comparisons, places } = quality;
  if (comparisons.length === 0) return [];
  const unstable = unstablePcs(comparisons);
  const lines = ["", ...comparisonLines(comparisons), ""];
  if (unstable.length === 0) return [...lines, "No PC comes or goes."];
  lines.push(`${counted(unstable.length, "PC")} that come (+) or go (-), in so many runs`);
  lines.push(...unstableLines(unstable, quality));
  const changes = changesFound(comparisons);
  const shown = changes.slice(0, MOST_CHANGES);
  lines.push("", `Changes as they stand in a trace: ${shown.length} of ${changes.length}`);
  return [
    ...lines,
    ...shown.flatMap((change) => changeLines(change, places)),
  ];
}

/** All that is printed. */
export function qualityLines(quality: Quality, options: QualityOptions): string[] {
  return [
    `${quality.what} on ${quality.cell}`,
    ...fillingLines(quality, options),
    ...programLines(quality, options),
    ...stabilityLines(quality),
  ];
}

/** The same as data; addresses are text. */
export function qualityJson(quality: Quality, { by, bufferWords }: QualityOptions): unknown {
  const { cell, what, fillings, comparisons, places } = quality;
  const entry = (pc: bigint) => ({
    pc: addressText(pc),
    symbol: symbolText(pc, places),
    line: lineText(pc, places),
  });
  const shareJson = (share: Share, mode: PcMode) => ({
    name: share.name,
    place: shareText(share, quality).slice(share.name.length + 1) || null,
    ...share.modes[mode],
  });
  const listed = (mode: PcMode, list: FillingsByMode) =>
    shares(new Map([[mode, list.get(mode)!]]), places, by).map((one) => shareJson(one, mode));
  return {
    cell,
    what,
    by,
    bufferWords,
    modes: Object.fromEntries([...fillings].map(([mode, list]) => [mode, {
      entries: list.reduce((sum, { entries }) => sum + entries, 0),
      overflows: list.filter((one) => overflows(one, mode, bufferWords)).length,
      shares: listed(mode, fillings),
      subjects: list.map((one) => ({
        subject: one.subject,
        calls: one.calls,
        result: one.result,
        entries: one.entries,
        overflows: overflows(one, mode, bufferWords),
        shares: listed(mode, new Map([[mode, [one]]])),
      })),
    }])),
    runs: comparisons.map(({ pcs: _pcs, moves: _moves, changes, ...comparison }) => ({
      ...comparison,
      changes: changes.map(({ pcs, after, before, ...change }) => ({
        ...change,
        pcs: pcs.map(entry),
        after: after === null ? null : entry(after),
        before: before === null ? null : entry(before),
      })),
    })),
    unstable: unstablePcs(comparisons).map(({ pc, runs, warmUp, around, only }) => ({
      ...entry(pc),
      runs: Object.fromEntries(runs),
      warmUp,
      around: [...around],
      only,
    })),
  };
}
