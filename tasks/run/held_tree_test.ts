// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { denoHost } from "../host/deno_host.ts";
import { pathsFor } from "../core/model/paths.ts";
import type { KernelSpec, SourceArchive } from "../core/model/model.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { holdTree } from "./held_tree.ts";

const patchTo = (word: string, from: string) =>
  `--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-${from}\n+${word}\n`;

/** A tree of two files, whose first line a series changes to a word; and what was told. */
async function withTree(
  body: (tools: {
    hold: (word: string, from?: string) => ReturnType<typeof holdTree>;
    line: () => Promise<string>;
    told: string[];
  }) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dir) => {
    const tree = `${dir}/tree`;
    await Deno.mkdir(tree);
    await Deno.writeTextFile(`${tree}/Makefile`, "all:\n");
    await Deno.writeTextFile(`${tree}/a.c`, "one\n");
    const paths = pathsFor(dir, `${dir}/cache`, null);
    await Deno.mkdir(paths.sources, { recursive: true });
    const told: string[] = [];
    const host = denoHost({
      emit: (event) => {
        if (event.event === "notice") told.push(event.text);
      },
      signal: new AbortController().signal,
    });
    const source = { kind: "tree", path: tree } as const;
    const archive: SourceArchive = {
      ...{ kernelId: "k", spec: source, version: "1", digest: "base", archive: null, tree },
    };
    const hold = async (word: string, from = "one") => {
      await Deno.writeTextFile(`${dir}/${word}.patch`, patchTo(word, from));
      const series = [{ file: `${dir}/${word}.patch` }];
      const kernel: KernelSpec = { id: "k", dir, source, series, uninstrumented: null };
      return await holdTree(archive, kernel, paths, host);
    };
    const line = async () => (await Deno.readTextFile(`${paths.sources}/k/a.c`)).trim();
    await body({ hold, line, told });
  });
}

async function withinMs<T>(limitMs: number, soon: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not within ${limitMs} ms`)), limitMs);
  return await Promise.race([soon, late.promise]).finally(() => clearTimeout(timer));
}

Deno.test("runs with the same series share a tree", async () => {
  await withTree(async ({ hold, line, told }) => {
    const one = await hold("two");
    const other = await hold("two");
    assert.equal(await line(), "two");
    assert.deepEqual(other.source, one.source);
    assert.equal(told.filter((text) => /1 patch applied/.test(text)).length, 1);
    assert.ok(!told.some((text) => /waiting/.test(text)), told.join("\n"));
    one.release();
    other.release();
  });
});

Deno.test("of runs that come at once, one writes and none waits until it has done with it", async () => {
  await withTree(async ({ hold, told }) => {
    // Each is held on: whoever waits for another one to let go does so until the time is over.
    const all = await withinMs(60_000, Promise.all([hold("two"), hold("two"), hold("two")]));
    assert.equal(told.filter((text) => /1 patch applied/.test(text)).length, 1);
    for (const held of all) held.release();
  });
});

Deno.test("a run with another series waits until nobody reads the tree", async () => {
  await withTree(async ({ hold, line, told }) => {
    const readers = [await hold("two"), await hold("two")];
    let written = false;
    const third = hold("three").then((held) => {
      written = true;
      return held;
    });
    const waits = () => told.find((text) => /working on k; waiting for this run/.test(text));
    for (let turn = 0; turn < 200 && !waits(); turn++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(waits(), told.join("\n"));
    readers[0]!.release();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(written, false);
    assert.equal(await line(), "two");
    readers[1]!.release();
    const held = await third;
    assert.equal(await line(), "three");
    held.release();
  });
});

Deno.test("runs whose series differ take turns, and each reads its own", async () => {
  await withTree(async ({ hold, line }) => {
    const turns = Array.from({ length: 6 }, async (_, index) => {
      const word = ["two", "three"][index % 2]!;
      const held = await hold(word);
      for (let look = 0; look < 5; look++) {
        assert.equal(await line(), word);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      held.release();
    });
    await Promise.all(turns);
  });
});

Deno.test("a series that does not apply leaves no lock behind", async () => {
  await withTree(async ({ hold, line }) => {
    (await hold("two")).release();
    await assert.rejects(hold("five", "six"), { kind: "patch" });
    const held = await hold("four");
    assert.equal(await line(), "four");
    held.release();
  });
});
