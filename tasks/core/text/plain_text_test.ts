// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { plainLine, plainText } from "./plain_text.ts";

const CASES: readonly [name: string, text: string, plain: string][] = [
  ["plain text stays", "a\tb\nß € 😀\n", "a\tb\nß € 😀\n"],
  ["colours", "\x1b[1;31mFAIL\x1b[0m: \x1b[38;2;255;100;0mx\x1b[m", "FAIL: x"],
  ["colours with colons", "\x1b[4:3mwavy\x1b[24m", "wavy"],
  ["an erased line, a moved cursor", "\x1b[2K\x1b[1A\x1b[10;20Hx\x1b[?25l\x1b[?1049h", "x"],
  ["soft reset with an intermediate byte", "a\x1b[!pb\x1b[1 qc", "abc"],
  ["a window title, ended by BEL", "\x1b]0;evil title\x07text", "text"],
  ["a window title, ended by ST", "\x1b]2;evil title\x1b\\text", "text"],
  ["a hyperlink", "\x1b]8;id=1;https://x.test/\x1b\\here\x1b]8;;\x1b\\.", "here."],
  ["the clipboard", "a\x1b]52;c;cm0gLXJmIC8=\x07b", "ab"],
  ["a title that never ends", "a\x1b]0;rest of the line\nnext line", "a\nnext line"],
  ["a device control string", 'a\x1bP$q"p\x1b\\b', "ab"],
  ["a sixel image", "a\x1bPq#0;2;0;0;0~~@@\x1b\\b", "ab"],
  ["APC, PM and SOS", "a\x1b_Gi=1;AAAA\x1b\\b\x1b^x\x1b\\c\x1bXy\x1b\\d", "abcd"],
  ["C1 forms of CSI and OSC", "a\u009b31mb\u009d0;title\u009cc\u0090q\u009cd\u0085e", "abcde"],
  ["a reset, a saved cursor, a keypad", "a\x1bcb\x1b7c\x1b8d\x1b=e\x1b>f", "abcdef"],
  ["character sets", "a\x1b(0b\x1b(Bc\x1b%Gd\x0e\x0fe", "abcde"],
  ["a sequence that breaks off", "a\x1b[31", "a"],
  ["a sequence that a line end breaks", "a\x1b[31\nb", "a\nb"],
  ["an escape alone", "a\x1b", "a"],
  ["an escape before an escape", "a\x1b\x1b[31mb", "ab"],
  ["what is left must not become a sequence", "a\x1b[3\x1b[0m1mb", "a1mb"],
  ["a spinner", "wait |\b/\b-\b done", "wait  done"],
  ["bold by overstriking", "W\bWA\bA", "WA"],
  ["backspaces do not reach the line before", "a\n\b\b\bb", "a\nb"],
  ["serial line ends", "a\r\r\nb\r\nc", "a\nb\nc"],
  ["a line that would be overwritten", "BUG: x\rall is well\n", "BUG: x\nall is well\n"],
  ["a progress meter", " 10%\r 20%\r 30%\r", " 10%\n 20%\n 30%"],
  ["bells, nulls, form feeds, deletes", "a\x07b\0c\x0cd\x7fe\x0bf", "abcdef"],
  ["text written backwards", "a\u202egnp.exe\u202c \u2066b\u2069", "agnp.exe b"],
  ["marks of direction, halves, no characters", "a\u200eb\u061cc\ud800 d\ufffee😀", "abc de😀"],
  ["a palette of the Linux console", "a\x1b]P0000000\x1b\\b", "ab"],
];

for (const [name, text, plain] of CASES) {
  Deno.test(`plainText(): ${name}`, () => assert.equal(plainText(text), plain));
}

Deno.test("plainText() leaves nothing that a terminal obeys, whatever it is given", () => {
  const part = fc.oneof(
    fc.constantFrom("\x1b", "[", "]", "P", "\x07", "\\", "31", ";", "m", "\b", "\r", "\n"),
    fc.constantFrom("\u009b", "\u009d", "\u009c", "\u202e", "x", " "),
    fc.string({ unit: "binary", maxLength: 3 }),
  );
  fc.assert(fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
    const plain = plainText(parts.join(""));
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(plain, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
    assert.equal(plainText(plain), plain);
  }));
});

Deno.test("plainText() takes time in proportion, also for sequences that never end", () => {
  for (const unit of ["\x1b]0;", "\x1b[", "\x1b", "\r", "a\b", "\u009d"]) {
    const text = unit.repeat((4 << 20) / unit.length);
    const before = performance.now();
    plainText(text);
    assert.ok(performance.now() - before < 2000, JSON.stringify(unit));
  }
});

Deno.test("plainLine() is one line", () => {
  assert.equal(plainLine("\x1b[31ma\r\n  b\tc\n"), "a b c");
});
