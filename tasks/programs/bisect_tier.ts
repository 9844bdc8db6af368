// SPDX-License-Identifier: MIT
/**
 * `deno task test:bisect`: bisect on a real kernel. A repository of 32 commits on top of the base:
 * our series, an off-by-one in commit 23, two commits that do not compile, and a selftest that fails
 * now and then whatever is booted. Takes three whole builds, about fifteen minutes on two cores.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import $ from "dax";
import { CACHE, copyProject, kmatrix, ROOT, withTempDir } from "../testing/project_copy.ts";
import { worktreeName } from "../steps/worktree.ts";
import { stateOf } from "../testing/fake_history.ts";

const COMMITS = 32;
const BREAK = 23;
const DOES_NOT_COMPILE = [16, 24];
const CELL = "linux/kcov";
const PATCHES = `${ROOT}/kernels/linux-6.12-unique/patches`;
const KCOV = "kernel/kcov.c";

/** Appended to the port. */
const FLAKY_TEST = `
kcov.test("fails_now_and_then", () => {
  if (Math.random() < 0.3) throw new Error("once in three boots");
});
`;

class Repository {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async git(...argv: string[]): Promise<string> {
    const who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gc.auto=0"];
    return (await $`git ${who} ${argv}`.cwd(this.path).text()).trim();
  }

  /** One commit: a change of kernel/kcov.c. */
  async change(subject: string, edit: (text: string) => string): Promise<void> {
    const file = `${this.path}/${KCOV}`;
    const text = await Deno.readTextFile(file);
    assert.notEqual(edit(text), text, subject);
    // A new file: the old one may be a link into the cache.
    await Deno.remove(file);
    await Deno.writeTextFile(file, edit(text));
    await this.git("commit", "--quiet", "--message", subject, "--", KCOV);
  }
}

/** Links its files where both are on one file system, which spares more than a gigabyte. */
async function copyTree(from: string, to: string): Promise<void> {
  const probe = `${to}.probe`;
  const linked = await Deno.link(`${from}/Makefile`, probe).then(() => true, () => false);
  if (linked) await Deno.remove(probe);
  // env: dax has a cp of its own, without these options.
  await $`env cp --archive ${linked ? ["--link"] : []} ${from} ${to}`.quiet();
}

/** The base as it was unpacked, and the commits on it; gives the ids, the base's first. */
async function makeHistory(repository: Repository): Promise<string[]> {
  const unpacked = await kmatrix(["patch", "linux-6.12/kcov"]);
  assert.equal(unpacked.code, 0, unpacked.out);
  const names = [...Deno.readDirSync(`${CACHE}/sources`)].map(({ name }) => name);
  const base = names.find((name) => /^base-[0-9a-f]+$/.test(name));
  assert.ok(base, "no unpacked source is in the cache");
  await copyTree(`${CACHE}/sources/${base}`, repository.path);
  await repository.git("init", "--quiet", "--initial-branch=main");
  await repository.git("add", "--all", "--force");
  await repository.git("commit", "--quiet", "--message", "base");
  const series = (await Deno.readTextFile(`${PATCHES}/series`)).split("\n").filter(Boolean);
  for (let index = 1; index <= COMMITS; index++) {
    const patch = series[index - 1];
    if (patch !== undefined) {
      await repository.git("apply", "--index", `${PATCHES}/${patch}`);
      await repository.git("commit", "--quiet", "--message", patch.replace(/\.patch$/, ""));
    } else if (index === BREAK) {
      await repository.change(
        "kcov: leave the last word alone",
        (text) => text.replace("if (likely(pos < size)) {", "if (likely(pos < size - 1)) {"),
      );
    } else if (DOES_NOT_COMPILE.includes(index)) {
      await repository.change(`kcov: half of ${index}`, (text) => `${text}#error half\n`);
    } else if (DOES_NOT_COMPILE.includes(index - 1)) {
      await repository.change(
        `kcov: the other half of ${index - 1}`,
        (text) => text.replace("#error half\n", ""),
      );
    } else if (index % 2 === 0) {
      await repository.change(`kcov: comment ${index}`, (text) => `${text}/* ${index} */\n`);
    } else {
      const line = `static int __used kcov_note_${index}(void) { return ${index}; }\n`;
      await repository.change(`kcov: note ${index}`, (text) => text + line);
    }
  }
  const ids = await repository.git("rev-list", "--reverse", "HEAD");
  return ids.split("\n");
}

function removedAfterwards(path: string): Disposable {
  return {
    [Symbol.dispose]: () => {
      if (existsSync(path)) Deno.removeSync(path, { recursive: true });
    },
  };
}

Deno.test("bisect finds an off-by-one of kcov in a history of 32 real commits", async () => {
  await withTempDir(async (dir) => {
    const repository = new Repository(`${dir}/linux`);
    using _checkout = removedAfterwards(`${CACHE}/sources/${await worktreeName(repository.path)}`);
    const ids = await makeHistory(repository);
    assert.equal(ids.length, COMMITS + 1);
    const root = await copyProject(dir);
    const test = `${root}/selftests/kcov/tests/kcov.ts`;
    await Deno.writeTextFile(test, (await Deno.readTextFile(test)) + FLAKY_TEST);
    const before = await stateOf(repository.path);
    const out = `${dir}/out`;
    const ran = await kmatrix([
      ...["bisect", CELL, "--tree", repository.path, "--good", ids[0]!, "--bad", "HEAD"],
      ...["--output-dir", out],
    ], { root });
    console.log(ran.out);
    assert.equal(ran.code, 0);
    assert.match(ran.out, new RegExp(`^${ids[BREAK]} is the first bad commit$`, "m"));
    assert.match(ran.out, /^skip {2}.*half of 16.* 0 boots /m);
    assert.equal(await stateOf(repository.path), before, "the user's checkout was written to");
    assert.equal(await repository.git("status", "--porcelain"), "");
    const replayed = await $`git bisect replay ${out}/latest/bisect.log`.cwd(repository.path)
      .text();
    assert.match(replayed, new RegExp(`${ids[BREAK]} is the first bad commit`));
  });
});
