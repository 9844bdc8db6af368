// SPDX-License-Identifier: MIT
/** Small trees, what `git am` makes of them, and what kmatrix does: for tests that compare the two. */
import { dirname } from "node:path/posix";
import { eventText } from "../core/report/event_text.ts";
import $ from "dax";
import { childEnvironment } from "../core/model/environment.ts";
import { gitEnvironment } from "../core/source/git.ts";
import { denoHost } from "../host/deno_host.ts";
import type { KernelSpec } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { bring, type BringRequest } from "../steps/bring.ts";
import { fetch } from "../stages/fetch.ts";
import { patch } from "../stages/patch.ts";
import { sha256 } from "../core/text/digest.ts";

/** Mode and content of each file of a tree, by path. */
export type Listing = Readonly<Record<string, string>>;

export type Files = Readonly<Record<string, string | Uint8Array>>;

const ENVIRONMENT = {
  ...childEnvironment(Deno.env.toObject(), gitEnvironment(), null),
  ...{ GIT_AUTHOR_NAME: "A", GIT_AUTHOR_EMAIL: "a@example.org" },
  ...{ GIT_COMMITTER_NAME: "C", GIT_COMMITTER_EMAIL: "c@example.org" },
};

/** A git command in a folder, with no settings but the tool's own; code, output, errors. */
export async function gitIn(dir: string, args: readonly string[], stdin?: Uint8Array) {
  const builder = $`git ${args}`.cwd(dir).clearEnv().env(ENVIRONMENT).noThrow()
    .stdout("piped").stderr("piped");
  return await (stdin === undefined ? builder.stdin("null") : builder.stdin(stdin));
}

/** The same for one that must do. */
export async function mustGitIn(dir: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await gitIn(dir, args);
  if (code !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout;
}

export async function writeFiles(dir: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = `${dir}/${name}`;
    await Deno.mkdir(dirname(path), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
  }
}

/** What kbuild's version is read from: enough for a tree to be taken for a kernel's. */
export const MAKEFILE = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\n";

/** A repository with one commit of all that is in its folder. */
export async function commitAll(dir: string, message = "base"): Promise<string> {
  await mustGitIn(dir, "init", "--quiet", "--template=");
  await mustGitIn(dir, "add", "--force", "--all", ".");
  await mustGitIn(dir, "commit", "--quiet", "--allow-empty", "-m", message);
  return (await mustGitIn(dir, "rev-parse", "HEAD")).trim();
}

/** Everything of a folder but its .git. */
export async function listingOf(dir: string, below = ""): Promise<Listing> {
  const found: Record<string, string> = {};
  for await (const entry of Deno.readDir(`${dir}/${below}`)) {
    const name = below + entry.name;
    if (name === ".git") continue;
    if (entry.isDirectory) {
      const inside = await listingOf(dir, `${name}/`);
      // git has no empty folders.
      if (Object.keys(inside).length === 0) found[`${name}/`] = "empty folder";
      Object.assign(found, inside);
    } else if (entry.isSymlink) found[name] = `120000 ${await Deno.readLink(`${dir}/${name}`)}`;
    else {
      const { mode } = await Deno.lstat(`${dir}/${name}`);
      const bytes = await Deno.readFile(`${dir}/${name}`);
      const digest = await sha256(bytes);
      found[name] = `${mode! & 0o100 ? "100755" : "100644"} ${bytes.length} ${digest}`;
    }
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => a < b ? -1 : 1));
}

/** What git's own checkout of a commit holds. */
export async function checkoutOf(repository: string, commit: string, to: string): Promise<Listing> {
  await mustGitIn(repository, "worktree", "add", "--quiet", "--detach", to, commit);
  const listing = await listingOf(to);
  await mustGitIn(repository, "worktree", "remove", "--force", to);
  return listing;
}

/** What `git am` makes of a repository's HEAD; null where it stops. The repository stays as it was. */
export async function gitAm(
  repository: string,
  patches: readonly string[],
  to: string,
  ...options: readonly string[]
): Promise<Listing | null> {
  await mustGitIn(repository, "worktree", "add", "--quiet", "--detach", to, "HEAD");
  try {
    const { code } = await gitIn(to, ["am", "--quiet", ...options, "--", ...patches]);
    return code === 0 ? await listingOf(to) : null;
  } finally {
    await mustGitIn(repository, "worktree", "remove", "--force", to);
  }
}

/** kmatrix over a folder of its own. */
export class Intake {
  readonly messages: string[] = [];
  readonly cache: string;
  readonly #host = denoHost({
    emit: (event) => {
      const line = eventText(event);
      if (line && line.level !== "debug") this.messages.push(`${line.level}: ${line.text}`);
    },
    signal: new AbortController().signal,
  });
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.cache = `${dir}/cache`;
  }

  /** The tree that a request names, as far as the patch stage. @throws KmatrixError */
  async treeOf(request: BringRequest): Promise<string> {
    const paths = pathsFor(this.#dir, this.cache, null);
    const source = { kind: "tree", path: `${this.#dir}/none` } as const;
    const known: KernelSpec = {
      ...{ id: "linux-6.12", dir: this.#dir, source, series: [], uninstrumented: null },
    };
    const matrix = { kernels: [known], template: null };
    const kernel = await bring(request, matrix, paths, this.#host);
    const archive = await fetch(kernel, paths, this.#host);
    return (await patch(archive, kernel, paths, this.#host)).path;
  }

  async listing(request: BringRequest): Promise<Listing> {
    return await listingOf(await this.treeOf(request));
  }
}
