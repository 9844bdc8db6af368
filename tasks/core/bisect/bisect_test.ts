// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NO_ANSWERS } from "../../testing/samples.ts";
import fc from "fast-check";
import type { CellResult, TestResult } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import type { FailureKind } from "../model/failure_kinds.ts";
import {
  bootsForGood,
  chanceOfWrongGood,
  chooseTarget,
  judgeBoot,
  judgeFailedBuild,
  judgeStep,
  knowsBadEnd,
  readGitAnswer,
  type Showing,
  showingOf,
  showingOfFailure,
  symptomKey,
  type Target,
} from "./bisect.ts";

const failure = (kind: FailureKind, id: string, message = ""): Failure => ({
  ...{ kind, id, message, detail: "" },
});
/** A failure that is a complaint of the kernel's. */
const complaint = (id: string, title: string): Failure => ({
  ...failure("kernel", id, "in words"),
  complaint: { fingerprint: "0", title, times: 1 },
});

function test(id: string, failed?: Failure | "not-run"): TestResult {
  return {
    ...{ id, fixture: "f", name: "v.t", file: "", durationMs: 0, diagnostics: [], attachments: {} },
    outcome: failed === undefined
      ? { kind: "passed" }
      : failed === "not-run"
      ? { kind: "not-run", by: "panic" }
      : { kind: "failed", failure: failed },
  };
}

const result = (tests: TestResult[], boot: Failure | null = null): CellResult => ({
  ...{ cell: "k/c", boot, tests, splats: [], guest: { release: null, uptimeMs: null } },
  promises: NO_ANSWERS,
});

const FAILED = failure("test", "test-failed", "expected 1, found 2");
const clean = showingOf(result([test("a"), test("b")]));
const aFails = showingOf(result([test("a", FAILED), test("b")]));
const bFails = showingOf(result([test("a"), test("b", FAILED)]));
const bothFail = showingOf(result([test("a", FAILED), test("b", FAILED)]));
const keys = (showing: Showing) => showing.symptoms.map(symptomKey);
const target = (bad: Showing[], good: Showing[] = []): Target => chooseTarget(bad, good)!;

Deno.test("showingOf() knows a test's failure by its name, whatever its values", () => {
  assert.deepEqual(keys(aFails), ["a test-failed"]);
  const other = failure("test", "test-failed", "expected 1, found 3");
  assert.deepEqual(keys(showingOf(result([test("a", other), test("b")]))), keys(aFails));
});

Deno.test("showingOf() knows a crash by its title, wherever and at which address it came", () => {
  const splat = (where: string, size: number) =>
    complaint("splat-kasan", `BUG: KASAN: slab-out-of-bounds in ${where}+0x1${size}/0x${size}0`);
  const one = showingOf(result([test("a", splat("kcov_ioctl", 4)), test("b")]));
  const two = showingOf(result([test("a"), test("b", splat("kcov_ioctl", 6))]));
  assert.deepEqual(keys(one), keys(two));
  const elsewhere = showingOf(result([test("a"), test("b", splat("kcov_mmap", 6))]));
  assert.notDeepEqual(keys(one), keys(elsewhere));
});

Deno.test("showingOf() takes a test that did not run for no failure of its own", () => {
  const panic = complaint("panic", "Kernel panic - x");
  const showing = showingOf(result([test("a", panic), test("b", "not-run")], panic));
  assert.deepEqual(keys(showing), ["kernel panic Kernel panic - x"]);
  assert.deepEqual([showing.finished, showing.whole], [[], false]);
});

Deno.test("chooseTarget() leaves out what fails at the good end, and what is rarer", () => {
  assert.deepEqual(keys({ ...clean, ...target([aFails, bothFail, aFails]) }), ["a test-failed"]);
  assert.deepEqual(target([bothFail, bothFail], [bFails]).symptoms.map(symptomKey), [
    "a test-failed",
  ]);
  assert.equal(chooseTarget([aFails], [aFails]), null);
  assert.equal(chooseTarget([clean], []), null);
});

Deno.test("knowsBadEnd() wants three failures, or five where two are equally frequent", () => {
  assert.equal(knowsBadEnd([aFails, aFails], 30), false);
  assert.equal(knowsBadEnd([aFails, aFails, aFails], 30), true);
  assert.equal(knowsBadEnd([bothFail, bothFail, bothFail], 30), false);
  assert.equal(knowsBadEnd([bothFail, bothFail, bothFail, aFails], 30), true);
  assert.equal(knowsBadEnd(Array(5).fill(bothFail), 30), true);
  assert.equal(knowsBadEnd(Array(29).fill(clean), 30), false);
  assert.equal(knowsBadEnd(Array(30).fill(clean), 30), true);
});

Deno.test("bootsForGood() follows from the rate at the bad end, and is bounded", () => {
  assert.equal(bootsForGood({ seen: 3, boots: 3 }, 0.99, 30), 3);
  assert.equal(bootsForGood({ seen: 3, boots: 10 }, 0.99, 30), 12);
  assert.equal(bootsForGood({ seen: 1, boots: 30 }, 0.99, 30), 30);
  assert.ok(chanceOfWrongGood({ seen: 3, boots: 10 }, 12) <= 0.01);
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 30 }),
    fc.integer({ min: 0, max: 60 }),
    fc.double({ min: 0.5, max: 0.999, noNaN: true }),
    (seen, more, confidence) => {
      const rate = { seen, boots: seen + more };
      const wanted = bootsForGood(rate, confidence, 1000);
      assert.ok(chanceOfWrongGood(rate, wanted) <= 1 - confidence + 1e-9);
      assert.ok(wanted === 1 || chanceOfWrongGood(rate, wanted - 1) > 1 - confidence - 1e-9);
    },
  ));
});

Deno.test("judgeBoot() calls a boot bad only for the failure that is hunted", () => {
  const hunted = target([aFails]);
  assert.equal(judgeBoot(hunted, aFails), "bad");
  assert.equal(judgeBoot(hunted, bFails), "clean");
  assert.equal(judgeBoot(hunted, clean), "clean");
  const otherId = showingOf(result([test("a", failure("test", "test-time-limit")), test("b")]));
  assert.equal(judgeBoot(hunted, otherId), "clean");
});

Deno.test("judgeBoot() calls a boot unclear in which the test had no chance", () => {
  const hunted = target([aFails]);
  const panic = failure("kernel", "panic", "the kernel panicked: Kernel panic - x");
  assert.equal(judgeBoot(hunted, showingOf(result([test("a", "not-run")], panic))), "unclear");
  assert.equal(judgeBoot(hunted, showingOf(result([test("b")]))), "unclear");
  const silent = failure("kernel", "guest-silent", "the guest fell silent");
  assert.equal(
    judgeBoot(target([showingOf(result([], panic))]), showingOf(result([], silent))),
    "unclear",
  );
});

Deno.test("judgeBoot() wants most of the failures where several are hunted", () => {
  const both = target(Array(5).fill(bothFail));
  assert.equal(both.symptoms.length, 2);
  assert.equal(judgeBoot(both, bothFail), "bad");
  assert.equal(judgeBoot(both, aFails), "unclear");
  assert.equal(judgeBoot(both, clean), "clean");
});

Deno.test("judgeStep() goes on until it is certain", () => {
  const hunted = target([aFails]);
  assert.equal(judgeStep(hunted, [], 2), null);
  assert.equal(judgeStep(hunted, [clean], 2), null);
  assert.deepEqual(judgeStep(hunted, [clean, bFails], 2), {
    kind: "good",
    why: "clean in 2 boots",
  });
  assert.deepEqual(judgeStep(hunted, [clean, aFails], 3), {
    ...{ kind: "bad", why: "failed in boot 2" },
  });
  const lost = showingOf(result([test("a", "not-run")], failure("kernel", "no-output", "nothing")));
  assert.equal(judgeStep(hunted, [lost, clean, lost], 2), null);
  assert.deepEqual(judgeStep(hunted, [lost, lost, lost], 2), {
    kind: "skip",
    why: "3 of 3 boots unclear, other failure: kernel no-output",
  });
});

Deno.test("judgeFailedBuild() blames a build only for the error that is hunted", () => {
  const error = (line: number, text: string): Failure => ({
    ...failure("build", "compile-error", "in words"),
    evidence: { kind: "output", line: `/src/kernel/kcov.c:${line}:9: error: ${text}` },
  });
  const hunted = target([showingOfFailure(error(3, "no member"))]);
  assert.equal(judgeFailedBuild(hunted, error(7, "no member")).kind, "bad");
  assert.equal(judgeFailedBuild(hunted, error(3, "broken")).kind, "skip");
  assert.equal(judgeFailedBuild(target([aFails]), error(3, "no member")).kind, "skip");
  const words = (kind: "build" | "config", id: string) =>
    judgeFailedBuild(target([aFails]), failure(kind, id, "it says so")).why;
  assert.equal(words("build", "compile-error"), "other failure: it says so");
  assert.equal(words("config", "option-dropped"), "refused by the config gate: it says so");
  assert.equal(words("config", "hunted-test-skips"), "it says so");
  assert.equal(judgeBoot(hunted, clean), "clean");
});

Deno.test("judgeFailedBuild() knows an option that is dropped, and what stands against it", () => {
  const dropped = (option: string, cause: string, message: string): Failure => ({
    ...failure("config", "option-dropped", message),
    evidence: { kind: "options", dropped: [{ option, cause }] },
  });
  const hunted = target([showingOfFailure(dropped("CONFIG_KCOV", "depends", "one way"))]);
  const judged = (failed: Failure) => judgeFailedBuild(hunted, failed).kind;
  assert.equal(judged(dropped("CONFIG_KCOV", "depends", "said in another way")), "bad");
  assert.equal(judged(dropped("CONFIG_KCOV", "probe", "one way")), "skip");
  assert.equal(judged(dropped("CONFIG_KASAN", "depends", "one way")), "skip");
});

const SHA = "0123456789abcdef0123456789abcdef01234567";

Deno.test("readGitAnswer() tells the end of a search from its steps", () => {
  const next = `Bisecting: 7 revisions left to test after this (roughly 3 steps)\n[${SHA}] x\n`;
  assert.deepEqual(readGitAnswer(0, next), { kind: "next" });
  assert.deepEqual(readGitAnswer(0, `${SHA} is the first bad commit\ncommit ${SHA}\n`), {
    ...{ kind: "found", commit: SHA },
  });
  const left = "There are only 'skip'ped commits left to test.\n" +
    `The first bad commit could be any of:\n${SHA}\n${SHA.replace("0", "f")}\n` +
    "We cannot bisect more!\n";
  assert.deepEqual(readGitAnswer(2, left), {
    kind: "undecided",
    candidates: [SHA, SHA.replace("0", "f")],
  });
  const refused = readGitAnswer(3, "The merge base x is bad.\n");
  assert.deepEqual(refused, { kind: "refused", text: "The merge base x is bad." });
});
