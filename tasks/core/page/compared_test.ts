// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { failure } from "../model/errors.ts";
import type { CellId, CellReport, TestOutcome } from "../model/model.ts";
import { compareRuns } from "../compare/compare.ts";
import { NO_FACTS } from "../report/cell_facts.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { pageModel } from "./build_model.ts";

const PASSED: TestOutcome = { kind: "passed" };
const failed = (message: string): TestOutcome => ({
  kind: "failed",
  failure: { ...failure("test", "test-failed", message), subject: { tests: ["t"] } },
});

function cell(id: string, tests: Readonly<Record<string, TestOutcome>>): CellReport {
  const all = Object.entries(tests).map(([name, outcome]) => ({
    ...{ id: name, fixture: "f", name, file: "f.ts", durationMs: 1, outcome },
    ...{ diagnostics: [], attachments: {} },
  }));
  const bad = all.flatMap(({ outcome }) => outcome.kind === "failed" ? [outcome.failure] : []);
  const verdict: CellReport["verdict"] = bad.length > 0
    ? { kind: "failed", failures: [failure("kernel", "splat-oops", "an oops"), ...bad] }
    : { kind: "passed", note: "" };
  return sampleCellReport({ cell: id as CellId, tests: all, verdict });
}

function compared(
  before: readonly CellReport[],
  after: readonly CellReport[],
  warnings: { readonly before: readonly string[]; readonly after: readonly string[] } = {
    before: [],
    after: [],
  },
) {
  const kept = (cells: readonly CellReport[], name: string, texts: readonly string[]) => ({
    ...{ run: sampleRun(cells), name },
    warnings: new Map(cells.map(({ cell }) => [cell as string, texts])),
  });
  const [one, other] = [
    kept(before, "earlier\n\x1b[31mrun", warnings.before),
    kept(after, "this", warnings.after),
  ];
  const around = { filesAt: "../run/", comparison: compareRuns(one, other) };
  return pageModel(other.run, "run", new Map(), around).comparison!;
}

Deno.test("a page leads from a change to its test or failure, and to none of a cell that is gone", () => {
  const { changes, equal, cells } = compared(
    [cell("k/a", { t: PASSED, u: failed("old") }), cell("k/gone", { t: PASSED })],
    [cell("k/a", { t: failed("is 1"), u: PASSED }), cell("k/new", { t: PASSED })],
  );
  assert.deepEqual([equal, cells], [false, 1]);
  assert.deepEqual(
    changes.flatMap(({ change, rows }) =>
      rows.map(({ cell, what, link, message }) => [change, cell, what, message, link])
    ),
    [
      ["new-failure", "k/a", "t", "is 1", { test: "t", failure: 1 }],
      ["fixed", "k/a", "u", "old", { test: "u", failure: 0 }],
      // What fails the cell beside its tests.
      ["still-failing", "k/a", "splat-oops", "an oops", { test: null, failure: 0 }],
      ["appeared", "k/new", "cell", "", { test: null, failure: 0 }],
      ["vanished", "k/gone", "cell", "", null],
    ],
  );
});

Deno.test("a page has every change, alike ones as one row, and nothing that a terminal would obey", () => {
  const names = [1, 2, 3, 4, 5].map((n) => `t${n}\x1b[2J`);
  const all = (outcome: TestOutcome) => Object.fromEntries(names.map((name) => [name, outcome]));
  const model = compared(
    [cell("k/a", { ...all(PASSED), t: PASSED })],
    [cell("k/a", { ...all({ kind: "not-run", by: null }), t: failed("a\x1b[31mb") })],
    { before: ["old \x1b[1m"], after: ["new"] },
  );
  const [worse, notRun] = model.changes.slice(-2);
  assert.deepEqual([worse!.rows[0]!.message, notRun!.count], ["ab", 5]);
  assert.deepEqual(notRun!.rows.map(({ what, more }) => [what, ...more]), [
    ["t1", "t2", "t3", "t4", "t5"],
  ]);
  assert.deepEqual(model.before, "earlier run");
  assert.deepEqual(model.warnings.map(({ change, text }) => [change, text]), [
    ["appeared", "new"],
    ["vanished", "old"],
  ]);
  const shown = JSON.stringify(model, (name, value) => name === "link" ? null : value);
  assert.ok(!shown.includes("\\u001b"), shown);
});

Deno.test("a page has times that changed first, and of each by how much it may vary", () => {
  const booted = (kernel: number) => {
    const phasesMs = { start: 120, kernel, init: 60, tests: 3000, exit: 60 };
    const boot = {
      ...{ accel: "tcg", durationMs: 4000, phasesMs, overBudget: [], release: null },
    } as unknown as CellReport["facts"]["boot"];
    return { ...cell("k/a", { t: PASSED }), facts: { ...NO_FACTS, boot } };
  };
  const { times, remarks } = compared([booted(400)], [booted(4000)]);
  assert.deepEqual(
    times.map(({ what, changed, bound }) => [what, changed, Number(bound?.toFixed(9))]),
    [
      ["boot, kernel", true, 2.5],
      ["boot, start", false, 2.5],
      ["boot, init", false, 2.5],
      ["boot, tests", false, 2.5],
      ["boot, exit", false, 2.5],
    ],
  );
  assert.deepEqual(remarks, []);
});
