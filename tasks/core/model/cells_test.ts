// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CLANG, SMP4, UNI } from "../../testing/samples.ts";
import { cellId, globMatcher, isCellId, splitCellId } from "./cells.ts";

const AXES = { toolchains: [CLANG, { id: "clang-21", llvm: "-21" }], machines: [UNI, SMP4] };
const [KERNEL, CONFIG] = [{ id: "linux-6.12" }, { id: "kcov" }];

Deno.test("cellId() leaves the defaults of the matrix out", () => {
  assert.equal(cellId(AXES, KERNEL, CONFIG, CLANG, UNI), "linux-6.12/kcov");
});

Deno.test("cellId() writes toolchain and machine when they are no defaults", () => {
  assert.equal(cellId(AXES, KERNEL, CONFIG, CLANG, SMP4), "linux-6.12/kcov/smp4");
  const other = { id: "clang-21" };
  assert.equal(cellId(AXES, KERNEL, CONFIG, other, UNI), "linux-6.12/kcov@clang-21");
  assert.equal(cellId(AXES, KERNEL, CONFIG, other, SMP4), "linux-6.12/kcov@clang-21/smp4");
});

Deno.test("isCellId() takes what names a folder below a run's, and nothing that leads elsewhere", () => {
  const good = ["k/c", "k/c@clang-22/smp4", "a+v6.12..HEAD/kcov", "my linux/kcov", "ホーム/k..c"];
  const bad = [
    "",
    "/k",
    "k/",
    "k//c",
    "..",
    "k/../c",
    "./k",
    "k/c\n",
    "k\0",
    "\x1b[31m",
    "k/\u202ec",
  ];
  assert.deepEqual([...good, ...bad].filter(isCellId), good);
});

Deno.test("splitCellId() gives back what cellId() joined", () => {
  assert.deepEqual(splitCellId("linux-6.12/kcov"), { kernel: "linux-6.12", config: "kcov" });
  assert.deepEqual(splitCellId("a/b@c/d"), {
    kernel: "a",
    config: "b",
    toolchain: "c",
    machine: "d",
  });
  assert.deepEqual(splitCellId("a/b/d"), { kernel: "a", config: "b", machine: "d" });
});

Deno.test("splitCellId() gives nothing when a text is no cell id", () => {
  for (const text of ["", "a", "a/", "/b", "a/b/c/d", "a/*", "a/b@", "a/b@c@d", "a//b"]) {
    assert.equal(splitCellId(text), undefined, text);
  }
});

Deno.test("globMatcher() matches whole ids, and * crosses slashes", () => {
  const matches = globMatcher(["linux-6.12/*"]);
  assert.equal(matches("linux-6.12/kcov"), true);
  assert.equal(matches("linux-6.12/kcov/smp4"), true);
  assert.equal(matches("linux-6.12-unique/kcov"), false);
  assert.equal(globMatcher(["kcov"])("linux-6.12/kcov"), false);
  assert.equal(globMatcher(["*kcov"])("linux-6.12/kcov"), true);
});

Deno.test("globMatcher() takes dots and brackets of ids by the letter", () => {
  assert.equal(globMatcher(["linux-6.12/kcov"])("linux-6x12/kcov"), false);
  assert.equal(globMatcher(["a[b]"])("ab"), false);
});

Deno.test("globMatcher() matches everything when no glob wants anything", () => {
  assert.equal(globMatcher([])("anything"), true);
  assert.equal(globMatcher(["!*/kasan"])("linux/kcov"), true);
});

Deno.test("globMatcher() lets a refusal win when both match, in any order", () => {
  for (const globs of [["*", "!*kasan*"], ["!*kasan*", "*"]]) {
    assert.equal(globMatcher(globs)("linux/kcov-kasan"), false);
    assert.equal(globMatcher(globs)("linux/kcov"), true);
  }
});
