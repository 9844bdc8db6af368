// SPDX-License-Identifier: MIT
/**
 * `deno task mutants [GLOB…]`: builds deliberately wrong kernels, judges each with the plain matrix
 * command, blind to the sources, and prints who caught it. A survivor fails the command.
 */
import { Command } from "@commander-js/extra-typings";
import $ from "dax";
import type { RunReport } from "./model.ts";
import { EXIT } from "./exit_codes.ts";
import { globMatcher } from "./formats/cells.ts";
import { judgeMutant, type Mutant, type MutantVerdict, parseMutant } from "./formats/mutant.ts";

const program = new Command("mutants")
  .description("Builds deliberately wrong kernels and shows which stage or test notices each.")
  .argument("[mutants...]", "globs over the files of mutants/, without .patch")
  .addHelpText("after", "\nExample: deno task mutants 'bitmap-*'\n")
  .parse(Deno.args, { from: "user" });

const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const cache = Deno.env.get("KMATRIX_CACHE") ?? `${root}/.cache`;

interface Row {
  readonly mutant: Mutant;
  readonly verdict: MutantVerdict;
  readonly seconds: number;
}

const rows: Row[] = [];
for (const mutant of await readMutants(globMatcher(program.args))) {
  const startedAt = Date.now();
  const verdict = await run(mutant);
  const row = { mutant, verdict, seconds: Math.round((Date.now() - startedAt) / 1000) };
  rows.push(row);
  console.error(line(row));
}
if (rows.length === 0) {
  console.error(`kmatrix: no mutant matches ${program.args.join(" ")}`);
  Deno.exit(EXIT.nothing);
}
console.log(["mutant", "expected", "caught by", "other red tests", "time"].join(" | "));
for (const row of rows) console.log(line(row));
const survivors = rows.filter((row) => !row.verdict.caught);
console.log(`${rows.length} mutants, ${rows.length - survivors.length} caught as expected`);
Deno.exit(survivors.length === 0 ? EXIT.ok : EXIT.failed);

function line({ mutant, verdict, seconds }: Row): string {
  const { catcher } = mutant;
  const expected = catcher.kind === "stage" ? `stage ${catcher.stage}` : catcher.globs.join(" ");
  const by = verdict.caught ? verdict.by : `SURVIVED (${verdict.by})`;
  return [mutant.name, expected, by, `${verdict.others.length}`, `${seconds} s`].join(" | ");
}

async function readMutants(wanted: (name: string) => boolean): Promise<Mutant[]> {
  const names = [...Deno.readDirSync(`${root}/mutants`)].map((entry) => entry.name).sort()
    .filter((name) => name.endsWith(".patch")).map((name) => name.replace(/\.patch$/, ""))
    .filter(wanted);
  return await Promise.all(
    names.map(async (name) =>
      parseMutant(name, await Deno.readTextFile(`${root}/mutants/${name}.patch`))
    ),
  );
}

/**
 * One kernel id for all mutants of a kernel: going from one to the next changes a few files, so that
 * make compiles only those.
 */
async function run(mutant: Mutant): Promise<MutantVerdict> {
  const [kernel, ...rest] = mutant.cell.split("/");
  const dir = await Deno.makeTempDir();
  try {
    const series = `${dir}/mutant.patch`;
    await Deno.copyFile(`${root}/mutants/${mutant.name}.patch`, series);
    const cell = [`${kernel}+mutant`, ...rest].join("/");
    const argv = [Deno.execPath(), "run", "--allow-all", `${root}/tasks/main.ts`, "matrix", cell]
      .concat("--kernel", kernel!, "--series", series, "--json", `${dir}/run.json`)
      .concat("--output-dir", `${cache}/mutants/${mutant.name}`, "--quiet");
    await $`${argv}`.noThrow().stdout("null").stderr("null");
    const report: RunReport = JSON.parse(await Deno.readTextFile(`${dir}/run.json`));
    return judgeMutant(mutant, report.cells[0]!);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
