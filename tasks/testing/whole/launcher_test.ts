// SPDX-License-Identifier: MIT
/** The launcher as people have it: installed, called from anywhere, moved away under, removed. */
import assert from "node:assert/strict";
import { normalize } from "node:path/posix";
import { copyProject, ROOT, taskFlags } from "../project_copy.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(argv: readonly string[], cwd: string, more: Record<string, string> = {}) {
  const kept = Deno.env.toObject();
  // They would be taken for those of the call.
  for (const name of ["KMATRIX_CACHE", "O", "INIT_CWD"]) delete kept[name];
  const { code, stdout, stderr } = await new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    cwd,
    clearEnv: true,
    env: { ...kept, NO_COLOR: "1", ...more },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) } satisfies Ran;
}

const tool = (cwd: string, ...args: readonly string[]) =>
  run([Deno.execPath(), "run", ...taskFlags(), `${ROOT}/tasks/main.ts`, ...args], cwd);

async function inFolder(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kmatrix-" }));
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function filesBelow(dir: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    if (isDirectory) { for (const one of await filesBelow(`${dir}/${name}`)) found.push(one); }
    else found.push(`${dir}/${name}`);
  }
  return found.sort();
}

/** Prefixes as people have them, as they are typed in the folder $PWD. */
const ODD_NAMES = [
  "with blank",
  "it's",
  'a "b" $HOME `id`',
  "new\nline",
  "back\\n",
  "ünïcödé-ホーム",
];
const PREFIXES = ["plain", ...ODD_NAMES, "./-dash", "deep/er/../x"];

for (const prefix of PREFIXES) {
  const name = `install writes a launcher below ${
    JSON.stringify(prefix)
  }, and uninstall takes it away`;
  Deno.test(name, async () => {
    await inFolder(async (dir) => {
      const installed = await tool(dir, "install", "--prefix", prefix);
      assert.equal(installed.code, 0, installed.err);
      const kmatrix = `${dir}/${prefix}/bin/kmatrix`;
      assert.match(installed.out, /\/bin\/kmatrix$/m);
      assert.match(installed.out, /bin is not in PATH/);
      // What is to be put into a profile, put there.
      const [, line] = / add `(export PATH=[^]*)` to your shell's profile/.exec(installed.out)!;
      const found = await run(["sh", "-c", `${line}; command -v kmatrix`], "/", { HOME: "/h" });
      assert.equal(found.out, `${normalize(kmatrix)}\n`, line!);
      await Deno.mkdir(`${dir}/elsewhere`);
      const help = await run([kmatrix, "--help"], `${dir}/elsewhere`);
      assert.match(help.out, /^Usage: kmatrix <command> \[options\]$/m);
      const removed = await run(
        [kmatrix, "uninstall", "--prefix", `../${prefix}`],
        `${dir}/elsewhere`,
      );
      assert.equal(removed.code, 0, removed.err);
      assert.deepEqual(await filesBelow(dir), []);
      const again = await tool(dir, "uninstall", "--prefix", prefix);
      assert.deepEqual([again.code, again.err.includes("not-installed")], [4, true]);
    });
  });
}

Deno.test("a checkout may lie anywhere: its launcher runs, and says where it was moved from", async () => {
  await inFolder(async (dir) => {
    let root = await copyProject(dir);
    for (const name of ODD_NAMES) {
      const moved = `${dir}/${name}`;
      await Deno.rename(root, moved);
      root = moved;
      const main = [Deno.execPath(), "run", ...taskFlags(), `${root}/tasks/main.ts`];
      const installed = await run([...main, "install", "--prefix", "p"], dir);
      assert.equal(installed.code, 0, `${name}: ${installed.err}`);
      const kmatrix = `${dir}/p/bin/kmatrix`;
      const listed = await run([kmatrix, "matrix", "--list", "linux-6.12/kcov"], dir);
      assert.equal(listed.out, "linux-6.12/kcov\n", `${name}: ${listed.err}`);
      await Deno.rename(root, `${dir}/elsewhere`);
      const gone = await run([kmatrix, "matrix"], dir);
      assert.equal(gone.code, 2);
      assert.ok(gone.err.includes(`its project is not in ${root} any more`), gone.err);
      assert.ok(gone.err.includes("run `npx --yes deno task install`"), gone.err);
      await Deno.rename(`${dir}/elsewhere`, root);
    }
    const colon = await tool(dir, "install", "--prefix", "a:b");
    assert.match(colon.out, /a:b\/bin cannot be in PATH, whose folders a colon parts/);
  });
});

Deno.test("~ of a prefix is the home, also where no shell has read it", async () => {
  await inFolder(async (dir) => {
    const argv = [Deno.execPath(), "run", ...taskFlags(), `${ROOT}/tasks/main.ts`, "install"];
    const env = { HOME: dir, DENO_DIR: await denoDir() };
    for (const more of [[], ["--prefix=~/.local"], ["--prefix", "~"]]) {
      assert.equal((await run([...argv, ...more], dir, env)).code, 0);
    }
    const bins = (await filesBelow(dir)).filter((name) => name.endsWith("/bin/kmatrix"));
    assert.deepEqual(bins, [`${dir}/.local/bin/kmatrix`, `${dir}/bin/kmatrix`]);
  });
});

async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

Deno.test("the launcher gives words, exit code and the caller's folder as they are", async () => {
  await inFolder(async (dir) => {
    await tool(dir, "install", "--prefix", "p");
    const kmatrix = `${dir}/p/bin/kmatrix`;
    await Deno.mkdir(`${dir}/a b`);
    await Deno.writeTextFile(`${dir}/a b/it's.log`, "[    1.000000] all is well\n");
    // npm's INIT_CWD is of another call.
    const stale = { INIT_CWD: ROOT };
    const parsed = await run([kmatrix, "parse", "--console", "it's.log"], `${dir}/a b`, stale);
    assert.deepEqual([parsed.code, parsed.out], [0, "it's.log: no complaint of the kernel\n"]);
    const here = await run([kmatrix, "parse", "--console", "nonesuch.log"], ROOT, {
      INIT_CWD: dir,
    });
    assert.ok(here.err.includes(`${ROOT}/nonesuch.log`), here.err);
    const bad = await run([kmatrix, "matrix", "--jobs", ""], dir);
    assert.equal(bad.code, 2);
    assert.match(bad.err, /a whole number above 0/);
  });
});

Deno.test("kmatrix alone runs nothing where there is neither tree nor cell, and says what to do", async () => {
  await inFolder(async (dir) => {
    await tool(dir, "install", "--prefix", "p");
    // Whatever it begins in error ends for want of programs.
    const home = { HOME: `${dir}/home`, DENO_DIR: await denoDir(), PATH: "/nonexistent" };
    await Deno.mkdir(`${dir}/home`);
    for (const words of [[], ["matrix"], ["matrix", "--list"]]) {
      const { code, err } = await run([`${dir}/p/bin/kmatrix`, ...words], dir, home);
      assert.equal(code, 2, err);
      assert.match(err, /is no kernel tree .*\[nothing-here, user\]/);
      assert.match(err, /--tree <dir>.*--matrix <file>/);
    }
    assert.deepEqual(await filesBelow(`${dir}/home`), []);
    const listed = await run(
      [`${dir}/p/bin/kmatrix`, "matrix", "--list", "linux-6.12/*"],
      dir,
      home,
    );
    assert.match(listed.out, /^linux-6\.12\/kcov$/m);
  });
});

Deno.test("a launcher whose project was moved says so, with exit code 2", async () => {
  await inFolder(async (dir) => {
    await tool(dir, "install", "--prefix", "p");
    const kmatrix = `${dir}/p/bin/kmatrix`;
    const text = await Deno.readTextFile(kmatrix);
    await Deno.writeTextFile(kmatrix, text.replace(/^root=.*$/m, `root='${dir}/gone away'`));
    const { code, out, err } = await run([kmatrix, "matrix"], dir);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /its project is not in .*\/gone away any more/);
    assert.match(err, /npx --yes deno task install/);
  });
});

Deno.test("a launcher whose Deno is gone takes that of the PATH, and else npx of its version", async () => {
  await inFolder(async (dir) => {
    await tool(dir, "install", "--prefix", "p");
    const kmatrix = `${dir}/p/bin/kmatrix`;
    const text = await Deno.readTextFile(kmatrix);
    await Deno.writeTextFile(kmatrix, text.replace(/^deno=.*$/m, "deno='/gone/deno'"));
    await Deno.mkdir(`${dir}/bin`);
    const program = (name: string, script: string) =>
      Deno.writeTextFile(`${dir}/bin/${name}`, `#!/bin/sh\n${script}`, { mode: 0o755 });
    await program("npx", 'echo "npx $*"\n');
    const path = { PATH: `${dir}/bin:/usr/bin:/bin` };
    const { major, version } = {
      major: Deno.version.deno.split(".")[0],
      version: Deno.version.deno,
    };
    const byNpx = await run([kmatrix, "tests"], dir, path);
    assert.match(byNpx.out, new RegExp(`^npx --yes deno@${version} run .*/main\\.ts tests$`, "m"));
    await program("deno", '[ "$1" = --version ] && echo "deno 1.46.0" && exit\necho old\n');
    assert.match((await run([kmatrix, "tests"], dir, path)).out, /^npx --yes/);
    await program(
      "deno",
      `[ "$1" = --version ] && echo "deno ${major}.0.0" && exit\necho "new $*"\n`,
    );
    assert.match((await run([kmatrix, "tests"], dir, path)).out, /^new run .*\/main\.ts tests$/m);
  });
});

Deno.test("what is not of kmatrix is neither overwritten nor removed", async () => {
  await inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/p/bin`, { recursive: true });
    await Deno.writeTextFile(`${dir}/p/bin/kmatrix`, "#!/bin/sh\necho mine\n");
    const refused = await tool(dir, "install", "--prefix", "p");
    assert.equal(refused.code, 2);
    assert.match(
      refused.err,
      /p\/bin\/kmatrix is there already, and not of kmatrix \[not-ours, user\]/,
    );
    assert.deepEqual(await filesBelow(dir), [`${dir}/p/bin/kmatrix`]);
    assert.equal((await tool(dir, "uninstall", "--prefix", "p")).code, 4);
    assert.match(await Deno.readTextFile(`${dir}/p/bin/kmatrix`), /echo mine/);
    await Deno.remove(`${dir}/p/bin/kmatrix`);
    await Deno.mkdir(`${dir}/p/bin/kmatrix`);
    assert.equal((await tool(dir, "install", "--prefix", "p")).code, 2);
    await Deno.writeTextFile(`${dir}/file`, "");
    const below = await tool(dir, "install", "--prefix", "file");
    assert.match(below.err, /file\/bin\/kmatrix cannot be written \[not-writable, user\]/);
    assert.match((await tool(dir, "install", "--prefix", "")).err, /\[bad-prefix, user\]/);
  });
});

Deno.test("--version says tool, Deno, clang and QEMU, or that they are not installed", async () => {
  await inFolder(async (dir) => {
    const argv = [Deno.execPath(), "run", ...taskFlags(), `${ROOT}/tasks/main.ts`];
    const none = { PATH: "/nonexistent" };
    for (const words of [["--version"], ["-V"], ["version"]]) {
      const { code, out } = await run([...argv, ...words], dir, none);
      assert.equal(code, 0);
      assert.match(
        out,
        /^kmatrix \(no git checkout\), \/.*\nDeno \d+\.\d+\.\d+\nclang-22: not installed\n/,
      );
      assert.match(out, /^qemu-system-\S+: not installed$/m);
    }
    await Deno.writeTextFile(`${dir}/clang-99`, "#!/bin/sh\necho clang version 99.1\n", {
      mode: 0o755,
    });
    const { out } = await run([...argv, "-V"], dir, { PATH: `${dir}:/usr/bin:/bin`, LLVM: "-99" });
    assert.match(out, /^clang-99: clang version 99\.1$/m);
  });
});

Deno.test("relative paths of a task start where it was typed", async () => {
  await inFolder(async (dir) => {
    const below = `${ROOT}/docs`;
    const argv = [Deno.execPath(), "task", "--quiet", "parse", "--console", "nonesuch.log"];
    const { code, err } = await run(argv, below);
    assert.equal(code, 2);
    assert.match(err, /docs\/nonesuch\.log/);
    await Deno.writeTextFile(`${dir}/log`, "[    1.000000] all is well\n");
    const promises = [Deno.execPath(), "task", "--quiet", "promises", "nonesuch"];
    assert.match((await run(promises, below)).err, /\/docs\/nonesuch is no folder of a run/);
    const deno = [Deno.execPath(), "task", "--quiet", "--config", `${ROOT}/deno.json`];
    const { out } = await run([...deno, "parse", "--console", "log"], dir);
    assert.equal(out, "log: no complaint of the kernel\n");
  });
});
