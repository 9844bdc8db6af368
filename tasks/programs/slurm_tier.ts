// SPDX-License-Identifier: MIT
/**
 * `deno task test:slurm`: `matrix --on slurm` on Debian's Slurm, which it installs where there is none,
 * with two nodes on this machine. Cells are booted for real; what is not built yet is built first, and
 * a quarter of an hour is for the rest. Prints what was said.
 */
import assert from "node:assert/strict";
import { jobScript, slurmWord } from "../core/cluster/slurm.ts";
import { assertValidJunit } from "../testing/junit.ts";
import { until } from "../testing/broken_worlds.ts";
import { SlurmCluster } from "../testing/slurm_cluster.ts";

/** Four builds of four kernels; of the matrix, so that they are in most caches. */
const CELLS = [
  ...["linux-6.12/kcov", "linux-6.12-unique/kcov-unique"],
  ...["linux-7.3/kcov", "linux-7.3-unique/kcov-unique-cmp"],
];
const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const START_MS = 300_000;

const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kmatrix-on-slurm-" }));
const cluster = await SlurmCluster.start();
Deno.test.afterAll(async () => {
  await cluster.stop();
  await Deno.remove(dir, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly seconds: number;
  /** Folder of its run; "" where it has made none. */
  readonly run: string;
}

/** Starts `matrix` of these cells; their runs lie in a folder of their own. */
function start(...args: readonly string[]): { pid: number; ended: Promise<Ended> } {
  const runs = `${dir}/${crypto.randomUUID().slice(0, 8)}`;
  const words = ["run", "--allow-all", `${ROOT}/tasks/main.ts`, "matrix", ...CELLS];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...words, "--output-dir", runs, "--progress", "plain", ...args],
    cwd: ROOT,
    env: { ...cluster.env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const startedAt = performance.now();
  const ended = child.output().then(async ({ code, stdout, stderr }): Promise<Ended> => {
    const text = new TextDecoder();
    const seconds = (performance.now() - startedAt) / 1000;
    const out = `${text.decode(stderr)}${text.decode(stdout)}`;
    const run = await Deno.realPath(`${runs}/latest`).catch(() => "");
    return { code, out, seconds, run };
  });
  return { pid: child.pid, ended };
}

const onSlurm = (...args: readonly string[]) =>
  start("--on", "slurm", "--shards", "4", "--slurm-arg=--cpus-per-task=2", ...args);

/** Of each cell its verdict. */
async function verdictsOf({ run }: Ended): Promise<Record<string, string>> {
  const { cells } = JSON.parse(await Deno.readTextFile(`${run}/run.json`));
  return Object.fromEntries(
    cells.map((one: { cell: string; verdict: { kind: string } }) => [one.cell, one.verdict.kind]),
  );
}

/** What was said, without the table and the failures' evidence. */
function show(title: string, { code, seconds, out }: Ended): void {
  const said = out.split("\n").filter((line) =>
    /\] (! )?(shard-|submitted|Slurm|cancel)/.test(line)
  );
  console.log([`${title}: exit code ${code} after ${seconds.toFixed(0)} s`, ...said].join("\n"));
}

/** The shard of a cell that runs, and its node, as squeue tells. */
async function runningTask(): Promise<{ id: string; node: string }> {
  let found: { id: string; node: string } | null = null;
  await until("a job runs", START_MS, async () => {
    const line = (await cluster.queue()).find((one) => one.includes(" RUNNING "));
    const [id = "", , node = ""] = line?.split(" ") ?? [];
    found = line === undefined ? null : { id, node };
    return found !== null;
  });
  return found!;
}

async function assertEmpty(): Promise<void> {
  assert.deepEqual(await cluster.queue(), []);
}

let alone: Ended;

Deno.test("four shards on two nodes are the run of one machine", async () => {
  alone = await start().ended;
  const array = await onSlurm().ended;
  show("one machine", alone);
  show("four shards on two nodes, both of them this machine", array);
  assert.equal(array.code, alone.code, array.out);
  assert.equal(array.code, 0, array.out);
  assert.deepEqual(await verdictsOf(array), await verdictsOf(alone));
  await assertValidJunit(await Deno.readTextFile(`${array.run}/junit.xml`));
  for (const cell of CELLS) {
    const console = await Deno.readTextFile(`${array.run}/${cell}/console.log`);
    assert.match(console, /Linux version/);
  }
  await assertEmpty();
});

Deno.test("a job that is cancelled is lost, the others are whole, and the code is 6", async () => {
  const { ended } = onSlurm();
  const { id } = await runningTask();
  assert.equal((await cluster.run("scancel", id)).code, 0);
  const run = await ended;
  show(`scancel ${id}`, run);
  assert.equal(run.code, 6, run.out);
  assert.match(run.out, /it was cancelled \(CANCELLED\)/);
  const kinds = Object.values(await verdictsOf(run));
  assert.deepEqual(kinds.toSorted(), ["passed", "passed", "passed", "unfinished"]);
  await assertEmpty();
});

Deno.test("a node that dies: its shard is queued again and runs on the other one", async () => {
  const { ended } = onSlurm();
  const { id, node } = await runningTask();
  const daemon = node === "node1" ? "node1" : "node2";
  await cluster.signal(daemon, "SIGKILL");
  await killJobsOf(node);
  const run = await ended;
  show(`the slurmd of ${node} and its job ${id} killed`, run);
  assert.equal(run.code, 0, run.out);
  assert.deepEqual(new Set(Object.values(await verdictsOf(run))), new Set(["passed"]));
  const shard = `shard-0${id.split("_")[1]}`;
  const attempts = await Array.fromAsync(Deno.readDir(`${run.run}/slurm/${shard}`));
  assert.deepEqual(attempts.map(({ name }) => name.split("-")[1]).sort(), ["0", "1"]);
  await assertEmpty();
  cluster.restart(daemon);
  await until("the node is back", 60_000, async () => {
    const { out } = await cluster.run("sinfo", "--noheader", "--Node", "--format=%N %T");
    return !/down|\*/.test(out);
  });
});

/** A node that is off has no processes: those of its jobs, by the name that slurmd gives them. */
async function killJobsOf(node: string): Promise<void> {
  for (const id of await cluster.processes()) {
    const environment = await Deno.readTextFile(`/proc/${id}/environ`).catch(() => "");
    if (!environment.split("\0").includes(`SLURMD_NODENAME=${node}`)) continue;
    try {
      Deno.kill(id, "SIGKILL");
    } catch {
      // Gone in the meantime.
    }
  }
}

Deno.test("a job of a better partition takes the node: the shard is queued again, and passes", async () => {
  const { ended } = onSlurm("--slurm-arg=--exclusive");
  await runningTask();
  const urgent = ["--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null"];
  const { code } = await cluster.run("sbatch", ...urgent, "--wrap", "sleep 5");
  assert.equal(code, 0);
  const run = await ended;
  show("preempted", run);
  assert.equal(run.code, 0, run.out);
  await assertEmpty();
});

Deno.test("a scheduler that is away for a while costs nothing but time", async () => {
  const { ended } = onSlurm();
  await runningTask();
  await cluster.signal("slurmctld", "SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, 25_000));
  cluster.restart("slurmctld");
  const run = await ended;
  show("slurmctld killed for 25 s", run);
  assert.equal(run.code, 0, run.out);
  assert.match(run.out, /Slurm does not answer/);
  await assertEmpty();
});

Deno.test("Ctrl-C cancels the jobs; what is asked for in vain is said while it waits", async () => {
  const { pid, ended } = onSlurm("--slurm-arg=--mem=7000G");
  const refused = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 8000))]);
  if (refused === undefined) Deno.kill(pid, "SIGINT");
  const run = await ended;
  show("more memory than any node has", run);
  assert.equal(run.code, 2, run.out);
  assert.match(run.out, /Slurm refuses the jobs/);
  const held = onSlurm("--slurm-arg=--hold");
  await until("jobs wait", START_MS, async () => (await cluster.queue()).length === 4);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  Deno.kill(held.pid, "SIGINT");
  const broken = await held.ended;
  show("held, then Ctrl-C", broken);
  assert.equal(broken.code, 130, broken.out);
  assert.match(broken.out, /waits for what no waiting brings: JobHeldUser/);
  await assertEmpty();
});

Deno.test("sbatch reads the lines of a printed script as they are meant", async () => {
  const odd = `${dir}/it's 100% "odd" \\ #1`;
  await Deno.mkdir(odd);
  const comment = `--comment=a "b" 'c' \\ #d $(touch ${dir}/pwned) %j`;
  const log = { folder: odd, name: "shard-%a.log" };
  const script = jobScript({
    array: {
      ...{ name: "kmatrix-odd", indexes: [2], cpus: 1, memoryMiB: 100, minutes: 1, log },
      more: [slurmWord(comment), slurmWord("-p normal")],
    },
    ...{ of: 2, digest: "ab", kmatrix: ["echo"], words: ["*"], folder: odd, variables: {} },
    shards: odd,
  });
  await Deno.writeTextFile(`${dir}/odd.sh`, script);
  const { code, out } = await cluster.run("sbatch", "--parsable", `${dir}/odd.sh`);
  assert.equal(code, 0, out);
  await until("it has ended", 30_000, async () => (await cluster.queue()).length === 0);
  const said = await cluster.run(
    "squeue",
    "--states=all",
    "--noheader",
    "--format=%k",
    `--jobs=${out}`,
  );
  assert.equal(`--comment=${said.out}`, comment);
  assert.match(await Deno.readTextFile(`${odd}/shard-2.log`), /^matrix \* --shard 2\/2/);
  assert.equal(await Deno.readTextFile(`${odd}/shard-02/${out}-0/exit-code`), "0\n");
  await assert.rejects(Deno.stat(`${dir}/pwned`));
});
