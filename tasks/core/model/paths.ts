// SPDX-License-Identifier: MIT
/** Where the project, the cache and a run's results lie. */
import { basename } from "node:path/posix";

export interface Paths {
  /** The project itself. */
  readonly root: string;
  /**
   * Folders that may have a matrix's `configs/`, `kernels/` and `selftests/`: that of the matrix file,
   * where it is another one, then the project itself.
   */
  readonly layers: readonly string[];
  /** Our own modules: a folder each, with a Kbuild file for one module of the folder's name. */
  readonly testModules: string;
  /** The same for kernels that are made to be crashed, and for no other. */
  readonly crashModules: string;
  /** Sources, builds, toolchain pieces; safe to delete. */
  readonly cache: string;
  readonly sources: string;
  readonly builds: string;
  readonly guests: string;
  readonly quickjs: string;
  /** Compiler plugins, a folder each. */
  readonly plugins: string;
  /** What ccache has of the project's own kernels, for brought ones to read. */
  readonly ccacheShared: string;
  /** Folder of all runs, one below it for each. */
  readonly out: string;
}

/** A folder, and the variable that names it. */
export interface NamedFolder {
  readonly variable: string;
  /** Absolute. */
  readonly path: string;
  /** Below it, all missing folders may be made. */
  readonly parent: string;
}

/** Where a caller outside of the project has cache and runs. */
export interface CallerPaths {
  readonly cache: NamedFolder;
  readonly out: NamedFolder;
}

/**
 * A folder of the user (XDG Base Directory Specification 0.8, by which a value that is no absolute path
 * does not count); null without HOME.
 */
export function userFolder(
  kind: "cache" | "state",
  lookUp: (name: string) => string | undefined,
): NamedFolder | null {
  const [variable, usual] = kind === "cache"
    ? ["XDG_CACHE_HOME", ".cache"]
    : ["XDG_STATE_HOME", ".local/state"];
  const told = lookUp(variable)?.replace(/(?<=.)\/+$/, "");
  if (told?.startsWith("/")) return { variable, path: told, parent: told };
  const home = lookUp("HOME")?.replace(/(?<=.)\/+$/, "");
  if (!home?.startsWith("/")) return null;
  return { variable, path: `${home}/${usual}`, parent: home };
}

/**
 * @param cache O= or KMATRIX_CACHE, absolute; null for .cache/ in the project.
 * @param out --output-dir, absolute; null for out/ in the project.
 * @param own Folder of the matrix file, absolute; null for the project's own.
 */
export function pathsFor(
  root: string,
  cache: string | null,
  out: string | null,
  own: string | null = null,
): Paths {
  const base = cache ?? `${root}/.cache`;
  return {
    root,
    layers: own === null || own === root ? [root] : [own, root],
    testModules: `${root}/selftests/modules`,
    crashModules: `${root}/selftests/crash/modules`,
    cache: base,
    sources: `${base}/sources`,
    builds: `${base}/builds`,
    guests: `${base}/guests`,
    quickjs: `${base}/toolchain/quickjs`,
    plugins: `${base}/plugins`,
    ccacheShared: `${base}/ccache-shared`,
    out: out ?? `${root}/out`,
  };
}

/** Where a tarball of another machine is kept. */
export function downloadedTarball(
  { location, sha256 }: { readonly location: string; readonly sha256: string },
  { sources }: Pick<Paths, "sources">,
): string {
  return `${sources}/downloads/${sha256}-${basename(location)}`;
}

/** A fragment, relative to the folder of the matrix or of the project. */
export function fragmentFile(name: string): string {
  return `configs/${name}.config`;
}

/** Where a module of ours is built, below the build folder of its kernel. */
export function moduleFolder(name: string): string {
  return `kmatrix-modules/${name}`;
}

/** Return addresses of the calls in a kernel's image, by callback; written by the inspect stage. */
export function callTables(buildDir: string): { readonly pc: string; readonly cmp: string } {
  return { pc: `${buildDir}/kmatrix-calls/pc`, cmp: `${buildDir}/kmatrix-calls/cmp` };
}

/** A cell id as a folder below the run: its slashes make folders too. */
export function cellFolder(cell: string): string {
  return cell;
}

/** Names of the recordings; `parse` needs nothing but the first two. */
export const RECORDINGS = {
  console: "console.log",
  results: "results.log",
  record: "boot.json",
  splats: "splats.json",
  stacks: "stacks.json",
} as const;
