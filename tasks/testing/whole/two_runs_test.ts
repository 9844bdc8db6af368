// SPDX-License-Identifier: MIT
/** Two runs of the whole tool at once over one cache: who waits for whom, and who does not. */
import assert from "node:assert/strict";
import type { FakeProject } from "../fake_project.ts";
import { MATRIX, until } from "../broken_worlds.ts";
import { FINISHED } from "../recorder.ts";
import { cases, KCOV } from "./fake_cases.ts";

/** Far more than a run takes on a machine that stands still for a minute; one that ends is not waited for. */
const WAIT_MS = 300_000;

/** A run that goes on beside others, what it says so far, and its exit code. */
function beside(project: FakeProject, ...words: readonly string[]) {
  const child = project.spawn(...words);
  let said = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const text = new TextDecoder();
    for await (const part of stream) said += text.decode(part, { stream: true });
  };
  const drained = Promise.all([read(child.stdout), read(child.stderr)]);
  let hasEnded = false;
  const ended = async () => {
    const { code } = await child.status;
    await drained;
    return code;
  };
  void ended().then(() => hasEnded = true);
  const stop = async (signal: Deno.Signal = "SIGINT") => {
    try {
      child.kill(signal);
    } catch {
      // It has ended by itself.
    }
    return await ended();
  };
  return {
    pid: child.pid,
    said: () => said,
    ended,
    /** Waits until something is so, while this run goes on. */
    async until(what: string, holds: () => boolean | Promise<boolean>) {
      const isOver = async () => await holds() || hasEnded;
      await until(what, WAIT_MS, isOver).catch((error) => assert.fail(`${error.message}\n${said}`));
      assert.ok(await holds(), `it ended before: ${what}\n${said}`);
    },
    stop,
    /** Whatever a test finds out, none of its runs goes on into the next one. */
    [Symbol.asyncDispose]: async () => void await stop("SIGKILL"),
  };
}

/** Compilers wait as long as the gate is shut; how many calls have come to it can be asked. */
async function gate(project: FakeProject) {
  const [shut, came] = [`${project.dir}/shut`, `${project.dir}/came`];
  for (const file of [shut, came]) await Deno.remove(file).catch(() => {});
  const undo = await project.replaceProgram(
    "clang-22",
    `case " $* " in *" -c "*/kernel/*.c*)
  echo >> ${came}; while [ -e ${shut} ]; do sleep 0.05; done;; esac
exec ${project.dir}/bin/clang-22.real "$@"\n`,
  );
  const open = () => Deno.remove(shut).catch(() => {});
  return {
    came: async () => (await Deno.readTextFile(came).catch(() => "")).length,
    async shut() {
      await Deno.remove(came).catch(() => {});
      await Deno.writeTextFile(shut, "");
    },
    open,
    async [Symbol.asyncDispose]() {
      await open();
      await undo();
    },
  };
}

const hangs = (project: FakeProject, cell: string) =>
  project.setBoot(cell, { recording: project.soundBoot(cell), end: "hangs" });
const sound = (project: FakeProject, cell: string) =>
  project.setBoot(cell, { recording: project.soundBoot(cell), end: FINISHED });

/** Removes the build folders of a config. */
async function forget(project: FakeProject, config: string): Promise<void> {
  for await (const { name } of Deno.readDir(`${project.cache}/builds`)) {
    const dir = `${project.cache}/builds/${name}`;
    const inputs = JSON.parse(await Deno.readTextFile(`${dir}/kmatrix-inputs.json`));
    if (inputs.config === config) await Deno.remove(dir, { recursive: true });
  }
}

cases("two runs at once", "built", [
  [
    "what is built runs at once beside the build of another config of the kernel",
    async (project) => {
      // It is a compiler of its own, so that all is built by it.
      await using compilers = await gate(project);
      assert.equal((await project.run(...MATRIX)).code, 0);
      await forget(project, "nokcov");
      await compilers.shut();
      await using building = beside(project, ...MATRIX, "fake/nokcov");
      await building.until("it compiles", async () => await compilers.came() > 0);
      const { code, out, err } = await project.run(...KCOV);
      assert.equal(code, 0, out + err);
      assert.doesNotMatch(out + err, /waiting for/);
      assert.doesNotMatch(building.said(), /skip fake.nokcov/, "the other one still builds");
      await compilers.open();
      assert.equal(await building.ended(), 0, building.said());
    },
  ],

  ["two configs of a kernel are built at once", async (project) => {
    await project.forgetBuilds();
    await using compilers = await gate(project);
    await compilers.shut();
    await using one = beside(project, ...MATRIX, "fake/nokcov", "-j", "1");
    await using other = beside(project, ...KCOV, "-j", "1");
    const both = async () => await compilers.came() >= 2;
    await Promise.all([one, other].map((run) => run.until("both compile", both)));
    await compilers.open();
    for (const run of [one, other]) assert.equal(await run.ended(), 0, run.said());
  }],

  [
    "the second run of a cell waits for the first one's build, says for whom, and takes it",
    async (project) => {
      await project.forgetBuilds();
      const before = await project.started("clang");
      await using compilers = await gate(project);
      await compilers.shut();
      await using first = beside(project, ...KCOV, "-j", "1");
      await first.until("it compiles", async () => await compilers.came() > 0);
      await using second = beside(project, ...KCOV, "-j", "1");
      await second.until("it waits", () => /waiting for/.test(second.said()));
      await compilers.open();
      assert.equal(await first.ended(), 0, first.said());
      assert.equal(await second.ended(), 0, second.said());
      const told =
        /another run is building in (\S+); waiting for process (\d+) in (\S+) \((.*)\), since \d\d:\d\d:\d\d UTC \(\d+ s\)/
          .exec(second.said());
      assert.ok(told, second.said());
      assert.equal(told[2], `${first.pid}`);
      assert.equal(told[3], project.root);
      assert.match(told[4]!, /matrix --test kcov\.\* fake\/kcov/);
      assert.equal(await project.started("clang") - before, 2, "the two files of the tree, once");
      assert.doesNotMatch(first.said(), /waiting for/);
    },
  ],

  ["the second run of a cell does not wait for the first one's boot", async (project) => {
    assert.equal((await project.run(...MATRIX)).code, 0);
    await hangs(project, "fake/kcov");
    const before = await project.started("qemu");
    await using first = beside(project, ...KCOV);
    await first.until("it boots", async () => await project.started("qemu") > before);
    await sound(project, "fake/kcov");
    const { code, out, err } = await project.run(...KCOV);
    assert.equal(code, 0, out + err);
    assert.doesNotMatch(out + err, /waiting for/);
    assert.equal(await first.stop(), 130);
  }],

  ["what is booted is not built again meanwhile; a killed run holds nobody up", async (project) => {
    assert.equal((await project.run(...MATRIX)).code, 0);
    await hangs(project, "fake/kcov");
    const before = await project.started("qemu");
    await using first = beside(project, ...KCOV);
    const file = `${project.dir}/tree/kernel/kcov.c`;
    const text = await Deno.readTextFile(file);
    try {
      await first.until("it boots", async () => await project.started("qemu") > before);
      await sound(project, "fake/kcov");
      await Deno.writeTextFile(file, `${text}int more;\n`);
      const compiled = await project.started("clang");
      await using second = beside(project, ...KCOV);
      const told = () =>
        /which is to be built again; waiting for process (\d+) /.exec(second.said());
      await second.until("it waits", () => told() !== null);
      assert.equal(told()![1], `${first.pid}`);
      assert.equal(await project.started("clang"), compiled);
      await first.stop("SIGKILL");
      assert.equal(await second.ended(), 0, second.said());
      assert.equal(await project.started("clang"), compiled + 1);
    } finally {
      await Deno.writeTextFile(file, text);
    }
  }],

  ["a run that was killed in its build is no one to wait for", async (project) => {
    await project.forgetBuilds();
    await project.turnOn("slow-compiler");
    const before = await project.started("clang");
    await using first = beside(project, ...KCOV);
    await first.until("it compiles", async () => await project.started("clang") > before);
    await first.stop("SIGKILL");
    await project.turnOff("slow-compiler");
    const { code, out, err } = await project.run(...KCOV);
    assert.equal(code, 0, out + err);
    assert.doesNotMatch(out + err, /waiting for/);
    const left = [...Deno.readDirSync(`${project.cache}/locks/holders`)].map(({ name }) => name);
    // A lock that is shared keeps the word of a dead holder until somebody has it alone, or waits.
    assert.deepEqual(left.filter((name) => name.startsWith("build-")), []);
  }],

  ["Ctrl-C ends the wait for another run", async (project) => {
    await project.forgetBuilds();
    await using compilers = await gate(project);
    await compilers.shut();
    await using first = beside(project, ...KCOV);
    await first.until("it compiles", async () => await compilers.came() > 0);
    await using second = beside(project, ...KCOV);
    await second.until("it waits", () => /waiting for/.test(second.said()));
    const startedAt = performance.now();
    assert.equal(await second.stop(), 130);
    assert.ok(performance.now() - startedAt < 10_000);
    await compilers.open();
    assert.equal(await first.ended(), 0, first.said());
  }],

  [
    "cache prune does not take what another run boots from, and leaves no lock of what it took",
    async (project) => {
      assert.equal((await project.run(...MATRIX)).code, 0);
      await hangs(project, "fake/kcov");
      const before = await project.started("qemu");
      await using first = beside(project, ...KCOV);
      await first.until("it boots", async () => await project.started("qemu") > before);
      await using pruning = beside(project, "cache", "prune", "--older-than", "0");
      await pruning.until("it waits", () => /waiting for process/.test(pruning.said()));
      const kept = [...Deno.readDirSync(`${project.cache}/builds`)];
      assert.equal(kept.length >= 1, true);
      assert.equal(await first.stop(), 130);
      assert.equal(await pruning.ended(), 0, pruning.said());
      assert.match(pruning.said(), /2 builds, .* freed/);
      const locks = [...Deno.readDirSync(`${project.cache}/locks`)].map(({ name }) => name);
      assert.deepEqual(locks.filter((name) => /^(build|boot)-/.test(name)), []);
    },
  ],
]);
