// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { annotationsOf, type Marked, ranked } from "./annotations.ts";
import { readCommand } from "../../testing/workflow_commands.ts";

const marked = (message: string, other: Partial<Marked> = {}): Marked => ({
  ...{ level: "error", title: "splat", message, place: null, cells: ["k/a"], repeat: "again" },
  ...{ isNew: null, isTouched: false },
  ...other,
});
const place = (file: string) => ({ file, line: 7, column: 3 });

Deno.test("annotations are ranked: new, files of the pull request, a place, more cells", () => {
  const all = [
    marked("plain"),
    marked("in more cells", { cells: ["k/a", "k/b"] }),
    marked("with a place", { place: place("fs/x.c") }),
    marked("touched", { place: place("fs/y.c"), isTouched: true }),
    marked("new", { isNew: true }),
    marked("new and touched", { isNew: true, isTouched: true, place: place("fs/z.c") }),
    marked("old", { isNew: false }),
  ];
  assert.deepEqual(ranked(all).map(({ message }) => message), [
    ...["new and touched", "new", "touched", "with a place", "in more cells", "plain", "old"],
  ]);
});

Deno.test("annotations stay within ten of a level, the best ones, and the rest is counted", () => {
  const many = Array.from({ length: 400 }, (_, n) => marked(`e${n}`));
  const warnings = Array.from(
    { length: 12 },
    (_, n) => marked(`w${n}`, { level: "warning", isNew: n === 11 }),
  );
  const { lines, leftOut } = annotationsOf([
    ...many,
    ...warnings,
    marked("n", { level: "notice" }),
  ]);
  const read = lines.map((line) => readCommand(line)!);
  assert.deepEqual(leftOut, { error: 390, warning: 2, notice: 0 });
  assert.deepEqual(
    ["error", "warning", "notice"].map((level) => read.filter(({ name }) => name === level).length),
    [10, 10, 1],
  );
  assert.equal(read.find(({ name }) => name === "warning")!.text.split("\n")[0], "w11");
  assert.ok(lines.length <= 50);
});

Deno.test("an annotation says where, in which cells and how to see it again", () => {
  const { lines: [line] } = annotationsOf([marked("use of x", {
    ...{ place: place("fs/select.c"), isNew: true, cells: ["k/a", "k/b", "k/c", "k/d"] },
  })]);
  assert.deepEqual(readCommand(line!), {
    name: "error",
    properties: { file: "fs/select.c", line: "7", col: "3", title: "new: splat" },
    text: "use of x\nin 4 cells: k/a, k/b, k/c and 1 more\nrepeat with: again",
  });
});

Deno.test("nothing in a text of a kernel ends an annotation or begins another command", () => {
  const evil = "%0A::set-output name=a::b\n::error::x\r\n##[error]y";
  const { lines } = annotationsOf([
    marked(evil, {
      ...{ title: evil, repeat: evil, cells: [evil] },
      place: { file: `::error::x,line=9::${evil}`, line: 1, column: null },
    }),
    marked("x".repeat(100_000)),
  ]);
  for (const line of lines) {
    assert.doesNotMatch(line, /[\r\n]/);
    assert.match(line, /^::error (file=[^:]*,)?(line=1,)?title=[^:]*::/);
    assert.ok(line.length < 6000, `${line.length}`);
  }
  assert.equal(lines.length, 2);
});
