// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { STAGES } from "../../core/model/model.ts";
import { assertValidJunit } from "../junit.ts";
import { CELLS, MATRIX } from "../broken_worlds.ts";
import { ALL_PASSED, cases, stagesOf } from "./fake_cases.ts";

cases("the command line", "nothing built", [
  ["--fail-fast blocks what comes behind the first failure", async (project) => {
    await project.turnOn("compile-error");
    const { code } = await project.run(...MATRIX, "--fail-fast");
    assert.equal(code, 5);
    assert.deepEqual(
      (await stagesOf(project, "fake/nokcov")).at(-1),
      "parse skipped: blocked by build",
    );
    assert.ok(
      (await stagesOf(project, "fake/kcov")).slice(2).every((state) =>
        state.endsWith("skipped: blocked by fail-fast")
      ),
    );
  }],

  ["--dry-run prints every command and runs none", async (project) => {
    const { code, out } = await project.run(...MATRIX, "--dry-run");
    assert.equal(code, 0);
    assert.match(out, /^make -C \S+\/tree -j\d+ .* tinyconfig$/m);
    assert.match(
      out,
      /^make .* 'KBUILD_BUILD_TIMESTAMP=Thu Jan {2}1 00:00:00 UTC 2026' .* vmlinux bzImage$/m,
    );
    assert.match(out, /^clang-22 -static /m);
    assert.equal(out.match(/^qemu-system-x86_64 /gm)?.length, 3);
    assert.equal(await project.started("clang") + await project.started("qemu"), 0);
    const repro = await project.run("repro", "fake/kcov", "--smp", "2", "--dry-run");
    assert.match(repro.out, /^qemu-system-x86_64 .*-smp 2,sockets=2 /m);
    assert.equal(await project.started("clang") + await project.started("qemu"), 0);
    await assert.rejects(Deno.stat(project.out));
    await assert.rejects(Deno.stat(`${project.cache}/builds`));
  }],

  ["--no-install refuses when a tool is missing, and names its package", async (project) => {
    const bison = `${project.dir}/bin/bison`;
    await Deno.rename(bison, `${bison}.away`);
    const { code, out } = await project.run(...MATRIX, "--no-install");
    const doctor = await project.run("doctor");
    await Deno.rename(`${bison}.away`, bison);
    assert.equal(code, 6, out);
    assert.match(out, /missing on this machine: bison \[missing-tool, infra\]/);
    assert.match(out, /To install: .*bison$/m);
    for (const cell of CELLS) {
      assert.ok((await stagesOf(project, cell)).every((one) => one.endsWith("blocked by setup")));
    }
    await assertValidJunit(await project.read("junit.xml"));
    assert.equal(doctor.code, 6);
    assert.match(doctor.out, /^MISSING {2}bison +missing +Kconfig's parser$/m);
    assert.match(doctor.out, /^ok {7}clang-22 +22\.1\.8 /m);
    // Everything comes out the same without it.
    assert.match(doctor.out, /^none {5}ccache +missing /m);
    assert.doesNotMatch(doctor.out + doctor.err, /missing-tool.*ccache|ccache: missing/);
  }],

  ["stage commands stop behind their stage", async (project) => {
    const { code, out } = await project.run("configure", "fake/kcov");
    assert.equal(code, 0, out);
    assert.match(out, /^pass {2}fake\/kcov .* configure done$/m);
    assert.deepEqual(await stagesOf(project, "fake/kcov"), ALL_PASSED.slice(0, 3));
    assert.equal(await project.started("clang"), 0);
  }],

  ["--list prints the cells that globs and --shard choose", async (project) => {
    const list = async (...args: string[]) =>
      (await project.run("matrix", "--list", ...args)).out.trim().split("\n");
    assert.deepEqual(await list("*kcov*", "!*/smp4"), ["fake/nokcov", "fake/kcov"]);
    assert.deepEqual(await list("--shard", "1/2"), ["fake/kcov", "fake/kcov/smp4"]);
  }],

  [
    "plan --format slurm prints a job script with the user's options, and nothing else",
    async (project) => {
      project.environment = { KCFLAGS: "-DA='x y'" };
      const plan = (...args: string[]) => project.run("plan", "--shards", "2", "*kcov*", ...args);
      const { code, out, err } = await plan("--format", "slurm", "--slurm-arg", "-p long");
      project.environment = {};
      assert.equal(code, 0, err);
      const lines = out.split("\n");
      assert.equal(lines[0], "#!/bin/sh");
      for (const option of ["--array=1-2", "--cpus-per-task=4", "--requeue", "-plong"]) {
        assert.ok(lines.includes(`#SBATCH ${option}`), `${option}:\n${out}`);
      }
      assert.ok(lines.includes(`export KCFLAGS='-DA='\\''x y'\\'''`), out);
      assert.match(
        out,
        /\n {2}matrix \\\n {2}'\*kcov\*' \\\n {2}--shard "\$SLURM_ARRAY_TASK_ID\/2"/,
      );
      const refused: readonly (readonly string[])[] = [
        ["--format", "slurm", "--slurm-arg", "long"],
        ["--format", "slurm", "--slurm-arg=--array=7"],
        ["--slurm-arg=--partition=long"],
      ];
      for (const args of refused) {
        const found = await plan(...args);
        assert.deepEqual([found.code, found.out], [2, ""], args.join(" "));
        assert.match(found.err, /--slurm-arg/);
      }
      assert.equal((await project.run("plan", "--slurm-arg=-p long")).code, 2);
    },
  ],

  ["--junit and --json write copies", async (project) => {
    await Deno.mkdir(`${project.dir}/a`);
    const copies = ["--junit", `${project.dir}/a/j.xml`, "--json", `${project.dir}/a/r.json`];
    assert.equal((await project.run(...MATRIX, "fake/nokcov", ...copies)).code, 0);
    assert.equal(
      await Deno.readTextFile(`${project.dir}/a/j.xml`),
      await project.read("junit.xml"),
    );
    const json = JSON.parse(await Deno.readTextFile(`${project.dir}/a/r.json`));
    assert.equal(json.cells[0].verdict.kind, "passed");
  }],

  ["bad input gets its own exit code before anything runs", async (project) => {
    const cases: readonly [readonly string[], number, RegExp][] = [
      [["matrix", "nothing/*"], 4, /no cell matches "nothing\/\*"/],
      [["matrix", "--no-such-option"], 2, /unknown option '--no-such-option'/],
      [["matrix", "--matrix", "/none.yaml"], 2, /there is no matrix file \/none\.yaml/],
      [["matrix", "--filter", "kcov.*"], 2, /unknown option '--filter'.*\n.*is called --test now/],
      [["parse", `${project.dir}/bin`], 4, /holds neither console\.log nor results\.log/],
      [["report", `${project.dir}/bin`], 4, /holds no run\.json/],
    ];
    for (const [args, code, message] of cases) {
      const found = await project.run(...args);
      assert.equal(found.code, code, `${args.join(" ")}: ${found.err}`);
      assert.match(found.err, message);
    }
    const broken = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    await project.write("other.yaml", broken.replace("cpus: 4", "cpus: four"));
    const located = await project.run("matrix", "--matrix", `${project.dir}/other.yaml`);
    assert.equal(located.code, 2);
    assert.match(located.err, /other\.yaml:5:17: machines\.smp4\.cpus must be a whole number/);
    assert.match(located.err, /\n {6}\s+smp4: \{ cpus: four.*\n\s+\^\n/);
  }],

  ["a fragment line that is none stops before the build, with line and caret", async (project) => {
    await project.write("project/configs/kcov.config", "CONFIG_KCOV = y\n");
    const { code, out } = await project.run(...MATRIX);
    await project.write("project/configs/kcov.config", "CONFIG_KCOV=y\n");
    assert.equal(code, 2, out);
    assert.match(out, /configs\/kcov\.config:1:12: blank before "="/);
    assert.equal((await stagesOf(project, "fake/nokcov")).at(-1), "parse passed");
  }],

  ["selftests that do not bundle are the user's to mend", async (project) => {
    const selftests = `${project.root}/selftests`;
    const target = await Deno.readLink(selftests);
    await Deno.remove(selftests);
    await project.write("project/selftests/main.ts", "const = 1;\n");
    const { code, out } = await project.run(...MATRIX, "fake/nokcov");
    await Deno.remove(selftests, { recursive: true });
    await Deno.symlink(target, selftests);
    assert.equal(code, 2, out);
    assert.match(out, /\[selftests-do-not-bundle, user\]/);
    assert.match(
      (await stagesOf(project, "fake/nokcov"))[STAGES.indexOf("pack")]!,
      /^pack error: /,
    );
  }],

  ["the help page comes without a command", async (project) => {
    const { code, stdout } = await project.command([]).output();
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stdout), /Exit codes: 0 as declared/);
  }],
]);
