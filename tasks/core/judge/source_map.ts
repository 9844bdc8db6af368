// SPDX-License-Identifier: MIT
/** Places in the guest's bundle as places in the selftests, by the bundle's source map. */
import { originalPositionFor, sourceContentFor, TraceMap } from "@jridgewell/trace-mapping";
import type { GuestSources } from "./guest_stack.ts";

const MOST_TEXT = 300;

/**
 * What the places are in the sources.
 * @param map The bundle's source map, as JSON text; its sources are named as they are to be shown.
 * @throws SyntaxError, TypeError for a text that is no source map.
 */
export function placesInSources(places: readonly string[], map: string): GuestSources {
  const trace = new TraceMap(map);
  return Object.fromEntries(places.flatMap((place) => {
    const [line = 0, column = 0] = place.split(":").map(Number);
    if (!(line >= 1 && column >= 1)) return [];
    // QuickJS counts columns from 1, source maps from 0.
    const found = originalPositionFor(trace, { line, column: column - 1 });
    if (found.source === null) return [];
    const lines = sourceContentFor(trace, found.source)?.split("\n") ?? [];
    const text = (lines[found.line - 1] ?? "").trim().slice(0, MOST_TEXT);
    return [[place, { file: found.source, line: found.line, column: found.column + 1, text }]];
  }));
}
