// SPDX-License-Identifier: MIT
/**
 * Objects whose source has changed in a way that make does not see. make asks for times alone: of a
 * file that was put in place with an old time, with its folder, or by turning a link, it knows
 * nothing, and of a header that hides another from the compiler it never heard.
 */
import { counted } from "../core/text/counted.ts";
import { basename, normalize } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { SourceTree } from "../core/model/model.ts";
import { type TreeChange, treeChanges } from "../core/source/tree_list.ts";
import { writeTreeList } from "./kernel_tree.ts";

/** The tree as the last make of a build folder found it. */
const LIST_FILE = "kmatrix-tree.list";

/** What earlier versions left instead, which tells less. */
const STARTED_FILE = "kmatrix-started";

/** Prints the records of kbuild below $0 that hold one of the words in the file $1. */
const FIND_RECORDS = `find "$0" -type f -name '.*.cmd' -exec grep -lZF -f "$1" {} +`;

/**
 * Removes what was made from files of a user's tree that are not as the last make found them, where
 * make would keep it.
 */
export async function dropOutdated(
  buildDir: string,
  source: Pick<SourceTree, "path" | "viewOf" | "stamp" | "linked">,
  host: Host,
): Promise<void> {
  // Trees of the cache only get new files.
  if (source.stamp) return;
  const [list, fresh] = [`${buildDir}/${LIST_FILE}`, `${buildDir}/${LIST_FILE}.new`];
  await writeTreeList(source, fresh, host);
  const before = await host.fs.readTextIfAny(list);
  if (before !== null) {
    const changes = treeChanges(before, await host.fs.readText(fresh));
    if (changes.length > 0) host.log("info", changesText(changes, source.viewOf ?? source.path));
    const dropped = await dropMadeFrom(changes, buildDir, source.path, host);
    if (dropped !== null) {
      const text = "has changed in a way that make does not see: making";
      host.log(
        "notice",
        `${source.viewOf ?? source.path}/${dropped.name} ${text} ${
          counted(dropped.count, "file")
        } again`,
      );
    }
  } else if (await host.fs.exists(`${buildDir}/${STARTED_FILE}`)) {
    // Without its records, kbuild makes everything again.
    await host.run({ argv: ["find", buildDir, "-type", "f", "-name", ".*.cmd", "-delete"] });
    await host.fs.remove(`${buildDir}/${STARTED_FILE}`);
  }
  // Last: whatever breaks this off, the next one looks again.
  await host.fs.rename(fresh, list);
}

const NAMES_SHOWN = 5;

/** "/src/linux: 3 files changed since the last build: a.c, b.h, c.c" */
function changesText(changes: readonly TreeChange[], tree: string): string {
  const names = changes.slice(0, NAMES_SHOWN).map(({ name }) => name);
  const more = changes.length - names.length;
  const list = `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return `${tree}: ${counted(changes.length, "file")} changed since the last build: ${list}`;
}

/**
 * Names of files that are new or not as the last make of a build folder found them; none where that is
 * not known.
 * @param scratch A file that is written and removed.
 */
export async function changedSince(
  buildDir: string,
  source: Pick<SourceTree, "path" | "linked">,
  scratch: string,
  host: Host,
): Promise<string[]> {
  const before = await host.fs.readTextIfAny(`${buildDir}/${LIST_FILE}`);
  if (before === null) return [];
  try {
    await writeTreeList(source, scratch, host);
    return treeChanges(before, await host.fs.readText(scratch)).map(({ name }) => name);
  } finally {
    await host.fs.remove(scratch);
  }
}

/** One of the changes that something was made from, and how many files that were; null for none. */
async function dropMadeFrom(
  changes: readonly TreeChange[],
  buildDir: string,
  tree: string,
  host: Host,
): Promise<{ readonly name: string; readonly count: number } | null> {
  if (changes.length === 0) return null;
  const words = `${buildDir}/${LIST_FILE}.words`;
  await host.fs.writeText(words, changes.map(({ name }) => `/${basename(name)}\n`).join(""));
  const { stdout } = await host.run({ argv: ["sh", "-c", FIND_RECORDS, buildDir, words] });
  await host.fs.remove(words);
  const cause = await causeFinder(changes, buildDir, tree, host);
  let first: TreeChange | null = null;
  let count = 0;
  for (const record of stdout.split("\0").filter(Boolean)) {
    const target = targetOf(record);
    if (target === null) continue;
    const made = await host.fs.stat(target);
    if (made === null) continue;
    const found = await cause(await host.fs.readText(record), made.mtimeMs);
    if (found === null) continue;
    await host.fs.remove(target);
    first ??= found;
    count++;
  }
  return first && { name: first.name, count };
}

/** "a/x.o" of "a/.x.o.cmd"; null where that would be no file of the same folder. */
function targetOf(record: string): string | null {
  const name = basename(record).slice(1, -".cmd".length);
  return ["", ".", ".."].includes(name) ? null : record.slice(0, -basename(record).length) + name;
}

/** What may be found by its name in place of another: nothing is included by the path of a .c file. */
const INCLUDED = /\.(h|inc|def|tbl)$/;

/**
 * Finds the change behind which a target of that time is, of the files that its record names; a name
 * leads to a file through links and "..", so files are compared by their real paths.
 */
async function causeFinder(
  changes: readonly TreeChange[],
  buildDir: string,
  tree: string,
  host: Host,
): Promise<(record: string, madeMs: number) => Promise<TreeChange | null>> {
  const byPath = new Map<string, TreeChange>();
  const links: (readonly [inside: string, change: TreeChange])[] = [];
  const newNames = new Map<string, TreeChange>();
  for (const change of changes) {
    const real = await host.fs.realPath(`${tree}/${change.name}`).catch(() => null);
    if (real !== null) {
      byPath.set(real, change);
      if (change.link) links.push([`${real}/`, change]);
    }
    if (change.added && INCLUDED.test(change.name)) newNames.set(basename(change.name), change);
  }
  const byName = Map.groupBy(changes, ({ name }) => basename(name));
  // Most records name the same headers.
  const known = new Map<string, string | null>();
  const realPath = async (word: string) => {
    const path = word.startsWith("/") ? word : `${buildDir}/${word}`;
    if (!known.has(path)) known.set(path, await host.fs.realPath(path).catch(() => null));
    return known.get(path) ?? null;
  };
  return async (record, madeMs) => {
    for (const word of new Set(record.split(/[\s'"()=:;\\]+/))) {
      if (!word.includes("/")) continue;
      const hidden = newNames.get(basename(word));
      if (hidden !== undefined) return hidden;
      const alike = byName.get(basename(word)) ?? [];
      if (links.length === 0 && alike.length === 0) continue;
      const real = await realPath(word);
      const change = real === null
        // Named from a folder that is not known here.
        ? alike.find(({ name }) => normalize(word).endsWith(`/${name}`))
        : byPath.get(real) ?? links.find(([inside]) => real.startsWith(inside))?.[1];
      // A younger one is what make goes by.
      if (change && (change.link || change.mtimeMs <= madeMs)) return change;
    }
    return null;
  };
}
