// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellReport, Stage } from "../model/model.ts";
import { sampleCell, sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { recordedCosts } from "./recorded.ts";

const report = (id: string, ms: Partial<Record<Stage, number>>, isBuilt = true) =>
  sampleCellReport({
    cell: id as CellReport["cell"],
    stages: Object.entries(ms).map(([stage, durationMs]) => ({
      ...{ stage: stage as Stage, durationMs, note: "" },
      outcome: isBuilt || stage !== "build"
        ? { kind: "passed" }
        : { kind: "blocked", by: "configure" },
    })),
  });
const build = (seconds: number, ...ids: readonly string[]) => ({
  ...{ seconds, cells: ids.map((id) => sampleCell(id)) },
});
const near = (seconds: number, wanted: number) => Math.abs(seconds / wanted - 1) <= 0.025;

Deno.test("recordedCosts() takes the stages of a build once, and all its boots", () => {
  const run = sampleRun([
    report("k/a", { patch: 10_000, build: 90_000, boot: 20_000, parse: 5 }),
    report("k/a/smp4", { patch: 10_000, build: 90_000, boot: 40_000, parse: 5 }),
    report("k/b", { build: 300_000, boot: 9_000 }),
  ]);
  const [a, b] = recordedCosts([build(50, "k/a", "k/a/smp4"), build(60, "k/b")], run);
  assert.ok(near(a!.seconds, 160), `${a!.seconds}`);
  assert.ok(near(b!.seconds, 309), `${b!.seconds}`);
  // A machine that the run had no cell for boots as long as the others.
  const [more] = recordedCosts([build(50, "k/b", "k/b/smp4")], run);
  assert.ok(near(more!.seconds, 318), `${more!.seconds}`);
});

Deno.test("what a run has not built is estimated, as far off as the others are", () => {
  const run = sampleRun([
    report("k/a", { build: 300_000 }),
    report("k/b", { build: 20_000 }, false),
  ]);
  const costs = recordedCosts([build(100, "k/a"), build(50, "k/b"), build(70, "k/c")], run);
  for (const [index, wanted] of [300, 150, 210].entries()) {
    assert.ok(near(costs[index]!.seconds, wanted), `${costs[index]!.seconds}`);
  }
  const [alone] = recordedCosts([build(100, "k/x")], run);
  assert.ok(near(alone!.seconds, 100));
});

Deno.test("times that vary a little leave most costs as they are", () => {
  const of = (factor: number) =>
    recordedCosts(
      Array.from({ length: 100 }, (_, index) => build(1, `k/c${index}`)),
      sampleRun(Array.from({ length: 100 }, (_, index) =>
        report(`k/c${index}`, { build: factor * (100_000 + 3000 * index) }))),
    ).map(({ seconds }) =>
      seconds
    );
  const [before, after] = [of(1), of(1.01)];
  const same = before.filter((seconds, index) => seconds === after[index]).length;
  assert.ok(same >= 70, `${same} of 100`);
});
