// SPDX-License-Identifier: MIT
/**
 * `deno task test:crash [GLOB…]`: crashes real kernels in every way that selftests/crash/ knows, one
 * a boot, through the plain matrix command, and holds each verdict against what is due.
 */
import { Command } from "@commander-js/extra-typings";
import { parseRunReport } from "../core/report/run_report.ts";
import type { CellReport } from "../core/model/model.ts";
import { EXIT, exitCodeOfCommander } from "../core/model/exit_codes.ts";
import { globMatcher } from "../core/model/cells.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { keepSituation } from "../testing/recordings.ts";
import { kmatrix, ROOT, typedPath, withTempDir } from "../testing/project_copy.ts";
import {
  AFTER,
  allowedMs,
  BEFORE,
  type Crash,
  CRASHES,
  differences,
  type Outcome,
  outcomeOf,
} from "../testing/crashes.ts";

const program = new Command("test:crash")
  .description("Crashes kernels in every known way and checks the verdict on each.")
  .argument("[crashes...]", "globs over the ids of the tests of selftests/crash/")
  .option("--keep", "keep each boot as tasks/testing/recordings/crash-…", false)
  .option("-o, --output-dir <dir>", "where the runs are kept (default: out/crash)")
  .addHelpText("after", "\nExample: deno task test:crash 'crash_module.*.null_deref'\n")
  .exitOverride((error) => Deno.exit(exitCodeOfCommander(error)))
  .parse(Deno.args, { from: "user" });

const out = typedPath(program.opts().outputDir ?? `${ROOT}/out/crash`);
const wanted = globMatcher(program.args);
const crashes = CRASHES.filter(({ test }) => wanted(test));
if (crashes.length === 0) {
  console.error(`kmatrix: no crash matches ${program.args.join(" ")}`);
  Deno.exit(EXIT.nothing);
}

// Of all tests only these: those of other cells are what they were when their boots were recorded.
const declared = (await declaredTests()).filter(({ requires }) => requires.includes("crash"));
const green = new Map<string, number>();
let wrong = 0;
await withTempDir(async (dir) => {
  for (const cell of new Set(crashes.map((crash) => crash.cell))) {
    const bootMs = await greenBoot(cell, dir);
    console.log(row("green", { test: cell, verdict: "", boot: "" }, bootMs));
  }
  for (const crash of crashes) {
    const { outcome, found } = await crashed(crash, dir);
    if (found.length > 0) wrong++;
    const { boot, verdict, bootMs } = outcome;
    const { test, cell } = crash;
    // A console that was stopped at its cap is too big to be kept.
    if (program.opts().keep && crash.boot !== "console-cap") {
      const name = `crash-${test.split(".").at(-1)!.replaceAll("_", "-")}`;
      const text = `the guest test ${test} did what it says to a real machine`;
      await keepSituation(name, text, `${out}/${test}/latest/${cell}`, declared);
    }
    const word = found.length === 0 ? "ok" : "WRONG";
    const most = allowedMs(crash, green.get(cell)!);
    console.log(row(word, { test, boot, verdict }, bootMs, most));
    for (const line of found) console.log(`       ${line}`);
  }
});
console.log(`${crashes.length} crashes, ${crashes.length - wrong} with the verdict that is due`);
Deno.exit(wrong === 0 ? EXIT.ok : EXIT.failed);

/**
 * One crash and how it differs from what is due. Where it only took too long, other work may have
 * been in its way: twice more a green boot of that moment and the crash behind it are held against
 * each other. Another verdict than the due one is never tried again.
 */
async function crashed(
  crash: Crash,
  dir: string,
): Promise<{ outcome: Outcome; found: string[] }> {
  for (let attempt = 1;; attempt++) {
    const report = await run(crash.cell, [crash.test], `${out}/${crash.test}`, dir);
    const outcome = outcomeOf(crash, report);
    const found = differences(crash, outcome, green.get(crash.cell)!);
    const onlySlow = found.length > 0 && differences(crash, outcome, Infinity).length === 0;
    if (!onlySlow || attempt === 3) return { outcome, found };
    await greenBoot(crash.cell, dir);
  }
}

/** A green boot: how long it took, in ms. The slowest so far is kept. */
async function greenBoot(cell: string, dir: string): Promise<number> {
  const report = await run(cell, [], `${out}/green/${cell}`, dir);
  const bootMs = report.facts.boot?.durationMs ?? 0;
  if (report.verdict.kind !== "passed" || !(bootMs > 0)) {
    throw new Error(`${cell} is not green without a crash: ${JSON.stringify(report.verdict)}`);
  }
  green.set(cell, Math.max(bootMs, green.get(cell) ?? 0));
  return bootMs;
}

function row(
  word: string,
  { test, verdict, boot }: Pick<Crash, "test" | "verdict" | "boot">,
  bootMs: number,
  mostMs?: number,
): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`.padStart(7);
  const most = mostMs === undefined
    ? ""
    : `of ${seconds(mostMs)} (${Math.round(100 * bootMs / mostMs)} %)`;
  return [
    ...[word.padEnd(6), test.padEnd(34), verdict.padEnd(28), boot.padEnd(18)],
    ...[seconds(bootMs), most],
  ].join(" ").trimEnd();
}

/** The plain matrix command on one cell, with one crash between the tests around it. */
async function run(
  cell: string,
  crash: readonly string[],
  folder: string,
  dir: string,
): Promise<CellReport> {
  const json = `${dir}/run.json`;
  const filters = [BEFORE, ...crash, AFTER].flatMap((id) => ["--test", id]);
  const matrix = `${ROOT}/selftests/crash/matrix.yaml`;
  const args = ["matrix", cell, "--matrix", matrix, ...filters, "--output-dir", folder];
  const ran = await kmatrix([...args, "--json", json]);
  const text = await Deno.readTextFile(json).catch(() => {
    throw new Error(`${cell}: no run (exit code ${ran.code})\n${ran.out}`);
  });
  await Deno.remove(json);
  return parseRunReport(text, "run.json").cells[0]!;
}
