// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { FakeProject } from "../testing/fake_project.ts";
import { rejectionOf } from "../testing/errors.ts";
import { checkOutputs, type Output } from "./outputs.ts";

Deno.test("checkOutputs() refuses what a run could not write, and leaves nothing behind", () =>
  withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "mine");
    await Deno.mkdir(`${dir}/folder`);
    await Deno.mkdir(`${dir}/project`);
    await Deno.symlink(`${dir}/nowhere`, `${dir}/broken`);
    const before = [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
    const check = async (kind: Output["kind"], path: string, given = path) => {
      const host = new FakeHost();
      const inside = [`${dir}/project`];
      await checkOutputs([{ name: "--it", given, path, kind }], inside, host);
      return host.messages;
    };
    const cases: readonly [Output["kind"], string, RegExp][] = [
      ["file", `${dir}/folder`, /is a folder, and a file is wanted/],
      ["folder", `${dir}/file`, /is a file, and a folder is wanted/],
      ["file", "/dev/null", /is a device, pipe or socket, and a file is wanted/],
      ["file", `${dir}/broken`, /is a broken link/],
      ["folder", `${dir}/broken`, /is a broken link/],
      ["file", `${dir}/broken/x`, /lies below .*\/broken, which is a broken link/],
      ["file", `${dir}/file/x`, /lies below .*\/file, which is a file/],
      ["folder", `${dir}/file/x/y`, /lies below .*\/file, which is a file/],
      ["file", `${dir}/typo/x`, /lies in .*\/typo, a folder that does not exist/],
      ["folder", `${dir}/typo/x`, /lies in .*\/typo, a folder that does not exist/],
      ["folder", `${dir}/projects/x/y`, /a folder that does not exist/],
      // Nobody can make a file there, root included.
      ["file", "/proc/x", /cannot be written/],
      ["folder", "/proc/x", /cannot be written/],
      ["folder", "/proc", /cannot be written/],
    ];
    for (const [kind, path, message] of cases) {
      const error = await rejectionOf(check(kind, path));
      assert.deepEqual([error.kind, error.id], ["usage", "not-writable"], path);
      assert.match(error.message, message);
      assert.match(error.message, /^--it: /);
    }
    assert.match((await rejectionOf(check("file", dir, ""))).message, /the path is empty$/);
    const fine: readonly [Output["kind"], string, string[]][] = [
      ["file", `${dir}/file`, []],
      ["file", `${dir}/new`, []],
      ["folder", `${dir}/folder`, []],
      ["folder", `${dir}/new`, [`notice: --it: makes the folder ${dir}/new`]],
      ["folder", `${dir}/project/a/b/c`, []],
      ["file", `${dir}/project/a/b/c`, []],
    ];
    for (const [kind, path, messages] of fine) assert.deepEqual(await check(kind, path), messages);
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name).sort(), before);
    assert.equal(await Deno.readTextFile(`${dir}/file`), "mine");
    assert.deepEqual([...Deno.readDirSync(`${dir}/project`)], []);
  }));

Deno.test("checkOutputs() refuses one file for two reports", () =>
  withTempDir(async (dir) => {
    const one = { given: "x", path: `${dir}/x`, kind: "file" } as const;
    const two = [{ ...one, name: "--junit" }, { ...one, name: "--json" }];
    const error = await rejectionOf(checkOutputs(two, [], new FakeHost()));
    assert.match(error.message, /^--json: .*\/x is the same as --junit$/);
  }));

Deno.test("a command says before it begins what it could not write", async () => {
  const project = await FakeProject.create();
  try {
    const { dir } = project;
    await project.write("file", "");
    const cases: readonly [Readonly<Record<string, string>>, readonly string[]][] = [
      [{}, ["matrix", "fake/kcov", "--junit", `${dir}/no/such/x.xml`]],
      [{}, ["matrix", "fake/kcov", "--json", `${dir}/file/x.json`]],
      [{ KMATRIX_CACHE: `${dir}/file` }, ["build", "fake/kcov"]],
      [{ O: `${dir}/no/such` }, ["plan", "--status"]],
      [{}, ["parse", `${dir}/boots`, "--json", dir]],
    ];
    for (const [environment, args] of cases) {
      project.environment = environment;
      const { code, err } = await project.run(...args);
      assert.equal(code, 2, `${args.join(" ")}\n${err}`);
      assert.match(err, /\[not-writable, user\]/);
      assert.doesNotMatch(err, /\bbug\b|^ +at /m);
    }
    assert.equal(await project.started("clang"), 0);
    const left = [...Deno.readDirSync(dir)].map(({ name }) => name);
    for (const name of ["no", "out"]) assert.ok(!left.includes(name), name);
    // A plan that only reads, and a list, need no cache.
    project.environment = { KMATRIX_CACHE: `${dir}/file` };
    assert.equal((await project.run("plan")).code, 0);
    assert.equal((await project.run("matrix", "--list")).code, 0);
  } finally {
    await project.remove();
  }
});
