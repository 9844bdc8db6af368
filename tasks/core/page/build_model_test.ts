// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Failure, failure } from "../model/errors.ts";
import type { CellId, CellReport } from "../model/model.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { pageModel } from "./build_model.ts";
import type { PageLog } from "./page_model.ts";

const cellOf = (id: string, ...failures: readonly Failure[]): CellReport => {
  const [first, ...more] = failures;
  return sampleCellReport({
    cell: id as CellId,
    verdict: first ? { kind: "failed", failures: [first, ...more] } : { kind: "passed", note: "" },
  });
};
const complaint = (fingerprint: string, message: string): Failure => ({
  ...failure("kernel", "splat-oops", message),
  subject: { tests: ["a.b.c"] },
  complaint: { fingerprint, title: message, times: 1 },
});
const LOG: PageLog = {
  name: "console.log",
  path: "k/c/console.log",
  bytes: 1,
  lines: 50,
  kept: [[1, 50]],
  splats: [{
    id: "oops",
    title: "t",
    fingerprint: "f1",
    root: true,
    at: 8,
    lines: [[7, 9], [12, 14]],
  }],
  tests: { "a.b.c": [3, 20] },
  at: null,
  missing: null,
  element: "log-0",
};

Deno.test("pageModel() has each cause once, what cells died of first, most cells first", () => {
  const also = failure("test", "test-failed", "x is 1");
  const { causes, good } = pageModel(
    sampleRun([
      cellOf("k/a", complaint("f1", "oops in a"), also),
      cellOf("k/b"),
      cellOf("k/c", failure("build", "compile-error", "does not compile")),
      cellOf("k/d", complaint("f1", "oops in d"), also),
    ]),
    "run",
    new Map(),
  );
  assert.equal(good, false);
  assert.deepEqual(
    causes.map(({ failure, cells, first }) => [
      failure.message,
      first,
      cells.map(({ cell, failure }) => `${cell} ${failure}`),
    ]),
    [
      ["oops in a", true, ["k/a 0", "k/d 0"]],
      ["does not compile", true, ["k/c 0"]],
      ["x is 1", false, ["k/a 1", "k/d 1"]],
    ],
  );
});

Deno.test("pageModel() leads from a failure to the report on the console, else to its test or the end", () => {
  const test = { ...failure("test", "test-failed", "m"), subject: { tests: ["a.b.c"] } };
  const boot = { ...failure("kernel", "guest-silent", "m"), subject: { stage: "boot" as const } };
  const elsewhere = failure("infra", "disk-full", "m");
  const failures = [complaint("f1", "m"), complaint("f2", "m"), test, boot, elsewhere];
  const { cells } = pageModel(
    sampleRun([cellOf("k/c", ...failures)]),
    "run",
    new Map([["k/c", { logs: [LOG], files: [], dataflow: null }]]),
  );
  assert.deepEqual(cells[0]!.failures.map(({ place }) => place), [
    { log: 0, at: 8, lines: [[7, 9], [12, 14]] },
    { log: 0, at: 3, lines: [[3, 20]] },
    { log: 0, at: 3, lines: [[3, 20]] },
    { log: 0, at: 50, lines: [[50, 50]] },
    null,
  ]);
});

Deno.test("pageModel() takes a run that has not come far, and words that a terminal would obey", () => {
  const pending = sampleCellReport({
    cell: "k/\x1b[31mc" as CellId,
    stages: [{ stage: "fetch", outcome: { kind: "pending" }, durationMs: 0, note: "" }],
    verdict: { kind: "unfinished", why: "not \x1b[31mrun" },
  });
  const model = pageModel(sampleRun([pending], { interrupted: "SIGINT" }), "run", new Map());
  assert.deepEqual([model.cells[0]!.word, model.cells[0]!.note], ["unfinished", "not run"]);
  assert.deepEqual(model.stages, ["fetch"]);
  assert.deepEqual(model.figures.timeline.bars, []);
  assert.equal(pageModel(sampleRun([]), "run", new Map()).good, true);
});
