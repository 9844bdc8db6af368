// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import {
  answerForm,
  askedBy,
  isAnswer,
  isPromiseId,
  PROMISE_IDS,
  PROMISE_SUBJECTS,
  subjectOf,
} from "./promises.ts";

Deno.test("every promise has a known subject, and each subject a promise", () => {
  const subjects = PROMISE_IDS.map(subjectOf);
  assert.deepEqual([...new Set(subjects)], Object.keys(PROMISE_SUBJECTS));
  for (const id of PROMISE_IDS) assert.match(id, /^[a-z]+\.[a-z]+(-[a-z]+)*$/);
});

Deno.test("no two promises of a subject ask the same, but for those that refer to the one above", () => {
  const asked = PROMISE_IDS.map((id) => `${subjectOf(id)} ${askedBy(id)}`)
    .filter((text) => !/the same|with more/.test(text));
  assert.equal(new Set(asked).size, asked.length);
});

Deno.test("isAnswer() knows the form of each kind", () => {
  const cases: readonly (readonly [Parameters<typeof isAnswer>[0], string, boolean])[] = [
    ["init.again", "ok", true],
    ["init.again", "EBUSY", true],
    ["init.again", "errno 71", true],
    ["init.again", "OK", false],
    ["init.again", " EBUSY", false],
    ["init.again", "EBUSY\n", false],
    ["remote.most-handles", "256", true],
    ["remote.most-handles", "0", true],
    ["remote.most-handles", "0256", false],
    ["remote.most-handles", "0x100", false],
    ["section.inherited-handle", "kept", true],
    ["section.inherited-handle", "Kept", false],
  ];
  for (const [id, text, wanted] of cases) assert.equal(isAnswer(id, text), wanted, `${id} ${text}`);
  assert.equal(answerForm("remote.most-handles"), "a number of handles");
  assert.ok(!isPromiseId("toString") && !isPromiseId("init") && isPromiseId("init.again"));
});
