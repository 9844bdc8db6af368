// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { diagnosticLines, planLine, resultLine, runLine } from "./ktap.ts";

Deno.test("resultLine() writes each outcome as kselftest does", () => {
  assert.equal(resultLine(1, "a.b.c", { kind: "pass" }), "ok 1 a.b.c");
  assert.equal(resultLine(2, "a.b.c", { kind: "fail", message: "no" }), "not ok 2 a.b.c");
  assert.equal(
    resultLine(3, "a.b.c", { kind: "skip", reason: "no\n device" }),
    "ok 3 a.b.c # SKIP no device",
  );
  assert.equal(
    resultLine(4, "a.b.c", { kind: "timeout", timeoutMs: 45_000 }),
    "not ok 4 a.b.c # TIMEOUT 45 s",
  );
});

Deno.test("diagnosticLines() makes one line of each line", () => {
  assert.deepEqual(diagnosticLines("a\nb\r\nc\rd\n"), ["# a", "# b", "# c", "# d", "#"]);
});

Deno.test("planLine() and runLine() write the lines around the tests", () => {
  assert.equal(planLine(7), "1..7");
  assert.equal(runLine("a.b.c"), "# RUN a.b.c");
});
