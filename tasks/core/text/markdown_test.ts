// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { codeBlock, foreignText } from "./markdown.ts";

Deno.test("foreignText() leaves nothing that Markdown would obey", () => {
  const cases: readonly [string, string][] = [
    ["a | b", "a \\| b"],
    ["<img src=x>", "&lt;img src=x&gt;"],
    ["![x](https://h/t.png)", "\\!\\[x\\]\\(https&#58;//h/t.png\\)"],
    ["`rm` *b* _i_ ~s~", "\\`rm\\` \\*b\\* \\_i\\_ \\~s\\~"],
    ["@everyone #12 $x$", "&#64;everyone \\#12 \\$x\\$"],
    ["www.example.org", "www&#46;example.org"],
    ["&lt; \\", "&amp;lt; \\\\"],
    ["one\n\n# two\x1b[31m", "one \\# two"],
    ["fs/read_write.c:588", "fs/read\\_write.c:588"],
  ];
  for (const [text, due] of cases) assert.equal(foreignText(text), due);
});

Deno.test("codeBlock() has a fence that is longer than any in the text", () => {
  assert.equal(codeBlock("a\n"), "```text\na\n```");
  assert.equal(codeBlock("x\n```\n# y\n`````"), "``````text\nx\n```\n# y\n`````\n``````");
});
