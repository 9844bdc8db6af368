// SPDX-License-Identifier: MIT
/**
 * A user's own kernel tree: what makes a folder one, and every file that a build of it may read.
 * Nothing in it is written.
 */
import { dirname, resolve } from "node:path/posix";
import { ARCHITECTURES } from "../core/arch/table.ts";
import type { Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { sha256 } from "../core/text/digest.ts";
import { unbuildable } from "../core/build/make.ts";
import { kernelVersion } from "../core/source/kernel_makefile.ts";

export interface KernelTree {
  /** With all links resolved, as kbuild resolves them. */
  readonly path: string;
  /** "6.12.40", of the top Makefile. */
  readonly version: string;
  /**
   * Why kbuild does not build out of it as it is: what an in-tree build has left, or a character of its
   * path; null where it does. Then a view of it is built (steps/tree_view.ts).
   */
  readonly obstacle: string | null;
}

/** Of the architectures that are built for. */
const FOLDERS = Object.values(ARCHITECTURES).map(({ folder }) => folder);

/** What kbuild's own check calls an unclean tree (the outputmakefile rule of the top Makefile). */
const IN_TREE_LEFTOVERS = [
  ".config",
  "include/config",
  ...FOLDERS.map((folder) => `${folder}/include/generated`),
];

/** Files whose line ends tell those of the checkout: each is read by make or Kconfig as it is. */
const TEXTS = ["Makefile", "Kconfig", "scripts/Kbuild.include", "init/Makefile"];

function wrong(id: string, message: string, advice: string): KmatrixError {
  return new KmatrixError("usage", id, message, advice);
}

/**
 * @param name The tree as the user calls it, absolute.
 * @throws KmatrixError "usage": no-kernel-tree, tree-not-whole or tree-has-crlf, each with what to do.
 */
export async function kernelTree(name: string, host: Host): Promise<KernelTree> {
  const path = await host.fs.realPath(name);
  const stat = path === null ? null : await host.fs.stat(path);
  if (path === null || stat === null) {
    throw wrong("no-kernel-tree", `${name} is no kernel source tree: there is no such folder`, "");
  }
  if (!stat.isDirectory) {
    const advice = "Unpack it and give the folder, or name the tarball in a kernel.yaml.";
    throw wrong("no-kernel-tree", `${name} is a file, not a kernel source tree`, advice);
  }
  const texts = await Promise.all(TEXTS.map((file) => host.fs.readTextIfAny(`${path}/${file}`)));
  const odd = TEXTS.find((_, index) => texts[index]?.includes("\r\n"));
  if (odd !== undefined) {
    throw wrong(
      "tree-has-crlf",
      `${path} was checked out with CRLF line ends (${odd} has them), with which no kernel builds`,
      "In a clone: `git config core.autocrlf false`, then `git rm --cached -qr . && git reset --hard` " +
        "(this drops what is not committed).",
    );
  }
  const makefile = texts[0];
  const version = kernelVersion(makefile ?? "");
  if (version === null) throw await noTree(path, makefile ?? null, host);
  const arches = await host.fs.exists(`${path}/arch`) ? [FOLDERS] : [];
  for (const either of [["kernel"], ...arches]) {
    const there = await Promise.all(either.map((folder) => host.fs.exists(`${path}/${folder}`)));
    if (there.includes(true)) continue;
    throw wrong(
      "no-kernel-tree",
      `${path} has the Makefile of a kernel but no ${
        either.join("/ or ")
      }/: it is another project, or a part of a tree`,
      "A sparse checkout is made whole by `git sparse-checkout disable`.",
    );
  }
  await checkWhole(path, texts[1] ?? "", host);
  return { path, version, obstacle: await obstacleOf(path, host) };
}

async function obstacleOf(path: string, host: Host): Promise<string | null> {
  const character = unbuildable(path);
  if (character !== undefined) return `its path holds ${JSON.stringify(character)}`;
  const there = await Promise.all(
    IN_TREE_LEFTOVERS.map((name) => host.fs.exists(`${path}/${name}`)),
  );
  const leftover = IN_TREE_LEFTOVERS.find((_, index) => there[index]);
  return leftover === undefined ? null : `a build in it has left ${leftover}`;
}

/**
 * Holds a tree against what its own top Kconfig reads, so that no list of another version is needed.
 * @throws KmatrixError "usage" (tree-not-whole)
 */
async function checkWhole(path: string, kconfig: string, host: Host): Promise<void> {
  const read = [...kconfig.matchAll(/^source "([^"$]+)"$/gm)].map((match) => match[1]!);
  // A package of headers has the Kconfig files and the Makefiles, and no code.
  const wanted = read.includes("init/Kconfig") ? [...read, "init/main.c"] : read;
  const there = await Promise.all(wanted.map((file) => host.fs.exists(`${path}/${file}`)));
  const missing = wanted.filter((_, index) => !there[index]);
  if (missing.length === 0) return;
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : "";
  throw wrong(
    "tree-not-whole",
    `${path} is a part of a kernel tree: ${missing.slice(0, 3).join(", ")}${more} missing`,
    "A sparse checkout is made whole by `git sparse-checkout disable`; a package of headers has no " +
      "code to build.",
  );
}

/** What the folder is instead, where that can be told. */
async function noTree(path: string, makefile: string | null, host: Host): Promise<KmatrixError> {
  const { fs } = host;
  if (await fs.exists(`${path}/HEAD`) && await fs.exists(`${path}/objects`)) {
    const advice =
      "Name a checkout: `git worktree add` makes one. --range takes a repository as it is.";
    return wrong("no-kernel-tree", `${path} is a bare git repository, with no files`, advice);
  }
  for (let above = dirname(path); above !== "/"; above = dirname(above)) {
    const text = await fs.readTextIfAny(`${above}/Makefile`);
    if (text === null || !/^VERSION = \d+\nPATCHLEVEL = /m.test(text)) continue;
    return wrong(
      "no-kernel-tree",
      `${path} is a folder inside of the tree ${above}`,
      `Name ${above}.`,
    );
  }
  const inner = [];
  for (const name of await fs.list(path)) {
    const text = await fs.readTextIfAny(`${path}/${name}/Makefile`).catch(() => null);
    if (text !== null && /^VERSION = \d+\nPATCHLEVEL = /m.test(text)) inner.push(`${path}/${name}`);
  }
  if (makefile === null && await fs.exists(`${path}/.git`)) {
    const advice = `\`git -C ${path} checkout\` with a branch or tag puts the files there.`;
    return wrong("no-kernel-tree", `${path} is a git checkout with no Makefile in it`, advice);
  }
  const what = makefile === null
    ? "it has no Makefile"
    : "its Makefile begins with no VERSION, PATCHLEVEL and SUBLEVEL";
  const advice = inner.length > 0 ? `Did you mean ${inner.join(" or ")}?` : "";
  return wrong("no-kernel-tree", `${path} is no kernel source tree: ${what}`, advice);
}

export interface TreeState {
  /** Changes whenever a file does that is in the tree, or that a link of the tree leads to. */
  readonly digest: string;
  /** The same for what Kconfig reads. */
  readonly kconfigTimes: string;
  /** A file with the tree's links that lead out of it, "./a/b" with a zero behind each; null for none. */
  readonly linked: string | null;
}

/** Lines of the list that are files which decide about a configuration (stages/configure.ts). */
const KCONFIG_LINES = "(^|/)Kconfig[^/ ]* [0-9]+ |^(\\./)?Makefile |^(\\./)?scripts/|" +
  `^(\\./)?(${FOLDERS.join("|")})/Makefile|/configs/`;

/**
 * Size, times and inode of a file: a second per 90,000 files, and no git. The second time is the
 * inode's, which no program can set back; a link tells where it leads.
 */
const LINE = "%s %T@ %C@ %i %l\\n";

const LIST = `list=$0 links=$1 tree=$2
find "$tree" -name .git -prune -o -type f -printf "%P $LINE" -o \\
  -type l -printf "%P $LINE" -fprintf "$links" '%P\\0%l\\0' > "$list" || exit
LC_ALL=C sort -o "$list" "$list" && sha256sum < "$list" && { grep -E "$KCONFIG" "$list" || :; } |
  sha256sum`;

/** Where links lead to folders, what is in these; a ring of links ends the way into it. */
const LIST_LINKED = `cd "$1" && xargs -0 sh -c 'find -L "$@" -name .git -prune -o \\
  -type f -printf "%p $LINE" -o -type l -printf "%p $LINE" 2>/dev/null || :' sh < "$2" > "$0" &&
LC_ALL=C sort -o "$0" "$0" && sha256sum < "$0" && { grep -E "$KCONFIG" "$0" || :; } | sha256sum`;

/** @throws KmatrixError "infra" where the tree cannot be listed. */
export async function treeState(path: string, cacheDir: string, host: Host): Promise<TreeState> {
  const name = `${cacheDir}/trees/${(await sha256(path)).slice(0, 16)}`;
  const [list, links] = [`${name}.${crypto.randomUUID()}`, `${name}.${crypto.randomUUID()}`];
  await host.fs.makeDir(`${cacheDir}/trees`);
  try {
    const own = await digests([LIST, list, links, path], path, host);
    const outside = outsideLinks(path, await host.fs.readTextIfAny(links) ?? "");
    if (outside.length === 0) {
      return { digest: await sha256(`tree ${path} ${own[0]}`), kconfigTimes: own[1], linked: null };
    }
    const linked = `${name}.linked`;
    await host.fs.writeText(linked, outside.map((one) => `./${one}\0`).join(""));
    const theirs = await digests([LIST_LINKED, list, path, linked], path, host);
    return {
      digest: await sha256(`tree ${path} ${own[0]} ${theirs[0]}`),
      kconfigTimes: await sha256(`${own[1]} ${theirs[1]}`),
      linked,
    };
  } finally {
    await host.fs.remove(list);
    await host.fs.remove(links);
  }
}

/**
 * Writes the list of a tree (core/source/tree_list.ts) to a file.
 * @throws KmatrixError "infra" where the tree cannot be listed.
 */
export async function writeTreeList(
  { path, linked }: { readonly path: string; readonly linked?: string | null },
  file: string,
  host: Host,
): Promise<void> {
  await digests([LIST, file, "/dev/null", path], path, host);
  if (!linked) return;
  const behind = `${file}.linked`;
  await digests([LIST_LINKED, behind, path, linked], path, host);
  await host.fs.append(file, await host.fs.readText(behind));
  await host.fs.remove(behind);
}

async function digests(
  words: readonly string[],
  path: string,
  host: Host,
): Promise<readonly [string, string]> {
  const { code, stdout, stderr } = await host.run({
    argv: ["sh", "-c", ...words],
    env: { KCONFIG: KCONFIG_LINES, LINE },
  });
  const [all, kconfig] = stdout.split("\n");
  if (code === 0 && all && kconfig) return [all.slice(0, 64), kconfig.slice(0, 64)];
  const id = /No space left on device/.test(stderr) ? "disk-full" : "source-missing";
  throw new KmatrixError("infra", id, `${path} cannot be listed`, stderr);
}

/** Names of links that lead out of the tree, of pairs of name and target with zeros between. */
export function outsideLinks(path: string, pairs: string): string[] {
  const words = pairs.split("\0");
  const found: string[] = [];
  for (let at = 0; at + 1 < words.length; at += 2) {
    const target = resolve(path, dirname(words[at]!), words[at + 1]!);
    if (target !== path && !target.startsWith(`${path}/`)) found.push(words[at]!);
  }
  return found;
}
