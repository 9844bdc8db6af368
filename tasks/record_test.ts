// SPDX-License-Identifier: MIT
/** Tier 2: what of a run is on record, and what becomes of files and words that are wrong. */
import assert from "node:assert/strict";
import { FakeProject } from "./testing/fake_project.ts";

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
});
Deno.test.beforeEach(() => project.reset());
Deno.test.afterAll(() => project.remove());

/** A tree of the user's own whose Kconfig files define some options. */
async function ownTree(name: string, ...options: readonly string[]): Promise<string> {
  const { code } = await new Deno.Command("cp", {
    args: ["-R", `${project.dir}/tree`, `${project.dir}/${name}`],
  }).output();
  assert.equal(code, 0);
  const text = options.map((option) => `config ${option}\n\tbool\n`).join("");
  await project.write(`${name}/Kconfig`, text);
  return `${project.dir}/${name}`;
}

/** The matrix of the project with more lines, as a file beside it. */
async function matrixWith(more: string): Promise<string> {
  const text = await Deno.readTextFile(`${project.root}/matrix.yaml`);
  await project.write("project/other.yaml", text + more);
  return `${project.root}/other.yaml`;
}

Deno.test("--list, plan and a run choose the same cells", async () => {
  await project.write(
    "project/kernels/linux-6.12/kernel.yaml",
    `source: { tree: ${project.dir}/tree }\n`,
  );
  const matrix = ["--matrix", await matrixWith("template: fake\n")];
  const whole = await ownTree("whole", "PRINTK", "KCOV");
  const lacking = await ownTree("lacking", "PRINTK");
  const choices: readonly [readonly string[], readonly string[]][] = [
    [[], ["fake/nokcov", "fake/kcov", "fake/kcov/smp4"]],
    [["*kcov*", "!*/smp4"], ["fake/nokcov", "fake/kcov"]],
    [["--shard", "2/2"], ["fake/kcov", "fake/kcov/smp4"]],
    [["--tree", whole], ["whole/nokcov", "whole/kcov", "whole/kcov/smp4"]],
    [["--tree", whole, "--shard", "2/2"], ["whole/kcov", "whole/kcov/smp4"]],
    [["--tree", whole, "!*/smp4"], ["whole/nokcov", "whole/kcov"]],
    [["--tree", lacking], ["lacking/nokcov"]],
    [["--tree", lacking, "lacking/kcov"], ["lacking/kcov"]],
    [["--tree", lacking, "lacking/*"], ["lacking/nokcov"]],
    [["--filter", "kcov.*", "fake/kcov"], ["fake/kcov"]],
  ];
  for (const [args, cells] of choices) {
    const list = await project.run("matrix", ...args, ...matrix, "--list");
    assert.deepEqual(list.out.trim().split("\n"), cells, args.join(" "));
    const plan = await project.run("plan", ...args, ...matrix);
    const planned = [...plan.out.matchAll(/^ {2}boot (\S+) /gm)].map((match) => match[1]!);
    assert.deepEqual(planned, cells, args.join(" "));
  }
  const ran = await project.run("configure", "lacking/*", "--tree", lacking, ...matrix);
  assert.match(ran.out, /^1 cell: /m);
  assert.match(ran.err, /lacking\/kcov is left out: this kernel has no CONFIG_KCOV/);
  // What neither takes is refused alike.
  for (const args of [["fake/x"], ["*/x"], ["--shard", "7/7"], ["--filter", "kvoc.*"]]) {
    const list = await project.run("matrix", ...args, "--list");
    const plan = await project.run("plan", ...args);
    assert.deepEqual([list.code, list.err], [plan.code, plan.err], args.join(" "));
    assert.equal(list.code, 4);
  }
});

Deno.test("a filter that matches no test is said before anything is built", async () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["kvoc.*"], /no test matches "kvoc\.\*"; did you mean|no test matches "kvoc\.\*" \(choices/],
    [
      ["kcov_basic_syscall_coverage"],
      /a glob matches the whole id: '\*kcov_basic_syscall_coverage\*' names \d/,
    ],
    [["kcov.*", "nothing"], /no test matches "nothing"/],
    [["kcov_c.kcov_test.*"], /the results of the tree's C programs come with the test/],
  ];
  const runs = async () => {
    const names: string[] = [];
    try {
      for await (const { name } of Deno.readDir(project.out)) names.push(name);
    } catch {
      // There was none.
    }
    return names;
  };
  for (const command of ["matrix", "build", "boot", "plan", "repro"]) {
    for (const [filter, message] of cases) {
      const { code, err } = await project.run(
        ...[command, "fake/kcov"],
        ...filter.flatMap((glob) => ["--filter", glob]),
      );
      assert.equal(code, 4, `${command} ${filter}`);
      assert.match(err, message);
    }
  }
  assert.equal(await project.started("clang"), 0);
  assert.deepEqual(await runs(), []);
});

Deno.test("a filter whose tests cannot pass in a cell is said before its build", async () => {
  await project.forgetBuilds();
  const { code, out } = await project.run("matrix", "fake/kcov", "--filter", "kcov_unique.*");
  assert.equal(code, 4, out);
  assert.match(out, /no test of kcov_unique\.\* can pass in fake\/kcov: it lacks unique/);
  assert.equal(await project.started("clang"), 0);
  // A cell that is to skip has said so.
  assert.equal((await project.run("matrix", "fake/nokcov", "--filter", "kcov.*")).code, 0);
});

/** Every JSON file of the cache that the tool reads back. */
async function cacheFiles(): Promise<string[]> {
  const { stdout } = await new Deno.Command("find", {
    args: [project.cache, "-type", "f", "(", "-name", "*.json", "-o", "-name", "*.stamp", ")"],
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").sort();
}

Deno.test("files of the cache that are damaged or of another shape are made anew, and no run fails", async () => {
  const run = ["matrix", "fake/kcov", "--filter", "kcov.*"];
  assert.equal((await project.run(...run)).code, 0);
  const files = await cacheFiles();
  const names = new Set(files.map((file) => file.split("/").at(-1)!));
  for (const name of ["kmatrix-built.json", "kmatrix-inspected.json", "kmatrix-inputs.json"]) {
    assert.ok(names.has(name), `${name} of ${[...names].join(" ")}`);
  }
  const sound = new Map<string, unknown>();
  for (const file of files) sound.set(file, JSON.parse(await Deno.readTextFile(file)));
  /** The same keys, and other values in all of them. */
  const other = (value: unknown): unknown =>
    value !== null && typeof value === "object"
      ? Object.fromEntries(Object.keys(value).map((key) => [key, []]))
      : null;
  const damages: readonly ((value: unknown) => string)[] = [
    () => "",
    () => "null",
    () => "[]",
    () => "{}",
    (value) => JSON.stringify(value).slice(0, -2),
    (value) => JSON.stringify(other(value)),
  ];
  const runs = async (what: string) => {
    const { code, out, err } = await project.run(...run);
    assert.equal(code, 0, `${what}\n${out}${err}`);
    assert.equal((await project.run("cache")).code, 0, what);
  };
  for (const damage of damages) {
    for (const [file, value] of sound) await Deno.writeTextFile(file, damage(value));
    await runs(`${damage}`);
  }
  // The keys by which a file is known stay right, so that the rest of it is looked at.
  const inner = { inspection: null, products: { vmlinux: null }, digests: 7, imprints: null };
  for (const [file, value] of sound) {
    if (!Object.keys(value as object).some((key) => key in inner)) continue;
    await runs("sound again");
    const now = JSON.parse(await Deno.readTextFile(file));
    const known = Object.entries(inner).filter(([key]) => key in now);
    await Deno.writeTextFile(file, JSON.stringify({ ...now, ...Object.fromEntries(known) }));
    await runs(file);
  }
});
