// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { pathsFor } from "../core/model/paths.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { ownSelftests, tellOtherSelftests } from "./layers.ts";

const CHECKOUT = { "main.ts": "main", "runtime/init.c": "init", "kcov/tests/kcov.ts": "tests" };

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(`${folder}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, text);
  }
}

Deno.test("ownSelftests() are those of a project of one's own, and not those of another checkout", async () => {
  await withTempDir(async (dir) => {
    const host = new FakeHost();
    await write(`${dir}/tool/selftests`, CHECKOUT);
    await write(`${dir}/clone/selftests`, CHECKOUT);
    await write(`${dir}/mine/selftests`, { "mine.ts": "", "mine_test.ts": "", "a.d.ts": "" });
    const at = (name: string) => {
      const paths = pathsFor(`${dir}/tool`, null, null);
      return { ...paths, layers: [...new Set([`${dir}/${name}`, `${dir}/tool`])] };
    };
    assert.deepEqual(await ownSelftests(at("mine"), host), {
      folder: `${dir}/mine/selftests`,
      files: [`${dir}/mine/selftests/mine.ts`],
    });
    for (const name of ["tool", "clone", "none"]) {
      assert.equal(await ownSelftests(at(name), host), null, name);
    }
    const said = async (name: string) => {
      const host = new FakeHost();
      await tellOtherSelftests(at(name), host);
      return host.messages;
    };
    for (const name of ["tool", "clone", "mine", "none"]) assert.deepEqual(await said(name), []);
    await write(`${dir}/clone/selftests`, { "kcov/tests/kcov.ts": "others" });
    const [text, ...more] = await said("clone");
    assert.deepEqual(more, []);
    assert.match(text!, /clone is another checkout of kmatrix, with other guest tests/);
  });
});
