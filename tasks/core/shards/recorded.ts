// SPDX-License-Identifier: MIT
/** What builds and their boots took in a run that is kept, for a plan that is handed over. */
import type { CellReport, RunReport, Stage } from "../model/model.ts";
import type { BuildCost } from "./shard_plan.ts";

/** Times vary from run to run; in steps of 5 % most stay the same, and builds where they were. */
const STEP = 1.05;

/**
 * The builds with what a run has recorded of them: as long as its stages took there, and the boots of
 * all its cells. One that the run has not built gets its estimate, as much too short or too long as
 * those of the others are (the median).
 * @param estimated With estimates in seconds.
 */
export function recordedCosts(estimated: readonly BuildCost[], run: RunReport): BuildCost[] {
  const reports = new Map(run.cells.map((report) => [report.cell as string, report]));
  const recorded = estimated.map(({ cells }) =>
    secondsOf(
      cells.map(({ id }) => reports.get(id)).filter((one) => one !== undefined),
      cells.length,
    )
  );
  const ratios = recorded.flatMap((seconds, index) =>
    seconds === null ? [] : [seconds / estimated[index]!.seconds]
  ).sort((a, b) => a - b);
  const ratio = ratios.length === 0 ? 1 : ratios[Math.floor(ratios.length / 2)]!;
  return estimated.map(({ cells, seconds }, index) => ({
    cells,
    seconds: inSteps(recorded[index] ?? seconds * ratio),
  }));
}

function inSteps(seconds: number): number {
  return STEP ** Math.round(Math.log(Math.max(1, seconds)) / Math.log(STEP));
}

/** @param count Of the build's cells, of which the run may have had fewer. */
function secondsOf(reports: readonly CellReport[], count: number): number | null {
  const built = reports.filter((report) => passed(report, "build"));
  if (built.length === 0) return null;
  // Cells of one build share its stages, and each tells all of their time.
  const shared = Math.max(
    ...built.map((report) =>
      report.stages.filter(({ stage }) => stage !== "boot" && stage !== "parse")
        .reduce((sum, { durationMs }) => sum + durationMs, 0)
    ),
  );
  const boots = built.map(({ stages }) =>
    stages.find(({ stage }) => stage === "boot")?.durationMs ?? 0
  );
  const boot = boots.reduce((sum, ms) => sum + ms, 0) / boots.length;
  return (shared + count * boot) / 1000;
}

const passed = ({ stages }: CellReport, wanted: Stage) =>
  stages.some(({ stage, outcome }) => stage === wanted && outcome.kind === "passed");
