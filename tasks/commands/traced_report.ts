// SPDX-License-Identifier: MIT
/** The report that a traced boot leaves in its run's folder: one cell, one boot, no build stages. */
import { type Cell, type CellResult, RUN_FORMAT, type RunReport } from "../core/model/model.ts";
import { cellFolder, RECORDINGS } from "../core/model/paths.ts";
import { judgeOneBoot } from "../core/judge/verdict.ts";
import { NO_FACTS } from "../core/report/cell_facts.ts";
import { formatCommand } from "../core/text/shell.ts";
import { PAGE, reportAll } from "../stages/report.ts";
import type { RunValues } from "../cli/options.ts";
import { type Context, repeatCommand } from "./context.ts";

interface TracedBoot {
  readonly cell: Cell;
  /** The system call as it was written. */
  readonly call: readonly string[];
  readonly startedAt: number;
  readonly result: CellResult;
  readonly runDir: string;
}

/** Writes run.json, junit.xml and the page; gives the page's path. */
export async function writeCallReport(
  { cell, call, startedAt, result, runDir }: TracedBoot,
  options: RunValues,
  context: Context,
): Promise<string> {
  const { host, interruptedBy } = context;
  const durationMs = host.now() - startedAt;
  const judged = judgeOneBoot(cell.expect, result, durationMs);
  const again = repeatCommand(context.command, cell.id, options, context);
  const console = `${runDir}/${cellFolder(cell.id)}/${RECORDINGS.console}`;
  const run: RunReport = {
    format: RUN_FORMAT,
    startedAt: new Date(startedAt).toISOString(),
    durationMs,
    accel: null,
    cells: [{
      cell: cell.id,
      ...judged,
      tests: judged.tests.map(withoutRecords),
      splats: result.splats,
      facts: NO_FACTS,
      consoleTail: await host.fs.readTail(console, 4096),
      repeat: `${again} -- ${formatCommand({ argv: call })}`,
    }],
    interrupted: interruptedBy(),
    failures: [],
    sources: [],
    usage: host.usage(),
  };
  await reportAll(run, { runDir, junit: null, json: null }, host);
  return `${runDir}/${PAGE}`;
}

/** What was made of the records lies beside the report. */
function withoutRecords(test: CellResult["tests"][number]): CellResult["tests"][number] {
  const kept = Object.entries(test.attachments).filter(([name]) => !name.startsWith("words."));
  return { ...test, attachments: Object.fromEntries(kept) };
}
