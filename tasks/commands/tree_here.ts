// SPDX-License-Identifier: MIT
/** In a kernel tree, the tree is what commands are about: as if it stood behind --tree. */
import type { Context } from "./context.ts";
import { PROJECT_MATRIX, type RunValues } from "../cli/options.ts";
import { partNames } from "../steps/layers.ts";
import { KmatrixError } from "../core/model/errors.ts";

/**
 * The tree that the caller is in, where the command line names no other source.
 * @param cells What the command line has for cells.
 * @param always Whether the command is about a tree, whatever its cells are called.
 * @returns null outside of a tree, and where all cells are of kernels of the project.
 */
export async function treeHere(
  cells: readonly string[],
  always: boolean,
  { tree, kernel }: RunValues,
  { caller, paths, host }: Context,
): Promise<string | null> {
  if (caller.tree === null || tree !== undefined || kernel !== undefined) return null;
  const kernels = await partNames("kernels", paths, host);
  const isOfProject = (cell: string) => kernels.includes(cell.split("/")[0]!);
  if (!always && cells.length > 0 && cells.every(isOfProject)) return null;
  host.log("notice", `taking the kernel tree ${caller.tree}, as --tree does; runs: ${paths.out}`);
  return caller.tree;
}

/**
 * Outside of the project nobody means all of its own cells by saying nothing.
 * @throws KmatrixError "usage" (nothing-here)
 */
export function checkWorkHere(
  words: readonly string[],
  { matrix, tree, series, range, config }: RunValues,
  { caller, calledAs }: Context,
): void {
  if (caller.inProject || caller.matrix !== null) return;
  if (words.length > 0 || matrix !== PROJECT_MATRIX) return;
  if ([tree, series, range, config].some((one) => one !== undefined)) return;
  const name = [...calledAs.argv, "matrix"].join(" ");
  throw new KmatrixError(
    "usage",
    "nothing-here",
    `${caller.folder} is no kernel tree and in none, and no cells are named`,
    "Change to a kernel tree, or name one: --tree <dir>. A matrix of your own: --matrix <file>, or " +
      "a folder with a matrix.yaml (kmatrix init makes one).\n" +
      `Cells of kmatrix's own kernels: ${name} --list '*' lists them, ${name} '*' runs them all.`,
  );
}
