// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { pathsFor } from "../paths.ts";
import { compilerCache } from "./compiler_cache.ts";

const TOOLCHAIN = { id: "clang-22", llvm: "-22" };
const SOURCE = { kernelId: "k", version: "6.12", digest: "d", path: "/src", patches: [] };

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
    const config = { toolchain: TOOLCHAIN, buildDir: `${paths.builds}/k`, source: SOURCE };
    const host = hostWith(["ccache", "clang-22"], { PATH: "/usr/bin" });
    const { env, log } = (await compilerCache(config, paths, host))!;
    const links = `${dir}/.cache/toolchain/ccache`;
    assert.equal(env["PATH"], `${links}:/usr/bin`);
    assert.equal(await Deno.readLink(`${links}/clang-22`), "/bin/ccache");
    assert.equal(env["CCACHE_BASEDIR"], paths.cache);
    assert.equal(env["CCACHE_DIR"], `${paths.cache}/ccache`);
    assert.equal(env["CCACHE_STATSLOG"], log);
    // Again, over what is there already.
    assert.deepEqual((await compilerCache(config, paths, host))!.env, env);
  }));

Deno.test("compilerCache() tells compilers apart by their versions, and keeps the user's folder", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const config = { toolchain: TOOLCHAIN, buildDir: `${paths.builds}/k`, source: SOURCE };
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
    const config = { toolchain: TOOLCHAIN, buildDir: `${paths.builds}/k`, source: SOURCE };
    assert.equal(await compilerCache(config, paths, hostWith(["clang-22"])), null);
    const disabled = hostWith(["ccache", "clang-22"], { CCACHE_DISABLE: "1" });
    assert.equal(await compilerCache(config, paths, disabled), null);
    const elsewhere = { ...config, toolchain: { id: "own", llvm: "/opt/llvm/bin/" } };
    assert.equal(await compilerCache(elsewhere, paths, hostWith(["ccache"])), null);
  }));

Deno.test("compilerCache() gives what was brought a folder of its own, whatever the user's is", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const config = { toolchain: TOOLCHAIN, buildDir: `${paths.builds}/k`, source: SOURCE };
    const host = hostWith(["ccache", "clang-22"], { CCACHE_DIR: `${dir}/shared` });
    const folders = [];
    for (const kernelId of ["linux-6.12+a", "linux-6.12+b"]) {
      const source = { ...SOURCE, kernelId, brought: true };
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
