// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellReport, StageResult, TestResult } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { judgeMutant, parseMutant } from "./mutant.ts";

const text = (catcher: string) =>
  `Cell: k/c\nCatcher: ${catcher}\nWhy: it is wrong\n\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n`;

function report(
  failedStage: StageResult["stage"] | null,
  failedTests: readonly string[],
): CellReport {
  const failure = { kind: "test", id: "x", message: "x", detail: "" } as const;
  const tests = ["f.v.one", "f.v.two"].map((id): TestResult => ({
    id,
    fixture: "f",
    name: id.slice(2),
    file: "",
    durationMs: 0,
    outcome: failedTests.includes(id) ? { kind: "failed", failure } : { kind: "passed" },
    diagnostics: [],
    attachments: {},
  }));
  const stages: StageResult[] = failedStage === null
    ? []
    : [{ stage: failedStage, outcome: { kind: "failed", failure }, durationMs: 0, note: "" }];
  return {
    cell: "k/c" as CellReport["cell"],
    stages,
    tests,
    splats: [],
    verdict: { kind: "failed", failures: [failure] },
    properties: {},
    consoleTail: "",
    repeat: "",
  };
}

Deno.test("parseMutant() reads stage and test catchers", () => {
  assert.deepEqual(parseMutant("m", text("stage inspect")).catcher, {
    kind: "stage",
    stage: "inspect",
  });
  assert.deepEqual(parseMutant("m", text("test f.* g.*")).catcher, {
    kind: "tests",
    globs: ["f.*", "g.*"],
  });
});

Deno.test("parseMutant() names what is wrong with a header", () => {
  for (const catcher of ["stage", "stage nowhere", "somebody f.*"]) {
    assert.throws(() => parseMutant("m", text(catcher)), KmatrixError);
  }
  assert.throws(() => parseMutant("m", "--- a/x\n"), /lacks the line "Catcher/);
});

Deno.test("judgeMutant() wants the stage that was expected, and no other", () => {
  const mutant = parseMutant("m", text("stage inspect"));
  assert.equal(judgeMutant(mutant, report("inspect", [])).caught, true);
  assert.equal(judgeMutant(mutant, report("build", [])).caught, false);
  assert.equal(judgeMutant(mutant, report(null, ["f.v.one"])).caught, false);
});

Deno.test("judgeMutant() wants an expected test, names others, and takes no dead boot for a catch", () => {
  const mutant = parseMutant("m", text("test *.one"));
  assert.deepEqual(judgeMutant(mutant, report(null, ["f.v.one", "f.v.two"])), {
    caught: true,
    by: "f.v.one",
    others: ["f.v.two"],
  });
  assert.equal(judgeMutant(mutant, report(null, ["f.v.two"])).caught, false);
  assert.equal(judgeMutant(mutant, report("boot", ["f.v.one"])).caught, false);
  assert.equal(judgeMutant(mutant, report(null, [])).by, "nobody");
});
