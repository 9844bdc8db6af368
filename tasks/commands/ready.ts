// SPDX-License-Identifier: MIT
/** What commands that build and boot cells do first. */
import type { Cell, Plan } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { tellPlanned } from "../run/telling.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { ensureReady } from "../steps/setup.ts";
import type { Context } from "./context.ts";

/**
 * Before minutes of building: the selftests load, what the cells take is there or is installed, and it
 * is told which cells they are.
 * @throws KmatrixError as declaredTests() and ensureReady().
 */
export async function makeReady(plan: Plan, { paths, host }: Context): Promise<void> {
  await declaredTests();
  await ensureReady(plan.cells, plan.settings, paths, host);
  tellPlanned(plan.cells, host);
}

/**
 * The cell of a command that takes one.
 * @param typed What names it on the command line.
 * @throws KmatrixError "usage" where that names several.
 */
export function onlyCell({ cells }: Plan, typed: string, { command }: Context): Cell {
  const [cell] = cells;
  if (cell !== undefined && cells.length === 1) return cell;
  const names = cells.map(({ id }) => id).join(", ");
  const text = `${command} takes one cell; "${typed}" names ${names}`;
  throw new KmatrixError("usage", "bad-usage", text);
}
