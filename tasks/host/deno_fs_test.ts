// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withTempDir } from "../testing/fake_host.ts";
import { denoFileSystem as fs, searchablePath } from "./deno_fs.ts";

async function namesIn(dir: string): Promise<string[]> {
  return await fs.list(dir);
}

Deno.test("writeText() makes folders, replaces the file in one step and leaves nothing else", async () => {
  await withTempDir(async (dir) => {
    await fs.writeText(`${dir}/a/b/c.json`, "1");
    const { ino } = await Deno.stat(`${dir}/a/b/c.json`);
    await fs.writeText(`${dir}/a/b/c.json`, "2");
    assert.equal(await fs.readText(`${dir}/a/b/c.json`), "2");
    assert.notEqual((await Deno.stat(`${dir}/a/b/c.json`)).ino, ino);
    assert.deepEqual(await namesIn(`${dir}/a/b`), ["c.json"]);
  });
});

Deno.test("writeText() leaves the old file and no partial one when it fails", async () => {
  await withTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/folder`);
    await assert.rejects(fs.writeText(`${dir}/folder`, "x"));
    assert.deepEqual(await namesIn(dir), ["folder"]);
  });
});

Deno.test("reading what is not there gives nothing instead of an error", async () => {
  await withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "x");
    assert.equal(await fs.readTextIfAny(`${dir}/none`), null);
    assert.equal(await fs.readTextIfAny(`${dir}/file/none`), null);
    assert.equal(await fs.stat(`${dir}/none`), null);
    assert.equal(await fs.exists(`${dir}/none`), false);
    assert.deepEqual(await fs.list(`${dir}/none`), []);
    assert.equal(await fs.readTail(`${dir}/none`, 10), "");
    await fs.remove(`${dir}/none`);
    await assert.rejects(fs.readText(`${dir}/none`), Deno.errors.NotFound);
  });
});

Deno.test("readTail() gives the last bytes, or all of a short file", async () => {
  await withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/f`, "0123456789");
    assert.equal(await fs.readTail(`${dir}/f`, 4), "6789");
    assert.equal(await fs.readTail(`${dir}/f`, 100), "0123456789");
  });
});

Deno.test("writer() empties the file first, and writes in order", async () => {
  await withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/f`, "old");
    const file = await fs.writer(`${dir}/f`);
    for (const text of ["a", "b", "c"]) await file.write(new TextEncoder().encode(text));
    file.close();
    assert.equal(await fs.readText(`${dir}/f`), "abc");
  });
});

Deno.test("link() replaces a link", async () => {
  await withTempDir(async (dir) => {
    await fs.link("first", `${dir}/latest`);
    await fs.link("second", `${dir}/latest`);
    assert.equal(await Deno.readLink(`${dir}/latest`), "second");
    assert.deepEqual(await namesIn(dir), ["latest"]);
  });
});

Deno.test("which() follows links, and finds no program that is not there", async () => {
  assert.equal(await fs.which("kmatrix-no-such-program"), null);
  const sh = await fs.which("sh");
  assert.equal(sh, await Deno.realPath(sh!));
});

Deno.test("freeBytes() asks the file system", async () => {
  await withTempDir(async (dir) => {
    const bytes = await fs.freeBytes(dir);
    assert.ok(Number.isFinite(bytes) && bytes > 0);
  });
});

Deno.test("searchablePath() leaves out folders of others, and no other word", () => {
  const look = (folder: string) => {
    if (folder.startsWith("/root/")) throw new Deno.errors.PermissionDenied("stat");
    if (folder.startsWith("/gone/")) throw new Deno.errors.NotFound("stat");
    if (folder.startsWith("/file/")) throw new Deno.errors.NotADirectory("stat");
  };
  const searchable = (path: string) => searchablePath(path, look);
  assert.equal(searchable("/root/bin:/usr/bin:/root/.npm/x/bin"), "/usr/bin");
  assert.equal(
    searchable("/usr/bin::/gone/bin:/file/x:relative:/bin/"),
    "/usr/bin::/gone/bin:/file/x:relative:/bin/",
  );
  assert.equal(searchable("/root/bin"), "");
});

Deno.test("which() goes past files that nobody may run, and folders of a program's name", async () => {
  await withTempDir(async (dir) => {
    for (const name of ["a/tool", "b"]) await Deno.mkdir(`${dir}/${name}`, { recursive: true });
    await Deno.mkdir(`${dir}/c`);
    await Deno.writeTextFile(`${dir}/b/tool`, "", { mode: 0o644 });
    await Deno.writeTextFile(`${dir}/c/tool`, "", { mode: 0o755 });
    const before = Deno.env.get("PATH")!;
    try {
      Deno.env.set("PATH", `${dir}/gone:${dir}/a:${dir}/b:${dir}/c`);
      assert.equal(await fs.which("tool"), await Deno.realPath(`${dir}/c/tool`));
      assert.equal(await fs.which("nonesuch"), null);
    } finally {
      Deno.env.set("PATH", before);
    }
  });
});
