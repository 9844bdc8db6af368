// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { assertValidJunit } from "../junit.ts";
import { CELLS, MATRIX } from "../broken_worlds.ts";
import { ALL_PASSED, cases, failedAt, KCOV, stagesOf } from "./fake_cases.ts";

cases("a stage that fails", "nothing built", [
  ["configure: a Kconfig file that does not parse reads like a compile error", async (project) => {
    await project.turnOn("bad-kconfig");
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 5, out);
    const cause = 'kernel/Kconfig:2: error: unknown statement "defalt"; did you mean "default"?';
    assert.ok(out.includes(`\n${cause} [make-config-failed, config]\n    2 |     defalt y\n`), out);
    assert.match(out, /^ {4}make olddefconfig ended with code 2$/m);
    assert.match((await stagesOf(project, "fake/kcov"))[2]!, /^configure error: kernel\/Kconfig:2/);
  }],

  ["configure: a dropped option, with who asked for it", async (project) => {
    await project.turnOn("drop-option");
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 5, out);
    assert.match(out, /CONFIG_KCOV/);
    assert.match(out, /configs\/kcov\.config:1/);
    for (const cell of ["fake/kcov", "fake/kcov/smp4"]) {
      const [, , configure, ...behind] = await stagesOf(project, cell);
      assert.match(configure!, /^configure error: .*CONFIG_KCOV/);
      assert.deepEqual(
        new Set(behind.map((one) => one.replace(/^\w+ /, ""))),
        new Set([
          "skipped: blocked by configure",
        ]),
      );
    }
    assert.deepEqual(await stagesOf(project, "fake/nokcov"), ALL_PASSED);
  }],

  ["configure: a compiler without what the config requires", async (project) => {
    await project.turnOn("no-trace-pc");
    await Deno.remove(`${project.cache}/probes`, { recursive: true });
    const { code, out } = await project.run(...MATRIX);
    await Deno.remove(`${project.cache}/probes`, { recursive: true });
    assert.equal(code, 5, out);
    assert.match(
      out,
      /config kcov requires the compiler feature "trace-pc", which toolchain clang-22/,
    );
    assert.equal((await stagesOf(project, "fake/nokcov")).at(-1), "parse passed");
  }],

  ["build: a compile error, by its own line", async (project) => {
    await project.turnOn("compile-error");
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 5, out);
    const error =
      `${project.dir}/tree/kernel/kcov.c:3:9: error: use of undeclared identifier 'area'`;
    for (const cell of CELLS) {
      assert.deepEqual(await stagesOf(project, cell), failedAt("build", `failure: ${error}`));
    }
    assert.equal(await project.started("qemu"), 0);
    await assertValidJunit(await project.read("junit.xml"));
  }],

  ["build: goes on where the last run was broken off", async (project) => {
    await project.turnOn("compile-error");
    assert.equal((await project.run("build", "fake/kcov", "--jobs", "1")).code, 5);
    await project.turnOff("compile-error");
    const before = await project.started("clang");
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    assert.equal(await project.started("clang"), before + 1, "kernel/fork.o was there already");
  }],

  ["build: a killed compiler is never the kernel's fault", async (project) => {
    await project.turnOn("compiler-killed");
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 6, out);
    const build = (await stagesOf(project, "fake/kcov"))[3]!;
    assert.match(build, /^build error: .*Error 137$/);
    assert.match(out, /\[compiler-killed, infra\]/);
    // What stands in brackets is explained once, and by its command.
    assert.equal(out.match(/^in brackets: the id .* deno task explain ID says more$/gm)?.length, 1);
    const explained = await project.run("explain", "compiler-killed");
    assert.match(explained.out, /^compiler-killed: .*\n +what to do: .*\n.*exit code 6/);
    const unknown = await project.run("explain", "compiler-kiled");
    assert.deepEqual([unknown.code, /did you mean "compiler-killed"/.test(unknown.err)], [4, true]);
  }],

  ["build: a warning that the matrix does not list", async (project) => {
    await project.turnOn("new-warning");
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 5, out);
    const [, , , build, inspect] = await stagesOf(project, "fake/kcov");
    assert.match(
      build!,
      /^build failure: 1 warning that the matrix does not list; first: .*fork\.c/,
    );
    assert.equal(inspect, "inspect skipped: blocked by build");

    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    const known = "warnings: [{ match: unused variable 'x', reason: known }]\n";
    await project.write("other.yaml", matrix + known);
    const again = await project.run(...KCOV, "--matrix", `${project.dir}/other.yaml`);
    assert.equal(again.code, 0, again.out);
    assert.match(await project.read("junit.xml"), /"build.warnings.listed" value="1"/);
  }],

  ["inspect: a kernel that is not instrumented", async (project) => {
    await project.turnOn("not-instrumented");
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 5, out);
    const problem = "vmlinux calls __sanitizer_cov_trace_pc 0 times; at least 1000 expected";
    assert.deepEqual(
      await stagesOf(project, "fake/kcov"),
      failedAt("inspect", `failure: ${problem}`),
    );
    assert.deepEqual(await stagesOf(project, "fake/nokcov"), ALL_PASSED);
  }],

  ["fetch: a tree that is none", async (project) => {
    const makefile = `${project.dir}/tree/Makefile`;
    await Deno.rename(makefile, `${makefile}.away`);
    const { code, out } = await project.run(...MATRIX);
    await Deno.rename(`${makefile}.away`, makefile);
    assert.equal(code, 2, out);
    assert.match(out, /is no kernel source tree: it has no Makefile/);
    const [fetch, patch] = await stagesOf(project, "fake/kcov");
    assert.match(fetch!, /^fetch error: /);
    assert.equal(patch, "patch skipped: blocked by fetch");
  }],
]);
