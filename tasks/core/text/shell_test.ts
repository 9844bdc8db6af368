// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { formatCommand, quoteWord } from "./shell.ts";

Deno.test("quoteWord() leaves words bare when a shell would", () => {
  for (const word of ["make", "-j2", "O=/tmp/x", "a:b,c@d%e+f", "./init.c"]) {
    assert.equal(quoteWord(word), word);
  }
});

Deno.test("quoteWord() quotes when a shell would take a word apart", () => {
  assert.equal(quoteWord(""), "''");
  assert.equal(quoteWord("a b"), "'a b'");
  assert.equal(quoteWord("$HOME"), "'$HOME'");
  assert.equal(quoteWord("it's"), `'it'\\''s'`);
  assert.equal(quoteWord("~"), "'~'");
  assert.equal(quoteWord("a\nb"), "'a\nb'");
});

Deno.test("formatCommand() writes variables and folder in front of the words", () => {
  assert.equal(formatCommand({ argv: ["make", "-C", "/a b"] }), "make -C '/a b'");
  assert.equal(
    formatCommand({ argv: ["cpio"], cwd: "/x y", env: { A: "1", B: "two words" } }),
    "cd '/x y' && A=1 B='two words' cpio",
  );
});

Deno.test("formatCommand() gives a line that a shell takes back to the same words", async () => {
  const word = fc.string({ unit: fc.constantFrom(..."ab $'\"\\*?;&|<>()[]{}#~!`\n\t=%-") });
  const samples = fc.sample(fc.array(word, { minLength: 1, maxLength: 6 }), {
    numRuns: 60,
    seed: 1,
  });
  // One shell for all samples: each prints its words, a NUL behind each and another behind all.
  const script = samples.map((words) =>
    `${formatCommand({ argv: ["printf", "%s\\0", ...words] })}; printf '\\0'`
  ).join("\n");
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  const expected = samples.map((words) => `${words.join("\0")}\0\0`).join("");
  assert.equal(new TextDecoder().decode(stdout), expected);
});
