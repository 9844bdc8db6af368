// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withTempDir } from "../../testing/temp_dir.ts";
import { LATE_SCRIPT } from "./late_script.ts";

/** What the script behind ccache starts for these words, a line each. */
async function startedFor(dir: string, flags: readonly string[]): Promise<string[]> {
  const log = `${dir}/log`;
  await Deno.remove(log).catch(() => {});
  // ccache, opt and the compiler: each notes its words, and has nothing to give.
  for (const name of ["ccache", "opt", "clang"]) {
    const script = `#!/bin/sh\necho "\${0##*/} $*" >> ${log}\nexit 1\n`;
    await Deno.writeTextFile(`${dir}/${name}`, script, { mode: 0o755 });
  }
  await Deno.writeTextFile(`${dir}/late`, LATE_SCRIPT, { mode: 0o755 });
  const words = [
    ...["-Wp,-MMD,kernel/.a.o.d", "-D__KERNEL__", ...flags],
    ...["-c", "-o", "kernel/a.o", "kernel/a.c"],
  ];
  await Deno.mkdir(`${dir}/kernel`, { recursive: true });
  await new Deno.Command("sh", {
    args: [`${dir}/late`, `${dir}/clang`, ...words],
    cwd: dir,
    env: {
      KMATRIX_LATE_STEP: "object",
      KMATRIX_LATE_OPT: `${dir}/opt`,
      PATH: `${dir}:/usr/bin:/bin`,
    },
    clearEnv: true,
    stderr: "null",
  }).output();
  return (await Deno.readTextFile(log)).trimEnd().split("\n").map((line) => line.split(" ")[0]!);
}

Deno.test("a file with a plugin of the compiler's is compiled plainly, one without is not", () =>
  withTempDir(async (dir) => {
    const covered = ["-fsanitize-coverage=trace-pc"];
    // What it shares was asked of ccache, and was not to be had: then plainly.
    assert.deepEqual(await startedFor(dir, covered), ["ccache", "clang"]);
    const plugin = "-fpass-plugin=/cache/plugins/ab/kcov-dataflow.so";
    for (
      const flags of [
        [plugin],
        ["-mllvm", "-kcov-dataflow-args"],
        [plugin, "-mllvm", "-kcov-dataflow-args", "-mllvm", "-kcov-dataflow-fields=32", "-g"],
      ]
    ) {
      assert.deepEqual(await startedFor(dir, [...covered, ...flags]), ["clang"], flags.join(" "));
    }
  }));
