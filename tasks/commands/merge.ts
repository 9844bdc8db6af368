// SPDX-License-Identifier: MIT
/** `deno task merge`: the runs of shards become one. */
import { basename, dirname } from "node:path/posix";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { splitCellId } from "../core/model/cells.ts";
import type { RunReport } from "../core/model/model.ts";
import { mergedLines, mergeShards } from "../core/shards/merge.ts";
import { reportAll, type ReportFiles } from "../stages/report.ts";
import { copyShards } from "../steps/copy_shards.ts";
import { COMMAND_FILE } from "../steps/kept_runs.ts";
import { findShards } from "../steps/shard_runs.ts";
import { tellCellEnded } from "../run/telling.ts";
import {
  type Context,
  copiesOf,
  failuresOf,
  fillRunDir,
  printRun,
  repeatCommand,
} from "./context.ts";
import { baseRun, tellCi } from "./ci_log.ts";
import { defineCommand } from "./command.ts";
import { BASE, group, JSON_COPY, JUNIT, text, type Values, WATCHING } from "../cli/options.ts";

const OPTIONS = {
  ...group("Output", {
    output: text("-o, --output <run>", "write the merged run to this folder (default: a new one)"),
  }),
  ...{ ...BASE, ...JUNIT, ...JSON_COPY, ...WATCHING },
};

export const merge = defineCommand({
  name: "merge",
  group: "Reports",
  help: "make one run of those of shards: folders, or archives as CI hands them out",
  example: "deno task merge artifacts/kmatrix-shard-* -o merged",
  arguments: "<runs...>",
  options: OPTIONS,
  writes: ({ output }) => output === undefined ? "cache and runs" : "nothing",
  perform: mergeRuns,
});

async function mergeRuns(
  words: readonly string[],
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const base = await baseRun(options, context);
  const fill = async (runDir: string) => await mergeInto(runDir, words, options, context);
  // What history and compare take for a run of the matrix.
  const asMatrix = { ...context, command: "matrix" };
  if (options.output === undefined) {
    const within = words.map(context.absolute).find((word) => isInside(context.paths.out, word));
    if (within !== undefined) throw inItself(within, "Name a folder elsewhere by -o.");
    const [runDir, run] = await fillRunDir(fill, asMatrix);
    return await tell({ run, runDir, base }, options, context);
  }
  const runDir = context.absolute(options.output);
  const run = await fillNamed(runDir, words, fill, context);
  return await tell({ run, runDir, base }, options, context);
}

/** A merged run in a folder that is new or empty; if it cannot be filled, the folder is gone again. */
async function fillNamed(
  runDir: string,
  words: readonly string[],
  fill: (runDir: string) => Promise<RunReport>,
  { host, absolute }: Context,
): Promise<RunReport> {
  const { fs } = host;
  const place = await fs.realPath(dirname(runDir));
  if (place === null || await fs.kind(place) !== "folder") {
    const text = `-o ${runDir}: there is no folder ${dirname(runDir)}`;
    throw new KmatrixError("usage", "not-writable", text, "Make it, or name another place.");
  }
  const own = `${place}/${basename(runDir)}`;
  for (const word of words) {
    const source = await fs.realPath(absolute(word));
    if (source !== null && (isInside(own, source) || isInside(source, own))) {
      throw inItself(word, "Sources stay as they are: name a folder beside them.");
    }
  }
  const kind = await fs.kind(runDir);
  if (kind !== null && (kind !== "folder" || (await fs.list(runDir)).length > 0)) {
    const text = `-o ${runDir}: there is something already, and it is kept`;
    throw new KmatrixError("usage", "not-writable", text, "Name a folder that is new or empty.");
  }
  await fs.makeDir(runDir);
  try {
    const run = await fill(runDir);
    await fs.writeText(`${runDir}/${COMMAND_FILE}`, "matrix\n");
    return run;
  } catch (error) {
    await fs.remove(runDir);
    if (kind === "folder") await fs.makeDir(runDir);
    throw error;
  }
}

const isInside = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

function inItself(word: string, hint: string): KmatrixError {
  const text = `the merged run would lie inside of what it is made of: ${word}`;
  return new KmatrixError("usage", "bad-usage", text, hint);
}

async function mergeInto(
  runDir: string,
  words: readonly string[],
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<RunReport> {
  const { host, absolute } = context;
  const scratch = `${runDir}/.unpacked`;
  const { shards, unread } = await findShards(words, absolute, scratch, host);
  if (shards.length === 0) {
    const [first, ...others] = unread;
    const more = others.map(({ message }) => message).join("\n");
    throw new KmatrixError(
      "infra",
      first!.id,
      first!.message,
      [more, first!.detail].filter(Boolean).join("\n"),
    );
  }
  const repeat = (cell: string) => repeatCommand("repro", cell, {}, context);
  const { run, used } = mergeShards(shards, unread, repeat);
  host.emit({
    ...{ event: "cells-planned", cells: run.cells.map(({ cell }) => cell) },
    builds: new Set(run.cells.map(({ cell }) => buildOf(cell))).size,
  });
  const folders = shards.filter((one) => used.includes(one));
  const inOrder = folders.toSorted((a, b) => a.run.shard.index - b.run.shard.index);
  await copyShards(inOrder, runDir, host);
  await host.fs.remove(scratch);
  const files: ReportFiles = { runDir, ...copiesOf(options, context) };
  await reportAll(run, files, host);
  for (const { cell, verdict } of run.cells) tellCellEnded(cell, verdict, host);
  return run;
}

/** What the cells of one build have in common. */
function buildOf(cell: string): string {
  const { kernel, config, toolchain = "" } = splitCellId(cell)!;
  return `${kernel}/${config}@${toolchain}`;
}

async function tell(
  merged: Parameters<typeof tellCi>[0],
  { quiet }: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const { run, runDir } = merged;
  context.terminal.print(`${mergedLines(run).join("\n")}\n`);
  printRun(run, context, quiet ? null : runDir);
  await tellCi(merged, context);
  return failuresOf(run);
}
