// SPDX-License-Identifier: MIT
/** What each command does, once its options are read. */
import type { Host } from "./host/host.ts";
import type { Invocation, RunOptions } from "./cli.ts";
import type { CellReport, Plan, RunReport, Stage } from "./model.ts";
import type { Paths } from "./paths.ts";
import type { Terminal } from "./ui/terminal.ts";
import type { Failure } from "./errors.ts";
import { declaredTests } from "../selftests/main.ts";
import { groupByBuild } from "./formats/plan.ts";
import { formatCommand } from "./formats/shell.ts";
import { requirementsFor } from "./formats/requirements.ts";
import { dedupProperties, dedupTable } from "./formats/dedup_table.ts";
import { junitXml } from "./formats/junit.ts";
import { failuresText, inspectTable, summaryTable } from "./formats/summary.ts";
import { bootStage, judgeCell } from "./formats/verdict.ts";
import { loadMatrix, makePlan, withOwnKernel } from "./project.ts";
import { runPipeline } from "./pipeline.ts";
import { dryRun } from "./dry_run.ts";
import { examine } from "./host/doctor.ts";
import { parse } from "./stages/parse.ts";
import { readRun, report, type ReportFiles } from "./stages/report.ts";

export interface Context {
  readonly paths: Paths;
  readonly host: Host;
  readonly terminal: Terminal;
  /** A path of the command line, made absolute. */
  readonly absolute: (path: string) => string;
  readonly interruptedBy: () => RunReport["interrupted"];
}

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
    case "tests":
      return testsCommand(context);
  }
}

/** --matrix, or the project's own. */
function matrixFile(options: RunOptions, { paths, absolute }: Context): string {
  return options.matrix === "matrix.yaml" ? `${paths.root}/matrix.yaml` : absolute(options.matrix);
}

async function planOf(
  globs: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<Plan> {
  const { paths, host, absolute } = context;
  const matrix = await loadMatrix(matrixFile(options, context), paths, host);
  return makePlan(
    await withOwnKernel(matrix, options, absolute, paths, host),
    globs,
    options,
    host,
  );
}

/** Every failure that a report holds. */
function failuresOf(run: RunReport): Failure[] {
  return [
    ...run.failures,
    ...run.cells.flatMap(({ verdict }) => verdict.kind === "failed" ? verdict.failures : []),
  ];
}

function printRun(run: RunReport, { terminal }: Context): void {
  terminal.print(summaryTable(run, terminal.width, terminal.style));
  const inspected = inspectTable(run, terminal.style);
  if (inspected !== "") terminal.print(`\n${inspected}`);
  const deduplicated = dedupTable(run);
  if (deduplicated !== "") terminal.print(`\n${deduplicated}`);
  const failures = failuresText(run, terminal.style);
  if (failures !== "") terminal.print(`\n${failures}`);
}

async function runCommand(
  globs: readonly string[],
  until: Stage,
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, paths, terminal, absolute } = context;
  const plan = await planOf(globs, options, context);
  if (options.list) {
    terminal.print(plan.cells.map((cell) => cell.id).join("\n"));
    return [];
  }
  if (options.dryRun) {
    for (const line of await dryRun(plan, until, paths, host)) terminal.print(line);
    return [];
  }
  const runDir = await makeRunDir(paths, host);
  const files: ReportFiles = {
    runDir,
    junit: options.junit === undefined ? null : absolute(options.junit),
    json: options.json === undefined ? null : absolute(options.json),
  };
  const run = await runPipeline(
    plan,
    {
      until,
      runDir,
      onChange: (run) => report(run, files, host),
      repeat: (cell) => repeatCommand(until === "parse" ? "matrix" : until, cell, options),
      interruptedBy: context.interruptedBy,
    },
    paths,
    host,
  );
  await report(run, files, host);
  printRun(run, context);
  if (!options.quiet) terminal.print(`\nresults: ${runDir}/junit.xml`);
  return failuresOf(run);
}

/** The command line that does one cell again with what decides its result. */
function repeatCommand(command: string, cell: string, options: RunOptions): string {
  const flags = [
    ...options.kconfigAdd.flatMap((value) => ["--kconfig-add", value]),
    ...options.filter.flatMap((value) => ["--filter", value]),
    ...(["tree", "series", "kernel", "range"] as const).flatMap((name) =>
      options[name] === undefined ? [] : [`--${name}`, options[name]]
    ),
    ...(options.matrix === "matrix.yaml" ? [] : ["--matrix", options.matrix]),
    ...(options.accel === "auto" ? [] : ["--accel", options.accel]),
    ...(options.kvm ? [] : ["--no-kvm"]),
    ...(options.timeout === undefined ? [] : ["--timeout", `${options.timeout}`]),
  ];
  return formatCommand({ argv: ["npx", "--yes", "deno", "task", command, cell, ...flags] });
}

/** out/<time>-<n>/, and out/latest pointing to it. */
async function makeRunDir(paths: Paths, host: Host): Promise<string> {
  const stamp = new Date(host.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, "");
  await host.fs.makeDir(paths.out);
  return await host.fs.locked(`${paths.out}/.lock`, () => {}, async () => {
    let name = stamp;
    for (let n = 2; await host.fs.exists(`${paths.out}/${name}`); n++) name = `${stamp}-${n}`;
    await host.fs.makeDir(`${paths.out}/${name}`);
    await host.fs.link(name, `${paths.out}/latest`);
    return `${paths.out}/${name}`;
  });
}

async function planCommand(
  globs: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const plan = await planOf(globs, options, context);
  const groups = groupByBuild(plan.cells);
  for (const cells of groups) {
    const { kernel, config, toolchain } = cells[0]!;
    context.terminal.print(
      `build ${kernel.id} with tinyconfig + ${config.fragments.join(" + ")} ` +
        `(${toolchain.id}: LLVM=${toolchain.llvm})`,
    );
    for (const { id, machine, expect } of cells) {
      const size = `${machine.cpus} cpu, ${machine.memoryMiB} MiB, ${machine.type}`;
      context.terminal.print(`  boot ${id} (${size}; expect ${expect.kind})`);
    }
  }
  context.terminal.print(`${plan.cells.length} cells, ${groups.length} builds`);
  return [];
}

async function doctorCommand(
  globs: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const { terminal, paths, host } = context;
  const plan = await planOf(globs, options, context);
  const findings = await examine(requirementsFor(plan.cells), paths, host);
  const width = Math.max(...findings.map((one) => one.requirement.id.length));
  const foundWidth = Math.min(48, Math.max(...findings.map((one) => one.found.length)));
  for (const { requirement, ok, found } of findings) {
    const line = `${ok ? "ok     " : "MISSING"}  ${requirement.id.padEnd(width)}  ` +
      `${found.padEnd(foundWidth)}  ${requirement.why}`;
    terminal.print(ok ? line : terminal.style.bad(line));
  }
  return findings.filter((one) => !one.ok).map(({ requirement, found }) => ({
    kind: "infra",
    id: "missing-tool",
    message: `${requirement.id}: ${found}`,
    detail: "",
  }));
}

async function parseCommand(
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
    const properties = dedupProperties(result.tests);
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

async function reportCommand(
  dir: string | undefined,
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, paths, absolute } = context;
  const runDir = dir === undefined ? `${paths.out}/latest` : absolute(dir);
  const run = await readRun(runDir, host);
  await report(run, {
    runDir,
    junit: options.junit === undefined ? null : absolute(options.junit),
    json: options.json === undefined ? null : absolute(options.json),
  }, host);
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

function testsCommand({ terminal }: Context): Promise<readonly Failure[]> {
  for (const test of declaredTests()) {
    const needs = test.requires.join(", ") || "nothing";
    terminal.print(`${test.id}  (needs ${needs}; ${test.timeoutMs / 1000} s; ${test.file})`);
  }
  return Promise.resolve([]);
}
