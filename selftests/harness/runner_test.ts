// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { collectTests, fixture } from "./fixtures.ts";
import { decodeFrame, type Frame, FrameWriter } from "../contract/frames.ts";
import type { GuestCell } from "../contract/cell.ts";
import { type ChildEnd, judge, type Platform, runTests } from "./runner.ts";

const CELL: GuestCell = { cell: "k/c", features: [], filter: [], timeScale: 1 };

/** Runs bodies in this process; `ends` says how the child of a test is said to have ended. */
function fakePlatform(ends: Record<number, ChildEnd> = {}) {
  const lines: string[] = [];
  const marks: string[] = [];
  const limits: number[] = [];
  let clockMs = 100;
  const writer = new FrameWriter((bytes) => lines.push(new TextDecoder().decode(bytes)));
  const platform: Platform = {
    nowMs: () => clockMs += 1.5,
    describe: () => ({ release: "6.12.0", cmdline: "quiet" }),
    send: (kind, payload) => writer.text(kind, payload),
    mark: (line) => marks.push(line),
    children: (body) => (index, { timeoutMs, onMessage, onTick }) => {
      const end = ends[limits.length];
      limits.push(timeoutMs);
      onTick();
      body(index, (message) => {
        // A child that does not end by itself never gets to send its outcome.
        if (end === undefined || message.kind !== "outcome") onMessage(message);
      });
      return end ?? { kind: "exited", code: 0 };
    },
  };
  const frames = () =>
    lines.map((line) => {
      const frame = decodeFrame(line.slice(0, -1));
      assert.ok(!("error" in frame), JSON.stringify(frame));
      return frame as Frame;
    });
  const ktap = () => frames().filter(({ kind }) => kind === "K").map(({ payload }) => payload);
  return { platform, frames, ktap, marks, limits };
}

const sample = () =>
  collectTests([
    fixture("sample", { file: "x.ts", variants: { v: {} }, setup: () => null })
      .test("passes", (t) => {
        t.log("two\nlines");
        t.attach("pcs", [1]);
      })
      .test("fails", (t) => t.fail("not equal"))
      .test("skips", (t) => t.skip("no device")),
  ]);

Deno.test("runTests() writes plan, runs and results as KTAP", () => {
  const fake = fakePlatform();
  const totals = runTests(sample(), CELL, fake.platform);
  assert.deepEqual(totals, { passed: 1, failed: 1, skipped: 1 });
  const lines = fake.ktap().filter((line) => !/^#\s+at /.test(line));
  assert.deepEqual(lines, [
    "KTAP version 1",
    "1..3",
    "# RUN sample.v.passes",
    "# two",
    "# lines",
    "ok 1 sample.v.passes",
    "# RUN sample.v.fails",
    "# AssertionError: not equal",
    "not ok 2 sample.v.fails",
    "# RUN sample.v.skips",
    "ok 3 sample.v.skips # SKIP no device",
  ]);
});

Deno.test("runTests() frames the run from B to E, numbered without a gap", () => {
  const fake = fakePlatform();
  runTests(sample(), CELL, fake.platform);
  const frames = fake.frames();
  assert.deepEqual(frames.map(({ seq }) => seq), frames.map((_, i) => i));
  const first = JSON.parse(frames[0]!.payload);
  assert.equal(frames[0]!.kind, "B");
  assert.deepEqual({ ...first, uptimeMs: 0 }, {
    protocol: 1,
    release: "6.12.0",
    cmdline: "quiet",
    uptimeMs: 0,
    tests: 3,
    cell: CELL,
  });
  const last = frames.at(-1)!;
  assert.equal(last.kind, "E");
  assert.deepEqual({ ...JSON.parse(last.payload), uptimeMs: 0 }, {
    uptimeMs: 0,
    passed: 1,
    failed: 1,
    skipped: 1,
  });
  const attachments = frames.filter(({ kind }) => kind === "J").map(({ payload }) =>
    JSON.parse(payload)
  );
  assert.deepEqual(attachments.map(({ name }) => name), [
    "pcs",
    "durationMs",
    "durationMs",
    "durationMs",
  ]);
  const beats = frames.filter(({ kind }) => kind === "H").map(({ payload }) => JSON.parse(payload));
  assert.deepEqual(beats.map(({ test }) => test), [
    "sample.v.passes",
    "sample.v.fails",
    "sample.v.skips",
  ]);
});

Deno.test("runTests() marks tests and the end in the kernel log", () => {
  const fake = fakePlatform();
  runTests(sample().slice(0, 1), CELL, fake.platform);
  assert.deepEqual(fake.marks, [
    "kmatrix: RUN sample.v.passes",
    "kmatrix: END sample.v.passes",
    "kmatrix: DONE",
  ]);
});

Deno.test("runTests() runs what the filter selects", () => {
  const fake = fakePlatform();
  runTests(sample(), { ...CELL, filter: ["*.skips", "*.passes"] }, fake.platform);
  assert.deepEqual(fake.ktap().filter((line) => /^(1\.\.|ok|not)/.test(line)), [
    "1..2",
    "ok 1 sample.v.passes",
    "ok 2 sample.v.skips # SKIP no device",
  ]);
});

Deno.test("runTests() scales the time limit", () => {
  const fake = fakePlatform();
  runTests(sample().slice(0, 1), { ...CELL, timeScale: 4 }, fake.platform);
  assert.deepEqual(fake.limits, [180_000]);
});

Deno.test("runTests() reports a child that crashes, hangs or exits, and goes on", () => {
  const fake = fakePlatform({
    0: { kind: "signalled", signal: "SIGSEGV" },
    1: { kind: "timeout", left: false },
    2: { kind: "exited", code: 0 },
  });
  const totals = runTests(sample(), CELL, fake.platform);
  assert.deepEqual(totals, { passed: 0, failed: 3, skipped: 0 });
  assert.deepEqual(fake.ktap().slice(3), [
    "# two",
    "# lines",
    "# child died of SIGSEGV",
    "not ok 1 sample.v.passes",
    "# RUN sample.v.fails",
    "not ok 2 sample.v.fails # TIMEOUT 45 s",
    "# RUN sample.v.skips",
    "# child exited without an outcome",
    "not ok 3 sample.v.skips",
  ]);
});

Deno.test("runTests() says so when a child cannot be killed, and goes on", () => {
  const fake = fakePlatform({ 0: { kind: "timeout", left: true } });
  runTests(sample().slice(0, 2), CELL, fake.platform);
  const lines = fake.ktap();
  const result = lines.indexOf("not ok 1 sample.v.passes # TIMEOUT 45 s");
  assert.equal(lines[result - 1], "# its process cannot be killed and was left behind");
  assert.ok(lines.includes("# RUN sample.v.fails"));
});

Deno.test("judge() does not trust an outcome when the child then failed", () => {
  assert.deepEqual(judge({ kind: "pass" }, { kind: "exited", code: 1 }, 1), {
    kind: "fail",
    message: "child exited with code 1",
  });
  assert.equal(judge({ kind: "pass" }, { kind: "signalled", signal: "SIGKILL" }, 1).kind, "fail");
  assert.equal(judge({ kind: "pass" }, { kind: "timeout", left: false }, 1).kind, "timeout");
});
