// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellId, CellReport, StageResult } from "../model/model.ts";
import { NO_FACTS } from "../report/cell_facts.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { figuresOf } from "./figures.ts";

const stage = (
  name: StageResult["stage"],
  startedMs: number | null,
  durationMs: number,
): StageResult => ({
  stage: name,
  outcome: { kind: "passed" },
  durationMs,
  ...(startedMs === null ? {} : { startedMs }),
  note: "",
});
const cell = (id: string, ...stages: readonly StageResult[]): CellReport =>
  sampleCellReport({ cell: id as CellId, stages });

Deno.test("figuresOf() has a stage that cells share once, and the path that the run waited for", () => {
  const shared = [stage("fetch", 0, 100), stage("build", 150, 5000)];
  const { timeline } = figuresOf(sampleRun([
    cell("k/a", ...shared, stage("boot", 5200, 1000)),
    cell("k/a/smp", ...shared, stage("boot", 6250, 2000)),
    cell("k/b", stage("build", 150, 3000), stage("boot", 3200, 900)),
  ], { durationMs: 8400 }));
  assert.deepEqual(
    timeline.bars.map(({ stage, cells, critical }) => [stage, cells.join(" "), critical]),
    [
      ["fetch", "k/a k/a/smp", true],
      ["build", "k/a k/a/smp", true],
      ["build", "k/b", false],
      ["boot", "k/b", false],
      ["boot", "k/a", true],
      ["boot", "k/a/smp", true],
    ],
  );
  assert.equal(timeline.spanMs, 8400);
});

Deno.test("figuresOf() draws no time of stages that an older run.json has no time of", () => {
  const { timeline } = figuresOf(sampleRun([cell("k/a", stage("build", null, 5000))]));
  assert.deepEqual(timeline.bars, []);
});

Deno.test("figuresOf() ends with clocks that stood still, and with stages of no length", () => {
  const still = ["fetch", "patch", "configure"] as const;
  const { timeline } = figuresOf(
    sampleRun([cell("k/a", ...still.map((name) => stage(name, 0, 0)))]),
  );
  assert.equal(timeline.bars.length, 3);
});

Deno.test("figuresOf() has builds once a key, and phases of a boot that broke off", () => {
  const facts = {
    ...NO_FACTS,
    config: { key: "k1", fragments: [], features: [] },
    build: { objects: 568, compiled: true, reasons: [], cacheUse: null, listedWarnings: 0 },
    boot: {
      accel: "tcg",
      durationMs: 900,
      phasesMs: { start: 100, kernel: 200 },
      overBudget: [{ phase: "kernel", ms: 200, budgetMs: 100 }],
      release: null,
    },
  } as const;
  const one = (id: string) => ({ ...cell(id, stage("build", 0, 5000)), facts });
  const { builds, boots } = figuresOf(sampleRun([one("k/a"), one("k/a/smp")]));
  assert.deepEqual(builds.map(({ cells, durationMs }) => [cells, durationMs]), [
    [["k/a", "k/a/smp"], 5000],
  ]);
  assert.deepEqual(boots[0], {
    cell: "k/a",
    phasesMs: [["start", 100], ["kernel", 200], ["init", null], ["tests", null], ["exit", null]],
    overBudget: ["kernel"],
  });
});
