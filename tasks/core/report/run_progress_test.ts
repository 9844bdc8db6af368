// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { RunEvent } from "../model/run_event.ts";
import { clock, progressFrame, progressSentence } from "./progress_text.ts";
import { RunLines } from "./run_lines.ts";
import { RunProgress } from "./run_progress.ts";
import { PLAIN } from "./summary.ts";

type Of<E extends RunEvent["event"]> = Extract<RunEvent, { event: E }>;

const planned = (...cells: string[]): RunEvent => ({ event: "cells-planned", cells, builds: 1 });
const started = (
  stage: Of<"stage-started">["stage"],
  cells: string[],
  more: Partial<Of<"stage-started">> = {},
): RunEvent => ({ event: "stage-started", stage, cells, remainingMs: null, key: null, ...more });
const ended = (stage: Of<"stage-ended">["stage"], cells: string[]): RunEvent => ({
  ...{ event: "stage-ended", stage, cells, outcome: "passed", durationMs: 1, failure: null },
});
const objects = (key: string, done: number, total: number | null): RunEvent => ({
  ...{ event: "objects-compiled", key, done, total },
});
const cellEnded = (cell: string, verdict: string, message?: string): RunEvent => ({
  ...{ event: "cell-ended", cell, verdict },
  failure: message === undefined ? null : { kind: "test", id: "test-failed", message },
});
const judged = (cell: string, message: string): RunEvent => ({
  ...{ event: "boot-judged", cell, folder: "/f", verdict: "failed" },
  failure: { kind: "test", id: "test-failed", message },
});
const test = (cell: string, name: string, said: Of<"test-ended">["said"]): RunEvent => ({
  ...{ event: "test-ended", cell, folder: "/f", test: name, said },
});

function after(...events: readonly (RunEvent | number)[]): [RunProgress, number] {
  const progress = new RunProgress();
  let nowMs = 0;
  for (const one of events) {
    if (typeof one === "number") nowMs += one;
    else progress.read(one, nowMs);
  }
  return [progress, nowMs];
}

const frame = ([progress, nowMs]: [RunProgress, number], columns = 100, rows = 24) =>
  progressFrame(progress, 0, nowMs, PLAIN, {
    ...{ columns, rows },
    cut: (text, most) => text.slice(0, most),
  });

Deno.test("a frame shows what is built, how far it is, and what is left", () => {
  const state = after(
    planned("k/a", "k/b", "k/c"),
    cellEnded("k/c", "failed", "no"),
    started("build", ["k/a", "k/b"], { key: "1f", remainingMs: 400_000 }),
    30_000,
    objects("1f", 150, 600),
  );
  assert.deepEqual(frame(state), [
    "build     [#####---------------] 150/600 0:30 k/a +1",
    "0:30, 1 of 3 cells done, 1 failed, about 6 min left",
  ]);
});

Deno.test("objects go to the build of their key, and what is more than expected has no total", () => {
  const state = after(
    started("build", ["k/a"], { key: "aa" }),
    started("build", ["k/b"], { key: "bb" }),
    objects("bb", 700, 600),
    objects("aa", 1, null),
  );
  assert.deepEqual(frame(state, 50), [
    "build 1 object 0:00 k/a",
    "build 700 objects 0:00 k/b",
    "0:00",
  ]);
});

Deno.test("a boot shows its test and what failed so far", () => {
  const begun: RunEvent = { event: "test-started", cell: "k/a", folder: "/f", test: "kcov.x.z" };
  const state = after(
    started("boot", ["k/a"]),
    test("k/a", "kcov.x.y", "not ok"),
    test("k/other", "kcov.x.y", "ok"),
    begun,
  );
  assert.equal(frame(state)[0], "boot      0:00 k/a 1 not ok 1 test done kcov.x.z");
});

Deno.test("a frame is no wider and no higher than the screen, and gone with the last stage", () => {
  const many = Array.from({ length: 30 }, (_, n) => started("build", [`k/${n}`], { key: `${n}` }));
  const state = after(planned("k/0"), ...many);
  for (const [columns, rows] of [[20, 6], [80, 24], [1, 1]] as const) {
    const lines = frame(state, columns, rows);
    assert.ok(lines.every((line) => line.length < Math.max(columns, 1)), lines.join("\n"));
    assert.ok(lines.length <= Math.max(2, rows - 2), `${lines.length} of ${rows}`);
  }
  assert.match(frame(state, 80, 8)[3]!, /^… and 27 more$/);
  assert.deepEqual(frame(after(started("fetch", ["k/0"]), ended("fetch", ["k/0"]))), []);
  const broken: RunEvent = {
    ...{ event: "run-ended", exitCode: 130, durationMs: 1, interrupted: "SIGINT" },
  };
  assert.deepEqual(frame(after(started("fetch", ["k/0"]), broken)), []);
});

Deno.test("the time left is what was foreseen, but no less than a build's speed says", () => {
  const build = started("build", ["k/a"], { key: "1", remainingMs: 60_000 });
  const [early, at] = after(build, 50_000, objects("1", 2, 600));
  assert.equal(early.leftMs(at), 10_000);
  // A quarter in 50 s: three times as long is left, whatever was foreseen.
  const [slow, now] = after(build, 50_000, objects("1", 150, 600));
  assert.equal(slow.leftMs(now), 150_000);
  const [none] = after(started("build", ["k/a"], { key: "1" }));
  assert.equal(none.leftMs(5), null);
});

Deno.test("a cell that begins again is not done", () => {
  const [progress] = after(
    planned("k/a"),
    cellEnded("k/a", "failed", "x"),
    started("boot", ["k/a"]),
  );
  assert.deepEqual([progress.planned, progress.done, progress.failed], [1, 0, 0]);
});

Deno.test("a log is told what goes on in one sentence", () => {
  const build = started("build", ["k/a", "k/b"], { key: "1", remainingMs: 240_000 });
  const state = after(build, 60_000, objects("1", 1, null), started("boot", ["k/c"]));
  assert.equal(
    progressSentence(...state),
    "still at build k/a, k/b, 1 object (1:00) and boot k/c (0:00); about 3 min left",
  );
  assert.equal(progressSentence(...after()), "");
});

Deno.test("clock() has hours only where there are any", () => {
  assert.deepEqual([-5, 7_999, 750_000, 3_723_000].map(clock), [
    ...["0:00", "0:07", "12:30", "1:02:03"],
  ]);
});

const lines = (...events: readonly RunEvent[]) => {
  const reader = new RunLines();
  return events.flatMap((event) => {
    const line = reader.read(event);
    return line === null ? [] : [`${line.level}: ${line.text}`];
  });
};
const boot = (cell: string): RunEvent => ({ event: "boot-started", cell, folder: "/f" });

Deno.test("a finished cell is a line with what its guest said", () => {
  const end: RunEvent = {
    ...{ event: "boot-ended", cell: "k/a", folder: "/f", end: "exited", durationMs: 2540 },
  };
  assert.deepEqual(
    lines(boot("k/a"), test("k/a", "x.y.z", "ok"), test("k/a", "x.y.w", "skip"), end, {
      ...{ event: "cell-ended", cell: "k/a", verdict: "passed", failure: null },
    }),
    ["info: pass k/a (1 ok, 1 skipped, boot 2.5s)"],
  );
  assert.deepEqual(lines(cellEnded("k/a", "passed")), ["info: pass k/a"]);
  assert.deepEqual(lines(cellEnded("k/a", "unfinished"), cellEnded("k/a", "left-out", "x")), []);
});

Deno.test("a failure is told once, as soon as it is known", () => {
  const text = "kcov.x.y failed:\n expected 1";
  assert.deepEqual(
    lines(
      boot("k/a"),
      test("k/a", "kcov.x.y", "not ok"),
      test("k/a", "kcov.x.z", "not ok"),
      judged("k/a", text),
      cellEnded("k/a", "failed", text),
    ),
    [
      "info: k/a: not ok kcov.x.y",
      "warn: FAIL k/a: kcov.x.y failed: expected 1 [test-failed]",
    ],
  );
});

Deno.test("a cause that cells share is told with the first of them", () => {
  assert.deepEqual(
    lines(
      judged("k/a", "WARNING in f"),
      cellEnded("k/a", "failed", "WARNING in f"),
      judged("k/b", "WARNING in f"),
      cellEnded("k/b", "failed", "WARNING in f"),
      cellEnded("k/c", "failed", "other"),
    ),
    [
      "warn: FAIL k/a: WARNING in f [test-failed]",
      "warn: FAIL k/b: as k/a",
      "warn: FAIL k/c: other [test-failed]",
    ],
  );
});

Deno.test("what fails first and passes then ends as what it is", () => {
  assert.deepEqual(
    lines(judged("k/a", "x"), cellEnded("k/a", "flaky", "x")),
    ["warn: FAIL k/a: x [test-failed]", "warn: flaky k/a: x [test-failed]"],
  );
});
