// SPDX-License-Identifier: MIT
/** What a merged run has of a red cell, where the runs of its shards are gone. */
import assert from "node:assert/strict";
import { basename } from "node:path/posix";
import $ from "dax";
import { MATRIX } from "../broken_worlds.ts";
import { BASIC, BROKEN, cases, setTest } from "./fake_cases.ts";
import type { FakeProject } from "../fake_project.ts";

/** A merged run of two shards, each an archive of what an artifact keeps; one cell is red. */
async function mergedRun(project: FakeProject): Promise<string> {
  await setTest(project, "fake/kcov", BROKEN);
  const archives: string[] = [];
  for (const part of ["1/2", "2/2"]) {
    const { code, err } = await project.run(...MATRIX, "--shard", part, "--bundle");
    assert.ok(code === 0 || code === 3, err);
    const run = await project.newestRun();
    const archive = `${project.dir}/${basename(run)}.tar`;
    await $`tar --create --mode=a-x+X --exclude=.config --file ${archive} -C ${run} .`.quiet();
    archives.push(archive);
  }
  await Deno.remove(project.out, { recursive: true });
  await Deno.mkdir(project.out);
  const merged = `${project.dir}/merged`;
  const { code, out, err } = await project.run("merge", ...archives, "-o", merged);
  assert.equal(code, 3, out + err);
  return merged;
}

cases("a merged run", "built", [
  ["shows what is red again: by its script, its bundle, its command", async (project) => {
    const merged = await mergedRun(project);
    const cell = `${merged}/fake/kcov`;
    const path = `${project.dir}/bin:${Deno.env.get("PATH")}`;
    const script = await $`${cell}/repro.sh ${project.dir}/again/fake/kcov`.env({ PATH: path })
      .noThrow()
      .captureCombined();
    assert.equal(script.code, 1, script.combined);
    assert.match(script.combined, new RegExp(`^not ok: ${BASIC}$`, "m"));
    const replay = await project.run("replay", `${cell}/fake-kcov.tar.xz`);
    assert.equal(replay.code, 0, replay.out + replay.err);
    assert.match(replay.out, /^the same verdict$/m);
    const { cells } = JSON.parse(await Deno.readTextFile(`${merged}/run.json`));
    const red = cells.find(({ cell }: { cell: string }) => cell === "fake/kcov");
    const [, words] = /deno task (.*)$/.exec(red.repeat) ?? [];
    const again = await project.run(...words!.split(" "));
    assert.equal(again.code, 3, again.out + again.err);
    assert.match(again.out, new RegExp(`${BASIC}: `));
    assert.match(words!, /^repro fake\/kcov --test /);
  }],
]);
