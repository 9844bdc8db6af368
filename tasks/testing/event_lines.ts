// SPDX-License-Identifier: MIT
/** What `--events` wrote, held against its schema and against what holds for every command. */
import assert from "node:assert/strict";
import { Ajv } from "ajv";
import type { RunEvent } from "../core/model/run_event.ts";

export type Line = RunEvent & { readonly seq: number; readonly ms: number };

const SCHEMA = new URL("../../docs/events.schema.json", import.meta.url);

/** The events of a stream: each line is as the published schema has it, and in its place. */
export async function readStream(text: string): Promise<Line[]> {
  const schema = JSON.parse(await Deno.readTextFile(SCHEMA));
  const valid = new Ajv({ strict: false }).compile({ ...schema, $schema: undefined });
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const line of lines) assert.ok(valid(line), JSON.stringify([line, valid.errors]));
  const [header, ...events] = lines;
  assert.equal(header.schema, "kmatrix-events");
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index + 1));
  assert.deepEqual(
    events.map(({ ms }) => ms),
    events.map(({ ms }) => ms).toSorted((a, b) => a - b),
  );
  return events;
}

/** Those of one kind. */
export const only = <E extends RunEvent["event"]>(lines: readonly Line[], event: E) =>
  lines.filter((line): line is Extract<Line, { event: E }> => line.event === event);

/**
 * Asserts that a command told of itself from its beginning to its end: the cells that it takes, and
 * of each boot the verdict.
 */
export function assertWhole(
  lines: readonly Line[],
  told: { readonly command: string; readonly cells: readonly string[]; readonly code: number },
): void {
  assert.deepEqual(only(lines, "run-started").map(({ command }) => command), [told.command]);
  assert.deepEqual(only(lines, "cells-planned").map(({ cells }) => cells), [told.cells]);
  const folders = (event: "boot-started" | "boot-ended" | "boot-judged") =>
    only(lines, event).map(({ folder }) => folder).toSorted();
  assert.ok(folders("boot-started").length > 0, "no boot was told");
  assert.deepEqual(folders("boot-judged"), folders("boot-started"));
  assert.deepEqual(folders("boot-ended"), folders("boot-started"));
  const ended = only(lines, "cell-ended").map(({ cell }) => cell);
  assert.deepEqual(new Set(ended), new Set(told.cells));
  const last = lines.at(-1)!;
  assert.deepEqual([last.event, "exitCode" in last && last.exitCode], ["run-ended", told.code]);
}
