// SPDX-License-Identifier: MIT
/**
 * ccache in front of clang, where it is installed: as a script of the compiler's name that comes
 * first on the PATH of make, so that no command line of the build changes with it, and a build
 * folder can be gone on with when ccache has come or gone.
 */
import { relative } from "node:path/posix";
import type { Command, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { KernelConfig, SourceTree } from "../core/model/model.ts";
import { archOf } from "../core/arch/table.ts";
import { sha256 } from "../core/text/digest.ts";
import type { Confinement } from "../core/build/sandbox.ts";
import { clangOf, llvmTool } from "../core/build/make.ts";
import {
  NO_REMOTE,
  type RemoteStorage,
  remoteStorage,
  withFolder,
} from "../core/build/ccache_remote.ts";
import { CCACHE_SCRIPT } from "../core/build/ccache_script.ts";
import { probeProgram } from "./probe_cache.ts";
import { answering } from "./remote_storage.ts";
import { toolchainFiles } from "./toolchain_files.ts";

export interface CompilerCache {
  /** For the environment of make. */
  readonly env: Readonly<Record<string, string>>;
  /** Where ccache appends what each of its calls came to (CCACHE_STATSLOG). */
  readonly log: string;
  /** Where it keeps objects: a confined compiler writes there too. */
  readonly dir: string;
  /** Where it looks, and keeps them, besides. */
  readonly remote: RemoteStorage;
}

/** null where there is no ccache, CCACHE_DISABLE is set, or the compiler is named by a path. */
export async function compilerCache(
  { toolchain, buildDir, source }: Pick<KernelConfig, "toolchain" | "buildDir"> & {
    readonly source: Pick<SourceTree, "path" | "kernelId" | "brought">;
  },
  paths: Paths,
  host: Host,
): Promise<CompilerCache | null> {
  const ccache = await host.fs.which("ccache");
  // With LLVM= kbuild compiles its host tools with LLVM's clang, whatever CC= says.
  const names = [clangOf(toolchain), llvmTool(toolchain.llvm, "clang")];
  const bare = names.every((name) => /^[\w.+-]+$/.test(name));
  if (ccache === null || host.env("CCACHE_DISABLE") || !bare) return null;
  const scripts = `${paths.cache}/toolchain/ccache`;
  await host.fs.makeDir(`${scripts}/links`);
  for (const name of new Set(names)) {
    const link = `${scripts}/links/${name}`;
    if (!await host.fs.exists(link)) await host.fs.link(ccache, link);
    await writeScript(`${scripts}/${name}`, CCACHE_SCRIPT, host);
  }
  const versions = await Promise.all(
    names.map(async (name) => (await probeProgram([name, "--version"], paths.cache, host)).stdout),
  );
  // Not their paths, which are others on another machine.
  const files = await toolchainFiles(names, paths.cache, host);
  if (files === null) return null;
  const digests = Object.values(files).sort();
  const log = `${buildDir}/kmatrix-ccache.log`;
  // What a stranger's Makefile puts there must not become a part of any other kernel.
  const { brought = false, kernelId } = source;
  const dir = brought
    ? `${paths.cache}/ccache-brought/${kernelId}`
    : host.env("CCACHE_DIR") || `${paths.cache}/ccache`;
  await host.fs.makeDir(dir);
  // Of storage elsewhere nothing is for a stranger's Makefile, not even to read.
  const users = brought ? NO_REMOTE : await answering(await remoteOf(host), names[0]!, paths, host);
  // ccache cannot read the folder of another cache, only what it has written as remote storage.
  const remote = withFolder(users, paths.ccacheShared, brought ? "read-only" : "writable");
  await host.fs.makeDir(paths.ccacheShared);
  const path = host.env("PATH") ?? "";
  return {
    log,
    dir,
    remote,
    env: {
      PATH: `${scripts}:${path}`,
      // What the script goes by; kbuild resolves links in the path of the source.
      KMATRIX_PATH: path,
      KMATRIX_SOURCE: await host.fs.realPath(source.path) ?? source.path,
      KMATRIX_RELATIVE: relative(buildDir, source.path),
      KMATRIX_BUILD: buildDir,
      CCACHE_DIR: dir,
      ...(brought ? { CCACHE_MAXSIZE: "1G" } : {}),
      // The older name is an alias: whichever comes later in the environment wins, empty or not.
      CCACHE_REMOTE_STORAGE: remote.value,
      CCACHE_SECONDARY_STORAGE: remote.value,
      // What the folder has from before this storage, or from another clone. Storage of the user's
      // gets what the user wants it to.
      ...(!brought && users.value === "" ? { CCACHE_RESHARE: "1" } : {}),
      // Its default is below /run, which a confined compiler does not see.
      CCACHE_TEMPDIR: `${dir}/tmp`,
      // Paths below the cache become relative to where the compiler runs, for what the script leaves.
      CCACHE_BASEDIR: paths.cache,
      CCACHE_NOHASHDIR: "1",
      // objtool writes into objects, which must not be files of the cache, whatever the user's ccache.conf says.
      CCACHE_NOHARDLINK: "1",
      // Takes the headers from clang's own dependency file, which kbuild asks for anyway, instead
      // of running the preprocessor once more for each miss.
      CCACHE_DEPEND: "1",
      // By default ccache looks at clang alone, which is a small program over shared libraries.
      CCACHE_COMPILERCHECK: `string:${await sha256(
        [...versions, ...digests, ...await hidingHeaders(source, toolchain, host)].join("\n"),
      )}`,
      CCACHE_STATSLOG: log,
    },
  };
}

/**
 * Headers that one include path of the kernel has and a later one, too, each with the paths. ccache holds
 * the headers that were read against what is there now, and would not see that a new one is in front.
 */
async function hidingHeaders(
  { path }: Pick<SourceTree, "path">,
  toolchain: KernelConfig["toolchain"],
  host: Host,
): Promise<string[]> {
  const folders = [`${archOf(toolchain).folder}/include`, "include"];
  // LINUXINCLUDE of the top Makefile.
  const roots = folders.flatMap((folder) => [`${folder}/uapi/`, `${folder}/`]);
  const argv = ["find", ...folders, "-name", "*.h"];
  const { stdout } = await host.run({ argv, cwd: path });
  const rootsOf = new Map<string, string[]>();
  for (const file of stdout.split("\n")) {
    const root = roots.find((one) => file.startsWith(one));
    if (root === undefined) continue;
    const name = file.slice(root.length);
    rootsOf.set(name, [...rootsOf.get(name) ?? [], root]);
  }
  return [...rootsOf].filter(([, found]) => found.length > 1)
    .map(([name, found]) => `${name} ${found.sort().join(" ")}`).sort();
}

/** What the user has of storage elsewhere, and a build of this run can reach. */
async function remoteOf(host: Host): Promise<RemoteStorage> {
  const value = host.env("CCACHE_REMOTE_STORAGE") || host.env("CCACHE_SECONDARY_STORAGE") || "";
  const confined = (await host.sandbox()).kind !== "none";
  const remote = remoteStorage(value, confined);
  // Confined, only what is there can be made visible.
  for (const folder of remote.writable) await host.fs.makeDir(folder);
  return remote;
}

/** What a command may touch that compiles through ccache, and its environment. */
export function throughCache(
  confine: Confinement,
  cache: CompilerCache | null,
): Pick<Command, "confine" | "env"> {
  if (cache === null) return { confine };
  const { dir, remote, env } = cache;
  return {
    env,
    confine: {
      ...confine,
      writable: [...confine.writable, dir, ...remote.writable],
      readable: [...confine.readable, ...remote.readable],
    },
  };
}

/** In one step, for another run may be compiling with it. */
export async function writeScript(path: string, text: string, host: Host): Promise<void> {
  if (await host.fs.readTextIfAny(path) === text) return;
  const fresh = `${path}.${crypto.randomUUID()}`;
  await host.fs.writeText(fresh, text);
  await host.run({ argv: ["chmod", "755", fresh] });
  await host.fs.rename(fresh, path);
}
