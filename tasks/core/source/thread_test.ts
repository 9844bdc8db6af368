// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Mail, readSubject, selectSeries } from "./thread.ts";

let count = 0;
const mail = (subject: string, more: Partial<Mail> = {}): Mail => ({
  subject,
  ...{ from: "a@example.org", messageId: null, answers: [], holdsDiff: true, html: false },
  ...{ digest: `${count++}` },
  ...more,
});
const id = (name: string, ...answers: string[]) => ({ messageId: name, answers });
const taken = (...mails: Mail[]) => {
  const { patches, notices, problems } = selectSeries(mails);
  return { subjects: patches.map(({ subject }) => subject), notices, problems };
};

Deno.test("readSubject() reads the brackets that people and programs write", () => {
  const cases: readonly [string, number, number | null, number | null, string][] = [
    ["[PATCH] x", 1, null, null, "x"],
    ["[PATCH v12 03/10] mm: x [y]", 12, 3, 10, "mm: x [y]"],
    ["[PATCH RFC net-next V3 2/2] x", 3, 2, 2, "x"],
    ["[RFC PATCHv2 1/4] x", 2, 1, 4, "x"],
    ["[v4,2/3] x", 4, 2, 3, "x"],
    ["[linux-next] [PATCH v2 0/3] x", 2, 0, 3, "x"],
    ["[1/2] x", 1, 1, 2, "x"],
    ["[PATCH 6.12 08/99] x", 1, 8, 99, "x"],
    ["[PATCH v2.1 2/3] x", 2, 2, 3, "x"],
    ["x", 1, null, null, "x"],
  ];
  for (const [subject, version, number, total, title] of cases) {
    const found = readSubject(subject);
    assert.deepEqual([found.version, found.number, found.total, found.title], [
      ...[version, number, total, title],
    ], subject);
    assert.equal(found.reply, false, subject);
  }
  for (const reply of ["Re: [PATCH] x", "RE: x", "AW: x", "Re[2]: x", "Fwd: Re: x", "Antw: x"]) {
    assert.equal(readSubject(reply).reply, true, reply);
  }
  assert.equal(readSubject("rework: x").reply, false);
  for (const again of ["[RESEND PATCH] x", "[PATCH RESEND v2 1/2] x", "[PATCH v2 REPOST] x"]) {
    assert.equal(readSubject(again).resent, true, again);
  }
});

Deno.test("selectSeries() takes the newest version, whether or not it answers the one before", () => {
  const [a, b] = ["[PATCH 1/2] a", "[PATCH 2/2] b"];
  const v2 = ["[PATCH v2 1/2] a2", "[PATCH v2 2/2] b"];
  assert.deepEqual(taken(...[a, b, ...v2].map((one) => mail(one!))).subjects, v2);
  assert.deepEqual(taken(...[...v2, a, b].map((one) => mail(one!))).subjects, v2);
  const answering = taken(
    mail("[PATCH 0/1] c", { ...id("<1>"), holdsDiff: false }),
    mail("[PATCH 1/1] old", id("<2>", "<1>")),
    mail("[PATCH v3 0/1] c3", { ...id("<3>", "<1>"), holdsDiff: false }),
    mail("[PATCH v3 1/1] new", id("<4>", "<1>", "<3>")),
  );
  assert.deepEqual(answering.subjects, ["[PATCH v3 1/1] new"]);
  assert.deepEqual(answering.notices, [
    'left out, v3 of "c3" (1 patch) is newer: v1 of "c" (1 patch)',
  ]);
  const single = taken(mail("[PATCH] x"), mail("[PATCH v2] x"), mail("[PATCH] y"));
  assert.deepEqual(single.subjects, ["[PATCH v2] x", "[PATCH] y"]);
});

Deno.test("selectSeries() takes the later of two postings that say the same of themselves", () => {
  const first = [mail("[PATCH 1/2] a", id("<1>")), mail("[PATCH 2/2] b", id("<2>", "<1>"))];
  const again = [mail("[PATCH 1/2] a", id("<3>")), mail("[PATCH 2/2] b", id("<4>", "<3>"))];
  assert.deepEqual(selectSeries([...first, ...again]).patches, again);
  const resent = [mail("[PATCH RESEND 1/2] a"), mail("[PATCH RESEND 2/2] b")];
  assert.deepEqual(selectSeries([...resent, ...first]).patches, resent);
});

Deno.test("selectSeries() leaves replies out, whatever their subject says", () => {
  const found = taken(
    mail("[PATCH 0/2] c", { ...id("<0>"), holdsDiff: false }),
    mail("[PATCH 1/2] a", id("<1>", "<0>")),
    mail("[PATCH 2/2] b", id("<2>", "<0>")),
    mail("Re: [PATCH 1/2] a", id("<3>", "<0>", "<1>")),
    mail("Re: [PATCH 2/2] b", { ...id("<4>", "<2>"), holdsDiff: false }),
    mail("how about this", id("<5>", "<1>")),
    mail("[PATCH] fixup! a", id("<6>", "<1>")),
    mail("[PATCH 1/1] instead", id("<7>", "<0>")),
  );
  assert.deepEqual(found.subjects, ["[PATCH 1/2] a", "[PATCH 2/2] b"]);
  assert.deepEqual(found.notices, [
    "left out, a reply that holds a diff: Re: [PATCH 1/2] a",
    "left out, a reply that holds a diff: how about this",
    "left out, a reply that holds a diff: [PATCH] fixup! a",
    'left out, it answers v1 of "c" (2 patches): v1 of "instead" (1 patch)',
  ]);
  assert.deepEqual(found.problems, []);
});

Deno.test("selectSeries() keeps patches apart that are none of one series", () => {
  const same = taken(mail("[PATCH] fix typo"), mail("[PATCH] fix typo"));
  assert.equal(same.subjects.length, 2);
  const threaded = taken(mail("[PATCH] a", id("<1>")), mail("[PATCH] b", id("<2>", "<1>")));
  assert.deepEqual(threaded.subjects, ["[PATCH] a", "[PATCH] b"]);
  const two = taken(
    mail("[PATCH 2/2] b", id("<2>", "<1>")),
    mail("[PATCH 1/2] x", id("<8>")),
    mail("[PATCH 1/2] a", id("<1>")),
    mail("[PATCH 2/2] y", id("<9>", "<8>")),
  );
  assert.deepEqual(two.subjects.map((one) => one.at(-1)), ["a", "b", "x", "y"]);
  assert.match(two.notices.join(), /several series or patches, one after the other/);
});

Deno.test("selectSeries() counts a mail once, and names what is missing or empty", () => {
  const one = mail("[PATCH 1/3] a", id("<1>"));
  const found = taken(
    one,
    { ...one, digest: "other" },
    mail("[PATCH 3/3] c", { ...id("<3>", "<1>"), holdsDiff: false }),
  );
  assert.deepEqual(found.subjects, ["[PATCH 1/3] a"]);
  assert.match(found.notices.join(), /the same mail is there twice, the second time with another/);
  assert.deepEqual(found.problems, [{
    ...{ kind: "missing", series: 'v1 of "a" (3 patches)', numbers: ["2/3", "3/3"] },
  }]);
  const bytes = mail("[PATCH 1/1] a");
  assert.equal(selectSeries([bytes, { ...bytes }]).patches.length, 1);
  assert.deepEqual(selectSeries([mail("hello", { holdsDiff: false })]).problems, [{
    kind: "no-patch",
  }]);
});

Deno.test("selectSeries() is quick with as many mails as it may get", () => {
  const started = performance.now();
  selectSeries(
    Array.from({ length: 3000 }, (_, index) => mail(`[PATCH] ${index}`, id(`<${index}>`))),
  );
  selectSeries(
    Array.from(
      { length: 3000 },
      (_, index) => mail(`[PATCH ${index + 1}/3000] ${index}`, id(`<${index}>`, `<${index - 1}>`)),
    ),
  );
  assert.ok(performance.now() - started < 4000);
});

Deno.test("selectSeries() misses the patches of a newer cover letter, and leaves an older one", () => {
  const cover = (subject: string) => mail(subject, { holdsDiff: false });
  const patches = [mail("[PATCH v2 1/2] a"), mail("[PATCH v2 2/2] b")];
  assert.deepEqual(taken(...patches, cover("[PATCH v3 0/1] c")).problems, [
    { kind: "missing", series: 'v3 of "c" (1 patch)', numbers: ["1/1"] },
  ]);
  const older = taken(...patches, cover("[PATCH 0/1] c"));
  assert.deepEqual(older.problems, []);
  assert.deepEqual(older.notices, ['left out, a cover letter alone: v1 of "c" (1 patch)']);
  assert.deepEqual(older.subjects.length, 2);
});
