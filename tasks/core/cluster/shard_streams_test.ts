// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { eventLine, headerLine, type RunEvent } from "../model/run_event.ts";
import { GrowingLines, ShardStream, TimeLeft } from "./shard_streams.ts";

const started = (stage: "build" | "boot", cells: string[], remainingMs: number | null) =>
  ({ event: "stage-started", stage, cells, remainingMs, key: null }) as const;
const ended = (stage: "build" | "boot", cells: string[]) =>
  ({
    event: "stage-ended",
    stage,
    cells,
    outcome: "passed",
    durationMs: 5,
    failure: null,
  }) as const;
const cellEnded = (cell: string, kind: string | null): RunEvent => ({
  ...{ event: "cell-ended", cell, verdict: kind === null ? "passed" : "failed" },
  failure: kind === null ? null : { kind, id: "some-id", message: "some words" },
});

function streamOf(events: readonly RunEvent[], stream: ShardStream): RunEvent[] {
  const lines = [headerLine(0), ...events.map((event, seq) => eventLine(event, seq + 1, 0))];
  return lines.flatMap((line) => stream.read(line.trimEnd(), 0));
}

Deno.test("what a shard says of its cells is said of the run; its frame is not", () => {
  const stream = new ShardStream("shard-01", new TimeLeft());
  const told = streamOf([
    { event: "run-started", command: "matrix" },
    { event: "cells-planned", cells: ["a/b"], builds: 1 },
    { event: "notice", level: "warn", text: "little room" },
    started("build", ["a/b"], 1000),
    ended("build", ["a/b"]),
    cellEnded("a/b", null),
    { event: "run-ended", exitCode: 0, durationMs: 9, interrupted: null },
  ], stream);
  assert.deepEqual(told.map(({ event }) => event), [
    ...["notice", "stage-started", "stage-ended", "cell-ended"],
  ]);
  assert.equal((told[0] as Extract<RunEvent, { event: "notice" }>).text, "shard-01: little room");
});

Deno.test("lines that are cut, foreign or of a later version are passed over", () => {
  const stream = new ShardStream("shard-01", new TimeLeft());
  for (
    const line of ["", "{", '{"event":"of-2030"}', "\0\0\0", '{"event":"cell-ended","cell":1}']
  ) {
    assert.deepEqual(stream.read(line, 0), [], line);
  }
});

Deno.test("what a lost attempt had begun comes to an end for whoever looks on", () => {
  const stream = new ShardStream("shard-01", new TimeLeft());
  streamOf([started("build", ["a/b", "a/c"], null), started("boot", ["a/d"], null)], stream);
  streamOf([ended("boot", ["a/d"])], stream);
  assert.deepEqual(stream.close().map((one) => one.event === "stage-ended" && one.outcome), [
    "interrupted",
  ]);
  assert.deepEqual(stream.close(), []);
});

Deno.test("a run over shards takes as long as the one that takes longest", () => {
  const left = new TimeLeft();
  const [one, two] = [new ShardStream("one", left), new ShardStream("two", left)];
  const ms = (stream: ShardStream, remainingMs: number | null, nowMs: number) => {
    const line = eventLine(started("boot", ["a/b"], remainingMs), 1, 0).trimEnd();
    const [event] = stream.read(line, nowMs);
    return event?.event === "stage-started" ? event.remainingMs : undefined;
  };
  assert.equal(ms(one, null, 0), null);
  assert.equal(ms(one, 60_000, 0), 60_000);
  assert.equal(ms(two, 10_000, 5_000), 55_000);
  one.close();
  assert.equal(ms(two, 8_000, 7_000), 8_000);
});

Deno.test("of a stream it is known which cells were found wrong, and which only broke off", () => {
  const stream = new ShardStream("shard-01", new TimeLeft());
  streamOf([
    cellEnded("a/test", "test"),
    cellEnded("a/kernel", "kernel"),
    cellEnded("a/infra", "infra"),
    cellEnded("a/of-2030", "of-2030"),
    cellEnded("a/good", null),
    cellEnded("a/twice", "test"),
    cellEnded("a/twice", null),
  ], stream);
  assert.deepEqual(stream.found.map(({ cell, kind }) => [cell, kind]), [
    ["a/test", "test"],
    ["a/kernel", "kernel"],
  ]);
});

Deno.test("lines come whole, however the bytes of the file come", () => {
  const bytes = new TextEncoder().encode("eins\nzwölf\n\n€\nrest");
  for (let size = 1; size <= bytes.length; size++) {
    const lines = new GrowingLines();
    const got: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      got.push(...lines.add(bytes.subarray(at, at + size)));
    }
    assert.deepEqual(got, ["eins", "zwölf", "", "€"], `${size} bytes at a time`);
    assert.equal(lines.seen, bytes.length);
  }
});
