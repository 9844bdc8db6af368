// SPDX-License-Identifier: MIT
/** `deno task bench --dataflow-costs`: a kernel with KCOV dataflow beside the same one without. */
import { counted } from "../../core/text/counted.ts";
import $ from "dax";
import { SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS } from "../../core/inspect/elf.ts";
import type { CellReport } from "../../core/model/model.ts";
import { withElf } from "../../steps/elf_file.ts";
import { CACHE, ROOT } from "../../testing/project_copy.ts";
import {
  DATAFLOW_VARIANTS,
  type DataflowCost,
  type DataflowCosts,
  type DataflowVariant,
  LATENCY_SOURCE,
  parseLatency,
} from "./dataflow_cost_table.ts";
import { host, kmatrix, readRun, say, time } from "./measure.ts";

/** The matrix that has such cells. */
export const DATAFLOW_MATRIX = `${ROOT}/matrix-dataflow.yaml`;
/** All files are instrumented, as in the kernels of the published figures. */
export const DATAFLOW_CELL = "linux-6.12-dataflow/dataflow-all";

/** What each kernel asks for beyond its cell. */
const ADDS: Readonly<Record<DataflowVariant, readonly string[]>> = {
  off: ["ARGS=n", "RET=n", "FIELDS=n", "INSTRUMENT_ALL=n"],
  values: ["FIELDS=n"],
  fields: [],
};

/** One test is enough for a boot. */
const TEST = "kcov.*kcov_basic_syscall_coverage";

/**
 * Builds each kernel once from nothing, without a compiler cache, and boots them in turn.
 * @param runs How many boots of each.
 * @param dir A folder for the time of the benchmark.
 */
export async function dataflowCosts(
  cell: string,
  runs: number,
  dir: string,
): Promise<DataflowCosts> {
  const env = { KMATRIX_CACHE: `${dir}/cache`, CCACHE_DISABLE: "1" };
  // Apart, for `latest` stays with runs of the matrix.
  const outOf = (variant: DataflowVariant, command: string) => `${dir}/${variant}-${command}`;
  const run = (variant: DataflowVariant, command: string, ...more: readonly string[]) => {
    const adds = ADDS[variant].flatMap((one) => ["--kconfig-add", `CONFIG_KCOV_DATAFLOW_${one}`]);
    const out = ["--output-dir", outOf(variant, command), "--matrix", DATAFLOW_MATRIX];
    return time(kmatrix(command, cell, ...out, ...adds, "--sandbox", "off", ...more), { env });
  };
  for (const name of ["probes", "toolchain"]) {
    await $`env mkdir --parents ${env.KMATRIX_CACHE}`.quiet();
    await $`env cp --archive ${CACHE}/${name} ${env.KMATRIX_CACHE}`.quiet();
  }
  const built: Partial<Record<DataflowVariant, BuiltKernel>> = {};
  for (const variant of DATAFLOW_VARIANTS) {
    say(`${cell}, ${variant}: build from nothing`);
    // Unpacks, compiles the plugin and what Kconfig runs.
    await run(variant, "configure", "--quiet");
    // None is a copy of the one before.
    const { cpuSeconds } = await run(variant, "build", "--quiet", "--fresh-build");
    await run(variant, "inspect", "--quiet");
    const { facts } = (await readRun(outOf(variant, "inspect"))).cells[0]!;
    const sizes = await sizesOf(facts, env.KMATRIX_CACHE);
    built[variant] = { ...sizes, buildCpuSeconds: cpuSeconds };
  }
  const boots = DATAFLOW_VARIANTS.map((variant) => [variant, noBoots()] as const);
  for (let boot = 0; boot < runs; boot++) {
    say(`boot ${boot + 1} of ${counted(runs, "boot")}, each kernel`);
    for (const [variant, found] of boots) {
      await run(variant, "matrix", "--quiet", "--test", TEST);
      const { facts } = (await readRun(outOf(variant, "matrix"))).cells[0]!;
      const kernelMs = facts.boot?.phasesMs.kernel;
      if (kernelMs === undefined) {
        throw new Error(`${cell}, ${variant}: no time of the kernel's boot`);
      }
      found.bootMs.push(kernelMs);
      await run(variant, "repro", "--", LATENCY_SOURCE);
      const log = `${outOf(variant, "repro")}/latest/${cell}/console.log`;
      const { idle, collecting } = parseLatency(await Deno.readTextFile(log));
      found.callNs.push(idle);
      if (collecting !== null) found.collectingNs.push(collecting);
    }
  }
  return Object.fromEntries(
    boots.map(([variant, found]) => [variant, { ...built[variant]!, ...found }]),
  ) as unknown as DataflowCosts;
}

type BuiltKernel = Pick<DataflowCost, "textBytes" | "dataBytes" | "buildCpuSeconds">;

const noBoots = (): Record<"bootMs" | "callNs" | "collectingNs", number[]> => ({
  bootMs: [],
  callNs: [],
  collectingNs: [],
});

async function sizesOf(
  { config, inspection }: CellReport["facts"],
  cache: string,
): Promise<Pick<DataflowCost, "textBytes" | "dataBytes">> {
  if (!config || !inspection) throw new Error("the kernel was not inspected");
  const dataBytes = await withElf(
    `${cache}/builds/${config.key}/vmlinux`,
    host,
    ({ sections }) =>
      sections.filter(({ flags, type }) =>
        (flags & SHF_ALLOC) !== 0 && (flags & SHF_EXECINSTR) === 0 && type !== SHT_NOBITS
      ).reduce((sum, { size }) => sum + size, 0),
  );
  return { textBytes: inspection.textBytes, dataBytes };
}
