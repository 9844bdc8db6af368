// SPDX-License-Identifier: MIT
/** What is built: a cell from nothing, in a second clone, with one file edited. */
import $ from "dax";
import { EXIT_FINISHED } from "../../../selftests/contract/frames.ts";
import { archOf } from "../../core/arch/table.ts";
import { parseBootRecord } from "../../core/boot/boot_record.ts";
import type { CacheUse, Cell } from "../../core/model/model.ts";
import type { Comparison } from "./bench_table.ts";
import { makeArgv, type MakeRequest } from "../../core/build/make.ts";
import { CACHE } from "../../testing/project_copy.ts";
import {
  type Bench,
  clang,
  type Cost,
  inTurn,
  jobs,
  kmatrix,
  makeOf,
  plainQemu,
  readRun,
  say,
  time,
} from "./measure.ts";

/** The cell from nothing but its unpacked source, and the same by hand. */
export async function coldCell({ cell, dir }: Bench, builds: number): Promise<Comparison[]> {
  const cache = `${dir}/cold`;
  // Neither side has a compiler cache, nor unpacks.
  const env = { KMATRIX_CACHE: cache, CCACHE_DISABLE: "1" };
  const ours: Cost[] = [];
  const theirs: Cost[] = [];
  const idle: number[] = [];
  for (let build = 0; build < builds; build++) {
    say(`${cell.id} from nothing, ${build + 1} of ${builds}`);
    await time(kmatrix("patch", cell.id, "--quiet", "--output-dir", `${dir}/patch`), { env });
    await Deno.remove(`${cache}/builds`, { recursive: true }).catch(() => {});
    await knowMachine(cache);
    const out = `${dir}/cold-out`;
    // Without a sandbox: bwrap does not pass on what its child has cost.
    const args = ["matrix", cell.id, "--quiet", "--sandbox", "off", "--output-dir", out];
    ours.push(await time(kmatrix(...args), { env }));
    const run = await readRun(out);
    const work = ["make", archOf(cell.machine).qemu.program, clang(cell)].map((name) =>
      run.usage.programsMs[name] ?? 0
    );
    idle.push((run.durationMs - work.reduce((sum, ms) => sum + ms, 0)) / 1000);
    theirs.push(await byHand(cell, cache, `${out}/latest/${cell.id}`, dir));
  }
  const column = (key: "seconds" | "cpuSeconds") => ({
    ours: ours.map((cost) => cost[key]),
    theirs: theirs.map((cost) => cost[key]),
  });
  const against = "make and QEMU by hand";
  return [
    {
      ...{ what: `${cell.id} from nothing, CPU time`, against, unit: "CPU s" },
      ...column("cpuSeconds"),
      target: "at most 1.02 x",
    },
    {
      ...{ what: `${cell.id} from nothing, wall time`, against, unit: "s" },
      ...column("seconds"),
      target: "",
    },
    {
      ...{ what: "of it with no make, clang or QEMU", against: "", unit: "s" },
      ...{ ours: idle, theirs: [], target: "at most 3 s" },
    },
  ];
}

/** The cell from its unpacked source in one clone after the other, with one ccache for both. */
export async function secondClone({ cell, dir }: Bench): Promise<Comparison[]> {
  if (await $.which("ccache") === undefined) {
    say("ccache is not installed: no second clone");
    return [];
  }
  const costs: Cost[] = [];
  let cacheUse: CacheUse | null | undefined;
  for (const clone of ["first", "the/second/one"]) {
    say(`${cell.id} in ${clone} clone, with a shared ccache`);
    const env = { KMATRIX_CACHE: `${dir}/clones/${clone}`, CCACHE_DIR: `${dir}/ccache` };
    await time(kmatrix("patch", cell.id, "--quiet", "--output-dir", `${dir}/patch`), { env });
    await knowMachine(env.KMATRIX_CACHE);
    const out = `${dir}/clone-out`;
    const args = ["matrix", cell.id, "--quiet", "--sandbox", "off", "--output-dir", out];
    costs.push(await time(kmatrix(...args), { env }));
    cacheUse = (await readRun(out)).cells[0]!.facts.build?.cacheUse;
    await Deno.remove(env.KMATRIX_CACHE, { recursive: true });
  }
  const { hits = 0, calls = 0 } = cacheUse ?? {};
  const [first, second] = costs as [Cost, Cost];
  const against = "the first clone";
  return [
    {
      ...{ what: `${cell.id} from nothing in a second clone with its ccache, wall time`, against },
      ...{ unit: "s", ours: [second.seconds], theirs: [first.seconds], target: "at most 0.35 x" },
    },
    {
      ...{ what: "the same, CPU time", against, unit: "CPU s", target: "" },
      ...{ ours: [second.cpuSeconds], theirs: [first.cpuSeconds] },
    },
    {
      ...{ what: "hits of that ccache", against: `${calls} calls`, unit: "%" },
      ...{ ours: calls > 0 ? [100 * hits / calls] : [], theirs: [], target: "at least 90 %" },
    },
  ];
}

/** One edited file in a tree of the user's own: built, booted and judged again. */
export async function editedFile({ cell, runs, dir }: Bench): Promise<Comparison[]> {
  say("kernel/kcov.c edited in a tree");
  const tree = `${dir}/tree`;
  const { source } = await makeOf(cell);
  await $`env cp --archive --reflink=auto ${source.path} ${tree}`.quiet();
  const out = `${dir}/edited`;
  const id = `tree/${cell.config.id}`;
  const ours = kmatrix("matrix", id, "--tree", tree, "--output-dir", out, "--quiet");
  await time(ours);
  // A build folder of its own: two makes with different environments in one configure it in turn.
  const request: MakeRequest = {
    source: { path: tree, digest: "" },
    ...{ buildDir: `${dir}/by-hand`, toolchain: cell.toolchain, jobs, variables: {} },
  };
  await time(["bash", "-c", buildByHand(request, `${out}/latest/${id}/.config`)]);
  const plain = makeArgv(request, ["vmlinux"]);
  let edits = 0;
  const edit = () => {
    const text = `int kmatrix_bench_${++edits};\n`;
    return Deno.writeTextFile(`${tree}/kernel/kcov.c`, text, { append: true });
  };
  const figures = await inTurn(
    runs,
    async () => {
      await edit();
      return (await time(ours)).seconds;
    },
    async () => {
      await edit();
      const make = (await time(plain)).seconds;
      const text = await Deno.readTextFile(`${out}/latest/${id}/boot.json`);
      const record = parseBootRecord(text, "boot.json");
      return make + await plainQemu(record, cell, dir);
    },
  );
  const { facts } = (await readRun(out)).cells[0]!;
  await Deno.remove(`${CACHE}/builds/${facts.config!.key}`, { recursive: true });
  await Deno.remove(request.buildDir, { recursive: true });
  return [{
    what: "kernel/kcov.c edited in a --tree, judged again",
    against: "plain incremental make, then plain QEMU",
    unit: "s",
    ...figures,
    target: "at most 1.25 x",
  }];
}

/** What a person would type for a kernel: tinyconfig, the .config of a cell, vmlinux. */
function buildByHand(request: MakeRequest, config: string): string {
  return [
    ["mkdir", "-p", request.buildDir],
    makeArgv(request, ["tinyconfig"]),
    ["cp", config, `${request.buildDir}/.config`],
    makeArgv(request, ["olddefconfig"]),
    makeArgv(request, ["vmlinux"]),
  ].map((argv) => argv.map((word) => $.escapeArg(word)).join(" ")).join(" && ");
}

/** The cell by hand, to QEMU's end. */
async function byHand(cell: Cell, cache: string, run: string, dir: string): Promise<Cost> {
  const buildDir = `${dir}/by-hand`;
  const record = parseBootRecord(await Deno.readTextFile(`${run}/boot.json`), "boot.json");
  const build = record.argv[record.argv.indexOf("-kernel") + 1]!;
  const { source } = await makeOf(cell);
  const name = source.path.slice(CACHE.length);
  const request: MakeRequest = {
    source: { path: `${cache}${name}`, digest: "" },
    ...{ buildDir, toolchain: cell.toolchain, jobs, variables: {} },
  };
  const log = `${dir}/plain-results.log`;
  const qemu = record.argv.map((word) =>
    word.replace(build, `${buildDir}/vmlinux`).replace(/path=[^,]*results\.log/, `path=${log}`)
  );
  const boot = qemu.map((word) => $.escapeArg(word)).join(" ");
  const cost = await time(["bash", "-c", `${buildByHand(request, `${run}/.config`)} && ${boot}`], {
    env: { CCACHE_DISABLE: "1" },
    expect: [archOf(cell.machine).qemu.exitCode(EXIT_FINISHED)],
  });
  await Deno.remove(buildDir, { recursive: true });
  return cost;
}

/** What is known of this machine, whether KVM works for one, and libquickjs: no part of a cell. */
async function knowMachine(cache: string): Promise<void> {
  for (const name of ["probes", "toolchain"]) {
    await $`env cp --archive ${CACHE}/${name} ${cache}`.quiet();
  }
}
