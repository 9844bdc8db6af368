// SPDX-License-Identifier: MIT
/**
 * Git folders of ours in the cache, with the objects of a user's repository behind them. Of the
 * repository nothing is written: no worktree entry, no ref, no index.
 */
import type { Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { NEUTRAL_ATTRIBUTES } from "../core/source/git.ts";
import { git, gitScript, mustGit } from "./git.ts";

/** A user's repository, and what is needed to read its objects from elsewhere. */
export interface Repository {
  /** A checkout or a bare repository, absolute. */
  readonly path: string;
  readonly objects: string;
  /** Where its history ends that was cut (shallow clones); null for a whole one. */
  readonly grafts: string | null;
  /** A partial clone: objects may be with its remote only, from which nothing is fetched. */
  readonly partial: boolean;
  readonly format: string;
  /** What the user has declared safe (safe.directory). */
  readonly safe: readonly string[];
}

/**
 * @param option Of the command line, for messages.
 * @throws KmatrixError "usage" (no-git-tree, dubious-ownership), "infra" (missing-tool)
 */
export async function openRepository(
  path: string,
  option: string,
  host: Host,
): Promise<Repository> {
  const asked = await git(["config", "--get-all", "safe.directory"], host, { remote: true });
  const safe = asked.code === 0 ? asked.stdout.trim().split("\n") : [];
  const words = ["-C", path, "rev-parse", "--path-format=absolute"];
  const questions = ["--is-bare-repository", "--show-object-format"]
    .concat("--git-path", "objects", "--git-path", "shallow");
  const found = await git([...words, ...questions], host, { safe });
  if (found.code !== 0) throw await notARepository(path, option, found.stderr, host);
  const [bare, format, objects, shallow] = found.stdout.trim().split("\n");
  if (bare === "false") {
    const top = (await git([...words, "--show-toplevel"], host, { safe })).stdout.trim();
    if (top !== (await host.fs.realPath(path))) {
      const text = `${option} ${path}: the git checkout is ${top || "elsewhere"}`;
      throw new KmatrixError("usage", "no-git-tree", text);
    }
  }
  const grafts = await host.fs.readTextIfAny(shallow!);
  const filter = ["-C", path, "config", "--get-regexp", "^remote\\..*\\.promisor$"];
  const partial = (await git(filter, host, { safe })).code === 0;
  return { path, objects: objects!, grafts, partial, format: format!, safe };
}

async function notARepository(
  path: string,
  option: string,
  stderr: string,
  host: Host,
): Promise<KmatrixError> {
  // The same question without the rule about owners: where that has an answer, it was the rule.
  const anyOwner = await git(["-C", path, "rev-parse", "--git-dir"], host, { safe: ["*"] });
  if (anyOwner.code === 0) {
    const text =
      `${option} ${path}: dubious ownership: the repository is another user's, and git ` +
      "reads it only once you have declared it safe";
    const hint = `If you trust it: git config --global --add safe.directory ${path}`;
    return new KmatrixError("usage", "dubious-ownership", text, hint);
  }
  const text = `${option} ${path}: no git checkout is there`;
  return new KmatrixError("usage", "no-git-tree", text, stderr.trim());
}

/** The commit that the repository calls so; null where there is none. */
export async function findCommit(
  ref: string,
  { path, safe }: Repository,
  host: Host,
): Promise<string | null> {
  const words = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`];
  const { code, stdout } = await git(["-C", path, ...words], host, { safe });
  return code === 0 ? stdout.trim() : null;
}

/** Whether the history of one commit holds the other. */
export async function isAncestor(
  older: string,
  newer: string,
  { path, safe }: Repository,
  host: Host,
): Promise<boolean> {
  const words = ["merge-base", "--is-ancestor", older, newer];
  return (await git(["-C", path, ...words], host, { safe })).code === 0;
}

/**
 * Makes a git folder or sets an old one right: it reads the repository's objects, and checks them
 * out as they are. A lock that an interrupted run has left is removed.
 * @throws KmatrixError "infra" (git-failed)
 */
export async function prepareGitDir(
  gitDir: string,
  repository: Pick<Repository, "objects" | "grafts" | "format"> | null,
  host: Host,
): Promise<void> {
  const { fs } = host;
  if (!(await fs.exists(`${gitDir}/HEAD`))) {
    await fs.remove(gitDir);
    const format = repository === null ? [] : [`--object-format=${repository.format}`];
    const argv = ["init", "--quiet", "--template=", ...format];
    await mustGit(argv, gitDir, host, { env: { GIT_DIR: gitDir } });
  }
  await fs.writeText(`${gitDir}/info/attributes`, NEUTRAL_ATTRIBUTES);
  await fs.remove(`${gitDir}/index.lock`);
  if (repository === null) return;
  await fs.writeText(`${gitDir}/objects/info/alternates`, `${repository.objects}\n`);
  if (repository.grafts === null) await fs.remove(`${gitDir}/shallow`);
  else await fs.writeText(`${gitDir}/shallow`, repository.grafts);
}

/** The index becomes that of the tree-ish $0, and so do the files; only those that differ are new. */
const LAY_OUT = `cd "$GIT_WORK_TREE" && git read-tree --reset -u "$0" || exit
[ -z "$1" ] || git clean -ffdxq`;

/**
 * Makes a folder hold exactly what a commit or tree does.
 * @param known Whether only what is in the folder's index is in the folder; else the rest goes.
 * @throws KmatrixError "infra" (git-failed)
 */
export async function layOut(
  treeish: string,
  folder: string,
  gitDir: string,
  known: boolean,
  host: Host,
): Promise<void> {
  await host.fs.makeDir(folder);
  const env = { GIT_DIR: gitDir, GIT_WORK_TREE: folder };
  const argv = ["sh", "-c", LAY_OUT, treeish, known ? "" : "clean"];
  const { code, stderr } = await gitScript(argv, host, { env });
  if (code === 0) return;
  const id = /No space left on device/.test(stderr) ? "disk-full" : "git-failed";
  throw new KmatrixError("infra", id, `${treeish} cannot be checked out`, stderr.trim());
}
