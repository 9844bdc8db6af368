// SPDX-License-Identifier: MIT
/**
 * `deno task bench`: kmatrix side by side with plain make and plain QEMU on the same files, and with
 * virtme-ng where it is installed, in one run. Prints a table and can write docs/performance.md.
 */
import { counted } from "../../core/text/counted.ts";
import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import $ from "dax";
import { archOf } from "../../core/arch/table.ts";
import type { Cell } from "../../core/model/model.ts";
import { KmatrixError } from "../../core/model/errors.ts";
import { EXIT, exitCodeOfCommander } from "../../core/model/exit_codes.ts";
import { exitCodeOf } from "../../core/model/failure_kinds.ts";
import { benchTable, type Comparison } from "./bench_table.ts";
import { beginStream } from "../told_run.ts";
import { EventStream } from "../../host/event_stream.ts";
import { selectCells } from "../../core/matrix/plan.ts";
import { loadMatrix } from "../../run/project.ts";
import { requestOf } from "../../stages/configure.ts";
import { fetch } from "../../stages/fetch.ts";
import { ROOT } from "../../testing/project_copy.ts";
import { coldCell, editedFile, secondClone } from "./builds.ts";
import {
  type Bench,
  clang,
  emit,
  host,
  inFolder,
  jobs,
  makeOf,
  paths,
  readers,
  say,
} from "./measure.ts";
import { DATAFLOW_CELL, dataflowCosts } from "./dataflow_costs.ts";
import { dataflowTable, withSection } from "./dataflow_cost_table.ts";
import { optionCosts } from "./option_costs.ts";
import { virtmeNg } from "./virtme_ng.ts";
import { boots, warmMatrix } from "./warm.ts";

const count = (text: string) => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("a whole number above 0 is wanted.");
};

const PARTS = ["boots", "matrix", "cold", "clones", "edited", "virtme-ng"] as const;
type Part = (typeof PARTS)[number];

const partList = (text: string): readonly Part[] =>
  text === "all" ? PARTS : text.split(",").map((name) => {
    const found = PARTS.find((known) => known === name);
    if (found) return found;
    throw new InvalidArgumentError(`"${name}" is none of ${PARTS.join(", ")}.`);
  });

const options = new Command("bench")
  .description("Measures kmatrix beside plain make and plain QEMU, in one run.")
  .option("--cell <id>", "the cell", "linux-6.12/kcov")
  .option("--runs <n>", "how many runs a median is taken of", count, 5)
  .option("--parts <list>", `all, or some of ${PARTS.join(",")}`, partList, ["boots", "matrix"])
  .option("--builds <n>", "how often the cold part builds the cell, each side", count, 1)
  .option("--option-costs", "only what each line of the cell's fragments costs in objects", false)
  .option("--dataflow-costs", `only what KCOV dataflow costs a kernel (${DATAFLOW_CELL})`, false)
  .option("--write", "write docs/performance.md, or its section on dataflow", false)
  .option("--events <file>", "what happens, as a JSON text a line (docs/events.md); - for stdout")
  .addHelpText("after", "\nExample: deno task bench --parts all --write\n")
  .exitOverride((error) => Deno.exit(exitCodeOfCommander(error)))
  .parse(Deno.args, { from: "user" }).opts();

async function versions(cell: Cell): Promise<string> {
  const { version } = await fetch(cell.kernel, paths, host);
  const first = async (...argv: string[]) => (await $`${argv}`.text()).split("\n")[0]!;
  const lines = [
    `Kernel ${version}`,
    await first(clang(cell), "--version"),
    await first(archOf(cell.machine).qemu.program, "--version"),
    `${counted(jobs, "core")}`,
  ];
  return lines.join(", ");
}

/** Leaves the rest of the page as it is. */
async function writeDataflow(table: string): Promise<void> {
  const file = `${ROOT}/docs/performance.md`;
  const text =
    `Written by \`deno task bench --dataflow-costs --write\`: \`${DATAFLOW_CELL}\` with its
options off, with values alone and with fields, each built once from nothing without ccache; medians
of ${
      counted(options.runs, "boot")
    } in turn, emulated (TCG) unless KVM works. The percentages are over
the first column; a call that is collected is held against the call of the kernel without. The last
column is what the author of the feature has published, with KVM; in which state its latency was
taken is not known here.

${table}`;
  await Deno.writeTextFile(file, withSection(await Deno.readTextFile(file), "Dataflow", text));
  await $`${[Deno.execPath(), "fmt", "--quiet", file]}`;
}

/** The cell that is asked for; ends the program where there is none. */
async function askedCell(): Promise<Cell> {
  try {
    const [cell, ...others] = selectCells(
      await loadMatrix(`${ROOT}/matrix.yaml`, paths, host),
      [options.cell],
    );
    if (cell !== undefined && others.length === 0) return cell;
    say(`--cell wants one cell; ${options.cell} matches ${others.length + 1}`);
  } catch (error) {
    if (!(error instanceof KmatrixError)) throw error;
    say(error.message);
    Deno.exit(exitCodeOf(error.kind));
  }
  Deno.exit(EXIT.usage);
}

if (options.dataflowCosts) {
  const costs = await inFolder((dir) => dataflowCosts(DATAFLOW_CELL, options.runs, dir));
  const table = dataflowTable(costs);
  console.log(table);
  if (options.write) await writeDataflow(table);
  Deno.exit(0);
}
const cell = await askedCell();
if (options.optionCosts) {
  const { lines } = await requestOf(cell, [], paths, host);
  console.log(await inFolder(async (dir) => optionCosts(await makeOf(cell), lines, dir)));
  Deno.exit(0);
}
const stream = new EventStream(readers);
beginStream(stream, "bench", options.events);
emit({ event: "cells-planned", cells: [cell.id], builds: 1 });
const comparisons: Comparison[] = [];
/** CPU time of our builds from nothing, for the comparison with another tool. */
let coldCpu: readonly number[] = [];
/** How each part is measured; `matrix` goes over all cells and looks for compilers. */
const measures: Record<Part, (bench: Bench) => Promise<Comparison[]>> = {
  boots,
  matrix: warmMatrix,
  cold: async (bench) => {
    const found = await coldCell(bench, options.builds);
    coldCpu = found[0]!.ours;
    return found;
  },
  clones: secondClone,
  edited: editedFile,
  "virtme-ng": (bench) => virtmeNg(bench, coldCpu),
};
await inFolder(async (dir) => {
  for (const part of PARTS.filter((name) => options.parts.includes(name))) {
    try {
      const measured = await measures[part]({ cell, runs: options.runs, dir });
      comparisons.push(...measured);
      for (const { what, unit, ours, theirs } of measured) {
        emit({ event: "measured", what, unit, ours: [...ours], theirs: [...theirs] });
      }
    } catch (error) {
      if (host.signal.aborted) throw error;
      // A part that fails takes none of the others with it.
      say(`${part} FAILED: ${(error as Error).message}`);
      Deno.exitCode = 1;
    }
  }
});
const table = benchTable(comparisons);
(options.events === "-" ? console.error : console.log)(table);
if (options.write) {
  const file = `${ROOT}/docs/performance.md`;
  // What other programs and people have measured stays: it has headings of its own.
  const [, ...others] = (await Deno.readTextFile(file)).split(/^(?=## )/m);
  const page = `# Performance

Written by \`deno task bench --write\`. Figures are medians of one run on one machine, both sides in
turn; take the ratios, not the seconds.

${await versions(cell)}; cell \`${cell.id}\`, emulated (TCG) unless KVM works.

"From nothing" begins with the unpacked source and no ccache, on both sides. "By hand" is
\`make tinyconfig\`, the cell's own \`.config\`, \`make vmlinux\` and QEMU with the tool's own command
line. virtme-ng builds its own configuration with the cell's options on top, and runs the same guest
program in a PID namespace; its kernel is kept with what its build took.

${table}
${["", ...others].join("\n")}`;
  await Deno.writeTextFile(file, page);
  await $`${[Deno.execPath(), "fmt", "--quiet", file]}`;
}
stream.end(Number(Deno.exitCode), null);
