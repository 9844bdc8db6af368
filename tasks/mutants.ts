// SPDX-License-Identifier: MIT
/**
 * `deno task mutants [GLOB…]`: builds deliberately wrong kernels, judges each with the plain matrix
 * command, blind to the sources, and prints who caught it. A survivor fails the command.
 */
import { Command } from "@commander-js/extra-typings";
import type { RunReport } from "./model.ts";
import { EXIT } from "./exit_codes.ts";
import { globMatcher } from "./formats/cells.ts";
import { CACHE, copyProject, kmatrix, ROOT, withTempDir } from "./testing/project_copy.ts";
import { judgeMutant, type Mutant, type MutantVerdict, parseMutant } from "./formats/mutant.ts";

const program = new Command("mutants")
  .description("Builds deliberately wrong kernels and shows which stage or test notices each.")
  .argument("[mutants...]", "globs over the files of mutants/, without .patch")
  .addHelpText("after", "\nExample: deno task mutants 'bitmap-*'\n")
  .parse(Deno.args, { from: "user" });

interface Row {
  readonly mutant: Mutant;
  readonly verdict: MutantVerdict;
  readonly seconds: number;
}

const rows: Row[] = [];
const mutants = await readMutants(globMatcher(program.args));
await withTempDir(async (dir) => {
  const project = await copyProject(dir);
  try {
    for (const mutant of mutants) {
      const startedAt = Date.now();
      const verdict = await run(mutant, project, dir);
      const row = { mutant, verdict, seconds: Math.round((Date.now() - startedAt) / 1000) };
      rows.push(row);
      console.error(line(row));
    }
  } finally {
    // The trees in the cache go back to what the project says.
    for (const cell of new Set(mutants.map((mutant) => mutant.cell))) {
      await kmatrix(["patch", cell]);
    }
  }
});
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
  const names = [...Deno.readDirSync(`${ROOT}/mutants`)].map((entry) => entry.name).sort()
    .filter((name) => name.endsWith(".patch")).map((name) => name.replace(/\.patch$/, ""))
    .filter(wanted);
  return await Promise.all(
    names.map(async (name) =>
      parseMutant(name, await Deno.readTextFile(`${ROOT}/mutants/${name}.patch`))
    ),
  );
}

/**
 * The plain matrix command over a project whose series has the mutant as its last patch. It is the
 * same kernel to the cache, so that make compiles what the mutant changes and nothing else.
 */
async function run(mutant: Mutant, project: string, dir: string): Promise<MutantVerdict> {
  const patches = `kernels/${mutant.cell.split("/")[0]}/patches`;
  const series = await Deno.readTextFile(`${ROOT}/${patches}/series`);
  const name = "9999-mutant.patch";
  await Deno.copyFile(`${ROOT}/mutants/${mutant.name}.patch`, `${project}/${patches}/${name}`);
  await Deno.writeTextFile(`${project}/${patches}/series`, `${series.trimEnd()}\n${name}\n`);
  const json = `${dir}/run.json`;
  const out = `${CACHE}/mutants/${mutant.name}`;
  const args = ["matrix", mutant.cell, "--json", json, "--output-dir", out];
  const ran = await kmatrix(args, { root: project });
  const text = await Deno.readTextFile(json).catch(() => {
    throw new Error(`${mutant.name}: no run (exit code ${ran.code})\n${ran.out}`);
  });
  await Deno.remove(json);
  return judgeMutant(mutant, (JSON.parse(text) as RunReport).cells[0]!);
}
