// SPDX-License-Identifier: MIT
/** Every command, in the order of the help page: a file a command. */
import { bisect } from "./bisect.ts";
import { bisectConfig } from "./bisect_config.ts";
import { cache } from "./cache.ts";
import type { Command } from "./command.ts";
import { compare } from "./compare.ts";
import { completeFor, completion } from "./completion.ts";
import { cover } from "./cover.ts";
import { dataflow } from "./dataflow.ts";
import { doctor } from "./doctor.ts";
import { explain } from "./explain.ts";
import { history } from "./history.ts";
import { init } from "./init.ts";
import { install, uninstall } from "./install.ts";
import { matrix, stages } from "./matrix.ts";
import { merge } from "./merge.ts";
import { parseCommand } from "./parse.ts";
import { plan } from "./plan.ts";
import { quality } from "./quality.ts";
import { replay } from "./replay.ts";
import { reportCommand } from "./report.ts";
import { repro } from "./repro.ts";
import { series } from "./series.ts";
import { tests } from "./tests.ts";
import { verifyVariants } from "./verify_variants.ts";
import { version } from "./version.ts";

const COMPLETED: readonly Command[] = [
  ...[matrix, repro, replay, plan, ...stages, parseCommand, reportCommand, merge],
  ...[compare, history],
  ...[explain, tests],
  ...[
    bisect,
    bisectConfig,
    series,
    cover,
    dataflow,
    quality,
    verifyVariants,
    doctor,
    cache,
    completion,
  ],
  ...[init, install, uninstall, version],
];

export const COMMANDS: readonly Command[] = [...COMPLETED, completeFor(COMPLETED)];
