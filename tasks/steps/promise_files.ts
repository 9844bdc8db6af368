// SPDX-License-Identifier: MIT
/** Reads kernels/<id>/promises.yaml of a project, each with its series beside it. */
import { basename, dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { PromiseBook } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { partNames, partOf } from "./layers.ts";
import { parseSeriesFile } from "../core/matrix/kernel_spec.ts";
import { type PromiseFile, readPromiseBook } from "../core/matrix/promise_book.ts";

/** @throws KmatrixError (usage) with line and column for anything wrong in one of them. */
export async function loadPromises(
  paths: Pick<Paths, "layers">,
  host: Pick<Host, "fs">,
): Promise<PromiseBook> {
  const files: PromiseFile[] = [];
  const { fs } = host;
  for (const id of await partNames("kernels", paths, host)) {
    const found = await partOf(`kernels/${id}/promises.yaml`, paths, host);
    if (found === null) continue;
    const text = await fs.readText(found);
    const kernel = await partOf(`kernels/${id}/kernel.yaml`, paths, host);
    const dir = dirname(kernel ?? found);
    const series = await fs.readTextIfAny(`${dir}/patches/series`);
    const patches = parseSeriesFile(series ?? "", dir).map(({ file }) => basename(file));
    files.push({
      ...{ id, text },
      file: `kernels/${id}/promises.yaml`,
      patches: kernel === null ? null : patches,
    });
  }
  return readPromiseBook(files);
}
