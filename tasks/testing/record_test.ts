// SPDX-License-Identifier: MIT
/** Tier 2: what of a run is on record, and what becomes of files and words that are wrong. */
import assert from "node:assert/strict";
import { basename } from "node:path/posix";
import { FakeProject } from "./fake_project.ts";

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
    [["--shard", "1/2"], ["fake/kcov", "fake/kcov/smp4"]],
    [["--tree", whole], ["whole/nokcov", "whole/kcov", "whole/kcov/smp4"]],
    [["--tree", whole, "--shard", "1/2"], ["whole/kcov", "whole/kcov/smp4"]],
    [["--tree", whole, "!*/smp4"], ["whole/nokcov", "whole/kcov"]],
    [["--tree", lacking], ["lacking/nokcov"]],
    [["--tree", lacking, "lacking/kcov"], ["lacking/kcov"]],
    [["--tree", lacking, "lacking/*"], ["lacking/nokcov"]],
    // A refusal alone names no cell: the tree is asked.
    [["--tree", lacking, "!lacking/x"], ["lacking/nokcov"]],
    [["--test", "kcov.*", "fake/kcov"], ["fake/kcov"]],
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
  for (const args of [["fake/x"], ["*/x"], ["--shard", "7/7"], ["--test", "kvoc.*"]]) {
    const list = await project.run("matrix", ...args, "--list");
    const plan = await project.run("plan", ...args);
    assert.deepEqual([list.code, list.err], [plan.code, plan.err], args.join(" "));
    assert.equal(list.code, 4);
  }
});

Deno.test("a plan for several machines is refused where nobody knows the cells of a kernel", async () => {
  await project.write(
    "wrong.diff",
    "--- a/kernel/fork.c\n+++ b/kernel/fork.c\n@@ -1 +1 @@\n-no such line\n+int x;\n",
  );
  const matrix = ["--matrix", await matrixWith("template: fake\n")];
  const args = ["--series", `${project.dir}/wrong.diff`, "--kernel", "fake", ...matrix];
  const alone = await project.run("plan", ...args);
  assert.equal(alone.code, 0, alone.err);
  assert.match(alone.err, /cells that it lacks the options for are not known: .*wrong/);
  const shared = await project.run("plan", "--shards", "2", ...args);
  assert.deepEqual([shared.code, shared.out], [5, ""], shared.err);
  assert.match(shared.err, /wrong.* \[does-not-apply, /);
});

/** A matrix as the project's own: classic configs, and those of an option that mainline lacks. */
const CLASSIC_AND_UNIQUE = `toolchains:
  clang-22: { llvm: "-22" }
machines:
  uni: { cpus: 1, memoryMiB: 256 }
  smp4: { cpus: 4, memoryMiB: 512 }
configs:
  kcov: { fragments: [base, kcov] }
  kcov-kasan: { fragments: [base, kcov, kasan] }
  kcov-unique: { fragments: [base, kcov, unique] }
  kcov-unique-kasan: { fragments: [base, kcov, unique, kasan] }
product:
  - { kernels: [fake], configs: [kcov, kcov-unique, kcov-unique-kasan] }
include: [fake/kcov-unique/smp4]
template: { kernel: fake, configs: [kcov, kcov-kasan] }
`;

Deno.test("a brought tree gets the cells that it has the options for, and each command names the others", async () => {
  await project.write("project/configs/kasan.config", "CONFIG_KASAN=y\n# CONFIG_TINY is not set\n");
  await project.write("project/configs/unique.config", "CONFIG_KCOV_UNIQUE=y\n");
  await project.write("project/classic.yaml", CLASSIC_AND_UNIQUE);
  const matrix = ["--matrix", `${project.root}/classic.yaml`];
  const unique = ["kcov-unique", "kcov-unique/smp4", "kcov-unique-kasan"];
  const trees: readonly [tree: string, string[], left: Record<string, string>][] = [
    [
      await ownTree("all", "PRINTK", "KCOV", "KASAN", "KCOV_UNIQUE"),
      ["kcov", "kcov-unique", "kcov-unique-kasan", "kcov-unique/smp4", "kcov-kasan"],
      {},
    ],
    [
      await ownTree("mainline", "PRINTK", "KCOV", "KASAN"),
      ["kcov", "kcov-kasan"],
      Object.fromEntries(unique.map((config) => [config, "CONFIG_KCOV_UNIQUE"])),
    ],
    [
      await ownTree("old", "PRINTK", "KCOV"),
      ["kcov"],
      {
        ...Object.fromEntries(unique.map((config) => [config, "CONFIG_KCOV_UNIQUE"])),
        "kcov-unique-kasan": "CONFIG_KCOV_UNIQUE, CONFIG_KASAN",
        "kcov-kasan": "CONFIG_KASAN",
      },
    ],
  ];
  for (const [tree, configs, left] of trees) {
    const kernel = basename(tree);
    const brought = ["--tree", tree, ...matrix];
    const runs = [
      await project.run("matrix", ...brought, "--list"),
      await project.run("plan", ...brought),
      await project.run("matrix", ...brought, "--dry-run"),
      await project.run("configure", `${kernel}/*`, ...brought),
    ];
    assert.deepEqual(runs[0]!.out.trim().split("\n"), configs.map((one) => `${kernel}/${one}`));
    for (const { out, err } of runs) {
      for (const config of configs) assert.ok(out.includes(`${kernel}/${config}`), config);
      const found = [...err.matchAll(/(\S+) is left out: this kernel has no (.+)/g)]
        .map(([, cell, options]) => [cell!.replace(`${kernel}/`, ""), options]);
      assert.deepEqual(Object.fromEntries(found), left, `${kernel}: ${err}`);
    }
  }
  // Nobody hears of cells that were not asked for.
  const some = ["--tree", `${project.dir}/old`, ...matrix, "--list"];
  const { err } = await project.run("matrix", ...some, "*kcov", "*-kasan", "!*unique*");
  assert.deepEqual(err.match(/\S+ is left out/g), ["old/kcov-kasan is left out"]);
});

Deno.test("a brought tree without a cell of its own is told so, as one that lacks options of each", async () => {
  const bare = await ownTree("bare", "NET");
  await project.write("bare/Kconfig.orig", "config PRINTK\n");
  const template = ["--matrix", await matrixWith("template: [kcov]\n")];
  for (const words of [["matrix", "--list"], ["plan"], ["matrix", "--dry-run"], ["matrix"]]) {
    const lacking = await project.run(...words, "--tree", bare, ...template);
    assert.equal(lacking.code, 4, lacking.err);
    assert.match(lacking.err, /bare lacks options of every cell that it would get/);
    assert.match(
      lacking.err,
      /bare\/kcov is left out: this kernel has no CONFIG_PRINTK, CONFIG_KCOV/,
    );
    const none = await project.run(...words, "--tree", bare);
    assert.equal(none.code, 4, none.err);
    assert.match(none.err, /the matrix has no template, so bare has no cells of its own/);
    assert.match(none.err, /Name one, such as bare\/kcov\./);
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
  for (const command of ["matrix", "boot", "plan", "repro"]) {
    for (const [filter, message] of cases) {
      const { code, err } = await project.run(
        ...[command, "fake/kcov"],
        ...filter.flatMap((glob) => ["--test", glob]),
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
  const { code, out } = await project.run("matrix", "fake/kcov", "--test", "kcov_unique.*");
  assert.equal(code, 4, out);
  assert.match(out, /no test of kcov_unique\.\* can pass in fake\/kcov: it lacks unique/);
  assert.equal(await project.started("clang"), 0);
  // A cell that is to skip has said so.
  assert.equal((await project.run("matrix", "fake/nokcov", "--test", "kcov.*")).code, 0);
});

/** Every JSON file of the cache that the tool reads back. */
async function cacheFiles(): Promise<string[]> {
  const { stdout } = await new Deno.Command("find", {
    args: [project.cache, "-type", "f", "(", "-name", "*.json", "-o", "-name", "*.stamp", ")"],
  }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").sort();
}

Deno.test("files of the cache that are damaged or of another shape are made anew, and no run fails", async () => {
  const run = ["matrix", "fake/kcov", "--test", "kcov.*"];
  assert.equal((await project.run(...run)).code, 0);
  const files = await cacheFiles();
  const names = new Set(files.map((file) => basename(file)));
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

async function sh(cwd: string, script: string): Promise<string> {
  const args = ["-ec", `export GIT_CONFIG_GLOBAL=/dev/null; ${script}`];
  const { code, stdout, stderr } = await new Deno.Command("sh", { args, cwd }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr));
  return text.decode(stdout);
}

Deno.test("a run of --tree has its source on record, and what it leaves shows that source again", async () => {
  await project.write(
    "project/kernels/linux-6.12/kernel.yaml",
    `source: { tree: ${project.dir}/tree }\n`,
  );
  const matrix = ["--matrix", await matrixWith("template: fake\n")];
  const tree = await ownTree("mine", "PRINTK", "KCOV");
  const commit = "git -c user.name=a -c user.email=a@b commit -q";
  await sh(
    tree,
    `git init -q -b topic; git add .; ${commit} -m one; printf 'int x;\\n' > kernel/x.c`,
  );
  await sh(tree, "printf 'int kcov2;\\n' > kernel/kcov.c");
  const failing = project.soundBoot("fake/kcov", (script) => ({
    ...script,
    cell: "mine/kcov",
    tests: script.tests.map((test) =>
      test.act.do === "pass" ? { ...test, act: { do: "fail", message: "no" } } : test
    ),
  }));
  await project.setBoot("mine/kcov", { recording: failing, end: 33 });
  const run = ["matrix", "mine/kcov", "--tree", tree, "--test", "kcov.*", "--bundle", ...matrix];
  const { code, out } = await project.run(...run);
  assert.equal(code, 3, out);
  const judged = /^judged: mine: commit [0-9a-f]{12} \(branch topic\)\n +mine: 2 changed files: /m;
  assert.match(out, judged);
  const { sources } = JSON.parse(await project.read("run.json"));
  const head = (await sh(tree, "git rev-parse HEAD")).trim();
  assert.equal(sources[0].tree.git.commit, head);
  assert.deepEqual(sources[0].tree.git.diff.files, [
    { path: "kernel/kcov.c", state: "changed" },
    { path: "kernel/x.c", state: "added" },
  ]);
  const diff = await project.read(sources[0].tree.git.diff.file);
  assert.match(diff, /^\+int kcov2;$/m);
  assert.equal(await project.read("mine/kcov/source.diff"), diff);
  const xml = await project.read("junit.xml");
  assert.match(xml, new RegExp(`<property name="source.commit" value="${head}"/>`));
  assert.match(
    xml,
    /<property name="source.changed" value="kernel\/kcov.c \(changed\), kernel\/x.c \(added\)"\/>/,
  );
  const replay = await project.run("replay", `${project.out}/latest/mine/kcov/mine-kcov.tar.xz`);
  assert.match(replay.out, /^built of {2}mine: commit /m);
});

Deno.test("entries of the matrix that nothing has a use for fail the run, once all their cells had their say", async () => {
  const tests = ["kcov.mode_trace_pc.*", "kcov_c.*"];
  // The tests of one fixture are all that the recordings hold.
  const excused = project.soundBoot("fake/kcov", (script) => ({
    ...script,
    filter: [],
    tests: script.tests.map((test) =>
      test.act.do === "pass" ? { ...test, act: { do: "fail", message: "known" } } : test
    ),
  }));
  await project.setBoot("fake/kcov", { recording: excused, end: 33 });
  const fail = `{ tests: ${JSON.stringify(tests)}, reason: r, link: l, expires: 2999-01-01 }`;
  const matrix = [
    "--matrix",
    await matrixWith(
      `  fake/kcov: { fail: ${fail} }\nwarnings:\n  - { match: never said, cells: [fake/kcov], reason: r }\n`,
    ),
  ];
  const built = await project.run("build", "fake/kcov", ...matrix);
  assert.equal(built.code, 2, built.out);
  assert.match(
    built.out,
    /other\.yaml:16: no build warned of "never said": remove the entry \[unused-warning/,
  );
  assert.doesNotMatch(built.out, /unused-expectation/);
  const whole = await project.run("matrix", "fake/kcov", ...matrix);
  assert.match(
    whole.out,
    /other\.yaml:14: no test of its cells matches "kcov_c\.\*": remove the glob \[unused-expectation/,
  );
  // A run of part of the tests, of other options or of another compiler says nothing of lists.
  for (const args of [["--test", "kcov.*"]]) {
    const { out } = await project.run("matrix", "fake/kcov", ...args, ...matrix);
    assert.doesNotMatch(out, /unused-expectation/, args.join(" "));
  }
  const added = await project.run("build", "fake/kcov", "--kconfig-add", "CONFIG_X=n", ...matrix);
  assert.equal(added.code, 0, added.out);
  project.environment = { KCFLAGS: "-DX" };
  try {
    assert.equal((await project.run("build", "fake/kcov", ...matrix)).code, 0);
  } finally {
    project.environment = {};
  }
  // Cells of the entry that did not run have had no say.
  assert.equal((await project.run("build", "fake/nokcov", ...matrix)).code, 0);
});

Deno.test("what a guest and a build print reaches neither terminal nor JUnit as codes", async () => {
  const evil =
    "\x1b[32mok\x1b[0m \x1b]0;title\x07\x1b]8;;https://x.test\x1b\\link\x1b]8;;\x1b\\ \u202e\u009b31m";
  const panic = `Kernel panic - not syncing: ${evil} end`;
  const recording = project.soundBoot("fake/kcov", (script) => ({
    ...script,
    tests: script.tests.map((test) =>
      test.act.do === "pass"
        ? { ...test, act: { do: "fail", message: evil }, console: [panic] }
        : test
    ),
  }));
  await project.setBoot("fake/kcov", { recording, end: 33 });
  const { out, err } = await project.run("matrix", "fake/kcov", "--test", "kcov.*", "--verbose");
  const xml = await project.read("junit.xml");
  const script = await project.read("fake/kcov/repro.sh");
  for (const text of [out, err, xml, script]) {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]|title|\[32m|31m|x\.test/);
  }
  assert.match(out, /Kernel panic - not syncing: ok link {2}end|ok link/);
  // The recording stays as it came.
  assert.ok((await project.read("fake/kcov/console.log")).includes("\x1b]0;title\x07"));
});
