// SPDX-License-Identifier: MIT
/**
 * `deno task test:ci`: each `run:` step of the workflow as GitHub runs it, in clean clones of this
 * project, over real kernels: a plan of two shards, their jobs and the merge, beside one machine. Then
 * a run with a red cell, whose failure is shown again by what the merged run has of it. Uses the
 * project's own cache, so only a cold run builds; steps of apt-get are done for real.
 */
import assert from "node:assert/strict";
import $ from "dax";
import { parseRunReport } from "../core/report/run_report.ts";
import { BROKEN_TEST } from "../testing/broken_selftest.ts";
import { commit, DENO_DIR, plainJunit } from "../testing/ci_hub.ts";
import { WorkflowRun } from "../testing/github_runner.ts";
import { assertValidJunit } from "../testing/junit.ts";
import { CACHE, copyProject, kmatrix } from "../testing/project_copy.ts";

/** Four builds of three kernels. */
const CELLS = [
  ...["linux-6.12/nokcov", "linux-6.12/kcov", "linux-6.12-unique/kcov-unique/smp4"],
  ...["linux-6.12-unique/kcov-unique", "linux-7.3/kcov"],
];
const RED = "linux-6.12/kcov";

const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kmatrix-ci-" }));
Deno.test.afterAll(() => Deno.remove(dir, { recursive: true }));

/** What a job's machine has of this one: downloads of npm and of Deno, and the cache of builds. */
async function machineEnv(): Promise<Record<string, string>> {
  const npm = (await $`npm config get cache`.text()).trim();
  const ccache = Deno.env.get("CCACHE_DIR");
  return {
    ...{ NO_COLOR: "1", DENO_DIR, npm_config_cache: npm, KMATRIX_CACHE: CACHE },
    ...(ccache ? { CCACHE_DIR: ccache } : {}),
  };
}

/** A clone's repository: this project as it is, changed. */
async function repository(name: string, change: (root: string) => Promise<void>) {
  await Deno.mkdir(`${dir}/${name}`);
  const root = await copyProject(`${dir}/${name}`);
  await change(root);
  return { root, commit: await commit(root, name) };
}

type Repository = Awaited<ReturnType<typeof repository>>;

async function workflowRun(name: string, { root }: Repository): Promise<WorkflowRun> {
  return new WorkflowRun({
    dir: `${dir}/${name}`,
    repositories: { "": root, "owner/kmatrix": root },
    path: Deno.env.get("PATH")!,
    env: await machineEnv(),
    prepare: () => Promise.resolve(),
    github: {
      ...{ event_name: "push", run_id: "1", run_attempt: "1", repository: "owner/kmatrix" },
      ...{ ref: "refs/heads/main", ref_name: "main", head_ref: "", base_ref: "" },
      ...{ sha: "0".repeat(40), workflow: "kmatrix", actor: "owner" },
    },
  });
}

async function inShards(name: string, from: Repository, cells: readonly string[]) {
  const run = await workflowRun(name, from);
  await run.workflow(`${from.root}/.github/workflows/kmatrix.yml`, {
    ...{ kmatrix: "owner/kmatrix", commit: from.commit, shards: "2" },
    ...{ cells: `${cells.join("\n")}\n` },
  });
  return run;
}

/** By the action, in one job. */
async function onOneMachine(name: string, from: Repository, cells: readonly string[]) {
  const run = await workflowRun(name, from);
  const checkout = { uses: "actions/checkout@x" };
  const own = { "persist-credentials": "false" };
  await run.job("one", [
    { ...checkout, with: { path: "source", ...own } },
    { ...checkout, with: { repository: "owner/kmatrix", path: "kmatrix", ...own } },
    {
      uses: "./kmatrix",
      with: { directory: "source", cells: `${cells.join("\n")}\n`, artifact: "one" },
    },
  ]);
  return run;
}

const told = (run: WorkflowRun) =>
  run.steps.map(({ job, step, code, log }) => `${job}: ${step}: ${code}\n${log}`).join("\n");

function show(run: WorkflowRun): void {
  for (const { job, step, code, seconds } of run.steps) {
    console.log(`${job}: ${step}: exit code ${code} after ${seconds.toFixed(0)} s`);
  }
}

let project: Repository;
Deno.test.beforeAll(async () => {
  project = await repository("sound", () => Promise.resolve());
});

Deno.test("two shards by the steps of the workflow are the run of one machine", async () => {
  const [run, alone] = [
    await inShards("shards", project, CELLS),
    await onOneMachine("alone", project, CELLS),
  ];
  show(run);
  show(alone);
  const results = (one: WorkflowRun) => Object.values(one.jobs).map(({ result }) => result);
  assert.deepEqual(results(run), ["success", "success", "success", "success"], told(run));
  assert.deepEqual(results(alone), ["success"], told(alone));
  const jobs = [...new Set(run.steps.map(({ job }) => job))];
  assert.deepEqual(jobs.sort(), ["machine", "merge", "plan", "shard-01", "shard-02"]);
  const [merged, whole] = await Promise.all([
    Deno.readTextFile(`${run.artifacts}/kmatrix-run/junit.xml`),
    Deno.readTextFile(`${alone.artifacts}/one/junit.xml`),
  ]);
  await assertValidJunit(merged);
  assert.equal(withoutFigures(merged), withoutFigures(whole));
  assert.equal((merged.match(/<testcase /g) ?? []).length > 100 * CELLS.length, true);
});

/**
 * Without what a boot measures of itself, and what its tests print, which has figures, too, and which
 * some print only where something came between.
 */
function withoutFigures(xml: string): string {
  return plainJunit(xml).replaceAll(/\s*<system-out>[^]*?<\/system-out>/g, "")
    .replaceAll(/>\s*<\/testcase>/g, "/>")
    .replaceAll(/(name="dedup\.[\w.]+" value=)"[^"]*"/g, '$1"…"');
}

Deno.test("what is red in a merged run is shown again by its script, its bundle and its command", async (t) => {
  const broken = await repository("red", async (root) => {
    const file = `${root}/selftests/kcov/tests/kcov.ts`;
    await Deno.writeTextFile(file, await Deno.readTextFile(file) + BROKEN_TEST);
  });
  const run = await inShards("broken", broken, [RED, "linux-6.12/nokcov"]);
  show(run);
  assert.equal(run.jobs.merge!.result, "failure", told(run));
  assert.equal(run.steps.find(({ step }) => step === "kmatrix merge")!.code, 3, told(run));
  const merged = `${run.artifacts}/kmatrix-run`;
  const report = parseRunReport(await Deno.readTextFile(`${merged}/run.json`), "run.json");
  const red = report.cells.filter(({ verdict }) => verdict.kind === "failed");
  assert.deepEqual(red.map(({ cell }) => cell), [RED]);

  await t.step("repro.sh", async () => {
    const argv = ["env", "-i", "PATH=/usr/bin:/bin", "sh", `${merged}/${RED}/repro.sh`];
    const { code, combined } = await $`${[...argv, `${dir}/work`]}`.noThrow().captureCombined();
    assert.equal(code, 1, combined);
    assert.match(combined, /^not ok: kcov\.mode_trace_pc\.expects_no_pcs$/m);
  });

  await t.step("replay of its bundle", async () => {
    const bundle = `${merged}/${RED}/${RED.replaceAll("/", "-")}.tar.xz`;
    const { code, out } = await kmatrix(["replay", bundle, "--output-dir", `${dir}/replay`]);
    assert.equal(code, 0, out);
    assert.match(out, /^the same verdict$/m);
  });

  await t.step("the command that it names", async () => {
    const { repeat } = red[0]!;
    console.log(repeat);
    const { code, combined } = await $`sh -c ${repeat}`.cwd(broken.root).noThrow()
      .captureCombined().env(await machineEnv());
    assert.equal(code, 3, combined);
    assert.match(combined, /expects_no_pcs/);
  });
});
