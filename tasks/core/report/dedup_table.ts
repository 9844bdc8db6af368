// SPDX-License-Identifier: MIT
/** What unique mode spares, as a run's cells measured it (selftests/kcov/tests/kcov_dedup.ts). */
import { counted } from "../text/counted.ts";
import type { CellReport, RunReport, TestResult } from "../model/model.ts";
import {
  DEDUP_ATTACHMENT,
  DEDUP_TEST,
  type DedupFigures,
  type DedupMode,
  overflowRate,
  readDedup,
} from "../../../selftests/contract/dedup.ts";
import { tableLines } from "../text/columns.ts";

/** null where the cell has not measured: the test did not run, was skipped, or failed early. */
export function dedupOf(tests: readonly TestResult[]): DedupFigures | null {
  const test = tests.find(({ id }) => id === DEDUP_TEST);
  return readDedup(test?.attachments[DEDUP_ATTACHMENT]);
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Change of the time for a call from mode PC to unique mode: 0.02 for 2 % more. */
function slowdown({ pc, unique }: DedupFigures): number {
  return unique.nsPerCall / pc.nsPerCall - 1;
}

function signed(share: number): string {
  return share < 0 ? `−${percent(-share)}` : `+${percent(share)}`;
}

const HEAD = ["cell", "mode", "overflows", "", "PCs kept", "distinct lost", "ns a call", ""];
/** Columns of text. */
const LEFT = [0, 1];

function rowsOf(cell: CellReport["cell"], figures: DedupFigures): string[][] {
  const row = (name: string, mode: DedupMode) => [
    name,
    `${mode.overflows} of ${figures.programs}`,
    percent(overflowRate(figures, mode)),
    `${mode.kept}`,
    `${mode.lost}`,
    mode.nsPerCall.toFixed(0),
  ];
  return [
    [cell, ...row("PC", figures.pc), ""],
    ["", ...row("unique", figures.unique), signed(slowdown(figures))],
  ];
}

/**
 * Published for the series (mailing list, fuzzing with it for 24 hours): what overflowed, and how
 * many fewer programs were executed for it.
 */
const PUBLISHED = [
  "published: 10 fuzzers, 24 h: 225288 overflows in mode PC, 986 in unique mode (−99.6 %)",
  "           50 fuzzers, 24 h: −99.8 % overflows, +0.6 % coverage, −2.1 % executions",
];

/**
 * A table over the cells of a run that have measured, with the published figures below; "" where no
 * cell has.
 */
export function dedupTable(run: RunReport): string {
  const measured = run.cells.flatMap(({ cell, facts }) =>
    facts.dedup ? [{ cell, figures: facts.dedup }] : []
  );
  if (measured.length === 0) return "";
  const { words, bitmapWords, programs, calls } = measured[0]!.figures;
  const rows = [HEAD, ...measured.flatMap(({ cell, figures }) => rowsOf(cell, figures))];
  const right = [...HEAD.keys()].filter((column) => !LEFT.includes(column));
  const lines = tableLines(rows, { right });
  const title =
    `deduplication: ${counted(programs, "program")}, ${
      counted(calls, "call")
    } in all, buffers of ${words} words, ` +
    `in unique mode ${bitmapWords} of them bitmap`;
  return [title, ...lines, ...PUBLISHED].join("\n");
}
