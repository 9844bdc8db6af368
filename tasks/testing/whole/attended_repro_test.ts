// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cases } from "./fake_cases.ts";

cases("repro that a person attends", "built", [
  ["runs a command in the guest, and fails with it", async (project) => {
    const run = async (end: number, ...console: string[]) => {
      const recording = project.soundBoot("fake/kcov", (script) => ({ ...script, boot: console }));
      await project.setBoot("fake/kcov", { recording, end });
      return await project.run("repro", "fake/kcov", "--", "1 + 1");
    };
    const sound = await run(33);
    assert.equal(sound.code, 0, sound.out + sound.err);
    assert.match(sound.out, /Linux version/);
    const [line] = (await Deno.readTextFile(`${project.dir}/started/qemu`)).split("\n");
    assert.match(line!, /-chardev stdio,id=console,.*logfile=\S+\/fake\/kcov\/console\.log /);
    assert.match(line!, / loglevel=5$/);
    const failed = await run(37);
    assert.equal(failed.code, 3);
    assert.match(failed.err, /failed in the guest: '1 \+ 1'$/m);
    const meant = await project.run("repro", "fake/kcov", "--", "reproducer", "--once");
    assert.match(
      meant.err,
      /failed in the guest: reproducer --once \(taken as JavaScript: there is no file repr/,
    );
    const gone = await run(0);
    assert.equal(gone.code, 3);
    assert.match(gone.err, /the guest ended before the command did \(QEMU's exit code 0\)/);
  }],

  ["waits for gdb with another build, and says what to type", async (project) => {
    const { code, out, err } = await project.run("repro", "fake/kcov", "--gdb", "4321", "-v");
    assert.equal(code, 0, out + err);
    assert.match(
      out,
      /^ {2}gdb -iex 'add-auto-load-safe-path (\S+)' -iex 'directory \S+\/tree' -ex 'target remote 127\.0\.0\.1:4321' \1\/vmlinux$/m,
    );
    assert.match(err, /make .*'KCFLAGS=-gline-tables-only .* -g' .*scripts_gdb/);
    assert.match(err, /qemu-system-x86_64 .* -S -gdb tcp:127\.0\.0\.1:4321/);
    const builds = [...Deno.readDirSync(`${project.cache}/builds`)].map(({ name }) => name);
    const configs = builds.map((name) =>
      Deno.readTextFileSync(`${project.cache}/builds/${name}/.config`)
    );
    assert.equal(configs.filter((text) => /CONFIG_GDB_SCRIPTS=y/.test(text)).length, 1);
    assert.ok(configs.some((text) => !/CONFIG_GDB_SCRIPTS/.test(text)));
  }],

  ["does not guess what a command may be", async (project) => {
    const cases: readonly [readonly string[], RegExp][] = [
      [
        ["--", `${project.root}/matrix.yaml`],
        /matrix\.yaml is no program for the guest: it is no ELF/,
      ],
      [["--", "./no/such", "-x"], /\/project\/\.?\/?no\/such: there is no such program/],
      [["--", "/no/such"], /^.*\/no\/such: there is no such program/],
      [["--", "./selftests"], /selftests: it is a folder, not a program/],
      [["--gdb", "70000"], /--gdb 70000: a TCP port is 1 to 65535/],
      [["--shell", "--", "1"], /take one of --shell, --gdb and a command/],
      [["--shell", "--gdb"], /take one of --shell, --gdb and a command/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await project.run("repro", "fake/kcov", ...args);
      assert.equal(code, 2, err);
      assert.match(err, message);
    }
    assert.equal(await project.started("qemu"), 0);
  }],

  ["refuses a port that is taken before it builds anything", async (project) => {
    await project.forgetBuilds();
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const { code, err } = await project.run("repro", "fake/kcov", "--gdb", `${port}`);
    assert.equal(code, 2, err);
    assert.match(err, new RegExp(`--gdb ${port}: another program listens on this port`));
    assert.equal(await project.started("clang"), 0);
  }],

  ["says so where QEMU does not start", async (project) => {
    await project.setBoot("fake/kcov", {
      recording: project.soundBoot("fake/kcov"),
      end: "refuses",
    });
    for (const args of [["--shell"], ["--", "1 + 1"]]) {
      const { code, err } = await project.run("repro", "fake/kcov", ...args);
      assert.equal(code, 6, err);
      assert.match(err, /unsupported machine type(.|\n)*QEMU did not start \(exit code 1\)/);
    }
  }],
]);
