// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { PromiseId } from "../../../selftests/contract/promises.ts";
import { MATRIX } from "../broken_worlds.ts";
import type { FakeProject } from "../fake_project.ts";
import { assertValidJunit } from "../junit.ts";
import { FINISHED } from "../recorder.ts";
import { parseRunReport } from "../../core/report/run_report.ts";
import { BASIC, cases, KCOV, setTest, testStates } from "./fake_cases.ts";

type Answers = readonly (readonly [PromiseId, string])[];
const STATED = { "init.again": "EBUSY", "life.close": "goes on" } as const;

/** Writes kernels/<id>/promises.yaml. */
function state(
  project: FakeProject,
  answers: Readonly<Record<string, string>>,
  { id = "fake", version = "6.12" } = {},
): Promise<void> {
  const statements = Object.entries(answers).map(([promise, answer]) =>
    `  ${promise}:\n    answer: ${answer}\n    reason: r\n    commit: "kcov: x"\n`
  );
  const text = `version: "${version}"\npromises:\n${statements.join("")}`;
  return project.write(`project/kernels/${id}/promises.yaml`, text);
}

async function forget(project: FakeProject, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await Deno.remove(`${project.root}/kernels/${id}/promises.yaml`).catch(() => {});
  }
}

const answer = (project: FakeProject, answers: Answers) =>
  setTest(project, "fake/kcov", { do: "pass" }, { answers });

async function report(project: FakeProject) {
  const [cell] = parseRunReport(await project.read("run.json"), "run.json").cells;
  return cell!;
}

cases("promises of a fake project", "built", [
  ["kept ones are counted, and what nobody asked is not among them", async (project) => {
    await state(project, STATED);
    await answer(project, [["init.again", "EBUSY"]]);
    const { code, out, err } = await project.run(...KCOV);
    assert.equal(code, 0, out + err);
    const xml = await project.read("junit.xml");
    assert.match(xml, /"promises.of" value="kernels\/fake"/);
    assert.match(xml, /"promises.kept" value="1"/);
    assert.match(xml, /"promises.not-asked" value="1"/);
    assert.doesNotMatch(xml, /promises\.(broken|differences)/);
    assert.deepEqual((await report(project)).facts.promises?.notAsked, ["life.close"]);
    await forget(project, "fake");
  }],

  ["a broken one is red: promise, expected, answered, in all outputs", async (project) => {
    await state(project, STATED);
    await answer(project, [["init.again", "EPERM"], ["life.close", "goes on"]]);
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3);
    const said = "init.again: expected EBUSY, answered EPERM (kernels/fake/promises.yaml)";
    assert.ok(out.includes(`${BASIC}: ${said} [promise-broken, kernel]`), out);
    const states = await testStates(project, "fake/kcov");
    const failed = Object.entries(states).filter(([, how]) => how.startsWith("failure"));
    assert.deepEqual(failed.map(([name]) => name), [BASIC.replace(".", " ")]);
    const xml = await project.read("junit.xml");
    await assertValidJunit(xml);
    assert.match(xml, /"promises.broken" value="init.again: expected EBUSY, answered EPERM"/);
    const { verdict, facts } = await report(project);
    assert.deepEqual(
      verdict.kind === "failed" && verdict.failures.map(({ kind, id }) => [kind, id]),
      [["promise", "promise-broken"]],
    );
    assert.deepEqual(facts.promises?.deviations, [
      { promise: "init.again", expected: "EBUSY", answered: "EPERM", tests: [BASIC] },
    ]);
    // The same recordings, once more, and with the file mended.
    const again = await project.run("parse", `${project.out}/latest/fake/kcov`);
    assert.equal(again.code, 3);
    assert.ok(again.out.includes(said), again.out);
    await state(project, { ...STATED, "init.again": "EPERM" });
    const mended = await project.run("parse", `${project.out}/latest/fake/kcov`);
    assert.equal(mended.code, 0, mended.out + mended.err);
    await forget(project, "fake");
  }],

  ["an answer that the kernel's file does not state is red too", async (project) => {
    await state(project, STATED);
    await answer(project, [["map.part", "EINVAL"]]);
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3);
    assert.match(
      out,
      /map\.part: nothing is stated, answered EINVAL .*\[promise-unstated, kernel\]/,
    );
    await forget(project, "fake");
  }],

  ["a kernel without a file differs from the nearest version, and is green", async (project) => {
    await state(project, STATED, { id: "linux-6.12" });
    await state(project, { "init.again": "EIO" }, { id: "linux-5.4", version: "5.4" });
    await answer(project, [["init.again", "EPERM"], ["life.close", "goes on"]]);
    const { code, err } = await project.run(...KCOV);
    assert.equal(code, 0, err);
    const said = "fake/kcov: 1 difference from kernels/linux-6.12, the nearest version that " +
      "promises are stated of: init.again: expected EBUSY, answered EPERM";
    assert.ok(err.includes(said), err);
    const xml = await project.read("junit.xml");
    assert.match(xml, /"promises.of" value="kernels\/linux-6\.12 \(the nearest version\)"/);
    assert.match(xml, /"promises.kept" value="1"/);
    assert.match(xml, /"promises.differences" value="init.again: expected EBUSY, answered EPERM"/);
    await forget(project, "linux-6.12", "linux-5.4");
  }],

  ["a brought tree is held so, a series on top of a kernel to its file", async (project) => {
    await state(project, STATED);
    const recording = project.soundBoot("fake/kcov", (script) => ({
      ...script,
      cell: "mine/kcov",
      tests: script.tests.map((test) =>
        test.declared.id === BASIC ? { ...test, answers: [["init.again", "EPERM"]] as const } : test
      ),
    }));
    for (const path of ["kernel/fork.c", "kernel/kcov.c", "Makefile"]) {
      await project.write(`mine/${path}`, await Deno.readTextFile(`${project.dir}/tree/${path}`));
    }
    await project.setBoot("mine/kcov", { recording, end: FINISHED });
    const brought = [...MATRIX, "--tree", `${project.dir}/mine`, "mine/kcov"];
    const { code, err } = await project.run(...brought);
    assert.equal(code, 0, err);
    assert.match(err, /mine\/kcov: 1 difference from kernels\/fake, the nearest version/);

    const diff = "--- a/kernel/fork.c\n+++ b/kernel/fork.c\n@@ -1 +1 @@\n-int fork;\n+int knife;\n";
    await project.write("fix.diff", diff);
    await project.setBoot("fake+fix/kcov", { recording, end: FINISHED });
    const series = ["--kernel", "fake", "--series", `${project.dir}/fix.diff`, "fake+fix/kcov"];
    const judged = await project.run(...MATRIX, ...series);
    assert.equal(judged.code, 3, judged.out + judged.err);
    assert.match(judged.out, /init\.again: expected EBUSY, answered EPERM/);
    // boot.json tells it to those who judge the recordings later.
    const again = await project.run("parse", `${project.out}/latest/fake+fix/kcov`);
    assert.equal(again.code, 3, again.out + again.err);
    await forget(project, "fake");
  }],

  [
    "a file that is wrong stops the run before anything is built, with its place",
    async (project) => {
      await state(project, { "init.again": "BUSY" });
      const { code, err } = await project.run(...KCOV);
      assert.equal(code, 2);
      assert.match(
        err,
        /kernels\/fake\/promises\.yaml:4:13: init\.again: "BUSY" is not "ok", an error/,
      );
      await forget(project, "fake");
    },
  ],
]);
