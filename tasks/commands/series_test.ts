// SPDX-License-Identifier: MIT
/** `deno task series` as a process of its own over the fake project. */
import assert from "node:assert/strict";
import { FakeProject } from "../testing/fake_project.ts";
import {
  type FakeBehaviour,
  FLAKY,
  HUNTED,
  installHistoryPrograms,
  writeImages,
} from "../testing/fake_history.ts";

const BEHAVIOURS: readonly FakeBehaviour[] = [
  { image: "good", boots: ["fine"] },
  { image: "flaky", boots: ["broken", "fine"] },
  { image: "bad", boots: ["broken"] },
];

/** Each patch gives kernel/kcov.c the next of these images. */
const IMAGES = ["good0", "good1", "flaky2", "bad3", "good4"];

const TESTS = ["--filter", HUNTED, "--filter", FLAKY];

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
  await installHistoryPrograms(project, BEHAVIOURS);
  await writeImages(project, IMAGES);
  await project.write("tree/kernel/kcov.c", source(IMAGES[0]!));
  await project.write("tree/Kconfig", "config PRINTK\nconfig OTHER\n");
});
Deno.test.afterAll(() => project.remove());

const source = (image: string) => `int kcov; /* image=${image} */\n`;

function change(file: string, from: string, to: string): string {
  return `--- a/${file}\n+++ b/${file}\n@@ -1 +1 @@\n-${from}+${to}`;
}

/** Patches of the fake kernel by file name, in order. */
async function setSeries(patches: Record<string, string>): Promise<void> {
  const dir = "project/kernels/fake/patches";
  for (const [name, text] of Object.entries(patches)) await project.write(`${dir}/${name}`, text);
  await project.write(`${dir}/series`, Object.keys(patches).map((name) => `${name}\n`).join(""));
}

const step = (index: number) =>
  change("kernel/kcov.c", source(IMAGES[index - 1]!), source(IMAGES[index]!));

const SERIES = {
  "1-option.patch":
    `--- a/Kconfig\n+++ b/Kconfig\n@@ -1,2 +1,3 @@\n config PRINTK\n+config KCOV\n config OTHER\n`,
  "2-good.patch": step(1),
  "3-flaky.patch": step(2),
  "4-bad.patch": step(3),
  "5-good.patch": step(4),
};

Deno.test("series shows each patch and names the first that breaks a cell", async () => {
  await setSeries(SERIES);
  const { code, out, err } = await project.run("series", "fake/kcov", ...TESTS, "--verbose");
  assert.equal(code, 3, out + err);
  // Only the first patch changes Kconfig.
  assert.equal(err.match(/\$ make .* olddefconfig$/gm)?.length, 1);
  const table = out.split("\n\n")[0];
  assert.equal(
    table,
    `patch                 fake/kcov
(without the series)  has no CONFIG_KCOV
1 1-option            ok 2
2 2-good              ok 2
3 3-flaky             ok 1, 1 flaky
4 4-bad               1 FAILED
5 5-good              ok 2`,
  );
  assert.match(out, /^fake\/kcov: first broken by 4-bad: .*expected 1, found 0 \[test-failed\]$/m);
  // A patch compiles what it changes and nothing else.
  const compiled = await Deno.readTextFile(`${project.dir}/started/clang`);
  assert.equal(compiled.match(/kernel\/fork\.c/g)?.length, 1);
  assert.equal(compiled.match(/kernel\/kcov\.c/g)?.length, 5);
  assert.equal(await Deno.readTextFile(`${project.dir}/tree/kernel/kcov.c`), source("good0"));
});

Deno.test("series passes where no patch breaks anything, and blocks behind one that does not apply", async () => {
  const { "1-option.patch": option, "2-good.patch": good } = SERIES;
  await setSeries({ "1-option.patch": option, "2-good.patch": good });
  const passed = await project.run("series", "fake/kcov", ...TESTS);
  assert.equal(passed.code, 0, passed.out + passed.err);
  assert.match(passed.out, /^fake\/kcov: no patch breaks it$/m);

  await setSeries({ "1-option.patch": option, "4-bad.patch": step(3), "5-good.patch": step(4) });
  const { code, out } = await project.run("series", "fake/kcov", ...TESTS);
  assert.equal(code, 5, out);
  assert.match(out, /^2 4-bad +FAILED does-not-apply$/m);
  assert.match(out, /^3 5-good +blocked by 4-bad$/m);
});

Deno.test("series refuses a kernel without one", async () => {
  await setSeries({});
  const { code, err } = await project.run("series", "fake/kcov");
  assert.equal(code, 2);
  assert.match(err, /fake has no series/);
});
