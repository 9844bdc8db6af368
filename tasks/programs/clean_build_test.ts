// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { denoHost } from "../host/deno_host.ts";
import { CleanBuild, keepTimes } from "./clean_build.ts";
import { withTempDir } from "../testing/project_copy.ts";

const LONG_AGO = new Date("2001-02-03T04:05:06.789Z");

Deno.test("a saved build folder comes back with content and times, without what was added", async () => {
  const host = denoHost({ emit: () => {}, signal: new AbortController().signal });
  await withTempDir(async (dir) => {
    const folder = `${dir}/builds/key`;
    await Deno.mkdir(`${folder}/kernel`, { recursive: true });
    await Deno.writeTextFile(`${folder}/kernel/kcov.o`, "right");
    await Deno.utime(`${folder}/kernel/kcov.o`, LONG_AGO, LONG_AGO);
    const saved = await CleanBuild.save(folder, `${dir}/saved/key`, host);
    for (let round = 0; round < 2; round++) {
      await Deno.writeTextFile(`${folder}/kernel/kcov.o`, "wrong");
      await Deno.writeTextFile(`${folder}/new.o`, "");
      await saved.restore();
      assert.equal(await Deno.readTextFile(`${folder}/kernel/kcov.o`), "right");
      assert.deepEqual((await Deno.stat(`${folder}/kernel/kcov.o`)).mtime, LONG_AGO);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["kernel"]);
    }
    await saved.drop();
    assert.deepEqual([...Deno.readDirSync(`${dir}/saved`)], []);
  });
});

Deno.test("kept times are set again, and a file that was not there is left out", async () => {
  await withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/kcov.c`, "right");
    await Deno.utime(`${dir}/kcov.c`, LONG_AGO, LONG_AGO);
    const setTimes = await keepTimes([`${dir}/kcov.c`, `${dir}/none.c`]);
    await Deno.writeTextFile(`${dir}/kcov.c`, "right");
    await setTimes();
    assert.deepEqual((await Deno.stat(`${dir}/kcov.c`)).mtime, LONG_AGO);
  });
});
