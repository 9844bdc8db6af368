// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { scanDiff } from "./diff.ts";
import { describeFuzz, describeProblems, readApplyLog, refusal, showHunk } from "./series.ts";

const DIFF = scanDiff(`diff --git a/kernel/fork.c b/kernel/fork.c
--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -2,3 +2,3 @@
 a
-b
+B
 c
@@ -412,7 +412,7 @@ f()
 1
 2
 3
-4
+FOUR
 5
 6
 7
diff --git a/new.c b/new.c
new file mode 100644
--- /dev/null
+++ b/new.c
@@ -0,0 +1 @@
+x
`);

/* What git 2.39 prints with apply --cached --verbose. */

Deno.test("readApplyLog() names file, hunk and line, and never takes a patch's own lines for git's", () => {
  const log = `Checking patch kernel/fork.c...
Hunk #1 succeeded at 12 (offset 10 lines).
error: while searching for:
1
error: other.c: does not exist in index
4

error: patch failed: kernel/fork.c:412
error: kernel/fork.c: patch does not apply
Checking patch new.c...
error: new.c: already exists in index
error: lib/gone.c: does not exist in index
`;
  const { problems, offsets } = readApplyLog(log, DIFF, 1);
  assert.deepEqual(offsets, [10]);
  assert.equal(
    describeProblems("0001-x.patch", problems),
    "0001-x.patch does not apply: kernel/fork.c: hunk 2 (line 412) does not match; " +
      "new.c: the file exists already; lib/gone.c: the file does not exist",
  );
  const [hunk] = problems;
  assert.ok(hunk?.kind === "hunk");
  const source = Array.from({ length: 420 }, (_, index) => `line ${index + 1}`).join("\n");
  assert.match(showHunk(hunk, DIFF, 1, source), /\+FOUR\n[^]*from line 412:\nline 412\n/);
});

Deno.test("readApplyLog() tells a hunk that applied with less context from one at another line", () => {
  const log = `Checking patch kernel/fork.c...
Hunk #1 succeeded at 3 (offset 1 line).
Hunk #2 succeeded at 414 (offset 2 lines).
Context reduced to (1/3) to apply fragment at 414
`;
  const found = readApplyLog(log, DIFF, 1);
  assert.deepEqual(found.offsets, [1]);
  assert.deepEqual(found.fuzzy, [{
    ...{ file: "kernel/fork.c", hunk: 2, line: 414, context: [1, 3] },
  }]);
  assert.equal(
    describeFuzz({ patch: "p", ...found.fuzzy[0]! }),
    "p: kernel/fork.c: hunk 2 (line 414) applied with fuzz: 1 lines of context before it and 3 " +
      "after it match",
  );
  // Where it is found as many lines further up as it has lost, git says no more.
  const quiet = "Checking patch kernel/fork.c...\n" +
    "Context reduced to (1/1) to apply fragment at 410\n";
  assert.equal(readApplyLog(quiet, DIFF, 1).fuzzy[0]!.hunk, 2);
});

Deno.test("describeProblems() shows git's own words when it says nothing that is known", () => {
  const { problems } = readApplyLog("error: something else\n", DIFF, 1);
  assert.equal(describeProblems("p", problems), "p does not apply: something else");
  assert.equal(describeProblems("p", []), "p does not apply: git gave up");
  assert.equal(
    describeProblems("p", readApplyLog("error: corrupt patch at line 7\n", DIFF, 1).problems),
    "p does not apply: line 7 of the patch is damaged",
  );
});

Deno.test("refusal() names what no series may hold, and passes what one may", () => {
  assert.equal(
    refusal(DIFF, 1, ["kernel/fork.c", "a..b/c..d", ".gitignore", "x/.gitattributes"]),
    null,
  );
  for (
    const name of [
      "/etc/x",
      "../x",
      "a/../../x",
      "d/".repeat(3000),
      ".git/config",
      "sub/.GIT/hooks/x",
      "\ufffd.c",
    ]
  ) {
    assert.ok(refusal(DIFF, 1, [name]), name);
  }
  const gone =
    "diff --git a/l b/l\ndeleted file mode 120000\n--- a/l\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
  assert.equal(refusal(scanDiff(gone), 1, ["l"]), null);
});
