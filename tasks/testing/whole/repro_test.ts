// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BASIC, cases, setTest } from "./fake_cases.ts";

cases("repro", "built", [
  ["boots one cell as it is, or changed for this boot alone", async (project) => {
    const plain = await project.run("repro", "fake/kcov", "--test", "kcov.*");
    assert.equal(plain.code, 0, plain.out + plain.err);
    const changed = await project.run(
      ...["repro", "fake/kcov", "--test", "kcov.*", "--cmdline", "nosmt", "--memory", "64"],
      ...["--qemu-arg=-d", "--qemu-arg=int"],
    );
    assert.equal(changed.code, 0, changed.out + changed.err);
    const { argv } = JSON.parse(await project.read("fake/kcov/boot.json"));
    assert.match(argv.at(-3), /^console=ttyS0 .* nosmt$/);
    assert.deepEqual(argv.slice(-2), ["-d", "int"]);
    assert.ok(argv.includes("64M"));
  }],

  ["ends with the command that does the same again", async (project) => {
    await setTest(project, "fake/kcov", { do: "fail", message: "expected 1, found <0>" });
    const args = ["repro", "fake/kcov", "--test", "kcov.*", "--cmdline", "a b"];
    const { code, out } = await project.run(...args);
    assert.equal(code, 3);
    // What is repeated is the test that has failed.
    const again = `npx --yes deno task repro fake/kcov --test ${BASIC} '--cmdline=a b' ` +
      "--accel tcg --sandbox off";
    assert.equal(out.trimEnd().split("\n").at(-1), `repeat with: ${again}`);
    const xml = (await project.read("junit.xml")).replaceAll("&apos;", "'");
    assert.ok(xml.includes(`repeat with: ${again}`));
    project.environment = { KCFLAGS: "-DA -DB", W: "1" };
    try {
      const { out } = await project.run(...args);
      assert.ok(out.trimEnd().endsWith(`repeat with: KCFLAGS='-DA -DB' W=1 ${again}`), out);
    } finally {
      project.environment = {};
    }
  }],

  [
    "boots nothing for a cell or a test that does not exist, or for several cells",
    async (project) => {
      const cases: readonly [readonly string[], number, RegExp][] = [
        [["fake/kcob"], 4, /did you mean "kcov"/],
        [["fake/*"], 2, /repro takes one cell; "fake\/\*" names fake\/nokcov, fake\/kcov, /],
        [
          ["fake/kcov", "--test", "kcov_basic"],
          4,
          /a glob matches the whole id: '\*kcov_basic\*' names/,
        ],
        [["fake/kcov", "--test", "*no_such*"], 4, /no test matches "\*no_such\*"/],
        [["fake/kcov", "--test", "*no_such*"], 4, /no test matches "\*no_such\*"/],
        [["fake/kcov", "--test", "kcov_c.kcov_test.*"], 4, /come with the test kcov_c\.tree\./],
        // It would test the matrix's own kernel, and say nothing of the series.
        [
          ["fake/kcov", "--kernel", "fake", "--series", `${project.dir}/fix.diff`],
          2,
          /--series gives the kernel fake\+fix, but no cell .*\n.*Name fake\+fix\/kcov or the like/,
        ],
        [["fake/kcov", "--dry-run", "--shell"], 2, /repro with --shell.* takes no --dry-run/],
      ];
      await project.write("fix.diff", "--- a/note\n+++ b/note\n@@ -0,0 +1 @@\n+x\n");
      for (const [args, wanted, message] of cases) {
        const { code, err } = await project.run("repro", ...args);
        assert.equal(code, wanted, err);
        assert.match(err, message);
      }
      assert.equal(await project.started("qemu"), 0);
    },
  ],
]);
