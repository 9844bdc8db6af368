// SPDX-License-Identifier: MIT
/** Tier 2: hostile guests and broken worlds, over the fakes; the heavy ones are in hostile_tier.ts. */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { encodeFrame } from "../../selftests/contract/frames.ts";
import { FakeProject } from "./fake_project.ts";
import {
  assertNobodyLeft,
  assertSound,
  CELLS,
  MATRIX,
  note,
  until,
  verdictOf,
} from "./broken_worlds.ts";
import { assertValidJunit, junitCases } from "./junit.ts";

const KCOV = [...MATRIX, "fake/kcov"];
const ALONE = ["fake/kcov"];

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
});
Deno.test.beforeEach(() => project.reset());
Deno.test.afterAll(() => project.remove());

/** Runs a command line over the project and holds everything against what must always be so. */
async function run(
  args: readonly string[] = KCOV,
  cells: readonly string[] = ALONE,
): Promise<{ code: number; verdict: string; out: string; err: string }> {
  const { code, out, err } = await project.run(...args);
  await assertSound(project, cells);
  return { code, verdict: verdictOf(out), out, err };
}

async function property(name: string): Promise<string | undefined> {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(await project.read("junit.xml"))?.[1];
}

/** The build folder of fake/kcov. */
async function buildDir(): Promise<string> {
  assert.equal((await project.run("build", "fake/kcov")).code, 0);
  return `${project.cache}/builds/${await property("build.key")}`;
}

// ── the guest ────────────────────────────────────────────────────────────────────────────────────

Deno.test("a console without an end is cut, with a marker that says what is missing", async () => {
  const { console, results } = project.soundBoot("fake/kcov");
  await project.setBoot("fake/kcov", { recording: { console, results }, end: { floodMiB: 20 } });
  const { code, verdict } = await run();
  assert.deepEqual([code, verdict], [3, "console-cap"]);
  const text = await project.read("fake/kcov/console.log");
  assert.ok(text.length < (8 << 20) + 100, `${text.length}`);
  assert.match(text.slice(-100), /\n\[kmatrix: \d+ bytes of console left out\]\n$/);
  const { usage } = JSON.parse(await project.read("run.json"));
  assert.ok(usage.peakMiB < 200, `${usage.peakMiB} MiB`);
  note(`20 MiB of console (tool: ${usage.peakMiB} MiB)`, verdict, code);
});

Deno.test("bytes that XML forbids reach junit.xml in no form", async () => {
  const evil = "\x00\x01\x0b\x1b[31m]]>\ufffe\uffff\x7f\x85<&\"'";
  const { console, results } = project.soundBoot("fake/kcov", (script) => ({
    ...script,
    boot: [evil],
    teardown: [`Oops: ${evil}`],
    tests: script.tests.map((test, index) =>
      index === 0 ? { ...test, act: { do: "fail", message: evil }, logs: [evil] } : test
    ),
  }));
  const torn = Uint8Array.from([...console, 0xff, 0xfe, 0xed, 0xa0, 0x80, 0xc0, 0x00]);
  await project.setBoot("fake/kcov", { recording: { console: torn, results }, end: 33 });
  const { code, verdict } = await run();
  assert.equal(code, 3);
  note("bytes that XML forbids, on the console and in results", verdict, code);
});

Deno.test("lines on the console are no results, however they look", async () => {
  const { console } = project.soundBoot("fake/kcov");
  const { results } = project.soundBoot("fake/kcov", (script) => ({
    ...script,
    tests: script.tests.map((test) => ({ ...test, act: { do: "vanish" } })),
  }));
  const id = "kcov.mode_trace_pc.kcov_basic_syscall_coverage";
  const frame = encodeFrame({ kind: "K", seq: 99, payload: `ok 1 ${id}` });
  const forged = Uint8Array.from([
    ...console,
    ...new TextEncoder().encode(`\nTAP version 14\n1..1\nok 1 ${id}\nkmatrix: DONE\n`),
    ...frame,
  ]);
  await project.setBoot("fake/kcov", { recording: { console: forged, results }, end: 33 });
  const { code, verdict } = await run();
  assert.equal(code, 3);
  note('"ok" lines and a whole frame on the console of a guest that is silent', verdict, code);
  const cases = junitCases(await project.read("junit.xml"))["fake/kcov"]!;
  const tests = cases.filter(({ name }) => !name.startsWith("stage "));
  assert.ok(tests.length > 0);
  assert.deepEqual(tests.filter(({ state }) => state === "passed"), []);
});

// ── the cache ────────────────────────────────────────────────────────────────────────────────────

Deno.test("a kernel that was changed by hand is not booted, but linked again", async () => {
  const vmlinux = `${await buildDir()}/vmlinux`;
  const whole = await Deno.readFile(vmlinux);
  const changes: readonly [string, () => Promise<void>][] = [
    ["truncated", () => Deno.truncate(vmlinux, 100)],
    ["one byte", () => Deno.writeFile(vmlinux, whole.with(whole.length - 1, 0xff))],
  ];
  for (const [name, change] of changes) {
    await change();
    const { code, err } = await run();
    assert.equal(code, 0, name);
    assert.match(err, /vmlinux is not as it was built: building again/, name);
    assert.deepEqual(await Deno.readFile(vmlinux), whole, name);
    note(`vmlinux changed (${name}): linked again`, "none", code);
  }
});

Deno.test("configuration, stamps, initramfs and answers of probes that were damaged are made again", async () => {
  const dir = await buildDir();
  assert.equal((await run()).code, 0);
  // The list of declared tests lies beside the guests.
  const guest =
    [...Deno.readDirSync(`${project.cache}/guests`)].find((one) => one.isDirectory)!.name;
  const initramfs = `${project.cache}/guests/${guest}/initramfs.cpio`;
  const packed = await Deno.readFile(initramfs);
  const damage: readonly (readonly [string, () => Promise<void>, readonly RegExp[]])[] = [
    [".config longer, initramfs truncated, answers of probes damaged", async () => {
      await Deno.writeTextFile(`${dir}/.config`, "CONFIG_KCOV=n\n", { append: true });
      await Deno.truncate(initramfs, packed.length / 2);
      const probes = `${project.cache}/probes`;
      for (const { name, isFile } of Deno.readDirSync(probes)) {
        // What the compiler has answered has a folder.
        const files = isFile
          ? [name]
          : [...Deno.readDirSync(`${probes}/${name}`)].map((one) => `${name}/${one.name}`);
        for (const file of files) await Deno.writeTextFile(`${probes}/${file}`, "null");
      }
    }, [/was changed since it was configured: configuring anew/, /not as it was packed: packing/]],
    ["stamps damaged, one byte of the initramfs changed", async () => {
      await Deno.writeTextFile(`${dir}/kmatrix-configured.json`, "null");
      await Deno.writeTextFile(`${dir}/kmatrix-built.json`, '{"content":1}');
      await Deno.writeFile(initramfs, packed.with(packed.length >> 1, 0xff));
    }, [/configuring anew/, /kmatrix-built\.json is damaged: building/, /packing again/]],
  ];
  for (const [what, act, said] of damage) {
    await act();
    const { code, out, err } = await run();
    assert.equal(code, 0, out);
    for (const line of said) assert.match(err, line);
    note(`${what}: made again`, "none", code);
  }
  assert.deepEqual(await Deno.readFile(initramfs), packed);
});

Deno.test("leftovers of a killed run are in nobody's way", async () => {
  const dir = await buildDir();
  await project.write("cache/builds/0123456789abcdef/.config", "CONFIG_X=y\n");
  await project.write(`cache/guests/0123.partial/root/init`, "");
  await project.write("cache/locks/kernel-fake", "someone was here");
  await Deno.writeTextFile(`${dir}/kmatrix-built.json.12345678.partial`, "{");
  assert.equal((await run()).code, 0);
});

Deno.test("another compiler builds in another folder, and the old one is used when it is back", async () => {
  const before = await buildDir();
  const compiled = await project.started("clang");
  const clang = await Deno.readTextFile(`${project.dir}/bin/clang-22`);
  const back = await project.replaceProgram(
    "clang-22",
    clang.replace("#!/bin/sh\n", "").replace("version 22.1.8", "version 22.1.9"),
  );
  assert.equal((await run()).code, 0);
  assert.notEqual(`${project.cache}/builds/${await property("build.key")}`, before);
  assert.equal(await project.started("clang"), compiled + 3, "two objects and the guest's init");
  note("another compiler behind the same name: another build folder", "none", 0);
  await back();
  assert.equal((await run()).code, 0);
  assert.equal(`${project.cache}/builds/${await property("build.key")}`, before);
  assert.equal(await property("build.compiled"), "no (nothing changed)");
});

Deno.test("two runs at once on one cache build each object once, and both pass", async () => {
  await project.forgetBuilds();
  const runs = await Promise.all([project.run(...MATRIX), project.run(...MATRIX)]);
  for (const { code, out, err } of runs) assert.equal(code, 0, out + err);
  await assertSound(project);
  note("two runs at once", "none", 0);
  assert.equal(await project.started("clang"), 4, "two objects for each of two builds");
  assert.equal(await project.started("qemu"), 6);
  await assertSound(project);
  const names = [...Deno.readDirSync(project.out)].filter((one) => one.isDirectory);
  assert.equal(names.length, 2, "a folder for each run");
});

// ── the machine ──────────────────────────────────────────────────────────────────────────────────

Deno.test("a make that is killed is never the kernel's fault", async () => {
  await project.forgetBuilds();
  await project.turnOn("slow-compiler");
  const child = project.spawn(...KCOV);
  const output = child.output();
  await until("clang runs", 20_000, async () => await project.started("clang") > 0);
  for (const id of await project.processes()) {
    const words = await Deno.readTextFile(`/proc/${id}/cmdline`).catch(() => "");
    if (words.startsWith("make\0")) Deno.kill(id, "SIGKILL");
  }
  const { code, stdout } = await output;
  await assertSound(project, ALONE);
  assert.deepEqual([code, verdictOf(new TextDecoder().decode(stdout))], [6, "compiler-killed"]);
  note("kill -9 of make", "compiler-killed", code);
});

Deno.test("a make that prints too much: its first and last errors are found, and the disk is not filled", async () => {
  const makefile = `${project.dir}/tree/Makefile`;
  const sound = await Deno.readTextFile(makefile);
  const mark = "\t@set -e; echo '  LD      vmlinux';";
  const flood =
    `i=0; while [ $$i -lt 40 ]; do cat ${project.dir}/bin/mebibyte; i=$$((i + 1)); done`;
  const error = "echo 'fs/a.c:1:2: error: it is here'";
  const build = async (rule: string) => {
    await project.forgetBuilds();
    await Deno.writeTextFile(makefile, sound.replace(mark, () => `\t@${rule}\n${mark}`));
    const ran = await project.run("build", "fake/kcov");
    await assertNobodyLeft(() => project.processes());
    await assertValidJunit(await project.read("junit.xml"));
    const [folder] = [...Deno.readDirSync(`${project.cache}/builds`)];
    const log = `${project.cache}/builds/${folder!.name}/kmatrix-build.log`;
    const { size } = await Deno.stat(log);
    assert.ok(size > 30 << 20 && size < 33 << 20, `${size}`);
    const { usage } = JSON.parse(await project.read("run.json"));
    assert.ok(usage.peakMiB < 300, `${usage.peakMiB} MiB`);
    return { ...ran, log };
  };
  try {
    const rules = [["before", `${error}; ${flood}`], ["behind", `${flood}; ${error}`]] as const;
    for (const [where, rule] of rules) {
      const { code, out } = await build(`${rule}; exit 1`);
      assert.equal(code, 5);
      assert.match(out, /fs\/a\.c:1:2: error: it is here \[compile-error, kernel\]/);
      assert.match(await project.read("junit.xml"), /\*\*\* .*vmlinux\] Error 1/, "its end");
      note(`make prints 40 MiB, and an error ${where} it`, "compile-error", code);
    }
    const { code, out, log } = await build(flood);
    assert.equal(code, 5);
    assert.match(out, /\d+ bytes of make's output were not kept: .* \[log-cap, kernel\]/);
    note("make prints 40 MiB, and succeeds", "log-cap", code);
    // What was compiled then may have had warnings.
    await Deno.writeTextFile(`${dirname(log)}/.some.o.cmd`, "");
    await Deno.writeTextFile(makefile, sound);
    const next = await project.run("build", "fake/kcov");
    assert.equal(next.code, 0, next.out);
    assert.match(next.err, /kmatrix-build\.log lacks a part: building all of it again/);
    await assert.rejects(Deno.stat(`${dirname(log)}/.some.o.cmd`));
    assert.ok((await Deno.stat(log)).size < 1000);
  } finally {
    await Deno.writeTextFile(makefile, sound);
    await project.forgetBuilds();
  }
});

/** Whether this test may mount a file system. */
const MOUNTS = await new Deno.Command("unshare", {
  args: ["--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
  stderr: "null",
}).output().then(({ code }) => code === 0, () => false);

/** Gives a folder a disk of its own for as long as the body runs. */
async function withDisk(path: string, size: string, body: () => Promise<void>): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  const call = async (...args: string[]) => {
    const { code } = await new Deno.Command(args[0]!, { args: args.slice(1) }).output();
    assert.equal(code, 0, args.join(" "));
  };
  await call("mount", "-t", "tmpfs", "-o", `size=${size}`, "kmatrix-test", path);
  const df = await project.replaceProgram("df", 'exec /bin/df "$@"\n');
  try {
    await body();
  } finally {
    await df();
    await call("umount", path);
  }
}

Deno.test({
  name: "a full disk is named, wherever it is found, and what was reported before stays valid",
  ignore: !MOUNTS,
  async fn() {
    const { console, results } = project.soundBoot("fake/kcov");
    await project.setBoot("fake/kcov", { recording: { console, results }, end: { floodMiB: 12 } });
    // Room for the reports of three cells and their initramfs, not for that console.
    await withDisk(project.out, "7m", async () => {
      const { code, verdict } = await run(MATRIX, CELLS);
      assert.deepEqual([code, verdict], [6, "disk-full"]);
      note("a disk with room for half of the console", verdict, code);
      const cases = junitCases(await project.read("junit.xml"))["fake/kcov"]!;
      assert.match(
        cases.find(({ name }) => name === "stage boot")!.state,
        /^error: .*(space|full)/,
      );
    });
    await project.reset();
    await project.forgetBuilds();
    await withDisk(`${project.cache}/builds`, "16k", async () => {
      const { code, verdict } = await run(MATRIX, CELLS);
      assert.deepEqual([code, verdict], [6, "disk-full"]);
      note("16 KB of room for a build", verdict, code);
    });
    assert.equal((await run(MATRIX, CELLS)).code, 0);
  },
});
