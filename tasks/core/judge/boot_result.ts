// SPDX-License-Identifier: MIT
/**
 * What one boot's recordings show: its end, the results of its tests, its complaints. What the matrix
 * expects is no matter here (verdict.ts). Ids, precedence and exit codes: docs/verdicts.md.
 */
import { markLine } from "../../../selftests/contract/marks.ts";
import * as v from "valibot";
import { appliesTo } from "../../../selftests/contract/fixtures.ts";
import {
  allowanceOf,
  NO_SOURCES,
  reportSplats,
  type SplatSources,
} from "../console/splat_report.ts";
import { outsideText } from "../console/run_marks.ts";
import { findSplats, isWhole, type Splat } from "../console/splats.ts";
import { globMatcher } from "../model/cells.ts";
import { type Failure, failure } from "../model/errors.ts";
import {
  type AllowedSplat,
  type BootRecord,
  type CellResult,
  type DeclaredTest,
  type Feature,
  FEATURES,
  type PromiseBook,
  type TestResult,
} from "../model/model.ts";
import { cachedJson } from "../text/shape.ts";
import { judgeEnding, lastLines } from "./boot_ending.ts";
import { withCPrograms } from "./c_programs.ts";
import { decodeFrames, type Frame, payloadOf } from "./frames.ts";
import { type KtapCase, type KtapProblem, ktapProblemText, parseKtap } from "./ktap.ts";
import { type GuestSources, withSources } from "./guest_stack.ts";
import { answersOf, holdPromises, judgePromises } from "./promises.ts";
import { complaintFailure, judgeComplaints, judgeTest } from "./test_outcome.ts";

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
  /** What is stated of kernels; nothing by default. */
  readonly promises?: PromiseBook;
  /** Source lines of the frames of complaints, where they are known. */
  readonly sources?: SplatSources;
  /** Places of failed tests in the selftests, where they are known. */
  readonly guestSources?: GuestSources;
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
  const { guestSources = {} } = recordings;
  const cases = new Map(ktap.cases.map((one) => [
    one.name,
    { ...one, diagnostics: withSources(one.diagnostics, guestSources) },
  ]));
  const attachments = attachmentsOf(frames);
  const release = typeof begin?.release === "string" ? begin.release : null;
  const { answers, stray: strayAnswer } = answersOf(frames);
  const promises = holdPromises(
    { ...facts, base: recordings.record?.base ?? null, release },
    answers,
    recordings.promises ?? [],
  );
  const { record } = recordings;
  const ending = judgeRecordings(recordings) ??
    judgeEnding({ console, record, decoded, running: ktap.running, splats, sources, guestSources });
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
        judgePromises(
          test.id,
          promises,
          judgeTest(test, cases.get(test.id), facts.features, ending, ktap.running),
        ),
      diagnostics: cases.get(test.id)?.diagnostics ?? [],
      attachments: attached,
    };
  });

  const tests = withCPrograms(own, recordings.declared, facts.features);
  const stray = ktap.cases.filter((one) => !expected.some((test) => test.id === one.name));
  const boot = ending ??
    judgeStream(ktap.problems, stray, end, ktap.cases) ??
    judgeAnswers(strayAnswer) ??
    judgeSurroundings(complaints, sources) ??
    judgeConsole(console);
  return {
    cell: facts.cell,
    boot,
    tests,
    splats: reportSplats(splats, facts.cell, allow, sources),
    promises,
    guest: {
      release,
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

/** An answer to what nobody asks, or one that cannot be given. */
function judgeAnswers(stray: string | null): Failure | null {
  if (stray === null) return null;
  return failure("test", "unknown-promise", `an answer that the table does not know: ${stray}`);
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
    `the console is not whole: it lacks the guest's last line, "${markLine({ word: "DONE" })}"`,
    `last lines of the console:\n${lastLines(console)}`,
  );
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
