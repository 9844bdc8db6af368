// SPDX-License-Identifier: MIT
/** Kernel trees as people have them: an edit of what is compiled is seen, however it was made. */
import assert from "node:assert/strict";
import { FakeProject } from "./fake_project.ts";

async function sh(cwd: string, script: string): Promise<void> {
  const { code, stderr } = await new Deno.Command("sh", { args: ["-ec", script], cwd }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

/** How a tree at $PWD/kind is made of the one at $PWD/tree. */
const KINDS: Readonly<Record<string, string>> = {
  "a plain copy": "cp -R tree kind",
  "a link to the folder": "cp -R tree real; ln -s real kind",
  "a link to a link": "cp -R tree real; ln -s real one; ln -s $PWD/one kind",
  "a farm of absolute links": "cp -R tree real; cp -Rs $PWD/real kind",
  "a farm of relative links":
    "cp -R tree real; mkdir -p kind/kernel; ln -s ../real/Makefile kind; " +
    "for f in real/kernel/*; do ln -s ../../$f kind/kernel; done",
  "a linked folder":
    "cp -R tree real; mkdir kind; cp tree/Makefile kind; ln -s ../real/kernel kind",
  "one linked file":
    "cp -R tree kind; mv kind/kernel/kcov.c away.c; ln -s $PWD/away.c kind/kernel/kcov.c",
  "a farm of hard links": "cp -R tree real; cp -Rl real kind",
  "a git checkout that assumes its files unchanged":
    "cp -R tree kind; cd kind; git init -q; git add .; " +
    "git -c user.name=a -c user.email=a@b commit -qm a; git update-index --assume-unchanged kernel/kcov.c",
  "a tree that was built in":
    "cp -R tree kind; cd kind; mkdir -p include/config include/generated; touch .config vmlinux " +
    "include/config/auto.conf kernel/kcov.o kernel/.kcov.o.cmd scripts_tool .scripts_tool.cmd",
  "a folder whose name has a blank, quotes and letters of others":
    `cp -R tree "it's a \\"ツ\\" \\$ä tree"; ln -s "it's a \\"ツ\\" \\$ä tree" kind`,
  "a tree that was built in, of links to files elsewhere":
    "cp -R tree real; cp -Rs $PWD/real kind; touch kind/.config",
  "a git worktree with a .git file":
    "cp -R tree kind; echo gitdir: /none > kind/.git; mkdir kind/sub; echo x > kind/sub/.git",
};

/** How kernel/kcov.c of $PWD/kind comes to hold other text; none changes its size, and most no time. */
const EDITS: Readonly<Record<string, string>> = {
  "in place": "printf 'int kcow;\\n' > $PWD/kind/kernel/kcov.c",
  "in place, its time put back":
    "touch -r kind/kernel/kcov.c time; printf 'int kcox;\\n' > kind/kernel/kcov.c; " +
    "touch -r time kind/kernel/kcov.c",
  "another file moved over it, of the same time":
    "printf 'int kcoy;\\n' > new; touch -r kind/kernel/kcov.c new; mv new kind/kernel/kcov.c",
  "a link in its place, to an old file":
    "printf 'int kcoz;\\n' > elsewhere.c; touch -d 2001-01-01 elsewhere.c; " +
    "ln -sf $PWD/elsewhere.c kind/kernel/kcov.c",
};

/** The kinds that every edit is tried in; the others differ from them by where the file is. */
const TRIED_WHOLE = [
  ...["a plain copy", "a farm of absolute links", "a tree that was built in"],
  "a tree that was built in, of links to files elsewhere",
];
const HARDEST = "in place, its time put back";

for (const [kind, script] of Object.entries(KINDS)) {
  Deno.test(`an edit is seen, and compiled, in ${kind}`, async (t) => {
    const project = await FakeProject.create();
    const { dir } = project;
    try {
      await sh(dir, script);
      await project.write("project/kernels/fake/kernel.yaml", `source: { tree: ${dir}/kind }\n`);
      assert.equal((await project.run("build", "fake/kcov")).code, 0);
      const status = async () => (await project.run("plan", "--status", "fake/kcov")).out;
      assert.match(await status(), /^built /m);
      for (const [edit, how] of Object.entries(EDITS)) {
        if (!TRIED_WHOLE.includes(kind) && edit !== HARDEST) continue;
        await t.step(edit, async () => {
          await sh(dir, how);
          assert.match(await status(), /^changed [^]*kernel(\/kcov\.c)?/m);
          await Deno.remove(`${dir}/started`, { recursive: true });
          assert.equal((await project.run("build", "fake/kcov")).code, 0);
          const compiled = await Deno.readTextFile(`${dir}/started/clang`).catch(() => "");
          assert.match(compiled, /kernel\/kcov\.c/, "kcov.c was not compiled again");
          assert.doesNotMatch(compiled, /kernel\/fork\.c/, "fork.c was compiled without a reason");
          assert.match(await status(), /^built /m);
        });
      }
    } finally {
      await project.remove();
    }
  });
}

Deno.test("a folder that was made before the last build is compiled when it is put in place", async () => {
  const project = await FakeProject.create();
  const { dir } = project;
  try {
    await sh(
      dir,
      "cp -R tree kind; cp -a kind/kernel prepared; printf 'int kcow;\\n' > prepared/kcov.c; " +
        "touch -r kind/kernel/kcov.c prepared/kcov.c",
    );
    await project.write("project/kernels/fake/kernel.yaml", `source: { tree: ${dir}/kind }\n`);
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    await sh(dir, "mv kind/kernel old; mv prepared kind/kernel");
    const { out } = await project.run("plan", "--status", "fake/kcov");
    assert.match(out, /^changed [^]*changed: kernel\/Kconfig, kernel\/fork\.c, kernel\/kcov\.c/m);
    await Deno.remove(`${dir}/started`, { recursive: true });
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    const compiled = await Deno.readTextFile(`${dir}/started/clang`).catch(() => "");
    assert.match(compiled, /kernel\/kcov\.c/);
  } finally {
    await project.remove();
  }
});

/** What a folder is that no kernel can be built from: how it is made, exit code's id, and the words. */
const WRONG: Readonly<Record<string, readonly [script: string, id: string, words: RegExp]>> = {
  "no folder at all": ["rm -rf kind", "no-kernel-tree", /there is no such folder/],
  "an empty folder": ["mkdir kind", "no-kernel-tree", /it has no Makefile/],
  "a tarball": ["tar -cf kind tree", "no-kernel-tree", /is a file/],
  "another project": [
    "mkdir kind; echo 'all:' > kind/Makefile",
    "no-kernel-tree",
    /no VERSION, PATCHLEVEL and SUBLEVEL/,
  ],
  "a boot loader": [
    "mkdir kind; printf 'VERSION = 2026\\nPATCHLEVEL = 10\\nSUBLEVEL = 0\\n' > kind/Makefile",
    "no-kernel-tree",
    /no kernel\/: it is another project/,
  ],
  "a boot loader without a third number": [
    "mkdir kind; printf 'VERSION = 2026\\nPATCHLEVEL = 10\\nSUBLEVEL =\\n' > kind/Makefile",
    "no-kernel-tree",
    /no kernel\/: it is another project/,
  ],
  "a sparse checkout": [
    `cp -R tree kind; mkdir kind/init; touch kind/init/Kconfig kind/init/main.c;
    printf 'source "%s"\\n' init/Kconfig mm/Kconfig net/Kconfig > kind/Kconfig`,
    "tree-not-whole",
    /: mm\/Kconfig, net\/Kconfig missing/,
  ],
  "a package of headers": [
    `cp -R tree kind; mkdir kind/init; touch kind/init/Kconfig;
    echo 'source "init/Kconfig"' > kind/Kconfig`,
    "tree-not-whole",
    /: init\/main\.c missing/,
  ],
  "a clone of which nothing is checked out": [
    "git init -q kind",
    "no-kernel-tree",
    /a git checkout with no Makefile/,
  ],
  "a part of a checkout": [
    "cp -R tree kind; mkdir kind/arch",
    "no-kernel-tree",
    /no arch\/x86\/.*: .*a part of a tree/,
  ],
  "a folder of a tree": ["ln -s tree/kernel kind", "no-kernel-tree", /inside of the tree/],
  "the folder around a tree": [
    "mkdir kind; cp -R tree kind/linux-6.12",
    "no-kernel-tree",
    /Did you mean .*linux-6\.12/,
  ],
  "a bare repository": ["git init -q --bare kind", "no-kernel-tree", /a bare git repository/],
  "a checkout with CRLF": [
    "cp -R tree kind; sed -i 's/$/\\r/' kind/Makefile kind/kernel/*",
    "tree-has-crlf",
    /CRLF line ends \(Makefile has them\)/,
  ],
};

Deno.test("what is no kernel tree is told by name, as the user's mistake, before anything is built", async (t) => {
  const project = await FakeProject.create();
  const { dir } = project;
  try {
    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    await project.write("project/matrix.yaml", `template: fake\n${matrix}`);
    for (const [what, [script, id, words]] of Object.entries(WRONG)) {
      await t.step(what, async () => {
        await sh(dir, `rm -rf kind; ${script}`);
        const { code, err } = await project.run("matrix", "--tree", `${dir}/kind`);
        assert.equal(code, 2, err);
        assert.match(err, new RegExp(`\\[${id}\\]|${id}`));
        assert.match(err.replace(/\s+/g, " "), words);
      });
    }
    assert.equal(await project.started("clang"), 0);
  } finally {
    await project.remove();
  }
});
