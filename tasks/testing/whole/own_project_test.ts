// SPDX-License-Identifier: MIT
/** A matrix outside of the project, with files of its own beside it; nothing is built here. */
import assert from "node:assert/strict";

const ROOT = new URL("../../../", import.meta.url).pathname.replace(/\/$/, "");

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The tool itself, called in a folder. */
async function kmatrix(folder: string, ...words: readonly string[]): Promise<Answer> {
  const argv = ["run", "--allow-all", "--no-check", `--config=${ROOT}/deno.json`];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...argv, `${ROOT}/tasks/main.ts`, ...words],
    cwd: folder,
    env: { NO_COLOR: "1", HOME: `${folder}/home`, INIT_CWD: "" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

/** A folder of odd name that `init` has filled. */
async function started(body: (folder: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "kmatrix-own ü'-" });
  try {
    const { code, err } = await kmatrix(dir, "init", "mine");
    assert.equal(code, 0, err);
    await body(`${dir}/mine`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("init writes a matrix whose fragment and guest test are there at once", async () => {
  await started(async (folder) => {
    const [, schema] = (await Deno.readTextFile(`${folder}/matrix.yaml`)).split("\n");
    const [, url] = /^# yaml-language-server: \$schema=(.*)$/.exec(schema!)!;
    JSON.parse(await Deno.readTextFile(new URL(url!)));
    // By its place, and named from elsewhere.
    for (const [from, ...more] of [[folder], [`${folder}/..`, "--matrix", "mine/matrix.yaml"]]) {
      const listed = await kmatrix(from!, "matrix", "--list", ...more);
      assert.deepEqual([listed.out, listed.code], ["linux-6.12/mine\n", 0], listed.err);
      const tests = await kmatrix(from!, "tests", ...more);
      assert.match(
        tests.out,
        /^mine\.base\.getppid_is_covered {2}\(needs kcov; .*; selftests\/mine\.ts\)$/m,
        tests.err,
      );
      assert.match(tests.out, /^kcov\.mode_trace_pc\./m, "the tool's own are there as well");
    }
    const named = await kmatrix(folder, "matrix", "--list", "--test", "mine.*", "linux-6.12/kcov");
    assert.deepEqual([named.out, named.code], ["linux-6.12/kcov\n", 0], named.err);
  });
});

Deno.test("init writes nothing over what is there, nor into what is no folder", async () => {
  await started(async (folder) => {
    await Deno.remove(`${folder}/matrix.yaml`);
    const again = await kmatrix(folder, "init");
    assert.equal(again.code, 2);
    assert.match(again.err, /mine\/configs\/mine\.config is there already/);
    await assert.rejects(Deno.stat(`${folder}/matrix.yaml`), "nothing was written");
    const file = await kmatrix(folder, "init", "configs/mine.config");
    assert.equal(file.code, 2);
    assert.match(file.err, /configs\/mine\.config is a file/);
  });
});

Deno.test("what is wrong with files of one's own is said with its place", async () => {
  await started(async (folder) => {
    const test = await Deno.readTextFile(`${folder}/selftests/mine.ts`);
    const cases: readonly [string, RegExp][] = [
      [test.replace("const mine =", "const mine = ="), /selftests do not load: .*mine\.ts/],
      [test.replace("kmatrix/kcov/kcov.ts", "kmatrix/kcov/kcob.ts"), /selftests do not load/],
      [test.replace("[mine]", "mine"), /selftests\/mine\.ts exports no fixtures/],
      [test.replace("export const fixtures", "const fixtures"), /exports no fixtures/],
      [
        test.replace('fixture("mine"', 'fixture("kcov"').replace("base: {}", "mode_trace_pc: {}")
          .replace('"getppid_is_covered"', '"kcov_basic_syscall_coverage"'),
        /selftests\/mine\.ts:\d+/,
      ],
    ];
    for (const [text, message] of cases) {
      await Deno.writeTextFile(`${folder}/selftests/mine.ts`, text);
      const { code, err } = await kmatrix(folder, "tests");
      assert.equal(code, 2, err);
      assert.match(err, message);
    }
    // A file of helpers and a test of the host are no selftests.
    await Deno.writeTextFile(`${folder}/selftests/mine.ts`, test);
    await Deno.writeTextFile(
      `${folder}/selftests/mine_test.ts`,
      "throw new Error('on the host');\n",
    );
    assert.equal((await kmatrix(folder, "tests")).code, 0);

    const matrix = await Deno.readTextFile(`${folder}/matrix.yaml`);
    await Deno.writeTextFile(`${folder}/matrix.yaml`, matrix.replace("mine]", "mien]"));
    const fragment = await kmatrix(folder, "matrix", "--list");
    assert.equal(fragment.code, 2);
    assert.match(fragment.err, /matrix\.yaml:\d+:\d+: .*"mien".*did you mean "mine"/);
    await Deno.writeTextFile(`${folder}/matrix.yaml`, matrix);
    await Deno.writeTextFile(`${folder}/configs/mine.config`, "CONFIG_DEBUG_LIST=y\nDEBUG=y\n");
    const line = await kmatrix(folder, "plan", "--dry-run");
    assert.ok(line.code === 2, line.out + line.err);
  });
});

Deno.test("a kernel of one's own lies beside the matrix, and those of the tool are there too", async () => {
  await started(async (folder) => {
    await Deno.mkdir(`${folder}/kernels/lab`, { recursive: true });
    await Deno.writeTextFile(
      `${folder}/kernels/lab/kernel.yaml`,
      `source: { tarball: ${folder}/lab.tar.xz, sha256: ${"0".repeat(64)} }\n`,
    );
    const matrix = await Deno.readTextFile(`${folder}/matrix.yaml`);
    const both = matrix.replace("kernels: [linux-6.12]", "kernels: [linux-6.12, lab]");
    await Deno.writeTextFile(`${folder}/matrix.yaml`, both);
    const listed = await kmatrix(folder, "matrix", "--list");
    assert.deepEqual(listed.out, "linux-6.12/mine\nlab/mine\n", listed.err);
  });
});
