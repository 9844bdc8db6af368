// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { pathsFor } from "../paths.ts";
import { compilerCache } from "./compiler_cache.ts";

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
      assert.equal(env["CCACHE_REMOTE_STORAGE"], "", "removed");
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
  for (const folder of [`${path}/kernel`, buildDir, `${clone}/bin`]) {
    await Deno.mkdir(folder, { recursive: true });
  }
  await Deno.symlink(path, `${buildDir}/source`);
  const ccache = `${clone}/bin/ccache`;
  await Deno.writeTextFile(ccache, '#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$PATH" "$@"\n', {
    mode: 0o755,
  });
  const host = Object.assign(
    new FakeHost({ fs: { which: () => Promise.resolve(ccache) }, answer: () => ({}) }),
    { env: (name: string) => name === "PATH" ? "/usr/bin:/bin" : undefined },
  );
  const { env } = (await compilerCache(config, pathsFor(clone, null, null), host))!;
  await Deno.chmod(`${clone}/.cache/toolchain/ccache/clang-22`, 0o755);
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", 'exec clang-22 "$@"', "sh", ...words(path, buildDir)],
    cwd: at(path, buildDir),
    env,
    clearEnv: true,
  }).output();
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

Deno.test("ccache gets the same words in each clone and for each source, where the build folder is", () =>
  withTempDir(async (dir) => {
    const words = (source: string, build: string) => [
      `-I${source}/include`,
      "-I./include/generated",
      `-ffile-prefix-map=${source}/=`,
      `-ffile-prefix-map=../../sources/${source.split("/").at(-1)}/=`,
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
    // objtool is compiled in the source.
    const input = (source: string, build: string) => [`-I${source}`, `-I${build}`, "check.c"];
    const left = await wordsIn(`${dir}/three`, "linux", input, (source) => `${source}/kernel`);
    const cache = `${dir}/three/.cache`;
    assert.deepEqual(left.slice(2), [`-I${cache}/sources/linux`, `-I${cache}/builds/k`, "check.c"]);
  }));
