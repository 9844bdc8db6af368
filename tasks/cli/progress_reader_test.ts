// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import width from "string-width";
import slice from "slice-ansi";
import type { RunEvent } from "../core/model/run_event.ts";
import { Emulator } from "../testing/pseudo_terminal.ts";
import { makePaint } from "./paint.ts";
import { LiveReader, NoProgressReader, PlainReader, type Timer } from "./progress_reader.ts";

/** Time that passes when it is told to. */
class FakeTimer implements Timer {
  #nowMs = 0;
  #alarms: { readonly atMs: number; readonly body: () => void }[] = [];

  now = () => this.#nowMs;
  after = (ms: number, body: () => void) => {
    const alarm = { atMs: this.#nowMs + ms, body };
    this.#alarms.push(alarm);
    return () => this.#alarms = this.#alarms.filter((one) => one !== alarm);
  };

  get waiting(): number {
    return this.#alarms.length;
  }

  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = this.#alarms.toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > endMs) break;
      this.#alarms = this.#alarms.filter((one) => one !== next);
      this.#nowMs = next.atMs;
      next.body();
    }
    this.#nowMs = endMs;
  }
}

const BUILD: RunEvent = {
  ...{ event: "stage-started", stage: "build", cells: ["k/a"], remainingMs: 300_000, key: "1" },
};
const BUILT: RunEvent = {
  ...{ event: "stage-ended", stage: "build", cells: ["k/a"], outcome: "passed" },
  ...{ durationMs: 1, failure: null },
};
const objects = (done: number): RunEvent => ({
  ...{ event: "objects-compiled", key: "1", done, total: 600 },
});
const PASSED: RunEvent = { event: "cell-ended", cell: "k/a", verdict: "passed", failure: null };
const FAILED: RunEvent = {
  ...{ event: "cell-ended", cell: "k/b", verdict: "failed" },
  failure: { kind: "build", id: "compile-error", message: "a.c:1:2: error: no" },
};
const END: RunEvent = { event: "run-ended", exitCode: 0, durationMs: 1, interrupted: null };
const notice = (level: "info" | "notice" | "warn" | "debug", text: string): RunEvent => ({
  ...{ event: "notice", level, text },
});

function options(more: { readonly quiet?: boolean; readonly verbose?: boolean } = {}) {
  const timer = new FakeTimer();
  const lines: string[] = [];
  const told = { timer, paint: makePaint(false, "x"), line: (text: string) => lines.push(text) };
  return { timer, lines, options: { quiet: false, verbose: false, ...more, ...told } };
}

Deno.test("a log gets a line at least every 30 s of a long build, and none once it is over", () => {
  const { timer, lines, options: all } = options();
  const reader = new PlainReader(all);
  reader.show(BUILD);
  const at: number[] = [];
  let seen = lines.length;
  for (let second = 0; second < 240; second++) {
    timer.pass(1000);
    // What a compiler does is no line of its own.
    reader.show(objects(second));
    if (lines.length > seen) at.push(second);
    seen = lines.length;
  }
  const gaps = at.map((second, index) => second - (at[index - 1] ?? 0));
  assert.ok(gaps.every((gap) => gap <= 30), `${gaps}`);
  assert.match(lines.at(-1)!, /\[ 225\.0s\] still at build k\/a, 223 of 600 objects \(3:45\);/);
  reader.show(BUILT);
  reader.show(END);
  timer.pass(600_000);
  assert.equal(lines.length, seen);
  assert.equal(timer.waiting, 0);
});

Deno.test("-q is silent of what goes on, in a long build too, and still tells of failures", () => {
  const { timer, lines, options: quiet } = options({ quiet: true });
  const reader = new PlainReader(quiet);
  for (const event of [notice("info", "x"), BUILD]) reader.show(event);
  timer.pass(600_000);
  for (const event of [PASSED, FAILED]) reader.show(event);
  assert.deepEqual(lines.map((line) => line.slice(10)), [
    "! FAIL k/b: a.c:1:2: error: no [compile-error]",
  ]);
});

Deno.test("--progress none has notices and failures, and nothing of what goes on", () => {
  const { timer, lines, options: all } = options();
  const reader = new NoProgressReader(all);
  const events = [
    notice("info", "x"),
    notice("debug", "y"),
    BUILD,
    objects(3),
    PASSED,
    FAILED,
    END,
  ];
  for (const event of events) reader.show(event);
  timer.pass(600_000);
  assert.deepEqual(lines.map((line) => line.slice(10)), [
    "x",
    "! FAIL k/b: a.c:1:2: error: no [compile-error]",
  ]);
});

function live(size = { columns: 60, rows: 12 }) {
  const { timer, lines, options: all } = options();
  const written: string[] = [];
  const device = { write: (text: string) => void written.push(text), size: () => size, width };
  const reader = new LiveReader({
    ...{ ...all, device },
    cut: (text, columns) => slice(text, 0, columns),
  });
  const emulator = new Emulator(size);
  const shown = async () => {
    for (const text of written) await emulator.write(text);
    written.length = 0;
    return emulator.lines();
  };
  return { timer, lines, written, reader, shown };
}

Deno.test("bursts of events are few frames, and the clock goes on without any", async () => {
  const { timer, written, reader, shown } = live();
  reader.show(BUILD);
  for (let count = 0; count < 1000; count++) {
    reader.show(objects(count >> 1));
    timer.pass(1);
  }
  assert.ok(written.length >= 5 && written.length <= 11, `${written.length} frames in a second`);
  await shown();
  timer.pass(10_000);
  assert.ok(written.length >= 9 && written.length <= 11, `${written.length} frames in 10 s`);
  assert.deepEqual(await shown(), [
    "build     [################----] 499/600 0:11 k/a",
    "0:11, about 5 min left",
  ]);
});

Deno.test("lines stay above the frame, at once; results are printed where it was", async () => {
  const { timer, reader, shown } = live();
  reader.show(BUILD);
  timer.pass(100);
  reader.show(notice("warn", "a\nb"));
  reader.show(FAILED);
  assert.deepEqual(await shown(), [
    "[   0.1s] ! a",
    "b",
    "[   0.1s] ! FAIL k/b: a.c:1:2: error: no [compile-error]",
    "build     0:00 k/a",
    "0:00, 1 failed, about 5 min left",
  ]);
  let at: string[] | Promise<string[]> = [];
  reader.aside(() => at = shown());
  assert.deepEqual((await at).slice(3), []);
  timer.pass(100);
  assert.equal((await shown()).length, 5);
  reader.close();
  assert.equal((await shown()).length, 3);
  assert.equal(timer.waiting, 0);
});

Deno.test("another program has the terminal for itself", async () => {
  const { timer, lines, written, reader, shown } = live();
  reader.show(BUILD);
  timer.pass(100);
  reader.pause();
  assert.deepEqual(await shown(), []);
  reader.show(objects(4));
  reader.show(notice("notice", "said beside it"));
  timer.pass(5000);
  assert.deepEqual([written, lines], [[], ["[   5.1s] ! said beside it".replace("5.1", "0.1")]]);
  reader.resume();
  timer.pass(100);
  assert.equal((await shown()).length, 2);
});
