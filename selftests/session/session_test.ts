// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { asGlobal, isIncomplete, show } from "./session.ts";

Deno.test("isIncomplete() waits for brackets, templates and comments that are open", () => {
  for (const source of ["f(", "{ a: [1,", "`a\n", "/* x", 'f("(")  + [', "`${", "if (x) { // }"]) {
    assert.equal(isIncomplete(source), true, source);
  }
  for (
    const source of [
      ...["", "f()", '"("', "'['", "`(`", "// (", "a /* ( */", '"\\"("', "1)", '"a\n', "x // (\n1"],
    ]
  ) assert.equal(isIncomplete(source), false, source);
});

Deno.test("asGlobal() keeps what a line declares, and takes a brace for an object", () => {
  const run = (source: string): unknown => (0, eval)(asGlobal(source));
  run("const kept_by_shell = 3");
  assert.equal(run("kept_by_shell + 1"), 4);
  run("let kept_by_shell = 5;");
  assert.equal(run("kept_by_shell"), 5);
  assert.deepEqual(run("{ a: 1 };"), { a: 1 });
  run("function shell_function() { return 7 }");
  assert.equal(run("shell_function()"), 7);
});

Deno.test("show() prints text as it is, addresses in hexadecimal, and names functions", () => {
  assert.equal(show("a\nb\n"), "a\nb");
  assert.equal(show([1, "a"]), '[1, "a"]');
  assert.equal(show(0xffffffff81000000n), "0xffffffff81000000");
  assert.equal(show(function named() {}), "function named");
});
