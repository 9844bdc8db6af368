// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellId, CellReport, RunReport, TestOutcome } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import { NO_FACTS } from "../report/cell_facts.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { DEDUP_ATTACHMENT, DEDUP_TEST } from "../../../selftests/contract/dedup.ts";
import { compareRuns, isEqual } from "./compare.ts";
import { comparisonLines, comparisonMarkdown } from "./compare_text.ts";

const fault = (id: string, message = id): Failure => ({ kind: "test", id, message, detail: "" });
const PASSED: TestOutcome = { kind: "passed" };
const failed = (id = "assertion"): TestOutcome => ({ kind: "failed", failure: fault(id) });
const SKIPPED: TestOutcome = { kind: "skipped", reason: "r" };
const NOT_RUN: TestOutcome = { kind: "not-run", by: null };
const FLAKY: TestOutcome = { kind: "flaky", failures: [fault("now and then")], runs: 3 };

type Tests = Readonly<Record<string, TestOutcome>>;

function cell(id: string, tests: Tests = {}, other: Partial<CellReport> = {}): CellReport {
  const all = Object.entries(tests).map(([name, outcome]) => ({
    ...{ id: name, fixture: "a", name, file: "a.ts", durationMs: 1, outcome },
    ...{ diagnostics: [], attachments: {} },
  }));
  const bad = all.flatMap(({ outcome }) => outcome.kind === "failed" ? [outcome.failure] : []);
  const verdict: CellReport["verdict"] = bad.length > 0
    ? { kind: "failed", failures: bad }
    : { kind: "passed", note: "" };
  return sampleCellReport({ cell: id as CellId, tests: all, verdict, ...other });
}

const kept = (run: RunReport, warnings: Readonly<Record<string, readonly string[]>> = {}) => ({
  ...{ run, name: "a run", warnings: new Map(Object.entries(warnings)) },
});
const compared = (before: readonly CellReport[], after: readonly CellReport[]) =>
  compareRuns(kept(sampleRun(before)), kept(sampleRun(after)));
const changes = (before: readonly CellReport[], after: readonly CellReport[]) =>
  compared(before, after).items.map(({ change, cell, what }) => `${change} ${cell} ${what}`);

Deno.test("compareRuns() says of each test what became of it", () => {
  const [before, after] = [
    cell("k/c", { fine: PASSED, breaks: PASSED, heals: failed(), stays: failed(), gone: PASSED }),
    cell("k/c", { fine: PASSED, breaks: failed(), heals: PASSED, stays: failed(), comes: PASSED }),
  ];
  assert.deepEqual(changes([before], [after]), [
    "new-failure k/c breaks",
    "fixed k/c heals",
    "still-failing k/c stays",
    "vanished k/c gone",
    "appeared k/c comes",
  ]);
  const wobbles = [cell("k/c", { a: PASSED, b: failed(), c: SKIPPED, d: PASSED, e: PASSED })];
  const then = [cell("k/c", { a: FLAKY, b: FLAKY, c: PASSED, d: SKIPPED, e: NOT_RUN })];
  assert.deepEqual(changes(wobbles, then), [
    "flaky k/c a",
    "flaky k/c b",
    "skipped k/c d",
    "not-run k/c e",
  ]);
});

Deno.test("compareRuns() takes what fails for the first time for a new failure, whatever it was", () => {
  for (const before of [{ a: PASSED }, { a: SKIPPED }, { a: NOT_RUN }, { a: FLAKY }, {}]) {
    const after = cell("k/c", { a: failed() });
    assert.deepEqual(changes([cell("k/c", before as Tests)], [after]), ["new-failure k/c a"]);
  }
  const other = compared([cell("k/c", { a: failed("one") })], [cell("k/c", { a: failed("two") })]);
  assert.deepEqual(other.items.map(({ change, otherCause }) => [change, otherCause]), [
    ["still-failing", true],
  ]);
  assert.ok(!isEqual(other));
});

Deno.test("compareRuns() judges what fails a cell beside its tests and stages", () => {
  const promise = fault("promise-broken");
  const broken = cell("k/c", { a: PASSED }, {
    verdict: { kind: "failed", failures: [promise] },
  });
  assert.deepEqual(changes([cell("k/c", { a: PASSED })], [broken]), [
    "new-failure k/c promise-broken",
  ]);
  const unfinished = cell("k/c", { a: NOT_RUN }, {
    verdict: { kind: "unfinished", why: "Ctrl-C" },
  });
  assert.deepEqual(changes([cell("k/c", { a: PASSED })], [unfinished]), [
    "not-run k/c a",
    "new-failure k/c cell",
  ]);
});

Deno.test("compareRuns() has a cell of one run alone as one thing, and what fails in a new one", () => {
  const [one, two] = [cell("k/one", { a: PASSED, b: PASSED }), cell("k/two", { a: PASSED })];
  assert.deepEqual(changes([one], [one, two]), ["appeared k/two cell"]);
  assert.deepEqual(changes([one, two], [two]), ["vanished k/one cell"]);
  assert.deepEqual(changes([one], [one, cell("k/two", { a: failed(), b: PASSED })]), [
    "appeared k/two cell",
    "new-failure k/two a",
  ]);
});

Deno.test("a run compared with itself has nothing to say, also where it is red", () => {
  const run = [cell("k/a", { a: PASSED, b: failed() }), cell("k/b", { a: FLAKY, b: SKIPPED })];
  const same = compared(run, run);
  assert.ok(isEqual(same));
  assert.deepEqual(comparisonLines(same), ["No difference in 2 cells; 1 still failing"]);
});

function withFigures(textBytes: number, distinct: number, functions: readonly string[]) {
  const report = cell("k/c", { [DEDUP_TEST]: PASSED, trace: PASSED });
  const [dedup, trace] = report.tests;
  const rows = [["cat", 5, distinct, 0, 1, 0, 1, 0, 1, 0, 1]];
  const calls = { __sanitizer_cov_trace_pc: 10 };
  return {
    ...report,
    tests: [
      { ...dedup!, attachments: { [DEDUP_ATTACHMENT]: { words: 1, bitmapWords: 0, rows } } },
      { ...trace!, attachments: { pcs: functions.map((_, n) => `${n}`), functions } },
    ],
    facts: {
      ...NO_FACTS,
      inspection: { calls, textBytes, guardBytes: null, modules: [] },
    },
  };
}

Deno.test("compareRuns() has sizes to the byte, a program's PCs but for what varies, and functions", () => {
  const figures = (after: CellReport) => {
    const { figures, traces } = compared([withFigures(1000, 100, ["read", "fdget"])], [after]);
    return [
      figures.map(({ name, before, after }) => [name, before, after]),
      traces.map(({ appeared, vanished }) => [appeared, vanished]),
    ];
  };
  assert.deepEqual(figures(withFigures(1000, 102, ["read", "fdget"])), [[], []]);
  assert.deepEqual(figures(withFigures(1001, 104, ["read", "fdget"])), [
    [["text, bytes", 1000, 1001], ["PCs of program cat", 100, 104]],
    [],
  ]);
  assert.deepEqual(figures(withFigures(1000, 100, ["read", "fget", "fput"])), [
    [["PCs of trace", 2, 3]],
    [[["fget", "fput"], ["fdget"]]],
  ]);
});

Deno.test("compareRuns() has what the plugin of dataflow has added", () => {
  const traced = (args: number, tables: number) => {
    const report = withFigures(1000, 100, ["read"]);
    const noted = { objects: 1, functions: 5, args, lost: 2, rets: 6, tables, tableBytes: 96 };
    const calls = { __sanitizer_cov_trace_args: args + 2 };
    const inspection = { ...report.facts.inspection, calls, dataflow: noted };
    return { ...report, facts: { ...report.facts, inspection } };
  };
  const { figures } = compared([traced(8, 3)], [traced(9, 4)]);
  assert.deepEqual(figures.map(({ name, before, after }) => [name, before, after]), [
    ["calls of __sanitizer_cov_trace_args", 10, 11],
    ["dataflow: tables", 3, 4],
  ]);
});

function booted(phasesMs: Readonly<Record<string, number>>, accel: "tcg" | "kvm" = "tcg") {
  const durationMs = Object.values(phasesMs).reduce((sum, ms) => sum + ms, 0);
  const boot = { accel, durationMs, phasesMs, overBudget: [], release: null };
  return cell("k/c", { a: PASSED }, { facts: { ...NO_FACTS, boot } });
}

Deno.test("compareRuns() names the phase that takes longer, and takes a slower machine off", () => {
  const usual = { start: 120, kernel: 400, init: 10, tests: 3000, exit: 60 };
  const times = (phases: typeof usual, accel?: "kvm") =>
    compared([booted(usual)], [booted(phases, accel)]);
  const slower = { ...usual, kernel: 2400 };
  assert.deepEqual(times(slower).times.map(({ what }) => what), ["boot, kernel"]);
  const busy = { start: 240, kernel: 800, init: 20, tests: 6000, exit: 120 };
  assert.deepEqual(times(busy).times, []);
  assert.deepEqual(times({ ...busy, kernel: 4800 }).times.map(({ what, ratio }) => [what, ratio]), [
    ["boot, kernel", 6],
  ]);
  assert.match(comparisonLines(times(busy)).join("\n"), /^Everything took 2\.0 times as long/m);
  const other = times(slower, "kvm");
  assert.deepEqual([other.times, other.noTimes], [[], "accelerator"]);
});

Deno.test("compareRuns() judges no time that passed on an overloaded machine, and says so", () => {
  const usual = { start: 120, kernel: 400, init: 10, tests: 3000, exit: 60 };
  const slower = booted({ ...usual, kernel: 2400 });
  const boot = { ...slower.facts.boot!, stalledShares: { kernel: 0.9, tests: 0.1 } };
  const after = { ...slower, facts: { ...slower.facts, boot } };
  const comparison = compared([booted(usual)], [after]);
  assert.deepEqual([comparison.times, comparison.unclearTimes], [[], 1]);
  assert.match(comparisonLines(comparison).join("\n"), /^1 duration not compared: the machine/m);
  assert.deepEqual(comparisonLines(compared([after], [after])), ["No difference in 1 cell"]);
});

Deno.test("compareRuns() compares builds that did as much work, and no others", () => {
  const built = (ms: number, hits: number, compiled = true) => {
    const build = {
      ...{ objects: 600, compiled, reasons: [], listedWarnings: 0 },
      cacheUse: { hits, calls: 600, remoteHits: 0 },
    };
    const stage = { stage: "build", outcome: PASSED, durationMs: ms, note: "" } as const;
    return cell("k/c", {}, { stages: [stage], facts: { ...NO_FACTS, build } });
  };
  const times = (...[one, other]: CellReport[]) => compared([one!], [other!]).times.length;
  assert.equal(times(built(60_000, 0), built(200_000, 0)), 1);
  assert.equal(times(built(60_000, 590), built(200_000, 0)), 0, "one was in the compiler cache");
  assert.equal(times(built(60_000, 0), built(100, 0, false)), 0, "nothing was compiled");
});

Deno.test("compareRuns() tells warnings apart by their text, where both logs are there", () => {
  const run = sampleRun([cell("k/c")]);
  const warnings = (before: readonly string[] | null, after: readonly string[]) =>
    compareRuns(kept(run, before === null ? {} : { "k/c": before }), kept(run, { "k/c": after }))
      .warnings.map(({ change, text }) => `${change} ${text}`);
  assert.deepEqual(warnings(["a", "b"], ["b", "c"]), ["appeared c", "vanished a"]);
  assert.deepEqual(warnings(null, ["b"]), []);
});

Deno.test("a comparison as Markdown shows what a kernel says, and obeys none of it", () => {
  const bad = (message: string): TestOutcome => ({ kind: "failed", failure: fault("x", message) });
  const run = [cell("k/c", { a: bad("<script>x</script> | `b` *c*\n| d \u001b[31m") })];
  const text = comparisonMarkdown(compared([cell("k/c", { a: PASSED })], run));
  assert.match(text, /^### New failures: 1$/m);
  assert.ok(!text.includes("<script>") && !text.includes("\u001b"), text);
  const row = text.split("\n").find((line) => line.startsWith("| k/c"))!;
  assert.equal(row.split(/(?<!\\)\|/).length, 5, row);
});

Deno.test("many tests that did not run for one cause are one row", () => {
  const names = Array.from({ length: 30 }, (_, n) => `t${n}`);
  const all = (outcome: TestOutcome) => Object.fromEntries(names.map((name) => [name, outcome]));
  const comparison = compared([cell("k/c", all(PASSED))], [cell("k/c", all(NOT_RUN))]);
  const lines = comparisonLines(comparison);
  assert.ok(lines.some((line) => /t0, and 29 more/.test(line)), lines.join("\n"));
  assert.ok(lines.length < 10, lines.join("\n"));
});
