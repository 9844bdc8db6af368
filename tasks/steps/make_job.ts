// SPDX-License-Identifier: MIT
/** A make call that is made once: a stamp beside its products tells that nothing has changed. */
import { basename, dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { MakeRequest } from "../core/build/make.ts";
import { checkSource, dropUnfinished } from "./cache_guard.ts";
import { checkRoom } from "./free_room.ts";
import { type CompilerCache, throughCache } from "./compiler_cache.ts";
import { changing } from "./locks.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { type MakeStamp, makeStampShape } from "./cache_files.ts";
import { cachedJson } from "../core/text/shape.ts";
import {
  compiledAnything,
  condenseLog,
  findBuildFailure,
  isCutLog,
  MAKE_CALL_MARK,
  makeError,
} from "../core/build/build_log.ts";
import { toldPaths, type ToldSource } from "../core/build/told_paths.ts";
import { ENDLESS_BYTES } from "../host/capped_log.ts";
import type { Text } from "../core/text/lines.ts";
import { sha256 } from "../core/text/digest.ts";
import type { Confinement } from "../core/build/sandbox.ts";

/** One make call, and what tells that it need not be made again. */
export interface Job {
  /** Path below the build folder; written last, so that what has none is unfinished. */
  readonly stamp: string;
  /** Everything that decides the content of the products. */
  readonly content: readonly string[];
  /** Products that it has to have made; other ones may come on top. */
  readonly wanted?: readonly string[];
  readonly argv: readonly string[];
  readonly cache: CompilerCache | null;
  readonly confine: Confinement;
  readonly source: MakeRequest["source"];
  /** Told of make's output as it comes. */
  readonly onOutput?: (chunk: Uint8Array) => void;
  /** Runs before make. */
  readonly prepare?: () => Promise<void>;
  /** Paths below the build folder; asked for when make is done. */
  readonly products: () => Promise<readonly string[]>;
}

export interface Made {
  /** Whether a compiler ran. */
  readonly compiled: boolean;
  /** As the job named them, this time or when it was made. */
  readonly products: readonly string[];
}

/**
 * Makes what the stamp does not show as made.
 * @throws KmatrixError as {@linkcode runMake}; "build" where make leaves no product.
 */
export async function perform(
  job: Job,
  buildDir: string,
  log: string,
  host: Host,
): Promise<Made> {
  const stampFile = `${buildDir}/${job.stamp}`;
  const content = await sha256(job.content.join("\0"));
  const stamp = await lacksPart(log, host) ? null : await readStamp(stampFile, host);
  const changed = stamp === null ? [] : await changedProducts(buildDir, stamp, host);
  const hasAll = (job.wanted ?? []).every((name) => stamp?.products[name] !== undefined);
  if (stamp?.content === content && changed.length === 0 && hasAll) {
    return { compiled: false, products: Object.keys(stamp.products) };
  }
  return await changing(buildDir, host, () => making(job, content, changed, buildDir, log, host));
}

/** @param changed Products that are not as the stamp says. */
async function making(
  job: Job,
  content: string,
  changed: readonly string[],
  buildDir: string,
  log: string,
  host: Host,
): Promise<Made> {
  const stampFile = `${buildDir}/${job.stamp}`;
  for (const name of changed) {
    host.log("notice", `${buildDir}/${name} is not as it was built: building again`);
    await host.fs.remove(`${buildDir}/${name}`);
  }
  await checkSource(job.source, host);
  await dropUnfinished(buildDir, host);
  await host.fs.remove(stampFile);
  await job.prepare?.();
  await runMake(job, log, host);
  const products: Record<string, MakeStamp["products"][string]> = {};
  for (const name of await job.products()) {
    products[name] = await statOf(`${buildDir}/${name}`, host);
  }
  const done: MakeStamp = { content, products };
  await host.fs.writeText(stampFile, JSON.stringify(done, null, 2));
  return {
    compiled: await readLog(log, host, compiledAnything),
    products: Object.keys(products),
  };
}

/** Whether perform() would find the products of a stamp as they were made from this content. */
export async function isMade(
  stampFile: string,
  content: readonly string[],
  buildDir: string,
  host: Host,
): Promise<boolean> {
  const stamp = await readStamp(stampFile, host);
  return stamp !== null && stamp.content === await sha256(content.join("\0")) &&
    (await changedProducts(buildDir, stamp, host)).length === 0;
}

/**
 * Nothing that the tree's Makefiles have left may lead this tool, which runs outside of their
 * sandbox, to files elsewhere.
 * @throws KmatrixError "build" (points-outside).
 */
export async function checkInside(
  buildDir: string,
  names: readonly string[],
  host: Host,
): Promise<void> {
  const inside = `${await host.fs.realPath(buildDir)}/`;
  for (const name of names) {
    const real = await host.fs.realPath(`${buildDir}/${name}`);
    if (real === null || real.startsWith(inside)) continue;
    const text = `the build left ${buildDir}/${name}, which leads to ${real}`;
    throw new KmatrixError("build", "points-outside", text, "", { kind: "file", name });
  }
}

/**
 * One make call, appended to a log.
 * @throws KmatrixError "build" with the root-cause line and a bounded tail of the log; "infra"
 *   where the machine broke it: a killed compiler, a full disk.
 */
export async function runMake(
  { argv, cache, confine, onOutput, source }: Pick<
    Job,
    "argv" | "cache" | "confine" | "onOutput" | "source"
  >,
  log: string,
  host: Host,
): Promise<void> {
  await shorten(log, host);
  await host.fs.append(log, `${MAKE_CALL_MARK}${new Date(host.now()).toISOString()}\n`);
  const result = await host.run({
    argv,
    log,
    givesWay: true,
    ...(onOutput ? { onOutput } : {}),
    ...throughCache(confine, cache),
  });
  if (host.signal.aborted) throw new KmatrixError("interrupted", "interrupted", "interrupted");
  if (result.code === 0 && !result.leftOut) return;
  await checkRoom("make", dirname(log), host);
  const confined = (await host.sandbox()).kind !== "none";
  const cause = await readLog(log, host, (text) => findBuildFailure(text, confined));
  const [line, tail] = [cause.line, cause.tail].map((text) => toldPaths(text, source)) as [
    string,
    string,
  ];
  const evidence = `${tail}\n(log: ${log})`;
  if (result.endless) {
    const text = `make printed more than ${ENDLESS_BYTES >> 20} MiB, and was stopped`;
    throw new KmatrixError("build", "log-cap", text, `${line}\n${evidence}`);
  }
  if (result.code === 0) {
    const text =
      `${result.leftOut} bytes of make's output were not kept: warnings may be among them`;
    throw new KmatrixError("build", "log-cap", text, evidence);
  }
  if (result.code > 128) {
    const text = `make was killed by signal ${result.code - 128}`;
    throw new KmatrixError("infra", "compiler-killed", text, tail);
  }
  const output = { kind: "output", line: cause.line } as const;
  throw makeError(cause, line, evidence, output);
}

/** A log for people: its paths are those of the user's tree. */
export async function copyLog(
  log: string,
  to: string,
  source: ToldSource,
  host: Host,
): Promise<void> {
  await host.fs.writeText(to, toldPaths(await host.fs.readText(log), source));
}

/** A log of many calls is made shorter beyond this. */
const LONG_LOG_BYTES = 8 << 20;
/** Upper bound: one call's output after a condensed log. */
const LOG_BYTES = 64 << 20;

/** What `read` makes of a log, or of its end where it is longer than any of ours. */
export async function readLog<T>(log: string, host: Host, read: (log: Text) => T): Promise<T> {
  if (!await host.fs.exists(log)) return read("");
  const file = await host.fs.openParts(log);
  try {
    const start = Math.max(0, file.size - LOG_BYTES);
    return read({
      size: file.size - start,
      read: (offset, length) => file.read(start + offset, length),
    });
  } finally {
    file.close();
  }
}

async function isLong(log: string, host: Host): Promise<boolean> {
  return ((await host.fs.stat(log))?.size ?? 0) > LONG_LOG_BYTES;
}

async function lacksPart(log: string, host: Host): Promise<boolean> {
  return await isLong(log, host) && await readLog(log, host, isCutLog);
}

/** Makes room in a log. What was built while its log was cut is built again, to know its warnings. */
async function shorten(log: string, host: Host): Promise<void> {
  if (!await isLong(log, host)) return;
  if (!await lacksPart(log, host)) {
    return await host.fs.writeText(log, await readLog(log, host, condenseLog));
  }
  const buildDir = dirname(log);
  host.log("notice", `${log} lacks a part: building all of it again`);
  // kbuild runs every command again whose line it does not find as it was.
  await host.run({ argv: ["find", buildDir, "-name", ".*.cmd", "-delete"] });
  await host.fs.writeText(log, "");
}

async function readStamp(file: string, host: Host): Promise<MakeStamp | null> {
  const text = await host.fs.readTextIfAny(file);
  if (text === null) return null;
  const stamp = cachedJson(makeStampShape, text);
  if (stamp !== null) return stamp;
  host.log("notice", `${file} is damaged: building again`);
  return null;
}

export async function statOf(path: string, host: Host): Promise<{ size: number; mtimeMs: number }> {
  const stat = await host.fs.stat(path);
  if (!stat) {
    const name = basename(path);
    const text = `make succeeded but did not make ${path}`;
    throw new KmatrixError("build", "no-product", text, "", { kind: "file", name });
  }
  return { size: stat.size, mtimeMs: stat.mtimeMs };
}

/** Products that are not as the stamp says, the missing ones included. */
async function changedProducts(dir: string, stamp: MakeStamp, host: Host): Promise<string[]> {
  const changed: string[] = [];
  for (const [name, wanted] of Object.entries(stamp.products)) {
    const found = await host.fs.stat(`${dir}/${name}`);
    if (found?.size !== wanted.size || found.mtimeMs !== wanted.mtimeMs) changed.push(name);
  }
  return changed;
}
