// SPDX-License-Identifier: MIT
/**
 * ccache in front of clang, where it is installed: as a script of the compiler's name that comes
 * first on the PATH of make, so that no command line of the build changes with it, and a build
 * folder can be gone on with when ccache has come or gone.
 */
import { relative } from "node:path/posix";
import type { Host } from "./host.ts";
import type { Paths } from "../paths.ts";
import type { KernelConfig, SourceTree } from "../model.ts";
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

/**
 * Gives ccache the same words for the same compilation in every tree, build folder and clone:
 * kbuild leaves a link named `source` in its build folder, and that is what the source is called
 * here instead of by its path. Dependencies are then listed through the link, which make follows;
 * prefix maps are renamed along, so debug information and __FILE__ come out as without ccache.
 * Where make runs elsewhere (objtool, in the source), the words stay.
 */
const SCRIPT = `#!/bin/sh
if [ . -ef "$KMATRIX_BUILD" ] && [ source -ef "$KMATRIX_SOURCE" ]; then
  for word; do
    shift
    case $word in
      "-ffile-prefix-map=$KMATRIX_BUILD=.") word=-ffile-compilation-dir=. ;;
      "-ffile-prefix-map=$KMATRIX_RELATIVE/=") continue ;;
      *"$KMATRIX_SOURCE"*)
        rest=$word/
        word=
        while :; do
          case $rest in
            *"$KMATRIX_SOURCE/"*)
              word=$word\${rest%%"$KMATRIX_SOURCE/"*}source/
              rest=\${rest#*"$KMATRIX_SOURCE/"} ;;
            *) break ;;
          esac
        done
        word=$word$rest
        word=\${word%/} ;;
    esac
    set -- "$@" "$word"
  done
fi
PATH=$KMATRIX_PATH exec "\${0%/*}/links/\${0##*/}" "$@"
`;

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
    await writeScript(`${scripts}/${name}`, host);
  }
  const versions = await Promise.all(
    names.map(async (name) => (await probeProgram([name, "--version"], paths.cache, host)).stdout),
  );
  const log = `${buildDir}/kmatrix-ccache.log`;
  // What a stranger's Makefile puts there must not become a part of any other kernel.
  const { brought = false, kernelId } = source;
  const dir = brought
    ? `${paths.cache}/ccache-brought/${kernelId}`
    : host.env("CCACHE_DIR") || `${paths.cache}/ccache`;
  await host.fs.makeDir(dir);
  const path = host.env("PATH") ?? "";
  return {
    log,
    dir,
    env: {
      PATH: `${scripts}:${path}`,
      // What the script goes by; kbuild resolves links in the path of the source.
      KMATRIX_PATH: path,
      KMATRIX_SOURCE: await host.fs.realPath(source.path) ?? source.path,
      KMATRIX_RELATIVE: relative(buildDir, source.path),
      KMATRIX_BUILD: buildDir,
      CCACHE_DIR: dir,
      ...(brought ? { CCACHE_MAXSIZE: "1G", CCACHE_REMOTE_STORAGE: "" } : {}),
      // Its default is below /run, which a confined compiler does not see.
      CCACHE_TEMPDIR: `${dir}/tmp`,
      // Paths below the cache become relative to where the compiler runs, for what the script leaves.
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

/** In one step, for another run may be compiling with it. */
async function writeScript(path: string, host: Host): Promise<void> {
  if (await host.fs.readTextIfAny(path) === SCRIPT) return;
  const fresh = `${path}.${crypto.randomUUID()}`;
  await host.fs.writeText(fresh, SCRIPT);
  await host.run({ argv: ["chmod", "755", fresh] });
  await host.fs.rename(fresh, path);
}
