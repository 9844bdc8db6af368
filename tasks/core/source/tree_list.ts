// SPDX-License-Identifier: MIT
/** Lists of a tree's files, as steps/kernel_tree.ts writes them, and what is different between two. */

/** What two lists tell of one file that is not as it was. */
export interface TreeChange {
  /** Below the tree. */
  readonly name: string;
  /** The first list has nothing of that name. */
  readonly added: boolean;
  /** A symbolic link is there now; its name may stand for a whole folder. */
  readonly link: boolean;
  /** Of the file, in ms since the epoch. */
  readonly mtimeMs: number;
}

/** "kernel/fork.c 12 1.0 2.0 34 target": name, bytes, two times in s, inode, and of a link its target. */
const LINE = /^(?:\.\/)?(.+?) (\d+ (-?\d+)(?:\.(\d{1,3})\d*)? -?\d+(?:\.\d+)? \d+ (.*))$/;

/** The name of a line's file, below the tree; null for what is no such line. */
export function nameInList(line: string): string | null {
  return LINE.exec(line)?.[1] ?? null;
}

/** Names of files that the first list has and the second has not. */
export function namesGone(before: string, after: string): string[] {
  const names = (list: string) => list.split("\n").map(nameInList).filter((one) => one !== null);
  const left = new Set(names(after));
  return names(before).filter((name) => !left.has(name));
}

/**
 * Files that the second list has, and the first has not or otherwise. What is gone needs no look: make
 * misses it.
 */
export function treeChanges(before: string, after: string): TreeChange[] {
  if (before === after) return [];
  const lines = new Set(before.split("\n"));
  const names = new Set<string>();
  for (const line of lines) {
    const name = LINE.exec(line)?.[1];
    if (name !== undefined) names.add(name);
  }
  const changes: TreeChange[] = [];
  for (const line of after.split("\n")) {
    if (lines.has(line)) continue;
    const [, name, , seconds, ms, target] = LINE.exec(line) ?? [];
    if (name === undefined) continue;
    const mtimeMs = Number(seconds) * 1000 + Number((ms ?? "").padEnd(3, "0"));
    changes.push({ name, added: !names.has(name), link: target !== "", mtimeMs });
  }
  return changes;
}
