// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { FakeProject } from "../fake_project.ts";
import { cases } from "./fake_cases.ts";

/** A ccache that keeps nothing, and an opt of the compiler's version: what late instrumentation asks for. */
async function lateTools(project: FakeProject): Promise<AsyncDisposable> {
  const programs = {
    "ccache": `PATH="$KMATRIX_PATH" exec "\${0##*/}" "$@"`,
    "opt-22": `exec clang-22 "$@"`,
  };
  const files = Object.entries(programs).map(([name, text]) =>
    [`${project.dir}/bin/${name}`, `#!/bin/sh\n${text}\n`] as const
  );
  for (const [path, text] of files) await Deno.writeTextFile(path, text, { mode: 0o755 });
  return {
    async [Symbol.asyncDispose]() {
      for (const [path] of files) await Deno.remove(path);
    },
  };
}

cases("verify-variants", "nothing built", [
  ["what cannot be compared is no proof", async (project) => {
    const off = await project.run("verify-variants", "fake/kcov", "--late-instrumentation", "off");
    assert.equal(off.code, 2, off.out + off.err);
    assert.equal(await project.started("clang"), 0);
    const none = await project.run("verify-variants", "fake/no-such");
    assert.equal(none.code, 4, none.out + none.err);
    // Without ccache nothing is instrumented late.
    const plain = await project.run("verify-variants", "fake/kcov");
    assert.equal(plain.code, 4, plain.out + plain.err);
    assert.match(plain.err + plain.out, /\[nothing-late,/);
  }],

  ["a plain build that began as a copy is made from nothing first", async (project) => {
    const built = async (...words: readonly string[]) => {
      const { code, out, err } = await project.run("build", "fake/kcov", ...words);
      assert.equal(code, 0, out + err);
      const { facts } = JSON.parse(await project.read("run.json")).cells[0];
      return `${project.cache}/builds/${facts.config.key}`;
    };
    await using _late = await lateTools(project);
    const off = ["--late-instrumentation", "off"];
    const donor = await built(...off, "--kconfig-add", "CONFIG_FOO=y");
    // What kbuild leaves since 6.1.
    await Deno.writeTextFile(`${donor}/vmlinux.a`, "");
    const plain = await built(...off);
    const start = `${plain}/kmatrix-start.json`;
    assert.equal(JSON.parse(await Deno.readTextFile(start)).key, donor.split("/").at(-1));
    // Of no use to inspect.
    await Deno.remove(`${plain}/vmlinux.a`);
    const { code, out, err } = await project.run("verify-variants", "fake/kcov");
    assert.equal(code, 0, out + err);
    assert.match(out, /^fake\/kcov: 2 objects compared, 2 identical/);
    await assert.rejects(Deno.stat(start), out + err);
  }],
]);
