// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { assertValidJunit, junitCases } from "../junit.ts";
import type { FakeProject } from "../fake_project.ts";
import { sha256 } from "../../core/text/digest.ts";
import { MATRIX } from "../broken_worlds.ts";
import { cases } from "./fake_cases.ts";

const WITH_GONE = ["--matrix", "both.yaml"];
const GONE = ["gone/kcov", "gone/nokcov"];

/** A kernel beside the fake one whose sources cannot be had; the machine of a fake has no apt. */
async function addGone(project: FakeProject, source: string): Promise<void> {
  const text = await Deno.readTextFile(`${project.root}/matrix.yaml`);
  const both = text.replace(
    "product:\n",
    "product:\n  - { kernels: [gone], configs: [kcov, nokcov] }\n",
  );
  await project.write("project/both.yaml", both);
  await project.write("project/kernels/gone/kernel.yaml", source);
}

const NOWHERE = `source:
  - debian: linux-source-7.99
    suite: trixie-backports
  - tree: $NOWHERE/linux
`;

async function verdicts(project: FakeProject): Promise<Record<string, string>> {
  const { cells } = JSON.parse(await project.read("run.json"));
  return Object.fromEntries(
    cells.map(({ cell, verdict }: { cell: string; verdict: { kind: string } }) => [
      cell,
      verdict.kind,
    ]),
  );
}

cases("a kernel whose source cannot be had", "nothing built", [
  ["is left out loudly, and the other cells go on", async (project) => {
    await addGone(project, NOWHERE);
    const { code, out, err } = await project.run(...MATRIX, ...WITH_GONE);
    assert.equal(code, 0, out + err);
    assert.deepEqual(await verdicts(project), {
      ...{ "gone/kcov": "left-out", "gone/nokcov": "left-out" },
      ...{ "fake/nokcov": "passed", "fake/kcov": "passed", "fake/kcov/smp4": "passed" },
    });
    assert.match(
      err,
      /! gone is left out: none of the 2 sources of gone can be had: linux-source-7/,
    );
    assert.match(out, /^left out +gone\/kcov +- /m);
    assert.match(
      out,
      /^5 cells: 2 passed, 1 skipped as declared, 0 failed, 0 unfinished, 2 left out in/m,
    );
    assert.match(out, /^── left out: gone\/kcov, gone\/nokcov$/m);
    const xml = await project.read("junit.xml");
    await assertValidJunit(xml);
    for (const cell of GONE) {
      const [fetched, ...others] = junitCases(xml)[cell]!.map(({ state }) => state);
      assert.match(
        fetched!,
        /^skipped: left out: none of the 2 sources of gone .*NOWHERE is not set/,
      );
      assert.ok(others.every((state) => state === "skipped: blocked by fetch"), others.join("\n"));
    }
    const { cells } = JSON.parse(await project.read("run.json"));
    assert.deepEqual(
      cells[0].verdict.failures[0].evidence.lacks.map(({ why }: { why: string }) => why),
      ["no-apt", "unset"],
    );
    assert.deepEqual(
      await Array.fromAsync(Deno.readDir(`${project.out}/latest/fake`)).then(
        (files) => files.length > 0,
      ),
      true,
    );
    await assert.rejects(Deno.stat(`${project.out}/latest/gone`));
  }],

  ["fails the run where all are required, and where it is named", async (project) => {
    await addGone(project, NOWHERE);
    const named = [
      ["*", "--require-all"],
      ["gone/*"],
      ["gone/kcov", "fake/nokcov"],
      ["gone/kcov/smp4"],
    ];
    for (const words of named) {
      const { code, out } = await project.run("fetch", ...WITH_GONE, ...words);
      assert.equal(code, 6, words.join(" "));
      assert.match(out, /^FAIL +gone\/kcov/m);
      assert.match(out, /\[no-source, infra\]/);
    }
    for (const words of [["*/kcov"], ["*", "!fake/nokcov"], ["fake/*", "*/nokcov"]]) {
      assert.equal((await project.run("fetch", ...WITH_GONE, ...words)).code, 0, words.join(" "));
    }
  }],

  ["fails the run where nothing is left of it", async (project) => {
    await addGone(project, NOWHERE);
    const file = `${project.root}/both.yaml`;
    const text = await Deno.readTextFile(file);
    const alone = text.replace(/\n {2}- \{ kernels: \[fake\].*/g, "").replace(/expect:[^]*/, "");
    await Deno.writeTextFile(file, alone);
    const { code, out } = await project.run(...MATRIX, ...WITH_GONE);
    assert.equal(code, 6);
    assert.match(out, /nothing was judged: every kernel is left out/);
  }],

  ["takes the next source of its list, which run.json and JUnit tell", async (project) => {
    const digest = await sha256("a tar");
    const tarball = `  - { tarball: $NOWHERE/linux.tar, sha256: ${digest} }\n`;
    await addGone(project, NOWHERE.replace(/ {2}- tree.*\n/, tarball));
    await project.write("linux.tar", "a tar");
    project.environment = { NOWHERE: project.dir };
    try {
      const { code, out, err } = await project.run("fetch", ...WITH_GONE, "gone/*");
      assert.equal(code, 0, err);
      assert.match(
        err,
        /! gone: taking .*\/linux\.tar: linux-source-7\.99 of trixie-backports: this/,
      );
      assert.match(
        out,
        /^judged: gone: .*linux\.tar, not the first source of its list: linux-source/m,
      );
      const { sources } = JSON.parse(await project.read("run.json"));
      const location = `${project.dir}/linux.tar`;
      assert.deepEqual(sources[0].spec, { kind: "tarball", location, sha256: digest });
      assert.equal(sources[0].sha256, digest);
      assert.deepEqual(sources[0].passedOver.map(({ why }: { why: string }) => why), ["no-apt"]);
      const xml = await project.read("junit.xml");
      assert.match(xml, new RegExp(`name="source.sha256" value="${digest}"`));
      assert.match(
        xml,
        /name="source.passed-over" value="linux-source-7.99 of trixie-backports: this/,
      );
    } finally {
      project.environment = {};
    }
  }],

  ["is told of by plan, doctor and --dry-run", async (project) => {
    await addGone(project, NOWHERE);
    const plan = await project.run("plan", ...WITH_GONE);
    assert.equal(plan.code, 0, plan.err);
    assert.match(
      plan.out,
      /^source gone: linux-source-7\.99 of trixie-backports, to be downloaded$/m,
    );
    assert.match(plan.out, /^source fake: .*\/tree, on this machine$/m);
    const status = await project.run("plan", "--status", ...WITH_GONE);
    assert.equal(status.code, 0, status.err);
    assert.match(status.out, /^left out +gone\/kcov: none of the 2 sources of gone can be had/m);
    const doctor = await project.run("doctor", ...WITH_GONE);
    assert.equal(doctor.code, 6);
    assert.match(
      doctor.out,
      /^MISSING +linux-source-7\.99 of trixie-backports or \$NOWHERE\/linux +.*no apt/m,
    );
    const dry = await project.run("fetch", "*", "--dry-run", ...WITH_GONE);
    assert.equal(dry.code, 0, dry.err);
    assert.match(dry.out, /^# source: linux-source-7\.99 of trixie-backports, to be downloaded$/m);
  }],
]);
