// SPDX-License-Identifier: MIT
/** What the lists of the project hold and nothing in a run had a use for. */
import type { ListUse, Plan } from "../core/model/model.ts";
import {
  type CellUse,
  expectationUses,
  globsUsed,
  ranWhole,
  splatUses,
  warningUses,
} from "../core/console/allow_list.ts";
import { isAsDeclared } from "../core/matrix/plan.ts";
import type { CellProgress } from "./cell_progress.ts";

/** How it stands with each entry; null where the lists say nothing of the run. */
export function listUses(plan: Plan, cells: readonly CellProgress[]): ListUse[] | null {
  const { matrix, settings } = plan;
  // Of other kernels and options the lists say nothing.
  if (!isAsDeclared(plan)) return null;
  const ids = matrix.cells.map(({ id }) => id);
  const uses = (of: (one: CellProgress) => Omit<CellUse, "cell">) =>
    cells.map((one) => ({ cell: one.cell.id, ...of(one) }));
  const whole = ({ result }: CellProgress) =>
    result !== null && ranWhole(result, settings.testFilter);
  return [
    ...splatUses(
      matrix.splats,
      ids,
      uses((one) => ({
        whole: whole(one),
        used: one.result?.splats.flatMap(({ allowed }) => allowed?.place ?? []) ?? [],
      })),
    ),
    ...warningUses(
      matrix.warnings,
      ids,
      uses(({ values, warnings }) => ({ whole: values.build !== undefined, used: warnings.used })),
    ),
    ...expectationUses(
      matrix.cells,
      uses((one) => ({
        whole: whole(one),
        used: globsUsed(one.cell, one.result?.tests.map(({ id }) => id) ?? []),
      })),
    ),
  ];
}
