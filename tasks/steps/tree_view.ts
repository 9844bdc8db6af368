// SPDX-License-Identifier: MIT
/**
 * A user's tree without what a build in it has left: as a copy in the cache, which follows the tree
 * file by file, so that make compiles what was edited. kbuild refuses to build out of a tree that it
 * has built in, and paths with blanks or quotes.
 */
import { basename, dirname, resolve } from "node:path/posix";
import type { Held, Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { SourceArchive } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { sourceLines } from "../core/source/build_products.ts";
import { nameInList, namesGone, treeChanges } from "../core/source/tree_list.ts";
import { sha256 } from "../core/text/digest.ts";
import { outsideLinks, writeTreeList } from "./kernel_tree.ts";
import { hold, kernelLock, makeAlone } from "./locks.ts";

/**
 * Copies the files of $0 that $2 names to $1. tar ends with 1 where a file changes meanwhile, which the
 * next look at the tree sees.
 */
const COPY = `{
  tar --create -C "$0" --null --no-recursion --verbatim-files-from -T "$2"
  echo $? > "$2.code"
} | tar --extract --no-same-owner -C "$1" && [ "$(cat "$2.code")" -le 1 ]`;

/** Gives copied files the time of now, for make goes by times. */
const TOUCH = `cd "$0" && xargs -0 -r touch -c -h -- < "$1"`;

/** Removes the files of $0 that $1 names, and folders that are empty then. */
const REMOVE = `cd "$0" && xargs -0 -r rm -f -- < "$1" || exit
xargs -0 -r dirname -z -- < "$1" | sort -zu |
  xargs -0 -r rmdir -p --ignore-fail-on-non-empty -- 2>/dev/null
:`;

const PRINT_LINKS = `find "$0" -name .git -prune -o -type l -printf '%P\\0%l\\0'`;

/** Where the view of a tree lies. @param tree The tree's real path. */
export async function viewPath(tree: string, { sources }: Paths): Promise<string> {
  return `${sources}/view-${(await sha256(tree)).slice(0, 12)}`;
}

/**
 * Makes the view, or brings it up to date; nothing of the tree is written.
 * @param tree Its real path.
 * @returns The view's path, links resolved, as make prints it.
 * @throws KmatrixError "infra" where the tree cannot be read whole, or the disk is full.
 */
export async function treeView(tree: string, paths: Paths, host: Host): Promise<string> {
  const view = await viewPath(tree, paths);
  const list = `${view}.list`;
  await host.fs.makeDir(paths.sources);
  const lock = viewLock(view, paths);
  const listed = async () => await host.fs.exists(view) ? await host.fs.readTextIfAny(list) : null;
  const isSame = async () => await listed() === await sourceListOf(tree, paths, host);
  const make = async () => {
    const before = await listed();
    // Before anything is copied: what changes meanwhile is different the next time.
    const after = await sourceListOf(tree, paths, host);
    // Broken off from here on, it is copied anew.
    await host.fs.remove(list);
    if (before === null) await copyAll(tree, view, after, host);
    else await follow(tree, view, before, after, host);
    await host.fs.writeText(list, after);
  };
  await makeAlone(lock, isSame, make, host);
  return await host.fs.realPath(view) ?? view;
}

async function sourceListOf(tree: string, { cache }: Paths, host: Host): Promise<string> {
  const file = `${cache}/trees/${crypto.randomUUID()}`;
  await host.fs.makeDir(dirname(file));
  try {
    await writeTreeList({ path: tree }, file, host);
    return sourceLines(await host.fs.readText(file));
  } finally {
    await host.fs.remove(file);
  }
}

const viewLock = (view: string, paths: Paths) => kernelLock(basename(view), paths);

/** A view stays as it is while it is held; null for a source that is none. */
export async function holdView(
  { viewOf, tree }: Pick<SourceArchive, "viewOf" | "tree">,
  paths: Paths,
  host: Host,
): Promise<Held | null> {
  if (!viewOf || tree === null) return null;
  return await hold({ ...viewLock(tree, paths), shared: true }, host);
}

async function copyAll(tree: string, view: string, list: string, host: Host): Promise<void> {
  const partial = `${view}.partial`;
  await host.fs.remove(partial);
  await host.fs.makeDir(partial);
  try {
    host.log("info", `copying the source of ${tree} into the cache`);
    const names = list.split("\n").map(nameInList).filter((one) => one !== null);
    await copyFiles(tree, partial, names, host);
    await host.fs.remove(view);
    await host.fs.rename(partial, view);
  } finally {
    await host.fs.remove(partial);
  }
}

async function follow(
  tree: string,
  view: string,
  before: string,
  after: string,
  host: Host,
): Promise<void> {
  const gone = namesGone(before, after);
  await withNames(gone, view, (file) => mustRun([REMOVE, view, file], tree, host), host);
  const changed = treeChanges(before, after).map(({ name }) => name);
  await copyFiles(tree, view, changed, host);
  await withNames(changed, view, (file) => mustRun([TOUCH, view, file], tree, host), host);
}

/** With links out of the tree, which lead to where they led. */
async function copyFiles(
  tree: string,
  to: string,
  names: readonly string[],
  host: Host,
): Promise<void> {
  if (names.length === 0) return;
  await withNames(names, to, (file) => mustRun([COPY, tree, to, file], tree, host), host);
  const { stdout } = await host.run({ argv: ["sh", "-c", PRINT_LINKS, to] });
  const targets = new Map<string, string>();
  const words = stdout.split("\0");
  for (let at = 0; at + 1 < words.length; at += 2) targets.set(words[at]!, words[at + 1]!);
  for (const name of outsideLinks(to, stdout)) {
    const target = targets.get(name)!;
    if (target.startsWith("/")) continue;
    await host.fs.link(resolve(tree, dirname(name), target), `${to}/${name}`);
  }
}

async function withNames(
  names: readonly string[],
  beside: string,
  body: (file: string) => Promise<void>,
  host: Host,
): Promise<void> {
  if (names.length === 0) return;
  const file = `${beside}.names`;
  try {
    await host.fs.writeText(file, names.map((name) => `${name}\0`).join(""));
    await body(file);
  } finally {
    await host.fs.remove(file);
    await host.fs.remove(`${file}.code`);
  }
}

async function mustRun(words: readonly string[], tree: string, host: Host): Promise<void> {
  const { code, stderr } = await host.run({ argv: ["sh", "-c", ...words] });
  if (code === 0) return;
  const id = /No space left on device/.test(stderr) ? "disk-full" : "source-missing";
  const text = `${tree} cannot be copied into the cache`;
  throw new KmatrixError("infra", id, text, stderr.split("\n").slice(-10).join("\n"));
}
