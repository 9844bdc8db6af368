// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { PromiseId } from "../../../selftests/contract/promises.ts";
import { readPromiseBook } from "../matrix/promise_book.ts";
import type { BootRecord, CellResult, Feature } from "../model/model.ts";
import { bootRecord, record, type Script, scripted, withFrame } from "../../testing/recorder.ts";
import { judgeBoot } from "./boot_result.ts";
import { mergeAttempts } from "./flakes.ts";
import { differencesText, mergePromises } from "./promises.ts";
import { judgeOneBoot } from "./verdict.ts";

const statement = (id: string, answer: string) =>
  `  ${id}:\n    answer: ${answer}\n    reason: r\n    commit: "kcov: x"\n`;
const BOOK = readPromiseBook([
  {
    id: "linux-6.12",
    file: "kernels/linux-6.12/promises.yaml",
    text: `version: "6.12"\npromises:\n${statement("init.again", "EBUSY")}${
      statement("enable.again", "EINVAL")
    }${statement("life.close", "goes on")}${statement("reset.unknown", "ENOTTY")}`,
    patches: [],
  },
  {
    id: "linux-6.12-unique",
    file: "kernels/linux-6.12-unique/promises.yaml",
    text: 'version: "6.12"\nextends: linux-6.12\nbrings: [reset-ioctl]\n' +
      `withdraws: [reset.unknown]\npromises:\n${statement("reset.enabled", "ok")}`,
    patches: [],
  },
  {
    // No kernel of the project.
    id: "linux-6.1",
    file: "kernels/linux-6.1/promises.yaml",
    text: `version: "6.1"\npromises:\n${statement("init.again", "EINVAL")}`,
    patches: null,
  },
]);

type Answers = readonly (readonly [PromiseId, string])[];

interface Boot {
  readonly cell?: string;
  readonly release?: string;
  readonly base?: string;
  readonly features?: readonly Feature[];
  readonly script?: Partial<Script>;
}

/** One boot whose first test answers so. */
function judge(answers: Answers, { cell = "linux-6.12/kcov", ...boot }: Boot = {}): CellResult {
  const features = boot.features ?? ["kcov"];
  const recording = record({
    ...{ cell, features, release: boot.release ?? "6.12.117" },
    tests: [scripted("a.b.asks", { do: "pass" }, { answers }), scripted("a.b.other")],
    ...boot.script,
  });
  const host: Partial<BootRecord> = {
    ...{ cell, features },
    ...(boot.base === undefined ? {} : { base: boot.base }),
  };
  return judgeBoot({ ...recording, record: bootRecord(recording, host), promises: BOOK });
}

const failuresOf = (result: CellResult) => {
  const { verdict } = judgeOneBoot({ kind: "pass" }, result);
  return verdict.kind === "failed" ? verdict.failures : [];
};

Deno.test("a kept promise is kept, and one that nobody asked is neither kept nor broken", () => {
  const result = judge([["init.again", "EBUSY"], ["life.close", "goes on"]]);
  assert.deepEqual(failuresOf(result), []);
  assert.deepEqual(result.promises, {
    against: { id: "linux-6.12", version: "6.12", as: "own" },
    answers: [
      { promise: "init.again", answers: ["EBUSY"] },
      { promise: "life.close", answers: ["goes on"] },
    ],
    deviations: [],
    notAsked: ["enable.again", "reset.unknown"],
  });
});

Deno.test("a broken promise fails the test that asked: promise, expected, answered", () => {
  const result = judge([["init.again", "EPERM"], ["enable.again", "EINVAL"]]);
  assert.deepEqual(result.tests.map(({ id, outcome }) => [id, outcome.kind]), [
    ["a.b.asks", "failed"],
    ["a.b.other", "passed"],
  ]);
  const [failure, ...others] = failuresOf(result);
  assert.deepEqual(others, []);
  assert.deepEqual([failure!.kind, failure!.id], ["promise", "promise-broken"]);
  assert.equal(
    failure!.message,
    "a.b.asks: init.again: expected EBUSY, answered EPERM (kernels/linux-6.12/promises.yaml)",
  );
  assert.deepEqual(failure!.evidence, {
    kind: "promises",
    broken: [{ promise: "init.again", expected: "EBUSY", answered: "EPERM" }],
  });
  assert.deepEqual(failure!.subject, { tests: ["a.b.asks"] });
});

Deno.test("each broken promise of a test is named, and each answer that differs", () => {
  const [failure] = failuresOf(
    judge([["init.again", "EBUSY"], ["init.again", "ok"], ["life.close", "ends"]]),
  );
  assert.match(
    failure!.message,
    /init\.again: expected EBUSY, answered ok; life\.close: expected /,
  );
});

Deno.test("an own kernel may not answer what its file does not state", () => {
  const [failure] = failuresOf(judge([["map.part", "EINVAL"]]));
  assert.deepEqual([failure!.kind, failure!.id], ["promise", "promise-unstated"]);
  assert.match(failure!.message, /map\.part: nothing is stated, answered EINVAL/);
});

Deno.test("a broken promise is the cause of a test's own failure, whose words are kept", () => {
  const act = { do: "fail", message: "expected 2, got 3" } as const;
  const tests = (console: readonly string[]) => ({
    tests: [scripted("a.b.asks", act, { answers: [["init.again", "ok"]], console })],
  });
  const [failure] = failuresOf(judge([], { script: tests([]) }));
  assert.equal(failure!.id, "promise-broken");
  assert.match(failure!.detail, /expected 2, got 3/);
  // What the kernel says itself comes first.
  const warning = "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340";
  const warned = judge([], { script: tests([warning]) });
  assert.deepEqual(failuresOf(warned).map(({ id }) => id), ["splat-warning"]);
  assert.equal(warned.promises.deviations.length, 1);
  // So does the end of the boot in the middle of the test.
  const cut = record({ tests: [scripted("a.b.asks", { do: "vanish" })], release: "6.12.117" });
  const results = withFrame(cut.results, "P", {
    ...{ test: "a.b.asks", promise: "init.again", answer: "ok" },
  });
  const vanished = judgeBoot({ ...cut, results, record: null, promises: BOOK });
  assert.equal(vanished.promises.deviations.length, 1);
  assert.deepEqual(failuresOf(vanished).map(({ id }) => id), ["ended-early"]);
});

Deno.test("an unknown tree differs, and does not fail", () => {
  const boot = { cell: "own/kcov", release: "6.13.0" };
  const result = judge([["init.again", "ok"], ["map.part", "EINVAL"]], boot);
  assert.deepEqual(failuresOf(result), []);
  assert.deepEqual(result.promises.against, { id: "linux-6.12", version: "6.12", as: "nearest" });
  assert.equal(
    differencesText(result.promises),
    "2 differences from kernels/linux-6.12, the nearest version that promises are stated of: " +
      "init.again: expected EBUSY, answered ok; map.part: nothing is stated, answered EINVAL",
  );
  assert.equal(differencesText(judge([["init.again", "EBUSY"]], boot).promises), null);
  // The name of a folder makes no kernel: linux-6.1 is none of the project's.
  const named = judge([["init.again", "ok"]], { cell: "linux-6.1/kcov", release: "6.1.192" });
  assert.deepEqual(failuresOf(named), []);
  assert.equal(named.promises.against?.as, "nearest");
});

Deno.test("a series is held to the promises of the kernel below it", () => {
  const boot = { cell: "linux-6.12+mine/kcov", base: "linux-6.12" };
  const [failure] = failuresOf(judge([["init.again", "ok"]], boot));
  assert.equal(failure!.id, "promise-broken");
  // What it brings is a difference.
  const more = judge([["reset.enabled", "ok"]], { ...boot, features: ["kcov", "reset-ioctl"] });
  assert.deepEqual(failuresOf(more), []);
  assert.match(
    differencesText(more.promises)!,
    /^1 difference from what kernels\/linux-6\.12 prom/,
  );
});

Deno.test("the first patches of a series are held to what was there before", () => {
  const boot = { cell: "linux-6.12-unique+series/kcov", base: "linux-6.12-unique" };
  const before = judge([["reset.unknown", "ENOTTY"]], boot);
  assert.deepEqual(failuresOf(before), []);
  assert.equal(before.promises.against?.id, "linux-6.12");
  const after = judge([["reset.enabled", "ok"]], { ...boot, features: ["kcov", "reset-ioctl"] });
  assert.equal(after.promises.against?.id, "linux-6.12-unique");
  assert.equal(differencesText(after.promises), null);
});

Deno.test("without anything stated, answers are recorded and nothing else", () => {
  const recording = record({
    tests: [scripted("a.b.asks", { do: "pass" }, { answers: [["init.again", "ok"]] })],
  });
  const { promises, tests } = judgeBoot({ ...recording, record: null });
  assert.equal(tests[0]!.outcome.kind, "passed");
  assert.equal(promises.against, null);
  assert.deepEqual(promises.answers, [{ promise: "init.again", answers: ["ok"] }]);
  assert.equal(differencesText(promises), null);
});

Deno.test("the streams alone say whether a kernel is the project's", () => {
  const recording = record({
    ...{ cell: "linux-6.12/kcov", release: "6.12.117" },
    tests: [scripted("a.b.asks", { do: "pass" }, { answers: [["init.again", "ok"]] })],
  });
  const { promises } = judgeBoot({ ...recording, record: null, promises: BOOK });
  assert.equal(promises.against?.as, "own");
});

Deno.test("an answer that the table does not know is no answer", () => {
  const odd = [
    { test: "a.b.asks", promise: "init.agian", answer: "EBUSY" },
    { test: "a.b.asks", promise: "init.again", answer: "busy" },
    { test: "a.b.asks", promise: "init.again" },
    { test: "a.b.asks", promise: "constructor", answer: "ok" },
    [],
    "{",
  ];
  for (const payload of odd) {
    const recording = record({ tests: [scripted("a.b.asks")] });
    const results = withFrame(recording.results, "P", payload);
    // Behind the last report, and at its place before it.
    const { promises, boot } = judgeBoot({ ...recording, results, record: null, promises: BOOK });
    assert.deepEqual([boot?.kind, boot?.id], ["test", "unknown-promise"], JSON.stringify(payload));
    assert.deepEqual(promises.answers, []);
  }
});

Deno.test("of several boots, a promise counts as asked that one of them has asked", () => {
  const merged = mergePromises([
    judge([["init.again", "ok"]]).promises,
    judge([["init.again", "EBUSY"], ["life.close", "goes on"]]).promises,
  ]);
  assert.deepEqual(merged.answers, [
    { promise: "init.again", answers: ["ok", "EBUSY"] },
    { promise: "life.close", answers: ["goes on"] },
  ]);
  assert.deepEqual(merged.deviations.map(({ answered }) => answered), ["ok"]);
  assert.deepEqual(merged.notAsked, ["enable.again", "reset.unknown"]);
  // As several boots of a cell are merged.
  const boots = [judge([["init.again", "EBUSY"]]), judge([["life.close", "goes on"]])];
  assert.deepEqual(mergeAttempts(boots).result.promises.answers.map(({ promise }) => promise), [
    ...["init.again", "life.close"],
  ]);
});
