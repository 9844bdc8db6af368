// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { basename } from "node:path/posix";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { pathsFor } from "../core/model/paths.ts";
import { compilerCache, throughCache } from "./compiler_cache.ts";

const TOOLCHAIN = { id: "clang-22", llvm: "-22" };

function configIn(dir: string) {
  const { builds, sources } = pathsFor(dir, null, null);
  return {
    toolchain: TOOLCHAIN,
    buildDir: `${builds}/k`,
    source: { kernelId: "linux", path: `${sources}/linux` },
  };
}

function hostWith(programs: readonly string[], variables: Record<string, string> = {}): FakeHost {
  const which = (name: string) => Promise.resolve(programs.includes(name) ? `/bin/${name}` : null);
  const host = new FakeHost({
    fs: { which },
    answer: ({ argv }) => ({ stdout: `version of ${argv[0]}` }),
  });
  return Object.assign(host, { env: (name: string) => variables[name] });
}

Deno.test("compilerCache() puts ccache on the PATH under the compiler's name, with paths that are the same in every clone", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const config = configIn(dir);
    const host = hostWith(["ccache", "clang-22"], { PATH: "/usr/bin" });
    const scripts = `${dir}/.cache/toolchain/ccache`;
    // What another version has left there.
    await Deno.mkdir(scripts, { recursive: true });
    await Deno.symlink("/bin/ccache", `${scripts}/clang-22`);
    const { env, log } = (await compilerCache(config, paths, host))!;
    assert.equal(env["PATH"], `${scripts}:/usr/bin`);
    assert.equal(env["KMATRIX_PATH"], "/usr/bin");
    assert.match(await Deno.readTextFile(`${scripts}/clang-22`), /^#!\/bin\/sh$/m);
    assert.equal(await Deno.readLink(`${scripts}/links/clang-22`), "/bin/ccache");
    assert.equal(env["CCACHE_BASEDIR"], paths.cache);
    assert.equal(env["CCACHE_DIR"], `${paths.cache}/ccache`);
    assert.equal(env["CCACHE_STATSLOG"], log);
    // Again, over what is there already.
    assert.deepEqual((await compilerCache(config, paths, host))!.env, env);
  }));

Deno.test("compilerCache() tells compilers apart by their versions, and keeps the user's folder", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const config = configIn(dir);
    const checks: (string | undefined)[] = [];
    for (const cc of ["clang-22", "clang-dev"]) {
      const host = hostWith(["ccache", "clang-22", "clang-dev"], {
        CCACHE_DIR: `${dir}/shared`,
      });
      const toolchain = { ...TOOLCHAIN, cc };
      const { env } = (await compilerCache({ ...config, toolchain }, paths, host))!;
      assert.equal(env["CCACHE_DIR"], `${dir}/shared`);
      checks.push(env["CCACHE_COMPILERCHECK"]);
    }
    assert.equal(new Set(checks).size, 2);
  }));

Deno.test("compilerCache() is not used without ccache, against CCACHE_DISABLE or for a compiler named by its path", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const config = configIn(dir);
    assert.equal(await compilerCache(config, paths, hostWith(["clang-22"])), null);
    const disabled = hostWith(["ccache", "clang-22"], { CCACHE_DISABLE: "1" });
    assert.equal(await compilerCache(config, paths, disabled), null);
    const elsewhere = { ...config, toolchain: { id: "own", llvm: "/opt/llvm/bin/" } };
    assert.equal(await compilerCache(elsewhere, paths, hostWith(["ccache"])), null);
  }));

Deno.test("compilerCache() gives what was brought a folder of its own, whatever the user's is", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const config = configIn(dir);
    const host = hostWith(["ccache", "clang-22"], { CCACHE_DIR: `${dir}/shared` });
    const folders = [];
    for (const kernelId of ["linux-6.12+a", "linux-6.12+b"]) {
      const source = { ...config.source, kernelId, brought: true };
      const { env, dir: open } = (await compilerCache({ ...config, source }, paths, host))!;
      assert.equal(env["CCACHE_DIR"], open);
      // The other one's objects are none of its business; those of our kernels it may read.
      assert.equal(env["CCACHE_REMOTE_STORAGE"], `file:${paths.ccacheShared}|read-only`);
      assert.equal(env["CCACHE_RESHARE"], undefined);
      folders.push(open);
    }
    assert.deepEqual(folders, [
      `${paths.cache}/ccache-brought/linux-6.12+a`,
      `${paths.cache}/ccache-brought/linux-6.12+b`,
    ]);
  }));

/** What ccache is called with, in a clone of its own, for words that name its folders. */
async function wordsIn(
  clone: string,
  source: string,
  words: (source: string, build: string) => readonly string[],
  at: (source: string, build: string) => string,
): Promise<string[]> {
  const config = {
    ...configIn(clone),
    source: { kernelId: source, path: `${clone}/.cache/sources/${source}` },
  };
  const { buildDir, source: { path } } = config;
  const folders = [`${path}/kernel`, `${path}/tools/objtool`, `${buildDir}/tools/objtool`];
  for (const folder of [...folders, `${clone}/bin`]) {
    await Deno.mkdir(folder, { recursive: true });
  }
  await Deno.symlink(path, `${buildDir}/source`);
  const ccache = `${clone}/bin/ccache`;
  const script = `#!/bin/sh
printf "%s\\n" "\${0##*/}" "$PATH" "$@"
for word; do
  case $word in -Wp,-MD,*) printf '%s' '${DEPENDENCIES}' > "\${word#-Wp,-MD,}" ;; esac
done
exit 3
`;
  await Deno.writeTextFile(ccache, script, { mode: 0o755 });
  const host = Object.assign(
    new FakeHost({ fs: { which: () => Promise.resolve(ccache) }, answer: () => ({}) }),
    { env: (name: string) => name === "PATH" ? "/usr/bin:/bin" : undefined },
  );
  const { env } = (await compilerCache(config, pathsFor(clone, null, null), host))!;
  await Deno.chmod(`${clone}/.cache/toolchain/ccache/clang-22`, 0o755);
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", 'exec clang-22 "$@"', "sh", ...words(path, buildDir)],
    cwd: at(path, buildDir),
    env,
    clearEnv: true,
  }).output();
  assert.equal(code, 3, "the compiler's own code");
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** What clang writes in the build folder. */
const DEPENDENCIES = `./tools/objtool/check.o: source/tools/objtool/check.c /usr/include/a.h \\
  source/tools/include/list.h ./tools/objtool/libsubcmd/include/help.h \\
  source/tools/objtool/../lib/rbtree.c
`;

Deno.test("ccache gets the same words in each clone and for each source, where the build folder is", () =>
  withTempDir(async (dir) => {
    const words = (source: string, build: string) => [
      `-I${source}/include`,
      "-I./include/generated",
      `-ffile-prefix-map=${source}/=`,
      `-ffile-prefix-map=../../sources/${basename(source)}/=`,
      `-ffile-prefix-map=${build}=.`,
      `-isystem`,
      source,
      `-DBOTH="${source}/a:${source}/b c"`,
      `-I${source}-other/include`,
      "-DSLASH=/",
      `${source}/kernel/fork.c`,
    ];
    const [one, other] = await Promise.all([["one", "linux"], ["two", "linux-unique"]].map(
      ([clone, source]) => wordsIn(`${dir}/${clone}`, source!, words, (_, build) => build),
    ));
    const own = `-I${dir}/one/.cache/sources/linux-other/include`;
    assert.deepEqual(one, [
      "clang-22",
      "/usr/bin:/bin",
      "-Isource/include",
      "-I./include/generated",
      "-ffile-prefix-map=source/=",
      "-ffile-compilation-dir=.",
      "-isystem",
      "source",
      '-DBOTH="source/a:source/b c"',
      own,
      "-DSLASH=/",
      "source/kernel/fork.c",
    ]);
    assert.deepEqual(other!.map((word) => word.startsWith("-I/") ? own : word), one);
  }));

/** As tools/build compiles objtool. */
const OBJTOOL = (source: string, build: string) => [
  `-Wp,-MD,${build}/tools/objtool/.check.o.d`,
  `-Wp,-MT,${build}/tools/objtool/check.o`,
  "-Wall",
  "-O2",
  "-I",
  `${source}/scripts/include`,
  "-g",
  `-I${source}/tools/include`,
  `-I${build}/tools/objtool/libsubcmd/include`,
  '-DBUILD_STR(s)="s"',
  "-c",
  "-o",
  `${build}/tools/objtool/check.o`,
  "check.c",
];

Deno.test("ccache gets the same words for objtool in each clone, and make the dependencies it would have without", () =>
  withTempDir(async (dir) => {
    const inObjtool = (source: string) => `${source}/tools/objtool`;
    const [one, other] = await Promise.all([["one", "linux"], ["two", "linux-unique"]].map(
      ([clone, source]) => wordsIn(`${dir}/${clone}`, source!, OBJTOOL, inObjtool),
    ));
    assert.deepEqual(one, other);
    assert.deepEqual(one!.slice(2), [
      "-ffile-compilation-dir=.",
      "-ffile-prefix-map=source/tools/objtool/=",
      "-Wp,-MD,./tools/objtool/.check.o.d",
      "-Wall",
      "-O2",
      "-I",
      "source/scripts/include",
      "-g",
      "-Isource/tools/include",
      "-I./tools/objtool/libsubcmd/include",
      '-DBUILD_STR(s)="s"',
      "-c",
      "-o",
      "./tools/objtool/check.o",
      "source/tools/objtool/check.c",
    ]);
    const { buildDir: build } = configIn(`${dir}/one`);
    const source = `${dir}/one/.cache/sources/linux`;
    const list = await Deno.readTextFile(`${build}/tools/objtool/.check.o.d`);
    assert.deepEqual(list.split(/[\s\\]+/).filter(Boolean), [
      `${build}/tools/objtool/check.o:`,
      "check.c",
      "/usr/include/a.h",
      `${source}/tools/include/list.h`,
      `${build}/tools/objtool/libsubcmd/include/help.h`,
      "../lib/rbtree.c",
    ]);
    assert.deepEqual(
      await Array.fromAsync(Deno.readDir(`${build}/tools/objtool`), (one) => one.name),
      [
        ".check.o.d",
      ],
    );
  }));

Deno.test("ccache gets the words as they are where one is not known to come out right", () =>
  withTempDir(async (dir) => {
    const odd: Record<string, (words: string[]) => string[]> = {
      "a relative folder": (words) => ["-I../include", ...words],
      "a relative folder by itself": (words) => ["-I", "include", ...words],
      "a header": (words) => ["-include", "/usr/include/stdio.h", ...words],
      "two files": (words) => [...words, "weak.c"],
      "no object": (words) => words.filter((word) => word !== "-c"),
      "no dependencies": (words) => words.filter((word) => !word.startsWith("-Wp,-MD")),
      "an object elsewhere": (words) => words.map((word) => word.replace(/^\/.*check\.o$/, "/x.o")),
      "another language": (words) => ["-x", "c++", ...words],
    };
    for (const [name, change] of Object.entries(odd)) {
      let given: string[] = [];
      const words = (source: string, build: string) => given = change(OBJTOOL(source, build));
      const at = (source: string) => `${source}/tools/objtool`;
      const got = await wordsIn(`${dir}/${name}`, "linux", words, at);
      assert.deepEqual(got.slice(2), given, name);
    }
    // Elsewhere in the source.
    let given: string[] = [];
    const words = (source: string, build: string) => given = OBJTOOL(source, build);
    const got = await wordsIn(`${dir}/kernel`, "linux", words, (source) => `${source}/kernel`);
    assert.deepEqual(got.slice(2), given);
  }));

Deno.test("compilerCache() passes remote storage on, as far as a confined build can reach it", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const value = `http://a:secret@example.org file:${dir}/shared`;
    const ours = paths.ccacheShared;
    const cacheOf = async (kind: "bubblewrap" | "none", brought = false) => {
      const source = { ...configIn(dir).source, brought };
      const host = Object.assign(
        hostWith(["ccache", "clang-22"], { CCACHE_REMOTE_STORAGE: value }),
        { sandbox: () => Promise.resolve({ kind, why: "off" }) },
      );
      const cache = (await compilerCache({ ...configIn(dir), source }, paths, host))!;
      assert.equal(cache.env["CCACHE_RESHARE"], undefined, "the user's storage");
      // ccache takes the later one of two names for one setting.
      assert.equal(cache.env["CCACHE_SECONDARY_STORAGE"], cache.env["CCACHE_REMOTE_STORAGE"]);
      return { ...cache, value: cache.env["CCACHE_REMOTE_STORAGE"] };
    };
    const free = await cacheOf("none");
    assert.equal(free.value, `${value} file:${ours}`);
    const confined = await cacheOf("bubblewrap");
    assert.equal(confined.value, `file:${dir}/shared file:${ours}`);
    assert.deepEqual(confined.remote.leftOut, ["http:"]);
    const confine = { writable: ["/build"], readable: ["/source"], programs: [] };
    assert.deepEqual(throughCache(confine, confined).confine, {
      ...confine,
      writable: ["/build", confined.dir, `${dir}/shared`, ours],
    });
    assert.deepEqual(throughCache(confine, null), { confine });
    assert.ok((await Deno.stat(`${dir}/shared`)).isDirectory, "or it could not be shown");
    for (const kind of ["none", "bubblewrap"] as const) {
      const brought = await cacheOf(kind, true);
      assert.equal(brought.value, `file:${ours}|read-only`);
      assert.deepEqual(throughCache(confine, brought).confine, {
        ...confine,
        writable: ["/build", brought.dir],
        readable: ["/source", ours],
      });
    }
  }));

const HAS_CCACHE = ["ccache", "clang-22"].every((program) =>
  (Deno.env.get("PATH") ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`))
);

/** Compiles one file of a source by the real ccache and clang. @returns ccache's counters. */
async function compileIn(dir: string, source: string, brought: boolean): Promise<string[]> {
  const paths = pathsFor(dir, null, null);
  const kernelId = basename(source);
  const buildDir = `${paths.builds}/${kernelId}`;
  await Deno.mkdir(buildDir, { recursive: true });
  await Deno.remove(`${buildDir}/source`).catch(() => {});
  await Deno.symlink(source, `${buildDir}/source`);
  const text = new TextDecoder();
  const run = async ({ argv: [program, ...args] }: { readonly argv: readonly string[] }) => {
    const { code, stdout, stderr } = await new Deno.Command(program!, { args }).output();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr), endless: false };
  };
  const variables: Record<string, string> = { PATH: Deno.env.get("PATH")! };
  const host = Object.assign(new FakeHost(), { run, env: (name: string) => variables[name] });
  const config = { toolchain: TOOLCHAIN, buildDir, source: { kernelId, path: source, brought } };
  const { env, log } = (await compilerCache(config, paths, host))!;
  await Deno.remove(log).catch(() => {});
  const flags = ["-Wp,-MMD,.a.o.d", `-I${source}/include`, `-ffile-prefix-map=${source}/=`];
  const { code, stderr } = await new Deno.Command("clang-22", {
    args: [...flags, "-c", "-o", "a.o", `${source}/a.c`],
    cwd: buildDir,
    env,
  }).output();
  assert.equal(code, 0, text.decode(stderr));
  return (await Deno.readTextFile(log)).split("\n");
}

Deno.test({
  name:
    "a brought copy of a source compiles what the project has out of ccache, and adds nothing to it",
  ignore: !HAS_CCACHE,
  fn: () =>
    withTempDir(async (dir) => {
      const own = `${dir}/.cache/sources/own`;
      const edited = "int edited;\n";
      const sources = [own, `${dir}/elsewhere/copy`, `${dir}/elsewhere/other`];
      for (const source of sources) {
        await Deno.mkdir(`${source}/include`, { recursive: true });
        await Deno.writeTextFile(`${source}/include/a.h`, "#define A 1\n");
        await Deno.writeTextFile(`${source}/a.c`, "#include <a.h>\nint a = A;\n");
        await Deno.utime(`${source}/include/a.h`, 1_700_000_000, 1_700_000_000);
      }
      const [, copy, other] = sources as [string, string, string];
      assert.ok((await compileIn(dir, own, false)).includes("cache_miss"));
      const first = await compileIn(dir, copy, true);
      assert.ok(first.includes("direct_cache_hit") && first.includes("remote_storage_hit"));
      // From now on by its own folder.
      const second = await compileIn(dir, copy, true);
      assert.ok(second.includes("local_storage_hit"));
      await Deno.writeTextFile(`${copy}/a.c`, edited, { append: true });
      assert.ok((await compileIn(dir, copy, true)).includes("cache_miss"));
      // Neither our kernels nor others get what it compiled.
      for (const [source, brought] of [[other, true], [own, false]] as const) {
        await Deno.writeTextFile(`${source}/a.c`, edited, { append: true });
        assert.ok((await compileIn(dir, source, brought)).includes("cache_miss"), source);
      }
      // A folder that was filled before: its hits are passed on.
      await Deno.remove(`${dir}/.cache/ccache-shared`, { recursive: true });
      await Deno.remove(`${dir}/.cache/ccache-brought`, { recursive: true });
      assert.ok((await compileIn(dir, own, false)).includes("local_storage_hit"));
      assert.ok((await compileIn(dir, copy, true)).includes("remote_storage_hit"));
    }),
});

Deno.test({
  name: "a file that takes another one into its object is compiled each time",
  ignore: !HAS_CCACHE,
  fn: () =>
    withTempDir(async (dir) => {
      const own = `${dir}/.cache/sources/own`;
      await Deno.mkdir(`${own}/include`, { recursive: true });
      const text = 'asm(".incbin \\"blob\\"");\nint a;\n';
      await Deno.writeTextFile(`${own}/a.c`, text);
      const build = `${pathsFor(dir, null, null).builds}/own`;
      await Deno.mkdir(build, { recursive: true });
      for (const blob of ["first", "other"]) {
        await Deno.writeTextFile(`${build}/blob`, blob);
        await compileIn(dir, own, false).catch(() => []);
        const object = new TextDecoder("latin1").decode(await Deno.readFile(`${build}/a.o`));
        assert.ok(object.includes(blob), blob);
      }
    }),
});
