// SPDX-License-Identifier: MIT
/** Shards of a plan as jobs of Slurm: `matrix --on slurm`, and the script of `plan --format slurm`. */
import { basename } from "node:path/posix";
import { type JobArray, jobScript, sbatchOptions, slurmWord } from "../core/cluster/slurm.ts";
import { decidingVariables } from "../core/model/environment.ts";
import { type Failure, failure, failureFrom, KmatrixError } from "../core/model/errors.ts";
import type { RunReport, ShardRecord } from "../core/model/model.ts";
import { groupByBuild } from "../core/matrix/plan.ts";
import { mergedLines, mergeShards } from "../core/shards/merge.ts";
import { SHARD_FORMATS, type ShardPlan } from "../core/shards/shard_plan.ts";
import { formatCommand } from "../core/text/shell.ts";
import type { Host } from "../host/host.ts";
import { planShards, takeShard } from "../run/shards.ts";
import { runOnSlurm, type SlurmResult } from "../run/slurm_run.ts";
import { reportAll } from "../stages/report.ts";
import { copyShards } from "../steps/copy_shards.ts";
import { findShards } from "../steps/shard_runs.ts";
import { ON, type Options, type RunValues, SHARD, SHARDS, type Values } from "../cli/options.ts";
import { givenWords } from "./command.ts";
import {
  type Context,
  copiesOf,
  failuresOf,
  makeRunDir,
  planOf,
  printRun,
  repeatCommand,
  withTests,
} from "./context.ts";
import { baseRun, tellCi } from "./ci_log.ts";
import { launcherHere } from "./install.ts";

/** What a node has to be told: also where the cache is, which may be a disk of its own. */
function variablesFor(host: Host): Record<string, string> {
  const places = ["O", "KMATRIX_CACHE", "ARCH"].flatMap((name) => {
    const value = host.env(name);
    return value ? [[name, value]] : [];
  });
  return { ...Object.fromEntries(places), ...decidingVariables(host.env) };
}

/** The jobs of an array have all what the largest of them needs. */
function arrayOf(
  { shards }: ShardPlan,
  options: readonly string[],
  more: Pick<JobArray, "name" | "log">,
): JobArray {
  const most = (figure: "cpus" | "memoryMiB" | "minutes") =>
    Math.max(...shards.map((shard) => shard[figure]));
  return {
    ...more,
    indexes: shards.map(({ index }) => index),
    ...{ cpus: most("cpus"), memoryMiB: most("memoryMiB"), minutes: most("minutes") },
    more: options.map(slurmWord),
  };
}

/**
 * A script for sbatch that is submitted by hand. @param words Behind `matrix`.
 * @throws KmatrixError "usage" (bad-slurm-arg)
 */
export function scriptToSubmit(
  plan: ShardPlan,
  words: readonly string[],
  options: readonly string[],
  { calledAs, host }: Context,
): string {
  const name = `kmatrix-${plan.digest.slice(0, 8)}`;
  return jobScript({
    array: arrayOf(plan, options, { name, log: null }),
    ...{ of: plan.shards.length, digest: plan.digest, kmatrix: calledAs.argv, words },
    ...{ folder: null, variables: variablesFor(host), shards: `$SLURM_SUBMIT_DIR/${name}` },
  }).trimEnd();
}

type OnValues =
  & RunValues
  & Values<typeof ON & typeof SHARDS & typeof SHARD>;

/** @throws KmatrixError "usage" for options of shards that do not go together. */
export function checkShards({ on, shards, slurmArg, shard, plan }: OnValues): void {
  const bad = (text: string) => new KmatrixError("usage", "bad-usage", text);
  if (on === undefined && (shards !== undefined || slurmArg.length > 0)) {
    const name = shards === undefined ? "--slurm-arg" : "--shards";
    throw bad(`${name} goes together with --on slurm; one shard is run by --shard m/n`);
  }
  if (on !== undefined && (shard !== undefined || plan !== undefined)) {
    throw bad(`--on runs all shards, and does not go together with --${shard ? "shard" : "plan"}`);
  }
}

/** Options that are for this side alone, or that the job script gives. */
const NOT_FOR_SHARDS: readonly string[] = [
  ...["on", "shards", "slurmArg", "shard", "plan", "list", "dryRun", "jobs"],
  ...["outputDir", "junit", "json", "events", "progress", "verbose", "quiet", "base"],
];

/** A run in its folder, ready for Slurm. */
interface Prepared {
  readonly array: JobArray;
  readonly dealt: ShardPlan;
  /** Below the run's folder: the script and what it needs, and a folder a shard. */
  readonly folder: string;
  readonly script: string;
}

function prepare(
  dealt: ShardPlan,
  words: readonly string[],
  runDir: string,
  { jobs, slurmArg }: OnValues,
  { host, caller }: Context,
): Prepared {
  const folder = `${runDir}/slurm`;
  const name = `kmatrix-${basename(runDir)}-${crypto.randomUUID().slice(0, 6)}`;
  const planned = arrayOf(dealt, slurmArg, { name, log: { folder, name: "shard-%a.log" } });
  const array = jobs === undefined ? planned : { ...planned, cpus: jobs };
  const script = jobScript({
    ...{ array, of: dealt.shards.length, digest: dealt.digest },
    kmatrix: ["sh", `${folder}/kmatrix`],
    words: [...words, "--plan", `${folder}/plan.json`],
    ...{ folder: caller.folder, variables: variablesFor(host), shards: folder },
  });
  return { array, dealt, folder, script };
}

/** `matrix --on slurm`. @param options What `matrix` has, with the values in `values`. */
export async function matrixOnSlurm<O extends Options>(
  globs: readonly string[],
  options: O,
  values: Values<O> & OnValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, paths, terminal } = context;
  const plan = await planOf(globs, values, context);
  const own = Object.entries(options).filter(([name]) => !NOT_FOR_SHARDS.includes(name));
  const words = [...globs, ...givenWords(Object.fromEntries(own), values)];
  const dealt = await planShards(plan, values.shards ?? "auto", words, paths, host);
  if (values.dryRun) {
    const { array, folder, script } = prepare(dealt, words, "RUN", values, context);
    const argv = ["sbatch", "--parsable", ...sbatchOptions(array), `${folder}/job.sh`];
    terminal.print(`${formatCommand({ argv })}\n\n${script}`);
    return [];
  }
  const given = { file: "plan.json", plan: dealt };
  // What is known of the whole plan, also where no shard comes back.
  const part = { part: 1, of: dealt.shards.length };
  const { shard } = await takeShard(plan, part, given, paths, host);
  const base = await baseRun(values, context);
  const runDir = await makeRunDir(context);
  const prepared = prepare(dealt, words, runDir, values, context);
  await writeJob(prepared, context);
  host.emit({
    ...{ event: "cells-planned", cells: [...dealt.cells] },
    builds: groupByBuild(plan.cells).length,
  });
  const results = await runOnSlurm({
    ...{ array: prepared.array, shards: dealt.shards, folder: prepared.folder },
    script: `${prepared.folder}/job.sh`,
  }, host);
  const run = await mergeResults(results, shard!, prepared, runDir, values, context);
  return await tell({ run, runDir, base }, values, context);
}

async function writeJob({ folder, dealt, script }: Prepared, context: Context): Promise<void> {
  const { host, calledAs } = context;
  const launcher = await launcherHere(calledAs.isLauncher, context);
  await host.fs.writeText(`${folder}/kmatrix`, launcher);
  await host.fs.writeText(`${folder}/plan.json`, SHARD_FORMATS.json(dealt));
  await host.fs.writeText(`${folder}/job.sh`, script);
}

/** What has come back as one run, and what has not. */
async function mergeResults(
  results: readonly SlurmResult[],
  record: ShardRecord,
  { folder }: Prepared,
  runDir: string,
  values: OnValues,
  context: Context,
): Promise<RunReport> {
  const { host } = context;
  const words = results.flatMap(({ run }) => run === null ? [] : [run.slice(runDir.length + 1)]);
  const absolute = (word: string) => `${runDir}/${word}`;
  const { shards, unread } = await findShards(words, absolute, `${runDir}/.unpacked`, host);
  const lost = await Promise.all(results.map((result) => lossOf(result, folder, host)));
  const repeat = (cell: string) => repeatCommand("repro", cell, withTests(values, []), context);
  const failures = [...lost.flat(), ...unread];
  const { run, used } = mergeShards(shards, failures, repeat, record);
  const interrupted = context.interruptedBy();
  if (interrupted === null) {
    await copyShards(shards.filter((one) => used.includes(one)), runDir, host);
  }
  const more = [...foundBefore(results, run), ...unexplained(results, run)];
  const all = [...run.failures, ...more];
  // That a part is missing then is what was asked for.
  const kept = interrupted === null ? all : all.filter(({ id }) => !OF_A_BREAK.includes(id));
  return { ...run, interrupted, failures: kept };
}

const OF_A_BREAK: readonly string[] = ["shard-lost", "shard-missing", "shard-torn"];

/** The last lines of what a job has printed. */
const LOG_BYTES = 2000;
/** With less, nothing can be written any more. */
const ENOUGH_BYTES = 1 << 20;

/** That a shard has left no result, and what is known of why. */
async function lossOf({ shard, end, run }: SlurmResult, folder: string, host: Host) {
  if (end.kind === "ended" && run !== null) return [];
  const why = end.kind === "lost" ? end.why : `it has ended with code ${end.code} and left no run`;
  const log = `${folder}/shard-${shard.index}.log`;
  const tail = await host.fs.readTail(log, LOG_BYTES);
  const free = await host.fs.freeBytes(folder).catch(() => null);
  if (free !== null && free < ENOUGH_BYTES) {
    const text = `${shard.name}: ${why}; the disk of ${folder} is full`;
    return [failure("infra", "disk-full", text, tail)];
  }
  const hint = tail === ""
    ? `Its job has printed nothing (${log}).`
    : `The end of ${log}:\n${tail}`;
  return [failure("infra", "shard-lost", `${shard.name}: ${why}`, hint)];
}

/**
 * What an attempt has found wrong that did not come to its end: a later one was made for the machine's
 * sake, and is no second chance for a test.
 */
function foundBefore(results: readonly SlurmResult[], { cells }: RunReport): Failure[] {
  const failed = new Set(
    cells.flatMap(({ cell, verdict }) => verdict.kind === "failed" ? [cell as string] : []),
  );
  return results.flatMap(({ shard, found }) =>
    found.filter(({ cell }) => !failed.has(cell)).map(({ cell, ...one }): Failure => ({
      ...one,
      message: `${cell}: ${one.message}`,
      detail: `${shard.name} was begun again behind this, and the cell has passed then. ` +
        "The attempt's folder has its console.",
    }))
  );
}

/** A code that nothing in the reports accounts for. */
function unexplained(results: readonly SlurmResult[], run: RunReport): Failure[] {
  if (failuresOf(run).length > 0) return [];
  return results.flatMap(({ shard, end }) =>
    end.kind !== "ended" || end.code === 0 ? [] : [
      failure(
        "infra",
        "shard-lost",
        `${shard.name}: its run has ended with code ${end.code}, and its report has no failure`,
      ),
    ]
  );
}

async function tell(
  { run, runDir, base }: Parameters<typeof tellCi>[0],
  values: OnValues,
  context: Context,
): Promise<readonly Failure[]> {
  const files = { runDir, ...copiesOf(values, context) };
  const unwritten = await reportAll(run, files, context.host).then(
    () => [],
    (error) => [failureFrom(error)],
  );
  context.terminal.print(`${mergedLines(run).join("\n")}\n`);
  const whole = { ...run, failures: [...run.failures, ...unwritten] };
  printRun(whole, context, values.quiet || unwritten.length > 0 ? null : runDir);
  await tellCi({ run: whole, runDir, base }, context);
  return failuresOf(whole);
}
