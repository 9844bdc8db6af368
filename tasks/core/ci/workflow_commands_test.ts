// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { readCommand } from "../../testing/workflow_commands.ts";
import { foldingService, sectionBegin, sectionEnd, workflowCommand } from "./workflow_commands.ts";

Deno.test("workflowCommand() escapes what ends a line, a property or the properties", () => {
  assert.equal(
    workflowCommand(
      "error",
      { file: "fs/a,b:c%0A.c", line: 12, col: null, title: "::x, y" },
      "100 %0A::set-output name=a::b\n::second",
    ),
    "::error file=fs/a%2Cb%3Ac%250A.c,line=12,title=%3A %3Ax%2C y::" +
      "100 %250A::set-output name=a::b%0A: :second",
  );
  assert.equal(workflowCommand("endgroup", {}, ""), "::endgroup::");
});

Deno.test("workflowCommand() is one line that the runner reads as it was meant", () => {
  const piece = fc.constantFrom("::", "%", "%0A", "%25", ",", "=", "\n", "\r", "a", "é", "]", ";");
  const text = fc.array(piece, { maxLength: 10 }).map((words) => words.join(""));
  fc.assert(
    fc.property(text, text, (file, message) => {
      const line = workflowCommand("error", { file: `f${file}`, line: 1 }, `m${message}`);
      assert.doesNotMatch(line, /[\r\n]/);
      const read = readCommand(line)!;
      assert.equal(read.name, "error");
      assert.deepEqual(Object.keys(read.properties), ["file", "line"]);
      // Breaks of lines are blanks in a name, and "\r" is a break.
      assert.equal(read.properties.file, `f${file}`.replace(/[\r\n]+/g, " ").trim());
      assert.equal(
        read.text.replaceAll(/[\n ]/g, ""),
        `m${message}`.replaceAll(/[\r\n]/g, ""),
      );
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a log is folded by the words of the service that keeps it", () => {
  const env = (given: Record<string, string>) => (name: string) => given[name];
  assert.equal(foldingService(env({ GITHUB_ACTIONS: "true" })), "github");
  assert.equal(foldingService(env({ GITLAB_CI: "true" })), "gitlab");
  assert.equal(foldingService(env({ GITHUB_ACTIONS: "", GITLAB_CI: "false" })), null);
  assert.equal(sectionBegin("github", "p", "a\n::error::b", 1.5), "::group::a ::error::b");
  assert.equal(sectionEnd("github", "p", 2), "::endgroup::");
  assert.equal(
    sectionBegin("gitlab", "p", "a\nb", 1.5),
    "\x1b[0Ksection_start:1:p[collapsed=true]\r\x1b[0Ka b",
  );
  assert.equal(sectionEnd("gitlab", "p", 2.9), "\x1b[0Ksection_end:2:p\r\x1b[0K");
});
