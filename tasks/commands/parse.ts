// SPDX-License-Identifier: MIT
/** `deno task parse`: judges recorded boots. */
import type { Host } from "../host/host.ts";
import {
  type BootRecord,
  type CellReport,
  type DeclaredTest,
  RUN_FORMAT,
  type RunReport,
  type Toolchain,
} from "../core/model/model.ts";
import { type Failure, failureFrom, KmatrixError } from "../core/model/errors.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { recallTests } from "../steps/known_tests.ts";
import { parseBootRecord } from "../core/boot/boot_record.ts";
import { bootFacts, NO_FACTS, testFacts } from "../core/report/cell_facts.ts";
import { NO_SOURCES, type SplatSources } from "../core/console/splat_report.ts";
import type { StackFrame } from "../core/console/stack_frame.ts";
import { judgeOneBoot } from "../core/judge/verdict.ts";
import { loadMatrix } from "../run/project.ts";
import { RECORDINGS } from "../core/model/paths.ts";
import { parse } from "../stages/parse.ts";
import { reportCopies } from "../stages/report.ts";
import { symbolizeFrames } from "../steps/symbolize.ts";
import { parseConsoleCommand } from "./parse_console.ts";
import {
  type Context,
  copiesOf,
  failuresOf,
  matrixFile,
  printRun,
  repeatCommand,
} from "./context.ts";
import { defineCommand } from "./command.ts";
import { group, JSON_COPY, JUNIT, MATRIX, text, type Values, WATCHING } from "../cli/options.ts";

const OPTIONS = {
  ...group("A kernel log", {
    console: text(
      "--console <file>",
      "judge any kernel log, plain or .gz, .xz, .zst; - is stdin",
    ),
    vmlinux: text("--vmlinux <file>", "the kernel of the log; adds source lines to its stacks"),
  }),
  ...{ ...MATRIX, ...JUNIT, ...JSON_COPY, ...WATCHING },
};
type ParseValues = Values<typeof OPTIONS>;

export const parseCommand = defineCommand({
  name: "parse",
  group: "Reports",
  help: "judge recorded boots (console.log and results.log), or with --console any kernel log",
  example: "deno task parse --console dmesg.txt --vmlinux ../linux/vmlinux",
  arguments: "[folders...]",
  options: OPTIONS,
  writes: () => "nothing",
  perform: judgeRecordings,
});

async function judgeRecordings(
  dirs: readonly string[],
  options: ParseValues,
  context: Context,
): Promise<readonly Failure[]> {
  checkUsage(dirs, options);
  if (options.console !== undefined) {
    return await parseConsoleCommand(options.console, options, context);
  }
  const { host, absolute } = context;
  const startedAt = host.now();
  const matrix = await loadMatrix(matrixFile(options, context), context.paths, host);
  const tests = await knownTests(context);
  const cells: CellReport[] = [];
  const folders = new Map<string, string>();
  for (const dir of dirs.map(absolute)) {
    const result = await parse(dir, tests, host, {
      allow: matrix.splats,
      promises: matrix.promises,
      symbolize: (frames) => symbolizeAgain(frames, dir, matrix.toolchains[0]!, host),
    });
    const other = folders.get(result.cell);
    if (other !== undefined) {
      throw new KmatrixError(
        "usage",
        "cell-twice",
        `${other} and ${dir} are both boots of ${result.cell}`,
        "A report has each cell once: judge them one at a time.",
      );
    }
    folders.set(result.cell, dir);
    const expect = matrix.cells.find((cell) => cell.id === result.cell)?.expect;
    const judged = judgeOneBoot(expect ?? { kind: "pass" }, result);
    const consoleTail = await host.fs.readTail(`${dir}/console.log`, 4096);
    const cell = result.cell as CellReport["cell"];
    const { splats } = result;
    const repeat = repeatCommand("repro", cell, options, context);
    const record = await recordOf(dir, host);
    const facts = {
      ...NO_FACTS,
      ...testFacts(result.tests),
      promises: result.promises,
      boot: record && bootFacts(record, result.guest.release),
    };
    cells.push({ cell, ...judged, splats, facts, consoleTail, repeat });
  }
  const run: RunReport = {
    format: RUN_FORMAT,
    startedAt: new Date(startedAt).toISOString(),
    durationMs: host.now() - startedAt,
    accel: null,
    cells,
    interrupted: null,
    failures: [],
    sources: [],
    usage: host.usage(),
  };
  await reportCopies(run, copiesOf(options, context), host);
  printRun(run, context);
  return failuresOf(run);
}

/**
 * The selftests, or those that were packed last while one is being written.
 * @throws KmatrixError "selftests-do-not-load" where none were packed yet.
 */
async function knownTests({ paths, host }: Context): Promise<readonly DeclaredTest[]> {
  try {
    return await declaredTests();
  } catch (error) {
    const known = await recallTests(paths, host);
    if (known === null) throw error;
    const text = `${failureFrom(error).message}; judging by the tests that were packed last`;
    host.log("warn", text);
    return known;
  }
}

/** Source lines from the kernel that boot.json names, as long as it is the one that was booted. */
async function symbolizeAgain(
  frames: readonly StackFrame[],
  dir: string,
  toolchain: Toolchain,
  host: Host,
): Promise<SplatSources> {
  const kernel = (await recordOf(dir, host))?.kernel;
  if (!kernel) return NO_SOURCES;
  const found = await host.fs.stat(kernel.vmlinux);
  if (found?.size !== kernel.bytes || found.mtimeMs !== kernel.mtimeMs) return NO_SOURCES;
  return await symbolizeFrames(frames, kernel, toolchain, dir, host);
}

/** What the host saw of a boot; null where only the two streams were kept. */
async function recordOf(dir: string, host: Host): Promise<BootRecord | null> {
  const file = `${dir}/${RECORDINGS.record}`;
  const text = await host.fs.readTextIfAny(file);
  return text === null ? null : parseBootRecord(text, file);
}

function checkUsage(dirs: readonly string[], { console, vmlinux }: ParseValues): void {
  const wrong = dirs.length === 0 && console === undefined
    ? "parse needs folders of recorded boots, or --console FILE"
    : dirs.length > 0 && console !== undefined
    ? "parse takes folders or --console, not both"
    : console === undefined && vmlinux !== undefined
    ? "--vmlinux belongs to --console; a recorded boot knows its kernel"
    : null;
  if (wrong !== null) throw new KmatrixError("usage", "bad-usage", wrong);
}
