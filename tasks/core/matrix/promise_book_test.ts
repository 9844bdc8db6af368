// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { KmatrixError } from "../model/errors.ts";
import { nearestPromises, type PromiseFile, readPromiseBook, versionOf } from "./promise_book.ts";

const HEAD = 'version: "6.12"\n';
const said = (id: string, answer: string, from = 'commit: "kcov: x"') =>
  `  ${id}:\n    answer: ${answer}\n    reason: so it is\n    ${from}\n`;
const file = (id: string, text: string, patches: readonly string[] | null = []): PromiseFile => ({
  ...{ id, text, patches },
  file: `kernels/${id}/promises.yaml`,
});

/** What reading these files complains of, without the line that is shown. */
function complaint(...files: readonly PromiseFile[]): string {
  try {
    readPromiseBook(files);
  } catch (error) {
    assert.ok(error instanceof KmatrixError);
    assert.deepEqual([error.kind, error.id], ["usage", "bad-yaml"]);
    return error.message;
  }
  assert.fail("nothing is wrong with it");
}

Deno.test("readPromiseBook() gives each kernel what it states and what it builds on", () => {
  const book = readPromiseBook([
    file(
      "b-unique",
      [
        HEAD,
        "extends: a\nbrings: [reset-ioctl]\nwithdraws: [reset.unknown]\npromises:\n",
        said("reset.enabled", "ok", "patch: 0002-x.patch"),
        said("init.again", "EINVAL"),
      ].join(""),
      ["0001-w.patch", "0002-x.patch"],
    ),
    file(
      "a",
      `version: 6.1\npromises:\n${said("init.again", "EBUSY")}${said("reset.unknown", "ENOTTY")}${
        said("init.smallest", "2")
      }`,
      null,
    ),
    file("old", `version: "4.6"\ntold: by somebody\npromises:\n${said("enable.pc", "ok")}`, null),
  ]);
  assert.deepEqual(
    book.map(({ id, version, base, ofKernel, told, brings }) => [
      ...[id, version, base, ofKernel, told, brings.join()],
    ]),
    [
      ["b-unique", "6.12", "a", true, null, "reset-ioctl"],
      ["a", "6.1", null, false, null, ""],
      ["old", "4.6", null, false, "by somebody", ""],
    ],
  );
  const [unique] = book;
  assert.deepEqual(
    [...unique!.statements].map(([id, { answer, place, from }]) => [id, answer, place, from.name]),
    [
      // In the order of the table.
      ["init.smallest", "2", "kernels/a/promises.yaml:11", "kcov: x"],
      ["init.again", "EINVAL", "kernels/b-unique/promises.yaml:10", "kcov: x"],
      ["reset.enabled", "ok", "kernels/b-unique/promises.yaml:6", "0002-x.patch"],
    ],
  );
});

Deno.test("readPromiseBook() says where a file is wrong, and why", () => {
  const one = (text: string) => complaint(file("k", text, ["0001-a.patch"]));
  const at = (line: number, text: string) => `kernels/k/promises.yaml:${line}: ${text}`;
  const plain = (text: string) => one(text).replace(/:(\d+):\d+:/, ":$1:");
  const body = `${HEAD}promises:\n`;
  const cases: readonly (readonly [string, string])[] = [
    ["", at(1, "the file must be a map, found nothing")],
    ["promises: {}\n", at(1, 'the file lacks the key "version"')],
    ['version: "6.12"\n', at(1, 'the file lacks the key "promises"')],
    ["version: six\npromises: {}\n", at(1, "version six: two numbers are wanted, such as 6.12")],
    [
      "version: 6.12.117\npromises: {}\n",
      at(1, "version 6.12.117: two numbers are wanted, such as 6.12"),
    ],
    [`${HEAD}promises: {}\nextend: a\n`, at(3, 'unknown key "extend"; did you mean "extends"?')],
    [
      `${body}${said("init.agian", "EBUSY")}`,
      at(3, 'unknown promise "init.agian"; did you mean "init.again"?'),
    ],
    [
      `${body}${said("init.again", "busy")}`,
      at(
        4,
        'init.again: "busy" is not "ok", an error such as EINVAL, or "errno 71" for one without a ' +
          "name",
      ),
    ],
    [
      `${body}${said("init.smallest", "two")}`,
      at(4, 'init.smallest: "two" is not a number of words'),
    ],
    [
      `${body}${said("life.close", "stops")}`,
      at(4, 'life.close: "stops" is not "goes on" or "ends"'),
    ],
    [
      `${body}  init.again: EBUSY\n`,
      at(3, 'promises.init.again must be a map, found string "EBUSY"'),
    ],
    [
      `${body}  init.again:\n    answer: EBUSY\n`,
      at(4, 'promises.init.again lacks the key "reason"'),
    ],
    [
      `${body}  init.again:\n    answer: EBUSY\n    reason: x\n`,
      at(3, 'init.again needs either "commit" or "patch": what makes it so'),
    ],
    [
      `${body}${said("init.again", "EBUSY", "commit: 'a: b'\n    patch: 0001-a.patch")}`,
      at(3, 'init.again needs either "commit" or "patch": what makes it so'),
    ],
    [
      `${body}${said("init.again", "EBUSY", "commit: deadbeef")}`,
      at(6, '"deadbeef" is no title of a commit, such as "kcov: …", or an id before it'),
    ],
    [
      `${body}${said("init.again", "EBUSY", "patch: 0001-b.patch")}`,
      at(6, '"0001-b.patch" is no patch of the series; did you mean "0001-a.patch"?'),
    ],
    [
      `${HEAD}extends: b\npromises: {}\n`,
      at(2, "there is no kernels/b/promises.yaml; did you mean"),
    ],
    [`${HEAD}extends: k\npromises: {}\n`, at(2, "k builds on k: a circle")],
    [
      `${HEAD}withdraws: [init.again]\npromises: {}\n`,
      at(2, "init.again is not stated before: nothing to withdraw"),
    ],
    [
      `${HEAD}brings: [kcov]\npromises: {}\n`,
      at(2, 'unknown feature of a header "kcov"'),
    ],
  ];
  for (const [text, expected] of cases) {
    // All choices stand behind the nearest one.
    assert.equal(plain(text).slice(0, expected.length), expected, text);
  }
});

Deno.test("readPromiseBook() refuses what a file says once more", () => {
  const a = file("a", `${HEAD}promises:\n${said("init.again", "EBUSY")}`);
  const b = file("b", `${HEAD}extends: a\npromises:\n${said("init.again", "EBUSY")}`);
  assert.match(
    complaint(a, b),
    /^kernels\/b\/.*:4:3: init\.again is "EBUSY" at kernels\/a\/promises\.yaml:3 already: leave it/,
  );
  const c = file("c", `${HEAD}extends: d\npromises: {}\n`);
  const d = file("d", `${HEAD}extends: c\npromises: {}\n`);
  assert.match(complaint(c, d), /c builds on d builds on c: a circle$/);
});

Deno.test("nearestPromises() goes by releases, and to the older of two", () => {
  const of = (id: string, version: string, more = "") =>
    file(id, `version: "${version}"\n${more}promises: {}\n`);
  const book = readPromiseBook([
    of("told", "4.6", "told: x\n"),
    of("6.1", "6.1"),
    of("6.12", "6.12"),
    of("6.12-unique", "6.12", "extends: '6.12'\nbrings: [unique-ioctl, reset-ioctl]\n"),
    of("7.3", "7.3"),
  ]);
  const cases: readonly (readonly [string | null, string | null])[] = [
    ["6.12.117", "6.12"],
    ["6.12", "6.12"],
    ["7.3.4-kmatrix", "7.3"],
    ["7.4.0-rc1-00012-gdeadbeef", "7.3"],
    ["9.0", "7.3"],
    ["4.9.337", "6.1"], // what was only told is no kernel to be held against
    ["5.15.0", "6.1"],
    ["6.6.30", "6.1"], // five releases from 6.1, six from 6.12
    ["6.7.0", "6.12"],
    ["6.19.0", "7.3"], // was followed by 7.0: four releases to 7.3, seven from 6.12
    ["6.17.0", "6.12"],
    ["", null],
    [null, null],
    ["unknown", null],
  ];
  for (const [release, id] of cases) {
    assert.equal(nearestPromises(book, release, [])?.id ?? null, id, `${release}`);
  }
  const both = ["kcov", "unique-ioctl", "reset-ioctl"] as const;
  assert.equal(nearestPromises(book, "6.12.1", both)?.id, "6.12-unique");
  assert.equal(nearestPromises(book, "6.12.1", ["reset-ioctl"])?.id, "6.12");
  // The version counts more than the ioctls.
  assert.equal(nearestPromises(book, "7.3.1", both)?.id, "7.3");
  assert.equal(nearestPromises([], "7.3.1", both), null);
  // 4.20 was no 5.0.
  const turn = readPromiseBook([of("4.20", "4.20"), of("5.0", "5.0")]);
  assert.equal(nearestPromises(turn, "5.0.1", [])?.id, "5.0");
  assert.equal(nearestPromises(turn, "4.20.1", [])?.id, "4.20");
  assert.equal(versionOf("6.12.117-kmatrix"), "6.12");
});
