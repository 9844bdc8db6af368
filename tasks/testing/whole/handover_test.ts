// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { archOf } from "../../core/arch/table.ts";
import { assertWhole, readStream } from "../event_lines.ts";
import { BASIC, BROKEN, cases, setTest } from "./fake_cases.ts";

cases("what a failing cell leaves", "built", [
  ["repro.sh, with what it needs beside it", async (project) => {
    await setTest(project, "fake/kcov", BROKEN);
    assert.equal((await project.run("repro", "fake/kcov", "--test", "kcov.*")).code, 3);
    const script = await project.read("fake/kcov/repro.sh");
    assert.match(script, new RegExp(`^ok ${BASIC}$`, "m"));
    assert.match(script, /^ {2}kcov.*: AssertionError: expected 0 PCs, found 7$/m);
    assert.match(script, /^skip kcov\.mode_trace_cmp\.kcov_basic_syscall_coverage$/m);
    assert.match(await project.read("fake/kcov/.config"), /CONFIG_KCOV=y/);
    await assert.rejects(project.read("fake/kcov/fake-kcov.tar.xz"));
  }],

  ["repro.sh that looks for a panic in front of the guest's first word", async (project) => {
    const panic = "[    0.400000] Kernel panic - not syncing: No working init found.\r\n";
    const recording = { console: new TextEncoder().encode(panic), results: new Uint8Array() };
    await project.setBoot("fake/kcov", { recording, end: 0 });
    assert.equal((await project.run("repro", "fake/kcov", "--test", "kcov.*")).code, 3);
    const script = await project.read("fake/kcov/repro.sh");
    assert.match(script, /^if \[ "\$complete" = no \] && \[ "\$complaints" = yes \] &&$/m);
    assert.match(script, /^ {2}the kernel panicked before .*\n {2}\d+ tests did not run\nEND$/m);
  }],

  ["no repro.sh when it passes", async (project) => {
    assert.equal((await project.run("repro", "fake/kcov", "--test", "kcov.*")).code, 0);
    await assert.rejects(project.read("fake/kcov/repro.sh"));
  }],

  ["repro.sh for a dropped option and for code that does not compile", async (project) => {
    await project.forgetBuilds();
    await project.turnOn("drop-option");
    assert.equal((await project.run("repro", "fake/kcov")).code, 5);
    assert.match(await project.read("fake/kcov/repro.sh"), /^CONFIG_KCOV=y$/m);
    assert.match(await project.read("fake/kcov/request.config"), /^CONFIG_KCOV=y$/m);
    await project.turnOff("drop-option");
    await project.turnOn("compile-error");
    assert.equal((await project.run("repro", "fake/kcov")).code, 5);
    assert.match(await project.read("fake/kcov/repro.sh"), /FAILED: make failed/);
  }],

  ["a bundle, whose replay says whether the verdict is the same", async (project) => {
    await setTest(project, "fake/kcov", BROKEN);
    const args = ["repro", "fake/kcov", "--test", "kcov.*", "--bundle"];
    assert.equal((await project.run(...args)).code, 3);
    const bundle = `${project.dir}/b.tar.xz`;
    const latest = `${project.out}/latest/fake/kcov/fake-kcov.tar.xz`;
    await Deno.copyFile(latest, bundle);
    // Its own run takes out/latest over.
    const file = `${project.dir}/events`;
    const same = await project.run("replay", latest, "--events", file);
    const lines = await readStream(await Deno.readTextFile(file));
    assertWhole(lines, { command: "replay", cells: ["fake/kcov"], code: same.code });
    const manifest = await project.read("bundle/fake-kcov/bundle.json");
    assert.match(manifest, /"clang-22": "22\.1\.8"/);
    assert.equal(same.code, 0, same.out + same.err);
    assert.match(same.out, /^recorded {2}1 failure \(tcg\)$/m);
    assert.match(same.out, /^the same verdict$/m);
    await setTest(project, "fake/kcov");
    const other = await project.run("replay", bundle);
    assert.equal(other.code, 3, other.out);
    assert.match(other.out, /^recorded only: kcov\.mode_trace_pc\..*: test-failed$/m);
    assert.match(other.out, /^now only: passed$/m);
    // Unpacked by hand, and changed.
    const unpacked = await Deno.realPath(`${project.out}/latest/bundle/fake-kcov`);
    await Deno.writeTextFile(`${unpacked}/vmlinux`, "another");
    const runs = () => [...Deno.readDirSync(project.out)].map(({ name }) => name).sort();
    const before = runs();
    const changed = await project.run("replay", unpacked);
    assert.equal(changed.code, 6);
    assert.match(changed.err, /bundle\/fake-kcov: its vmlinux is not the file that was packed/);
    await Deno.remove(`${unpacked}/vmlinux`);
    assert.match((await project.run("replay", unpacked)).err, /\n +found {2}no such file/);
    const whole = await Deno.readFile(bundle);
    const refused: readonly [Uint8Array, RegExp][] = [
      [
        new TextEncoder().encode("no archive"),
        /b\.tar\.xz \(10 bytes\) is no bundle, or it is dam/,
      ],
      [
        whole.subarray(0, whole.length - 100),
        /is no bundle, or it is damaged .*\n +xz: .*end of input/,
      ],
    ];
    for (const [content, message] of refused) {
      await Deno.writeFile(bundle, content);
      const { code, err } = await project.run("replay", bundle);
      assert.equal(code, 2, err);
      assert.match(err, message);
    }
    for (
      const [path, message] of [
        ["/nowhere.tar.xz", /there is no such bundle/],
        [`${project.out}/latest/fake`, /holds no bundle\.json .*\n.*what --bundle leaves/],
      ] as const
    ) {
      const { code, err } = await project.run("replay", path);
      assert.equal(code, 2, err);
      assert.match(err, message);
    }
    const idle = await project.run("replay", unpacked, "--repeat", "3", "--tree", "x");
    assert.equal(idle.code, 2);
    assert.match(idle.err, /unknown option '--repeat'\n.*replay does not take --repeat; /);
    const qemu = `${project.dir}/bin/${archOf({}).qemu.program}`;
    await Deno.rename(qemu, `${qemu}.away`);
    const lacking = await project.run("replay", unpacked);
    await Deno.rename(`${qemu}.away`, qemu);
    assert.equal(lacking.code, 6, lacking.err);
    assert.match(lacking.err, /missing on this machine: \S+, which boots the bundle/);
    // What was refused left no run, and out/latest as it was.
    assert.deepEqual(runs(), before);
    await project.read("fake/kcov/boot.json");
  }],
]);
