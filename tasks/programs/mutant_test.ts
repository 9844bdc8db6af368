// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellReport, StageResult, TestResult } from "../core/model/model.ts";
import { failure, KmatrixError } from "../core/model/errors.ts";
import type { FailureKind } from "../core/model/failure_kinds.ts";
import { NO_FACTS } from "../core/report/cell_facts.ts";
import { judgeMutant, mutantSummary, mutantTable, orderMutants, parseMutant } from "./mutant.ts";

const DIFF = "--- a/x/y.c\n+++ b/x/y.c\n@@ -1 +1 @@\n-a\n+b\n";
const text = (catcher: string, more = "") =>
  `Cell: k/c\nCatcher: ${catcher}\n${more}Why: it is wrong\n\n${DIFF}`;

function report(
  failedStage: StageResult["stage"] | null,
  failedTests: readonly string[],
  kind: FailureKind = "build",
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
  const stageFailure = { kind, id: "why", message: "it is so", detail: "" };
  const stages: StageResult[] = failedStage === null ? [] : [{
    stage: failedStage,
    outcome: { kind: "failed", failure: stageFailure },
    durationMs: 0,
    note: "",
  }];
  const failures = [
    ...(failedStage === null ? [] : [stageFailure]),
    ...failedTests.map(() => failure),
  ];
  return {
    cell: "k/c" as CellReport["cell"],
    stages,
    tests,
    splats: [],
    verdict: failures.length > 0 ? { kind: "failed", failures } : { kind: "passed", note: "" },
    facts: NO_FACTS,
    consoleTail: "",
    repeat: "",
  };
}

Deno.test("parseMutant() reads stage and test catchers, the files and the cost", () => {
  const mutant = parseMutant("m", text("stage inspect"));
  assert.deepEqual(mutant.catcher, { kind: "stage", stage: "inspect" });
  assert.deepEqual(mutant.files, ["x/y.c"]);
  assert.equal(mutant.rebuildsAll, false);
  assert.deepEqual(
    parseMutant("m", text("test f.* g.*", "Also: h.* i.*\nRebuilds: everything\n")),
    {
      name: "m",
      cell: "k/c",
      matrix: "matrix.yaml",
      catcher: { kind: "tests", globs: ["f.*", "g.*"] },
      also: ["h.*", "i.*"],
      why: "it is wrong",
      rebuildsAll: true,
      files: ["x/y.c"],
      ofPlugin: false,
    },
  );
});

Deno.test("parseMutant() tells the plugin from the kernel, and takes no mutant of both", () => {
  const ofPlugin = text("stage inspect").replaceAll("x/y.c", "plugins/p/p.cpp");
  assert.equal(parseMutant("m", ofPlugin).ofPlugin, true);
  const both = `${ofPlugin}${DIFF}`;
  assert.throws(() => parseMutant("m", both), { name: "KmatrixError", id: "bad-mutant" });
});

Deno.test("parseMutant() reads which matrix has the cell", () => {
  const mutant = parseMutant("m", text("stage boot", "Matrix: matrix-other.yaml\n"));
  assert.equal(mutant.matrix, "matrix-other.yaml");
});

Deno.test("parseMutant() names what is wrong with a header", () => {
  for (const catcher of ["stage", "stage nowhere", "somebody f.*"]) {
    assert.throws(() => parseMutant("m", text(catcher)), KmatrixError);
  }
  assert.throws(() => parseMutant("m", DIFF), /lacks the line "Cell/);
  assert.throws(() => parseMutant("m", text("stage boot").split("---")[0]!), /no diff/);
  assert.throws(() => parseMutant("m", text("stage boot", "Rebuilds: much\n")), /"everything"/);
});

Deno.test("orderMutants() puts what compiles everything last and keeps cells together", () => {
  const one = (name: string, cell: string, more = "") =>
    parseMutant(name, text("stage boot", more).replace("k/c", cell));
  const all = "Rebuilds: everything\n";
  const ordered = orderMutants([
    one("c", "k/a", all),
    one("b", "k/b"),
    one("d", "k/a"),
    one("a", "k/b"),
  ]);
  assert.deepEqual(ordered.map(({ name }) => name), ["d", "a", "b", "c"]);
});

Deno.test("judgeMutant() wants the stage that was expected, and no other", () => {
  const mutant = parseMutant("m", text("stage inspect"));
  assert.deepEqual(judgeMutant(mutant, report("inspect", [], "inspect")), {
    kind: "caught",
    by: "stage inspect (why)",
    red: 0,
  });
  const what = (failed: CellReport) => {
    const verdict = judgeMutant(mutant, failed);
    return verdict.kind === "not-as-expected" ? verdict.what : verdict.kind;
  };
  assert.equal(what(report("build", [])), "stage build (why)");
  assert.equal(what(report(null, ["f.v.one"])), "`f.v.one`");
  assert.equal(what(report(null, [])), "nobody noticed");
});

Deno.test("judgeMutant() takes a cell that did not run for no verdict on the mutant", () => {
  const unfinished: CellReport = {
    ...report(null, []),
    verdict: { kind: "unfinished", why: "blocked by setup" },
  };
  const lacking = failure("infra", "package-gone", "the suite has no such package");
  const leftOut: CellReport = {
    ...report(null, []),
    verdict: { kind: "left-out", failures: [lacking] },
  };
  for (const catcher of ["stage inspect", "test *.one"]) {
    const mutant = parseMutant("m", text(catcher));
    assert.deepEqual(judgeMutant(mutant, unfinished), {
      kind: "broken",
      what: "its cell did not run to an end: blocked by setup",
    });
    assert.deepEqual(judgeMutant(mutant, leftOut), {
      kind: "broken",
      what: "its cell is left out: the suite has no such package",
    });
  }
});

Deno.test("judgeMutant() wants each expected test, no other, and takes no dead boot for a catch", () => {
  const mutant = parseMutant("m", text("test *.one"));
  assert.deepEqual(judgeMutant(mutant, report(null, ["f.v.one"])), {
    kind: "caught",
    by: "`f.v.one`",
    red: 1,
  });
  assert.deepEqual(judgeMutant(mutant, report(null, ["f.v.one", "f.v.two"])), {
    kind: "not-as-expected",
    what: "red as well: `f.v.two`",
    red: 2,
  });
  assert.deepEqual(judgeMutant(mutant, report(null, ["f.v.two"])), {
    kind: "not-as-expected",
    what: "silent: `*.one`; red as well: `f.v.two`",
    red: 1,
  });
  assert.equal(judgeMutant(mutant, report("boot", ["f.v.one"], "kernel")).kind, "not-as-expected");
  assert.equal(judgeMutant(mutant, report(null, [])).kind, "not-as-expected");
  const both = parseMutant("m", text("test *.one *.two"));
  assert.equal(judgeMutant(both, report(null, ["f.v.one", "f.v.two"])).kind, "caught");
  assert.deepEqual(judgeMutant(both, report(null, ["f.v.one"])), {
    kind: "not-as-expected",
    what: "silent: `*.two`",
    red: 1,
  });
});

Deno.test("judgeMutant() lets tests be red or green that the file names as such", () => {
  const mutant = parseMutant("m", text("test *.one", "Also: *.two\n"));
  assert.equal(judgeMutant(mutant, report(null, ["f.v.one", "f.v.two"])).kind, "caught");
  const other = parseMutant("m", text("test *.two", "Also: *.one\n"));
  assert.deepEqual(judgeMutant(other, report(null, ["f.v.one", "f.v.two"])), {
    kind: "caught",
    by: "`f.v.two` (+1)",
    red: 2,
  });
  assert.equal(judgeMutant(mutant, report(null, ["f.v.one"])).kind, "caught");
  assert.equal(judgeMutant(mutant, report(null, ["f.v.two"])).kind, "not-as-expected");
});

Deno.test("judgeMutant() takes no failure of the machinery for a catch", () => {
  const mutant = parseMutant("m", text("stage build"));
  for (const kind of ["infra", "patch", "config", "usage", "bug"] as const) {
    const verdict = judgeMutant(mutant, report("build", [], kind));
    assert.deepEqual(verdict, { kind: "broken", what: "why: it is so" }, kind);
  }
});

Deno.test("mutantTable() shows expectation beside outcome, mutantSummary() counts", () => {
  const stage = parseMutant("a", text("stage build"));
  const test = parseMutant("b", text("test *.one"));
  const rows = [
    { mutant: stage, verdict: judgeMutant(stage, report("build", [])), seconds: 7 },
    { mutant: test, verdict: judgeMutant(test, report(null, ["f.v.one"])), seconds: 8 },
    { mutant: test, verdict: judgeMutant(test, report(null, [])), seconds: 9 },
    { mutant: test, verdict: judgeMutant(test, report("build", [], "infra")), seconds: 1 },
  ];
  assert.deepEqual(mutantTable(rows).trimEnd().split("\n").slice(2), [
    "| a | k/c | stage build | stage build (why) | 0 | 7 s |",
    "| b | k/c | `*.one` | `f.v.one` | 1 | 8 s |",
    "| b | k/c | `*.one` | NOT AS EXPECTED: nobody noticed | 0 | 9 s |",
    "| b | k/c | `*.one` | BROKEN: why: it is so |  | 1 s |",
  ]);
  assert.match(mutantSummary(rows), /^4 mutants, 2 caught as expected, 1 of them by guest tests/);
});
