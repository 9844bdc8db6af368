// SPDX-License-Identifier: MIT
/** `deno task parse`: judges recorded boots. */
import type { RunOptions } from "../cli.ts";
import type { CellReport, RunReport } from "../model.ts";
import type { Failure } from "../errors.ts";
import { declaredTests } from "../../selftests/main.ts";
import { cProgramProperties } from "../formats/c_programs.ts";
import { dedupProperties } from "../formats/dedup_table.ts";
import { junitXml } from "../formats/junit.ts";
import { bootStage, judgeCell } from "../formats/verdict.ts";
import { loadMatrix } from "../project.ts";
import { parse } from "../stages/parse.ts";
import { type Context, failuresOf, matrixFile, printRun, repeatCommand } from "./context.ts";

export async function parseCommand(
  dirs: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, absolute } = context;
  const startedAt = host.now();
  const matrix = await loadMatrix(matrixFile(options, context), context.paths, host);
  const cells: CellReport[] = [];
  for (const dir of dirs.map(absolute)) {
    const result = await parse(dir, declaredTests(), host);
    const expect = matrix.cells.find((cell) => cell.id === result.cell)?.expect;
    const stages = [bootStage(result, 0, "")];
    const judged = judgeCell(expect ?? { kind: "pass" }, stages, result);
    const consoleTail = await host.fs.readTail(`${dir}/console.log`, 4096);
    const cell = result.cell as CellReport["cell"];
    const repeat = repeatCommand("matrix", cell, options);
    const properties = {
      ...dedupProperties(result.tests),
      ...cProgramProperties(result.tests),
    };
    cells.push({ cell, stages, ...judged, properties, consoleTail, repeat });
  }
  const run: RunReport = {
    startedAt: new Date(startedAt).toISOString(),
    durationMs: host.now() - startedAt,
    accel: null,
    cells,
    interrupted: null,
    failures: [],
    usage: host.usage(),
  };
  await writeCopies(run, options, context);
  printRun(run, context);
  return failuresOf(run);
}

/** --junit and --json of a command that keeps no run folder. */
async function writeCopies(
  run: RunReport,
  options: RunOptions,
  { host, absolute }: Context,
): Promise<void> {
  if (options.junit !== undefined) {
    await host.fs.writeText(absolute(options.junit), junitXml(run));
  }
  if (options.json !== undefined) {
    await host.fs.writeText(absolute(options.json), `${JSON.stringify(run, null, 2)}\n`);
  }
}
