// SPDX-License-Identifier: MIT
/**
 * A checkout of ours in the cache for each git repository of a user, with the user's objects behind
 * it. Of the repository nothing is written: no worktree entry, no ref, no index, no bisect state.
 */
import type { Host } from "../host/host.ts";
import type { Paths } from "../paths.ts";
import type { SourceTree } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { sha256 } from "../formats/digest.ts";
import { type GitAnswer, readGitAnswer } from "../formats/bisect.ts";

export interface CommitFacts {
  readonly commit: string;
  readonly subject: string;
  readonly author: string;
  /** YYYY-MM-DD */
  readonly date: string;
}

/** What git must not take from the environment or from the user's settings. */
const ENVIRONMENT = {
  ...{ GIT_DIR: "", GIT_WORK_TREE: "", GIT_INDEX_FILE: "", GIT_OBJECT_DIRECTORY: "" },
  // Not even the index of somebody else's checkout is refreshed.
  ...{ GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C" },
};
const SETTINGS = ["core.hooksPath=/dev/null", "core.fsmonitor=false", "advice.detachedHead=false"]
  .concat("gc.auto=0", "core.autocrlf=false").flatMap((setting) => ["-c", setting]);

export class Worktree {
  readonly path: string;
  readonly #tree: string;
  readonly #host: Host;

  constructor(path: string, tree: string, host: Host) {
    this.path = path;
    this.#tree = tree;
    this.#host = host;
  }

  async #git(at: string, argv: readonly string[]) {
    const command = ["git", ...SETTINGS, "-C", at, ...argv];
    return await this.#host.run({ argv: command, env: ENVIRONMENT });
  }

  async #must(at: string, argv: readonly string[], id = "git-failed"): Promise<string> {
    const { code, stdout, stderr } = await this.#git(at, argv);
    if (code === 0) return stdout.trim();
    if (code === 127) throw new KmatrixError("infra", "missing-tool", "git is missing");
    throw new KmatrixError("infra", id, `git ${argv[0]} failed in ${at}`, stderr.trim());
  }

  /** @throws KmatrixError "usage" where the folder is not the top of a git checkout. */
  async open(): Promise<void> {
    const tree = this.#tree;
    const asked = await this.#git(tree, [
      ...["rev-parse", "--path-format=absolute", "--show-toplevel"],
      ...["--git-path", "objects", "--git-path", "shallow"],
    ]);
    if (asked.code === 127) throw new KmatrixError("infra", "missing-tool", "git is missing");
    const [top, objects, shallow] = asked.stdout.trim().split("\n");
    if (asked.code !== 0 || top !== tree) {
      const text = `--tree ${tree}: ` +
        (asked.code === 0 ? `the git checkout is ${top}` : "no git checkout is there");
      throw new KmatrixError("usage", "no-git-tree", text, asked.stderr.trim());
    }
    const { fs } = this.#host;
    const alternates = `${this.path}/.git/objects/info/alternates`;
    if (await fs.exists(`${this.path}/.git`)) {
      await fs.writeText(alternates, `${objects}\n`);
      // The repository may have been made anew since, and what is checked out here be unknown to it.
      const known = await this.#git(this.path, ["cat-file", "-e", "HEAD^{tree}"]);
      if (known.code !== 0) await fs.remove(this.path);
    }
    await fs.makeDir(this.path);
    if (!(await fs.exists(`${this.path}/.git`))) await this.#must(this.path, ["init", "--quiet"]);
    await fs.writeText(alternates, `${objects}\n`);
    const grafts = await fs.readTextIfAny(shallow!);
    if (grafts !== null) await fs.writeText(`${this.path}/.git/shallow`, grafts);
    await this.#git(this.path, ["bisect", "reset"]);
    // A lock that an interrupted run has left.
    await fs.remove(`${this.path}/.git/index.lock`);
  }

  /** The commit that the user's repository calls so. @throws KmatrixError "usage" */
  async commit(ref: string, option: string): Promise<string> {
    const argv = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`];
    const { code, stdout } = await this.#git(this.#tree, argv);
    if (code === 0) return stdout.trim();
    throw new KmatrixError(
      "usage",
      "no-such-commit",
      `${option} ${ref}: no commit of ${this.#tree}`,
    );
  }

  async isAncestor(older: string, newer: string): Promise<boolean> {
    return (await this.#git(this.#tree, ["merge-base", "--is-ancestor", older, newer])).code === 0;
  }

  async facts(commit: string): Promise<CommitFacts> {
    const text = await this.#must(this.path, ["show", "-s", "--format=%s%n%an%n%as", commit]);
    const [subject = "", author = "", date = ""] = text.split("\n");
    return { commit, subject, author, date };
  }

  parent(commit: string): Promise<string> {
    return this.#must(this.path, ["rev-parse", `${commit}^`]);
  }

  async checkout(commit: string): Promise<void> {
    await this.#must(this.path, ["checkout", "--quiet", "--force", "--detach", commit]);
  }

  /** What is checked out, as a tree to build from. */
  async source(kernelId: string): Promise<SourceTree> {
    const [commit, tree] = (await this.#must(this.path, ["rev-parse", "HEAD", "HEAD^{tree}"]))
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
    return await this.#must(this.path, ["rev-parse", "HEAD"]);
  }

  /** One step of git bisect, e.g. ["start", bad, good] or ["skip"]; checks the next commit out. */
  async bisect(...argv: readonly string[]): Promise<GitAnswer> {
    const { code, stdout, stderr } = await this.#git(this.path, ["bisect", ...argv]);
    return readGitAnswer(code, `${stdout}\n${stderr}`);
  }

  /** What `git bisect replay` takes. */
  async log(): Promise<string> {
    const { code, stdout } = await this.#git(this.path, ["bisect", "log"]);
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
