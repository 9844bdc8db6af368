// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { explainRejects, touchedFiles } from "./series.ts";

/* What GNU patch 2.7.6 prints with --batch --forward. */

const FILE = "/project/kernels/k/patches/0001-kcov.patch";

Deno.test("explainRejects() names patch, file and hunk, and shows what was rejected", () => {
  const output = `patching file kernel/fork.c
patching file kernel/kcov.c
Hunk #1 succeeded at 12 (offset 3 lines).
Hunk #2 FAILED at 412.
Hunk #4 FAILED at 700.
2 out of 4 hunks FAILED -- saving rejects to file kernel/kcov.c.rej
`;
  const { message, detail } = explainRejects(
    FILE,
    output,
    new Map([["kernel/kcov.c.rej", "@@ -412,6 +412,7 @@\n+new\n"]]),
  );
  assert.equal(
    message,
    "0001-kcov.patch does not apply: kernel/kcov.c: hunk 2 (line 412); " +
      "kernel/kcov.c: hunk 4 (line 700)",
  );
  assert.equal(detail, "kernel/kcov.c.rej:\n@@ -412,6 +412,7 @@\n+new\n");
});

Deno.test("explainRejects() reads quoted names and those of other lines than the first", () => {
  const output = `checking file 'a b/f.c'
Hunk #1 FAILED at 3.
`;
  assert.match(explainRejects(FILE, output, new Map()).message, /: a b\/f\.c: hunk 1 \(line 3\)$/);
  const renamed = `patching file new.c (renamed from old.c)\nHunk #1 FAILED at 3.\n`;
  assert.match(explainRejects(FILE, renamed, new Map()).message, /: new\.c: hunk 1/);
});

Deno.test("explainRejects() says so when the patched file does not exist", () => {
  const output = `can't find file to patch at input line 3
Perhaps you used the wrong -p or --strip option?
The text leading up to this was:
--------------------------
|--- a/none.c
|+++ b/none.c
--------------------------
No file to patch.  Skipping patch.
1 out of 1 hunk ignored
`;
  const { message, detail } = explainRejects(FILE, output, new Map());
  assert.match(message, /: input line 3: the file that it patches does not exist$/);
  assert.match(detail, /\|\+\+\+ b\/none\.c/);
});

Deno.test("explainRejects() says so when the source has the change already", () => {
  const output = `patching file f.c
Reversed (or previously applied) patch detected!  Skipping patch.
1 out of 1 hunk ignored -- saving rejects to file f.c.rej
`;
  assert.equal(
    explainRejects(FILE, output, new Map()).message,
    "0001-kcov.patch does not apply: f.c: the source has this change already",
  );
});

Deno.test("explainRejects() shows patch's own words when it says nothing that is known", () => {
  const output = "patch: **** Only garbage was found in the patch input.\n";
  const { message, detail } = explainRejects(FILE, output, new Map());
  assert.equal(message, "0001-kcov.patch does not apply: patch gave up");
  assert.match(detail, /Only garbage/);
});

Deno.test("touchedFiles() names what a patch reads, writes, makes, removes and moves", () => {
  const patch = `--- a/kernel/kcov.c\t2026-01-01
+++ b/kernel/kcov.c\t2026-01-02
@@ -1 +1 @@
-x
+y
--- /dev/null
+++ b/include/new.h
@@ -0,0 +1 @@
+z
--- a/old.c
+++ /dev/null
diff --git a/from.c b/to.c
rename from lib/from.c
rename to lib/to.c
`;
  assert.deepEqual(touchedFiles(patch), [
    ...["kernel/kcov.c", "include/new.h", "old.c", "lib/from.c", "lib/to.c"],
  ]);
});
