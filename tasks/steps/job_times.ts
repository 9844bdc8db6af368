// SPDX-License-Identifier: MIT
/**
 * How long builds and boots have taken on this host, remembered in the cache: which job comes first,
 * and what the limits of a boot are stretched by.
 */
import type { Host } from "../host/host.ts";
import { expectedTimes, type JobTimes, learnedBuildMs } from "../core/matrix/schedule.ts";
import type { BootTimes, Cell } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { cachedJson, type Shape } from "../core/text/shape.ts";
import { bootTimesShape, jobTimesShape } from "./cache_files.ts";

/** @param cores That a build without a history would get. */
export async function recallTimes(
  cell: Cell,
  cores: number,
  paths: Paths,
  host: Host,
): Promise<JobTimes> {
  const jobs = jobTimes(paths, host);
  return expectedTimes(await jobs.of(buildName(cell)), await jobs.all(), cores);
}

/** @param buildMs null where nothing was compiled. @param bootMs null where none was sound. */
export async function rememberTimes(
  cell: Cell,
  { buildMs, bootMs }: { readonly buildMs: number | null; readonly bootMs: number | null },
  paths: Paths,
  host: Host,
): Promise<void> {
  const jobs = jobTimes(paths, host);
  const known = await jobs.of(buildName(cell));
  if (buildMs === null && known === null) return;
  await jobs.remember(buildName(cell), {
    buildMs: buildMs === null ? known!.buildMs : learnedBuildMs(known?.buildMs ?? null, buildMs),
    bootMs: bootMs ?? known?.bootMs ?? 0,
  });
}

/**
 * What a cell's last sound boot took; where there is none, the slowest that any cell of the same
 * class took, phase by phase. null on a host that has not booted such a cell yet.
 * @param limitClass See {@linkcode limitClass}.
 */
export async function recallBoot(
  limitClass: string,
  cell: string,
  paths: Paths,
  host: Host,
): Promise<BootTimes | null> {
  const boots = bootTimes(limitClass, paths, host);
  const own = await boots.of(cell);
  if (own) return own;
  const others = await boots.all();
  return others.length === 0 ? null : others.reduce(slower);
}

/** Keeps what a sound boot took. */
export async function rememberBoot(
  limitClass: string,
  cell: string,
  times: BootTimes,
  paths: Paths,
  host: Host,
): Promise<void> {
  await bootTimes(limitClass, paths, host).remember(cell, times);
}

/** A folder of the cache with the times of one kind, a file each. */
class Times<T> {
  readonly #folder: string;
  readonly #shape: Shape<T>;
  readonly #host: Host;

  constructor(folder: string, shape: Shape<T>, host: Host) {
    this.#folder = folder;
    this.#shape = shape;
    this.#host = host;
  }

  /** null for one that is not known, or whose file is damaged. */
  of(name: string): Promise<T | null> {
    return this.#read(this.#file(name));
  }

  async all(): Promise<T[]> {
    const files = await this.#host.fs.list(this.#folder);
    const found = await Promise.all(files.map((file) => this.#read(`${this.#folder}/${file}`)));
    return found.filter((one) => one !== null);
  }

  async remember(name: string, times: T): Promise<void> {
    await this.#host.fs.writeText(this.#file(name), `${JSON.stringify(times)}\n`);
  }

  #file(name: string): string {
    return `${this.#folder}/${name.replaceAll("/", ",")}.json`;
  }

  async #read(file: string): Promise<T | null> {
    return cachedJson(this.#shape, await this.#host.fs.readTextIfAny(file));
  }
}

const jobTimes = (paths: Paths, host: Host) =>
  new Times(`${paths.cache}/job-times`, jobTimesShape, host);
const bootTimes = (limitClass: string, paths: Paths, host: Host) =>
  new Times(`${paths.cache}/boots/${limitClass}`, bootTimesShape, host);

/** Cells that share a build share its times. */
function buildName({ kernel, config, toolchain }: Cell): string {
  return [kernel.id, config.id, toolchain.id].join(",");
}

function slower(a: BootTimes, b: BootTimes): BootTimes {
  return {
    firstOutputMs: Math.max(a.firstOutputMs, b.firstOutputMs),
    initMs: Math.max(a.initMs, b.initMs),
    silentMs: Math.max(a.silentMs, b.silentMs),
    bootMs: Math.max(a.bootMs, b.bootMs),
  };
}
