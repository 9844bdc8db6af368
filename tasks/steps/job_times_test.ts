// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleCell } from "../testing/samples.ts";
import { pathsFor } from "../core/model/paths.ts";
import { recallTimes, rememberTimes } from "./job_times.ts";

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
