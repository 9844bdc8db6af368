// SPDX-License-Identifier: MIT
/**
 * The pipeline that `plan --format gitlab` prints: by GitLab's own schema (which gitlab-ci-local
 * brings), and each script executed over the fakes, a job a clean clone, as GitLab's runner does.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import $ from "dax";
import { parse } from "yaml";
import { DENO_DIR, EVIL_BRANCH, filesNamed, Hub, plainJunit } from "../ci_hub.ts";
import { PAGES, ROOT } from "../document_files.ts";
import { assertValidJunit } from "../junit.ts";

/** The version that deno.lock has. */
const CHECKER: string = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`))
  .imports["gitlab-ci-local"];

interface Job {
  readonly stage?: string;
  readonly script: readonly string[];
  readonly timeout?: string;
  readonly when?: string;
  readonly variables?: Readonly<Record<string, string | { value: string; expand: false }>>;
  readonly artifacts?: {
    readonly paths: readonly string[];
    readonly reports?: { readonly junit: string };
  };
}

interface Pipeline {
  readonly default: { readonly image: string; readonly before_script: readonly string[] };
  readonly stages: readonly string[];
}

/** What GitLab's schema has against a pipeline; "" for nothing. */
async function schemaProblems(dir: string, text: string): Promise<string> {
  await Deno.mkdir(dir, { recursive: true });
  await Deno.writeTextFile(`${dir}/.gitlab-ci.yml`, text);
  const git = (...words: string[]) => $`git -c user.name=a -c user.email=a@b ${words}`.cwd(dir);
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--allow-empty", "--message", "x");
  await git("config", "remote.origin.url", "https://example.org/a/b.git");
  const argv = [Deno.execPath(), "run", "--allow-all", CHECKER, "--list"];
  const { code, combined } = await $`${argv}`.cwd(dir).noThrow().captureCombined();
  return code === 0 ? "" : combined;
}

/** Values of variables, in which others stand unless that is switched off. */
function expanded(value: string | { value: string }, known: Record<string, string>): string {
  if (typeof value === "object") return value.value;
  return value.replace(
    /\$\$|\$\{?(\w+)\}?/g,
    (all, name) => all === "$$" ? "$" : known[name] ?? "",
  );
}

/** One job as a runner does it: a clone of its own, the artifacts of earlier stages, its scripts. */
async function runJob(
  hub: Hub,
  root: string,
  name: string,
  job: Job,
  { default: { before_script } }: Pipeline,
  given: Readonly<Record<string, string>>,
): Promise<{ code: number; log: string; workspace: string }> {
  const workspace = `${root}/${name}/builds`;
  const home = `${root}/${name}/home`;
  await Deno.mkdir(home, { recursive: true });
  await $`git clone --quiet ${hub.dir}/user ${workspace}`.quiet();
  const artifacts = `${root}/artifacts`;
  await Deno.mkdir(artifacts, { recursive: true });
  await $`env cp -a ${artifacts}/. ${workspace}/`.quiet();
  const known: Record<string, string> = {
    ...given,
    ...{ GITLAB_CI: "true", CI: "true", CI_PROJECT_DIR: workspace, HOME: home },
    ...{
      CI_COMMIT_REF_NAME: EVIL_BRANCH,
      CI_JOB_TOKEN: "secret",
      CI_COMMIT_MESSAGE: "$(touch pwned)",
    },
  };
  for (const [key, value] of Object.entries(job.variables ?? {})) {
    known[key] = expanded(value, known);
  }
  if (known.KMATRIX_CACHE) await hub.prepare(known.KMATRIX_CACHE);
  // /opt of the job's own container.
  const own = (line: string) => line.replaceAll("/opt/kmatrix", `${root}/${name}/opt`);
  const script = [...before_script, ...job.script].map(own).join("\n");
  const { code, combined } = await $`bash -eo pipefail -c ${script}`.cwd(workspace).noThrow()
    .captureCombined().clearEnv().env({ NO_COLOR: "1", DENO_DIR, ...known, PATH: hub.path });
  for (const path of job.artifacts?.paths ?? []) {
    const from = `${workspace}/${path.replace(/\/$/, "")}`;
    if (await Deno.stat(from).then(() => false, () => true)) continue;
    await Deno.mkdir(dirname(`${artifacts}/${path.replace(/\/$/, "")}`), { recursive: true });
    await $`env cp -a ${from} ${dirname(`${artifacts}/${path.replace(/\/$/, "")}`)}/`.quiet();
  }
  return { code, log: combined, workspace };
}

let hub: Hub;
Deno.test.beforeAll(async () => {
  hub = await Hub.create();
});
Deno.test.afterAll(() => hub.project.remove());

const PLAN = ["plan", "--shards", "3", "--format", "gitlab", "--test", "kcov.*"];

/** What `plan` prints in a clone of the user's repository. */
async function printed(...args: readonly string[]): Promise<string> {
  const argv = [
    "npx",
    "--yes",
    "deno",
    "task",
    "--quiet",
    "--config",
    `${hub.dir}/project/deno.json`,
  ];
  return await $`${[...argv, ...args]}`.cwd(`${hub.dir}/user`).clearEnv().env({
    ...{
      PATH: hub.path,
      HOME: hub.dir,
      NO_COLOR: "1",
      DENO_DIR,
      KMATRIX_CACHE: `${hub.dir}/cache`,
    },
  }).text();
}

const JOB_KEYS = ["stage", "timeout", "variables", "script", "cache", "artifacts", "when"];

Deno.test("GitLab's schema takes the pipeline, and refuses one that is wrong", async () => {
  const text = await printed(...PLAN);
  assert.equal(await schemaProblems(`${hub.dir}/schema`, text), "");
  const { default: _, stages: __, workflow: ___, ...jobs } = parse(text);
  assert.deepEqual(Object.keys(jobs), ["shard-01", "shard-02", "shard-03", "kmatrix-merge"]);
  for (const job of Object.values(jobs)) {
    // docs.gitlab.com/ci/yaml has these, and the schema lets others pass.
    assert.deepEqual(Object.keys(job as Job).filter((key) => !JOB_KEYS.includes(key)), []);
  }
  for (
    const [from, to] of [
      ["when: always\n    expire_in", "when: sometimes\n    expire_in"],
      ["script:\n    - /opt", "script:\n    now: /opt"],
      ["paths:\n      - kmatrix-merged/", "paths: 3"],
    ] as const
  ) {
    const wrong = text.replace(from, to);
    assert.notEqual(wrong, text, from);
    assert.notEqual(await schemaProblems(`${hub.dir}/schema`, wrong), "", to);
  }
  const example = PAGES.get("docs/ci.md")!.code.find(({ text }) => text.includes("trigger:"))!;
  const { variables, ...rest } = parse(example.text);
  assert.ok(variables.KMATRIX_COMMIT);
  assert.deepEqual(Object.keys(rest), ["kmatrix-plan", "kmatrix"]);
  assert.equal(
    await schemaProblems(
      `${hub.dir}/schema-parent`,
      example.text.replace(
        /^kmatrix:\n[^]*/m,
        "",
      ),
    ),
    "",
  );
});

Deno.test("its scripts give the JUnit of one machine, and keep no token", async () => {
  const root = `${hub.dir}/gitlab`;
  const text = await printed(...PLAN);
  const pipeline: Pipeline & Record<string, unknown> = parse(text);
  const given = {
    ...{ KMATRIX_REPOSITORY: `${hub.dir}/project`, KMATRIX_COMMIT: hub.commit },
    ...{ KM_SANDBOX: "off", KM_ARGUMENTS: "--accel=tcg" },
  };
  const { default: _, stages, workflow: __, ...all } = pipeline;
  const jobs = Object.entries(all as Record<string, Job>);
  const alone = await runJob(
    hub,
    `${hub.dir}/alone`,
    "alone",
    {
      ...jobs[0]![1],
      variables: { ...jobs[0]![1].variables, KM_SHARD: "" },
    },
    pipeline,
    given,
  );
  assert.equal(alone.code, 0, alone.log);
  for (const stage of stages) {
    for (const [name, job] of jobs.filter(([, job]) => job.stage === stage)) {
      assert.match(job.timeout ?? "30 minutes", /^\d+ minutes$/);
      const { code, log, workspace } = await runJob(hub, root, name, job, pipeline, given);
      assert.equal(code, 0, `${name}: ${log}`);
      const config = await Deno.readTextFile(`${workspace}/.git/config`);
      assert.doesNotMatch(config, /remote|url/);
      if (stage !== "shards") continue;
      // What a job leaves in the tree is no change of it, and its report is one file.
      assert.equal(await $`git status --porcelain`.cwd(workspace).text(), "");
      const [folder = "", file = ""] = job.artifacts!.reports!.junit.split("/2*/");
      const found = [...Deno.readDirSync(`${workspace}/${folder}`)].map(({ name }) => name)
        .filter((name) => name.startsWith("2"));
      assert.equal(found.length, 1, found.join(" "));
      await assertValidJunit(await Deno.readTextFile(`${workspace}/${folder}/${found[0]}/${file}`));
    }
  }
  const merged = await Deno.readTextFile(
    `${root}/artifacts/kmatrix-merged/kmatrix-out/merged/junit.xml`,
  );
  const [whole] = await filesNamed(`${hub.dir}/alone/artifacts`, "junit.xml");
  await assertValidJunit(merged);
  assert.equal(plainJunit(merged), plainJunit(await Deno.readTextFile(whole!)));
  assert.deepEqual(await filesNamed(hub.dir, "pwned"), []);
});
