// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellId, CellResult, Feature, TestResult } from "../model/model.ts";
import {
  C_TEST,
  endAttachment,
  printedLine,
  type ProgramEnd,
} from "../../../selftests/contract/c_programs.ts";
import { declaredTests } from "../../../selftests/main.ts";
import { type Act, bootRecord, record, scripted } from "../../testing/recorder.ts";
import { NO_FACTS, testFacts } from "../report/cell_facts.ts";
import { comparisonOf, cProgramTable } from "./c_programs.ts";
import { junitXml } from "../report/junit.ts";
import { judgeBoot } from "./boot_result.ts";
import { judgeCell } from "./verdict.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";

const PC = "kcov.mode_trace_pc.kcov_basic_syscall_coverage";
const CMP = "kcov.mode_trace_cmp.kcov_basic_syscall_coverage";
const UNIQUE = "kcov_uniq.fast_rw.kcov_uniq_coverage";
const REQUIRES: Readonly<Record<string, readonly Feature[]>> = {
  [PC]: ["kcov"],
  [CMP]: ["kcov", "cmp"],
  [UNIQUE]: ["kcov", "unique"],
};
const FEATURES: readonly Feature[] = ["kcov", "unique", "c-selftest"];

/** As kselftest_harness.h prints it. */
const TAP = [
  "TAP version 13",
  "1..3",
  "# Starting 3 tests from 3 test cases.",
  `#  RUN           ${PC} ...`,
  `#            OK  ${PC}`,
  `ok 1 ${PC}`,
  `#  RUN           ${CMP} ...`,
  "#      SKIP      no comparisons",
  `#            OK  ${CMP}`,
  `ok 2 ${CMP} # SKIP no comparisons`,
  `#  RUN           ${UNIQUE} ...`,
  `#            OK  ${UNIQUE}`,
  `ok 3 ${UNIQUE}`,
  "# PASSED: 3 / 3 tests passed.",
];

interface Run {
  readonly tap?: readonly string[];
  readonly end?: ProgramEnd;
  readonly features?: readonly Feature[];
  /** What our own tests do, where not as the cell demands. */
  readonly ours?: Readonly<Record<string, Act>>;
  /** What the test that runs the program does. */
  readonly act?: Act;
  readonly console?: readonly string[];
  readonly filter?: readonly string[];
  /** What it printed when it was started again, and how it ended then. */
  readonly again?: readonly (readonly [tap: readonly string[], code: number])[];
}

/** A cell with the three tests of ours, and a C program that printed this. */
function judged(run: Run = {}): CellResult {
  const { tap = TAP, end = { kind: "exited", code: 0 }, features = FEATURES, ours = {} } = run;
  const filter = run.filter ?? [];
  const again = (run.again ?? []).map(([tap, code], index) => ({ tap, code, number: index + 2 }));
  const recording = record({
    features,
    filter,
    tests: [
      ...Object.entries(REQUIRES).map(([id, requires]) => {
        const lacking = requires.filter((one) => !features.includes(one));
        const due: Act = lacking.length > 0 ? { do: "skip", reason: "lacks it" } : { do: "pass" };
        return scripted(id, ours[id] ?? due, { requires });
      }),
      scripted(C_TEST, run.act, {
        requires: ["kcov", "c-selftest"],
        logs: [
          ...tap.map((line) => printedLine("kcov_test", line)),
          ...again.flatMap(({ tap, number }) =>
            tap.map((line) => printedLine("kcov_test", line, number))
          ),
        ],
        attaches: {
          [endAttachment("kcov_test")]: end,
          ...Object.fromEntries(
            again.map(({ code, number }) => [
              endAttachment("kcov_test", number),
              { kind: "exited", code },
            ]),
          ),
        },
        ...(run.console ? { console: run.console } : {}),
      }),
    ],
  });
  return judgeBoot({ ...recording, record: bootRecord(recording, { features, filter }) });
}

const word = ({ outcome }: TestResult) =>
  outcome.kind === "failed" ? outcome.failure.id : outcome.kind;
const words = (result: CellResult) =>
  Object.fromEntries(
    result.tests.filter(({ id }) => id.startsWith("kcov_c.")).map((test) => [test.id, word(test)]),
  );
const message = (result: CellResult, id: string) => {
  const outcome = result.tests.find((test) => test.id === id)!.outcome;
  return outcome.kind === "failed" ? outcome.failure.message : outcome.kind;
};
const c = (name: string) => `kcov_c.kcov_test.${name}`;
const replaced = (from: string, ...to: string[]) =>
  TAP.flatMap((line) => line === from ? to : [line]);

Deno.test("the test that runs the C programs is declared", () => {
  assert.ok(declaredTests().some(({ id }) => id === C_TEST));
});

Deno.test("each result of the C program is a result of the cell, and the names line up", () => {
  const result = judged();
  assert.equal(result.boot, null);
  assert.deepEqual(words(result), {
    [C_TEST]: "passed",
    [c(PC)]: "passed",
    [c(CMP)]: "skipped",
    [c(UNIQUE)]: "passed",
  });
  assert.deepEqual(comparisonOf(result.tests), {
    same: [PC, CMP, UNIQUE],
    differing: [],
    onlyC: [],
    onlyOurs: [],
    whole: true,
  });
  assert.equal(judgeCell({ kind: "pass" }, [], result).verdict.kind, "passed");
});

Deno.test("a cell without a C program is judged as ever", () => {
  const result = judged({ features: ["kcov", "unique"] });
  assert.deepEqual(words(result), {});
  assert.equal(comparisonOf(result.tests), null);
});

Deno.test("a name that one side has is reported and no failure", () => {
  const other = "kcov.mode_pc.kcov_basic_syscall_coverage";
  const result = judged({ tap: replaced(`ok 1 ${PC}`, `ok 1 ${other}`) });
  const facts = { ...NO_FACTS, ...testFacts(result.tests) };
  const { verdict } = judgeCell({ kind: "pass" }, [], result);
  assert.equal(verdict.kind, "passed");
  const cell = "k/c" as CellId;
  assert.equal(
    cProgramTable(sampleRun([sampleCellReport({ cell, facts }), sampleCellReport()])),
    `C program of the tree (tools/testing/selftests/kcov) beside our port:
  k/c  2 results as ours, 0 differ, 1 only in C, 1 only in ours
    only in C:    ${other}
    only in ours: ${PC}`,
  );
});

Deno.test("a test that fails in C fails, whatever ours says", () => {
  const tap = [
    "#  kcov_test.c:9:kcov_uniq_coverage:Expected area_call(area) (1) == 0 (0)",
    "# kcov_uniq_coverage: Test terminated by assertion",
    `not ok 3 ${UNIQUE}`,
  ];
  const end = { kind: "exited", code: 1 } as const;
  const result = judged({ tap: replaced(`ok 3 ${UNIQUE}`, ...tap), end });
  assert.deepEqual(words(result)[C_TEST], "passed");
  assert.equal(
    message(result, c(UNIQUE)),
    "failed in C: kcov_test.c:9:kcov_uniq_coverage:Expected area_call(area) (1) == 0 (0); ours passed",
  );
  assert.deepEqual(comparisonOf(result.tests)?.differing, [UNIQUE]);

  const both = judged({
    tap: replaced(`ok 3 ${UNIQUE}`, ...tap),
    end,
    ours: { [UNIQUE]: { do: "fail", message: "no" } },
  });
  assert.equal(words(both)[c(UNIQUE)], "c-test-failed");
  assert.deepEqual(comparisonOf(both.tests)?.differing, [], "they agree");
});

Deno.test("a test of a program that was started again fails when it failed each time", () => {
  const red = (name: string, at: number) =>
    replaced(
      `ok ${at} ${name}`,
      `#  kcov_test.c:9:Expected 2 == 0 in ${at}`,
      `not ok ${at} ${name}`,
    );
  const [first, third] = [red(PC, 1), red(UNIQUE, 3)];
  const end = { kind: "exited", code: 1 } as const;

  const once = judged({ tap: third, end, again: [[TAP, 0]] });
  assert.deepEqual([words(once)[C_TEST], words(once)[c(UNIQUE)]], ["passed", "passed"]);
  const { diagnostics } = once.tests.find(({ id }) => id === c(UNIQUE))!;
  assert.match(diagnostics.join("\n"), /failed in run 1 of 2\n[^]*Expected 2 == 0 in 3$/);
  assert.deepEqual(comparisonOf(once.tests)?.differing, []);

  // Each of them once.
  const turns = judged({ tap: third, end, again: [[first, 1], [third, 1]] });
  assert.deepEqual(Object.values(words(turns)), ["passed", "passed", "skipped", "passed"]);
  const always = judged({ tap: third, end, again: [[third, 1], [third, 1]] });
  assert.equal(words(always)[c(UNIQUE)], "c-test-failed");
  // How it ends, and whether its TAP adds up, counts of each run.
  const died = judged({ tap: third, end, again: [[TAP.slice(0, 4), 139]] });
  assert.equal(words(died)[C_TEST], "c-crashed");
  const odd = judged({ tap: third, end, again: [[third, 0]] });
  assert.equal(words(odd)[C_TEST], "c-bad-tap");
});

Deno.test("what passes or skips in C and is not so with us differs", () => {
  const ours = { [UNIQUE]: { do: "fail", message: "no" } } as const;
  assert.match(message(judged({ ours }), c(UNIQUE)), /^passed in C; ours failed \(.*no\)$/);
  assert.equal(words(judged({ ours }))[c(UNIQUE)], "c-differs");

  const skips = judged({ tap: replaced(`ok 3 ${UNIQUE}`, `ok 3 ${UNIQUE} # SKIP too old`) });
  assert.equal(words(skips)[c(UNIQUE)], "c-differs");
  assert.equal(message(skips, c(UNIQUE)), "skip in C (too old); ours passed");

  const passes = judged({ tap: TAP.map((line) => line.replace(/ # SKIP.*/, "")) });
  assert.equal(words(passes)[c(CMP)], "c-differs");
  assert.deepEqual(comparisonOf(passes.tests)?.differing, [CMP]);
});

Deno.test("a result is held to what the cell has also where our tests were not selected", () => {
  const filter = ["kcov_c.*"];
  assert.deepEqual(comparisonOf(judged({ filter }).tests)?.same, [PC, CMP, UNIQUE]);
  const tap = TAP.map((line) => line.replace(/ # SKIP.*/, ""));
  assert.equal(words(judged({ filter, tap }))[c(CMP)], "c-differs");
});

Deno.test("where the device is missing everything has to skip", () => {
  const tap = TAP.map((line) => line.replace(/^(ok \d \S+).*/, "$1 # SKIP no device"));
  const act = { do: "skip", reason: "no device" } as const;
  const result = judged({ tap, act, features: ["c-selftest"] });
  assert.deepEqual([...new Set(Object.values(words(result)))], ["skipped"]);
  assert.equal(judgeCell({ kind: "skip" }, [], result).verdict.kind, "passed");

  const whole = { tap: ["1..0 # SKIP no device"], end: { kind: "exited", code: 4 } as const };
  assert.equal(words(judged({ ...whole, act, features: ["c-selftest"] }))[C_TEST], "skipped");
  assert.equal(words(judged(whole))[C_TEST], "c-differs");
});

Deno.test("a program that does not end by itself fails, with where it was", () => {
  const tap = TAP.slice(0, -3);
  const at = (end: ProgramEnd) => {
    const result = judged({ tap, end, act: { do: "fail", message: "x" } });
    assert.deepEqual(comparisonOf(result.tests)?.onlyOurs, [], "nothing is known of the rest");
    return [words(result)[C_TEST], message(result, C_TEST)];
  };
  assert.deepEqual(at({ kind: "signalled", signal: "SIGSEGV" }), [
    "c-crashed",
    `kcov_test died of SIGSEGV in ${UNIQUE}`,
  ]);
  assert.deepEqual(at({ kind: "timeout", afterMs: 45_000 }), [
    "c-time-limit",
    `kcov_test had no end after 45 s in ${UNIQUE}`,
  ]);
  assert.deepEqual(at({ kind: "flood", bytes: 65_536 }), [
    "c-bad-tap",
    `kcov_test printed more than 65536 bytes in ${UNIQUE}`,
  ]);
  assert.deepEqual(at({ kind: "exited", code: 126 }), [
    "c-crashed",
    `kcov_test ended with code 126 in ${UNIQUE}, and none of its results says why`,
  ]);
});

Deno.test("TAP that does not add up fails", () => {
  const wrong = (tap: readonly string[], code = 0) =>
    words(judged({ tap, end: { kind: "exited", code } }))[C_TEST];
  assert.equal(wrong(TAP.slice(0, -3)), "c-bad-tap", "a short plan");
  assert.equal(wrong([...TAP, `ok 4 ${PC}`]), "c-bad-tap", "two results for one name");
  assert.equal(wrong([]), "c-bad-tap", "nothing");
  assert.equal(wrong(replaced(`ok 1 ${PC}`, `not ok 1 ${PC}`)), "c-bad-tap", "code 0");
  assert.equal(wrong(TAP, 1), "c-crashed", "code 1 without a failed test");
  assert.equal(wrong(["hello", ...TAP, "bye"]), "passed", "other lines are its own business");
});

Deno.test("without the word of the program's end nothing passes", () => {
  const recording = record({
    features: FEATURES,
    tests: [scripted(C_TEST, { do: "pass" }, { requires: ["kcov", "c-selftest"] })],
  });
  const result = judgeBoot({
    ...recording,
    record: bootRecord(recording, { features: FEATURES }),
  });
  assert.deepEqual(words(result), { [C_TEST]: "c-bad-tap" });
});

Deno.test("what the kernel said while the program ran stands first", () => {
  const result = judged({
    console: ["BUG: KASAN: slab-out-of-bounds in kcov_ioctl+0x12/0x340"],
    end: { kind: "signalled", signal: "SIGSEGV" },
    act: { do: "fail", message: "x" },
  });
  assert.match(words(result)[C_TEST]!, /^splat-kasan/);
});

Deno.test("expected failures name results of the C program like any other", () => {
  const tap = replaced(`ok 3 ${UNIQUE}`, `not ok 3 ${UNIQUE}`);
  const result = judged({ tap, end: { kind: "exited", code: 1 } });
  const tests = ["kcov_c.*uniq*"];
  const expect = { kind: "fail", tests, reason: "r", link: "l", expires: "2099-01-01" } as const;
  const { verdict, tests: after } = judgeCell(expect, [], result);
  assert.equal(verdict.kind, "passed");
  const xml = junitXml(sampleRun([sampleCellReport({ tests: after, verdict })]));
  assert.match(
    xml,
    new RegExp(`classname="linux-6.12/kcov.kcov_c" name="kcov_test.${PC}" [^>]*kcov_test.c"`),
  );
});
