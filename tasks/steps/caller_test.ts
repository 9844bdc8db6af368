// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { denoFileSystem as fs } from "../host/deno_fs.ts";
import { userFolder } from "../core/model/paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { callerAt, callersFolder, pathsOfCaller } from "./caller.ts";

const TREE = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 40\n";

async function makeTree(dir: string): Promise<void> {
  await Deno.mkdir(`${dir}/kernel/locking`, { recursive: true });
  await Deno.writeTextFile(`${dir}/Makefile`, TREE);
}

const asked = (values: Readonly<Record<string, string>>) => (name: string) => values[name];

Deno.test("callersFolder() is where deno task was called, and nowhere else", async () => {
  await withTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/docs`);
    await Deno.writeTextFile(`${dir}/file`, "");
    const from = (init: string | null, cwd = dir) =>
      callersFolder(dir, cwd, asked(init === null ? {} : { INIT_CWD: init }), fs);
    assert.equal(await from(`${dir}/docs`), `${dir}/docs`);
    assert.equal(await from("/usr"), "/usr");
    for (const odd of [null, "", "docs", `${dir}/gone`, `${dir}/file`]) {
      assert.equal(await from(odd), dir, `${odd}`);
    }
    // Of another tool that was called before: this process did not change its folder.
    assert.equal(await from(`${dir}/docs`, "/usr"), "/usr");
  });
});

Deno.test("callerAt() finds the kernel tree around a folder, and not around the project", async () => {
  await withTempDir(async (temp) => {
    const dir = await Deno.realPath(temp);
    await makeTree(`${dir}/linux`);
    await Deno.mkdir(`${dir}/linux/tools/kmatrix/docs`, { recursive: true });
    await Deno.mkdir(`${dir}/u-boot`);
    await Deno.writeTextFile(`${dir}/u-boot/Makefile`, TREE);
    await Deno.mkdir(`${dir}/build/kernel`, { recursive: true });
    await Deno.writeTextFile(`${dir}/build/Makefile`, `include ${dir}/linux/Makefile\n`);
    await Deno.symlink(`${dir}/linux`, `${dir}/link`);
    await makeTree(`${dir}/linux/.git-is-none/inner tree`);
    const root = `${dir}/linux/tools/kmatrix`;
    const treeOf = async (folder: string) => (await callerAt(`${dir}/${folder}`, root, fs)).tree;
    assert.equal(await treeOf("linux"), `${dir}/linux`);
    assert.equal(await treeOf("linux/kernel/locking"), `${dir}/linux`);
    assert.equal(await treeOf("link/kernel"), `${dir}/linux`);
    assert.equal(
      await treeOf("linux/.git-is-none/inner tree/kernel"),
      `${dir}/linux/.git-is-none/inner tree`,
    );
    for (const other of ["", "u-boot", "build", "build/kernel"]) {
      assert.equal(await treeOf(other), null, other);
    }
    for (const own of [root, `${root}/docs`]) {
      assert.deepEqual(await callerAt(own, root, fs), {
        folder: own,
        tree: null,
        matrix: null,
        inProject: true,
      });
    }
    assert.equal((await callerAt(`${root}-other`, root, fs)).inProject, false);
  });
});

Deno.test("userFolder() goes by the XDG variables where they are absolute, and else by HOME", () => {
  const home = { HOME: "/home/u/" };
  assert.equal(userFolder("cache", asked(home))!.path, "/home/u/.cache");
  assert.equal(userFolder("state", asked(home))!.path, "/home/u/.local/state");
  assert.equal(userFolder("state", asked({ ...home, XDG_STATE_HOME: "/s/" }))!.path, "/s");
  for (const odd of ["", "relative", "~/x"]) {
    const found = userFolder("cache", asked({ ...home, XDG_CACHE_HOME: odd }));
    assert.equal(found!.path, "/home/u/.cache", odd);
  }
  assert.equal(userFolder("cache", asked({})), null);
  assert.equal(userFolder("cache", asked({ HOME: "" })), null);
});

Deno.test("pathsOfCaller() keeps trees of one name apart, and names HOME where it is missing", async () => {
  const outOf = async (tree: string | null) =>
    (await pathsOfCaller(
      { folder: "/", tree, matrix: null, inProject: false },
      asked({ HOME: "/h" }),
    )).out.path;
  assert.match(await outOf("/a/linux"), /^\/h\/\.local\/state\/kmatrix\/linux-[0-9a-f]{8}$/);
  assert.notEqual(await outOf("/a/linux"), await outOf("/b/linux"));
  assert.equal(await outOf(null), "/h/.local/state/kmatrix/runs");
  const error = await rejectionOf(
    pathsOfCaller({ folder: "/", tree: null, matrix: null, inProject: false }, asked({})),
  );
  assert.deepEqual([error.kind, error.id], ["usage", "no-home"]);
  assert.match(error.detail, /XDG_CACHE_HOME/);
});
