// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { STAGES } from "../../core/model/model.ts";
import { FakeProject } from "../fake_project.ts";
import { assertValidJunit } from "../junit.ts";
import { MATRIX, until } from "../broken_worlds.ts";
import { ALL_PASSED, cases, setTest, stagesOf, testStates } from "./fake_cases.ts";

/**
 * Starts a run, sends it a signal once `program` has been started `times` times, and gives its exit
 * code. To "everyone" means to the whole process group, as a terminal does.
 */
async function breakOff(
  project: FakeProject,
  signal: "SIGINT" | "SIGTERM" | "SIGKILL",
  to: "itself" | "everyone",
  program: "clang" | "qemu",
  times: number,
): Promise<number> {
  // One boot at a time: of two, either could be the second to start.
  const child = project.spawn(...MATRIX, "--jobs", "1");
  const drained = Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
  try {
    await until(`${program} runs`, 20_000, async () => await project.started(program) >= times);
    assert.ok((await project.processes()).length > 1, "its processes can be seen");
    Deno.kill(to === "itself" ? child.pid : -child.pid, signal);
    let ended = false;
    void child.status.then(() => ended = true);
    await until("it has ended", 10_000, () => Promise.resolve(ended));
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  await drained;
  return (await child.status).code;
}

/** Without a PID namespace nobody is left who could kill what a killed tool has started. */
const CONTAINED = await Promise.any(
  [["--pid"], ["--user", "--map-root-user", "--pid"]].map(async (flags) => {
    const args = [...flags, "--fork", "true"];
    const { code } = await new Deno.Command("unshare", { args, stderr: "null" }).output();
    assert.equal(code, 0);
    return true;
  }),
).catch(() => false);

const noProcesses = (project: FakeProject) =>
  until("no process is left", 2000, async () => (await project.processes()).length === 0);

cases("a run that is broken off", "nothing built", [
  [
    "by Ctrl-C in a build: no compiler is left, junit.xml is valid, the next run goes on",
    async (project) => {
      await project.turnOn("slow-compiler");
      assert.equal(await breakOff(project, "SIGINT", "itself", "clang", 1), 130);
      await noProcesses(project);
      const xml = await project.read("junit.xml");
      await assertValidJunit(xml);
      const stages = await stagesOf(project, "fake/nokcov");
      assert.deepEqual(stages.slice(0, 3), ALL_PASSED.slice(0, 3));
      for (
        const state of [...stages.slice(3), ...await stagesOf(project, "fake/kcov")].slice(0, 5)
      ) {
        assert.match(state, /skipped: blocked by interrupt$/);
      }
      assert.doesNotMatch(xml, /<(failure|error)/);
      await project.turnOff("slow-compiler");
      const next = await project.run(...MATRIX);
      assert.equal(next.code, 0, next.out + next.err);
    },
  ],

  ["by Ctrl-C in a terminal, which every process of the group gets", async (project) => {
    await project.turnOn("slow-compiler");
    assert.equal(await breakOff(project, "SIGINT", "everyone", "clang", 1), 130);
    await noProcesses(project);
    const xml = await project.read("junit.xml");
    await assertValidJunit(xml);
    assert.doesNotMatch(xml, /<(failure|error)/);
  }],

  [
    "by Ctrl-C where no PID namespace can be made: its processes are killed one by one",
    async (project) => {
      await project.turnOn("slow-compiler");
      const unshare = `${project.dir}/bin/unshare`;
      await Deno.rename(unshare, `${unshare}.away`);
      try {
        assert.equal(await breakOff(project, "SIGINT", "itself", "clang", 1), 130);
        await noProcesses(project);
      } finally {
        await Deno.rename(`${unshare}.away`, unshare);
      }
    },
  ],

  ["by SIGTERM in a boot: what was finished is kept", async (project) => {
    const recording = await setTest(project, "fake/kcov", { do: "vanish" });
    await project.setBoot("fake/kcov", { recording, end: "hangs" });
    assert.equal(await breakOff(project, "SIGTERM", "itself", "qemu", 2), 143);
    await noProcesses(project);
    await assertValidJunit(await project.read("junit.xml"));
    assert.deepEqual(await stagesOf(project, "fake/nokcov"), ALL_PASSED);
    assert.equal(
      (await testStates(project, "fake/nokcov"))["kcov mode_trace_pc.kcov_basic_syscall_coverage"],
      "skipped: no kcov",
    );
    assert.deepEqual((await stagesOf(project, "fake/kcov")).slice(STAGES.indexOf("boot")), [
      "boot skipped: blocked by interrupt",
      "parse skipped: blocked by interrupt",
    ]);
    const report = await project.run("report");
    assert.match(report.out, /1 skipped as declared, 0 failed, 2 unfinished/);
  }],

  [
    "by SIGKILL in a build: nothing is left, and junit.xml lists what did not run",
    async (project) => {
      await project.turnOn("slow-compiler");
      await breakOff(project, "SIGKILL", "itself", "clang", 1);
      await noProcesses(project);
      await assertValidJunit(await project.read("junit.xml"));
      await project.turnOff("slow-compiler");
      assert.equal((await project.run(...MATRIX)).code, 0);
    },
    !CONTAINED,
  ],

  ["by SIGKILL in a boot: no QEMU is left", async (project) => {
    const { recording, end } = { recording: project.soundBoot("fake/kcov"), end: "hangs" } as const;
    await project.setBoot("fake/kcov", { recording, end });
    await breakOff(project, "SIGKILL", "itself", "qemu", 2);
    await noProcesses(project);
    assert.deepEqual(await stagesOf(project, "fake/nokcov"), ALL_PASSED);
  }, !CONTAINED],
]);
