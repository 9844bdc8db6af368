// SPDX-License-Identifier: MIT
/** What the lists of the project hold and nothing in a run had a use for. */
import type { Plan } from "../core/model/model.ts";
import type { Failure } from "../core/model/errors.ts";
import {
  type CellUse,
  globsUsed,
  ranWhole,
  unusedEntries,
  unusedExpectations,
  unusedWarnings,
} from "../core/console/allow_list.ts";
import { isAsDeclared } from "../core/matrix/plan.ts";
import type { CellProgress } from "./cell_progress.ts";

/** A failure for each entry without a use, where every cell that it is for had its say. */
export function unusedInLists(plan: Plan, cells: readonly CellProgress[]): Failure[] {
  const { matrix, settings } = plan;
  // Of other kernels and options the lists say nothing.
  if (!isAsDeclared(plan)) return [];
  const ids = matrix.cells.map(({ id }) => id);
  const uses = (of: (one: CellProgress) => Omit<CellUse, "cell">) =>
    cells.map((one) => ({ cell: one.cell.id, ...of(one) }));
  const whole = ({ result }: CellProgress) =>
    result !== null && ranWhole(result, settings.testFilter);
  return [
    ...unusedEntries(
      matrix.splats,
      ids,
      uses((one) => ({
        whole: whole(one),
        used: one.result?.splats.flatMap(({ allowed }) => allowed?.place ?? []) ?? [],
      })),
    ),
    ...unusedWarnings(
      matrix.warnings,
      ids,
      uses(({ values, warnings }) => ({ whole: values.build !== undefined, used: warnings.used })),
    ),
    ...unusedExpectations(
      matrix.cells,
      uses((one) => ({
        whole: whole(one),
        used: globsUsed(one.cell, one.result?.tests.map(({ id }) => id) ?? []),
      })),
    ),
  ];
}
