// SPDX-License-Identifier: MIT
/** All workflow files and the action: GitHub's parser and actionlint take them, and rules of ours. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { githubChecks } from "./github_parser.ts";
import { PAGES } from "./document_files.ts";
import { ROOT } from "./project_copy.ts";

const FOLDER = `${ROOT}/.github/workflows`;
/** Workflows by their names: files, and examples of the documentation. */
const WORKFLOWS = new Map<string, string>();
for await (const { name } of Deno.readDir(FOLDER)) {
  WORKFLOWS.set(`.github/workflows/${name}`, await Deno.readTextFile(`${FOLDER}/${name}`));
}
for (const [page, { code }] of PAGES) {
  const examples = code.filter(({ isBlock, text }) =>
    isBlock && /^jobs:$/m.test(text) && /^on:/m.test(text)
  );
  for (const [index, { text }] of examples.entries()) WORKFLOWS.set(`${page} ${index + 1}`, text);
}
const ACTION = await Deno.readTextFile(`${ROOT}/action.yml`);
const CHECKS = await githubChecks();

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps?: readonly Step[];
  readonly secrets?: unknown;
}

const jobsOf = (text: string) => Object.entries(parse(text).jobs as Record<string, Job>);
const stepsOf = (text: string) => jobsOf(text).flatMap(([, { steps = [] }]) => steps);
const ALL_STEPS = [
  ...[...WORKFLOWS].flatMap(([name, text]) => stepsOf(text).map((step) => ({ name, step }))),
  ...(parse(ACTION).runs.steps as Step[]).map((step) => ({ name: "action.yml", step })),
];

Deno.test("GitHub's parser and actionlint accept every workflow, those of the documentation too", async () => {
  assert.ok(WORKFLOWS.size >= 5, [...WORKFLOWS.keys()].join(" "));
  for (const [name, text] of WORKFLOWS) {
    for (const check of CHECKS) assert.deepEqual(await check(name, text), [], name);
  }
});

Deno.test("both refuse what is wrong", async () => {
  const [, sound] = [...WORKFLOWS].find(([name]) => name.endsWith("kmatrix.yml"))!;
  const broken: readonly [string, RegExp | string, string][] = [
    ["an unknown key", "timeout-minutes: 5", "timeout: 5"],
    ["a job that nobody has", "needs: [machine, plan]", "needs: [machine, plans]"],
    ["an unknown context", "inputs.container-options }}", "input.container-options }}"],
  ];
  for (const [name, from, to] of broken) {
    const text = sound.replace(from, to);
    assert.notEqual(text, sound);
    for (const [index, check] of CHECKS.entries()) {
      assert.notDeepEqual(await check(name, text), [], `${name}: check ${index}`);
    }
  }
});

Deno.test("no expression stands in a shell line: what it holds would be run", () => {
  const runs = ALL_STEPS.filter(({ step }) => step.run !== undefined);
  assert.ok(runs.length >= 7, `${runs.length}`);
  assert.deepEqual(runs.filter(({ step }) => step.run!.includes("${{")), []);
});

Deno.test("actions of others are pinned by their digest, and say which version that is", () => {
  const texts = [
    ...[...WORKFLOWS].filter(([name]) => name.startsWith(".github/")),
    [
      "action.yml",
      ACTION,
    ] as const,
  ];
  for (const [name, text] of texts) {
    for (const [line, used] of text.matchAll(/^ *(?:- )?uses: (.*)$/gm)) {
      if (/^\.\//.test(used!)) continue;
      assert.match(line, /uses: [\w-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name);
    }
  }
  // One digest of each action, everywhere.
  const used = ALL_STEPS.flatMap(({ step }) => step.uses ?? []).filter((one) =>
    !one.startsWith("./")
  );
  const digests = new Map<string, Set<string>>();
  for (const one of used) {
    const [action = "", digest = ""] = one.split("@");
    const key = action.split("/").slice(0, 2).join("/");
    digests.set(key, (digests.get(key) ?? new Set()).add(digest));
  }
  assert.ok(digests.size >= 4);
  for (const [action, found] of digests) assert.equal(found.size, 1, action);
});

Deno.test("no checkout leaves a token behind, and no job has one that can write", () => {
  const checkouts = ALL_STEPS.filter(({ step }) => step.uses?.startsWith("actions/checkout@"));
  assert.ok(checkouts.length >= 7, `${checkouts.length}`);
  for (const { name, step } of checkouts) {
    assert.equal(step.with?.["persist-credentials"], false, `${name}: ${step.with?.path}`);
  }
  for (const [name, text] of WORKFLOWS) {
    const { permissions, on } = parse(text);
    assert.ok(permissions !== undefined, `${name} leaves permissions to the repository`);
    const all = [permissions, ...jobsOf(text).map(([, job]) => job.permissions ?? {})];
    assert.deepEqual(
      all.flatMap((one) => Object.entries(one)).filter(([scope, right]) =>
        scope !== "contents" || right !== "read"
      ),
      [],
      name,
    );
    assert.doesNotMatch(text, /secrets\.|github\.token|GITHUB_TOKEN|secrets: inherit/, name);
    // Its token writes, and its caches are those of the base branch.
    assert.doesNotMatch(JSON.stringify(on), /pull_request_target|workflow_run/, name);
  }
});
