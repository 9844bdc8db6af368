// SPDX-License-Identifier: MIT
/**
 * `deno task test:slurm`: `matrix --on slurm` on Debian's Slurm, which it installs where there is none,
 * with two nodes on this machine. First real kernels: the whole matrix beside one machine, a job that
 * is cancelled and a node that dies while guests boot. Then what else goes wrong, over a project whose
 * guests wait until they are told to go on. Prints what was said.
 */
import assert from "node:assert/strict";
import { archOf } from "../core/arch/table.ts";
import { jobScript, slurmWord } from "../core/cluster/slurm.ts";
import { MATRIX, until } from "../testing/broken_worlds.ts";
import { FakeProject } from "../testing/fake_project.ts";
import { assertValidJunit } from "../testing/junit.ts";
import { SlurmCluster } from "../testing/slurm_cluster.ts";
import { withTool } from "../testing/slurm_programs.ts";

/** Four builds of four kernels; of the matrix, so that they are in most caches. */
const CELLS = [
  ...["linux-6.12/kcov", "linux-6.12-unique/kcov-unique"],
  ...["linux-7.3/kcov", "linux-7.3-unique/kcov-unique-cmp"],
];
const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const WAIT_MS = 60_000;
/** Until a real guest boots: unpacked trees and builds are held against their stamps first. */
const REAL_WAIT_MS = 600_000;
const SLURM_PROGRAMS = ["sbatch", "squeue", "scancel"];

const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kmatrix-on-slurm-" }));
const cluster = await SlurmCluster.start();
const project = await FakeProject.create();
await withTool(project);
for (const name of SLURM_PROGRAMS) {
  await Deno.symlink(`/usr/bin/${name}`, `${project.dir}/bin/${name}`);
}
project.environment = cluster.env;
const { qemu } = archOf({});
await project.replaceProgram(
  qemu.program,
  `case " $* " in *" --version "*) ;; *) until [ -e ${project.dir}/go ]; do sleep 0.2; done;; esac
exec ${project.dir}/bin/${qemu.program}.real "$@"
`,
);
Deno.test.afterAll(async () => {
  await cluster.stop();
  await project.remove();
  await Deno.remove(dir, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly seconds: number;
}

async function ended(child: Deno.ChildProcess): Promise<Ended> {
  const startedAt = performance.now();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  const seconds = (performance.now() - startedAt) / 1000;
  return { code, out: `${text.decode(stderr)}${text.decode(stdout)}`, seconds };
}

/** Two shards of the fake project on a whole cluster, whose guests wait for {@linkcode go}. */
async function onSlurm(...args: readonly string[]): Promise<{ pid: number; end: Promise<Ended> }> {
  await cluster.mend();
  await project.reset();
  await Deno.remove(`${project.dir}/go`).catch(() => {});
  const words = [...MATRIX, "--on", "slurm", "--shards", "2", "--slurm-arg=--cpus-per-task=2"];
  const child = project.spawn(...words, ...args);
  return { pid: child.pid, end: ended(child) };
}

const go = () => project.write("go", "");

/** Of each cell its verdict. */
async function verdictsIn(run: string): Promise<Record<string, string>> {
  const { cells } = JSON.parse(await Deno.readTextFile(`${run}/run.json`));
  return Object.fromEntries(
    cells.map((one: { cell: string; verdict: { kind: string } }) => [one.cell, one.verdict.kind]),
  );
}

/** What was said of shards and of the scheduler. */
function show(title: string, { code, seconds, out }: Ended): void {
  const said = out.split("\n").filter((line) =>
    /\] (! )?(shard-\d+ \(|submitted|Slurm|cancel)|^(shard-\d|merged)/.test(line)
  );
  console.log([`${title}: exit code ${code} after ${seconds.toFixed(0)} s`, ...said].join("\n"));
}

interface Task {
  /** "12_1" */
  readonly id: string;
  readonly node: string;
}

/**
 * Both shards, on their nodes, once a guest of the first boots. One that waits for {@linkcode go} may
 * do so no longer than a boot may take to its first word, 40 s.
 */
async function running(
  newestRun = () => project.newestRun(),
  waitMs = WAIT_MS,
): Promise<{ first: Task; other: Task }> {
  let booting = "";
  await until("a guest boots", waitMs, async () => {
    const run = await newestRun().catch(() => "");
    for (const shard of ["shard-01", "shard-02"]) {
      const attempts = await Array.fromAsync(Deno.readDir(`${run}/slurm/${shard}`)).catch(() => []);
      for (const { name } of attempts) {
        const events = `${run}/slurm/${shard}/${name}/events.jsonl`;
        const text = await Deno.readTextFile(events).catch(() => "");
        if (text.includes('"boot-started"')) booting = shard;
      }
    }
    return booting !== "" && (await tasks()).length === 2;
  });
  const all = await tasks();
  const isFirst = ({ id }: Task) => booting.endsWith(`0${id.split("_")[1]}`);
  return { first: all.find(isFirst)!, other: all.find((one) => !isFirst(one))! };
}

async function tasks(): Promise<Task[]> {
  const lines = (await cluster.queue()).filter((one) => one.includes(" RUNNING "));
  return lines.map((line) => line.split(" ")).map(([id = "", , node = ""]) => ({ id, node }));
}

async function assertOver(): Promise<void> {
  assert.deepEqual(await cluster.queue(), []);
  await until("no job has a process", 20_000, async () => (await project.processes()).length === 0);
}

/** `matrix` over real kernels, as people call it. @param name Of the folder of its runs. */
function onReal(name: string, ...args: readonly string[]) {
  const words = ["run", "--allow-all", `${ROOT}/tasks/main.ts`, "matrix"];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...words, ...args, "--output-dir", `${dir}/${name}`, "--progress", "plain"],
    ...{ cwd: ROOT, env: { ...cluster.env, NO_COLOR: "1" } },
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
  }).spawn();
  const newestRun = async () => {
    const names = await Array.fromAsync(Deno.readDir(`${dir}/${name}`), ({ name }) => name);
    return `${dir}/${name}/${names.filter((one) => /^\d/.test(one)).sort().at(-1)}`;
  };
  return { end: ended(child), newestRun };
}

/** No job is left, nothing of one, and no guest. */
async function assertRealOver(): Promise<void> {
  assert.deepEqual(await cluster.queue(), []);
  await until("no process has a file of a run", 20_000, async () => {
    const told = [];
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const words = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
      if (words.includes(`${dir}/`)) told.push(words);
    }
    return told.length === 0;
  });
}

/** Two shards of real kernels, each on a node of its own, once one of them boots a guest. */
async function realShards(name: string) {
  await cluster.mend();
  const words = ["--on", "slurm", "--shards", "2", "--slurm-arg=--exclusive"];
  const { end, newestRun } = onReal(name, ...CELLS, ...words);
  const { first, other } = await running(newestRun, REAL_WAIT_MS);
  assert.notEqual(first.node, other.node);
  return { end, newestRun, first, other };
}

/** Cells of a shard, by the plan that its jobs were given. */
async function cellsOf(run: string, { id }: Task): Promise<readonly string[]> {
  const { shards } = JSON.parse(await Deno.readTextFile(`${run}/slurm/plan.json`));
  return shards.find(({ index }: { index: number }) => id.endsWith(`_${index}`)).cells;
}

Deno.test("real kernels: the whole matrix as four shards on two nodes is the run of one machine", async () => {
  const alone = onReal("alone");
  show("one machine", await alone.end);
  const array = onReal("array", "--on", "slurm", "--shards", "4", "--slurm-arg=--cpus-per-task=2");
  const { code, out, seconds } = await array.end;
  show("four shards on two nodes, which both are this machine", { code, out, seconds });
  assert.deepEqual([code, (await alone.end).code], [0, 0], out);
  const run = await array.newestRun();
  const verdicts = await verdictsIn(run);
  assert.deepEqual(verdicts, await verdictsIn(await alone.newestRun()));
  await assertValidJunit(await Deno.readTextFile(`${run}/junit.xml`));
  for (const cell of Object.keys(verdicts)) {
    const console = await Deno.readTextFile(`${run}/${cell}/console.log`);
    assert.match(console, /Linux version/);
  }
  await assertRealOver();
});

Deno.test("real kernels: a job that is cancelled while its guest boots leaves no guest", async () => {
  const { end, newestRun, first, other } = await realShards("cancelled");
  assert.equal((await cluster.run("scancel", first.id)).code, 0);
  const run = await end;
  show(`scancel ${first.id}, real kernels`, run);
  assert.equal(run.code, 6, run.out);
  assert.match(run.out, /it was cancelled \(CANCELLED\)/);
  const verdicts = await verdictsIn(await newestRun());
  const lost = (await cellsOf(await newestRun(), first)).map((cell) => verdicts[cell]);
  assert.ok(lost.includes("unfinished") && !lost.includes("failed"), `${lost}`);
  for (const cell of await cellsOf(await newestRun(), other)) {
    assert.equal(verdicts[cell], "passed");
  }
  await assertRealOver();
});

Deno.test("real kernels: a node that dies with its guest costs nothing but time", async () => {
  const { end, newestRun, first } = await realShards("dead");
  await killNode(first);
  const run = await end;
  show(`${first.node} off, with its job ${first.id}, real kernels`, run);
  assert.equal(run.code, 0, run.out);
  const verdicts = await verdictsIn(await newestRun());
  assert.deepEqual(verdicts, Object.fromEntries(CELLS.map((cell) => [cell, "passed"])));
  await assertRealOver();
});

/** The node of a task, off. */
async function killNode({ node }: Task): Promise<void> {
  const daemon = node === "node1" ? "node1" : "node2";
  await cluster.signal(daemon, "SIGKILL");
  await killJobsOf(daemon);
}

Deno.test("a job that is cancelled is lost, the other is whole, and the code is 6", async () => {
  const { end } = await onSlurm();
  const { first } = await running();
  assert.equal((await cluster.run("scancel", first.id)).code, 0);
  await until("it is gone", WAIT_MS, async () => (await cluster.queue()).length === 1);
  await go();
  const run = await end;
  show(`scancel ${first.id}`, run);
  assert.equal(run.code, 6, run.out);
  assert.match(run.out, /it was cancelled \(CANCELLED\)/);
  const isKcov = first.id.endsWith("_1");
  const [kcov, nokcov] = isKcov ? ["unfinished", "passed"] : ["passed", "unfinished"];
  assert.deepEqual(await verdictsIn(await project.newestRun()), {
    ...{ "fake/nokcov": nokcov, "fake/kcov": kcov, "fake/kcov/smp4": kcov },
  });
  await assertOver();
});

Deno.test("a node that dies: its shard is queued again and runs on the other one", async () => {
  const { end } = await onSlurm("--slurm-arg=--exclusive");
  const { first, other } = await running();
  assert.notEqual(first.node, other.node);
  await killNode(first);
  await go();
  const run = await end;
  show(`${first.node} off, with its job ${first.id}`, run);
  assert.equal(run.code, 0, run.out);
  const newest = await project.newestRun();
  assert.deepEqual(new Set(Object.values(await verdictsIn(newest))), new Set(["passed"]));
  const folder = `${newest}/slurm/shard-0${first.id.split("_")[1]}`;
  const attempts = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name.split("-")[1]);
  assert.deepEqual(attempts.toSorted(), ["0", "1"]);
  await assertOver();
});

/**
 * A node that is off has no processes: first what would tell the controller of the others' end, then
 * the jobs. slurmstepd has its job's number in its name (`slurmstepd: [12.batch]`).
 */
async function killJobsOf(node: string): Promise<void> {
  const ids = await cluster.processes();
  const read = (id: number, file: string) =>
    Deno.readTextFile(`/proc/${id}/${file}`).catch(() => "");
  const environments = new Map<number, readonly string[]>();
  for (const id of ids) environments.set(id, (await read(id, "environ")).split("\0"));
  const ofJobs = ids.filter((id) => environments.get(id)!.includes(`SLURMD_NODENAME=${node}`));
  const jobs = ofJobs.flatMap((id) =>
    environments.get(id)!.flatMap((one) => /^SLURM_JOB_ID=(\d+)$/.exec(one)?.[1] ?? [])
  );
  const daemons: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const words = /^\d+$/.test(name) ? await read(Number(name), "cmdline") : "";
    if (jobs.some((job) => words.startsWith(`slurmstepd: [${job}.`))) daemons.push(Number(name));
  }
  assert.ok(daemons.length > 0 && ofJobs.length > 0, `${node}: ${daemons} ${ofJobs}`);
  for (const id of [...daemons, ...ofJobs]) {
    try {
      Deno.kill(id, "SIGKILL");
    } catch {
      // Gone in the meantime.
    }
  }
}

Deno.test("a job of a better partition takes both nodes: the shards are queued again, and pass", async () => {
  const { end } = await onSlurm();
  await running();
  const urgent = ["--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null"];
  const { code, out } = await cluster.run("sbatch", ...urgent, "--wrap", "sleep 3");
  assert.equal(code, 0, out);
  await until(
    "both were preempted",
    WAIT_MS,
    async () => (await cluster.queue()).filter((line) => line.includes(" PENDING ")).length === 2,
  );
  await go();
  const run = await end;
  show("preempted", run);
  assert.equal(run.code, 0, run.out);
  await until("the other job has ended", WAIT_MS, async () => (await cluster.queue()).length === 0);
  await assertOver();
});

Deno.test("a scheduler that is away for a while costs nothing but time", async () => {
  const { end } = await onSlurm();
  await running();
  await cluster.signal("slurmctld", "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  await Promise.all([cluster.mend(), go()]);
  const run = await end;
  show("slurmctld killed, and back after 15 s", run);
  assert.equal(run.code, 0, run.out);
  assert.match(run.out, /Slurm does not answer/);
  await assertOver();
});

Deno.test("Ctrl-C cancels jobs that run and jobs that wait; what they wait for is said", async () => {
  const { pid, end } = await onSlurm();
  await running();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  Deno.kill(pid, "SIGINT");
  const run = await end;
  show("Ctrl-C", run);
  assert.equal(run.code, 130, run.out);
  await assertOver();
  const held = await onSlurm("--slurm-arg=--hold");
  await until("jobs wait", WAIT_MS, async () => (await cluster.queue()).length === 2);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  Deno.kill(held.pid, "SIGINT");
  const broken = await held.end;
  show("held, then Ctrl-C", broken);
  assert.equal(broken.code, 130, broken.out);
  assert.match(broken.out, /waits for what no waiting brings: JobHeldUser/);
  await assertOver();
});

Deno.test("what no node has is refused, with Slurm's words", async () => {
  const { end } = await onSlurm("--slurm-arg=--partition=nosuch");
  const run = await end;
  show("a partition that there is not", run);
  assert.equal(run.code, 2, run.out);
  assert.match(run.out, /Slurm refuses the jobs[^]*nosuch/);
  await assertOver();
});

Deno.test("sbatch reads the lines of a printed script as they are meant", async () => {
  const odd = `${dir}/it's 100% "odd" #1`;
  await Deno.mkdir(odd);
  const comment = `--comment=a "b" 'c' \\ #d $(touch ${dir}/pwned) %j`;
  const script = jobScript({
    array: {
      ...{ name: "kmatrix-odd", indexes: [2], cpus: 1, memoryMiB: 100, minutes: 1 },
      log: { folder: odd, name: "shard-%a.log" },
      more: [slurmWord(comment), slurmWord("-p normal")],
    },
    ...{ of: 2, digest: "ab", kmatrix: ["echo"], words: ["*"], folder: odd, variables: {} },
    shards: odd,
  });
  await Deno.writeTextFile(`${dir}/odd.sh`, script);
  const { code, out } = await cluster.run("sbatch", "--parsable", `${dir}/odd.sh`);
  assert.equal(code, 0, out);
  await until("it has ended", WAIT_MS, async () => (await cluster.queue()).length === 0);
  const asked = ["--states=all", "--noheader", "--format=%k", `--jobs=${out}`];
  const said = await cluster.run("squeue", ...asked);
  assert.equal(`--comment=${said.out}`, comment);
  assert.match(await Deno.readTextFile(`${odd}/shard-2.log`), /^matrix \* --shard 2\/2/);
  assert.equal(await Deno.readTextFile(`${odd}/shard-02/${out}-0/exit-code`), "0\n");
  await assert.rejects(Deno.stat(`${dir}/pwned`));
});
