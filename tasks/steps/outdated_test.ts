// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withTempDir } from "../testing/fake_host.ts";
import { layFiles } from "../testing/temp_dir.ts";
import { denoHost } from "../host/deno_host.ts";
import { dropOutdated } from "./outdated.ts";

const host = denoHost({ emit: () => {}, signal: new AbortController().signal });

Deno.test("dropOutdated() removes what names a file that changed behind its time, and nothing else", () =>
  withTempDir(async (dir) => {
    const [build, tree] = [`${dir}/build`, `${dir}/tree`];
    const at = async (names: readonly string[]) => {
      for (const name of names) {
        await Deno.mkdir(`${build}/kernel`, { recursive: true });
        await Deno.writeTextFile(`${build}/kernel/${name}.o`, "");
        const text = `deps := source/kernel/${name}.c \\\n  ${tree}/include/all.h\n`;
        await Deno.writeTextFile(`${build}/kernel/.${name}.o.cmd`, text);
      }
    };
    const names = ["a", "b", "new"];
    const left = async () =>
      (await host.fs.list(`${build}/kernel`)).filter((name) => !name.startsWith(".")).join(" ");
    const drop = async (stamp: string | null = null) => {
      await dropOutdated(build, { path: tree, stamp }, host);
      // The clock of files goes on in steps.
      await new Promise((resolve) => setTimeout(resolve, 30));
    };
    await layFiles(tree, {
      "kernel/a.c": 100,
      "kernel/b.c": 100,
      "include/all.h": 100,
      ".git/x": 1,
    });
    await at(names);
    await drop();
    assert.equal(await left(), "a.o b.o new.o", "nothing is known yet");
    await layFiles(tree, { "kernel/a.c": 50, ".git/x": 1 });
    await layFiles(`${dir}/outside`, { "victim": 1 });
    // As a line, the end of this path would name a file outside.
    await Deno.mkdir(`${build}/x\n${dir}/outside`, { recursive: true });
    await Deno.writeTextFile(`${build}/x\n${dir}/outside/.victim.cmd`, "/kernel/a.c");
    await Deno.writeTextFile(`${tree}/kernel/new.c`, "make sees it");
    await drop(`${dir}/stamp`);
    assert.equal(await left(), "a.o b.o new.o", "a tree of the cache");
    await drop();
    assert.equal(await left(), "b.o new.o");
    assert.deepEqual(await host.fs.list(`${dir}/outside`), ["victim"]);
    await drop();
    assert.equal(await left(), "b.o new.o", "once is enough");
    await at(names);
    await Deno.rename(`${tree}/include/all.h`, `${tree}/x`);
    await Deno.rename(`${tree}/x`, `${tree}/include/all.h`);
    await drop();
    assert.equal(await left(), "", "all of them");
  }));

Deno.test("dropOutdated() removes what a new header or link may hide a header from, of that name alone", () =>
  withTempDir(async (dir) => {
    const [build, tree] = [`${dir}/build`, `${dir}/tree`];
    const left = async () =>
      (await host.fs.list(build)).filter((name) => name.endsWith(".o")).join(" ");
    const make = async () => {
      for (const [name, header] of [["a", "include/x.h"], ["b", "include/y.h"]] as const) {
        await Deno.writeTextFile(`${build}/${name}.o`, "");
        await Deno.writeTextFile(`${build}/.${name}.o.cmd`, `deps := ${tree}/${header} \\\n`);
      }
    };
    const drop = async () => {
      await dropOutdated(build, { path: tree, stamp: null }, host);
      await new Promise((resolve) => setTimeout(resolve, 30));
    };
    await layFiles(tree, { "include/x.h": 100, "include/y.h": 100 });
    await Deno.mkdir(build);
    await make();
    await drop();
    await Deno.writeTextFile(`${tree}/include/y.h`, "make sees this one");
    await drop();
    assert.equal(await left(), "a.o b.o");
    await Deno.mkdir(`${tree}/first`);
    await Deno.writeTextFile(`${tree}/first/x.h`, "comes before include/ on the compiler's way");
    await drop();
    assert.equal(await left(), "b.o", "a new header");
    await make();
    await Deno.symlink("../include/x.h", `${tree}/first/y.h`);
    await drop();
    assert.equal(await left(), "a.o", "a new link");
  }));

Deno.test("dropOutdated() goes by content of a tree's list, not by the hour of the last make", () =>
  withTempDir(async (dir) => {
    const [build, tree] = [`${dir}/build`, `${dir}/tree`];
    const source = { path: tree, stamp: null };
    const left = async () =>
      (await host.fs.list(build)).filter((name) => name.endsWith(".o")).join(" ");
    const make = async () => {
      const deps = { a: `${tree}/fs/x/../a.c`, b: "source/lib/b.c", c: `${tree}/alias/c.c` };
      for (const [name, dep] of Object.entries(deps)) {
        await Deno.writeTextFile(`${build}/${name}.o`, "");
        await Deno.utime(`${build}/${name}.o`, 500, 500);
        await Deno.writeTextFile(`${build}/.${name}.o.cmd`, `deps := ${dep} \\\n`);
      }
    };
    await layFiles(tree, { "fs/a.c": 100, "fs/x/y.c": 100, "lib/b.c": 100, "real/c.c": 100 });
    await Deno.symlink("real", `${tree}/alias`);
    await Deno.mkdir(build);
    await Deno.symlink(tree, `${build}/source`);
    await make();
    await dropOutdated(build, source, host);
    assert.equal(await left(), "a.o b.o c.o", "nothing is known yet");
    await dropOutdated(build, source, host);
    assert.equal(await left(), "a.o b.o c.o", "nothing has changed");
    // Saved elsewhere while make ran, and synced with its time: younger than the start, not the object.
    await layFiles(tree, { "fs/a.c": 400 });
    await dropOutdated(build, source, host);
    assert.equal(await left(), "b.o c.o", "by another name of its folder");
    await make();
    await layFiles(dir, { "prepared/b.c": 100 });
    await dropOutdated(build, source, host);
    await Deno.rename(`${tree}/lib`, `${dir}/old`);
    await Deno.rename(`${dir}/prepared`, `${tree}/lib`);
    await dropOutdated(build, source, host);
    assert.equal(await left(), "a.o c.o", "a folder that was there before");
    await make();
    await layFiles(tree, { "real/c.c": 50 });
    await dropOutdated(build, source, host);
    assert.equal(await left(), "a.o b.o", "behind a link inside of the tree");
    await make();
    // A record of this name must not lead to the folder above.
    await Deno.writeTextFile(`${build}/....cmd`, `deps := ${tree}/lib/b.c`);
    await layFiles(tree, { "lib/b.c": 50 });
    await dropOutdated(build, source, host);
    assert.equal(await left(), "a.o c.o");
    await make();
    await Deno.remove(`${build}/kmatrix-tree.list`);
    await Deno.writeTextFile(`${build}/kmatrix-started`, "");
    await dropOutdated(build, source, host);
    assert.ok(!(await host.fs.exists(`${build}/.a.o.cmd`)), "what an earlier version has built");
  }));

Deno.test("dropOutdated() names the files that have changed, a few of many, and none for none", () =>
  withTempDir(async (dir) => {
    const [build, tree] = [`${dir}/build`, `${dir}/tree`];
    const said: string[] = [];
    const listening = denoHost({
      emit: (event) => event.event === "notice" && event.level === "info" && said.push(event.text),
      signal: new AbortController().signal,
    });
    const drop = () => dropOutdated(build, { path: tree, stamp: null }, listening);
    const names = Array.from({ length: 8 }, (_, n) => `f${n}.c`);
    await layFiles(tree, Object.fromEntries(names.map((name) => [name, 100])));
    await Deno.mkdir(build);
    await drop();
    await drop();
    assert.deepEqual(said, [], "nothing is known yet, and then nothing has changed");
    await Deno.writeTextFile(`${tree}/f3.c`, "int changed;");
    await drop();
    for (const name of names) await Deno.writeTextFile(`${tree}/${name}`, "int changed again;");
    await drop();
    assert.deepEqual(said, [
      `${tree}: 1 file changed since the last build: f3.c`,
      `${tree}: 8 files changed since the last build: f0.c, f1.c, f2.c, f3.c, f4.c and 3 more`,
    ]);
  }));
