// SPDX-License-Identifier: MIT
/** How long sound boots take on this host, remembered in the cache: what limits are stretched by. */
import type { Host } from "../host/host.ts";
import type { BootTimes } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { bootTimesShape } from "./cache_files.ts";
import { cachedJson } from "../core/text/shape.ts";

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
  const own = await read(file(limitClass, cell, paths), host);
  if (own) return own;
  let slowest: BootTimes | null = null;
  for (const name of await host.fs.list(folder(limitClass, paths))) {
    const times = await read(`${folder(limitClass, paths)}/${name}`, host);
    if (times) slowest = slowest === null ? times : slower(slowest, times);
  }
  return slowest;
}

/** Keeps what a sound boot took. */
export async function rememberBoot(
  limitClass: string,
  cell: string,
  times: BootTimes,
  paths: Paths,
  host: Host,
): Promise<void> {
  await host.fs.writeText(file(limitClass, cell, paths), `${JSON.stringify(times)}\n`);
}

function folder(limitClass: string, paths: Paths): string {
  return `${paths.cache}/boots/${limitClass}`;
}

function file(limitClass: string, cell: string, paths: Paths): string {
  return `${folder(limitClass, paths)}/${cell.replaceAll("/", ",")}.json`;
}

async function read(path: string, host: Host): Promise<BootTimes | null> {
  return cachedJson(bootTimesShape, await host.fs.readTextIfAny(path));
}

function slower(a: BootTimes, b: BootTimes): BootTimes {
  return {
    firstOutputMs: Math.max(a.firstOutputMs, b.firstOutputMs),
    initMs: Math.max(a.initMs, b.initMs),
    silentMs: Math.max(a.silentMs, b.silentMs),
    bootMs: Math.max(a.bootMs, b.bootMs),
  };
}
