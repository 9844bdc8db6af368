// SPDX-License-Identifier: MIT
/**
 * `deno task bench [--cell ID] [--runs N] [--cold]`: what one cell costs, as medians of several
 * runs. --cold takes an empty cache for the first run, which is then reported apart.
 */
import { Command } from "@commander-js/extra-typings";
import $ from "dax";
import type { RunReport } from "./model.ts";

const options = new Command("bench")
  .description("Measures one cell: boot, the tool's own time, its memory.")
  .option("--cell <id>", "the cell", "linux-6.12/kcov")
  .option("--runs <n>", "how many warm runs", Number, 5)
  .option("--cold", "start from an empty cache", false)
  .parse(Deno.args, { from: "user" }).opts();

/** Programs whose time is not the tool's own: the work itself, and unpacking. */
const WORK = /^(make|clang.*|qemu-system-x86_64|tar|xz|cp|apt-get)$/;

interface Sample {
  readonly totalMs: number;
  readonly ownMs: number;
  readonly bootMs: number;
  readonly peakMiB: number;
}

async function sample(cache: string | undefined, dir: string): Promise<Sample> {
  const json = `${dir}/run.json`;
  const main = new URL("main.ts", import.meta.url).pathname;
  const argv = [Deno.execPath(), "run", "--allow-all", main, "matrix", options.cell];
  const result = await $`${[...argv, "--json", json, "--output-dir", dir]}`.noThrow()
    .stdout("null").env("KMATRIX_CACHE", cache);
  if (result.code !== 0) throw new Error(`the cell ended with exit code ${result.code}`);
  const run: RunReport = JSON.parse(await Deno.readTextFile(json));
  const work = Object.entries(run.usage.programsMs).filter(([name]) => WORK.test(name));
  return {
    totalMs: run.durationMs,
    ownMs: run.durationMs - work.reduce((sum, [, ms]) => sum + ms, 0),
    bootMs: Number(run.cells[0]!.properties["boot.ms"]),
    peakMiB: run.usage.peakMiB,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function print(name: string, samples: readonly Sample[]): void {
  const column = (key: keyof Sample) => median(samples.map((one) => one[key]));
  const seconds = (key: keyof Sample) => `${(column(key) / 1000).toFixed(2)} s`;
  console.log(
    `${name.padEnd(18)} total ${seconds("totalMs")}, outside make, clang, QEMU and unpacking ` +
      `${seconds("ownMs")}, QEMU start to exit ${seconds("bootMs")}, ` +
      `tool's peak memory ${column("peakMiB")} MiB`,
  );
}

const dir = await Deno.makeTempDir();
try {
  const cache = options.cold ? `${dir}/cache` : Deno.env.get("KMATRIX_CACHE");
  const first = await sample(cache, `${dir}/out`);
  if (options.cold) print(`${options.cell} cold`, [first]);
  const warm: Sample[] = [];
  for (let run = 0; run < options.runs; run++) warm.push(await sample(cache, `${dir}/out`));
  print(`${options.cell} warm`, warm);
} finally {
  await Deno.remove(dir, { recursive: true });
}
