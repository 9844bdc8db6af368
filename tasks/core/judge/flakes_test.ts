// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NO_ANSWERS } from "../../testing/samples.ts";
import fc from "fast-check";
import type { CellResult, CellVerdict, TestOutcome, TestResult } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import {
  attemptFolder,
  bootsAgain,
  mergeAttempts,
  rateText,
  testsLeft,
  wilsonInterval,
} from "./flakes.ts";

const failure = (message: string): Failure => ({
  kind: "test",
  id: "test-failed",
  message,
  detail: "",
});
const PASSED: CellVerdict = { kind: "passed", note: "" };
const FAILED: CellVerdict = { kind: "failed", failures: [failure("m")] };
const NOTHING: CellVerdict = {
  kind: "failed",
  failures: [{ ...failure("m"), kind: "no-match" }],
};

Deno.test("bootsAgain() tries a failure again, as often as it may", () => {
  const plan = { kind: "retries", most: 2 } as const;
  assert.equal(bootsAgain(plan, [PASSED]), false);
  assert.equal(bootsAgain(plan, [FAILED]), true);
  assert.equal(bootsAgain(plan, [FAILED, FAILED]), true);
  assert.equal(bootsAgain(plan, [FAILED, FAILED, FAILED]), false);
  assert.equal(bootsAgain(plan, [FAILED, PASSED]), false);
  assert.equal(bootsAgain(plan, [NOTHING]), false);
});

Deno.test("bootsAgain() repeats whatever comes, or until something fails, or never", () => {
  const repeat = { kind: "repeat", count: 2 } as const;
  assert.equal(bootsAgain(repeat, [FAILED]), true);
  assert.equal(bootsAgain(repeat, [PASSED, FAILED]), false);
  assert.equal(bootsAgain({ kind: "until-fail" }, [PASSED, PASSED]), true);
  assert.equal(bootsAgain({ kind: "until-fail" }, [PASSED, FAILED]), false);
  assert.equal(bootsAgain(undefined, [FAILED]), false);
});

Deno.test("attemptFolder() leaves the first boot where a single one would be", () => {
  assert.deepEqual([1, 2, 10].map(attemptFolder), ["", "/attempt-2", "/attempt-10"]);
});

Deno.test("wilsonInterval() gives the bounds of the literature", () => {
  const near = (found: readonly number[], wanted: readonly number[]) =>
    found.forEach((value, index) =>
      assert.ok(Math.abs(value - wanted[index]!) < 0.0005, `${found}`)
    );
  // Newcombe, Stat. Med. 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
  near(wilsonInterval(81, 263), [0.2553, 0.3662]);
  near(wilsonInterval(15, 148), [0.0624, 0.1605]);
  near(wilsonInterval(0, 20), [0, 0.1611]);
  near(wilsonInterval(1, 29), [0.0061, 0.1718]);
});

Deno.test("wilsonInterval() holds the rate, and mirrors it", () => {
  fc.assert(fc.property(fc.nat(50), fc.nat(50), (passed, failed) => {
    const runs = passed + failed;
    const [low, high] = wilsonInterval(passed, runs);
    assert.ok(0 <= low && low <= high && high <= 1);
    if (runs === 0) return;
    assert.ok(low <= passed / runs && passed / runs <= high + 1e-12);
    const [mirrored] = wilsonInterval(failed, runs);
    assert.ok(Math.abs(1 - high - mirrored) < 1e-9);
  }));
});

Deno.test("rateText() says how many, the rate and how sure it is", () => {
  assert.equal(rateText(4, 5), "4 of 5 boots passed (80 %; 95 % interval 38 to 96 %)");
});

const tests = (outcomes: Readonly<Record<string, TestOutcome>>): TestResult[] =>
  Object.entries(outcomes).map(([id, outcome]) => ({
    id,
    fixture: "f",
    name: id,
    file: "f.ts",
    durationMs: 1,
    outcome,
    diagnostics: outcome.kind === "failed" ? [outcome.failure.message] : [],
    attachments: {},
  }));
const boot = (
  outcomes: Readonly<Record<string, TestOutcome>>,
  boot: Failure | null = null,
): CellResult => ({
  cell: "a/b",
  boot,
  tests: tests(outcomes),
  splats: [],
  promises: NO_ANSWERS,
  guest: { release: null, uptimeMs: 1 },
});
const ok: TestOutcome = { kind: "passed" };
const failed = (message: string): TestOutcome => ({ kind: "failed", failure: failure(message) });
const notRun: TestOutcome = { kind: "not-run", by: "panic" };

Deno.test("mergeAttempts() tells what always fails from what fails sometimes", () => {
  const { result, boot: stage } = mergeAttempts([
    boot({ a: ok, b: failed("1"), c: failed("3"), d: { kind: "skipped", reason: "r" } }),
    boot({ a: ok, b: failed("2"), c: ok, d: { kind: "skipped", reason: "r" } }),
  ]);
  assert.deepEqual(stage, { kind: "passed" });
  assert.deepEqual(Object.fromEntries(result.tests.map(({ id, outcome }) => [id, outcome])), {
    a: ok,
    b: { kind: "failed", failure: failure("1"), reruns: [failure("2")] },
    c: { kind: "flaky", failures: [failure("3")], runs: 2 },
    d: { kind: "skipped", reason: "r" },
  });
  assert.deepEqual(result.tests[2]!.diagnostics, ["3"]);
});

Deno.test("mergeAttempts() does not blame a test for a boot that ended before it", () => {
  const died = failure("panic");
  const { result, boot: stage } = mergeAttempts([
    boot({ a: failed("panic"), b: notRun }, died),
    boot({ a: ok, b: ok }),
  ]);
  assert.deepEqual(stage, { kind: "flaky", failures: [died], runs: 2 });
  assert.equal(result.boot, null);
  assert.deepEqual(result.tests.map(({ outcome }) => outcome.kind), ["flaky", "passed"]);
  const always = mergeAttempts([boot({ b: notRun }, died), boot({ b: notRun }, died)]);
  assert.equal(always.result.boot, died);
  assert.equal(always.result.tests[0]!.outcome.kind, "not-run");
});

Deno.test("testsLeft() names what a crash kept from running, as long as each boot gets further", () => {
  const died = failure("panic");
  const first = boot({ a: ok, b: failed("panic"), c: notRun, d: notRun }, died);
  assert.deepEqual(testsLeft([first]), ["c", "d"]);
  const second = boot({ c: failed("panic"), d: notRun }, died);
  assert.deepEqual(testsLeft([first, second]), ["d"]);
  assert.equal(testsLeft([first, second, boot({ d: ok })]), null);
  assert.equal(testsLeft([first, boot({ c: notRun, d: notRun }, died)]), null);
  const { result, boot: stage } = mergeAttempts([first, second, boot({ d: ok })], {
    kind: "keep-going",
  });
  assert.deepEqual(stage, { kind: "failed", failure: died, reruns: [died] });
  assert.deepEqual(result.tests.map(({ outcome }) => outcome.kind), [
    ...["passed", "failed", "failed", "passed"],
  ]);
});
