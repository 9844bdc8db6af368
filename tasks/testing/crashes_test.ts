// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellReport, StageOutcome, TestOutcome } from "../core/model/model.ts";
import { declaredTests } from "../../selftests/main.ts";
import {
  AFTER,
  BEFORE,
  type Crash,
  CRASHES,
  differences,
  type Outcome,
  outcomeOf,
} from "./crashes.ts";

const OOPS: Crash = {
  test: "crash_module.base.bang",
  cell: "linux-6.12/crash",
  boot: "sound",
  verdict: "splat-bug",
  after: "passed",
  inside: "kmatrix_crash_bang",
  limitMs: 1000,
};
const AS_DUE: Outcome = {
  boot: "sound",
  verdict: "splat-bug",
  before: "passed",
  after: "passed",
  others: [],
  text: "kernel BUG at a.c:1!\nin report lib/bug.c:7\nby kmatrix_crash_bang a.c:1 [kmatrix_crash]",
  bootMs: 7000,
};

Deno.test("CRASHES has every test of selftests/crash/ once, in cells that have it", () => {
  const declared = declaredTests().filter(({ requires }) => requires.includes("crash"));
  const crashes = declared.map(({ id }) => id).filter((id) => id !== BEFORE && id !== AFTER);
  assert.equal(crashes.length, declared.length - 2);
  assert.deepEqual(CRASHES.map(({ test }) => test).sort(), crashes.sort());
  for (const { test, cell } of CRASHES) {
    const { requires } = declared.find(({ id }) => id === test)!;
    assert.equal(requires.includes("kasan"), cell.endsWith("-kasan"), test);
  }
});

Deno.test("CRASHES has a verdict of its own for each crash", () => {
  const ids = CRASHES.map(({ verdict }) => verdict);
  assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) !== index), []);
});

Deno.test("differences() finds none in what is due", () => {
  assert.deepEqual(differences(OOPS, AS_DUE, 3000), []);
});

Deno.test("differences() names each thing that is not as it should be", () => {
  const cases: readonly [Partial<Outcome>, RegExp][] = [
    [{ boot: "panic" }, /^the boot is panic, not sound$/],
    [{ verdict: "passed" }, /^the test is passed, not splat-bug$/],
    [{ before: "splat-bug" }, /^the test before is splat-bug, not passed$/],
    [{ after: "not-run" }, /^the test behind is not-run, not passed$/],
    [{ others: ["kcov.x.y"] }, /^kcov\.x\.y is in the report$/],
    [{ text: "in kmatrix_crash_bang_twice a.c:1" }, /not name a line of kmatrix_crash_bang\(\)$/],
    [{ text: "in kmatrix_crash_bang+0x1/0x2" }, /not name a line of kmatrix_crash_bang\(\)$/],
    [{ bootMs: 7001 }, /^the boot took 7001 ms, more than 7000 ms$/],
    [{ bootMs: NaN }, /^the boot took NaN ms/],
  ];
  for (const [change, message] of cases) {
    const found = differences(OOPS, { ...AS_DUE, ...change }, 3000);
    assert.equal(found.length, 1, `${message}`);
    assert.match(found[0]!, message);
  }
});

const failure = (id: string, detail: string) =>
  ({ kind: "kernel", id, message: "m", detail }) as const;

function reportWith(boot: StageOutcome, tests: Readonly<Record<string, TestOutcome>>): CellReport {
  return {
    stages: [{ stage: "boot", outcome: boot, durationMs: 0, note: "" }],
    tests: Object.entries(tests).map(([id, outcome]) => ({ id, outcome })),
    facts: { boot: { durationMs: 1234 } },
  } as unknown as CellReport;
}

Deno.test("outcomeOf() reads boot, tests, blame and time off a report", () => {
  const report = reportWith({ kind: "failed", failure: failure("panic", "in boot") }, {
    [BEFORE]: { kind: "passed" },
    [OOPS.test]: { kind: "failed", failure: failure("splat-bug", "in test") },
    [AFTER]: { kind: "not-run", by: "panic" },
    "kcov.x.y": { kind: "passed" },
  });
  assert.deepEqual(outcomeOf(OOPS, report), {
    boot: "panic",
    verdict: "splat-bug",
    before: "passed",
    after: "not-run",
    others: ["kcov.x.y"],
    text: "m\nin test\nm\nin boot",
    bootMs: 1234,
  });
});

Deno.test("outcomeOf() tells a cell that did not come as far as its boot", () => {
  const { stages: _, ...rest } = reportWith({ kind: "passed" }, {});
  const stages = [{ stage: "inspect", outcome: { kind: "failed", failure: failure("x", "") } }];
  const outcome = outcomeOf(OOPS, { ...rest, stages } as unknown as CellReport);
  assert.deepEqual([outcome.boot, outcome.verdict], ["inspect failed", "missing"]);
});

Deno.test("docs/verdicts.md says what each crash is called", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/verdicts.md", import.meta.url));
  const rows = text.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  for (const { test, verdict, boot, inside } of CRASHES) {
    const name = test.split(".").at(-1)!.replaceAll("_", " ");
    const code = (word: string | null) => word === null ? "" : `\`${word}\``;
    const due = [name, code(verdict), code(boot), code(inside)];
    assert.ok(rows.some((row) => row.slice(1, 5).join("|") === due.join("|")), due.join(" | "));
  }
});
