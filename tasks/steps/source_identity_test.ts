// SPDX-License-Identifier: MIT
/** What is on record of a tree gives the same files again, or says that they are not to be had. */
import assert from "node:assert/strict";
import type { KernelSpec, SourceArchive, SourceIdentity } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { reproScript } from "../core/report/repro_script.ts";
import { sourceProperties } from "../core/report/properties.ts";
import { sourceLines } from "../core/source/source_identity.ts";
import { CLANG, sampleKernel } from "../testing/samples.ts";
import { withTempDir } from "../testing/temp_dir.ts";
import { denoHost } from "../host/deno_host.ts";
import { treeState } from "./kernel_tree.ts";
import { identifySource } from "./source_identity.ts";

const host = denoHost({ emit: () => {}, signal: new AbortController().signal });

async function sh(cwd: string, script: string): Promise<string> {
  const args = ["-ec", `export GIT_CONFIG_GLOBAL=/dev/null; ${script}`];
  const { code, stdout, stderr } = await new Deno.Command("sh", { args, cwd }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  return text.decode(stdout);
}

const LAY = `mkdir -p tree/kernel tree/doc && cd tree
printf 'VERSION = 6\\n' > Makefile; printf 'int kcov;\\n' > kernel/kcov.c; printf a > doc/a
printf '#!/bin/sh\\n' > run.sh; chmod +x run.sh; ln -s kernel/kcov.c link.c; printf '*.o\\n' > .gitignore
`;
const COMMIT = `${LAY}git init -q -b work; git add .
git -c user.name=a -c user.email=a@b commit -qm one; git tag v6.12
`;

/** What is on record of the tree in `dir`, with the archive that fetch gives. */
async function identify(dir: string, kernel: Partial<KernelSpec> = {}): Promise<SourceIdentity> {
  const paths = pathsFor(dir, `${dir}/cache`, `${dir}/out`);
  const path = `${dir}/tree`;
  const spec = { kind: "tree", path } as const;
  const state = await treeState(path, paths.cache, host);
  const archive: SourceArchive = {
    ...{ kernelId: "own", spec, version: "6.12.0", archive: null, tree: path },
    ...state,
  };
  const whole = sampleKernel("own", { source: spec, ...kernel });
  return await identifySource(whole, archive, `${dir}/run`, paths, host);
}

/** Prepares the source by repro.sh; gives the script's code, its words, and all files as text. */
async function unpackAgain(
  dir: string,
  identity: SourceIdentity,
): Promise<{ code: number; out: string; files: string }> {
  const script = reproScript({
    ...{ cell: "own/kcov", stage: "patch", recorded: [], repeat: "", source: identity.spec },
    ...{
      version: identity.version,
      identity,
      series: [],
      targets: [],
      config: null,
      request: [],
      base: [],
    },
    make: { toolchain: CLANG, variables: {} },
    plugin: null,
    boot: null,
  });
  await Deno.mkdir(`${dir}/cell`, { recursive: true });
  await Deno.writeTextFile(`${dir}/cell/repro.sh`, script);
  const diff = identity.tree?.git?.diff?.file;
  if (diff) await Deno.copyFile(`${dir}/run/${diff}`, `${dir}/cell/source.diff`);
  const args = [`${dir}/cell/repro.sh`, `${dir}/again`];
  const { code, stdout, stderr } = await new Deno.Command("sh", { args }).output();
  const text = new TextDecoder();
  const files = code === 0 ? await filesOf(`${dir}/again/source`) : "";
  await Deno.remove(`${dir}/again`, { recursive: true });
  return { code, out: text.decode(stdout) + text.decode(stderr), files };
}

/** Names, modes and contents of all files but git's and those that .gitignore names. */
const filesOf = (dir: string) =>
  sh(
    dir,
    "find . -name .git -prune -o -name '*.o' -o ! -type d -printf '%p %m %l ' -exec sh -c " +
      `'[ -L "$0" ] && echo || sha256sum < "$0"' {} ';' | LC_ALL=C sort`,
  );

const EDITS: Readonly<Record<string, string>> = {
  "nothing": "",
  "an edit": "printf 'int kcow;\\n' > kernel/kcov.c",
  "a new file, and one that git ignores": "printf x > kernel/new.c; printf o > kernel/kcov.o",
  "a file that is gone": "rm doc/a",
  "a mode, a link, bytes that are no text":
    "chmod -x run.sh; ln -sf doc/a link.c; printf '\\0\\1' > b",
  "a staged edit and another on top":
    "printf 1 > doc/a; git add doc/a; printf 2 > doc/a; git rm -q --cached run.sh",
  "an edit that the index is told not to see":
    "git update-index --assume-unchanged kernel/kcov.c; git update-index --skip-worktree doc/a; " +
    "printf 'int kcow;\\n' > kernel/kcov.c; printf b > doc/a",
  "files with odd names":
    "printf x > 'a b\"c'; printf y > \"$(printf 'new\\nline')\"; printf z > ./-x",
  "a merge that stopped":
    "git checkout -qb o; printf o > doc/a; git -c user.name=a -c user.email=a@b commit -qam o; " +
    "git checkout -q work; printf w > doc/a; git -c user.name=a -c user.email=a@b commit -qam w; " +
    "git -c user.name=a -c user.email=a@b merge o > /dev/null 2>&1 || :",
  "settings that make git see and say other things":
    "git config core.autocrlf true; git config core.fileMode false; git config diff.external false; " +
    "git config diff.noprefix true; git config core.fsmonitor /bin/false; git config core.quotePath false; " +
    "git config core.excludesFile /dev/stdin; printf '*.c\\n' > .git/info/exclude; " +
    "git config filter.x.clean 'sed s/./X/'; printf '* filter=x text eol=crlf\\n' > .git/info/attributes; " +
    "printf x > kernel/new.c; printf 'int kcow;\\n' > kernel/kcov.c",
  "no index": "rm .git/index; printf 1 > doc/a",
  "an index that is damaged": "printf x > .git/index; printf 1 > doc/a",
};

for (const [edit, script] of Object.entries(EDITS)) {
  Deno.test(`a checkout with ${edit} is had again whatever becomes of it, and is not written to`, () =>
    withTempDir(async (dir) => {
      await sh(dir, COMMIT);
      await sh(`${dir}/tree`, script);
      const recorded = await filesOf(`${dir}/tree`);
      const state = () => sh(`${dir}/tree`, "find . -printf '%p %s %T@ %C@ %i\\n' | LC_ALL=C sort");
      const before = await state();
      const identity = await identify(dir);
      assert.equal(await state(), before);
      assert.equal(identity.tree?.content, null);
      assert.ok(identity.tree.git);
      const { diff, commit, branch, describe } = identity.tree.git;
      assert.match(commit, /^[0-9a-f]{40}$/);
      assert.equal(branch, "work");
      assert.match(describe ?? "", /^v6\.12/);
      assert.equal(diff === null, edit === "nothing");
      // A second look knows the files already, and says the same.
      assert.deepEqual(await identify(dir), identity);
      await sh(`${dir}/tree`, "printf moved > kernel/kcov.c; printf on > more.c");
      const again = await unpackAgain(dir, identity);
      assert.equal(again.code, 0, again.out);
      assert.equal(again.files, recorded);
    }));
}

Deno.test("repro.sh says that a checkout has moved on when its commit is gone", () =>
  withTempDir(async (dir) => {
    await sh(dir, COMMIT);
    const identity = await identify(dir);
    await sh(`${dir}/tree`, "rm -rf .git; git init -q");
    const { code, out } = await unpackAgain(dir, identity);
    assert.equal(code, 2);
    assert.match(
      out,
      /tree does not have commit [0-9a-f]{40}: it has moved on since this was recorded/,
    );
  }));

const OTHERS: Readonly<Record<string, string>> = {
  "a plain folder": LAY,
  "a checkout without a commit": `${LAY}git init -q`,
  "a folder of another repository": `git init -q; ${LAY}`,
  "a checkout with another one inside":
    `${COMMIT}git init -q kernel/sub; cd kernel/sub; printf x > x; git add x; ` +
    "git -c user.name=a -c user.email=a@b commit -qm x",
  "a checkout with links out of it": `mkdir out; printf o > out/o.c; ${COMMIT}ln -s ../out sub`,
};

for (const [kind, script] of Object.entries(OTHERS)) {
  Deno.test(`${kind} is known by its content: had again while it is the same, and refused when not`, () =>
    withTempDir(async (dir) => {
      await sh(dir, script);
      const identity = await identify(dir);
      assert.match(identity.tree?.content?.sha256 ?? "", /^[0-9a-f]{64}$/);
      assert.deepEqual(await identify(dir), identity);
      const same = await unpackAgain(dir, identity);
      assert.equal(same.code, 0, same.out);
      const file = kind.includes("links")
        ? "sub/o.c"
        : kind.includes("inside")
        ? "kernel/sub/x"
        : "doc/a";
      await sh(`${dir}/tree`, `printf moved > ${file}`);
      const moved = await unpackAgain(dir, identity);
      assert.equal(moved.code, 2, moved.out);
      assert.match(
        moved.out,
        /the files of .* are others: it has moved on since this was recorded/,
      );
      assert.notEqual((await identify(dir)).tree!.content!.sha256, identity.tree!.content!.sha256);
    }));
}

Deno.test("identifySource() has digest, subject and sender of each patch", () =>
  withTempDir(async (dir) => {
    await sh(dir, COMMIT);
    const mail =
      "From: =?utf-8?q?J=C3=B6rg?= <A@B.org>\nSubject: [PATCH 1/2] kcov: =?utf-8?q?=C3=A4?=\n\n---\n";
    await Deno.writeTextFile(`${dir}/0001-a.patch`, mail);
    await Deno.writeTextFile(`${dir}/fix.diff`, "--- a/x\n+++ b/x\n");
    const series = ["0001-a.patch", "fix.diff"].map((name) => ({ file: `${dir}/${name}` }));
    const { patches } = await identify(dir, { series });
    assert.deepEqual(
      patches.map(({ name, subject, author }) => [name, subject, author]),
      [["0001-a.patch", "[PATCH 1/2] kcov: ä", "a@b.org"], ["fix.diff", null, null]],
    );
    assert.match(patches[0]!.sha256, /^[0-9a-f]{64}$/);
  }));

Deno.test("sourceLines() and sourceProperties() tell what was judged", () =>
  withTempDir(async (dir) => {
    await sh(dir, COMMIT);
    await sh(`${dir}/tree`, "printf x > kernel/new.c; rm doc/a");
    const identity = await identify(dir);
    const short = identity.tree!.git!.commit.slice(0, 12);
    assert.deepEqual(sourceLines(identity), [
      `own: commit ${short} (v6.12, branch work)`,
      "own: 2 changed files: doc/a (deleted), kernel/new.c (added); the diff: sources/own/source.diff",
    ]);
    const properties = sourceProperties(identity);
    assert.deepEqual(Object.keys(properties), [
      ...["source.tree", "source.commit", "source.describe", "source.branch", "source.diff"],
      "source.changed",
    ]);
    assert.equal(properties["source.changed"], "doc/a (deleted), kernel/new.c (added)");
  }));
