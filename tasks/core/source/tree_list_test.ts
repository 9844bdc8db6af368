// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { treeChanges } from "./tree_list.ts";

const LIST = [
  "Makefile 9 1700000000.1230000000 1700000000.5 11 ",
  "a b 1 2 c.c 9 1.0000000000 2.0 12 ",
  "kernel 3 1.0000000000 2.0 13 ../ka",
  "./kernel/x.h 9 1.0000000000 2.0 14 ",
].join("\n");

Deno.test("treeChanges() tells what is new or not as it was, and nothing of what is gone", () => {
  assert.deepEqual(treeChanges(LIST, LIST), []);
  assert.deepEqual(treeChanges(LIST, LIST.split("\n").slice(1).join("\n")), []);
  const changed = (from: string, to: string) => treeChanges(LIST, LIST.replace(from, to));
  const makefile = { name: "Makefile", added: false, link: false, mtimeMs: 1700000000123 };
  assert.deepEqual(changed("000.5 11", "000.6 11"), [makefile], "the inode's time");
  assert.deepEqual(changed("000.5 11", "000.5 99"), [makefile], "the inode");
  assert.deepEqual(changed("Makefile 9", "Makefile 8"), [makefile], "the size");
  const spaced = { name: "a b 1 2 c.c", added: false, link: false, mtimeMs: 1000 };
  assert.deepEqual(changed("2.0 12", "2.1 12"), [spaced]);
  const link = { name: "kernel", added: false, link: true, mtimeMs: 1000 };
  assert.deepEqual(changed("../ka", "../kb"), [link]);
  const behind = { name: "kernel/x.h", added: false, link: false, mtimeMs: 1000 };
  assert.deepEqual(changed("2.0 14", "2.1 14"), [behind], "behind a link out of the tree");
  const added = { name: "new.h", added: true, link: false, mtimeMs: -1000 };
  assert.deepEqual(treeChanges(LIST, `${LIST}\nnew.h 0 -1.0 2.0 15 \n`), [added]);
});
