// SPDX-License-Identifier: MIT
/** Where the tool was called: the folder that relative paths start at, and what lies around it. */
import { basename, dirname } from "node:path/posix";
import type { FileSystem } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { type CallerPaths, userFolder } from "../core/model/paths.ts";
import { sha256 } from "../core/text/digest.ts";
import { beginsKernelMakefile } from "../core/source/kernel_makefile.ts";

/** The matrix of a project, in its folder. */
export const MATRIX_FILE = "matrix.yaml";

type Lookup = (name: string) => string | undefined;

/**
 * The folder of whoever typed the command. `deno task` changes to the folder of deno.json, and leaves
 * the one that it was called in as INIT_CWD; so does npm, whose value may be of another call.
 * @param root The project's folder.
 * @param cwd This process's folder.
 */
export async function callersFolder(
  root: string,
  cwd: string,
  env: Lookup,
  fs: FileSystem,
): Promise<string> {
  const told = env("INIT_CWD");
  if (!told?.startsWith("/") || cwd !== root) return cwd;
  return await fs.kind(told) === "folder" ? told : cwd;
}

/** What lies around the caller. */
export interface Caller {
  /** Absolute. */
  readonly folder: string;
  /** The kernel tree that it lies in, links resolved; null outside of one, and in the project. */
  readonly tree: string | null;
  /** A matrix file in that folder, absolute; null in the project, and where there is none. */
  readonly matrix: string | null;
  /** It lies in the project, whose `.cache/` and `out/` are used then. */
  readonly inProject: boolean;
}

/** Looks upwards from a folder; a project that lies in a kernel tree is the project. */
export async function callerAt(folder: string, root: string, fs: FileSystem): Promise<Caller> {
  const here = await fs.realPath(folder) ?? folder;
  const top = await fs.realPath(root) ?? root;
  const inProject = here === top || here.startsWith(`${top}/`);
  const own = `${folder}/${MATRIX_FILE}`;
  const matrix = !inProject && await fs.kind(own).catch(() => null) === "file" ? own : null;
  for (let at = here;; at = dirname(at)) {
    if (inProject && at === top) return { folder, tree: null, matrix, inProject };
    if (await isTree(at, fs)) return { folder, tree: at, matrix, inProject };
    if (at === dirname(at)) return { folder, tree: null, matrix, inProject };
  }
}

/** As much as is asked without a build; steps/kernel_tree.ts says what is wrong with one. */
async function isTree(dir: string, fs: FileSystem): Promise<boolean> {
  // A folder on the way up may be one that only root reads.
  const makefile = await fs.readTextIfAny(`${dir}/Makefile`).catch(() => null);
  if (makefile === null || !beginsKernelMakefile(makefile)) return false;
  return await fs.kind(`${dir}/kernel`).catch(() => null) === "folder";
}

/**
 * Cache and runs of a caller outside of the project.
 * @throws KmatrixError "usage" (no-home) where neither HOME nor the XDG variables say where.
 */
export async function pathsOfCaller({ tree }: Caller, env: Lookup): Promise<CallerPaths> {
  const [cache, state] = [userFolder("cache", env), userFolder("state", env)];
  if (cache === null || state === null) {
    const text = "HOME is not set, so there is no folder for cache and runs";
    const advice = "Set HOME, or XDG_CACHE_HOME and XDG_STATE_HOME, to absolute paths.";
    throw new KmatrixError("usage", "no-home", text, advice);
  }
  // Trees of one name are told apart.
  const name = tree === null
    ? "runs"
    : `${basename(tree) || "tree"}-${(await sha256(tree)).slice(0, 8)}`;
  return {
    cache: { ...cache, path: `${cache.path}/kmatrix` },
    out: { ...state, path: `${state.path}/kmatrix/${name}` },
  };
}
