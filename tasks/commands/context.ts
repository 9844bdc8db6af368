// SPDX-License-Identifier: MIT
/** What every command has at hand, and what several of them do alike. */
import { basename, relative } from "node:path/posix";
import type { Host } from "../host/host.ts";
import {
  DEFAULT_SETTINGS,
  type Matrix,
  type Plan,
  type RunReport,
  type Settings,
} from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import type { EventReaders } from "../host/event_readers.ts";
import type { Terminal } from "../cli/terminal.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { isSelected } from "../../selftests/contract/glob.ts";
import { C_FIXTURE, C_TEST } from "../../selftests/contract/c_programs.ts";
import { nearest } from "../core/text/nearest.ts";
import { formatCommand, quoteWord } from "../core/text/shell.ts";
import { cProgramTable } from "../core/judge/c_programs.ts";
import { dedupTable } from "../core/report/dedup_table.ts";
import { sourceLines } from "../core/source/source_identity.ts";
import { failuresText, inspectTable, splatsText, summaryTable } from "../core/report/summary.ts";
import { PAGE, type ReportCopies } from "../stages/report.ts";
import { COMMAND_FILE, isMatrixRun } from "../steps/kept_runs.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import type { CalledAs } from "../cli/called_as.ts";
import { PROJECT_MATRIX, type RunValues } from "../cli/options.ts";
import type { Caller } from "../steps/caller.ts";
import { readBaseFile } from "../steps/base_config.ts";
import { withConfigFile } from "../core/matrix/config_file.ts";
import { loadMatrix, makePlan, type TreeLook, withOwnKernel } from "../run/project.ts";
import { otherMatrixWith } from "../run/other_matrix.ts";
import { readShardPlan, takeShard } from "../run/shards.ts";

export interface Context {
  readonly paths: Paths;
  readonly host: Host;
  readonly terminal: Terminal;
  /** Who reads along. */
  readonly readers: EventReaders;
  /** A path of the command line, made absolute. */
  readonly absolute: (path: string) => string;
  readonly caller: Caller;
  /** Name of the command. */
  readonly command: string;
  readonly calledAs: CalledAs;
  readonly interruptedBy: () => RunReport["interrupted"];
}

/** --matrix, or that of the folder in which the tool was called, or else the tool's own. */
export function matrixFile(
  { matrix = PROJECT_MATRIX }: RunValues,
  { paths, absolute, caller }: Context,
): string {
  if (matrix !== PROJECT_MATRIX) return absolute(matrix);
  return caller.matrix ?? `${paths.root}/${PROJECT_MATRIX}`;
}

/**
 * What a run with these options will do.
 * @throws KmatrixError "no-match" for a cell or a test that does not exist, "usage" for what does not
 *   go together; before anything is built.
 */
export async function planOf(
  names: readonly string[],
  options: RunValues,
  context: Context,
  look: TreeLook = lookOf(options),
): Promise<Plan> {
  const { paths, host, absolute } = context;
  await checkTests(options.test ?? []);
  const matrix = await askedMatrix(options, context);
  const globs = options.config === undefined
    ? names
    : names.map((name) => withConfig(name, matrix));
  const { tree, series, kernel, range, fuzz, partial } = options;
  const brought = {
    ...{ kernel, range, fuzz, partial },
    tree: tree === undefined ? undefined : absolute(tree),
    series: series === undefined ? undefined : absolute(series),
  };
  const whole = await withOwnKernel(matrix, globs, brought, look, paths, host);
  const plan = await planHere(whole, globs, options, context);
  const own = whole.kernels.find((kernel) => !matrix.kernels.includes(kernel));
  if (own !== undefined && !plan.cells.some(({ kernel }) => kernel === own)) {
    const option = (["tree", "series", "range"] as const).find((name) => options[name])!;
    const text = `--${option} gives the kernel ${own.id}, but no cell of it is named`;
    const { config } = plan.cells[0]!;
    throw new KmatrixError("usage", "bad-usage", text, `Name ${own.id}/${config.id} or the like.`);
  }
  return await shardOf(plan, options, context);
}

/** @throws KmatrixError as makePlan(); where another matrix file has what is named, it says so. */
async function planHere(
  matrix: Matrix,
  globs: readonly string[],
  options: RunValues,
  { paths, host, caller }: Context,
): Promise<Plan> {
  try {
    return makePlan(matrix, { globs }, settingsOf(options), host);
  } catch (error) {
    const isUnknown = error instanceof KmatrixError && error.id === "no-such-cell";
    // Cells of --config are of no file, and globs that only leave out name none.
    const isNamed = options.config === undefined && globs.some((glob) => !glob.startsWith("!"));
    const other = isUnknown && isNamed ? await otherMatrixWith(globs, paths, host) : undefined;
    if (!isUnknown || other === undefined) throw error;
    const path = relative(caller.folder, other);
    const advice = `${basename(other)} has it: --matrix ${quoteWord(path)}`;
    throw new KmatrixError("no-match", "no-such-cell", error.message, advice);
  }
}

/** The plan, or the part of it that --shard names. @throws as takeShard() does. */
async function shardOf(
  plan: Plan,
  { shard, plan: file }: RunValues,
  { paths, host, absolute }: Context,
): Promise<Plan> {
  if (file === undefined) {
    return shard === undefined ? plan : await takeShard(plan, shard, null, paths, host);
  }
  if (shard === undefined) {
    throw new KmatrixError("usage", "bad-usage", "--plan needs --shard, which says which part");
  }
  const given = { file, plan: await readShardPlan(file, absolute(file), host) };
  return await takeShard(plan, shard, given, paths, host);
}

/** The matrix file, or with --config that file on each of its kernels. */
async function askedMatrix(options: RunValues, context: Context): Promise<Matrix> {
  const { paths, host, absolute } = context;
  const matrix = await loadMatrix(matrixFile(options, context), paths, host);
  if (options.config === undefined) return matrix;
  const file = { kind: "file", path: absolute(options.config), written: options.config } as const;
  // What is wrong with it is said before anything is fetched.
  await readBaseFile(file, matrix.toolchains[0]!, host);
  return withConfigFile(matrix, file);
}

/** With --config, a kernel's id alone names its one cell. */
function withConfig(name: string, { kernels, configs }: Matrix): string {
  return kernels.some(({ id }) => id === name) ? `${name}/${configs[0]!.id}` : name;
}

/** Whoever only asks what a run would do gets nothing installed. */
function lookOf(
  { dryRun, install, list, sandbox = DEFAULT_SETTINGS.sandbox }: RunValues,
): TreeLook {
  if (dryRun) return { kind: "none" };
  return install && !list ? { kind: "made-ready", sandbox } : { kind: "as-is" };
}

/** What the options ask of a run. @throws KmatrixError "usage" for two that exclude each other. */
export function settingsOf(options: RunValues): Settings {
  const usual = DEFAULT_SETTINGS;
  return {
    jobs: options.jobs ?? usual.jobs,
    accel: options.kvm === false ? "tcg" : options.accel ?? usual.accel,
    sandbox: options.sandbox ?? usual.sandbox,
    lateInstrumentation: options.lateInstrumentation ?? usual.lateInstrumentation,
    dataflowForm: options.dataflowForm,
    failFast: options.failFast ?? usual.failFast,
    freshBuild: options.freshBuild ?? false,
    requireAll: options.requireAll ?? false,
    install: options.install ?? usual.install,
    kconfigAdd: options.kconfigAdd ?? usual.kconfigAdd,
    timeoutSeconds: options.timeout ?? usual.timeoutSeconds,
    testFilter: options.test ?? usual.testFilter,
    attempts: attemptsOf(options),
    allowFlaky: options.allowFlaky ?? false,
    bundle: options.bundle ?? false,
  };
}

function attemptsOf({ retries, repeat }: RunValues): Settings["attempts"] {
  if (retries !== undefined && repeat !== undefined) {
    const text = "--retries boots failed cells again, --repeat boots every cell: give one of them";
    throw new KmatrixError("usage", "bad-usage", text);
  }
  if (retries !== undefined) return { kind: "retries", most: retries };
  return repeat === undefined ? undefined : { kind: "repeat", count: repeat };
}

/**
 * Before anything is built or booted, which a misspelt test would otherwise cost.
 * @throws KmatrixError "no-match" for a glob that names no test of the guest, and as declaredTests().
 */
export async function checkTests(globs: readonly string[]): Promise<void> {
  if (globs.length === 0) return;
  const ids = (await declaredTests()).map((test) => test.id);
  for (const glob of globs) {
    if (ids.some((id) => isSelected([glob], id))) continue;
    throw new KmatrixError(
      "no-match",
      "no-such-test",
      `no test matches "${glob}"${hint(glob, ids)}`,
    );
  }
}

function hint(glob: string, ids: readonly string[]): string {
  if (glob.startsWith(`${C_FIXTURE}.`)) {
    return `; the results of the tree's C programs come with the test ${C_TEST}`;
  }
  // People write the last part of an id.
  const close = ids.filter((id) => id.includes(glob.replaceAll("*", "")));
  if (close.length === 0 || glob.includes("*")) return nearest(glob, ids);
  return `; a glob matches the whole id: '*${glob}*' names ${close.length}`;
}

/** --junit and --json as absolute paths. */
export function copiesOf(
  { junit, json }: Pick<RunValues, "junit" | "json">,
  { absolute }: Pick<Context, "absolute">,
): ReportCopies {
  return {
    junit: junit === undefined ? null : absolute(junit),
    json: json === undefined ? null : absolute(json),
  };
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
 * @param runDir Where the report was written; null where that is not to be said.
 */
export function printRun(
  run: RunReport,
  { terminal, calledAs }: Context,
  runDir: string | null = null,
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
  const sources = run.sources.flatMap(sourceLines);
  if (sources.length > 0) terminal.print(`\njudged: ${sources.join("\n        ")}`);
  if (runDir !== null) terminal.print(`\nresults: ${runDir}/junit.xml\npage:    ${runDir}/${PAGE}`);
  const failures = failuresText(run, terminal.style);
  if (failures === "") return;
  const explain = formatCommand({ argv: [...calledAs.argv, "explain"] });
  const brackets = `in brackets: the id of a failure and who has to act; ${explain} ID says more`;
  terminal.print(`\n${terminal.style.dim(brackets)}\n\n${failures}`);
}

/** The options for these tests alone; none where nothing narrows them down. */
export function withTests(options: RunValues, tests: readonly string[]): RunValues {
  return tests.length === 0 ? options : { ...options, test: tests };
}

/**
 * The command line that does one cell again with what decides its result.
 * @param more Words of the command's own.
 */
export function repeatCommand(
  command: string,
  cell: string,
  options: RunValues,
  { calledAs }: Pick<Context, "calledAs">,
  more: readonly string[] = [],
): string {
  const { accel = "auto", kvm = true, sandbox = "auto", timeout } = options;
  const late = options.lateInstrumentation ?? "on";
  const { test = [], ...others } = options;
  const flags = [
    ...selectingFlags({ test }),
    ...more,
    ...selectingFlags(others),
    ...(accel === "auto" ? [] : ["--accel", accel]),
    ...(kvm ? [] : ["--no-kvm"]),
    ...(sandbox === "auto" ? [] : ["--sandbox", sandbox]),
    ...(late === "on" ? [] : ["--late-instrumentation", late]),
    ...(timeout === undefined ? [] : ["--timeout", `${timeout}`]),
  ];
  return formatCommand({ argv: [...calledAs.argv, command, cell, ...flags] });
}

/** The options that choose cells, and what is built and run of them, as words. */
export function selectingFlags(options: RunValues): string[] {
  const { kconfigAdd = [], test = [], matrix = PROJECT_MATRIX } = options;
  return [
    ...test.flatMap((value) => ["--test", value]),
    ...(options.config === undefined ? [] : ["--config", options.config]),
    ...kconfigAdd.flatMap((value) => ["--kconfig-add", value]),
    ...(options.dataflowForm === undefined ? [] : ["--dataflow-form", options.dataflowForm]),
    ...(["tree", "series", "kernel", "range"] as const).flatMap((name) =>
      options[name] === undefined ? [] : [`--${name}`, options[name]]
    ),
    ...(["fuzz", "partial"] as const).flatMap((name) => options[name] ? [`--${name}`] : []),
    ...(matrix === PROJECT_MATRIX ? [] : ["--matrix", matrix]),
  ];
}

type RunDirContext = Pick<Context, "command" | "paths" | "host">;

/**
 * out/<time>-<n>/, and out/latest pointing to it; what is no run of the matrix leaves it at one that
 * is, which people want to look at.
 */
export async function makeRunDir(context: RunDirContext): Promise<string> {
  const [runDir] = await fillRunDir(() => Promise.resolve(), context);
  return runDir;
}

/**
 * As makeRunDir(), with what `fill` puts into it; if that throws, the folder is removed.
 * @returns The folder, and what `fill` gave.
 */
export async function fillRunDir<T>(
  fill: (runDir: string) => Promise<T>,
  { command, paths, host }: RunDirContext,
): Promise<[runDir: string, filled: T]> {
  const runDir = await emptyRunDir(paths, host);
  try {
    const filled = await fill(runDir);
    await host.fs.writeText(`${runDir}/${COMMAND_FILE}`, `${command}\n`);
    const latest = `${paths.out}/latest`;
    if (await isMatrixRun(runDir, host) || !(await isMatrixRun(latest, host))) {
      await host.fs.link(basename(runDir), latest);
    }
    return [runDir, filled];
  } catch (error) {
    await host.fs.remove(runDir);
    throw error;
  }
}

async function emptyRunDir(paths: Paths, host: Host): Promise<string> {
  const stamp = new Date(host.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, "");
  await host.fs.makeDir(paths.out);
  const held = await host.fs.lock({ path: `${paths.out}/.lock` });
  try {
    let name = stamp;
    for (let n = 2; await host.fs.exists(`${paths.out}/${name}`); n++) name = `${stamp}-${n}`;
    await host.fs.makeDir(`${paths.out}/${name}`);
    return `${paths.out}/${name}`;
  } finally {
    held.release();
  }
}
