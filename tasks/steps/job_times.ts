// SPDX-License-Identifier: MIT
/** How long builds and boots have taken on this host, remembered in the cache: what comes first. */
import type { Host } from "../host/host.ts";
import type { Cell } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { jobTimesShape } from "./cache_files.ts";
import { cachedJson } from "../core/text/shape.ts";
import { expectedTimes, type JobTimes, learnedBuildMs } from "../core/matrix/schedule.ts";

/** @param cores That a build without a history would get. */
export async function recallTimes(
  cell: Cell,
  cores: number,
  paths: Paths,
  host: Host,
): Promise<JobTimes> {
  const dir = folder(paths);
  const others = await Promise.all(
    (await host.fs.list(dir)).map((name) => read(`${dir}/${name}`, host)),
  );
  const known = others.filter((one) => one !== null);
  return expectedTimes(await read(file(cell, paths), host), known, cores);
}

/** @param buildMs null where nothing was compiled. @param bootMs null where none was sound. */
export async function rememberTimes(
  cell: Cell,
  { buildMs, bootMs }: { readonly buildMs: number | null; readonly bootMs: number | null },
  paths: Paths,
  host: Host,
): Promise<void> {
  const known = await read(file(cell, paths), host);
  if (buildMs === null && known === null) return;
  const times: JobTimes = {
    buildMs: buildMs === null ? known!.buildMs : learnedBuildMs(known?.buildMs ?? null, buildMs),
    bootMs: bootMs ?? known?.bootMs ?? 0,
  };
  await host.fs.writeText(file(cell, paths), `${JSON.stringify(times)}\n`);
}

const folder = (paths: Paths) => `${paths.cache}/job-times`;

/** Cells that share a build share its times. */
function file({ kernel, config, toolchain }: Cell, paths: Paths): string {
  const name = [kernel.id, config.id, toolchain.id].join(",").replaceAll("/", ",");
  return `${folder(paths)}/${name}.json`;
}

async function read(path: string, host: Host): Promise<JobTimes | null> {
  return cachedJson(jobTimesShape, await host.fs.readTextIfAny(path));
}
