// SPDX-License-Identifier: MIT
/** Which cells a run takes, and which of them share a build. */
import type { Cell, Matrix, Plan } from "../model/model.ts";
import { KmatrixError } from "../model/errors.ts";
import { globMatcher } from "../model/cells.ts";
import { resolveCell } from "./matrix.ts";
import { nearest } from "../text/nearest.ts";

/**
 * The cells that globs name: declared ones by glob, and any kernel/config pair that exists by its
 * whole id. No glob means all declared cells.
 * @throws KmatrixError "no-match" for a glob that names nothing, with the nearest cell.
 */
export function selectCells(matrix: Matrix, globs: readonly string[]): Cell[] {
  if (globs.every((glob) => glob.startsWith("!"))) {
    const matches = globMatcher(globs);
    return nonEmpty(matrix.cells.filter((cell) => matches(cell.id)), globs);
  }
  const chosen = new Map<string, Cell>();
  const refused = globs.filter((glob) => glob.startsWith("!"));
  for (const glob of globs.filter((glob) => !glob.startsWith("!"))) {
    const matches = globMatcher([glob, ...refused]);
    const found = matrix.cells.filter((cell) => matches(cell.id));
    if (found.length === 0) {
      const cell = resolveCell(matrix, glob);
      if (typeof cell === "string") {
        const ids = matrix.cells.map((cell) => cell.id);
        const why = /[*?]/.test(glob) ? `no cell matches "${glob}"${nearest(glob, ids)}` : cell;
        throw new KmatrixError("no-match", "no-such-cell", why);
      }
      found.push(cell);
    }
    for (const cell of found) chosen.set(cell.id, cell);
  }
  return nonEmpty([...chosen.values()], globs);
}

/** Kernels that one of the globs is about alone, or a whole id: whoever asks for one wants it. */
export function namedKernels(matrix: Matrix, globs: readonly string[]): string[] {
  const refused = globs.filter((glob) => glob.startsWith("!"));
  const named = new Set<string>();
  for (const glob of globs.filter((one) => !one.startsWith("!"))) {
    const kernels = new Set(selectCells(matrix, [glob, ...refused]).map(({ kernel }) => kernel.id));
    if (kernels.size === 1) { for (const kernel of kernels) named.add(kernel); }
  }
  return [...named];
}

/** Kernels whose source must be had: named ones, brought ones, or all. */
export function requiredKernels(
  matrix: Matrix,
  cells: readonly Cell[],
  globs: readonly string[],
  all: boolean,
): string[] {
  const named = namedKernels(matrix, globs);
  const ids = cells.filter(({ kernel }) => all || kernel.brought || named.includes(kernel.id))
    .map(({ kernel }) => kernel.id);
  return [...new Set(ids)];
}

function nonEmpty(cells: Cell[], globs: readonly string[]): Cell[] {
  if (cells.length > 0) return cells;
  const text = globs.length > 0 ? `no cell is left by ${globs.join(" ")}` : "the matrix is empty";
  throw new KmatrixError("no-match", "no-such-cell", text);
}

/** Whether a run builds and boots what the project's files say, and nothing of the user's besides. */
export function isAsDeclared({ cells, kconfigAdd, settings }: Plan): boolean {
  return kconfigAdd.length === 0 &&
    Object.keys(settings.makeVariables).every((name) => name === "V") &&
    cells.every(({ kernel, config, toolchain }) =>
      !kernel.brought && !config.given && !toolchain.replaced
    );
}

/** Cells that can share one build folder, in order of their first appearance. */
export function groupByBuild(cells: readonly Cell[]): Cell[][] {
  const groups = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = `${cell.kernel.id} ${cell.config.id} ${cell.toolchain.id}`;
    const group = groups.get(key);
    if (group) group.push(cell);
    else groups.set(key, [cell]);
  }
  return [...groups.values()];
}
