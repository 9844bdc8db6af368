// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { pathsFor } from "../core/model/paths.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { recallBoot, rememberBoot } from "./boot_times.ts";

const times = (ms: number) => ({ firstOutputMs: ms, initMs: 2 * ms, silentMs: ms, bootMs: 9 * ms });

Deno.test("recallBoot() knows a cell's own boot, or the slowest of its class", async () => {
  await withTempDir(async (dir) => {
    const paths = pathsFor(dir, `${dir}/cache`, null);
    const host = new FakeHost();
    const recall = (kind: string, cell: string) => recallBoot(kind, cell, paths, host);
    assert.equal(await recall("tcg", "k/a"), null);
    await rememberBoot("tcg", "k/a/smp4", times(300), paths, host);
    await rememberBoot("tcg", "k/b", { ...times(100), silentMs: 7000 }, paths, host);
    assert.deepEqual(await recall("tcg", "k/a/smp4"), times(300));
    assert.deepEqual(await recall("tcg", "k/new"), { ...times(300), silentMs: 7000 });
    assert.equal(await recall("tcg-kasan", "k/b"), null);
    await rememberBoot("tcg", "k/b", times(50), paths, host);
    assert.deepEqual(await recall("tcg", "k/b"), times(50));
  });
});

Deno.test("recallBoot() makes nothing of a damaged file", async () => {
  await withTempDir(async (dir) => {
    const paths = pathsFor(dir, `${dir}/cache`, null);
    await Deno.mkdir(`${dir}/cache/boots/tcg`, { recursive: true });
    for (const text of ["", "{", "null", '{"initMs": "1"}']) {
      await Deno.writeTextFile(`${dir}/cache/boots/tcg/k,a.json`, text);
      assert.equal(await recallBoot("tcg", "k/a", paths, new FakeHost()), null, text);
    }
  });
});
