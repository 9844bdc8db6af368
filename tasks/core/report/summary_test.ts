// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellId, CellReport, Feature, StageResult, TestOutcome } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import { NO_FACTS } from "./cell_facts.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import {
  countLine,
  failuresText,
  failureText,
  inspectTable,
  PLAIN,
  splatsText,
  summaryTable,
} from "./summary.ts";

const failure = (message: string, detail = ""): Failure => ({
  kind: "test",
  id: "test-failed",
  message,
  detail,
});
const stage = (name: StageResult["stage"], durationMs: number): StageResult => ({
  stage: name,
  outcome: { kind: "passed" },
  durationMs,
  note: "",
});
const tests = (...outcomes: TestOutcome[]): CellReport["tests"] =>
  outcomes.map((outcome, index) => ({
    id: `a.b.t${index}`,
    fixture: "a",
    name: `b.t${index}`,
    file: "a.ts",
    durationMs: 1,
    outcome,
    diagnostics: [],
    attachments: {},
  }));
const cell = (id: string, other: Partial<CellReport> = {}) =>
  sampleCellReport({ cell: id as CellId, ...other });

const PASSED = { kind: "passed" } as const;
const SKIPPED = { kind: "skipped", reason: "r" } as const;
const FAILED = { kind: "failed", failure: failure("expected 1") } as const;

Deno.test("summaryTable() shows each cell with its counts, times and note, and counts them", () => {
  const run = sampleRun([
    cell("linux-6.12/nokcov", {
      stages: [stage("build", 90_040), stage("boot", 1840)],
      tests: tests(SKIPPED, SKIPPED),
      verdict: { kind: "passed", note: "skipped as declared", declared: "skip" },
    }),
    cell("linux-6.12/kcov", {
      stages: [stage("build", 0), stage("boot", 2000)],
      tests: tests(PASSED, SKIPPED, FAILED, { kind: "not-run", by: "panic" }),
      verdict: { kind: "failed", failures: [failure("a.b.t2: expected 1"), failure("x")] },
    }),
    cell("linux-6.12/kcov-cmp", {
      stages: [{ ...stage("build", 0), outcome: { kind: "blocked", by: "interrupt" } }],
      verdict: { kind: "unfinished", why: "blocked by interrupt" },
    }),
  ]);
  assert.equal(
    summaryTable(run, 160, PLAIN),
    `      cell                 passed  failed  skipped  not run  build  boot
skip  linux-6.12/nokcov         0       0        2        0  90.0s  1.8s  skipped as declared
FAIL  linux-6.12/kcov           1       1        1        1   0.0s  2.0s  a.b.t2: expected 1 (+1 more)
none  linux-6.12/kcov-cmp       -       -        -        -      -     -  blocked by interrupt

3 cells: 0 passed, 1 skipped as declared, 1 failed, 1 unfinished in 61.5s (tcg)`,
  );
});

Deno.test("summaryTable() keeps a row on one line, however long a message is", () => {
  const message = `first\nsecond ${"x".repeat(500)}`;
  const run = sampleRun([
    cell("a/b", { verdict: { kind: "failed", failures: [failure(message)] } }),
  ]);
  const [, row, empty] = summaryTable(run, 80, PLAIN).split("\n");
  assert.equal(row!.length, 80);
  assert.match(row!, /first second x+…$/);
  assert.equal(empty, "");
});

Deno.test("countLine() is good only when every cell is finished and nothing failed", () => {
  const style = { ...PLAIN, good: () => "good", bad: () => "bad" };
  const failed = { kind: "failed", failures: [failure("x")] } as const;
  const unfinished = { kind: "unfinished", why: "w" } as const;
  assert.equal(countLine(sampleRun([cell("a/b")]), style), "good");
  assert.equal(countLine(sampleRun([cell("a/b", { verdict: failed })]), style), "bad");
  assert.equal(countLine(sampleRun([cell("a/b", { verdict: unfinished })]), style), "bad");
  assert.equal(countLine(sampleRun([cell("a/b")], { failures: [failure("x")] }), style), "bad");
});

Deno.test("failureText() says what, who has to act, and shows bounded evidence", () => {
  const lines = Array.from({ length: 40 }, (_, n) => `line ${n}`).join("\n");
  const text = failureText(failure("expected 1", lines)).split("\n");
  assert.equal(text[0], "expected 1 [test-failed, test]");
  assert.equal(text[1], "    line 0");
  assert.equal(text.at(-1), "    … 15 more lines");
  assert.equal(text.length, 27);
  assert.equal(failureText(failure("m")), "m [test-failed, test]");
});

Deno.test("failuresText() puts failures of the run first, then each cell with its repeat command", () => {
  const verdict = { kind: "failed", failures: [failure("one"), failure("two")] } as const;
  const run = sampleRun([cell("a/b"), cell("a/c", { verdict, repeat: "repeat a/c" })], {
    failures: [failure("of the run")],
  });
  assert.equal(
    failuresText(run, PLAIN),
    `of the run [test-failed, test]

── a/c
one [test-failed, test]
two [test-failed, test]
repeat with: repeat a/c`,
  );
  assert.equal(failuresText(sampleRun([cell("a/b")]), PLAIN), "");
});

Deno.test("failuresText() tells what cells have in common once, with their number", () => {
  const failed = (...failures: readonly Failure[]) => ({
    verdict: { kind: "failed", failures: [failures[0]!, ...failures.slice(1)] },
  } as const);
  const area = failure("error: no area", "kernel/kcov.c:3");
  const complaint = (message: string) => ({
    ...failure(message),
    complaint: { fingerprint: "1f", title: "WARNING", times: 1 },
  });
  const run = sampleRun([
    cell("k/a", { ...failed(area), repeat: "repeat k/a" }),
    cell("k/b", { ...failed(failure("other")), repeat: "repeat k/b" }),
    cell("k/c", failed(area)),
    cell("k/d", failed(area)),
    cell("k/e", { ...failed(failure("more"), area), repeat: "repeat k/e" }),
    cell("k/f", { ...failed(complaint("CPU 0")), repeat: "repeat k/f" }),
    cell("k/g", failed(complaint("CPU 1"))),
  ]);
  assert.equal(
    failuresText(run, PLAIN),
    `── k/a
the same in 2 more cells: k/c, k/d
error: no area [test-failed, test]
    kernel/kcov.c:3
repeat with: repeat k/a

── k/b
other [test-failed, test]
repeat with: repeat k/b

── k/e
more [test-failed, test]
error: no area [test-failed, test]
    as in k/a
repeat with: repeat k/e

── k/f
the same in 1 more cell: k/g
CPU 0 [test-failed, test]
repeat with: repeat k/f`,
  );
});

Deno.test("inspectTable() has columns for dataflow where a cell has it", () => {
  const inspected = (id: string, calls: Readonly<Record<string, number>>, tables?: number) => {
    const noted = { objects: 1, functions: 5, args: 8, lost: 2, rets: 6, tableBytes: 96 };
    const dataflow = tables === undefined ? {} : { dataflow: { ...noted, tables } };
    return cell(id, {
      facts: {
        ...NO_FACTS,
        config: { key: "0", features: ["kcov"], fragments: ["base"] },
        inspection: { calls, textBytes: 1000, guardBytes: null, modules: [], ...dataflow },
      },
    });
  };
  const calls = { __sanitizer_cov_trace_args: 10, __sanitizer_cov_trace_ret: 6 };
  const text = inspectTable(
    sampleRun([inspected("a/kcov", {}), inspected("a/df", calls, 3)]),
    PLAIN,
  );
  const [head, ...rows] = text.split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(head!.slice(-4), ["args calls", "ret calls", "tables", "growth"]);
  assert.deepEqual(rows.map((row) => row.slice(-4)), [["-", "-", "-", "-"], ["10", "6", "3", "-"]]);
  assert.doesNotMatch(inspectTable(sampleRun([inspected("a/kcov", {})]), PLAIN), /args calls/);
});

Deno.test("inspectTable() compares unique mode with the cell that differs only by it", () => {
  const inspected = (
    id: string,
    features: readonly Feature[],
    fragments: readonly string[],
    textBytes: number,
    calls: Readonly<Record<string, number>> = {},
    guardBytes: number | null = null,
  ) =>
    cell(id, {
      facts: {
        ...NO_FACTS,
        config: { key: "0", features, fragments },
        inspection: { calls, textBytes, guardBytes, modules: [] },
      },
    });
  const guards = { __sanitizer_cov_trace_pc_guard: 10 };
  const unfinished = { key: "0", features: ["kcov"], fragments: [] } as const;
  const text = inspectTable(
    sampleRun([
      inspected("a/kcov", ["kcov"], ["base", "kcov"], 1000, { __sanitizer_cov_trace_pc: 12 }),
      inspected("b/kcov", ["kcov", "unique-ioctl"], ["base", "kcov"], 2000),
      inspected(
        ...[
          "b/unique",
          ["kcov", "unique"],
          ["base", "kcov", "kcov-unique"],
          2200,
          guards,
          40,
        ] as const,
      ),
      inspected(
        ...["b/debug", ["kcov", "unique"], ["base", "kcov", "kcov-unique", "debug"]] as const,
        ...[3000, guards, 36] as const,
      ),
      inspected("b/nokcov", [], ["base"], 900),
      cell("b/no-build", { facts: { ...NO_FACTS, config: unfinished } }),
    ]),
    PLAIN,
  );
  const [, classic, , unique, debug, none] = text.split("\n");
  assert.match(classic!, /^a\/kcov +12 +0 +- +- +1000 +-$/);
  assert.match(unique!, /^b\/unique +10 +0 +40 +yes +2200 +10\.0 % over b\/kcov$/);
  assert.match(debug!, /^b\/debug +10 +0 +36 +NO +3000 +-$/);
  assert.equal(none, undefined);
  assert.equal(inspectTable(sampleRun([cell("b/nokcov")]), PLAIN), "");
});

Deno.test("splatsText() says which complaint several cells share, and what was allowed", () => {
  const stages = [stage("boot", 1)];
  const splat = (title: string, fingerprint: string, allowed = false) => ({
    ...{ id: "warning", title, during: "boot", root: true, fingerprint, frames: [] },
    ...{ alsoDuring: [], times: fingerprint === "3" ? 34 : 1 },
    allowed: allowed
      ? {
        ...{ pattern: "x", cells: ["*"], reason: "r", link: "l", expires: "2099-01-01" },
        place: "splats.yaml:1",
      }
      : null,
  });
  const run = sampleRun([
    cell("k/a", { stages, splats: [splat("WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2", "1")] }),
    cell("k/b", { stages, splats: [splat("WARNING: CPU: 1 PID: 2 at a.c:1 f+0x5/0x6", "1")] }),
    cell("k/c", { stages, splats: [splat("WARNING: x", "2"), splat("WARNING: y", "3", true)] }),
    cell("k/d"),
  ]);
  assert.deepEqual(splatsText(run, PLAIN).split("\n"), [
    "same report in 2 of 3 cells: WARNING: at a.c:1 f [1]",
    "allowed report in 1 of 3 cells, 34 times: WARNING: y [3]",
  ]);
  assert.equal(splatsText(sampleRun([cell("k/a", { stages })]), PLAIN), "");
});

Deno.test("failuresText() counts the tests that did not run, and names the first few", () => {
  const unrun = (count: number) =>
    tests(...Array.from({ length: count }, () => ({ kind: "not-run", by: "panic" }) as const));
  const shown = (count: number) =>
    failuresText(
      sampleRun([cell("k/a", {
        tests: unrun(count),
        verdict: { kind: "failed", failures: [failure("boom")] },
      })]),
      PLAIN,
    ).split("\n").slice(1, -1);
  assert.deepEqual(shown(10), [
    "boom [test-failed, test]",
    "10 tests did not run: a.b.t0, a.b.t1, a.b.t2 and 7 more",
  ]);
  assert.deepEqual(shown(1), ["boom [test-failed, test]", "1 test did not run: a.b.t0"]);
  assert.deepEqual(shown(0), ["boom [test-failed, test]"]);
});
