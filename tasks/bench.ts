// SPDX-License-Identifier: MIT
/**
 * `deno task bench`: kmatrix side by side with plain make and plain QEMU on the same files, and with
 * virtme-ng where it is installed, in one run. Prints a table and can write docs/performance.md.
 */
import { Command, InvalidArgumentError } from "@commander-js/extra-typings";
import $ from "dax";
import type { BootRecord, Cell, RunReport } from "./model.ts";
import {
  benchTable,
  type Comparison,
  countCompilers,
  cpuSeconds,
  median,
} from "./formats/bench_table.ts";
import { makeArgv, type MakeRequest } from "./formats/make.ts";
import { selectCells } from "./formats/plan.ts";
import { optionCosts } from "./bench_options.ts";
import { denoHost } from "./host/deno_host.ts";
import { pathsFor } from "./paths.ts";
import { loadMatrix, makePlan } from "./project.ts";
import { makeProgram, type RunOptions } from "./cli.ts";
import { identifyBuild, requestOf } from "./stages/configure.ts";
import { fetch } from "./stages/fetch.ts";
import { sourceTree } from "./stages/patch.ts";
import { CACHE, ROOT, withTempDir } from "./testing/project_copy.ts";

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
  .option("--options", "only what each line of the cell's fragments costs in objects", false)
  .option("--write", "write docs/performance.md", false)
  .addHelpText("after", "\nExample: deno task bench --parts all --write\n")
  .parse(Deno.args, { from: "user" }).opts();

const jobs = navigator.hardwareConcurrency;
const say = (text: string) => console.error(`bench: ${text}`);

/** What a command has cost. */
interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly code: number;
}

/** Runs a command under bash's `time`. @param expect Exit codes that are no failure. */
async function time(
  argv: readonly string[],
  { env = {}, expect = [0] }: { env?: Record<string, string>; expect?: readonly number[] } = {},
): Promise<Cost> {
  const script = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>"$0"';
  const log = await Deno.makeTempFile();
  try {
    let command = $`${["bash", "-c", script, log, ...argv]}`.noThrow().quiet().stdin("null");
    for (const [name, value] of Object.entries(env)) command = command.env(name, value);
    const startedAt = performance.now();
    const result = await command;
    const seconds = (performance.now() - startedAt) / 1000;
    if (!expect.includes(result.code)) {
      const tail = (await Deno.readTextFile(log)).slice(-2000);
      throw new Error(`${argv.join(" ")} ended with code ${result.code}\n${tail}`);
    }
    return { seconds, cpuSeconds: cpuSeconds(result.stderr), code: result.code };
  } finally {
    await Deno.remove(log);
  }
}

/** The argv of `deno task …` without npx. */
function kmatrix(...args: readonly string[]): string[] {
  return [Deno.execPath(), "task", "--quiet", "--cwd", ROOT, ...args];
}

/** Runs both sides in turn, so that a busy moment of the machine hits both. */
async function inTurn(
  runs: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Pick<Comparison, "ours" | "theirs">> {
  const found: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let run = 0; run < runs; run++) {
    found.ours.push(await ours());
    found.theirs.push(await theirs());
  }
  return found;
}

const host = denoHost({ log: () => {}, signal: new AbortController().signal });
const paths = pathsFor(ROOT, CACHE, null);

/** The options of the matrix command without any flag. */
async function plainOptions(): Promise<RunOptions> {
  let found: RunOptions | undefined;
  await makeProgram((invocation) => {
    found = invocation.options;
    return Promise.resolve();
  }).parseAsync(["matrix"], { from: "user" });
  return found!;
}

/** How the cell is built: make's command line and folder, as the tool has them. */
async function makeOf(cell: Cell): Promise<MakeRequest> {
  const matrix = await loadMatrix(`${ROOT}/matrix.yaml`, paths, host);
  const plan = makePlan(matrix, [cell.id], await plainOptions(), host);
  const source = await sourceTree(
    await fetch(cell.kernel, paths, host),
    cell.kernel,
    paths,
    host,
  );
  return (await identifyBuild(source, cell, plan, paths, host)).make;
}

const readRun = async (dir: string): Promise<RunReport> =>
  JSON.parse(await Deno.readTextFile(`${dir}/latest/run.json`));

/** QEMU's own command line again, for the same kernel and initramfs. */
async function plainQemu(record: BootRecord, dir: string): Promise<number> {
  const argv = record.argv.map((word) =>
    word.replace(/path=[^,]*results\.log/, `path=${dir}/plain-results.log`)
  );
  // The guest's exit port gives 33: it has run its plan.
  return (await time(argv, { expect: [33] })).seconds;
}

async function boots(cell: Cell, dir: string): Promise<Comparison[]> {
  say(`${options.runs} boots of ${cell.id}, each side`);
  const out = `${dir}/boots`;
  const matrix = kmatrix("matrix", cell.id, "--output-dir", out, "--quiet");
  await time(matrix);
  const whole: number[] = [];
  const judged = await inTurn(
    options.runs,
    async () => {
      whole.push((await time(matrix)).seconds);
      return Number((await readRun(out)).cells[0]!.properties["boot.ms"]) / 1000;
    },
    async () => {
      const record: BootRecord = JSON.parse(
        await Deno.readTextFile(`${out}/latest/${cell.id}/boot.json`),
      );
      return await plainQemu(record, dir);
    },
  );
  const qemu = median(judged.theirs);
  return [
    {
      what: "boot to verdict, from QEMU's start",
      against: "plain QEMU, same files",
      unit: "s",
      ...judged,
      target: "at most 1.15 x; 2 s for linux-6.12/kcov",
    },
    {
      what: "boot to verdict, from deno task",
      against: "plain QEMU, same files",
      unit: "s",
      ours: whole,
      theirs: judged.theirs,
      target: `at most 0.6 s more (here ${(median(whole) - qemu).toFixed(2)} s)`,
    },
  ];
}

async function warmMatrix(dir: string): Promise<Comparison[]> {
  const log = `${dir}/execs`;
  const found: Comparison[] = [];
  say("a matrix in which nothing has changed");
  const matrix = kmatrix("matrix", "--output-dir", `${dir}/warm`, "--quiet");
  await time(matrix, { expect: [0, 3] });
  const { seconds } = await time(matrix, { expect: [0, 3] });
  const run = await readRun(`${dir}/warm`);
  const booted = run.cells.reduce((sum, cell) => sum + Number(cell.properties["boot.ms"]), 0) /
    1000;
  const cells = `${run.cells.length} cells`;
  found.push({
    what: `${cells}, nothing changed`,
    against: "the sum of its boots",
    unit: "s",
    ours: [seconds],
    theirs: [booted],
    target: "",
  }, {
    what: `memory of the tool, ${cells}`,
    against: "",
    unit: "MiB",
    ours: [run.usage.peakMiB],
    theirs: [],
    target: "at most 200 MB",
  });
  const strace = await $.which("strace");
  if (strace === undefined) say("strace is missing: compilers of a no-change run are not counted");
  else {
    const trace = [strace, "--follow-forks", "--seccomp-bpf", "-e", "trace=execve", "-o", log];
    await time([...trace, ...matrix], { expect: [0, 3] });
    found.push({
      what: `compilers started, ${cells}, nothing changed`,
      against: "",
      unit: "processes",
      ours: [countCompilers(await Deno.readTextFile(log))],
      theirs: [],
      target: "0, counted by execve",
    });
  }
  const status = kmatrix("plan", "--status");
  const asked: number[] = [];
  for (let run = 0; run < options.runs; run++) asked.push((await time(status)).seconds);
  found.push({
    what: "plan --status, all cells",
    against: "",
    unit: "s",
    ours: asked,
    theirs: [],
    target: "at most 1.5 s",
  });
  return found;
}

/** One edited file in a tree of the user's own: built, booted and judged again. */
async function editedFile(cell: Cell, dir: string): Promise<Comparison[]> {
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
    options.runs,
    async () => {
      await edit();
      return (await time(ours)).seconds;
    },
    async () => {
      await edit();
      const make = (await time(plain)).seconds;
      const record: BootRecord = JSON.parse(
        await Deno.readTextFile(`${out}/latest/${id}/boot.json`),
      );
      return make + await plainQemu(record, dir);
    },
  );
  const { properties } = (await readRun(out)).cells[0]!;
  await Deno.remove(`${CACHE}/builds/${properties["build.key"]}`, { recursive: true });
  await Deno.remove(request.buildDir, { recursive: true });
  return [{
    what: "kernel/kcov.c edited in a --tree, judged again",
    against: "plain incremental make, then plain QEMU",
    unit: "s",
    ...figures,
    target: "at most 1.25 x",
  }];
}

/** What is known of this machine, whether KVM works for one, and libquickjs: no part of a cell. */
async function knowMachine(cache: string): Promise<void> {
  for (const name of ["probes", "toolchain"]) {
    await $`env cp --archive ${CACHE}/${name} ${cache}`.quiet();
  }
}

/** The cell from nothing but its unpacked source, and the same by hand. */
async function coldCell(cell: Cell, builds: number, dir: string): Promise<Comparison[]> {
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
    const work = ["make", "qemu-system-x86_64", clang(cell)].map((name) =>
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
async function secondClone(cell: Cell, dir: string): Promise<Comparison[]> {
  if (await $.which("ccache") === undefined) {
    say("ccache is not installed: no second clone");
    return [];
  }
  const costs: Cost[] = [];
  let hits = "";
  for (const clone of ["first", "the/second/one"]) {
    say(`${cell.id} in ${clone} clone, with a shared ccache`);
    const env = { KMATRIX_CACHE: `${dir}/clones/${clone}`, CCACHE_DIR: `${dir}/ccache` };
    await time(kmatrix("patch", cell.id, "--quiet", "--output-dir", `${dir}/patch`), { env });
    await knowMachine(env.KMATRIX_CACHE);
    const out = `${dir}/clone-out`;
    const args = ["matrix", cell.id, "--quiet", "--sandbox", "off", "--output-dir", out];
    costs.push(await time(kmatrix(...args), { env }));
    hits = (await readRun(out)).cells[0]!.properties["build.ccache"] ?? "";
    await Deno.remove(env.KMATRIX_CACHE, { recursive: true });
  }
  const [share, all] = (hits.match(/\d+/g) ?? []).map(Number);
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
      ...{ what: "hits of that ccache", against: `${all ?? 0} calls`, unit: "%" },
      ...{ ours: all ? [100 * share! / all] : [], theirs: [], target: "at least 90 %" },
    },
  ];
}

const clang = (cell: Cell) => cell.toolchain.llvm === "1" ? "clang" : `clang${cell.toolchain.llvm}`;

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
  const record: BootRecord = JSON.parse(await Deno.readTextFile(`${run}/boot.json`));
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
    expect: [33],
  });
  await Deno.remove(buildDir, { recursive: true });
  return cost;
}

/**
 * The same kernel by virtme-ng: its own build with the cell's options on top, then the same guest
 * program in a PID namespace of its guest, with the same two ports.
 */
async function virtmeNg(cell: Cell, dir: string): Promise<Comparison[]> {
  if (await $.which("vng") === undefined) {
    say("virtme-ng (vng) is not installed: nothing to compare with");
    const what = "build and boot by virtme-ng";
    return [{ what, against: "not installed", unit: "s", ours: [], theirs: [], target: "" }];
  }
  // Not below /tmp, which a guest of virtme-ng has a file system of its own for.
  await Deno.mkdir(`${ROOT}/out`, { recursive: true });
  const place = await Deno.makeTempDir({ dir: `${ROOT}/out`, prefix: "bench-" });
  try {
    say("virtme-ng: build");
    const tree = `${place}/tree`;
    const { source } = await makeOf(cell);
    await $`env cp --archive --reflink=auto ${source.path} ${tree}`.quiet();
    const fragments = cell.config.fragments.filter((name) => name !== "base");
    const asked = await requestOf({ config: { ...cell.config, fragments } }, [], paths, host);
    const items = [
      ...asked.lines.map(({ option, value }) => `${option}=${value}`),
      ...GUEST_OPTIONS.map((name) => `${name}=y`),
    ].flatMap((item) => ["--configitem", item]);
    const llvm = `LLVM=${cell.toolchain.llvm}`;
    const vng = (...args: string[]) => ["bash", "-c", 'cd "$0" && vng "$@"', tree, ...args];
    const build = await time(vng("--build", ...items, llvm), { env: { CCACHE_DISABLE: "1" } });
    say(`virtme-ng: ${options.runs} boots`);
    const out = `${dir}/vng-out`;
    const matrix = kmatrix("matrix", cell.id, "--quiet", "--output-dir", out);
    await time(matrix);
    const booted = await inTurn(
      options.runs,
      async () => (await time(matrix)).seconds,
      () => virtmeBoot(vng, `${out}/latest/${cell.id}`, place),
    );
    return [
      {
        ...{ what: "from nothing to the verdict, CPU time", against: "vng --build alone" },
        ...{ unit: "CPU s", target: "" },
        ...{ ours: coldCpu, theirs: [build.cpuSeconds] },
      },
      {
        ...{ what: "boot, all tests, verdict", against: "vng --run, the tests alone", unit: "s" },
        ...{ ...booted, target: "" },
      },
    ];
  } finally {
    await Deno.remove(place, { recursive: true });
  }
}

/** What the guest program needs of a kernel that is not built from our base. */
const GUEST_OPTIONS = ["CONFIG_X86_IOPL_IOPERM", "CONFIG_DEBUG_FS", "CONFIG_PID_NS"];

/**
 * One boot of virtme-ng with the guest program of a cell.
 * @param ours Folder of a boot of ours, for its initramfs.
 * @param place An empty folder is made here, as the guest program's root.
 * @returns Seconds.
 */
async function virtmeBoot(
  vng: (...args: string[]) => string[],
  ours: string,
  place: string,
): Promise<number> {
  const root = `${place}/root`;
  const record: BootRecord = JSON.parse(await Deno.readTextFile(`${ours}/boot.json`));
  const initramfs = record.argv[record.argv.indexOf("-initrd") + 1]!;
  await Deno.mkdir(root);
  // Two archives, one behind the other; cpio reads one at a time.
  const unpack = 'cd "$0" && { cpio -idm --quiet && cpio -idmu --quiet; } < "$1"';
  await $`${["bash", "-c", unpack, root, initramfs]}`.quiet();
  const results = `${place}/results.log`;
  const devices = record.argv.flatMap((word, index, all) =>
    /^file,id=results|^isa-debug/.test(word) ? [all[index - 1]!, word] : []
  ).map((word) => word.replace(/path=.*/, `path=${results}`));
  const program = `exec unshare --mount --pid --fork chroot ${root} /init`;
  const argv = vng(
    ...["--run", ".", "--disable-kvm", "--memory", "1G", "--cpus", "1", "--user", "root"],
    ...[`--rwdir=${root}`, `--qemu-opts=${devices.join(" ")}`, "--", program],
  );
  // The guest ends QEMU by its exit port, which virtme-ng takes for a failure: the results decide.
  const anyCode = Array.from({ length: 256 }, (_, code) => code);
  const { seconds } = await time(argv, { expect: anyCode });
  const found = await Deno.readTextFile(results).catch(() => "");
  const [wanted, ran] = [await Deno.readTextFile(`${ours}/results.log`), found].map((text) =>
    text.match(/^K\d+ \d+ \w+ (?:not )?ok /gm)?.length ?? 0
  );
  if (ran !== wanted) throw new Error(`virtme-ng's guest ran ${ran} of ${wanted} tests`);
  await Deno.remove(root, { recursive: true });
  await Deno.remove(results);
  return seconds;
}

/** CPU time of our cold builds, for the comparison with another tool. */
let coldCpu: readonly number[] = [];

async function versions(cell: Cell): Promise<string> {
  const { version } = await fetch(cell.kernel, paths, host);
  const first = async (...argv: string[]) => (await $`${argv}`.text()).split("\n")[0]!;
  const lines = [
    `kernel ${version}`,
    await first(clang(cell), "--version"),
    await first("qemu-system-x86_64", "--version"),
    `${jobs} cores`,
  ];
  return lines.join(", ");
}

const matrix = await loadMatrix(`${ROOT}/matrix.yaml`, paths, host);
const cell = selectCells(matrix, [options.cell])[0]!;
if (options.options) {
  const { lines } = await requestOf(cell, [], paths, host);
  console.log(await withTempDir(async (dir) => optionCosts(await makeOf(cell), lines, dir)));
  Deno.exit(0);
}
const comparisons: Comparison[] = [];
/** How each part is measured; `matrix` goes over all cells and looks for compilers. */
const measures: Record<Part, (dir: string) => Promise<Comparison[]>> = {
  boots: (dir) => boots(cell, dir),
  matrix: (dir) => warmMatrix(dir),
  cold: async (dir) => {
    const found = await coldCell(cell, options.builds, dir);
    coldCpu = found[0]!.ours;
    return found;
  },
  clones: (dir) => secondClone(cell, dir),
  edited: (dir) => editedFile(cell, dir),
  "virtme-ng": (dir) => virtmeNg(cell, dir),
};
await withTempDir(async (dir) => {
  for (const part of PARTS.filter((name) => options.parts.includes(name))) {
    try {
      comparisons.push(...await measures[part](dir));
    } catch (error) {
      // A part that fails takes none of the others with it.
      say(`${part} FAILED: ${(error as Error).message}`);
      Deno.exitCode = 1;
    }
  }
});
const table = benchTable(comparisons);
console.log(table);
if (options.write) {
  const page = `# Performance

Written by \`deno task bench --write\`. Figures are medians of one run on one machine, both sides in
turn; take the ratios, not the seconds.

${await versions(cell)}; cell \`${cell.id}\`, emulated (TCG) unless KVM works.

"From nothing" begins with the unpacked source and no ccache, on both sides. "By hand" is
\`make tinyconfig\`, the cell's own \`.config\`, \`make vmlinux\` and QEMU with the tool's own command
line. virtme-ng builds its own configuration with the cell's options on top, and runs the same guest
program in a PID namespace.

${table}
`;
  const file = `${ROOT}/docs/performance.md`;
  await Deno.writeTextFile(file, page);
  await $`${[Deno.execPath(), "fmt", "--quiet", file]}`;
}
