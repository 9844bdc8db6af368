// SPDX-License-Identifier: MIT
/** Several boots of one cell as one result: what always fails, and what fails only sometimes. */
import type {
  Attempt,
  AttemptPlan,
  CellResult,
  CellVerdict,
  StageOutcome,
  TestOutcome,
  TestResult,
} from "../model/model.ts";
import { mergePromises } from "./promises.ts";
import { type Failure, failure } from "../model/errors.ts";
import { mergeSplats } from "../console/splat_report.ts";

/** Whether to boot again after these verdicts. */
export function bootsAgain(
  plan: AttemptPlan | undefined,
  verdicts: readonly CellVerdict[],
): boolean {
  const last = verdicts.at(-1);
  if (plan === undefined || last === undefined) return false;
  switch (plan.kind) {
    case "retries":
      return isRetried(last) && verdicts.length <= plan.most;
    case "repeat":
      return verdicts.length < plan.count;
    case "until-fail":
      return last.kind === "passed";
    case "keep-going":
      return false;
  }
}

/**
 * Ids of the tests that the next boot is to run with `keep-going`; null where none is left, or where
 * the last boot came no further than the one before.
 */
export function testsLeft(results: readonly CellResult[]): readonly string[] | null {
  const left = (count: number) =>
    mergeAttempts(results.slice(0, count)).result.tests
      .filter(({ outcome }) => outcome.kind === "not-run").map(({ id }) => id);
  const now = left(results.length);
  const stuck = results.length > 1 && now.length >= left(results.length - 1).length;
  return now.length === 0 || stuck ? null : now;
}

/** A filter that selects nothing selects nothing the next time as well. */
function isRetried(verdict: CellVerdict): boolean {
  return verdict.kind === "failed" && verdict.failures.some(({ kind }) => kind !== "no-match");
}

/** Name of the folder of a boot below the cell's; the first one lies in the cell's own. */
export function attemptFolder(number: number): string {
  return number === 1 ? "" : `/attempt-${number}`;
}

/**
 * The Wilson score interval of a proportion for 95 %: sound for few attempts and for proportions of
 * 0 and 1, where the usual one is not (Wilson, J. Am. Stat. Assoc. 22, 1927).
 * @returns Bounds from 0 to 1.
 */
export function wilsonInterval(passed: number, runs: number): [low: number, high: number] {
  if (runs === 0) return [0, 1];
  const z = 1.959964;
  const rate = passed / runs;
  const spread = z * Math.sqrt(rate * (1 - rate) / runs + z ** 2 / (4 * runs ** 2));
  const middle = rate + z ** 2 / (2 * runs);
  const scale = 1 + z ** 2 / runs;
  return [Math.max(0, (middle - spread) / scale), Math.min(1, (middle + spread) / scale)];
}

/** "4 of 5 boots passed (80 %; 95 % interval 38 to 96 %)". */
export function rateText(passed: number, runs: number): string {
  const percent = (value: number) => `${Math.round(100 * value)}`;
  const [low, high] = wilsonInterval(passed, runs).map(percent);
  return `${passed} of ${runs} boots passed (${percent(passed / runs)} %; ` +
    `95 % interval ${low} to ${high} %)`;
}

/** How many of a cell's boots passed, and how sure that makes. */
export function attemptsText(attempts: readonly Attempt[]): string {
  return rateText(attempts.filter(({ verdict }) => verdict === "passed").length, attempts.length);
}

/** Id of what failed in some boots. */
export const FLAKY = "flaky";

/** How often something failed, as a failure of its own: `flaky`. */
export function flakyFailure(failures: readonly Failure[], runs: number): Failure {
  const first = failures[0]!;
  const text = `flaky, failed in ${failures.length} of ${runs} boots: ${first.message}`;
  return failure("test", FLAKY, text, first.detail);
}

/**
 * One result of several boots, the last of them the main one. A test that ran in none of those that
 * failed before it is as in the others: that it did not run says nothing of it.
 */
export function mergeAttempts(
  results: readonly CellResult[],
  plan?: AttemptPlan,
): {
  readonly result: CellResult;
  readonly boot: StageOutcome;
} {
  const last = results.at(-1)!;
  const ids = [...new Set(results.flatMap(({ tests }) => tests.map(({ id }) => id)))];
  const tests = ids.map((id) =>
    mergeTest(results.flatMap(({ tests }) => tests.filter((test) => test.id === id)))
  );
  const failures = results.flatMap(({ boot }) => boot === null ? [] : [boot]);
  // With keep-going no boot is the same as another.
  const runs = plan?.kind === "keep-going" ? failures.length : results.length;
  const boot = mergeOutcome(failures, runs);
  const failed = boot.kind === "failed" ? boot.failure : null;
  const splats = mergeSplats(results.flatMap((one) => one.splats));
  const promises = mergePromises(results.map((one) => one.promises));
  return { result: { ...last, boot: failed, tests, splats, promises }, boot };
}

function mergeOutcome(failures: readonly Failure[], runs: number): StageOutcome {
  if (failures.length === 0) return { kind: "passed" };
  if (failures.length < runs) return { kind: "flaky", failures, runs };
  return { kind: "failed", failure: failures[0]!, reruns: failures.slice(1) };
}

function mergeTest(all: readonly TestResult[]): TestResult {
  const ran = all.filter(({ outcome }) => outcome.kind !== "not-run");
  const last = ran.at(-1) ?? all.at(-1)!;
  const failed = ran.flatMap(({ outcome }) => outcome.kind === "failed" ? [outcome] : []);
  const [first] = failed;
  if (first === undefined) return last;
  const failures = failed.map(({ failure }) => failure);
  const outcome: TestOutcome = failures.length < ran.length
    ? { kind: "flaky", failures, runs: ran.length }
    : { ...first, reruns: failures.slice(1) };
  const diagnostics = ran.find((one) => one.outcome.kind === "failed")!.diagnostics;
  return { ...last, outcome, diagnostics };
}
