// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellId, CellReport } from "../model/model.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { compareRuns } from "../compare/compare.ts";
import { stepSummary, SUMMARY_BYTES, type SummaryParts } from "./step_summary.ts";

const NONE = { error: 0, warning: 0, notice: 0 };
const parts = (cells: CellReport[], other: Partial<SummaryParts> = {}): SummaryParts => ({
  ...{ run: sampleRun(cells), comparison: null, leftOut: NONE, results: "out/x" },
  ...other,
});
const green = (id: string) => sampleCellReport({ cell: id as CellId });
const red = (id: string, message: string, detail = ""): CellReport =>
  sampleCellReport({
    cell: id as CellId,
    repeat: `npx --yes deno task repro ${id}`,
    verdict: {
      kind: "failed",
      failures: [{ kind: "kernel", id: "panic", message, detail }],
    },
  });
const bytes = (text: string) => new TextEncoder().encode(text).length;

Deno.test("stepSummary() has the table, and of each red cell cause, evidence and command", () => {
  const text = stepSummary(
    parts([green("k/a"), red("k/b", "the kernel panicked", "a stack")], {
      leftOut: { error: 3, warning: 1, notice: 0 },
    }),
    SUMMARY_BYTES,
  );
  assert.match(text, /^## kmatrix\n\n2 cells: 1 passed, .*1 failed/);
  // Red ones come first.
  assert.match(text, /\| FAIL \| k\/b \|.*the kernel panicked \|\n\| pass \| k\/a \|/);
  assert.match(
    text,
    /^### k\/b\n\n\*\*panic\*\*: the kernel panicked\n\n```text\nnpx --yes deno task repro k\/b\n```$/m,
  );
  assert.match(
    text,
    /<details><summary>evidence<\/summary>\n\n```text\n[^`]*a stack\n```\n\n<\/details>/,
  );
  assert.match(text, /^Beyond what GitHub shows as annotations: 3 errors, 1 warning\.$/m);
  assert.match(text, /^Everything else: out\/x$/m);
  assert.doesNotMatch(stepSummary(parts([green("k/a")]), SUMMARY_BYTES), /Beyond|###/);
});

Deno.test("stepSummary() tells what is different from the base run", () => {
  const run = (cells: CellReport[]) => ({
    run: sampleRun(cells),
    name: "base",
    warnings: new Map(),
  });
  const comparison = compareRuns(run([green("k/a")]), run([red("k/a", "m")]));
  const text = stepSummary(parts([red("k/a", "m")], { comparison }), SUMMARY_BYTES);
  assert.match(text, /^### Beside the base run$/m);
  assert.match(text, /New failures: 1/);
});

Deno.test("stepSummary() stays below what GitHub takes, whatever there is, and counts the rest", () => {
  const detail = "é".repeat(5_000);
  const many = Array.from(
    { length: 400 },
    (_, n) => red(`k/${n}`, `m${n} ${"|".repeat(4000)}`, detail),
  );
  for (const room of [SUMMARY_BYTES, 100_000, 10_000]) {
    const text = stepSummary(parts(many), room);
    assert.ok(bytes(text) <= room, `${bytes(text)} of ${room}`);
    const [, left] = /^(\d+) more red cells in the results\.$/m.exec(text)!;
    const told = text.match(/^### k\//gm)?.length ?? 0;
    assert.equal(told + Number(left), 400);
    if (room === SUMMARY_BYTES) assert.ok(told > 20, `${told}`);
  }
  const whole = stepSummary(
    parts(Array.from({ length: 400 }, (_, n) => red(`k/${n}`, "m"))),
    SUMMARY_BYTES,
  );
  assert.equal(whole.match(/^### k\//gm)!.length, 400);
});

Deno.test("stepSummary() shows texts of kernels as they are: no link, embed, heading, mention", () => {
  const evil = "![x](https://h/p.png) </details><script> @all #1 ``` `a` | $(touch pwned)";
  const text = stepSummary(
    parts([red(`k/${evil}`, `${evil}\n# head`, `${evil}\n\`\`\`\n# out`)]),
    SUMMARY_BYTES,
  );
  // Outside of blocks of code, whose fence is longer than any inside.
  const outside = text.replace(/^(`{3,})text\n[^]*?^\1$/gm, "");
  assert.doesNotMatch(outside, /!\[|\]\(|<script|<\/details><|@all|^# |:\/\/|\$\(/m);
  assert.equal(outside.match(/^<\/details>$/gm)!.length, 1);
});
