// SPDX-License-Identifier: MIT
/** `deno task matrix` and the commands of its stages. */
import type { Plan, Stage } from "../core/model/model.ts";
import { type Failure, failureFrom } from "../core/model/errors.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { dryRun } from "../run/dry_run.ts";
import { decidingVariables } from "../core/model/environment.ts";
import { quoteWord } from "../core/text/shell.ts";
import type { Host } from "../host/host.ts";
import { Pipeline } from "../run/pipeline.ts";
import type { RunOptions } from "../run/run_state.ts";
import { ReportWriter } from "../run/report_writer.ts";
import { comesTo, STAGE_TABLE, stageCommands } from "../core/model/stage_table.ts";
import { report, reportAll, type ReportFiles } from "../stages/report.ts";
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
import { baseRun, foldProgress, tellCi } from "./ci_log.ts";
import { type Command, defineCommand } from "./command.ts";
import { checkShards, matrixOnSlurm } from "./slurm.ts";
import { checkWorkHere } from "./tree_here.ts";
import {
  ATTEMPTS,
  BASE,
  BOOT,
  BUNDLE,
  DRY_RUN,
  FAIL_FAST,
  INSTALL,
  JSON_COPY,
  JUNIT,
  KERNEL,
  LIST,
  MAKING,
  MATRIX,
  ON,
  REQUIRE_ALL,
  RUN_FOLDER,
  type RunValues,
  SANDBOX,
  SHARD,
  SHARDS,
  TEST,
  WATCHING,
} from "../cli/options.ts";

const CELLS = { ...MATRIX, ...LIST, ...SHARD, ...KERNEL };
const OF_RUN = {
  ...FAIL_FAST,
  ...REQUIRE_ALL,
  ...BASE,
  ...DRY_RUN,
  ...RUN_FOLDER,
  ...JUNIT,
  ...JSON_COPY,
  ...WATCHING,
};

const WHOLE = {
  ...{ ...ON, ...SHARDS, ...CELLS, ...MAKING, ...BOOT, ...TEST, ...ATTEMPTS, ...BUNDLE, ...OF_RUN },
};

export const matrix = defineCommand({
  name: "matrix",
  group: "Runs",
  help: "build, boot and judge every cell, or those that match the globs",
  example: "deno task matrix 'linux-6.12/kcov*'",
  arguments: "[cells...]",
  options: WHOLE,
  writes: () => "cache and runs",
  perform(globs, options, context) {
    checkWorkHere(globs, options, context);
    checkShards(options);
    if (options.on !== undefined && !options.list) {
      return matrixOnSlurm(globs, WHOLE, options, context);
    }
    return run(globs, "parse", options, context);
  },
});

const BEFORE_MAKE = { ...CELLS, ...SANDBOX, ...INSTALL, ...OF_RUN };
const WITH_MAKE = { ...CELLS, ...MAKING, ...OF_RUN };
/** Without a verdict on tests there is nothing to boot again, or to bundle. */
const WITH_BOOT = { ...CELLS, ...MAKING, ...BOOT, ...TEST, ...OF_RUN };

/** `parse` is no such command: it judges what was recorded. */
export const stages: readonly Command[] = stageCommands().map(([stage, example]) =>
  defineCommand({
    name: stage,
    group: "Stages",
    help: STAGE_TABLE[stage].help,
    example: `deno task ${stage} ${example}`,
    arguments: "<cells...>",
    options: comesTo("boot", stage)
      ? WITH_BOOT
      : comesTo("configure", stage)
      ? WITH_MAKE
      : BEFORE_MAKE,
    writes: () => "cache and runs",
    perform: (globs, options: RunValues, context) => run(globs, stage, options, context),
  })
);

async function run(
  globs: readonly string[],
  until: Stage,
  options: RunValues,
  context: Context,
): Promise<readonly Failure[]> {
  const plan = await planOf(globs, options, context);
  const command = until === "parse" ? "repro" : until;
  const repeat = (cell: string, tests: readonly string[]) =>
    repeatCommand(command, cell, withTests(options, tests), context);
  return await runPlan(plan, until, options, repeat, context);
}

/**
 * Runs a plan in a run folder of its own and prints what came of it; with --list or --dry-run, what
 * it would do.
 * @param repeat The command that does one cell of it again, or these tests of it.
 */
export async function runPlan(
  plan: Plan,
  until: Stage,
  options: RunValues,
  repeat: RunOptions["repeat"],
  context: Context,
): Promise<readonly Failure[]> {
  const { host, paths, terminal } = context;
  if (options.list) {
    terminal.print(plan.cells.map((cell) => cell.id).join("\n"));
    return [];
  }
  if (options.dryRun) {
    for (const line of await dryRun(plan, until, paths, host)) terminal.print(line);
    return [];
  }
  const base = await baseRun(options, context);
  // A mistake in a selftest is said before minutes of building.
  if (comesTo("pack", until)) await declaredTests();
  const runDir = await makeRunDir(context);
  const files: ReportFiles = {
    runDir,
    ...copiesOf(options, context),
  };
  const pipeline = new Pipeline(
    plan,
    {
      until,
      runDir,
      repeat: (cell, tests) => `${variablesOf(host)}${repeat(cell, tests)}`,
      interruptedBy: context.interruptedBy,
    },
    paths,
    host,
  );
  const writer = new ReportWriter(() => pipeline.report(), (run) => report(run, files, host), host);
  const stopReading = context.readers.add(writer.read);
  const unfold = foldProgress(context);
  const run = await pipeline.run().finally(unfold);
  stopReading();
  await writer.settled();
  const unwritten = await reportAll(run, files, host).then(
    () => [],
    (error) => [failureFrom(error)],
  );
  const quiet = options.quiet || unwritten.length > 0;
  const whole = { ...run, failures: [...run.failures, ...unwritten] };
  printRun(whole, context, quiet ? null : runDir);
  // What a part has found is told of the whole run, by `merge`.
  if (options.shard === undefined) await tellCi({ run: whole, runDir, base }, context);
  if (unwritten.length > 0) return failuresOf(whole);
  return failuresOf(run);
}

/** What of the environment decides a cell's result, as the words before a command. */
function variablesOf(host: Host): string {
  return Object.entries(decidingVariables(host.env))
    .map(([name, value]) => `${name}=${quoteWord(value)} `).join("");
}
