// SPDX-License-Identifier: MIT
/** A cell that is named, and that another matrix file has. */
import assert from "node:assert/strict";
import { FakeProject } from "../testing/fake_project.ts";

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
  const text = await Deno.readTextFile(`${project.root}/matrix.yaml`);
  const entry = "  seldom: { fragments: [base, kcov], requires: [trace-pc] }\n";
  await project.write(
    "project/matrix-seldom.yaml",
    text.replace("configs:\n", `configs:\n${entry}`) + "\ninclude: [fake/seldom]\n",
  );
  await project.write("project/matrix-broken.yaml", "configs: [\n");
  await project.write(
    "project/also-seldom.yaml",
    text.replace("configs:\n", `configs:\n${entry}`),
  );
});
Deno.test.afterAll(() => project.remove());

const list = (...args: readonly string[]) => project.run("matrix", "--list", ...args);

Deno.test("whoever names a cell of another matrix file is told which option takes it", async () => {
  const cases = [["fake/seldom", ""], ["fake/sel*", ""], ["fake/seldom", "/configs"]] as const;
  for (const [glob, below] of cases) {
    project.folder = `${project.root}${below}`;
    const { code, err } = await list(glob);
    assert.equal(code, 4, err);
    const [, option, file] = /(--matrix) (\S*matrix-seldom\.yaml)$/m.exec(err) ?? [];
    assert.ok(option !== undefined && file !== undefined, err);
    const asTold = await list(glob, option, file);
    assert.deepEqual([asTold.code, asTold.out.trim()], [0, "fake/seldom"], asTold.err);
  }
  project.folder = null;
});

Deno.test("what no matrix file has, or none of its own, is an error as before", async () => {
  const config = `${project.dir}/mine.config`;
  await Deno.writeTextFile(config, "CONFIG_PVH=y\n");
  const cases = [
    ["fake/never"],
    ["fake/seldom", "fake/never"],
    // The other file's cells are not those of this config.
    ["fake/seldom", "--config", config],
    ["fake/never", "--matrix", `${project.root}/matrix-seldom.yaml`],
    // With none named, any other file would have cells left.
    ["!fake/kcov", "!fake/nokcov", "!*/kcov*"],
  ];
  for (const args of cases) {
    const { code, err } = await list(...args);
    assert.equal(code, 4, err);
    assert.doesNotMatch(err, /--matrix/, args.join(" "));
  }
});
