// SPDX-License-Identifier: MIT
/**
 * Our workflow and action as GitHub runs them: each `run:` step in its order, in a clean clone, over
 * the fakes, for a repository with a matrix and fragments of its own.
 */
import assert from "node:assert/strict";
import { basename } from "node:path/posix";
import { DENO_DIR, EVIL_BRANCH, EVIL_FILE, filesNamed, Hub, plainJunit } from "../ci_hub.ts";
import { WorkflowRun } from "../github_runner.ts";
import { assertValidJunit } from "../junit.ts";
import { FINISHED, scripted } from "../recorder.ts";
import { readLog } from "../workflow_commands.ts";

const BASIC = "kcov.mode_trace_pc.kcov_basic_syscall_coverage";
const EVIL_LINES = [
  "WARNING: CPU: 0 PID: 7 at kernel/kcov.c:1 kcov_ioctl+0x1/0x9",
  "::error::x",
  "%0A::set-output name=a::b",
  "##[error]x",
  "  ::stop-commands::x",
];

let hub: Hub;
Deno.test.beforeAll(async () => {
  hub = await Hub.create();
});
Deno.test.afterAll(() => hub.project.remove());

let runs = 100;

/** A run of a workflow for an event, with machines of its own; caches are those of all runs. */
function workflowRun(name: string, event: string, repository = `${hub.dir}/user`): WorkflowRun {
  const folder = `${hub.dir}/${name}`;
  return new WorkflowRun({
    dir: folder,
    repositories: { "": repository, "owner/kmatrix": `${hub.dir}/project` },
    path: hub.path,
    env: { NO_COLOR: "1", DENO_DIR },
    async prepare(home) {
      await hub.prepare(`${home}/.cache/kmatrix`);
      await Deno.mkdir(`${hub.dir}/caches`, { recursive: true });
      await Deno.symlink("../caches", `${folder}/caches`).catch(() => {});
    },
    github: {
      ...{ event_name: event, run_id: `${++runs}`, run_attempt: "1", repository: "owner/user" },
      ...{ ref: `refs/heads/${EVIL_BRANCH}`, ref_name: EVIL_BRANCH, head_ref: EVIL_BRANCH },
      ...{ base_ref: "main", sha: "0".repeat(40), workflow: EVIL_FILE, actor: EVIL_BRANCH },
    },
  });
}

const FILE = ".github/workflows/kmatrix.yml";
const CELLS = "--test\nkcov.*\n";
const inputs = () => ({
  ...{ kmatrix: "owner/kmatrix", commit: hub.commit, shards: "3", sandbox: "off" },
  ...{ cells: CELLS, arguments: "\n  --accel=tcg  \n\n" },
});
const told = (run: WorkflowRun) =>
  run.steps.map(({ job, step, code, log }) => `${job}: ${step}: ${code}\n${log}`).join("\n");

Deno.test("three shards and their merge give the JUnit of one machine, step by step as GitHub runs them", async () => {
  const run = workflowRun("first", "push");
  await run.workflow(`${hub.dir}/project/${FILE}`, inputs());
  assert.deepEqual(
    Object.entries(run.jobs).map(([name, { result }]) => `${name} ${result}`),
    ["machine success", "plan success", "shard success", "merge success"],
    told(run),
  );
  const jobs = [...new Set(run.steps.map(({ job }) => job))];
  assert.deepEqual(jobs.sort(), ["machine", "merge", "plan", "shard-01", "shard-02", "shard-03"]);
  const kept = [...Deno.readDirSync(run.artifacts)].map(({ name }) => name).sort();
  assert.deepEqual(kept, [
    ...[1, 2, 3].map((n) => `kmatrix-kmatrix-shard-0${n}`),
    "kmatrix-run",
  ]);
  // One machine, by the action alone.
  const alone = workflowRun("alone", "push");
  await alone.job("one", [
    { uses: "actions/checkout@x", with: { path: "source", "persist-credentials": "false" } },
    {
      uses: "actions/checkout@x",
      with: { repository: "owner/kmatrix", path: "kmatrix", "persist-credentials": "false" },
    },
    {
      uses: "./kmatrix",
      with: {
        ...{ directory: "source", cells: CELLS, arguments: "--accel=tcg", sandbox: "off" },
        artifact: "one",
      },
    },
  ]);
  assert.equal(alone.jobs.one!.result, "success", told(alone));
  const [merged, whole] = await Promise.all([
    Deno.readTextFile(`${run.artifacts}/kmatrix-run/junit.xml`),
    Deno.readTextFile(`${alone.artifacts}/one/junit.xml`),
  ]);
  await assertValidJunit(merged);
  assert.equal(plainJunit(merged), plainJunit(whole));
  // The page of the merged run is that of the run; shards leave it to the merge.
  assert.match(run.summaries.merge!, /^4 cells: 2 passed, 2 skipped as declared, 0 failed/m);
  assert.equal(run.summaries["shard-01"], "");
  // What a fresh container gets is what the workflow says, and nothing of a pull request.
  const words = new Set((await Deno.readTextFile(`${hub.dir}/apt-get`)).trim().split("\n"));
  assert.deepEqual([...words].sort(), [
    "install --yes --no-install-recommends ca-certificates git",
    "update",
  ]);
});

Deno.test("a pull request: names of branches, files and messages run nothing, and what is new is told", async () => {
  const recording = hub.project.soundBoot("fake/kcov", (script) => ({
    ...script,
    tests: script.tests.map((test) =>
      test.declared.id === BASIC
        ? { ...scripted(BASIC, { do: "pass" }, { console: EVIL_LINES }), declared: test.declared }
        : test
    ),
  }));
  await hub.project.setBoot("fake/kcov", { recording, end: FINISHED });
  const run = workflowRun("second", "pull_request");
  await run.workflow(`${hub.dir}/project/${FILE}`, inputs());
  assert.equal(run.jobs.merge!.result, "failure", told(run));
  assert.equal(run.jobs.shard!.result, "failure");
  for (const { step, log } of run.steps) {
    const { commands, old } = readLog(log);
    assert.deepEqual(old, [], step);
    const names = new Set(commands.map(({ name }) => name));
    for (const name of ["group", "endgroup", "error"]) names.delete(name);
    assert.deepEqual([...names], [], step);
  }
  const errors = run.steps.filter(({ job }) => job === "merge")
    .flatMap(({ log }) => readLog(log).commands).filter(({ name }) => name === "error");
  assert.deepEqual(errors.map(({ properties }) => properties.title), ["new: splat-warning"]);
  assert.match(run.summaries.merge!, /^### Beside the base run$/m);
  // Nothing of it was saved for other branches, and nothing was run.
  const caches = [...Deno.readDirSync(`${hub.dir}/caches`)].map(({ name }) => name);
  assert.deepEqual(caches.filter((name) => name.includes(`-${runs}-`)), []);
  assert.ok(caches.some((name) => name.startsWith("kmatrix-run-1-kmatrix-")), caches.join(" "));
  assert.deepEqual(await filesNamed(hub.dir, "pwned"), []);
});

Deno.test("what a pull request brings to a kernel tree is built, and its files are marked first", async () => {
  const run = workflowRun("range", "pull_request", await hub.kernelRepository());
  await hub.project.turnOn("new-warning");
  await run.workflow(`${hub.dir}/project/${FILE}`, {
    ...inputs(),
    cells: "source+HEAD-1..HEAD/*\n--test\nkcov.*\n",
    range: "HEAD^1..HEAD",
  }).finally(() => hub.project.turnOff("new-warning"));
  assert.equal(run.jobs.plan!.result, "success", told(run));
  const [plan] = run.steps.filter(({ step }) => step === "kmatrix plan");
  const cells = JSON.parse(plan!.log.trim().split("\n").at(-1)!).include
    .flatMap((shard: { cells: string[] }) => shard.cells);
  assert.deepEqual(cells.sort(), [
    "source+HEAD-1..HEAD/kcov",
    "source+HEAD-1..HEAD/kcov/smp4",
    "source+HEAD-1..HEAD/nokcov",
    "source+HEAD-1..HEAD/plain",
  ]);
  const merge = run.steps.find(({ step }) => step === "kmatrix merge")!;
  assert.equal(merge.code, 5, told(run));
  const [warning] = readLog(merge.log).commands.filter(({ name }) => name === "warning");
  assert.deepEqual(warning!.properties, {
    ...{ file: "kernel/fork.c", line: "7", col: "1", title: "compiler warning" },
  });
});

Deno.test("a shard that never came is a failure of the merged run", async () => {
  const run = workflowRun("third", "push");
  const program = `${hub.dir}/bin/npx`;
  const text = await Deno.readTextFile(program);
  await Deno.writeTextFile(
    program,
    text.replace("#!/bin/sh", '#!/bin/sh\ncase "$*" in *shard=2/3*) exit 1;; esac'),
  );
  await run.workflow(`${hub.dir}/project/${FILE}`, inputs()).finally(() =>
    Deno.writeTextFile(program, text)
  );
  assert.deepEqual([run.jobs.shard!.result, run.jobs.merge!.result], ["failure", "failure"]);
  const last = run.steps.at(-1)!;
  const merge = run.steps.find(({ step }) => step === "kmatrix merge")!;
  assert.equal(merge.code, 6, merge.log);
  assert.match(merge.log, /shard-missing|2 of 3/);
  assert.ok(last.job === "merge");
});

Deno.test("words of an input are words of the command line, whatever they hold", async () => {
  const evil = ["a'b", '"$(touch pwned)"', "; touch pwned #", "*", "--matrix\n--matrix", "\\"];
  for (const word of evil) {
    const run = workflowRun(`words-${evil.indexOf(word)}`, "push");
    await run.job("one", [
      { uses: "actions/checkout@x", with: { path: "source", "persist-credentials": "false" } },
      {
        uses: "actions/checkout@x",
        with: { repository: "owner/kmatrix", path: "kmatrix", "persist-credentials": "false" },
      },
      { uses: "./kmatrix", with: { command: "plan", directory: "source", cells: word } },
    ]);
    const { result } = run.jobs.one!;
    // "*" is a glob of ours, over cells and not over files.
    assert.equal(result, word === "*" ? "success" : "failure", `${word}: ${told(run)}`);
  }
  assert.deepEqual(await filesNamed(hub.dir, "pwned"), []);
  assert.ok(basename(hub.dir) === "hub");
});
