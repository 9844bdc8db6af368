// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { makePaint } from "./paint.ts";

Deno.test("a screen shows our colours and no code of anybody else", () => {
  const { style, shown } = makePaint(true, "f00d");
  const text = `${style.bad("BUG: \x1b[32mfine\x1b[0m")} \x1b]0;title\x07${style.dim("x")}`;
  assert.equal(shown(text), "\x1b[31mBUG: fine\x1b[39m \x1b[2mx\x1b[22m");
  // A mark that was guessed wrong is a code as any other.
  assert.equal(shown("\x1b[beef;32mx"), "eef;32mx");
  assert.equal(shown(style.good(`a\x1b[`)), "\x1b[32ma\x1b[39m");
});

Deno.test("without colours nothing at all of a code is left", () => {
  const { style, shown } = makePaint(false, "f00d");
  assert.equal(shown(`${style.bad("a\x1b[31mb")}\x1b[1mc`), "abc");
});
