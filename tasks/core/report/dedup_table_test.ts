// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellId, TestResult } from "../model/model.ts";
import {
  DEDUP_ATTACHMENT,
  DEDUP_TEST,
  dedupAttachment,
  type DedupProgram,
} from "../../../selftests/contract/dedup.ts";
import { declaredTests } from "../../../selftests/main.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { NO_FACTS } from "./cell_facts.ts";
import { dedupOf, dedupTable } from "./dedup_table.ts";

const program = (name: string, overflow: boolean): DedupProgram => ({
  name,
  calls: 50,
  distinct: 100,
  pc: { overflow, kept: overflow ? 2047 : 500, lost: overflow ? 7 : 0, ns: 100_000 },
  unique: { overflow: false, kept: 100, lost: 0, ns: 98_000 },
});
const ATTACHMENT = dedupAttachment(2048, 512, [
  program("short", false),
  program("long", true),
  program("shorter", false),
  program("small", false),
]);

function measured(value: unknown): TestResult {
  return {
    id: DEDUP_TEST,
    fixture: "kcov_dedup",
    name: "base.unique",
    file: "x.ts",
    durationMs: 1,
    outcome: { kind: "passed" },
    diagnostics: [],
    attachments: { [DEDUP_ATTACHMENT]: JSON.parse(JSON.stringify(value)) },
  };
}

Deno.test("the test whose figures are looked for is declared", () => {
  assert.ok(declaredTests().some(({ id }) => id === DEDUP_TEST));
});

Deno.test("dedupOf() sums the programs of an attachment up", () => {
  assert.deepEqual(dedupOf([measured(ATTACHMENT)]), {
    words: 2048,
    bitmapWords: 512,
    programs: 4,
    calls: 200,
    pc: { overflows: 1, kept: 3547, lost: 7, nsPerCall: 2000 },
    unique: { overflows: 0, kept: 400, lost: 0, nsPerCall: 1960 },
  });
});

Deno.test("dedupOf() is null for a cell that has not measured, and for anything else", () => {
  assert.equal(dedupOf([]), null);
  for (
    const value of [null, 1, "x", {}, { ...ATTACHMENT, rows: [] }, { ...ATTACHMENT, words: "1" }]
  ) {
    assert.equal(dedupOf([measured(value)]), null, JSON.stringify(value));
  }
  const [row] = ATTACHMENT.rows;
  for (const rows of [[row!.slice(1)], [[...row!.slice(0, 10), "x"]], [null], {}]) {
    assert.equal(dedupOf([measured({ ...ATTACHMENT, rows })]), null, JSON.stringify(rows));
  }
});

Deno.test("dedupTable() shows both modes of every cell that measured, and what was published", () => {
  const run = sampleRun([
    sampleCellReport({ cell: "k/kcov" as CellId }),
    sampleCellReport({
      cell: "k/kcov-unique" as CellId,
      facts: { ...NO_FACTS, dedup: dedupOf([measured(ATTACHMENT)]) },
    }),
  ]);
  assert.equal(
    dedupTable(run),
    `deduplication: 4 programs, 200 calls in all, buffers of 2048 words, in unique mode 512 of them bitmap
cell           mode    overflows          PCs kept  distinct lost  ns a call
k/kcov-unique  PC         1 of 4  25.0 %      3547              7       2000
               unique     0 of 4   0.0 %       400              0       1960  −2.0 %
published: 10 fuzzers, 24 h: 225288 overflows in mode PC, 986 in unique mode (−99.6 %)
           50 fuzzers, 24 h: −99.8 % overflows, +0.6 % coverage, −2.1 % executions`,
  );
  assert.equal(dedupTable(sampleRun([])), "");
});
