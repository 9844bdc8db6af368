// SPDX-License-Identifier: MIT
/** docs/promises.md and docs/promises.json beside what kernels/ states. */
import assert from "node:assert/strict";
import { readPromiseBook } from "../core/matrix/promise_book.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { denoHost } from "../host/deno_host.ts";
import { loadPromises } from "../steps/promise_files.ts";
import { ROOT } from "../testing/project_copy.ts";
import { NO_FACTS } from "../core/report/cell_facts.ts";
import { sampleCellReport, sampleRun } from "../testing/samples.ts";
import {
  bootsOf,
  disagreements,
  parseRecorded,
  promisesDocument,
  recordedText,
  withBoots,
} from "./promises_document.ts";

const host = denoHost({ emit() {}, signal: new AbortController().signal });
const BOOK = await loadPromises({ layers: [ROOT] }, host);
const TEXT = Deno.readTextFileSync(`${ROOT}/docs/promises.json`);
const BOOTS = parseRecorded(TEXT, "docs/promises.json");

Deno.test("docs/promises.md is what deno task promises makes of docs/promises.json", () => {
  const text = Deno.readTextFileSync(`${ROOT}/docs/promises.md`);
  assert.equal(text, promisesDocument(BOOTS, BOOK));
  assert.equal(TEXT, recordedText(BOOTS, BOOK));
});

Deno.test("what boots have answered is what kernels/*/promises.yaml state", () => {
  assert.deepEqual(disagreements(BOOTS, BOOK), []);
});

Deno.test("each kernel of the project has answered, nearly all that is stated of it", () => {
  for (const { id, ofKernel, statements } of BOOK) {
    if (!ofKernel) continue;
    const asked = new Set(
      BOOTS.filter(({ of }) => of === id).flatMap(({ answers }) => Object.keys(answers)),
    );
    // What a section of remote coverage answers needs a config with modules.
    const left = [...statements.keys()].filter((promise) => !asked.has(promise));
    assert.ok(asked.size > 60, `${id}: ${asked.size} promises asked`);
    assert.deepEqual(left.filter((promise) => !/^section|not-built$/.test(promise)), [], id);
  }
});

const statement = (id: string, answer: string) =>
  `  ${id}:\n    answer: ${answer}\n    reason: r\n    commit: "kcov: x"\n`;
const book = readPromiseBook([{
  ...{ id: "k", file: "kernels/k/promises.yaml", patches: [] },
  text: `version: "6.12"\npromises:\n${statement("init.again", "EBUSY")}${
    statement("life.close", "ends")
  }`,
}]);
const boot = (answers: Readonly<Record<string, readonly string[]>>, cell = "k/c", of = "k") => ({
  ...{ of, cell, release: "6.12.1", answers },
});

Deno.test("disagreements() names what is not stated, and another answer", () => {
  const sound = boot({ "init.again": ["EBUSY"], "life.close": ["ends"] });
  assert.deepEqual(disagreements([sound], book), []);
  assert.deepEqual(
    disagreements([boot({ "init.again": ["EBUSY", "ok"], "map.part": ["ok"] })], book),
    [
      "kernels/k: init.again: EBUSY is stated, EBUSY, ok recorded",
      "kernels/k: map.part: nothing is stated, ok recorded",
    ],
  );
  assert.deepEqual(disagreements([boot({ "init.again": ["EBUSY"] })], book), []);
  assert.deepEqual(disagreements([sound, boot({}, "o/c", "other")], book), [
    "o/c: there is no kernels/other/promises.yaml",
  ]);
});

Deno.test("promisesDocument() tells what was asked from what is stated alone", () => {
  const text = promisesDocument([boot({ "init.again": ["EBUSY"] })], book);
  const row = (id: string) => text.split("\n").find((line) => line.includes(`\`${id}\``));
  assert.match(row("init.again")!, /\| EBUSY /);
  assert.match(row("life.close")!, /\| \(ends\) /);
  assert.match(row("map.part")!, /\| – /);
});

Deno.test("bootsOf() takes the cells that were held against a file and have answered", () => {
  const cell = (answers: readonly { promise: "init.again"; answers: readonly string[] }[]) =>
    sampleCellReport({
      facts: {
        ...NO_FACTS,
        promises: {
          against: { id: "k", version: "6.12", as: "nearest" },
          ...{ answers, deviations: [], notAsked: [] },
        },
      },
    });
  const run = sampleRun([
    cell([{ promise: "init.again", answers: ["EBUSY"] }]),
    cell([]),
    sampleCellReport(),
  ]);
  assert.deepEqual(bootsOf(run), [{
    ...{ of: "k", cell: "linux-6.12/kcov", release: "6.12" },
    answers: { "init.again": ["EBUSY"] },
  }]);
});

Deno.test("withBoots() puts a boot in the place of the same cell's", () => {
  const [a, b, again] = [boot({}, "k/a"), boot({}, "k/b"), boot({ "init.again": ["ok"] }, "k/a")];
  assert.deepEqual(withBoots([a, b], [again]), [b, again]);
});

Deno.test("parseRecorded() refuses what is none, with the place", () => {
  for (
    const text of ["{}", "[{}]", '[{"of":"k","cell":"c","release":"6","answers":{"x":["y"]}}]']
  ) {
    assert.throws(
      () => parseRecorded(text, "docs/promises.json"),
      (error: unknown) =>
        error instanceof KmatrixError && error.id === "bad-recorded-promises" &&
        error.message.startsWith("docs/promises.json"),
    );
  }
});
