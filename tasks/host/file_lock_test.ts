// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../testing/broken_worlds.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { lockFile } from "./file_lock.ts";
import type { Held } from "./host.ts";

/** Whether a lock is held by somebody. */
async function isTaken(path: string, shared: boolean): Promise<boolean> {
  const signal = AbortSignal.abort();
  try {
    (await lockFile({ path, shared, signal })).release();
    return false;
  } catch (error) {
    assert.match(String(error), /interrupted/);
    return true;
  }
}

/** Another process that holds a lock until it is killed. */
async function otherProcess(
  path: string,
  shared: boolean,
  words: readonly string[] = ["matrix", "a/b"],
) {
  const code = `import { lockFile } from ${JSON.stringify(import.meta.resolve("./file_lock.ts"))};
    await lockFile({ path: ${JSON.stringify(path)}, shared: ${shared}, waiting: () => {} });
    console.log("held");
    setInterval(() => {}, 1000);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-lock", "--node-modules-dir=none", "--allow-all", "--no-check"],
      ...["--config", new URL("../../deno.json", import.meta.url).pathname],
      ...[`data:application/typescript,${encodeURIComponent(code)}`, ...words],
    ],
    cwd: "/tmp",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.equal(new TextDecoder().decode(value), "held\n");
  return {
    pid: child.pid,
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

Deno.test("a lock is held by one, or shared by many", async () => {
  await withTempDir(async (dir) => {
    const path = `${dir}/locks/x`;
    const alone = await lockFile({ path });
    assert.equal(await isTaken(path, true), true);
    assert.equal(await isTaken(path, false), true);
    alone.release();
    alone.release();
    const [one, two] = [
      await lockFile({ path, shared: true }),
      await lockFile({ path, shared: true }),
    ];
    assert.equal(await isTaken(path, true), false);
    assert.equal(await isTaken(path, false), true);
    one.release();
    assert.equal(await isTaken(path, false), true);
    two.release();
    assert.equal(await isTaken(path, false), false);
  });
});

Deno.test("who waits for a lock gets it when it is released, and is told for whom it waits", async () => {
  await withTempDir(async (dir) => {
    const path = `${dir}/locks/x`;
    const first = await lockFile({ path, waiting: () => {} });
    const told = Promise.withResolvers<string>();
    const second = lockFile({ path, waiting: told.resolve });
    assert.match(await told.promise, /^this run, since \d\d:\d\d:\d\d UTC \(\d s\)$/);
    first.release();
    (await second).release();
    assert.deepEqual([...Deno.readDirSync(`${dir}/locks/holders`)], []);
  });
});

Deno.test("another process is told of with number, folder, words and time, all that share it", async () => {
  await withTempDir(async (dir) => {
    const path = `${dir}/locks/x`;
    const others = [
      await otherProcess(path, true),
      await otherProcess(path, true, ["build", "\x1b[31mx"]),
    ];
    try {
      const told = Promise.withResolvers<string>();
      const mine = lockFile({ path, waiting: told.resolve });
      const text = await told.promise;
      const [one, two] = others.map(({ pid }) => `process ${pid} in /tmp`);
      assert.ok(text.includes(`${one} (matrix a/b), since `), text);
      assert.ok(text.includes(`${two} (build x), since `), text);
      for (const other of others) await other.kill();
      (await mine).release();
      assert.deepEqual([...Deno.readDirSync(`${dir}/locks/holders`)], []);
    } finally {
      for (const other of others) await other.kill().catch(() => {});
    }
  });
});

Deno.test("whoever has taken the lock meanwhile is told of as well", async () => {
  await withTempDir(async (dir) => {
    const path = `${dir}/x`;
    const told: string[] = [];
    const other = await otherProcess(path, false);
    let next: Held | null = null;
    try {
      const waiting = lockFile({ path, waiting: (text) => told.push(text) });
      await until("one is told of", 10_000, () => Promise.resolve(told.length === 1));
      await other.kill();
      // Whether it comes before the one that waits or after is the system's.
      next = await lockFile({ path, waiting: () => {} });
      await until("the lock has changed hands", 10_000, async () => {
        if (told.length === 2) return true;
        return await Promise.race([waiting.then(() => true), Promise.resolve(false)]);
      });
      if (told.length === 2) assert.match(told[1]!, /^this run/);
      next.release();
      (await waiting).release();
    } finally {
      next?.release();
      await other.kill().catch(() => {});
    }
  });
});

Deno.test("a killed process holds nothing, and nobody waits for what it has left", async () => {
  await withTempDir(async (dir) => {
    const path = `${dir}/locks/x`;
    const dead = await otherProcess(path, true);
    await dead.kill();
    const left = () => [...Deno.readDirSync(`${dir}/locks/holders`)].length;
    assert.equal(left(), 1);
    const living = await lockFile({ path, shared: true, waiting: () => {} });
    const told = Promise.withResolvers<string>();
    const mine = lockFile({ path, waiting: told.resolve });
    assert.match(await told.promise, /^this run/);
    assert.equal(left(), 1);
    living.release();
    (await mine).release();
  });
});

Deno.test("one that holds a lock alone removes what dead ones have left", async () => {
  await withTempDir(async (dir) => {
    const path = `${dir}/locks/x`;
    await (await otherProcess(path, false)).kill();
    await Deno.writeTextFile(`${dir}/locks/holders/y@1`, "of another lock");
    const held = await lockFile({ path, waiting: () => {} });
    const names = [...Deno.readDirSync(`${dir}/locks/holders`)].map(({ name }) => name);
    assert.equal(names.length, 2);
    assert.ok(names.includes("y@1"));
    held.release();
  });
});

Deno.test("a damaged word of a holder is passed over, and the lock holds all the same", async () => {
  for (const text of ["", "{", "[]", '{"pid":"x"}', "\0\0\0"]) {
    await withTempDir(async (dir) => {
      const path = `${dir}/locks/x`;
      const first = await lockFile({ path, waiting: () => {} });
      const [{ name }] = [...Deno.readDirSync(`${dir}/locks/holders`)] as [Deno.DirEntry];
      await Deno.writeTextFile(`${dir}/locks/holders/${name}`, text);
      const told = Promise.withResolvers<string>();
      const second = lockFile({ path, waiting: told.resolve });
      assert.equal(await told.promise, "it");
      first.release();
      (await second).release();
    });
  }
});

Deno.test("Ctrl-C ends the waiting", async () => {
  await withTempDir(async (dir) => {
    const path = `${dir}/x`;
    const held = await lockFile({ path });
    const abort = new AbortController();
    const waiting = lockFile({ path, signal: abort.signal });
    const timer = setTimeout(() => abort.abort(), 30);
    await assert.rejects(waiting, { kind: "interrupted", id: "interrupted" });
    clearTimeout(timer);
    held.release();
  });
});

Deno.test("the folder of locks may be removed at any time", async () => {
  await withTempDir(async (dir) => {
    const path = `${dir}/locks/x`;
    const old = await lockFile({ path, waiting: () => {} });
    const second = lockFile({ path, waiting: () => {} });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Deno.remove(`${dir}/locks`, { recursive: true });
    // Its file is another one than those who come now find.
    const held = await second;
    assert.equal(await isTaken(path, true), true);
    old.release();
    held.release();
    assert.equal(await isTaken(path, false), false);
  });
});

Deno.test("the folder of locks may go between its making and the opening of a file in it", async () => {
  await withTempDir(async (dir) => {
    const real = Deno.mkdir;
    let left = 3;
    Deno.mkdir = async (path, options) => {
      await real(path, options);
      if (left-- > 0) await Deno.remove(path, { recursive: true });
    };
    try {
      (await lockFile({ path: `${dir}/locks/x` })).release();
      assert.equal(left, -1);
    } finally {
      Deno.mkdir = real;
    }
  });
});

Deno.test("a lock that lies behind a dangling link is an error, not a wait", async () => {
  await withTempDir(async (dir) => {
    await Deno.symlink(`${dir}/gone/x`, `${dir}/x`);
    await Deno.symlink(`${dir}/gone/locks`, `${dir}/locks`);
    await Deno.writeTextFile(`${dir}/file`, "");
    for (const path of [`${dir}/x`, `${dir}/locks/x`, `${dir}/file/x`]) {
      await assert.rejects(lockFile({ path }), { kind: "infra", id: "no-file-locks" }, path);
    }
  });
});

Deno.test("a file system without locks is the machine's failure", async () => {
  await withTempDir(async (dir) => {
    const real = Deno.FsFile.prototype.tryLock;
    Deno.FsFile.prototype.tryLock = () =>
      Promise.reject(new Error("No locks available (os error 37)"));
    try {
      await assert.rejects(lockFile({ path: `${dir}/x` }), {
        kind: "infra",
        id: "no-file-locks",
        message: `${dir}/x cannot be locked: No locks available (os error 37)`,
      });
    } finally {
      Deno.FsFile.prototype.tryLock = real;
    }
  });
});
