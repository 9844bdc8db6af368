// SPDX-License-Identifier: MIT
/**
 * The verdict of a cell: {@linkcode judgeCell} holds what its boot shows (boot_result.ts) against what
 * the matrix expects. It never throws. Ids, precedence and exit codes: docs/verdicts.md.
 */
import { timesText } from "../console/splat_report.ts";
import { globMatcher } from "../model/cells.ts";
import { type Failure, failure, type FailureSubject } from "../model/errors.ts";
import { mayBeExpected } from "../model/failure_kinds.ts";
import type {
  CellResult,
  CellVerdict,
  Expectation,
  Stage,
  StageResult,
  TestResult,
} from "../model/model.ts";
import { counted } from "../text/counted.ts";
import { flakyFailure } from "./flakes.ts";
import { failedTest } from "./test_outcome.ts";

/** The boot stage as its recordings show it: the host only saw that something ran. */
export function bootStage(result: CellResult, durationMs: number, note: string): StageResult {
  const outcome = result.boot === null
    ? { kind: "passed" } as const
    : { kind: "failed", failure: result.boot } as const;
  return { stage: "boot", outcome, durationMs, note };
}

/** One boot by itself, whatever other boots of the cell showed. */
export function judgeOneBoot(
  expect: Expectation,
  result: CellResult,
  durationMs = 0,
): ReturnType<typeof judgeCell> & { stages: readonly StageResult[] } {
  const stages = [bootStage(result, durationMs, "")];
  return { stages, ...judgeCell(expect, stages, result) };
}

/**
 * Applies the cell's `expect`. Expected failures are strict: what was to fail and did not is a
 * failure itself. A cell that is to pass must have passed at least one test.
 */
export function judgeCell(
  expect: Expectation,
  stages: readonly StageResult[],
  result: CellResult | null,
): { tests: readonly TestResult[]; verdict: CellVerdict } {
  for (const { outcome } of stages) {
    if (outcome.kind !== "left-out") continue;
    return { tests: [], verdict: { kind: "left-out", failures: [outcome.failure] } };
  }
  const blocked = stages.find((one) => one.outcome.kind === "blocked");
  let tests = applyExpectedFailures(expect, result?.tests ?? []);
  const failures = cellFailures(stages, tests);
  const flaky = [
    ...stages.flatMap(({ stage, outcome }) =>
      outcome.kind === "flaky"
        ? [named(stage, { stage }, flakyFailure(outcome.failures, outcome.runs))]
        : []
    ),
    ...tests.flatMap(({ id, outcome }) =>
      outcome.kind === "flaky"
        ? [named(id, { tests: [id] }, flakyFailure(outcome.failures, outcome.runs))]
        : []
    ),
  ];
  if (flaky.length > 0 && failures.length === 0) {
    return { tests, verdict: { kind: "flaky", failures: flaky, allowed: false } };
  }
  if (expect.kind === "fail" && expect.tests.length === 0) {
    if (failures.length > 0 && failures.every(({ kind }) => mayBeExpected(kind))) {
      tests = tests.map((test) =>
        test.outcome.kind === "failed"
          ? { ...test, outcome: { kind: "expected-failure", reason: expect.reason } }
          : test
      );
      const note = `failed as expected: ${expect.reason}`;
      return { tests, verdict: { kind: "passed", note, declared: "fail" } };
    }
    if (result && failures.length === 0) {
      const text = `passed, but the matrix expects it to fail (${expect.reason}, ${expect.link})`;
      failures.push(failure("test", "unexpected-pass", text));
    }
  }
  if (result && failures.length === 0) {
    const passed = tests.filter((one) => one.outcome.kind === "passed").length;
    if (expect.kind === "skip" && passed > 0) {
      failures.push(
        failure("test", "unexpected-pass", `${counted(passed, "test")} passed where all must skip`),
      );
    }
    if (expect.kind === "pass" && passed === 0) {
      const text = "no test passed; a cell in which every test skips must say `expect: skip`";
      failures.push(failure("no-match", "nothing-ran", text));
    }
  }
  if (failures.length > 0) {
    return { tests, verdict: { kind: "failed", failures: [...failures, ...flaky] } };
  }
  if (!result) {
    const why = blocked?.outcome.kind === "blocked"
      ? `blocked by ${blocked.outcome.by}`
      : "not run";
    return { tests, verdict: { kind: "unfinished", why } };
  }
  return expect.kind === "skip"
    ? { tests, verdict: { kind: "passed", note: "skipped as declared", declared: "skip" } }
    : { tests, verdict: { kind: "passed", note: "" } };
}

/** A failure with all that shows it. */
interface Cause {
  readonly failure: Failure;
  readonly stage: Stage | null;
  readonly tests: string[];
  /** Of those, the ones that ended with a complaint of their own, and how often it came in all. */
  complained: number;
  times: number;
}

/**
 * Every cause of a failed cell once: a complaint that came in 34 tests, a panic together with the
 * test that it ended. That others did not run is a consequence, and a failure of its own only where
 * no stage says why.
 */
function cellFailures(stages: readonly StageResult[], tests: readonly TestResult[]): Failure[] {
  const causes: Cause[] = [];
  const add = (failure: Failure, stage: Stage | null, id?: string): void => {
    const times = failure.complaint?.times ?? 0;
    const complained = stage === null && failure.complaint ? 1 : 0;
    causes.push({ failure, stage, tests: id === undefined ? [] : [id], complained, times });
  };
  for (const { stage, outcome } of stages) {
    if (outcome.kind === "failed") add(outcome.failure, stage);
  }
  for (const { id, outcome } of tests) {
    if (outcome.kind !== "failed") continue;
    const { failure, endedBoot } = outcome;
    const { complaint } = failure;
    const cause = causes.find((one) =>
      (endedBoot && one.stage === "boot") ||
      (complaint && complaint.fingerprint === one.failure.complaint?.fingerprint)
    );
    if (!cause) add(failure, null, id);
    else {
      cause.tests.push(id);
      if (endedBoot || !complaint) continue;
      cause.complained++;
      cause.times += complaint.times;
    }
  }
  const unrun = tests.filter(({ outcome }) => outcome.kind === "not-run").map(({ id }) => id);
  const failures = causes.map(causeFailure);
  if (unrun.length === 0 || causes.some(({ stage }) => stage !== null)) return failures;
  const count = counted(unrun.length, "test has", "tests have");
  const text = `${count} no result, although the guest ended as it should`;
  return [...failures, failure("test", "not-run", text, unrun.join("\n"))];
}

function causeFailure({ failure, stage, tests, complained, times }: Cause): Failure {
  const [first] = tests;
  const subject = {
    ...(stage === null ? {} : { stage }),
    ...(first === undefined ? {} : { tests }),
  };
  const { complaint } = failure;
  const more = `${complained - 1} more ${complained === 2 ? "test" : "tests"}`;
  const message = stage !== null || first === undefined
    ? failure.message
    : complaint && complained > 1
    ? `${first} and ${more}: the kernel complained: ${complaint.title} (${timesText(times)})`
    : `${first}: ${failure.message}`;
  // Where it was met besides is no news of the one test that a panic ended.
  const besides = stage !== null && complained > 1
    ? ` (also in ${counted(complained, "test")}, ${timesText(times)})`
    : "";
  return {
    ...failure,
    message: message + besides,
    subject,
    ...(complaint ? { complaint: { ...complaint, times } } : {}),
  };
}

function named(name: string, subject: FailureSubject, one: Failure): Failure {
  return { ...one, message: `${name}: ${one.message}`, subject };
}

function applyExpectedFailures(
  expect: Expectation,
  tests: readonly TestResult[],
): readonly TestResult[] {
  if (expect.kind !== "fail" || expect.tests.length === 0) return tests;
  const expected = globMatcher(expect.tests);
  return tests.map((test): TestResult => {
    if (!expected(test.id)) return test;
    switch (test.outcome.kind) {
      case "failed":
        return { ...test, outcome: { kind: "expected-failure", reason: expect.reason } };
      case "passed":
        return {
          ...test,
          outcome: failedTest(
            "unexpected-pass",
            `passed, but the matrix expects it to fail (${expect.reason}, ${expect.link})`,
            "",
          ),
        };
      default:
        return test;
    }
  });
}
