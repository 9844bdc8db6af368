// SPDX-License-Identifier: MIT
/** `deno task report`: the files and the table of a run, again. */
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { reportAll } from "../stages/report.ts";
import { findRun, readRun } from "../steps/kept_runs.ts";
import { type Context, copiesOf, failuresOf, printRun } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";
import { JSON_COPY, JUNIT, RUN_FOLDER, type Values } from "../cli/options.ts";

const OPTIONS = { ...RUN_FOLDER, ...JUNIT, ...JSON_COPY };

export const reportCommand = defineCommand({
  name: "report",
  group: "Reports",
  help: "write junit.xml and report.html of a run again, print its table (default: out/latest)",
  example: "deno task report out/latest --junit /tmp/junit.xml",
  arguments: "[folder]",
  options: OPTIONS,
  writes: () => "nothing",
  perform: reportAgain,
});

async function reportAgain(
  [dir]: Words<"[folder]">,
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, paths, absolute } = context;
  const word = dir ?? "latest";
  const files = await findRun(word, absolute, paths, host);
  const run = await readRun(files, word);
  const runDir = files.folder;
  if (runDir === null) {
    const text = `${word} is an archive, and report writes into the folder of a run`;
    throw new KmatrixError("usage", "bad-usage", text, "Unpack it first.");
  }
  await reportAll(run, {
    runDir,
    ...copiesOf(options, context),
  }, host);
  printRun(run, context);
  return failuresOf(run);
}
