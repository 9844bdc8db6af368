// SPDX-License-Identifier: MIT
/** Reads kernels/<id>/promises.yaml of a project, each with its series beside it. */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { PromiseBook } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { parseSeriesFile } from "../core/matrix/kernel_spec.ts";
import { type PromiseFile, readPromiseBook } from "../core/matrix/promise_book.ts";

/** @throws KmatrixError (usage) with line and column for anything wrong in one of them. */
export async function loadPromises(
  { root }: Pick<Paths, "root">,
  { fs }: Pick<Host, "fs">,
): Promise<PromiseBook> {
  const files: PromiseFile[] = [];
  for (const id of await fs.list(`${root}/kernels`)) {
    const dir = `${root}/kernels/${id}`;
    const text = await fs.readTextIfAny(`${dir}/promises.yaml`);
    if (text === null) continue;
    const series = await fs.readTextIfAny(`${dir}/patches/series`);
    const patches = parseSeriesFile(series ?? "", dir).map(({ file }) => basename(file));
    const isKernel = await fs.exists(`${dir}/kernel.yaml`);
    files.push({
      ...{ id, text },
      file: `kernels/${id}/promises.yaml`,
      patches: isKernel ? patches : null,
    });
  }
  return readPromiseBook(files);
}
