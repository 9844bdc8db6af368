// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { MATRIX } from "../broken_worlds.ts";
import { ALL_PASSED, BASIC, cases, KCOV, setTest, stagesOf, testStates } from "./fake_cases.ts";

cases("tests that are not as declared", "built", [
  ["turn red alone", async (project) => {
    await setTest(project, "fake/kcov", { do: "fail", message: "expected 0 PCs, found 7" });
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 3, out);
    const states = await testStates(project, "fake/kcov");
    const red = Object.entries(states).filter(([, state]) => /^(failure|error)/.test(state));
    assert.deepEqual(red, [[
      "kcov mode_trace_pc.kcov_basic_syscall_coverage",
      "failure: AssertionError: expected 0 PCs, found 7",
    ]]);
    assert.deepEqual(await stagesOf(project, "fake/kcov"), ALL_PASSED);
    assert.match(out, /^FAIL {2}fake\/kcov +0 +1 +3 /m);
    assert.match(out, /^repeat with: npx --yes deno task repro fake\/kcov /m);
  }],

  ["turn the cell red when they skip without leave", async (project) => {
    await setTest(project, "fake/kcov", { do: "skip", reason: "no device" });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(out, /skipped, although this cell has all it needs \(kcov\): no device/);
  }],

  ["fail a cell that is to skip when one of them passes", async (project) => {
    const kcov = project.soundBoot("fake/kcov");
    await project.setBoot("fake/nokcov", { recording: kcov, end: 33 });
    const { code, out } = await project.run(...MATRIX, "fake/nokcov");
    assert.equal(code, 3, out);
    assert.match(out, /passed where it had to skip: the cell lacks kcov/);
  }],

  ["give exit code 4 when no test passed where one had to", async (project) => {
    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    await project.write("other.yaml", matrix.replace("fake/nokcov: skip", "fake/nokcov: pass"));
    const { code, out } = await project.run(
      ...MATRIX,
      "fake/nokcov",
      "--matrix",
      `${project.dir}/other.yaml`,
    );
    assert.equal(code, 4, out);
    assert.match(out, /no test of kcov\.\* can pass in fake\/nokcov: it lacks kcov, cmp/);
  }],

  ["may be expected to fail, strictly", async (project) => {
    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    const expect = (tests: string) =>
      `${matrix}  fake/kcov:
    fail: { tests: [${tests}], reason: known, link: "https://example.org", expires: 2999-01-01 }
`;
    await project.write("other.yaml", expect(`"${BASIC}"`));
    const run = () => project.run(...KCOV, "--matrix", `${project.dir}/other.yaml`);
    const passing = await run();
    assert.equal(passing.code, 3, passing.out);
    assert.match(passing.out, /passed, but the matrix expects it to fail \(known, https/);

    await setTest(project, "fake/kcov", { do: "fail", message: "as known" });
    const failing = await run();
    // Expected, but then nothing is left that passes: the other tests of the filter skip.
    assert.equal(failing.code, 0, failing.out);
    assert.doesNotMatch(await project.read("junit.xml"), /<failure/);
  }],

  ["are found out when the kernel complains, whatever they say", async (project) => {
    const warning = "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340";
    await setTest(project, "fake/kcov", { do: "pass" }, { console: [warning] });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(out, /the kernel complained: WARNING: CPU: 0 PID: 1 at kernel\/kcov\.c:412/);
  }],
]);
