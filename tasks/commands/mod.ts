// SPDX-License-Identifier: MIT
/** What each command does, once its options are read: a file a command. */
import type { Invocation } from "../cli.ts";
import type { Failure } from "../errors.ts";
import type { Context } from "./context.ts";
import { bisectCommand } from "./bisect.ts";
import { bisectConfigCommand } from "./bisect_config.ts";
import { coverCommand } from "./cover.ts";
import { cacheCommand } from "./cache.ts";
import { doctorCommand } from "./doctor.ts";
import { runCommand } from "./matrix.ts";
import { parseCommand } from "./parse.ts";
import { planCommand } from "./plan.ts";
import { reportCommand } from "./report.ts";
import { seriesCommand } from "./series.ts";
import { completeCommand, completionCommand } from "./completion.ts";
import { replayCommand } from "./replay.ts";
import { reproCommand } from "./repro.ts";
import { testsCommand } from "./tests.ts";

/** Performs one command and gives the failures that decide its exit code. */
export function perform(invocation: Invocation, context: Context): Promise<readonly Failure[]> {
  switch (invocation.kind) {
    case "run":
      return runCommand(invocation.globs, invocation.until, invocation.options, context);
    case "plan":
      return planCommand(invocation.globs, invocation.options, context);
    case "doctor":
      return doctorCommand(invocation.globs, invocation.options, context);
    case "parse":
      return parseCommand(invocation.dirs, invocation.options, context);
    case "report":
      return reportCommand(invocation.dir, invocation.options, context);
    case "bisect-config":
      return bisectConfigCommand(invocation.cell, invocation.options, context);
    case "series":
      return seriesCommand(invocation.globs, invocation.options, context);
    case "bisect":
      return bisectCommand(invocation.cell, invocation.options, context);
    case "cover":
      return coverCommand(invocation.cell, invocation.call, invocation.options, context);
    case "completion":
      return completionCommand(invocation.shell, context);
    case "complete":
      return completeCommand(invocation.words, invocation.commands, invocation.options, context);
    case "replay":
      return replayCommand(invocation.bundle, invocation.options, context);
    case "repro":
      return reproCommand(invocation.cell, invocation.command, invocation.options, context);
    case "tests":
      return testsCommand(context);
    case "cache":
      return cacheCommand(invocation.action, invocation.options, context);
  }
}
