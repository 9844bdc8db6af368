// SPDX-License-Identifier: MIT
/** The view with real commands: it follows a tree whatever becomes of that, and writes nothing there. */
import assert from "node:assert/strict";
import { pathsFor } from "../core/model/paths.ts";
import { denoHost } from "../host/deno_host.ts";
import { rejectionOf } from "../testing/errors.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { treeView } from "./tree_view.ts";

const host = denoHost({ emit: () => {}, signal: new AbortController().signal });

async function sh(cwd: string, script: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("sh", { args: ["-ec", script], cwd })
    .output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Names, kinds, targets and contents of all files. */
const CONTENT = "find . -name .git -prune -o ! -type d -printf '%P %y %l\\n' | LC_ALL=C sort; " +
  "find . -name .git -prune -o -type f -exec sha256sum {} + | LC_ALL=C sort -k 2";

interface Tried {
  readonly tree: string;
  /** Edits the tree, and gives what of the view is another file then. */
  readonly edit: (script: string) => Promise<string[]>;
  readonly view: () => Promise<string>;
}

async function withTree(begin: string, body: (tried: Tried) => Promise<void>): Promise<void> {
  await withTempDir(async (temp) => {
    const dir = await Deno.realPath(temp);
    const tree = `${dir}/a tree`;
    await sh(
      dir,
      "mkdir -p 'a tree/kernel' 'a tree/fs/x'; cd 'a tree'; echo 1 > Makefile; " +
        `echo 2 > kernel/kcov.c; echo 3 > fs/x/y.c; echo 4 > 'fs/b c.h'; ${begin}`,
    );
    const paths = pathsFor("/p", `${dir}/cache`, null);
    const view = async () => {
      const before = await sh(tree, "find . -printf '%P %s %T@ %C@\\n' | sort");
      const found = await treeView(tree, paths, host);
      assert.equal(await sh(tree, "find . -printf '%P %s %T@ %C@\\n' | sort"), before);
      return found;
    };
    const inodes = async (at: string) =>
      new Set((await sh(at, "find . ! -type d -printf '%P %i %T@\\n' | sort")).split("\n"));
    const edit = async (script: string) => {
      const at = await view();
      const before = await inodes(at);
      await sh(tree, script);
      assert.equal(await view(), at);
      return [...await inodes(at)].filter((line) => !before.has(line))
        .map((line) => line.split(" ").slice(0, -2).join(" "));
    };
    await body({ tree, edit, view });
    const left = await sh(
      `${dir}/cache`,
      "find . -name '*.names*' -o -name '*.new' -o -name '*.partial'",
    );
    assert.equal(left, "");
  });
}

Deno.test("treeView() is the source of a tree that was built in", () =>
  withTree(
    "echo CONFIG_X=y > .config; mkdir -p include/config include/linux; touch include/config/auto.conf " +
      "include/linux/a.h kernel/kcov.o kernel/.kcov.o.cmd kernel/gen kernel/.gen.cmd; git init -q",
    async ({ view }) => {
      assert.equal(
        await sh(await view(), "find . -type f | LC_ALL=C sort"),
        "./Makefile\n./fs/b c.h\n./fs/x/y.c\n./include/linux/a.h\n./kernel/kcov.c\n",
      );
    },
  ));

/** Edits as editors and git make them, and the files of the view that are others then. */
const EDITS: readonly (readonly [string, readonly string[]])[] = [
  ["echo 22 > kernel/kcov.c", ["kernel/kcov.c"]],
  ["cp -p kernel/kcov.c z; echo x2 > z; touch -d 2001-01-01 z; mv z kernel/kcov.c", [
    "kernel/kcov.c",
  ]],
  ["echo 5 > new.c; mkdir -p 'fs/new dir'; echo 6 > 'fs/new dir/ä.c'", ["fs/new dir/ä.c", "new.c"]],
  ["rm fs/x/y.c", []],
  ["rm -r fs/x; echo 7 > fs/x", ["fs/x"]],
  ["rm kernel/kcov.c; mkdir kernel/kcov.c; echo 8 > kernel/kcov.c/z.c", ["kernel/kcov.c/z.c"]],
  ["mv kernel core", ["core/kcov.c"]],
  ["ln -s kcov.c kernel/link.c", ["kernel/link.c"]],
  ["rm Makefile; ln -s kernel/kcov.c Makefile", ["Makefile"]],
  ["chmod +x kernel/kcov.c", ["kernel/kcov.c"]],
  [
    "touch kernel/kcov.o kernel/.kcov.o.cmd .config; mkdir -p include/config; touch include/config/x",
    [],
  ],
  [":", []],
];

for (const [script, others] of EDITS) {
  Deno.test(`treeView() follows: ${script}`, () =>
    withTree("", async ({ tree, edit, view }) => {
      assert.deepEqual((await edit(script)).sort(), others);
      await sh(tree, "rm -rf .config include kernel/*.o kernel/.*.cmd");
      assert.equal(await sh(await view(), CONTENT), await sh(tree, CONTENT));
      // What make is to compile again is younger than what it made.
      for (const name of others) {
        const { mtime } = await Deno.lstat(`${await view()}/${name}`);
        assert.ok(Date.now() - mtime!.getTime() < 60_000, `${name}: ${mtime}`);
      }
    }));
}

Deno.test("treeView() has links out of the tree lead to where they led", () =>
  withTree(
    "echo out > ../out.c; mkdir ../outer; echo in > ../outer/i.c",
    async ({ edit, view }) => {
      await edit(
        "ln -s ../../out.c kernel/out.c; ln -s ../outer outer; ln -s ../kernel/kcov.c fs/inside.c",
      );
      const at = await view();
      assert.equal(await Deno.readTextFile(`${at}/kernel/out.c`), "out\n");
      assert.equal(await Deno.readTextFile(`${at}/outer/i.c`), "in\n");
      assert.equal(await Deno.readLink(`${at}/fs/inside.c`), "../kernel/kcov.c");
      assert.deepEqual(await edit("ln -sf ../../outer/i.c kernel/out.c"), ["kernel/out.c"]);
      assert.equal(await Deno.readTextFile(`${at}/kernel/out.c`), "in\n");
    },
  ));

Deno.test("treeView() that was broken off is made anew", () =>
  withTree("", async ({ tree, view }) => {
    const at = await view();
    await Deno.writeTextFile(`${at}/kernel/kcov.c`, "half");
    await Deno.remove(`${at}.list`);
    assert.equal(await sh(await view(), CONTENT), await sh(tree, CONTENT));
  }));

Deno.test("treeView() of two runs at once is one view", () =>
  withTree("", async ({ tree, view }) => {
    const found = await Promise.all([view(), view(), view()]);
    assert.equal(new Set(found).size, 1);
    assert.equal(await sh(found[0]!, CONTENT), await sh(tree, CONTENT));
  }));

Deno.test("treeView() says why a tree cannot be copied whole, and leaves no half of one", () =>
  withTempDir(async (temp) => {
    const dir = await Deno.realPath(temp);
    await sh(dir, "mkdir tree; echo 1 > tree/Makefile");
    const paths = pathsFor("/p", `${dir}/cache`, null);
    const full = {
      ...host,
      fs: host.fs,
      run: (command: Parameters<typeof host.run>[0]) =>
        command.argv.some((word) => word.includes("--create"))
          ? Promise.resolve({
            ...{ argv: command.argv, code: 2, stdout: "", timedOut: false, durationMs: 0 },
            stderr: "tar: x: Cannot write: No space left on device\n",
          })
          : host.run(command),
    };
    const error = await rejectionOf(
      treeView(`${dir}/tree`, paths, Object.assign(Object.create(host), full)),
    );
    assert.deepEqual([error.kind, error.id], ["infra", "disk-full"]);
    assert.match(error.message, /tree cannot be copied into the cache$/);
    assert.equal(await sh(`${dir}/cache`, "find sources -mindepth 1"), "");
  }));
