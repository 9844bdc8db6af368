// SPDX-License-Identifier: MIT
/**
 * What a page keeps of a log: all of it, or beginning, end and what stands around the places that
 * people look for; lines that are safe to show, each with its number in the file.
 */
import { readMark } from "../../../selftests/contract/marks.ts";
import { kernelLog } from "../console/kernel_log.ts";
import { findSplats, type Splat } from "../console/splats.ts";
import { linesOf, type Text } from "../text/lines.ts";
import { plainText } from "../text/plain_text.ts";

/** A part of a file: numbers of lines from 1, both ends included. */
export type LineRange = readonly [from: number, to: number];

export interface LogExcerpt {
  /** Of the whole file. */
  readonly bytes: number;
  readonly lines: number;
  /** What is kept, in order; lines between two of them are left out. */
  readonly kept: readonly LineRange[];
  /** The kept lines. */
  readonly text: readonly string[];
}

/** Where a console says what. */
export interface ConsolePlaces {
  readonly splats: readonly PlacedSplat[];
  /** Lines of each test, by its id: from its first mark to the last line before the next. */
  readonly tests: Readonly<Record<string, LineRange>>;
}

export interface PlacedSplat {
  readonly id: string;
  readonly title: string;
  readonly fingerprint: string;
  readonly root: boolean;
  /** Number of the line with its title. */
  readonly at: number;
  /** The lines that are of it: others may have been printed in between. */
  readonly lines: readonly LineRange[];
}

/** Characters of a line that are shown; the longest that printk writes is 2048 less a prefix. */
const LINE_SHOWN = 4000;
/** What a line costs beside its characters, so that a million empty ones are not kept either. */
const LINE_COST = 16;
/** Lines that are kept around a place. */
const AROUND = 400;

/** A line as text: what a terminal would obey is gone, and it is one line whatever it holds. */
export function shownLine(line: string): string {
  const cut = line.length > LINE_SHOWN ? line.slice(0, LINE_SHOWN) : line;
  const plain = plainText(cut.endsWith("\r") ? cut.slice(0, -1) : cut).replaceAll("\n", " ⏎ ");
  return cut === line ? plain : `${plain} … ${line.length - LINE_SHOWN} characters more`;
}

/**
 * @param bound How many bytes of it are kept, about.
 * @param places Lines around which others are kept, the most important first.
 */
export function excerptOf(
  text: Text,
  bytes: number,
  bound: number,
  places: readonly number[],
): LogExcerpt {
  const whole = bytes <= bound;
  // Of what is too big: an eighth its beginning, half what is around places, the rest its end.
  const head = whole ? Infinity : bound / 8;
  const middle = bound / 2;
  const tail = bound - head - middle;
  const wanted = joined(places.map((at) => [at - AROUND, at + AROUND]));
  const kept: Numbered[] = [];
  const last: Numbered[] = [];
  let [used, around, behind, number, dropped, at] = [0, 0, 0, 0, 0, 0];
  for (const raw of linesOf(text)) {
    number++;
    const cost = Math.min(raw.length, LINE_SHOWN) + LINE_COST;
    while (at < wanted.length && wanted[at]![1] < number) at++;
    if (used + cost <= head && kept.length === number - 1) {
      used += cost;
      kept.push({ number, raw });
    } else if (at < wanted.length && wanted[at]![0] <= number && around + cost <= middle) {
      around += cost;
      kept.push({ number, raw });
    } else {
      behind += cost;
      last.push({ number, raw });
      while (behind > tail) {
        behind -= Math.min(last[dropped++]!.raw.length, LINE_SHOWN) + LINE_COST;
      }
      // Of a big log there are never many times as many lines in memory as are kept.
      if (dropped > 20_000) {
        last.splice(0, dropped);
        dropped = 0;
      }
    }
  }
  const all = [...kept, ...last.slice(dropped)].sort((a, b) => a.number - b.number);
  // A newline ends the last line, and none begins behind it.
  if (all.at(-1)?.raw === "" && all.at(-1)?.number === number) {
    all.pop();
    number--;
  }
  return {
    bytes,
    lines: number,
    kept: rangesOf(all.map((one) => one.number)),
    text: all.map(({ raw }) => shownLine(raw)),
  };
}

interface Numbered {
  readonly number: number;
  readonly raw: string;
}

/** Numbers, or ranges, in order and joined where they touch. */
function joined(ranges: readonly LineRange[]): LineRange[] {
  const all: [number, number][] = [];
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const open = all.at(-1);
    if (open && from <= open[1] + 1) open[1] = Math.max(open[1], to);
    else all.push([from, to]);
  }
  return all;
}

const rangesOf = (numbers: readonly number[]) => joined(numbers.map((one) => [one, one]));

/** Number of the first line that holds a text; null where none does. */
export function lineWith(log: Text, text: string): number | null {
  let number = 0;
  for (const line of linesOf(log)) {
    number++;
    if (line.includes(text)) return number;
  }
  return null;
}

/** @param order Ids of the tests in the order in which they ran; null where it is not known. */
export function consolePlaces(console: Text, order: readonly string[] | null): ConsolePlaces {
  return {
    splats: findSplats(console, order).map(placed),
    tests: testPlaces(console),
  };
}

function placed({ id, title, fingerprint, root, numbers, titleAt }: Splat): PlacedSplat {
  return { id, title: plainText(title), fingerprint, root, at: titleAt, lines: rangesOf(numbers) };
}

function testPlaces(console: Text): Record<string, LineRange> {
  const found = new Map<string, [number, number]>();
  let open: [number, number] | null = null;
  let last = 0;
  for (const { kernel, text, number } of kernelLog(console)) {
    last = number;
    const mark = kernel ? readMark(text) : null;
    if (mark?.word === "RUN" && !found.has(mark.test)) {
      if (open) open[1] = number - 1;
      found.set(mark.test, open = [number, number]);
    } else if (mark && mark.word !== "RUN" && open) {
      if (mark.word === "END" && found.get(mark.test) !== open) continue;
      open[1] = number;
      open = null;
    }
  }
  // The boot ended in it.
  if (open) open[1] = last;
  return Object.fromEntries(found);
}
