// SPDX-License-Identifier: MIT
/** What every command has at hand, and what several of them do alike. */
import type { Host } from "../host/host.ts";
import type { RunOptions } from "../cli.ts";
import type { Plan, RunReport } from "../model.ts";
import type { Paths } from "../paths.ts";
import type { Terminal } from "../ui/terminal.ts";
import { type Failure, KmatrixError } from "../errors.ts";
import { formatCommand } from "../formats/shell.ts";
import { cProgramTable } from "../formats/c_programs.ts";
import { dedupTable } from "../formats/dedup_table.ts";
import { failuresText, inspectTable, splatsText, summaryTable } from "../formats/summary.ts";
import { loadMatrix, makePlan, withOwnKernel } from "../project.ts";

export interface Context {
  readonly paths: Paths;
  readonly host: Host;
  readonly terminal: Terminal;
  /** A path of the command line, made absolute. */
  readonly absolute: (path: string) => string;
  readonly interruptedBy: () => RunReport["interrupted"];
}

/** --matrix, or the project's own. */
export function matrixFile(options: RunOptions, { paths, absolute }: Context): string {
  return options.matrix === "matrix.yaml" ? `${paths.root}/matrix.yaml` : absolute(options.matrix);
}

export async function planOf(
  globs: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<Plan> {
  const { paths, host, absolute } = context;
  const matrix = await loadMatrix(matrixFile(options, context), paths, host);
  const whole = await withOwnKernel(matrix, globs, options, absolute, paths, host);
  const plan = makePlan(whole, globs, options, host);
  const own = whole.kernels.find((kernel) => !matrix.kernels.includes(kernel));
  if (own !== undefined && !plan.cells.some(({ kernel }) => kernel === own)) {
    const option = (["tree", "series", "range"] as const).find((name) => options[name])!;
    const text = `--${option} gives the kernel ${own.id}, and no cell that is named is one of it`;
    const { config } = plan.cells[0]!;
    throw new KmatrixError("usage", "bad-usage", text, `Name ${own.id}/${config.id} or the like.`);
  }
  return plan;
}

/** Options of `matrix` that a command has no use for and must not take in silence. */
export function refuseOptions(command: string, options: RunOptions): void {
  const given = [
    ["--dry-run", options.dryRun],
    ["--list", options.list],
    ["--shard", options.shard !== undefined],
    ["--fail-fast", options.failFast],
    ["--junit", options.junit !== undefined],
  ].filter(([, is]) => is).map(([name]) => name);
  if (given.length === 0) return;
  throw new KmatrixError("usage", "bad-usage", `${command} knows no ${given.join(", ")}`);
}

/** Every failure that a report holds. */
export function failuresOf(run: RunReport): Failure[] {
  return [
    ...run.failures,
    ...run.cells.flatMap(({ verdict }) =>
      verdict.kind === "failed" || (verdict.kind === "flaky" && !verdict.allowed)
        ? verdict.failures
        : []
    ),
  ];
}

/**
 * The tables, then the failures: the command that repeats the last one is the last line.
 * @param results Where the report was written; null where that is not to be said.
 */
export function printRun(
  run: RunReport,
  { terminal }: Context,
  results: string | null = null,
): void {
  terminal.print(summaryTable(run, terminal.width, terminal.style));
  const inspected = inspectTable(run, terminal.style);
  if (inspected !== "") terminal.print(`\n${inspected}`);
  const deduplicated = dedupTable(run);
  if (deduplicated !== "") terminal.print(`\n${deduplicated}`);
  const beside = cProgramTable(run);
  if (beside !== "") terminal.print(`\n${beside}`);
  const splats = splatsText(run, terminal.style);
  if (splats !== "") terminal.print(`\n${splats}`);
  if (results !== null) terminal.print(`\nresults: ${results}`);
  const failures = failuresText(run, terminal.style);
  if (failures !== "") terminal.print(`\n${failures}`);
}

/**
 * The command line that does one cell again with what decides its result.
 * @param more Words of the command's own.
 */
export function repeatCommand(
  command: string,
  cell: string,
  options: RunOptions,
  more: readonly string[] = [],
): string {
  const flags = [
    ...more,
    ...options.kconfigAdd.flatMap((value) => ["--kconfig-add", value]),
    ...options.filter.flatMap((value) => ["--filter", value]),
    ...(["tree", "series", "kernel", "range"] as const).flatMap((name) =>
      options[name] === undefined ? [] : [`--${name}`, options[name]]
    ),
    ...(options.matrix === "matrix.yaml" ? [] : ["--matrix", options.matrix]),
    ...(options.accel === "auto" ? [] : ["--accel", options.accel]),
    ...(options.kvm ? [] : ["--no-kvm"]),
    ...(options.sandbox === "auto" ? [] : ["--sandbox", options.sandbox]),
    ...(options.timeout === undefined ? [] : ["--timeout", `${options.timeout}`]),
  ];
  return formatCommand({ argv: ["npx", "--yes", "deno", "task", command, cell, ...flags] });
}

/** out/<time>-<n>/, and out/latest pointing to it. */
export async function makeRunDir(paths: Paths, host: Host): Promise<string> {
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
