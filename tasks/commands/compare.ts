// SPDX-License-Identifier: MIT
/** `deno task compare`: what is different between two runs. */
import { dirname, relative } from "node:path/posix";
import {
  type ComparedRun,
  compareRuns,
  type RunComparison,
  WORSE,
} from "../core/compare/compare.ts";
import { type EarlierTimes, ratiosTo } from "../core/compare/times.ts";
import { comparisonLines, comparisonMarkdown } from "../core/compare/compare_text.ts";
import { type Failure, failure, KmatrixError } from "../core/model/errors.ts";
import { counted } from "../core/text/counted.ts";
import { write } from "../stages/report.ts";
import { earlierRuns, readKeptRun } from "../steps/kept_runs.ts";
import { group, HTML, MARKDOWN, RUN_FOLDER, text, type Values, WATCHING } from "../cli/options.ts";
import type { Host } from "../host/host.ts";
import { reportPage } from "../steps/report_page.ts";
import type { RunFiles } from "../steps/run_files.ts";
import type { Context } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";

const OPTIONS = {
  ...RUN_FOLDER,
  ...group("Output", {
    json: text("--json <file>", "write the comparison as data to this file"),
  }),
  ...MARKDOWN,
  ...HTML,
  ...WATCHING,
};

export const compare = defineCommand({
  name: "compare",
  group: "Reports",
  help: "say what is different between two runs: tests, warnings, sizes, times",
  example: "deno task compare latest~1 latest",
  arguments: "<before> <after>",
  options: OPTIONS,
  writes: () => "nothing",
  perform: compareTwo,
});

/** So many earlier runs tell how much a time varies. */
const HISTORY_RUNS = 20;

async function compareTwo(
  [one, other]: Words<"<before> <after>">,
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, paths, absolute, terminal } = context;
  const [before, after] = [
    await readKeptRun(one, absolute, paths, host),
    await readKeptRun(other, absolute, paths, host),
  ];
  const comparison = compareRuns(before, after, await earlierTimes(before, after, context));
  if (comparison.cells === 0 && before.run.cells.length > 0 && after.run.cells.length > 0) {
    throw nothingInCommon(before, after);
  }
  for (const line of comparisonLines(comparison)) terminal.print(line);
  if (options.json !== undefined) {
    const data = `${JSON.stringify(comparison, null, 2)}\n`;
    await write(absolute(options.json), data, host);
  }
  if (options.markdown !== undefined) {
    await write(absolute(options.markdown), comparisonMarkdown(comparison), host);
  }
  if (options.html !== undefined) {
    const file = absolute(options.html);
    const filesAt = await wayTo(after.files, file, host);
    await write(file, await reportPage(after.run, after.files, { filesAt, comparison }), host);
  }
  return worse(comparison);
}

/** From a page to the files of its run: "", "../run/"; null for those of an archive. */
async function wayTo({ folder }: RunFiles, page: string, { fs }: Host): Promise<string | null> {
  if (folder === null) return null;
  const from = await fs.realPath(dirname(page)) ?? dirname(page);
  const way = relative(from, folder);
  return way === "" ? "" : `${way}/`;
}

function nothingInCommon(before: ComparedRun, after: ComparedRun): KmatrixError {
  const cells = ({ run }: ComparedRun) => run.cells.slice(0, 3).map(({ cell }) => cell).join(", ");
  const text = `the two runs have no cell in common: ${cells(before)}; ${cells(after)}`;
  return new KmatrixError("usage", "nothing-in-common", text);
}

/** How much times of these cells varied beside each other in earlier runs of this machine. */
async function earlierTimes(
  before: ComparedRun,
  after: ComparedRun,
  { paths, host }: Context,
): Promise<EarlierTimes> {
  const ids = new Set(after.run.cells.map(({ cell }) => cell));
  const isOf = ({ cells, startedAt }: ComparedRun["run"]) =>
    startedAt !== before.run.startedAt && startedAt !== after.run.startedAt &&
    cells.some(({ cell, verdict }) => ids.has(cell) && verdict.kind === "passed");
  const found = new Map<string, number[]>();
  const { runs } = await earlierRuns(isOf, HISTORY_RUNS, paths, host);
  for (const { run } of runs) {
    for (const [name, ratio] of ratiosTo(run, before.run)) {
      found.set(name, [...found.get(name) ?? [], ratio]);
    }
  }
  return found;
}

/** What decides the exit code: that something fails which did not. */
function worse({ items }: RunComparison): Failure[] {
  const count = items.filter(({ change }) => WORSE.includes(change)).length;
  if (count === 0) return [];
  return [failure("test", "new-failures", counted(count, "new failure"))];
}
