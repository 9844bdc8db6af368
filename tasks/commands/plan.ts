// SPDX-License-Identifier: MIT
/** `deno task plan`: what a run would do. */
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import type { KernelSpec, SourceArchive } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Host } from "../host/host.ts";
import { lacksOf, sourcesOf } from "../core/source/kernel_sources.ts";
import { lookForSource } from "../steps/look_for_source.ts";
import { counted } from "../core/text/counted.ts";
import { gitlabPipeline } from "../core/ci/gitlab_pipeline.ts";
import { baseTitle } from "../core/build/config_base.ts";
import { groupByBuild } from "../core/matrix/plan.ts";
import { SHARD_FORMATS, type ShardCount, type ShardFormat } from "../core/shards/shard_plan.ts";
import { planShards } from "../run/shards.ts";
import { readKeptRun } from "../steps/kept_runs.ts";
import { fetch } from "../stages/fetch.ts";
import { buildStatus } from "./build_status.ts";
import { type Context, planOf, selectingFlags } from "./context.ts";
import { defineCommand } from "./command.ts";
import { scriptToSubmit } from "./slurm.ts";
import {
  choice,
  flag,
  group,
  KCONFIG,
  KERNEL,
  MATRIX,
  SHARD,
  SHARDS,
  TEST,
  text,
  type Values,
  WATCHING,
} from "../cli/options.ts";

// Those that name a shape of the plan are in its room, one word each.
const FORMATS = [...Object.keys(SHARD_FORMATS) as ShardFormat[], "gitlab", "slurm"] as const;

const OPTIONS = {
  ...group("Plan", {
    status: flag("--status", "say what is built already, and why the rest is not"),
  }),
  ...group("Shards", {
    ...SHARDS,
    costs: text("--costs <run>", "balance by the times of this run: a folder, an archive, latest"),
    format: choice(
      "--format <name>",
      "print the plan of --shards as JSON, as the matrix of a workflow's job, as a pipeline, or as a " +
        "job script",
      FORMATS,
      "json",
    ),
  }),
  // Which tests run changes no line; a misspelt one is said.
  ...{ ...MATRIX, ...SHARD, ...KERNEL, ...KCONFIG, ...TEST, ...WATCHING },
};

export const plan = defineCommand({
  name: "plan",
  group: "Runs",
  help: "show what a run would do: cells, shared builds, expectations",
  example: "deno task plan '*kasan*'",
  arguments: "[cells...]",
  options: OPTIONS,
  // A plain plan only reads.
  writes: ({ status, tree, series, range }) =>
    status || [tree, series, range].some((one) => one !== undefined) ? "cache" : "nothing",
  perform(globs, options, context) {
    const { shards, slurmArg, costs } = options;
    if (shards !== undefined) return printShards(globs, options, shards, context);
    if (costs !== undefined) throw new KmatrixError("usage", "bad-usage", "--costs needs --shards");
    if (slurmArg.length === 0) return showPlan(globs, options, context);
    const text = "--slurm-arg is for the job script of a plan: give --shards and --format slurm";
    throw new KmatrixError("usage", "bad-usage", text);
  },
});

/** Prints the plan of shards, and nothing else on standard output. */
async function printShards(
  globs: readonly string[],
  options: Values<typeof OPTIONS>,
  wanted: ShardCount,
  context: Context,
): Promise<readonly Failure[]> {
  for (const name of ["shard", "plan", "status"] as const) {
    if (!options[name]) continue;
    const text = `--shards makes a whole plan, and does not go together with --${name}`;
    throw new KmatrixError("usage", "bad-usage", text);
  }
  if (options.slurmArg.length > 0 && options.format !== "slurm") {
    const text = "--slurm-arg is for the job script: it goes together with --format slurm";
    throw new KmatrixError("usage", "bad-usage", text);
  }
  const { costs, format } = options;
  if (costs !== undefined && format !== "json") {
    const text = "--costs balances by what only this machine has: each shard needs the plan itself";
    const hint = "Print it by --format json, and hand it to each `matrix --shard m/n` by --plan.";
    throw new KmatrixError("usage", "bad-usage", text, hint);
  }
  const { terminal, paths, host, absolute } = context;
  const plan = await planOf(globs, options, context, { kind: "as-is", isMust: true });
  const words = [...globs, ...selectingFlags(options)];
  const kept = costs === undefined ? null : await readKeptRun(costs, absolute, paths, host);
  const dealt = await planShards(plan, wanted, words, paths, host, kept?.run ?? null);
  if (kept !== null) {
    host.log(
      "notice",
      "each shard needs this plan (`matrix --shard m/n --plan FILE`): without it, " +
        "it deals the cells by estimates",
    );
  }
  if (wanted !== "auto" && dealt.shards.length < wanted) {
    const text = `${counted(dealt.shards.length, "shard")} in place of ${wanted}: ` +
      "cells that share a build stay together";
    host.log("notice", text);
  }
  terminal.print(
    options.format === "slurm"
      ? scriptToSubmit(dealt, words, options.slurmArg, context)
      : options.format === "gitlab"
      ? gitlabPipeline(dealt, words.map((word) => fromHere(word, context))).trimEnd()
      : SHARD_FORMATS[options.format](dealt),
  );
  return [];
}

/** A path below the folder of this call as one from there on: other machines have it elsewhere. */
function fromHere(word: string, { caller: { folder } }: Context): string {
  if (word === folder) return ".";
  return word.startsWith(`${folder}/`) ? word.slice(folder.length + 1) : word;
}

async function showPlan(
  globs: readonly string[],
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const plan = await planOf(globs, options, context);
  const { paths, host, terminal } = context;
  const groups = groupByBuild(plan.cells);
  const archives = new Map<string, SourceArchive | string>();
  for (const cells of groups) {
    const { kernel, config, toolchain } = cells[0]!;
    if (options.status) {
      const archive = archives.get(kernel.id) ?? await archiveOf(kernel, paths, host);
      archives.set(kernel.id, archive);
      if (typeof archive === "string") {
        terminal.print(`left out     ${cells.map((cell) => cell.id).join(", ")}: ${archive}`);
        continue;
      }
      const { key, state, reasons } = await buildStatus(cells[0]!, archive, plan, paths, host);
      const ids = cells.map((cell) => cell.id).join(", ");
      terminal.print(`${state.padEnd(11)}  ${key}  ${ids}`);
      for (const reason of reasons) terminal.print(`             ${reason}`);
      continue;
    }
    context.terminal.print(
      `build ${kernel.id} with ${[baseTitle(config), ...config.fragments].join(" + ")} ` +
        `(${toolchain.id}: LLVM=${toolchain.llvm})`,
    );
    for (const { id, machine, expect } of cells) {
      const size = `${machine.cpus} cpu, ${machine.memoryMiB} MiB, ${machine.type}`;
      context.terminal.print(`  boot ${id} (${size}; expect ${expect.kind})`);
    }
  }
  for (const kernel of new Set(plan.cells.map((cell) => cell.kernel))) {
    const { source, text } = await lookForSource(sourcesOf(kernel), false, paths, host);
    terminal.print(`source ${kernel.id}: ${source === null ? "not here: " : ""}${text}`);
  }
  const count = `${counted(plan.cells.length, "cell")}, ${counted(groups.length, "build")}`;
  context.terminal.print(count);
  return [];
}

/** A kernel's source, or why it cannot be had. @throws what fetch() throws besides. */
async function archiveOf(
  kernel: KernelSpec,
  paths: Paths,
  host: Host,
): Promise<SourceArchive | string> {
  try {
    return await fetch(kernel, paths, host);
  } catch (error) {
    if (error instanceof KmatrixError && lacksOf(error) !== null) return error.message;
    throw error;
  }
}
