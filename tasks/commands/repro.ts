// SPDX-License-Identifier: MIT
/** `deno task repro`: one cell again, as it was or changed for this boot. */
import type { ReproOptions } from "../cli.ts";
import type { Plan } from "../model.ts";
import { type Failure, KmatrixError } from "../errors.ts";
import { changedMachine, changeFlags } from "../formats/boot_change.ts";
import { checkTests, type Context, planOf, repeatCommand } from "./context.ts";
import { runPlan } from "./matrix.ts";
import { attendCommand } from "./session.ts";

export async function reproCommand(
  cell: string,
  command: readonly string[],
  options: ReproOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const plan = await reproPlan(cell, options, context);
  if (options.shell || options.gdb !== undefined || command.length > 0) {
    return await attendCommand(plan, command, options, context);
  }
  const own = [...options.test.flatMap((glob) => ["--test", glob]), ...changeFlags(options)];
  const repeat = (id: string) => repeatCommand("repro", id, options, own);
  return await runPlan(plan, "parse", options, repeat, context);
}

/**
 * The plan of one cell with what the command line changes of its boot.
 * @throws KmatrixError "usage" where a glob names several cells, "no-match" for a test or a cell
 *   that does not exist.
 */
async function reproPlan(cell: string, options: ReproOptions, context: Context): Promise<Plan> {
  const plan = await planOf([cell], options, context);
  if (plan.cells.length > 1) {
    const names = plan.cells.map((one) => one.id).join(", ");
    throw new KmatrixError("usage", "bad-usage", `repro takes one cell; "${cell}" names ${names}`);
  }
  await checkTests([...options.test, ...options.filter]);
  const { untilFail, keepGoing, retries, repeat } = options;
  if ([untilFail, keepGoing, retries ?? repeat].filter(Boolean).length > 1) {
    const text = "take one of --repeat, --retries, --until-fail and --keep-going";
    throw new KmatrixError("usage", "bad-usage", text);
  }
  const filter = options.test.length > 0 ? options.test : plan.settings.testFilter;
  return {
    ...plan,
    cells: plan.cells.map((one) => ({ ...one, machine: changedMachine(one.machine, options) })),
    settings: {
      ...plan.settings,
      testFilter: filter,
      attempts: untilFail
        ? { kind: "until-fail" }
        : keepGoing
        ? { kind: "keep-going" }
        : plan.settings.attempts,
    },
  };
}
