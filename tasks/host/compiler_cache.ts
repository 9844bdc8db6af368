// SPDX-License-Identifier: MIT
/**
 * ccache in front of clang, where it is installed: as a link of the compiler's name that comes first
 * on the PATH of make, so that no command line of the build changes with it, and a build folder can
 * be gone on with when ccache has come or gone.
 */
import type { Host } from "./host.ts";
import type { Paths } from "../paths.ts";
import type { KernelConfig } from "../model.ts";
import { sha256 } from "../formats/digest.ts";
import { clangOf, llvmTool } from "../formats/make.ts";
import { probeProgram } from "./probe_cache.ts";

export interface CompilerCache {
  /** For the environment of make. */
  readonly env: Readonly<Record<string, string>>;
  /** Where ccache appends what each of its calls came to (CCACHE_STATSLOG). */
  readonly log: string;
  /** Where it keeps objects: a confined compiler writes there too. */
  readonly dir: string;
}

/** null where there is no ccache, CCACHE_DISABLE is set, or the compiler is named by a path. */
export async function compilerCache(
  config: Pick<KernelConfig, "toolchain" | "buildDir" | "source">,
  paths: Paths,
  host: Host,
): Promise<CompilerCache | null> {
  const ccache = await host.fs.which("ccache");
  // With LLVM= kbuild compiles its host tools with LLVM's clang, whatever CC= says.
  const names = [clangOf(config.toolchain), llvmTool(config.toolchain.llvm, "clang")];
  const bare = names.every((name) => /^[\w.+-]+$/.test(name));
  if (ccache === null || host.env("CCACHE_DISABLE") || !bare) return null;
  const links = `${paths.cache}/toolchain/ccache`;
  await host.fs.makeDir(links);
  for (const name of new Set(names)) {
    if (!await host.fs.exists(`${links}/${name}`)) await host.fs.link(ccache, `${links}/${name}`);
  }
  const versions = await Promise.all(
    names.map(async (name) => (await probeProgram([name, "--version"], paths.cache, host)).stdout),
  );
  const log = `${config.buildDir}/kmatrix-ccache.log`;
  // What a stranger's Makefile puts there must not become a part of any other kernel. It costs no
  // hits: the path of the source, which is a kernel's own, is in each of their keys.
  const { brought = false, kernelId } = config.source;
  const dir = brought
    ? `${paths.cache}/ccache-brought/${kernelId}`
    : host.env("CCACHE_DIR") || `${paths.cache}/ccache`;
  await host.fs.makeDir(dir);
  return {
    log,
    dir,
    env: {
      PATH: `${links}:${host.env("PATH") ?? ""}`,
      CCACHE_DIR: dir,
      ...(brought ? { CCACHE_MAXSIZE: "1G", CCACHE_REMOTE_STORAGE: "" } : {}),
      // Its default is below /run, which a confined compiler does not see.
      CCACHE_TEMPDIR: `${dir}/tmp`,
      // Paths below the cache become relative to the build folder, and are the same in each clone.
      CCACHE_BASEDIR: paths.cache,
      CCACHE_NOHASHDIR: "1",
      // Takes the headers from clang's own dependency file, which kbuild asks for anyway, instead
      // of running the preprocessor once more for each miss.
      CCACHE_DEPEND: "1",
      // clang itself is a small program over a shared library: its version says more than its file.
      CCACHE_COMPILERCHECK: `string:${await sha256(versions.join("\n"))}`,
      CCACHE_STATSLOG: log,
    },
  };
}
