// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { bytesAsText, decodeBytes, scanDiff } from "./diff.ts";

Deno.test("scanDiff() counts a hunk's lines, so that none of them is taken for a header", () => {
  const { files, separatorLine } = scanDiff(`text
--- not a header
--- a/x.lua
+++ b/x.lua
@@ -1,3 +1,3 @@
--- a comment
-++ y
+-- z
++++ b/x
 end
-- 
2.39.5
diff --git a/y b/y
old mode 100644
new mode 100755
`);
  assert.deepEqual(files.map(({ newName, hunks }) => [newName, hunks.length]), [
    ["b/x.lua", 1],
    ["b/y", 0],
  ]);
  assert.equal(separatorLine, null);
});

Deno.test("scanDiff() sees a diff that stands in front of the separator", () => {
  const diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
  assert.equal(scanDiff(`text\n---\n x | 2 +-\n\n${diff}`).separatorLine, null);
  assert.equal(scanDiff(`${diff}\ntext\n---\n x | 2 +-\n\n${diff}`).separatorLine, 8);
  assert.equal(scanDiff(`${diff}\ntext\n---\n x | 2 +-\n`).separatorLine, null);
  // A removed line of two dashes is no separator.
  const dashes = "--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n---\n c\n";
  assert.equal(scanDiff(dashes + diff).separatorLine, null);
});

Deno.test("scanDiff() knows names without a prefix, quoted ones and ones with blanks", () => {
  const names = (text: string) => {
    const { files, bareNames } = scanDiff(text);
    return [files[0]!.oldName, files[0]!.newName, bareNames];
  };
  assert.deepEqual(names("diff --git k/x y.c k/x y.c\nold mode 100644\nnew mode 100755\n"), [
    ...["k/x y.c", "k/x y.c", true],
  ]);
  assert.deepEqual(names("diff --git a/k/x y.c b/k/x y.c\nnew file mode 100644\n"), [
    ...["a/k/x y.c", "b/k/x y.c", false],
  ]);
  const quoted = 'diff --git "a/\\303\\251\\t.c" "b/\\303\\251\\t.c"\nnew file mode 100644\n';
  assert.equal(decodeBytes(scanDiff(quoted).files[0]!.newName!), "b/\u00e9\t.c");
  const moved =
    "diff --git k/a.c k/b.c\nsimilarity index 100%\nrename from k/a.c\nrename to k/b.c\n";
  assert.deepEqual(names(moved), ["k/a.c", "k/b.c", true]);
  assert.deepEqual(names("--- k/x.c\t2026-01-01\n+++ k/x.c\t2026-01-02\n@@ -1 +1 @@\n-a\n+b\n"), [
    ...["k/x.c", "k/x.c", true],
  ]);
  const made = "--- /dev/null\n+++ k/x.c\n@@ -0,0 +1 @@\n+b\n";
  assert.deepEqual(names(made), [null, "k/x.c", false]);
});

Deno.test("scanDiff() tells CR LF of the transport from that of a file", () => {
  const diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
  assert.equal(scanDiff(diff.replaceAll("\n", "\r\n")).carriageReturns, true);
  assert.equal(
    scanDiff(diff.replaceAll(/([ab])\n/g, "$1\r\n").replace(/x\r/g, "x")).carriageReturns,
    false,
  );
});

Deno.test("scanDiff() is through 10 MB of anything in well under two seconds", () => {
  const size = 10_000_000;
  const fill = (unit: string) => unit.repeat(Math.ceil(size / unit.length));
  const hostile = [
    fill("--- a\n+++ b\n"),
    fill("--- a\n"),
    fill("@@ -1,999999999 +1,999999999 @@\n"),
    fill("diff --git a b\n"),
    `diff --git ${fill("a ")}\n`,
    `diff --git ${fill('"a\\')}\n`,
    `Only in ${fill("a: ")}\n`,
    `Binary files ${fill("and ")}\n`,
    fill("---\n"),
    fill(" "),
    fill("rename from a\n"),
    fill("\n"),
  ];
  for (const text of hostile) {
    const started = performance.now();
    scanDiff(text);
    assert.ok(performance.now() - started < 2000, text.slice(0, 20));
  }
});

Deno.test("bytesAsText() and decodeBytes() lose no byte", () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
  const text = bytesAsText(bytes);
  assert.deepEqual(Uint8Array.from(text, (character) => character.charCodeAt(0)), bytes);
  assert.equal(decodeBytes("\xc3\xa9"), "\u00e9");
});
