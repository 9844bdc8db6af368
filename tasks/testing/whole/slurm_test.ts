// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CELLS, MATRIX, until } from "../broken_worlds.ts";
import type { FakeProject } from "../fake_project.ts";
import { assertValidJunit, junitCases } from "../junit.ts";
import { FINISHED } from "../recorder.ts";
import { withSlurm } from "../slurm_programs.ts";
import { BROKEN, cases, setTest } from "./fake_cases.ts";

const ON_SLURM = [...MATRIX, "--on", "slurm", "--shards", "2"];
/** The shard of fake/kcov and fake/kcov/smp4, and that of fake/nokcov. */
const KCOV = 1;

async function prepared(project: FakeProject): Promise<void> {
  await Deno.remove(`${project.dir}/slurm`, { recursive: true }).catch(() => {});
  await withSlurm(project);
}

const slurm = (project: FakeProject, name: string) =>
  Deno.readTextFile(`${project.dir}/slurm/${name}`).catch(() => "");

/** States of jobs that are in the queue. */
async function queue(project: FakeProject): Promise<string[]> {
  const states: string[] = [];
  for await (const { name } of Deno.readDir(`${project.dir}/slurm/jobs`)) {
    states.push((await slurm(project, `jobs/${name}/state`)).trim());
  }
  return states.filter((state) => state === "PENDING" || state === "RUNNING");
}

/** Of each cell its verdict in run.json. */
async function verdicts(project: FakeProject): Promise<Record<string, string>> {
  const { cells } = JSON.parse(await project.read("run.json"));
  return Object.fromEntries(
    cells.map((one: { cell: string; verdict: { kind: string } }) => [one.cell, one.verdict.kind]),
  );
}

const PASSED = Object.fromEntries(CELLS.map((cell) => [cell, "passed"]));

cases("matrix --on slurm", "built", [
  [
    "shards run as one array and come back as one run, with options and variables",
    async (project) => {
      await prepared(project);
      project.environment = { KCFLAGS: "-DA='x y'" };
      const events = `${project.dir}/events.jsonl`;
      const args = ["--events", events, "--slurm-arg", "-p long", "--timeout", "77", "--jobs", "3"];
      const { code, out, err } = await project.run(...ON_SLURM, ...args);
      project.environment = {};
      assert.equal(code, 0, out + err);
      assert.deepEqual(await verdicts(project), PASSED);
      await assertValidJunit(await project.read("junit.xml"));
      assert.match(await project.read("report.html"), /fake\/kcov\/smp4/);
      assert.notEqual(await project.read("fake/kcov/console.log"), "");
      assert.match(out, /^merged: 2 of 2 shards/m);
      const submitted = await slurm(project, "submitted");
      for (const word of ["--array=1-2", "--cpus-per-task=3", "-plong", "--requeue"]) {
        assert.ok(submitted.split(" ").includes(word), `${word}: ${submitted}`);
      }
      const script = await project.read("slurm/job.sh");
      assert.match(script, /--timeout \\\n {2}77/);
      assert.ok(script.includes("export KCFLAGS="), script);
      const told = (await Deno.readTextFile(events)).trimEnd().split("\n")
        .map((line) => JSON.parse(line) as { event?: string; change?: string; cells?: string[] });
      const changes = told.flatMap((one) => one.event === "shard-changed" ? [one.change] : []);
      assert.equal(changes.filter((one) => one === "ended").length, 2);
      assert.equal(told.filter((one) => one.event === "cell-ended").length, CELLS.length);
      assert.equal(told.filter((one) => one.event === "cells-planned").length, 1);
      assert.equal(told.filter((one) => one.event === "run-ended").length, 1);
      assert.deepEqual(await queue(project), []);
    },
  ],

  [
    "what is red in a shard is red in the run, with the code of the whole matrix",
    async (project) => {
      await prepared(project);
      await setTest(project, "fake/kcov", BROKEN);
      const { code, out } = await project.run(...ON_SLURM);
      assert.equal(code, 3, out);
      assert.deepEqual(await verdicts(project), { ...PASSED, "fake/kcov": "failed" });
      assert.match(out, /expected 0 PCs, found 7/);
    },
  ],

  [
    "a job that is lost is a failure, and its cells are not run; the others are whole",
    async (project) => {
      await prepared(project);
      await project.write(`slurm/instead-${KCOV}`, "OUT_OF_MEMORY\n");
      const { code, out } = await project.run(...ON_SLURM);
      assert.equal(code, 6, out);
      assert.deepEqual(await verdicts(project), {
        ...{ "fake/nokcov": "passed", "fake/kcov": "unfinished", "fake/kcov/smp4": "unfinished" },
      });
      assert.match(out, /shard-01: it needed more memory than it had \(OUT_OF_MEMORY\)/);
      await assertValidJunit(await project.read("junit.xml"));
    },
  ],

  ["where no shard comes back there is a report all the same", async (project) => {
    await prepared(project);
    for (const shard of [1, 2]) await project.write(`slurm/instead-${shard}`, "CANCELLED\n");
    const { code, out } = await project.run(...ON_SLURM);
    assert.equal(code, 6, out);
    const suites = junitCases(await project.read("junit.xml"));
    for (const cell of CELLS) assert.ok(cell in suites, cell);
    assert.match(out, /\[shard-lost, infra\]/);
  }],

  ["nodes on which kmatrix cannot run say why by the end of the job's log", async (project) => {
    await prepared(project);
    const main = `${project.root}/tasks/main.ts`;
    await Deno.remove(main);
    const { code, out } = await project.run(...ON_SLURM);
    assert.equal(code, 6, out);
    assert.match(out, /shard-02: it has ended with code 2 and left no run/);
    assert.match(out, /kmatrix: its project is not in .* any more/);
  }],

  [
    "a refused job is the user's to mend, a scheduler that is away the machine's",
    async (project) => {
      await prepared(project);
      await project.write("slurm/refuses", "");
      const refused = await project.run(...ON_SLURM);
      assert.equal(refused.code, 2, refused.err);
      assert.match(refused.err, /Slurm refuses the jobs[^]*Invalid account/);
      const sbatch = `${project.dir}/bin/sbatch`;
      await Deno.rename(sbatch, `${sbatch}.away`);
      const missing = await project.run(...ON_SLURM);
      await Deno.rename(`${sbatch}.away`, sbatch);
      assert.equal(missing.code, 6, missing.err);
      assert.match(missing.err, /sbatch is not on the PATH/);
    },
  ],

  ["Ctrl-C cancels the jobs, and nothing is left", async (project) => {
    await prepared(project);
    await project.setBoot("fake/kcov", { recording: project.soundBoot("fake/kcov"), end: "hangs" });
    const child = project.spawn(...ON_SLURM);
    const output = child.output();
    const before = await project.started("qemu");
    await until("a guest runs", 30_000, async () => await project.started("qemu") > before);
    Deno.kill(child.pid, "SIGINT");
    const { code, stderr } = await output;
    assert.equal(code, 130, new TextDecoder().decode(stderr));
    assert.match(await slurm(project, "cancelled"), /^--name=kmatrix-/);
    assert.deepEqual(await queue(project), []);
    await until("no process is left", 5000, async () => (await project.processes()).length === 0);
    const xml = await project.read("junit.xml");
    await assertValidJunit(xml);
    assert.doesNotMatch(xml, /<(failure|error)/);
    assert.equal((await verdicts(project))["fake/kcov"], "unfinished");
  }],

  ["queued again, a shard is run anew, and what was red before stays red", async (project) => {
    await prepared(project);
    const sound = project.soundBoot("fake/kcov");
    await setTest(project, "fake/kcov", BROKEN);
    const smp = project.soundBoot("fake/kcov/smp4");
    await project.setBoot("fake/kcov/smp4", { recording: smp, end: "hangs" });
    const child = project.spawn(...ON_SLURM);
    const output = child.output();
    const job = `slurm/jobs/41_${KCOV}`;
    const events = async () =>
      await Deno.readTextFile(
        `${await project.newestRun()}/slurm/shard-0${KCOV}/41-0/events.jsonl`,
      );
    await until(
      "a cell is red",
      60_000,
      async () => (await events().catch(() => "")).includes('"event":"cell-ended"'),
    );
    // As of a node that dies.
    await project.write(`${job}/state`, "PENDING\n");
    Deno.kill(-Number(await Deno.readTextFile(`${project.dir}/${job}/pid`)), "SIGKILL");
    await project.setBoot("fake/kcov", { recording: sound, end: FINISHED });
    await project.setBoot("fake/kcov/smp4", { recording: smp, end: FINISHED });
    const start = new Deno.Command(`${project.dir}/bin/setsid`, {
      args: [`${project.dir}/bin/slurm-start`, "41", `${KCOV}`, "1"],
      env: { PATH: `${project.dir}/bin`, KMATRIX_CACHE: project.cache, ...homeOf(project) },
    }).spawn();
    const { code, stdout } = await output;
    await start.status;
    const out = new TextDecoder().decode(stdout);
    assert.equal(code, 3, out);
    assert.deepEqual(await verdicts(project), PASSED);
    assert.match(out, /fake\/kcov: .*expected 0 PCs, found 7/);
    assert.match(out, /shard-01 was begun again behind this/);
  }],

  ["--dry-run prints what would be submitted, --list the cells; nothing is", async (project) => {
    await prepared(project);
    const dry = await project.run(...ON_SLURM, "--dry-run");
    assert.equal(dry.code, 0, dry.err);
    assert.match(dry.out, /^sbatch --parsable --job-name=\S+ --array=1-2 /);
    assert.match(dry.out, /^#SBATCH --array=1-2$/m);
    const list = await project.run(...ON_SLURM, "--list");
    assert.deepEqual(list.out.trim().split("\n"), CELLS);
    assert.equal(await slurm(project, "submitted"), "");
    for (
      const args of [
        [...ON_SLURM, "--shard", "1/2"],
        [...MATRIX, "--shards", "2"],
        [...MATRIX, "--slurm-arg=-p long"],
        [...ON_SLURM, "--slurm-arg=--array=3"],
        [...MATRIX, "--on", "pbs"],
      ]
    ) {
      const refused = await project.run(...args);
      assert.deepEqual([refused.code, refused.out], [2, ""], args.join(" "));
    }
    assert.equal(await slurm(project, "submitted"), "");
  }],
]);

const homeOf = (project: FakeProject) => ({
  HOME: `${project.dir}/home`,
  DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
});
