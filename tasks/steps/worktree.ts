// SPDX-License-Identifier: MIT
/**
 * A checkout of ours in the cache for each git repository of a user, with the user's objects behind
 * it. Of the repository nothing is written: no worktree entry, no ref, no index, no bisect state.
 */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { SourceTree } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { git, mustGit } from "./git.ts";
import {
  findCommit,
  isAncestor,
  openRepository,
  prepareGitDir,
  type Repository,
} from "./git_dir.ts";
import { sha256 } from "../core/text/digest.ts";
import { type GitAnswer, readGitAnswer } from "../core/bisect/bisect.ts";

export interface CommitFacts {
  readonly commit: string;
  readonly subject: string;
  readonly author: string;
  /** YYYY-MM-DD */
  readonly date: string;
}

export class Worktree {
  readonly path: string;
  readonly #tree: string;
  readonly #host: Host;
  #repository: Repository | null = null;

  constructor(path: string, tree: string, host: Host) {
    this.path = path;
    this.#tree = tree;
    this.#host = host;
  }

  async #git(argv: readonly string[]) {
    return await git(["-C", this.path, ...argv], this.#host);
  }

  async #must(argv: readonly string[]): Promise<string> {
    const what = `git ${argv[0]} in ${this.path}`;
    return (await mustGit(["-C", this.path, ...argv], what, this.#host)).trim();
  }

  /** @throws KmatrixError "usage" where the folder is not the top of a git checkout of one's own. */
  async open(): Promise<void> {
    const { fs } = this.#host;
    const gitDir = `${this.path}/.git`;
    const repository = await openRepository(this.#tree, "--tree", this.#host);
    this.#repository = repository;
    if (await fs.exists(gitDir)) {
      await prepareGitDir(gitDir, repository, this.#host);
      // The repository may have been made anew since, and what is checked out here be unknown to it.
      const known = await this.#git(["cat-file", "-e", "HEAD^{tree}"]);
      if (known.code !== 0) await fs.remove(this.path);
    }
    await fs.makeDir(this.path);
    await prepareGitDir(gitDir, repository, this.#host);
    await this.#git(["bisect", "reset"]);
  }

  /** The commit that the user's repository calls so. @throws KmatrixError "usage" */
  async commit(ref: string, option: string): Promise<string> {
    const commit = await findCommit(ref, this.#opened, this.#host);
    if (commit !== null) return commit;
    const text = `${option} ${ref}: no commit of ${this.#tree}`;
    throw new KmatrixError("usage", "no-such-commit", text);
  }

  async isAncestor(older: string, newer: string): Promise<boolean> {
    return await isAncestor(older, newer, this.#opened, this.#host);
  }

  get #opened(): Repository {
    if (this.#repository !== null) return this.#repository;
    throw new Error("open() comes first");
  }

  async facts(commit: string): Promise<CommitFacts> {
    const text = await this.#must(["show", "-s", "--format=%s%n%an%n%as", commit]);
    const [subject = "", author = "", date = ""] = text.split("\n");
    return { commit, subject, author, date };
  }

  parent(commit: string): Promise<string> {
    return this.#must(["rev-parse", `${commit}^`]);
  }

  async checkout(commit: string): Promise<void> {
    await this.#must(["checkout", "--quiet", "--force", "--detach", commit]);
  }

  /** What is checked out, as a tree to build from. */
  async source(kernelId: string): Promise<SourceTree> {
    const [commit, tree] = (await this.#must(["rev-parse", "HEAD", "HEAD^{tree}"]))
      .split("\n");
    return {
      kernelId,
      version: commit!.slice(0, 12),
      digest: tree!,
      path: this.path,
      stamp: null,
      patches: [],
      brought: true,
    };
  }

  async head(): Promise<string> {
    return await this.#must(["rev-parse", "HEAD"]);
  }

  /** One step of git bisect, e.g. ["start", bad, good] or ["skip"]; checks the next commit out. */
  async bisect(...argv: readonly string[]): Promise<GitAnswer> {
    const { code, stdout, stderr } = await this.#git(["bisect", ...argv]);
    return readGitAnswer(code, `${stdout}\n${stderr}`);
  }

  /** What `git bisect replay` takes. */
  async log(): Promise<string> {
    const { code, stdout } = await this.#git(["bisect", "log"]);
    return code === 0 ? stdout : "";
  }
}

/** A name for the repository's checkout that no other one has. */
export async function worktreeName(tree: string): Promise<string> {
  return `bisect-${(await sha256(tree)).slice(0, 12)}`;
}

/**
 * The checkout for a repository, made where there is none yet; nothing is checked out by this.
 * @param tree Top of the user's checkout, absolute.
 * @throws KmatrixError "usage" where that is no git checkout, "infra" where git is missing or fails.
 */
export async function worktree(tree: string, paths: Paths, host: Host): Promise<Worktree> {
  const made = new Worktree(`${paths.sources}/${await worktreeName(tree)}`, tree, host);
  await made.open();
  return made;
}
