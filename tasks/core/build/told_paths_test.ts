// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { toldPaths } from "./told_paths.ts";

const VIEW = { path: "/cache/sources/view-0a1b", viewOf: "/home/me/it's $& a tree" };

Deno.test("toldPaths() leads to the user's files, also from what ccache calls the source", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["source/kernel/kcov.c:3:9: error: x", "/home/me/it's $& a tree/kernel/kcov.c:3:9: error: x"],
    ["In file included from source/a.h:1,", "In file included from /home/me/it's $& a tree/a.h:1,"],
    [
      "Entering directory '/cache/sources/view-0a1b'",
      "Entering directory '/home/me/it's $& a tree'",
    ],
    ["/cache/sources/view-0a1b-other/x", "/cache/sources/view-0a1b-other/x"],
    ["'source/a.h'", "'/home/me/it's $& a tree/a.h'"],
    [
      "/cache/sources/view-0a1b/fs/x.c:1: warning: y",
      "/home/me/it's $& a tree/fs/x.c:1: warning: y",
    ],
    ["-I/cache/sources/view-0a1b/include", "-I/home/me/it's $& a tree/include"],
  ];
  for (const [printed, told] of cases) assert.equal(toldPaths(printed, VIEW), told);
  const same = [
    "  CC      kernel/source/x.o",
    "open-source/x",
    "./source/x",
    "resource/x",
    "source: x",
  ];
  for (const printed of same) assert.equal(toldPaths(printed, VIEW), printed);
  const place = { path: "/linux" };
  assert.equal(toldPaths("source/a.c:1: x", place), "/linux/a.c:1: x");
  assert.equal(toldPaths("/linux/a.c:1: x /linuxes/", place), "/linux/a.c:1: x /linuxes/");
});
