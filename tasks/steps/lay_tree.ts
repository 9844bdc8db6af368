// SPDX-License-Identifier: MIT
/** Trees of the cache as folders: copies of a base, and single files brought over from another tree. */
import { dirname } from "node:path/posix";
import type { Entry, Host } from "../host/host.ts";
import type { SourceArchive } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { treeChanges } from "../core/source/tree_list.ts";
import { writeTreeList } from "./kernel_tree.ts";

/** Gives the files of the copy $0 that $1 names the time of now, for make goes by times. */
const TOUCH = `cd "$0" && xargs -0 -r touch -c -- < "$1"`;

/** Puts what the links of $0 lead to outside of it in the place of those links in the copy $1. */
const COPY_LINKED = `tar --create --dereference --exclude=.git -C "$0" --null -T "$2" |
  tar --extract --no-same-owner -C "$1"`;

/** A tree like the base: hard links where the base is ours, a copy of somebody else's tree. */
export async function layTree(
  archive: SourceArchive,
  base: string,
  path: string,
  host: Host,
): Promise<void> {
  const partial = `${path}.partial`;
  const list = `${path}.list.new`;
  await host.fs.remove(partial);
  try {
    if (archive.tree === null) await must(host, ["cp", "--archive", "--link", base, partial]);
    else {
      await host.fs.makeDir(partial);
      // Before it is copied: what changes meanwhile is different the next time.
      await writeTreeList({ path: base, linked: archive.linked ?? null }, list, host);
      const copy = 'tar --create --exclude=.git -C "$0" . | tar --extract --no-same-owner -C "$1"';
      await must(host, ["sh", "-c", copy, base, partial]);
      const { linked } = archive;
      if (linked) await must(host, ["sh", "-c", COPY_LINKED, base, partial, linked]);
      if (await host.fs.exists(path)) await touchChanged(`${path}.list`, list, partial, host);
    }
    await host.fs.remove(path);
    await host.fs.rename(partial, path);
    if (archive.tree === null) await host.fs.remove(`${path}.list`);
    else await host.fs.rename(list, `${path}.list`);
  } finally {
    await host.fs.remove(partial);
    await host.fs.remove(list);
  }
}

/** What of the user's tree is not as in the list of the copy before, make is to take for new. */
async function touchChanged(
  listBefore: string,
  list: string,
  copy: string,
  host: Host,
): Promise<void> {
  const before = await host.fs.readTextIfAny(listBefore) ?? "";
  const changes = treeChanges(before, await host.fs.readText(list));
  const names = `${list}.names`;
  await host.fs.writeText(names, changes.map(({ name }) => `${name}\0`).join(""));
  await must(host, ["sh", "-c", TOUCH, copy, names]);
  await host.fs.remove(names);
}

/**
 * Makes every listed file of the tree as the patched one, or as the base where the series does not
 * touch it. A file that changes is a new file: its link to the base is cut and its time is now.
 */
export async function bringOver(
  base: string,
  patched: string,
  path: string,
  names: readonly string[],
  touched: ReadonlySet<string>,
  host: Host,
): Promise<number> {
  const due: { from: string; to: string; entry: Entry }[] = [];
  let changed = 0;
  // What goes goes first: a folder may take the place of a file, or a file that of a folder.
  for (const name of names) {
    const [from, to] = [`${touched.has(name) ? patched : base}/${name}`, `${path}/${name}`];
    const [wanted, there] = [await host.fs.entry(from), await host.fs.entry(to)];
    if (await isSame(from, wanted, to, there, host)) continue;
    changed++;
    if (there !== null && there.kind !== "folder") {
      if (wanted?.kind !== "file" || there.kind !== "file") await host.fs.remove(to);
      if (wanted === null) await removeEmpty(dirname(to), path, host);
    }
    if (wanted !== null && wanted.kind !== "folder") due.push({ from, to, entry: wanted });
  }
  for (const { from, to, entry } of due) {
    if (entry.kind === "file") await host.fs.replace(from, to);
    else if (entry.kind === "link") {
      await host.fs.makeDir(dirname(to));
      await host.fs.link(entry.target, to);
    }
  }
  return changed;
}

async function isSame(
  from: string,
  wanted: Entry | null,
  to: string,
  there: Entry | null,
  host: Host,
): Promise<boolean> {
  if (JSON.stringify(wanted) !== JSON.stringify(there)) return false;
  if (wanted?.kind !== "file") return true;
  const [a, b] = [await host.fs.readBytes(from), await host.fs.readBytes(to)];
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** git has no empty folders. */
async function removeEmpty(dir: string, top: string, host: Host): Promise<void> {
  for (let at = dir; at.length > top.length; at = dirname(at)) {
    if ((await host.fs.list(at)).length > 0) return;
    await host.fs.remove(at);
  }
}

/**
 * Copies what is at these paths of a tree, or stands in their way: a file or link where a path has
 * a folder, all files of a folder where it has a file.
 */
export async function copyTouched(
  base: string,
  copies: string,
  names: ReadonlySet<string>,
  host: Host,
): Promise<void> {
  const seen = new Set<string>();
  for (const name of names) {
    const parts = name.split("/");
    for (let length = 1; length <= parts.length; length++) {
      const part = parts.slice(0, length).join("/");
      if (seen.has(part)) continue;
      const entry = await host.fs.entry(`${base}/${part}`);
      if (entry?.kind === "folder" && length < parts.length) {
        seen.add(part);
        continue;
      }
      if (entry !== null && entry.kind !== "other") {
        seen.add(part);
        await host.fs.makeDir(dirname(`${copies}/${part}`));
        if (entry.kind === "file") await host.fs.copy(`${base}/${part}`, `${copies}/${part}`);
        else if (entry.kind === "link") await host.fs.link(entry.target, `${copies}/${part}`);
        else await must(host, ["cp", "--archive", `${base}/${part}`, `${copies}/${part}`]);
      }
      break;
    }
  }
}

/** @throws KmatrixError "infra" (unpack-failed) where the command fails. */
export async function must(host: Host, argv: readonly string[]): Promise<void> {
  const result = await host.run({ argv });
  if (result.code === 0) return;
  throw new KmatrixError(
    "infra",
    "unpack-failed",
    `${argv[0]} ended with code ${result.code} while preparing a source tree`,
    result.stderr.split("\n").slice(-10).join("\n"),
  );
}
