// SPDX-License-Identifier: MIT
/** `deno task report`: the files and the table of a run, again. */
import type { RunOptions } from "../cli.ts";
import type { Failure } from "../errors.ts";
import { readRun, report } from "../stages/report.ts";
import { type Context, failuresOf, printRun } from "./context.ts";

export async function reportCommand(
  dir: string | undefined,
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, paths, absolute } = context;
  const runDir = dir === undefined ? `${paths.out}/latest` : absolute(dir);
  const run = await readRun(runDir, host);
  await report(run, {
    runDir,
    junit: options.junit === undefined ? null : absolute(options.junit),
    json: options.json === undefined ? null : absolute(options.json),
  }, host);
  printRun(run, context);
  return failuresOf(run);
}
