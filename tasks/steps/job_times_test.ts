// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleCell } from "../testing/samples.ts";
import { pathsFor } from "../core/model/paths.ts";
import { recallBoot, recallTimes, rememberBoot, rememberTimes } from "./job_times.ts";

Deno.test("recallTimes() gives what a build and its boot took, and what the others took to one that is new", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const host = new FakeHost({});
    const [own, other] = [sampleCell("linux/kcov"), sampleCell("linux/nokcov")];
    const guess = await recallTimes(own, 2, paths, host);
    assert.ok(guess.buildMs > 60_000, "minutes, on two cores");

    await rememberTimes(own, { buildMs: 90_000, bootMs: null }, paths, host);
    await rememberTimes(own, { buildMs: null, bootMs: 2000 }, paths, host);
    assert.deepEqual(await recallTimes(own, 2, paths, host), { buildMs: 90_000, bootMs: 2000 });
    assert.deepEqual(await recallTimes(other, 2, paths, host), { buildMs: 90_000, bootMs: 2000 });

    // A boot of what somebody else has built tells nothing of the build.
    await rememberTimes(other, { buildMs: null, bootMs: 9000 }, paths, host);
    assert.deepEqual(await recallTimes(other, 2, paths, host), { buildMs: 90_000, bootMs: 2000 });

    for await (const { name } of Deno.readDir(`${paths.cache}/job-times`)) {
      await Deno.writeTextFile(`${paths.cache}/job-times/${name}`, '{"buildMs":');
    }
    assert.deepEqual(await recallTimes(own, 2, paths, host), guess);
  }));

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
