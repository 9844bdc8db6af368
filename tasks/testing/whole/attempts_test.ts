// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { assertValidJunit } from "../junit.ts";
import { BASIC, BROKEN, cases, KCOV, setTest } from "./fake_cases.ts";

cases("cells that are booted more than once", "built", [
  ["a retry that passes makes the cell flaky, not green", async (project) => {
    await setTest(project, "fake/kcov", BROKEN);
    await setTest(project, "fake/kcov/attempt-2");
    const args = ["matrix", "--test", "kcov.*", "fake/kcov", "--retries", "3"];
    const { code, out } = await project.run(...args);
    assert.equal(code, 3, out);
    assert.match(out, /^flaky +fake\/kcov +0 +1 +3 /m);
    assert.match(out, /0 failed, 0 unfinished, 1 flaky in /);
    assert.match(out, /^1 of 2 boots passed \(50 %; 95 % interval 9 to 91 %\)$/m);
    assert.match(out, /flaky, failed in 1 of 2 boots: AssertionError: expected 0 PCs/);
    assert.match(out, /^repeat with: .* repro fake\/kcov .*--until-fail$/m);
    const xml = await project.read("junit.xml");
    await assertValidJunit(xml);
    assert.match(xml, /<flakyFailure message="AssertionError: expected 0 PCs, found 7"/);
    assert.match(xml, /name="flaky"/);
    await project.read("fake/kcov/repro.sh");
    await project.read("fake/kcov/attempt-2/results.log");
    assert.equal(await project.started("qemu"), 2);
    assert.equal((await project.run(...args, "--allow-flaky")).code, 0);
    assert.doesNotMatch(await project.read("junit.xml"), /name="flaky"/);
  }],

  [
    "a failure that stays is tried as often as may be, and every try is reported",
    async (project) => {
      for (const cell of ["fake/kcov", "fake/kcov/attempt-2", "fake/kcov/attempt-3"]) {
        await setTest(project, cell, BROKEN);
      }
      const { code } = await project.run(...KCOV, "--retries", "2");
      assert.equal(code, 3);
      assert.equal(await project.started("qemu"), 3);
      const xml = await project.read("junit.xml");
      await assertValidJunit(xml);
      assert.equal(xml.match(/<rerunFailure /g)?.length, 2);
      assert.match(xml, /"boot.attempts" value="0 of 3 boots passed/);
    },
  ],

  ["--keep-going boots again for the tests behind a crash", async (project) => {
    await setTest(project, "fake/kcov", { do: "vanish" });
    const vanished = await project.soundBoot("fake/kcov", (script) => ({
      ...script,
      tests: script.tests.map((test) =>
        test.declared.id === BASIC ? { ...test, act: { do: "vanish" } } : test
      ),
    }));
    await project.setBoot("fake/kcov", { recording: vanished, end: 0 });
    const rest = project.soundBoot("fake/kcov", (script) => ({
      ...script,
      tests: script.tests.filter(({ declared }) =>
        declared.id !== BASIC && declared.id.startsWith("kcov.")
      ),
    }));
    await project.setBoot("fake/kcov/attempt-2", { recording: rest, end: 33 });
    const args = ["repro", "fake/kcov", "--test", "kcov.*"];
    assert.match((await project.run(...args)).out, /^FAIL +fake\/kcov +0 +1 +0 +3 /m);
    const { code, out } = await project.run(...args, "--keep-going");
    assert.equal(code, 3);
    assert.match(out, /^FAIL +fake\/kcov +0 +1 +3 /m);
    assert.doesNotMatch(out, /boots passed/);
    const { filter } = JSON.parse(await project.read("fake/kcov/attempt-2/boot.json"));
    assert.equal(filter.length, 3);
  }],

  ["--repeat goes on after a failure, --until-fail ends with it", async (project) => {
    await setTest(project, "fake/kcov/attempt-2");
    const sound = await project.run(...KCOV, "--repeat", "2");
    assert.match(sound.out, /^pass .* 2 of 2 boots passed \(100 %; 95 % interval 34 to 100 %\)$/m);
    await setTest(project, "fake/kcov/attempt-2", BROKEN);
    await setTest(project, "fake/kcov/attempt-3");
    const repeated = await project.run(...KCOV, "--repeat", "3");
    assert.equal(repeated.code, 3);
    assert.match(repeated.out, /^2 of 3 boots passed/m);
    assert.match(await project.read("fake/kcov/attempt-2/repro.sh"), /expected 0 PCs/);
    const until = await project.run("repro", "fake/kcov", "--test", "kcov.*", "--until-fail");
    assert.equal(until.code, 3);
    assert.match(until.out, /^1 of 2 boots passed/m);
    assert.equal((await project.run(...KCOV, "--repeat", "2", "--retries", "2")).code, 2);
  }],
]);
