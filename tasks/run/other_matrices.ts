// SPDX-License-Identifier: MIT
/** Matrix files beside the one that a command reads, for whoever names a cell of another one. */
import type { Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { Paths } from "../core/model/paths.ts";
import { selectCells } from "../core/matrix/plan.ts";
import { loadMatrix } from "./project.ts";

const NAME = /^matrix(-.+)?\.ya?ml$/;

/**
 * Files of the project's folders, and of the tool's own, in which each of the globs names a cell.
 * One that cannot be read has none: it is not what the caller asked about.
 * @param file The one that was read, absolute.
 */
export async function otherMatricesWith(
  globs: readonly string[],
  file: string,
  paths: Paths,
  host: Host,
): Promise<string[]> {
  const found: string[] = [];
  for (const layer of paths.layers) {
    for (const name of (await host.fs.list(layer)).filter((one) => NAME.test(one)).sort()) {
      const other = `${layer}/${name}`;
      if (other !== file && await hasAll(other, globs, paths, host)) found.push(other);
    }
  }
  return found;
}

async function hasAll(
  file: string,
  globs: readonly string[],
  paths: Paths,
  host: Host,
): Promise<boolean> {
  try {
    selectCells(await loadMatrix(file, paths, host), globs);
    return true;
  } catch (error) {
    if (error instanceof KmatrixError) return false;
    throw error;
  }
}
