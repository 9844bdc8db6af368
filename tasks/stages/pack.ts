// SPDX-License-Identifier: MIT
/** Compiles the guest's runtime, bundles the selftests to its bytecode, and packs an initramfs. */
import { dirname } from "node:path/posix";
import { build as bundle } from "esbuild";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Initramfs, Toolchain } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { sha256 } from "../core/text/digest.ts";
import { archOf } from "../core/arch/table.ts";
import { clangOf } from "../core/build/make.ts";
import { initramfsFiles } from "../core/boot/guest_layout.ts";
import { archive } from "../steps/initramfs_archive.ts";
import { withLock } from "../steps/locks.ts";
import { findQuickjs, type Quickjs } from "../steps/quickjs.ts";
import { nameSources, SOURCE_MAP } from "../steps/guest_sources.ts";
import { probeProgram } from "../steps/probe_cache.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { folderDigest } from "../steps/file_digest.ts";
import { type OwnSelftests, ownSelftests } from "../steps/layers.ts";
import { rememberTests } from "../steps/known_tests.ts";

/**
 * @throws KmatrixError "infra" where the runtime does not compile, "usage" where the selftests do
 *   not bundle.
 */
export async function pack(toolchain: Toolchain, paths: Paths, host: Host): Promise<Initramfs> {
  const quickjs = await findQuickjs(archOf(toolchain), paths, host);
  if (!quickjs) throw new KmatrixError("infra", "missing-tool", "libquickjs is missing");
  const own = await ownSelftests(paths, host);
  const clang = clangOf(toolchain);
  const version = (await probeProgram([clang, "--version"], paths.cache, host)).stdout;
  const digest = await sha256(
    JSON.stringify([
      "initramfs 3",
      version,
      await host.fs.stat(quickjs.library),
      // The modules are not in it: they belong to a kernel's build.
      await folderDigest(`${paths.root}/selftests`, host, ["modules"]),
      own === null ? null : await folderDigest(own.folder, host),
    ]),
  );
  const dir = `${paths.guests}/${digest.slice(0, 16)}`;
  const path = `${dir}/initramfs.cpio`;
  const lock = { path: `${paths.cache}/locks/guest`, what: "another run packs a guest" };
  await withLock(lock, host, async () => {
    if (await isWhole(path, host)) return;
    const partial = `${dir}.partial`;
    await host.fs.remove(partial);
    try {
      await make(partial, clang, quickjs, own, paths, host);
      await host.fs.remove(dir);
      await host.fs.rename(partial, dir);
    } finally {
      await host.fs.remove(partial);
    }
  });
  const tests = await declaredTests();
  await rememberTests(tests, paths, host);
  return { path, digest, sourceMap: `${dir}/${SOURCE_MAP}`, tests };
}

/** Whether an initramfs is there, and as it was packed: a test changed in it would still pass. */
async function isWhole(path: string, host: Host): Promise<boolean> {
  if (!(await host.fs.exists(path))) return false;
  const wanted = await host.fs.readTextIfAny(`${path}.sha256`);
  if (wanted === await sha256(await host.fs.readBytes(path))) return true;
  host.log("notice", `${path} is not as it was packed: packing again`);
  return false;
}

async function make(
  dir: string,
  clang: string,
  quickjs: Quickjs,
  own: OwnSelftests | null,
  paths: Paths,
  host: Host,
): Promise<void> {
  const root = `${dir}/root`;
  await host.fs.makeDir(`${root}/kmatrix`);
  await bundleTests(paths.root, own, `${dir}/tests.js`);
  await nameSources(`${dir}/${SOURCE_MAP}`, own, paths, host);
  const init = `${root}/init`;
  const source = `${paths.root}/selftests/runtime/init.c`;
  await run(runtimeArgv(clang, quickjs, source, init), "the guest runtime does not compile", host);
  await run(
    bytecodeArgv(init, `${dir}/tests.js`, `${root}/kmatrix/tests.qjs`),
    "the guest runtime does not accept the bundled selftests",
    host,
  );
  const path = `${dir}/initramfs.cpio`;
  await archive(root, initramfsFiles(), path, host);
  await host.fs.writeText(`${path}.sha256`, await sha256(await host.fs.readBytes(path)));
}

async function run(argv: readonly string[], failure: string, host: Host): Promise<void> {
  const result = await host.run({ argv });
  if (result.code === 0) return;
  throw new KmatrixError(
    "infra",
    "runtime-build-failed",
    `${failure}: ${argv[0]} ended with code ${result.code}`,
    result.stderr,
  );
}

/** The call by which the runtime itself turns the script into bytecode, which only it can read. */
export function bytecodeArgv(init: string, script: string, out: string): string[] {
  return [init, "--compile", script, out];
}

/** The call that compiles the static init. */
export function runtimeArgv(
  clang: string,
  quickjs: Quickjs,
  source: string,
  out: string,
): string[] {
  return [
    clang,
    "-static",
    "-O2",
    "-s",
    "-Wall",
    "-Wextra",
    `-I${quickjs.include}`,
    source,
    quickjs.library,
    "-lm",
    "-lpthread",
    "-o",
    out,
  ];
}

/** A file of the project that has no fixtures; the bundle has those of one's own in its place. */
const OWN = /\/selftests\/own\.ts$/;

async function bundleTests(root: string, own: OwnSelftests | null, out: string): Promise<void> {
  const files = own?.files ?? [];
  const lines = [
    ...files.map((file, n) => `import { fixtures as own${n} } from ${JSON.stringify(file)};`),
    `export const fixtures = [${files.map((_, n) => `...own${n}`).join(", ")}];`,
  ];
  try {
    await bundle({
      entryPoints: [`${root}/selftests/main.ts`],
      outfile: out,
      // As deno.json has it for the host.
      alias: { kmatrix: `${root}/selftests` },
      plugins: files.length === 0 ? [] : [{
        name: "own selftests",
        setup(build) {
          build.onLoad({ filter: OWN }, ({ path }) => ({
            contents: lines.join("\n"),
            loader: "ts",
            resolveDir: dirname(path),
          }));
        },
      }],
      bundle: true,
      format: "esm",
      target: "es2023",
      platform: "neutral",
      // Leads from places on a stack to the source (steps/guest_sources.ts); the guest has none of it.
      sourcemap: "external",
      // Stack lines of a failed test then name the functions of the source.
      keepNames: false,
      logLevel: "silent",
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new KmatrixError("usage", "selftests-do-not-bundle", text.split("\n")[0]!, text);
  }
}
