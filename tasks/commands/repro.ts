// SPDX-License-Identifier: MIT
/** `deno task repro`: one cell again, as it was or changed for this boot. */
import type { Plan } from "../core/model/model.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { changedMachine, changeFlags } from "../core/boot/boot_change.ts";
import { type Context, planOf, repeatCommand, withTests } from "./context.ts";
import { runPlan } from "./matrix.ts";
import { attendCommand } from "./session.ts";
import { defineCommand, givenFlags, type Words } from "./command.ts";
import { onlyCell } from "./ready.ts";
import {
  ATTEMPTS,
  BOOT,
  BUNDLE,
  DRY_RUN,
  flag,
  group,
  JSON_COPY,
  JUNIT,
  KERNEL,
  LIST,
  list,
  MAKING,
  MATRIX,
  portIfAny,
  positive,
  read,
  RUN_FOLDER,
  TEST,
  text,
  type Values,
  WATCHING,
} from "../cli/options.ts";

/** Of no use to a boot that a person attends. */
const OF_REPORTS = {
  ...ATTEMPTS,
  ...group("Boots again", {
    untilFail: flag("--until-fail", "boot again and again until it fails"),
    keepGoing: flag("--keep-going", "boot again for tests that a crash kept from running"),
  }),
  ...{ ...LIST, ...DRY_RUN, ...BUNDLE, ...JUNIT, ...JSON_COPY },
};
const OPTIONS = {
  ...group("This boot", {
    shell: flag("--shell", "open a JavaScript shell in the guest"),
    gdb: portIfAny(
      "--gdb [port]",
      "build with full debug information and wait for gdb (default: port 1234)",
    ),
    cmdline: text("--cmdline <text>", "append this to the kernel command line"),
    smp: read("--smp <n>", "boot with this number of CPUs", positive),
    memory: read("--memory <MiB>", "boot with this much memory", positive),
    qemuArg: list("--qemu-arg <word>", "pass one more argument to QEMU (--qemu-arg=-d)"),
  }),
  ...{ ...OF_REPORTS, ...MATRIX, ...KERNEL, ...MAKING, ...BOOT, ...TEST, ...RUN_FOLDER },
  ...WATCHING,
};
export type ReproValues = Values<typeof OPTIONS>;

export const repro = defineCommand({
  name: "repro",
  group: "Runs",
  help: "build, boot and judge one cell again, or run a command in its guest",
  example: "deno task repro linux-6.12/kcov --test '*kcov_basic_syscall_coverage' --smp 4",
  arguments: "<cell> [command...]",
  wantsDashes: "repro takes one cell; a command for its guest comes after --",
  options: OPTIONS,
  writes: () => "cache and runs",
  perform: bootAgain,
});

async function bootAgain(
  [cell, ...command]: Words<"<cell> [command...]">,
  options: ReproValues,
  context: Context,
): Promise<readonly Failure[]> {
  const plan = await reproPlan(cell, options, context);
  if (options.shell || options.gdb !== undefined || command.length > 0) {
    checkAttended(options);
    return await attendCommand(plan, command, options, context);
  }
  const own = changeFlags(options);
  const repeat = (id: string, tests: readonly string[]) =>
    repeatCommand("repro", id, withTests(options, tests), context, own);
  return await runPlan(plan, "parse", options, repeat, context);
}

/** A boot that a person attends is done once and has no report. */
function checkAttended(options: ReproValues): void {
  const useless = givenFlags(OF_REPORTS, options);
  if (useless.length === 0) return;
  const text = `repro with --shell, --gdb or a command takes no ${useless.join(", ")}`;
  throw new KmatrixError("usage", "bad-usage", text);
}

/**
 * The plan of one cell with what the command line changes of its boot.
 * @throws KmatrixError "usage" where a glob names several cells, "no-match" for a test or a cell
 *   that does not exist.
 */
async function reproPlan(cell: string, options: ReproValues, context: Context): Promise<Plan> {
  const plan = await planOf([cell], options, context);
  const only = onlyCell(plan, cell, context);
  const { untilFail, keepGoing, retries, repeat } = options;
  if ([untilFail, keepGoing, retries ?? repeat].filter(Boolean).length > 1) {
    const text = "take one of --repeat, --retries, --until-fail and --keep-going";
    throw new KmatrixError("usage", "bad-usage", text);
  }
  return {
    ...plan,
    cells: [{ ...only, machine: changedMachine(only.machine, options) }],
    settings: {
      ...plan.settings,
      attempts: untilFail
        ? { kind: "until-fail" }
        : keepGoing
        ? { kind: "keep-going" }
        : plan.settings.attempts,
    },
  };
}
