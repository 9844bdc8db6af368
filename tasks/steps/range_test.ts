// SPDX-License-Identifier: MIT
/** `--range`: whose commits, which of them, and what is in the cache afterwards. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { basename } from "node:path/posix";
import { KmatrixError } from "../core/model/errors.ts";
import {
  checkoutOf,
  commitAll,
  Intake,
  listingOf,
  MAKEFILE,
  mustGitIn,
  writeFiles,
} from "../testing/git_am.ts";
import { withTempDir } from "../testing/temp_dir.ts";

interface World {
  readonly repository: string;
  readonly dir: string;
  readonly intake: Intake;
  readonly git: (...args: string[]) => Promise<string>;
}

/** A repository in which `b` descends from `a` by three commits, one of them a merge. */
async function withWorld(body: (world: World) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    const repository = `${dir}/linux`;
    await writeFiles(repository, { Makefile: MAKEFILE, "x.c": "x\n", "y.c": "y\n", "z.c": "z\n" });
    await commitAll(repository);
    const git = (...args: string[]) => mustGitIn(repository, ...args);
    const commit = async (name: string, text: string) => {
      await writeFiles(repository, { [name]: text });
      await git("add", "--all");
      await git("commit", "--quiet", "-m", `${name}: ${text.trim()}`);
    };
    await git("tag", "a");
    await commit("x.c", "one\n");
    await git("checkout", "--quiet", "-b", "side", "a");
    await commit("y.c", "two\n");
    await git("checkout", "--quiet", "-B", "main", "a");
    await commit("x.c", "three\n");
    await git("merge", "--quiet", "--no-ff", "-m", "merge side", "side");
    await commit("z.c", "four\n");
    await git("tag", "b");
    await body({ repository, dir, intake: new Intake(dir), git });
  });
}

const refused = (id: string, message: RegExp, kind = "usage") => (error: unknown) => {
  assert.ok(error instanceof KmatrixError, String(error));
  assert.deepEqual([error.kind, error.id], [kind, id]);
  assert.match(error.message, message);
  return true;
};

Deno.test("--range gives the tree of its end, and leaves the repository as it was", async () => {
  await withWorld(async ({ repository, dir, intake, git }) => {
    await writeFiles(repository, { "x.c": "dirty\n", ".git/info/attributes": "* text eol=crlf\n" });
    await git("config", "core.autocrlf", "true");
    await git("config", "diff.external", "/bin/false");
    await git("config", "format.coverLetter", "true");
    await git("config", "diff.noprefix", "true");
    const before = await listingOf(`${repository}/.git`);
    const path = await intake.treeOf({ tree: repository, range: "a..b" });
    assert.deepEqual(await listingOf(`${repository}/.git`), before);
    await Deno.remove(`${repository}/.git/info/attributes`);
    await git("config", "--unset", "core.autocrlf");
    assert.deepEqual(await listingOf(path), await checkoutOf(repository, "b", `${dir}/due`));
    assert.equal(await Deno.readTextFile(`${path}/x.c`), "three\n");
  });
});

Deno.test("another end of --range writes the files that differ, and no other", async () => {
  await withWorld(async ({ repository, intake, git }) => {
    await git("branch", "wanted", "a~0");
    await git("branch", "--force", "wanted", "b~1");
    const ask = () => intake.treeOf({ tree: repository, range: "a..wanted" });
    const times = async (path: string) =>
      Object.fromEntries(
        await Promise.all(["x.c", "y.c", "z.c"].map(async (name) => [
          name,
          (await Deno.stat(`${path}/${name}`)).mtime!.getTime(),
        ])),
      );
    const path = await ask();
    const before = await times(path);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await git("branch", "--force", "wanted", "b");
    assert.equal(await ask(), path);
    const after = await times(path);
    assert.equal(await Deno.readTextFile(`${path}/z.c`), "four\n");
    assert.deepEqual([after["x.c"], after["y.c"]], [before["x.c"], before["y.c"]]);
    assert.notEqual(after["z.c"], before["z.c"]);
    assert.match(intake.messages.at(-1)!, /0 patches applied, 1 file changed/);
  });
});

Deno.test("a run of --range that was broken off leaves nothing to the next", async () => {
  await withWorld(async ({ repository, dir, intake }) => {
    const path = await intake.treeOf({ tree: repository, range: "a..b" });
    const due = await listingOf(path);
    // Where a kill may have left it: files written, others not, a lock, and the state says so.
    const state = JSON.parse(await Deno.readTextFile(`${path}.json`));
    await Deno.writeTextFile(`${path}.json`, JSON.stringify({ ...state, digest: "" }));
    await writeFiles(path, { "x.c": "half\n", "of/another.c": "commit\n" });
    await Deno.remove(`${path}/z.c`);
    await Deno.writeTextFile(`${path}.git/index.lock`, "");
    await Deno.mkdir(`${path}.patching`);
    assert.equal(await intake.treeOf({ tree: repository, range: "a..b" }), path);
    assert.deepEqual(await listingOf(path), due);
    const left = [...Deno.readDirSync(`${dir}/cache/sources`)].map(({ name }) => name).sort();
    const id = basename(path);
    assert.deepEqual(left, [id, `${id}.git`, `${id}.json`]);
  });
});

Deno.test("--range without all objects is refused by name and leaves nothing in the cache", async () => {
  await withWorld(async ({ repository, dir, intake, git }) => {
    const partial = `${dir}/partial`;
    await git("config", "uploadpack.allowFilter", "true");
    const remote = `file://${repository}`;
    await git("clone", "--quiet", "--no-checkout", "--filter=blob:none", remote, partial);
    const blob = (await git("rev-parse", "b:z.c")).trim();
    await Deno.remove(`${repository}/.git/objects/${blob.slice(0, 2)}/${blob.slice(2)}`);
    for (
      const [tree, range, id, message, kind] of [
        [repository, "a..b", "git-failed", /cannot be checked out/, "infra"],
        [partial, "origin/main..origin/side", "bad-range", /does not descend/],
        [partial, "origin/main~1..origin/main", "partial-clone", /is a partial clone/],
      ] as const
    ) {
      await assert.rejects(intake.treeOf({ tree, range }), refused(id, message, kind), tree);
      const sources = `${intake.cache}/sources`;
      assert.deepEqual(existsSync(sources) ? [...Deno.readDirSync(sources)] : [], [], tree);
    }
  });
});

Deno.test("--series goes on top of --range, without a file of the range being lost", async () => {
  await withWorld(async ({ repository, dir, intake, git }) => {
    const patch = "--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-three\n+five\n--- /dev/null\n+++ b/n/w.c\n" +
      "@@ -0,0 +1 @@\n+new\n";
    await Deno.writeTextFile(`${dir}/fix.diff`, patch);
    const path = await intake.treeOf({
      tree: repository,
      range: "a..b",
      series: `${dir}/fix.diff`,
    });
    const due = await checkoutOf(repository, "b", `${dir}/due`);
    const found = await listingOf(path);
    const other = Object.keys({ ...due, ...found }).filter((name) => due[name] !== found[name]);
    assert.deepEqual(other.sort(), ["n/w.c", "x.c"]);
    assert.equal(await Deno.readTextFile(`${path}/x.c`), "five\n");
    // What is not in git's objects is not in the tree, and what is stays as it was.
    assert.equal((await git("status", "--porcelain")).trim(), "");
    await assert.rejects(
      intake.treeOf({ tree: repository, range: "a..b~3", series: `${dir}/fix.diff` }),
      /./,
    );
  });
});

Deno.test("--range takes bare, shallow and linked repositories, tags and open ends", async () => {
  await withWorld(async ({ repository, dir, git }) => {
    const due = await checkoutOf(repository, "b", `${dir}/due`);
    await git("clone", "--quiet", "--bare", repository, `${dir}/bare.git`);
    await git("clone", "--quiet", "--depth=2", `file://${repository}`, `${dir}/shallow`);
    await git("clone", "--quiet", "--shared", repository, `${dir}/shared`);
    await git("worktree", "add", "--quiet", "--detach", `${dir}/linked`, "b");
    const cases = [
      [`${dir}/bare.git`, "a..b"],
      [`${dir}/shallow`, "HEAD~1..HEAD"],
      [`${dir}/shared`, "a..b"],
      [`${dir}/linked`, "a.."],
      [repository, "a..main"],
      [repository, "a..HEAD^{}"],
    ] as const;
    for (const [index, [tree, range]] of cases.entries()) {
      await Deno.mkdir(`${dir}/${index}`);
      assert.deepEqual(await new Intake(`${dir}/${index}`).listing({ tree, range }), due, tree);
    }
  });
});

Deno.test("--range refuses what is no way from one commit to another, and keeps nothing of it", async () => {
  await withWorld(async ({ repository, dir, intake, git }) => {
    await git("clone", "--quiet", "--depth=1", `file://${repository}`, `${dir}/shallow`);
    await writeFiles(`${repository}/below`, { Makefile: MAKEFILE });
    await Deno.mkdir(`${dir}/plain`);
    const cases: readonly [string, string, string, RegExp][] = [
      [repository, "a...b", "bad-range", /three dots/],
      [repository, "a", "bad-range", /no two ends/],
      [repository, "..", "bad-range", /both ends are missing/],
      [repository, "a..b..c", "bad-range", /no two ends/],
      [repository, "a..a", "empty-series", /holds no commit: a and a are the same/],
      [repository, "b..a", "bad-range", /a does not descend from b/],
      [repository, "side..a", "bad-range", /a does not descend from side/],
      [repository, "none..b", "no-such-commit", /"none" is no commit/],
      [repository, "a..--all", "no-such-commit", /"--all" is no commit/],
      [repository, "a..b:x.c", "no-such-commit", /"b:x\.c" is no commit/],
      [`${dir}/shallow`, "HEAD~1..HEAD", "no-such-commit", /which is a shallow clone/],
      [`${repository}/below`, "a..b", "no-git-tree", /the git checkout is .*linux/],
      [`${dir}/plain`, "a..b", "no-git-tree", /no git checkout is there/],
      [`${dir}/nowhere`, "a..b", "no-git-tree", /no git checkout is there/],
    ];
    for (const [tree, range, id, message] of cases) {
      await assert.rejects(intake.treeOf({ tree, range }), refused(id, message), range);
    }
    await git("checkout", "--quiet", "--orphan", "other");
    await git("rm", "--quiet", "-rf", ".");
    await git("commit", "--quiet", "--allow-empty", "-m", "nothing");
    await git("commit", "--quiet", "--allow-empty", "-m", "more");
    await assert.rejects(
      intake.treeOf({ tree: repository, range: "other~1..other" }),
      refused("no-kernel-tree", /no kernel source tree/),
    );
    assert.deepEqual([...Deno.readDirSync(dir)].filter(({ name }) => name === "cache"), []);
  });
});

Deno.test({
  name: "--range names dubious ownership, and reads what the user has called safe",
  // Only root can give a file away.
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await withWorld(async ({ repository, dir, intake }) => {
      const due = await checkoutOf(repository, "b", `${dir}/due`);
      for (const path of [repository, `${repository}/.git`]) await Deno.chown(path, 12345, 12345);
      const ask = () => intake.listing({ tree: repository, range: "a..b" });
      const home = Deno.env.get("HOME");
      await Deno.mkdir(`${dir}/home`);
      Deno.env.set("HOME", `${dir}/home`);
      try {
        await assert.rejects(
          ask(),
          refused("dubious-ownership", /the repository is another user's/),
        );
        await Deno.writeTextFile(`${dir}/home/.gitconfig`, `[safe]\n\tdirectory = ${repository}\n`);
        assert.deepEqual(await ask(), due);
      } finally {
        if (home === undefined) Deno.env.delete("HOME");
        else Deno.env.set("HOME", home);
      }
    });
  },
});
