// SPDX-License-Identifier: MIT
/** In a kernel tree the tool works on that tree, and writes nothing into it. */
import assert from "node:assert/strict";
import { FakeProject } from "../fake_project.ts";

/** What a user sees of a folder: names, sizes, times, targets of links. */
async function stateOf(dir: string): Promise<string> {
  const argv = ["-c", 'find "$0" -printf "%P %y %s %T@ %C@ %l\\n" | LC_ALL=C sort', dir];
  const { stdout } = await new Deno.Command("sh", { args: argv }).output();
  return new TextDecoder().decode(stdout);
}

async function inProject(body: (project: FakeProject) => Promise<void>): Promise<void> {
  const project = await FakeProject.create();
  try {
    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    await project.write("project/matrix.yaml", `template: fake\n${matrix}`);
    const { dir } = project;
    await project.write("tree/Kconfig", "config KCOV\n\tbool\nconfig PRINTK\n\tbool\n");
    await Deno.mkdir(`${dir}/xdg`);
    await Deno.symlink(project.cache, `${dir}/xdg/kmatrix`);
    project.environment = {
      ...{ KMATRIX_CACHE: "", KMATRIX_LAUNCHER: "1" },
      ...{ XDG_CACHE_HOME: `${dir}/xdg`, XDG_STATE_HOME: `${dir}/state` },
    };
    await body(project);
  } finally {
    await project.remove();
  }
}

/** The tool from a folder, with nothing added to its words. */
async function call(project: FakeProject, folder: string, ...args: readonly string[]) {
  project.folder = `${project.dir}/${folder}`;
  const { code, stdout, stderr } = await project.command(args).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test("kmatrix in a tree, or below, takes the tree and says so in one line", async () => {
  await inProject(async (project) => {
    const { dir } = project;
    const before = await stateOf(`${dir}/tree`);
    for (const folder of ["tree", "tree/kernel"]) {
      const listed = await call(project, folder, "matrix", "--list");
      assert.equal(listed.out, "tree/nokcov\ntree/kcov\ntree/kcov/smp4\n", listed.err);
      const said = listed.err.split("\n").filter((line) => line.includes("kernel tree"));
      assert.equal(said.length, 1, listed.err);
      assert.match(
        said[0]!,
        new RegExp(`taking the kernel tree ${dir}/tree, as --tree does; runs: `),
      );
      const built = await call(project, folder, "build", "tree/kcov", "--sandbox", "off");
      assert.equal(built.code, 0, built.err);
    }
    assert.equal(await stateOf(`${dir}/tree`), before);
    const [runs] = await names(`${dir}/state/kmatrix`);
    assert.match(runs!, /^tree-[0-9a-f]{8}$/);
    assert.equal((await names(`${dir}/state/kmatrix/${runs}`)).includes("latest"), true);
    assert.deepEqual(await names(`${dir}/home`), []);
  });
});

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
}

Deno.test("a cell of the project's own kernels, and another source, is what is named in a tree", async () => {
  await inProject(async (project) => {
    const { dir } = project;
    const own = await call(project, "tree", "matrix", "--list", "fake/kcov");
    assert.deepEqual([own.out, own.err], ["fake/kcov\n", ""]);
    await Deno.rename(`${dir}/tree`, `${dir}/linux`);
    await new Deno.Command("cp", { args: ["-R", "linux", "tree"], cwd: dir }).output();
    const other = await call(project, "linux", "matrix", "--list", "--tree", "../tree");
    assert.match(other.out, /^tree\/kcov$/m);
    assert.doesNotMatch(other.err, /taking/);
    const globs = await call(project, "linux/kernel", "matrix", "--list", "*kcov", "!*nokcov");
    assert.equal(globs.out, "linux/kcov\n");
  });
});

Deno.test("a failure in a tree is repeated by kmatrix from anywhere", async () => {
  await inProject(async (project) => {
    await project.turnOn("compile-error");
    const { code, out } = await call(
      project,
      "tree/kernel",
      "build",
      "tree/kcov",
      "--sandbox",
      "off",
    );
    assert.equal(code, 5, out);
    const line = new RegExp(
      `kmatrix build tree/kcov --tree ${project.dir}/tree --sandbox off$`,
      "m",
    );
    assert.match(out, line);
  });
});

Deno.test("a home that cannot be written is named, with the variable that moves it", async () => {
  await inProject(async (project) => {
    await project.write("plain-file", "");
    const usual = project.environment;
    const cases = [["XDG_CACHE_HOME", "KMATRIX_CACHE"], [
      "XDG_STATE_HOME",
      "--output-dir",
    ]] as const;
    for (const [variable, remedy] of cases) {
      project.environment = { ...usual, [variable]: `${project.dir}/plain-file` };
      const { code, err } = await call(project, "tree", "matrix");
      assert.equal(code, 2, err);
      assert.match(err, new RegExp(`${variable}: .*plain-file.*\\[not-writable, user\\]`));
      assert.match(err, new RegExp(`Name another place by ${remedy}\\.`));
    }
  });
});

/** Trees that kbuild does not build out of as they are: how `$PWD/tree` becomes one. */
const OBSTACLES: Readonly<Record<string, string>> = {
  "a .config": "echo CONFIG_X=y > tree/.config",
  "a build": "cd tree; mkdir -p include/config include/generated arch/x86/include/generated/asm; " +
    "echo CONFIG_X=y > .config; touch include/config/auto.conf include/generated/autoconf.h " +
    "kernel/kcov.o kernel/.kcov.o.cmd kernel/built-in.a vmlinux .vmlinux.cmd modules.order",
  "a dirty git checkout with a build":
    "cd tree; git init -q; echo '*.o' > .gitignore; git add .; " +
    "git -c user.name=a -c user.email=a@b commit -qm a; echo CONFIG_X=y > .config; " +
    "touch kernel/kcov.o kernel/new.c; printf 'int kcov2;\\n' > kernel/kcov.c",
  "a path with a blank, quotes and letters":
    `mkdir "it's \\"ä\\" \\$b ツ"; mv tree "it's \\"ä\\" \\$b ツ"; ` +
    `ln -s "it's \\"ä\\" \\$b ツ/tree" tree`,
};

for (const [what, script] of Object.entries(OBSTACLES)) {
  Deno.test(`${what} in a tree is no obstacle, stays as it is, and messages name the tree`, async () => {
    await inProject(async (project) => {
      const { dir } = project;
      const { code, stderr } = await new Deno.Command("sh", { args: ["-ec", script], cwd: dir })
        .output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      const tree = await Deno.realPath(`${dir}/tree`);
      const edit = async (file: string) => {
        await Deno.writeTextFile(`${tree}/kernel/${file}`, "int more;\n", { append: true });
        return await stateOf(tree);
      };
      const build = async () => {
        const found = await call(project, "tree/kernel", "build", "tree/kcov", "--sandbox", "off");
        for (const words of [found.out, found.err]) {
          assert.doesNotMatch(words, /view-|\bsource\/kernel/);
        }
        return found;
      };
      let state = await stateOf(tree);
      await project.turnOn("compile-error");
      const failed = await build();
      assert.equal(failed.code, 5, failed.err);
      assert.ok(failed.out.includes(`${tree}/kernel/kcov.c:3:9: error: use of`), failed.out);
      await project.turnOff("compile-error");
      await project.turnOn("new-warning");
      assert.equal(await stateOf(tree), state);
      state = await edit("fork.c");
      const warned = await build();
      assert.equal(warned.code, 5, warned.err);
      assert.ok(warned.out.includes(`${tree}/kernel/fork.c:7:1: warning: unused`), warned.out);
      const [runs] = await names(`${dir}/state/kmatrix`);
      const log = `${dir}/state/kmatrix/${runs}/latest/tree/kcov/build.log`;
      const text = await Deno.readTextFile(log);
      assert.ok(text.includes(`${tree}/kernel/fork.c:7:1`), text);
      assert.doesNotMatch(text, /view-/);
      assert.equal(await stateOf(tree), state);
      await project.turnOff("new-warning");
      state = await edit("fork.c");
      const sound = await build();
      assert.equal(sound.code, 0, sound.out);
      assert.equal(await stateOf(tree), state);
    });
  });
}

/** Command lines that end before anything is booted, and what says that the tree was taken. */
const OF_THE_TREE: readonly (readonly [words: string, code: number, said: RegExp])[] = [
  ["matrix --list tree/kcov", 0, /^tree\/kcov$/m],
  ["plan tree/kcov", 0, /\btree\/kcov\b/],
  ["plan --shards 1 tree/kcov", 0, /"tree\/kcov"/],
  ["doctor tree/kcov", 0, /^ok +clang/m],
  ["fetch tree/kcov", 0, /\btree\b/],
  ["series tree/kcov", 2, /tree has no series to try/],
  ["repro tree/kcov --test no.such.test", 4, /no test matches "no\.such\.test"/],
  ["bisect-config tree/kcov --test no.such.test", 4, /no test matches "no\.such\.test"/],
  ["quality tree/kcov -- no_such_call", 2, /no_such_call/],
  ["cover tree/kcov -- no_such_call", 2, /no_such_call/],
  ["cover fake/kcov --against tree/kcov -- no_such_call", 2, /no_such_call/],
  ["bisect tree/kcov --good HEAD~1 --bad HEAD~1", 2, /\[same-commit, user\]/],
  // Of a bisection, the commits decide what is built.
  ["bisect fake/kcov --good HEAD~1 --bad HEAD~1", 2, /\[same-commit, user\]/],
];

Deno.test("each command that takes --tree takes the tree that it is called in", async () => {
  await inProject(async (project) => {
    const commits =
      "git init -q; git add .; for n in 1 2; do git -c user.name=a -c user.email=a@b " +
      "commit -q --allow-empty -m $n; done";
    const argv = { args: ["-ec", commits], cwd: `${project.dir}/tree` };
    assert.ok((await new Deno.Command("sh", argv).output()).success);
    for (const [words, code, said] of OF_THE_TREE) {
      const found = await call(project, "tree/kernel", ...words.split(" "));
      const all = `${words}: ${found.out}${found.err}`;
      assert.equal(found.code, code, all);
      assert.match(found.out + found.err, said, all);
      assert.equal(found.err.split("taking the kernel tree").length, 2, all);
    }
    const nowhere = await call(project, ".", "bisect", "tree/kcov", "--good", "a", "--bad", "b");
    assert.equal(nowhere.code, 2, nowhere.err);
    assert.match(nowhere.err, /bisect needs the git checkout of a kernel: .* is in none/);
  });
});
