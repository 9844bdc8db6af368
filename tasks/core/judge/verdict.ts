// SPDX-License-Identifier: MIT
/**
 * From recordings to a verdict, in two steps that never throw: {@linkcode judgeBoot} says what one
 * boot's files show, {@linkcode judgeCell} holds that against what the matrix expects.
 * Ids, precedence and exit codes: docs/verdicts.md.
 */
import * as v from "valibot";
import { cachedJson } from "../text/shape.ts";
import {
  type AllowedSplat,
  type BootRecord,
  type CellResult,
  type CellVerdict,
  type DeclaredTest,
  type Expectation,
  type Feature,
  FEATURES,
  type Stage,
  type StageResult,
  type TestOutcome,
  type TestResult,
} from "../model/model.ts";
import { type Failure, failure, type FailureSubject } from "../model/errors.ts";
import { mayBeExpected } from "../model/failure_kinds.ts";
import { judgeEnding, lastLines } from "./boot_ending.ts";
import { decodeFrames, type Frame, payloadOf } from "./frames.ts";
import { type KtapCase, type KtapProblem, ktapProblemText, parseKtap } from "./ktap.ts";
import {
  allowanceOf,
  NO_SOURCES,
  reportSplats,
  splatDetail,
  type SplatSources,
  timesText,
} from "../console/splat_report.ts";
import { findSplats, isWhole, type Splat, splatText } from "../console/splats.ts";
import { globMatcher } from "../model/cells.ts";
import { outsideText } from "../console/run_marks.ts";
import { withCPrograms } from "./c_programs.ts";
import { flakyFailure } from "./flakes.ts";
import { appliesTo } from "../../../selftests/contract/fixtures.ts";
import { counted } from "../text/counted.ts";

/** A recording beyond this is judged by its beginning; boots are stopped long before. */
export const RECORDING_BYTES = 64 << 20;

export interface Recordings {
  readonly console: Uint8Array;
  readonly results: Uint8Array;
  /** Sizes of the files where only their beginnings were read. */
  readonly sizes?: { readonly console: number; readonly results: number };
  /** What the host saw; null when only the two streams are at hand. */
  readonly record: BootRecord | null;
  readonly declared: readonly DeclaredTest[];
  /** Complaints that do not count against the cell; none by default. */
  readonly allow?: readonly AllowedSplat[];
  /** Source lines of the frames of complaints, where they are known. */
  readonly sources?: SplatSources;
}

interface CellFacts {
  readonly cell: string;
  readonly features: readonly Feature[];
  readonly filter: readonly string[];
}

/** What the guest was told, as it repeats it in its first frame; the host's record otherwise. */
function factsOf(record: BootRecord | null, begin: Record<string, unknown> | null): CellFacts {
  const told = begin?.cell as Record<string, unknown> | undefined;
  if (record) return record;
  const strings = (value: unknown) =>
    Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
  return {
    cell: typeof told?.cell === "string" ? told.cell : "unknown/unknown",
    features: strings(told?.features).filter((item): item is Feature =>
      (FEATURES as readonly string[]).includes(item)
    ),
    filter: strings(told?.filter),
  };
}

/** What one boot's files show. Total: any bytes give a result. */
export function judgeBoot(recordings: Recordings): CellResult {
  const decoded = decodeFrames(recordings.results);
  const { frames } = decoded;
  const begin = payloadOf(frames, "B");
  const end = payloadOf(frames, "E");
  const facts = factsOf(recordings.record, begin);
  const ktap = parseKtap(frames.filter((one) => one.kind === "K").map((one) => one.payload));
  const console = recordings.console.subarray(0, RECORDING_BYTES);
  // What the guest reported tells its marks on the console from any that others may write.
  const order = decoded.damage === null && end !== null ? ktap.cases.map((one) => one.name) : null;
  const splats = findSplats(console, order);
  const { allow = [], sources = NO_SOURCES } = recordings;
  const complaints = splats.filter((splat) =>
    splat.root && allowanceOf(splat, facts.cell, allow) === null
  );

  const expected = recordings.declared.filter((test) =>
    globMatcher(facts.filter)(test.id) && appliesTo(test, facts.features)
  );
  const cases = new Map(ktap.cases.map((one) => [one.name, one]));
  const attachments = attachmentsOf(frames);
  const { record } = recordings;
  const ending = judgeRecordings(recordings) ??
    judgeEnding({ console, record, decoded, running: ktap.running, splats, sources });
  const own = expected.map((test): TestResult => {
    const { durationMs, ...attached } = Object.fromEntries(attachments.get(test.id) ?? []);
    return {
      id: test.id,
      fixture: test.fixture,
      name: `${test.variant}.${test.test}`,
      file: test.file,
      // Attached by the harness, to every test.
      durationMs: typeof durationMs === "number" ? durationMs : 0,
      outcome: judgeComplaints(test, complaints, sources, ending && ktap.running) ??
        judgeTest(test, cases.get(test.id), facts.features, ending, ktap.running),
      diagnostics: cases.get(test.id)?.diagnostics ?? [],
      attachments: attached,
    };
  });

  const tests = withCPrograms(own, recordings.declared, facts.features);
  const stray = ktap.cases.filter((one) => !expected.some((test) => test.id === one.name));
  const boot = ending ??
    judgeStream(ktap.problems, stray, end, ktap.cases) ??
    judgeSurroundings(complaints, sources) ??
    judgeConsole(console);
  return {
    cell: facts.cell,
    boot,
    tests,
    splats: reportSplats(splats, facts.cell, allow, sources),
    guest: {
      release: typeof begin?.release === "string" ? begin.release : null,
      uptimeMs: typeof end?.uptimeMs === "number" ? end.uptimeMs : null,
    },
  };
}

/** A recording that is shorter or longer than it was when the boot ended tells nothing. */
function judgeRecordings({ console, results, sizes, record }: Recordings): Failure | null {
  // Without a record, the streams have to speak for themselves.
  if (!record) return null;
  const pairs = [
    ["console.log", sizes?.console ?? console.length, record.bytes.console],
    ["results.log", sizes?.results ?? results.length, record.bytes.results],
  ] as const;
  const wrong = pairs.find(([, found, wanted]) => found !== wanted);
  if (!wrong) return null;
  const text = `${wrong[0]} has ${wrong[1]} bytes, and had ${wrong[2]} when the boot ended`;
  return failure("infra", "recording-damaged", text);
}

/** A whole stream whose content does not add up. */
function judgeStream(
  problems: readonly KtapProblem[],
  stray: readonly KtapCase[],
  end: Record<string, unknown> | null,
  cases: readonly KtapCase[],
): Failure | null {
  const [first] = problems;
  if (first !== undefined) {
    const isShort = first.kind === "wrong-plan" && first.found < first.planned;
    return failure(
      "test",
      isShort ? "short-plan" : "bad-ktap",
      `the guest's KTAP is wrong: ${ktapProblemText(first)}`,
      problems.map(ktapProblemText).join("\n"),
    );
  }
  if (stray.length > 0) {
    const names = stray.map((one) => one.name).join(", ");
    return failure("test", "unknown-test", `results for tests that nobody declared: ${names}`);
  }
  const names = cases.map((one) => one.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    return failure("test", "bad-ktap", `there are two results for test ${twice}`);
  }
  const counted = {
    passed: cases.filter((one) => one.status === "ok").length,
    skipped: cases.filter((one) => one.status === "skip").length,
  };
  if (end && (end.passed !== counted.passed || end.skipped !== counted.skipped)) {
    const text =
      `the guest's last report counts ${end.passed} passed and ${end.skipped} skipped, ` +
      `its results are ${counted.passed} and ${counted.skipped}`;
    return failure("test", "bad-ktap", text);
  }
  return null;
}

/** Splats that belong to no test. */
function judgeSurroundings(
  complaints: readonly Splat[],
  sources: SplatSources,
): Failure | null {
  const outside = complaints.find((splat) => outsideText(splat.during) !== null);
  if (!outside) return null;
  const when = outsideText(outside.during);
  const alike = complaints.filter(({ during, fingerprint }) =>
    during === outside.during && fingerprint === outside.fingerprint
  );
  return complaintFailure(outside, alike.length, `the kernel complained ${when}`, sources);
}

/**
 * The guest's last mark ends a whole console. Where it is missing, the kernel's complaints may be
 * missing as well, and none of them must be taken for a good sign.
 */
function judgeConsole(console: Uint8Array): Failure | null {
  if (isWhole(console)) return null;
  return failure(
    "kernel",
    "console-cut",
    'the console is not whole: it lacks the guest\'s last line, "kmatrix: DONE"',
    `last lines of the console:\n${lastLines(console)}`,
  );
}

/** What the kernel said while a test ran counts, whatever the test says. */
function judgeComplaints(
  test: DeclaredTest,
  complaints: readonly Splat[],
  sources: SplatSources,
  ended: string | null,
): TestOutcome | null {
  const mine = complaints.filter((one) => one.during === test.id);
  const [splat] = mine;
  // A panic is how the boot ended, and the test that ran has its id from there.
  if (!splat || (splat.id === "panic" && ended === test.id)) return null;
  const times = mine.filter(({ fingerprint }) => fingerprint === splat.fingerprint).length;
  return {
    kind: "failed",
    failure: complaintFailure(splat, times, "the kernel complained", sources),
  };
}

function complaintFailure(
  splat: Splat,
  times: number,
  what: string,
  sources: SplatSources,
): Failure {
  const title = splatText(splat);
  const often = times === 1 ? "" : ` (${timesText(times)})`;
  return {
    ...failure("kernel", `splat-${splat.id}`, `${what}: ${title}${often}`),
    detail: splatDetail(splat, sources),
    complaint: { fingerprint: splat.fingerprint, title, times },
  };
}

function judgeTest(
  test: DeclaredTest,
  found: KtapCase | undefined,
  features: readonly Feature[],
  ending: Failure | null,
  running: string | null,
): TestOutcome {
  if (!found) {
    if (running === test.id && ending) {
      return { kind: "failed", failure: ending, endedBoot: true };
    }
    return { kind: "not-run", by: ending?.id ?? null };
  }
  const lacking = test.requires.filter((feature) => !features.includes(feature));
  const diagnostics = found.diagnostics.join("\n");
  switch (found.status) {
    case "skip":
      if (lacking.length > 0) return { kind: "skipped", reason: found.reason };
      return failedTest(
        "undeclared-skip",
        `skipped, and this cell has all it needs (${
          test.requires.join(", ") || "nothing"
        }): ${found.reason}`,
        diagnostics,
      );
    case "ok":
      if (lacking.length === 0) return { kind: "passed" };
      return failedTest(
        "missing-skip",
        `passed where it had to skip: the cell lacks ${lacking.join(", ")}`,
        diagnostics,
      );
    case "timeout":
      return failedTest("test-time-limit", `hit its time limit: ${found.reason}`, diagnostics);
    case "not ok":
    case "error":
    case "xfail":
    case "todo":
      return failedTest("test-failed", headline(found.diagnostics), diagnostics);
  }
}

/** The error's own line where there is one, else the last thing that the test said. */
function headline(diagnostics: readonly string[]): string {
  return diagnostics.find((line) => /^\w*Error: /.test(line)) ?? diagnostics.at(-1) ?? "failed";
}

function failedTest(id: string, message: string, detail: string): TestOutcome {
  return { kind: "failed", failure: failure("test", id, message, detail) };
}

const attachmentShape = v.looseObject({
  test: v.string(),
  name: v.string(),
  value: v.optional(v.unknown()),
});

/** What each test attached, by its id; where a name came twice, the later value. */
function attachmentsOf(frames: readonly Frame[]): Map<string, Map<string, unknown>> {
  const found = new Map<string, Map<string, unknown>>();
  for (const frame of frames) {
    if (frame.kind !== "J") continue;
    // An attachment that is none costs a figure, not a verdict.
    const attached = cachedJson(attachmentShape, frame.payload);
    if (attached === null) continue;
    const mine = found.get(attached.test) ?? new Map<string, unknown>();
    found.set(attached.test, mine.set(attached.name, attached.value));
  }
  return found;
}

/** The boot stage as its recordings show it: the host only saw that something ran. */
export function bootStage(result: CellResult, durationMs: number, note: string): StageResult {
  const outcome = result.boot === null
    ? { kind: "passed" } as const
    : { kind: "failed", failure: result.boot } as const;
  return { stage: "boot", outcome, durationMs, note };
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
        failure("test", "unexpected-pass", `${passed} tests passed where all must skip`),
      );
    }
    if (expect.kind === "pass" && passed === 0) {
      const text = "no test passed; a cell of nothing but skips must say `expect: skip`";
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
    ? ` (also in ${complained} tests, ${timesText(times)})`
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
