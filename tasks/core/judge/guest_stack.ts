// SPDX-License-Identifier: MIT
/**
 * Stacks of failed tests. The guest runs a bundle, and its stacks name lines of that; source_map.ts
 * leads back to the files that people write.
 */
import * as v from "valibot";
import { count, objectOf, type Shape } from "../text/shape.ts";

/** A place in a file of the selftests. */
export interface SourcePlace {
  /** Below the project, or absolute. */
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** That line as it was packed, without its indent; "" where it is not known. */
  readonly text: string;
}

/** By the place in the bundle, as "line:column". */
export type GuestSources = Readonly<Record<string, SourcePlace>>;

export const guestSourcesShape: Shape<GuestSources> = v.record(
  v.string(),
  objectOf<SourcePlace>()({ file: v.string(), line: count, column: count, text: v.string() }),
);

/** The bundle's name in the guest, as pack has it compiled (core/boot/guest_layout.ts). */
const PLACE = /\/tests\.js:(\d+):(\d+)/g;
/** A guest can print what it likes. */
const MOST_PLACES = 2000;

/** Places of the bundle that a result stream names, each once. */
export function guestPlaces(results: string): string[] {
  const places = new Set<string>();
  for (const [, line, column] of results.matchAll(PLACE)) {
    places.add(`${line}:${column}`);
    if (places.size >= MOST_PLACES) break;
  }
  return [...places];
}

/** What runs tests is on every stack, and tells nothing of the test. */
const HARNESS = /^selftests\/(?:(?:harness|session|runtime)\/|main\.ts$)/;

const FRAME = /^\s+at (?:(.*?) )?\(?(?:[^()\s]*\/tests\.js:(\d+:\d+)|native)\)?$/;

interface Frame {
  readonly name: string;
  readonly place: SourcePlace | null;
}

/**
 * The lines of a text with each stack in it shown by the source: the place where the test failed with
 * its line, then who called that, and nothing of the harness. A stack of which no place is known stays
 * as it is.
 */
export function withSources(lines: readonly string[], sources: GuestSources): string[] {
  const shown: string[] = [];
  let [stack, frames]: [string[], Frame[]] = [[], []];
  const end = () => {
    shown.push(...shownStack(stack, frames));
    [stack, frames] = [[], []];
  };
  for (const line of lines) {
    const match = FRAME.exec(line);
    if (match === null) {
      end();
      shown.push(line);
      continue;
    }
    const [, name = "", at] = match;
    stack.push(line);
    const known = at !== undefined && Object.hasOwn(sources, at);
    frames.push({ name, place: known ? sources[at]! : null });
  }
  end();
  return shown;
}

function shownStack(stack: readonly string[], frames: readonly Frame[]): readonly string[] {
  const known = frames.flatMap(({ name, place }) => place === null ? [] : [{ name, place }]);
  const own = known.filter(({ place }) => !HARNESS.test(place.file));
  const told = own.length > 0 ? own : known;
  if (told.length === 0) return stack;
  return told.flatMap(({ name, place: { file, line, column, text } }, index) => {
    const at = `${file}:${line}:${column}`;
    if (index > 0) return [`    at ${isNamed(name) ? `${name} (${at})` : at}`];
    return [`    at ${at}`, ...(text === "" ? [] : [`        ${text}`])];
  });
}

const isNamed = (name: string) => name !== "" && name !== "<anonymous>";
