// SPDX-License-Identifier: MIT
/** The matrix file that has a cell, for whoever names one that the matrix of the command lacks. */
import type { Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { Paths } from "../core/model/paths.ts";
import { selectCells } from "../core/matrix/plan.ts";
import { loadMatrix } from "./project.ts";

const NAME = /^matrix.*\.yaml$/;

/**
 * The first matrix file, absolute, of the project's folder and then of the tool's, in which each of
 * the globs names a cell. One that cannot be read has none: it is not what the caller asked about.
 */
export async function otherMatrixWith(
  globs: readonly string[],
  paths: Paths,
  host: Host,
): Promise<string | undefined> {
  for (const layer of paths.layers) {
    for (const name of (await host.fs.list(layer)).filter((one) => NAME.test(one)).sort()) {
      const file = `${layer}/${name}`;
      try {
        selectCells(await loadMatrix(file, paths, host), globs);
        return file;
      } catch (error) {
        if (!(error instanceof KmatrixError)) throw error;
      }
    }
  }
  return undefined;
}
