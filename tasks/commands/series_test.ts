// SPDX-License-Identifier: MIT
/** `deno task series` as a process of its own over the fake project. */
import assert from "node:assert/strict";
import { assertWhole, readStream } from "../testing/event_lines.ts";
import { FakeProject } from "../testing/fake_project.ts";
import {
  type FakeBehaviour,
  FLAKY,
  HUNTED,
  installHistoryPrograms,
  makeHistory,
  writeImages,
} from "../testing/fake_history.ts";

const BEHAVIOURS: readonly FakeBehaviour[] = [
  { image: "good", boots: ["fine"] },
  { image: "flaky", boots: ["broken", "fine"] },
  { image: "bad", boots: ["broken"] },
];

/** Each patch gives kernel/kcov.c the next of these images. */
const IMAGES = ["good0", "good1", "flaky2", "bad3", "good4"];

const TESTS = ["--test", HUNTED, "--test", FLAKY];

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
  const file = `${project.dir}/events`;
  const { code, out, err } = await project.run(
    "series",
    "fake/kcov",
    ...TESTS,
    "--verbose",
    "--events",
    file,
  );
  assert.equal(code, 3, out + err);
  const lines = await readStream(await Deno.readTextFile(file));
  assertWhole(lines, { command: "series", cells: ["fake/kcov"], code });
  // Only the first patch changes Kconfig.
  assert.equal(err.match(/\$ (?:.* )?make .* olddefconfig$/gm)?.length, 1);
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

Deno.test("series walks the commits of a range, then the patches on top of them", async () => {
  const commits = ["good0", "good1", "bad3", "bad4"].map((image) => ({
    ...{ image, subject: image, kconfig: "config KCOV\nconfig PRINTK\nconfig OTHER\n" },
  }));
  const { tree, ids } = await makeHistory(project, commits);
  const fix = `${project.dir}/fix.diff`;
  await Deno.writeTextFile(fix, change("kernel/kcov.c", source("bad4"), source("good4")));
  const range = ["--tree", tree, "--range", `${ids[0]}..`, "--series", fix];
  const { code, out, err } = await project.run(
    "series",
    `tree+${ids[0]}..+fix/kcov`,
    ...range,
    ...TESTS,
  );
  assert.equal(code, 3, out + err);
  const short = ids.map((id) => id.slice(0, 12));
  const rows = out.split("\n\n")[0]!.split("\n").slice(1).map((line) =>
    line.replaceAll(/ +/g, " ")
  );
  assert.deepEqual(rows, [
    "(without the series) ok 2",
    `1 ${short[1]}-good1 ok 2`,
    `2 ${short[2]}-bad3 1 FAILED`,
    `3 ${short[3]}-bad4 1 FAILED`,
    "4 fix ok 2",
  ]);
  assert.match(out, new RegExp(`first broken by ${short[2]}-bad3: `));
});

Deno.test("hunks that apply with --fuzz are in the reports, also of a run that finds the tree", async () => {
  await setSeries({});
  await project.write("tree/kernel/fuzz.c", "1\n2\n3\n4\n5\n6\n7\n");
  const file = `${project.dir}/near.diff`;
  const hunk = "@@ -1,7 +1,7 @@\n one\n 2\n 3\n-4\n+four\n 5\n 6\n 7\n";
  await Deno.writeTextFile(file, `--- a/kernel/fuzz.c\n+++ b/kernel/fuzz.c\n${hunk}`);
  const words = ["patch", "fake+near/kcov", "--kernel", "fake", "--series", file];
  const strict = await project.run(...words);
  assert.equal(strict.code, 5, strict.out + strict.err);
  assert.match(
    strict.out,
    /near\.diff does not apply: kernel\/fuzz\.c: hunk 1 \(line 1\) does not/,
  );
  for (const turn of ["applies", "is there"]) {
    const { code, out, err } = await project.run(...words, "--fuzz");
    assert.equal(code, 0, out + err);
    const said = /near\.diff: kernel\/fuzz\.c: hunk 1 \(line \d+\) applied with fuzz/;
    assert.match(err, said, turn);
    const run = JSON.parse(await project.read("run.json"));
    assert.match(run.cells[0].properties["patch.fuzz"], said, turn);
    assert.match(await project.read("junit.xml"), said, turn);
  }
  // Without leave, what was applied with fuzz is not taken.
  assert.equal((await project.run(...words)).code, 5);
  assert.equal((await project.run("plan", "--fuzz")).code, 2);
});

Deno.test("a series file of the project that names a missing patch is a user's mistake", async () => {
  await setSeries({});
  await project.write("project/kernels/fake/patches/series", "# ours\nnone.patch -p1\n");
  const { code, err } = await project.run("plan");
  await setSeries({});
  assert.equal(code, 2, err);
  assert.match(
    err,
    /kernels\/fake\/patches\/series names a patch that is not there: .*none\.patch/,
  );
});
