// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { STAGES } from "../../core/model/model.ts";
import { MATRIX } from "../broken_worlds.ts";
import { ALL_PASSED, cases, KCOV, setTest, stagesOf, testStates } from "./fake_cases.ts";

cases("a boot that does not end as it should", "built", [
  ["QEMU refuses its command line", async (project) => {
    const recording = { console: new Uint8Array(), results: new Uint8Array() };
    await project.setBoot("fake/kcov", { recording, end: "refuses" });
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 6, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[STAGES.indexOf("boot")]!,
      /^boot error: QEMU did not start: .*unsupported machine type$/,
    );
    assert.deepEqual(await stagesOf(project, "fake/kcov/smp4"), ALL_PASSED);
  }],

  ["QEMU is killed", async (project) => {
    const recording = await setTest(project, "fake/kcov", { do: "vanish" });
    await project.setBoot("fake/kcov", { recording, end: "killed" });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 6, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[STAGES.indexOf("boot")]!,
      /^boot error: QEMU was killed by signal 9 in test kcov\.mode_trace_pc\./,
    );
  }],

  ["the console ends without a single result", async (project) => {
    const { console } = project.soundBoot("fake/kcov");
    const recording = { console, results: new Uint8Array() };
    await project.setBoot("fake/kcov", { recording, end: 0 });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[STAGES.indexOf("boot")]!,
      /^boot failure: the machine was reset before the guest's first report, without a word/,
    );
    const states = Object.values(await testStates(project, "fake/kcov"));
    assert.deepEqual(states, Array(4).fill("skipped: not run: the boot ended with guest-reset"));
    assert.match(out, /^FAIL +fake\/kcov +0 +0 +0 +4 /m);
    assert.match(out, /^4 tests did not run: kcov\./m);
  }],

  ["the results are torn", async (project) => {
    const { console, results } = project.soundBoot("fake/kcov");
    await project.setBoot("fake/kcov", {
      recording: { console, results: results.slice(0, -10) },
      end: 33,
    });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[STAGES.indexOf("boot")]!,
      /^boot failure: the result stream is damaged: the stream ends inside frame/,
    );
  }],

  ["the guest falls silent", async (project) => {
    const recording = await setTest(project, "fake/kcov", { do: "vanish" });
    await project.setBoot("fake/kcov", { recording, end: "hangs" });
    const { code, out } = await project.run(...MATRIX, "--timeout", "1");
    assert.equal(code, 3, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[STAGES.indexOf("boot")]!,
      /^boot failure: the boot took longer than its limit in test .*; stopped after 1\.\d s \(limit 1\.0 s\)$/,
    );
    assert.deepEqual(await project.processes(), []);
    assert.deepEqual(await stagesOf(project, "fake/kcov/smp4"), ALL_PASSED);
  }],

  ["the kernel panics", async (project) => {
    const recording = await setTest(project, "fake/kcov", { do: "vanish" }, {
      console: ["Kernel panic - not syncing: Fatal exception"],
    });
    await project.setBoot("fake/kcov", { recording, end: 0 });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(out, /the kernel panicked in test kcov\.mode_trace_pc\..*\[panic, kernel\]/);
  }],
]);
