// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { printable } from "./printable.ts";

Deno.test("printable() leaves escape sequences out whole, and other controls one by one", () => {
  for (
    const [text, plain] of [
      ["\x1b[1;31mred\x1b[0m", "red"],
      ["\x1b[?25lhidden\x1b[2J", "hidden"],
      ["\x1b]0;a title\x07text", "text"],
      ["\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "link"],
      ["\x1bPq sixel \x1b\\text", "text"],
      ["\x1b(Btext\x1bctext", "texttext"],
      ["\x9b31mtext\x9b0m", "text"],
      ["a\x00b\x08c\x7fd\x85e", "abcde"],
      ["one\rtwo", "onetwo"],
      ["line\n\tnext", "line\n\tnext"],
      ["\u202eright to left\u2066", "right to left"],
      ["half \ud800 of one, whole \u{1f600}", "half  of one, whole \u{1f600}"],
      ["cut \x1b[", "cut "],
      ["größer → ok", "größer → ok"],
    ] as const
  ) assert.equal(printable(text), plain, JSON.stringify(text));
});
