// SPDX-License-Identifier: MIT
/** `deno task bisect` as a process of its own over histories of the fake kernel tree. */
import assert from "node:assert/strict";
import $ from "dax";
import { assertWhole, readStream } from "../testing/event_lines.ts";
import { FakeProject } from "../testing/fake_project.ts";
import {
  bootsOf,
  type FakeBehaviour,
  type FakeCommit,
  FLAKY,
  HUNTED,
  installHistoryPrograms,
  makeHistory,
  stateOf,
} from "../testing/fake_history.ts";

const BEHAVIOURS: readonly FakeBehaviour[] = [
  // The flaky test fails in every third boot, of all kernels.
  { image: "good", boots: ["fine", "fine", "flaky"] },
  { image: "bad", boots: ["broken", "both", "broken"] },
  { image: "sometimes", boots: ["fine", "broken", "fine", "fine"] },
  { image: "panics", boots: ["panics"] },
  { image: "calm", boots: ["fine"] },
];

/** 32 commits behind a good one; the break is commit 23, and 16 and 24 do not compile. */
function history(): FakeCommit[] {
  return Array.from({ length: 33 }, (_, index): FakeCommit => {
    const image = `${index >= 23 ? "bad" : "good"}${index}`;
    return {
      subject: index === 23 ? "kcov: lose the count" : `commit ${index}`,
      // Two pairs of commits build the same kernel.
      image: index === 20 ? "good19" : index === 32 ? "bad31" : image,
      broken: index === 16 || index === 24,
    };
  });
}

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
  await installHistoryPrograms(project, BEHAVIOURS);
});
Deno.test.afterAll(() => project.remove());

type Bisect = (...args: string[]) => Promise<{ code: number; out: string; err: string }>;

/** A history, and the command on it that looks at two tests. */
async function withHistory(
  commits: readonly FakeCommit[],
  body: (bisect: Bisect, ids: readonly string[], tree: string) => Promise<void>,
): Promise<void> {
  const { tree, ids } = await makeHistory(project, commits);
  const words = ["bisect", "tree/kcov", "--tree", tree, "--test", HUNTED, "--test", FLAKY];
  await body((...args) => project.run(...words, ...args), ids, tree);
}

Deno.test("bisect finds the break among commits that do not compile and a flaky test", async () => {
  await withHistory(history(), async (bisect, ids, tree) => {
    // A dirty checkout with a bisect of its own under way stays as it is.
    await Deno.writeTextFile(`${tree}/kernel/fork.c`, "int mine;\n");
    await $`git bisect start ${ids[32]!} ${ids[0]!}`.cwd(tree).quiet().noThrow();
    const before = await stateOf(tree);
    const { code, out, err } = await bisect(
      ...["--good", ids[0]!, "--bad", ids[32]!, "--events", `${project.dir}/events`],
    );
    assert.equal(code, 0, out + err);
    const lines = await readStream(await Deno.readTextFile(`${project.dir}/events`));
    assertWhole(lines, { command: "bisect", cells: ["tree/kcov"], code });
    assert.match(
      out,
      new RegExp(`^${ids[23]} is the first bad commit\n  kcov: lose the count`, "m"),
    );
    assert.match(out, new RegExp(`fails with ${HUNTED} test-failed$`, "m"));
    assert.match(out, /^skip {2}[0-9a-f]{12} {2}commit 16 .* 0 boots .*error: broken$/m);
    assert.equal(await stateOf(tree), before);
    assert.deepEqual(await project.processes(), []);

    const log = await project.read("bisect.log");
    assert.match(log, new RegExp(`^# first bad commit: \\[${ids[23]}\\]`, "m"));
    const copy = `${tree}/../copy`;
    await $`git clone --quiet ${tree} ${copy}`;
    const replayed = await $`git bisect replay ${project.out}/latest/bisect.log`.cwd(copy).text();
    assert.match(replayed, new RegExp(`${ids[23]} is the first bad commit`));

    assert.match(await project.read("bad/boot-1/boot.json"), /"cell": "tree\/kcov"/);
    assert.match(await project.read("good/boot-1/boot.json"), /"cell": "tree\/kcov"/);
    // As for the cells of matrix: how long its boots take is what later limits are stretched by.
    const times = await Deno.readTextFile(`${project.cache}/boots/tcg/tree,kcov.json`);
    assert.match(times, /"bootMs":\d+/);
    const { steps } = JSON.parse(await project.read("bisect.json"));
    assert.equal(steps[0].commit, ids[32]);
    assert.equal(steps[1].commit, ids[0]);
  });
});

Deno.test("bisect does not boot a kernel twice that two commits build", async () => {
  const commits = ["good1", "good2", "good2", "bad3", "bad3"].map((image) => ({
    subject: image,
    image,
  }));
  await withHistory(commits, async (bisect, ids) => {
    const { code, out, err } = await bisect("--good", ids[0]!, "--bad", ids[4]!);
    assert.equal(code, 0, out + err);
    assert.match(out, new RegExp(`^${ids[3]} is the first bad commit`, "m"));
    const boots = await bootsOf(project);
    assert.deepEqual(Object.keys(boots).sort(), ["bad3", "good1", "good2"]);
    assert.equal(boots.bad3, 3);
    assert.match(out, /^bad .* 0 boots .* the same kernel as/m);
  });
});

Deno.test("bisect goes on where the repository was made anew, or has more commits", async () => {
  const commits = ["good0", "good1", "bad2"].map((image) => ({ subject: image, image }));
  const other = ["good0", "bad5", "bad6"].map((image) => ({ subject: `new ${image}`, image }));
  await withHistory(commits, async (bisect, ids, tree) => {
    const first = await bisect("--good", ids[0]!, "--bad", "HEAD");
    assert.match(first.out, new RegExp(`^${ids[2]} is the first bad commit`, "m"));
    const anew = await makeHistory(project, other);
    await Deno.remove(tree, { recursive: true });
    await Deno.rename(anew.tree, tree);
    const second = await bisect("--good", anew.ids[0]!, "--bad", "main");
    assert.match(
      second.out,
      new RegExp(`^${anew.ids[1]} is the first bad commit`, "m"),
      second.err,
    );
  });
});

Deno.test("bisect boots more often where the failure is rare", async () => {
  const commits = [0, 1, 2, 3, 4].map((index) => ({
    subject: `commit ${index}`,
    image: `${index < 3 ? "good" : "sometimes"}${index}`,
  }));
  await withHistory(commits, async (bisect, ids) => {
    const { code, out, err } = await bisect("--good", ids[0]!, "--bad", ids[4]!);
    assert.equal(code, 0, out + err);
    assert.match(out, new RegExp(`^${ids[3]} is the first bad commit`, "m"));
    const boots = await bootsOf(project);
    // 3 of 10 boots failed at the bad end: (1 - 4/12)^12 < 1 %.
    assert.equal(boots.sometimes4, 10);
    assert.equal(boots.good0, 12);
  });
});

Deno.test("bisect names the commits that are left where all of them are skipped", async () => {
  const commits = [
    { subject: "base", image: "good0" },
    { subject: "one", image: "good1", broken: true },
    { subject: "two", image: "panics2" },
    { subject: "three", image: "bad3" },
  ];
  await withHistory(commits, async (bisect, ids) => {
    const { code, out, err } = await bisect("--good", ids[0]!, "--bad", ids[3]!);
    assert.equal(code, 4, out + err);
    assert.match(err + out, /only skipped commits are left: one of 3 is the first bad one/);
    assert.match(out, /^skip .* two .* 3 of 3 boots unclear, other failure: kernel panic/m);
    assert.match(await project.read("bisect.log"), /only skipped commits left to test/);
    const { steps } = JSON.parse(await project.read("bisect.json"));
    const { evidence } = steps.find(({ subject }: { subject: string }) => subject === "two");
    const [splat] = JSON.parse(await project.read(`${evidence}/boot-1/splats.json`));
    assert.match(splat.title, /VFS: Unable to mount root fs/);
  });
});

Deno.test("bisect searches for a failure of the build as well", async () => {
  const commits = [0, 1, 2, 3, 4].map((index) => ({
    subject: `commit ${index}`,
    image: "good0",
    broken: index >= 2,
  }));
  await withHistory(commits, async (_bisect, ids, tree) => {
    const { code, out, err } = await project.run(
      ...["bisect", "tree/kcov", "--tree", tree],
      ...["--good", ids[0]!, "--bad", ids[4]!],
    );
    assert.equal(code, 0, out + err);
    assert.match(out, new RegExp(`^${ids[2]} is the first bad commit`, "m"));
    await assert.rejects(bootsOf(project), Deno.errors.NotFound);
  });
});

Deno.test("bisect refuses ends that are not what they are said to be", async () => {
  const commits = ["good0", "calm1", "bad2", "bad3"].map((image) => ({
    subject: image,
    image,
  }));
  await withHistory(commits, async (bisect, ids) => {
    await project.turnOn("new-warning");
    const cases: readonly [readonly string[], RegExp][] = [
      [["--good", ids[2]!, "--bad", ids[3]!], /fails as --bad .* does: .*test-failed/],
      [
        ["--good", ids[0]!, "--bad", ids[1]!, "--max-boots", "4"],
        /shows no failure in 4 boots.*not hunted here.*unused variable/s,
      ],
      [["--good", ids[0]!, "--bad", "nonsense"], /--bad nonsense: no commit of/],
      [["--good", ids[2]!, "--bad", "main~1"], /--good and --bad are the same commit/],
      [["--good", ids[3]!, "--bad", ids[0]!], /--bad \w{12} comes before --good \w{12}/],
      [
        ["--good", ids[0]!, "--bad", ids[3]!, "--tree", project.root],
        /is no kernel source tree: it has no Makefile/,
      ],
      [["--good", ids[0]!, "--bad", ids[3]!, "--range", "a..b"], /bisect does not take --range; /],
      [["--good", ids[0]!, "--bad", ids[3]!, "--dry-run"], /bisect does not take --dry-run; /],
    ];
    for (const [args, message] of cases) {
      const { code, out, err } = await bisect(...args);
      assert.equal(code, 2, out + err);
      assert.match(err, message);
    }
  });
});

Deno.test("bisect builds nothing and leaves no run for ends or tests that do not exist", async () => {
  await withHistory([{ subject: "one", image: "good0" }], async (bisect, ids) => {
    await project.reset();
    const wrong: readonly [readonly string[], number][] = [
      [["--good", ids[0]!, "--bad", "nonsense"], 2],
      [["--good", ids[0]!, "--bad", ids[0]!], 2],
      [["--good", ids[0]!, "--bad", "main", "--test", "kcov.no_such"], 4],
    ];
    for (const [args, wanted] of wrong) {
      const { code, err } = await bisect(...args);
      assert.equal(code, wanted, err);
    }
    assert.equal(await project.started("clang"), 0);
    assert.throws(() => Deno.readDirSync(project.out).next(), Deno.errors.NotFound);
  });
});
