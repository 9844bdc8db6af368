// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { rejectionOf } from "../testing/errors.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { checkSource, dropUnfinished } from "./cache_guard.ts";
import { layFiles } from "../testing/temp_dir.ts";
import { denoHost } from "../host/deno_host.ts";

const host = denoHost({ emit: () => {}, signal: new AbortController().signal });

Deno.test("dropUnfinished() removes what is younger than its finished command, and nothing else", () =>
  withTempDir(async (dir) => {
    await layFiles(dir, {
      "fs/done.o": 100,
      "fs/.done.o.cmd": 100.004,
      "fs/same.o": 100,
      "fs/.same.o.cmd": 100,
      "fs/half.o": 100.004,
      "fs/.half.o.cmd": 100,
      "it's here/.x y.o.cmd": 100,
      "it's here/x y.o": 200,
      "gone/.gone.o.cmd": 100,
      "no-command.o": 500,
    });
    await dropUnfinished(dir, host);
    const left = async (folder: string) =>
      (await host.fs.list(`${dir}/${folder}`)).filter((name) => !name.startsWith("."));
    assert.deepEqual(await left("fs"), ["done.o", "same.o"]);
    assert.deepEqual(await left("it's here"), []);
    assert.deepEqual(await left("."), ["fs", "gone", "it's here", "no-command.o"]);
  }));

Deno.test("dropUnfinished() stays in the build folder, whatever the files there are called", () =>
  withTempDir(async (dir) => {
    // As a line, the second half of this path would name a file outside.
    await layFiles(dir, {
      "outside/victim": 200,
      "outside/.victim.cmd": 100,
      [`build/x\n${dir}/outside/.victim.cmd`]: 100,
      "build/....cmd": 100,
    });
    await dropUnfinished(`${dir}/build`, host).catch(() => {});
    assert.deepEqual(await host.fs.list(`${dir}/outside`), [".victim.cmd", "victim"]);
    assert.deepEqual(await host.fs.list(dir), ["build", "outside"]);
  }));

Deno.test("checkSource() finds files that are younger than the tree, and names some", () =>
  withTempDir(async (dir) => {
    await layFiles(dir, {
      "t/a.c": 100,
      "t/x/b.c": 100,
      "stamp": 100,
      "t/x/__pycache__/b.pyc": 200,
    });
    const tree = { path: `${dir}/t`, stamp: `${dir}/stamp` };
    await checkSource(tree, host);
    await checkSource({ ...tree, stamp: null }, host);
    await layFiles(dir, { "t/x/b.c": 200 });
    const error = await rejectionOf(checkSource(tree, host));
    assert.deepEqual([error.kind, error.id], ["infra", "source-changed"]);
    assert.match(error.message, /changed by hand since it was unpacked: x\/b\.c$/);
    await checkSource({ ...tree, stamp: null }, host);
  }));
