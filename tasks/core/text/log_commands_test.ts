// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { withoutLogCommands } from "./log_commands.ts";

/** Whether GitHub's runner would look for a command in a line, by the rules of its ActionCommand. */
function isCommand(line: string): boolean {
  return /^\s*::/.test(line) || line.includes("##[");
}

Deno.test("withoutLogCommands() leaves no line that a CI service obeys", () => {
  const cases: readonly [string, string][] = [
    ["::error::x", ": :error::x"],
    ["  \t::stop-commands::t", "  \t: :stop-commands::t"],
    ["\u00a0\u3000::set-output name=a::b", "\u00a0\u3000: :set-output name=a::b"],
    ["\u200b:\u200b:add-mask::a", "\u200b: \u200b:add-mask::a"],
    ["fine\n::endgroup::\nfine", "fine\n: :endgroup::\nfine"],
    ["[  1.0] ##[error]x ##[group]y", "[  1.0] # #[error]x # #[group]y"],
    ["##vso[task.setvariable variable=a]b", "# #vso[task.setvariable variable=a]b"],
    ["##teamcity[testFailed]", "# #teamcity[testFailed]"],
    ["###[command]x", "## #[command]x"],
    ["::", ": :"],
    [":::error::x", ": ::error::x"],
  ];
  for (const [text, due] of cases) assert.equal(withoutLogCommands(text), due);
});

Deno.test("withoutLogCommands() leaves other text as it is", () => {
  for (
    const text of ["a::b", "std::string x", "[1] :: x", "# heading", "a ## b [c]", "x:\n:y", ""]
  ) {
    assert.equal(withoutLogCommands(text), text);
  }
});

Deno.test("withoutLogCommands() is sound for any mix of what commands are made of", () => {
  const word = fc.constantFrom(":", "::", "#", "##", "[", "error", " ", "\n", "\u200b", "%0A", "]");
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (words) => {
      const printed = withoutLogCommands(words.join(""));
      assert.deepEqual(printed.split("\n").filter(isCommand), []);
      // Once is enough.
      assert.equal(withoutLogCommands(printed), printed);
    }),
    { numRuns: 2000 },
  );
});
