// SPDX-License-Identifier: MIT
/**
 * `deno task mutants [GLOB…]`: builds deliberately wrong kernels, judges each with the plain matrix
 * command, blind to the sources, and prints who caught it. Then it boots the unchanged kernel again
 * and again: nobody may notice anything there.
 */
import { counted } from "../core/text/counted.ts";
import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import { parseRunReport } from "../core/report/run_report.ts";
import type { RunReport } from "../core/model/model.ts";
import type { Host } from "../host/host.ts";
import { EXIT, exitCodeOfCommander } from "../core/model/exit_codes.ts";
import { denoHost } from "../host/deno_host.ts";
import { EventReaders } from "../host/event_readers.ts";
import { EventStream } from "../host/event_stream.ts";
import { globMatcher } from "../core/model/cells.ts";
import { CACHE, copyProject, ROOT, withTempDir } from "../testing/project_copy.ts";
import { kernelLock, withLock } from "../steps/locks.ts";
import { CleanBuild, keepTimes } from "./clean_build.ts";
import { beginStream, toldRun } from "./told_run.ts";
import {
  judgeMutant,
  type Mutant,
  type MutantRow,
  MUTANTS_MATRIX,
  mutantSummary,
  mutantTable,
  type MutantVerdict,
  orderMutants,
  parseMutant,
} from "./mutant.ts";

const count = (text: string) => {
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError("a whole number is wanted.");
};

const program = new Command("mutants")
  .description("Builds deliberately wrong kernels and shows which stage or test notices each.")
  .argument("[mutants...]", "globs over the files of mutants/, without .patch; all")
  .option("--clean-boots <n>", "boots of the unchanged cell; 30 where no mutant is named", count)
  .option("--clean-cell <id>", "the unchanged cell", "linux-6.12-unique/kcov-unique")
  .option(
    "--matrix <file>",
    "a matrix of the project: of the clean cell, and only mutants of its cells",
    MUTANTS_MATRIX,
  )
  .option("--events <file>", "what happens, as a JSON text a line (docs/events.md); - for stdout")
  .addHelpText(
    "after",
    "\nExample: deno task mutants 'reset-*'\n" +
      "         deno task mutants none --clean-boots 30 --clean-cell linux-6.12/kcov\n" +
      "         deno task mutants --matrix matrix-dataflow.yaml 'dataflow-*'\n",
  )
  .exitOverride((error) => Deno.exit(exitCodeOfCommander(error)))
  .parse(Deno.args, { from: "user" });
const options = program.opts();
const cleanBoots = options.cleanBoots ?? (program.args.length === 0 ? 30 : 0);

const OUT = `${ROOT}/out/mutants`;
/** The name of a mutant in the series; behind all others. */
const PATCH = "9999-mutant.patch";

const abort = new AbortController();
let code: number = EXIT.ok;
let interrupted: "SIGINT" | "SIGTERM" | null = null;
for (const [name, exit] of [["SIGINT", EXIT.sigint], ["SIGTERM", EXIT.sigterm]] as const) {
  Deno.addSignalListener(name, () => {
    code = exit;
    interrupted ??= name;
    abort.abort();
  });
}
const readers = new EventReaders();
const { emit } = readers;
// The stages of each mutant are for those who read --events; a person reads the table.
readers.add((event) => {
  if (event.event === "notice" && event.level !== "debug") console.error(event.text);
});
const print = options.events === "-" ? console.error : console.log;
const host = denoHost({ emit, signal: abort.signal });
/** For what has to be put back, also after Ctrl-C. */
const restoring = denoHost({ emit, signal: new AbortController().signal });

const rows: MutantRow[] = [];
let falseAlarms = 0;
const mutants = await readMutants(globMatcher(program.args));
if (mutants.length === 0 && cleanBoots === 0) {
  console.error(
    `kmatrix: no mutant of cells of ${options.matrix} matches ${program.args.join(" ") || "*"}`,
  );
  Deno.exit(EXIT.nothing);
}
const stream = new EventStream(readers);
beginStream(stream, "mutants", options.events);
try {
  // The copy of the project, which runs the cells, makes no folders outside of itself.
  await Deno.mkdir(OUT, { recursive: true });
  await withTempDir(async (dir) => {
    await runMutants(await copyProject(dir), dir);
    for (let n = 1; n <= cleanBoots && !abort.signal.aborted; n++) await bootClean(n, dir);
  });
} catch (error) {
  // What Ctrl-C ended has no failure of its own.
  if (!abort.signal.aborted) {
    console.error(`kmatrix: ${error instanceof Error ? error.message : error}`);
  }
  code ||= EXIT.infra;
}
if (rows.length > 0) print(`\n${mutantTable(rows)}\n${mutantSummary(rows)}`);
if (rows.length < mutants.length) {
  print(`${counted(mutants.length - rows.length, "mutant")} did not run`);
}
if (cleanBoots > 0 && !abort.signal.aborted) {
  print(
    `${counted(cleanBoots, "boot")} of ${options.cleanCell} unchanged: ${
      counted(falseAlarms, "false alarm")
    }`,
  );
}
const kinds = rows.map((row) => row.verdict.kind);
if (kinds.includes("broken")) code ||= EXIT.infra;
if (kinds.includes("not-as-expected") || falseAlarms > 0) code ||= EXIT.failed;
stream.end(code, interrupted);
Deno.exit(code);

async function runMutants(project: string, dir: string): Promise<void> {
  const saved = new Map<string, CleanBuild>();
  const builds = new Map<string, string>();
  try {
    for (const mutant of mutants) {
      const startedAt = Date.now();
      const built = builds.get(mutant.cell) ?? await buildOf(mutant.cell, dir);
      builds.set(mutant.cell, built);
      const clean = saved.get(built) ?? await saveBuild(mutant.cell, built, dir);
      saved.set(built, clean);
      const verdict = mutant.ofPlugin
        ? await onePluginMutant(mutant, built, project, dir)
        : await oneMutant(mutant, clean, project, dir);
      if (abort.signal.aborted) break;
      const row = { mutant, verdict, seconds: Math.round((Date.now() - startedAt) / 1000) };
      rows.push(row);
      emit({
        ...{ event: "mutant-judged", mutant: mutant.name, cell: mutant.cell },
        ...{ verdict: verdict.kind, durationMs: Date.now() - startedAt },
      });
      console.error(mutantTable([row]).trimEnd().split("\n").at(-1));
      await host.fs.writeText(`${OUT}/table.md`, mutantTable(rows));
    }
  } finally {
    for (const clean of saved.values()) await clean.drop();
  }
}

/** The build folder as make itself leaves it: a mutant then costs what it changes, and no more. */
async function saveBuild(cell: string, built: string, dir: string): Promise<CleanBuild> {
  const folder = `${CACHE}/builds/${built}`;
  // The stamp is about content. A source that came back with another time, or another version of this
  // tool with other flags, would be compiled by make, and for every mutant again.
  await host.fs.remove(`${folder}/kmatrix-built.json`);
  await buildOf(cell, dir);
  return await CleanBuild.save(folder, `${CACHE}/mutants/${built}`, restoring);
}

/** Builds a cell as it is, which costs nothing where that is done already; gives its build key. */
async function buildOf(cell: string, dir: string): Promise<string> {
  const json = `${dir}/clean.json`;
  const args = ["build", cell, "--json", json, "--output-dir", `${dir}/clean`];
  const code = await kmatrix(args, dir);
  const key = (await reportOf(json))?.cells[0]?.facts.config?.key;
  if (code !== 0 || key === undefined) {
    const said = await host.fs.readTail(logIn(dir), 8192);
    throw new Error(`${cell} does not build\n${said}`);
  }
  return key;
}

/** Applies a mutant, runs its cell, and puts the tree and the build back, whatever happens. */
async function oneMutant(
  mutant: Mutant,
  clean: CleanBuild,
  project: string,
  dir: string,
): Promise<MutantVerdict> {
  const kernel = mutant.cell.split("/")[0]!;
  const setTimes = await keepTimes(
    mutant.files.map((file) => `${CACHE}/sources/${kernel}/${file}`),
  );
  try {
    await addToSeries(mutant, project);
    return (await judged(mutant, project, dir)).verdict;
  } finally {
    await dropFromSeries(mutant, project);
    await kmatrix(["patch", mutant.cell, "--output-dir", `${dir}/clean`], dir, ROOT, restoring);
    await withLock(kernelLock(kernel, { cache: CACHE }), restoring, async () => {
      await setTimes();
      await clean.restore();
    });
  }
}

/**
 * A wrong plugin makes another build, which begins as a copy of the right one's; it is removed, and the
 * kernel stays as it is.
 */
async function onePluginMutant(
  mutant: Mutant,
  clean: string,
  project: string,
  dir: string,
): Promise<MutantVerdict> {
  const apply = ["git", "apply", `${ROOT}/mutants/${mutant.name}.patch`];
  const applied = await host.run({ argv: apply, cwd: project });
  if (applied.code !== 0) return { kind: "broken", what: `git apply: ${applied.stderr.trim()}` };
  try {
    const { verdict, built } = await judged(mutant, project, dir);
    if (built === clean) {
      return { kind: "broken", what: `the build is ${clean}, of the right plugin` };
    }
    if (built !== undefined) await restoring.fs.remove(`${CACHE}/builds/${built}`);
    return verdict;
  } finally {
    await restoring.run({ argv: [...apply, "--reverse"], cwd: project });
  }
}

/** Where the copied project has the patches of a mutant's kernel. */
function patchesOf(mutant: Mutant): string {
  return `kernels/${mutant.cell.split("/")[0]}/patches`;
}

/**
 * Makes a mutant the last patch of the copied project's series. It is the same kernel to the cache, so
 * that make compiles what the mutant changes and nothing else.
 */
async function addToSeries(mutant: Mutant, project: string): Promise<void> {
  const patches = patchesOf(mutant);
  // A kernel as it comes has none.
  const series = await Deno.readTextFile(`${ROOT}/${patches}/series`).catch(() => "");
  await Deno.mkdir(`${project}/${patches}`, { recursive: true });
  await Deno.copyFile(`${ROOT}/mutants/${mutant.name}.patch`, `${project}/${patches}/${PATCH}`);
  await Deno.writeTextFile(`${project}/${patches}/series`, `${series.trimEnd()}\n${PATCH}\n`);
}

/** The series of the copied project as it was. */
async function dropFromSeries(mutant: Mutant, project: string): Promise<void> {
  const patches = patchesOf(mutant);
  await restoring.fs.remove(`${project}/${patches}`);
  if (!await restoring.fs.exists(`${ROOT}/${patches}`)) return;
  const argv = ["cp", "--archive", `${ROOT}/${patches}`, `${project}/${patches}`];
  const copied = await restoring.run({ argv });
  if (copied.code !== 0) throw new Error(`${argv.join(" ")}: ${copied.stderr}`);
}

/** The plain matrix command over the copied project; the key of the build, where it came to one. */
async function judged(
  mutant: Mutant,
  project: string,
  dir: string,
): Promise<{ readonly verdict: MutantVerdict; readonly built: string | undefined }> {
  const json = `${dir}/run.json`;
  const args = ["matrix", mutant.cell, "--json", json, "--output-dir", `${OUT}/${mutant.name}`];
  const code = await kmatrix(args, dir, project);
  const cell = (await reportOf(json))?.cells[0];
  const verdict: MutantVerdict = cell
    ? judgeMutant(mutant, cell)
    : { kind: "broken", what: `no report (exit code ${code})` };
  return { verdict, built: cell?.facts.config?.key };
}

/** One run of the unchanged cell: whatever is red is a false alarm. */
async function bootClean(n: number, dir: string): Promise<void> {
  const args = ["matrix", options.cleanCell, "--output-dir", `${OUT}/clean-${n}`];
  const json = `${dir}/clean.json`;
  const code = await kmatrix([...args, "--json", json], dir);
  if (abort.signal.aborted) return;
  const report = await reportOf(json);
  const failed =
    report?.cells.flatMap((cell) =>
      cell.verdict.kind === "failed" ? cell.verdict.failures.map((one) => one.message) : []
    ) ?? [];
  if (code !== 0) falseAlarms++;
  const passed = report?.cells.flatMap((cell) => cell.tests)
    .filter((one) => one.outcome.kind === "passed").length;
  console.error(
    `clean boot ${n}: ` +
      (code === 0 ? `${passed} passed` : `FALSE ALARM (${OUT}/clean-${n}): ${failed.join("; ")}`),
  );
}

/** The report of a run, which is gone when it has been read. */
async function reportOf(json: string): Promise<RunReport | null> {
  const text = await host.fs.readTextIfAny(json);
  await host.fs.remove(json);
  return text === null ? null : parseRunReport(text, json);
}

/** What the newest command printed for people. @param dir The program's own temporary folder. */
function logIn(dir: string): string {
  return `${dir}/command.log`;
}

/** One command of a checkout, which ends with this process; gives its exit code. */
async function kmatrix(
  args: readonly string[],
  dir: string,
  root = ROOT,
  on: Host = host,
): Promise<number> {
  const log = logIn(dir);
  await on.fs.remove(log);
  const matrix = options.matrix === MUTANTS_MATRIX ? [] : ["--matrix", `${root}/${options.matrix}`];
  const argv = [
    ...[Deno.execPath(), "run", "--allow-all", `${root}/tasks/main.ts`],
    ...[...args, ...matrix],
  ];
  return await toldRun(
    { argv, cwd: root, env: { KMATRIX_CACHE: CACHE, O: "", INIT_CWD: "" }, log },
    on,
  );
}

async function readMutants(wanted: (name: string) => boolean): Promise<Mutant[]> {
  const names = [...Deno.readDirSync(`${ROOT}/mutants`)].map((entry) => entry.name)
    .filter((name) => name.endsWith(".patch")).map((name) => name.replace(/\.patch$/, ""))
    .filter(wanted);
  const all = await Promise.all(
    names.map(async (name) =>
      parseMutant(name, await Deno.readTextFile(`${ROOT}/mutants/${name}.patch`))
    ),
  );
  return orderMutants(all.filter(({ matrix }) => matrix === options.matrix));
}
