// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { ktapProblemText, parseKtap } from "./ktap.ts";

const parse = (text: string) => parseKtap(text.split("\n").filter((line) => line !== ""));
/** "name status" for each case, and what is wrong with the stream. */
const outcome = (text: string) => {
  const { cases, problems } = parse(text);
  return {
    cases: cases.map(({ name, status }) => `${name} ${status}`),
    problems: problems.map(ktapProblemText),
  };
};

Deno.test("parseKtap() reads what our guest writes", () => {
  const report = parse(`KTAP version 1
1..3
# RUN kcov.pc.basic
# first: 7 entries, then 7
ok 1 kcov.pc.basic
# RUN kcov.cmp.basic
ok 2 kcov.cmp.basic # SKIP KCOV_TRACE_CMP: errno 524
# RUN kcov.pc.mmap
# AssertionError: 1 is not 2
#     at mmap (tests.js:1)
not ok 3 kcov.pc.mmap
`);
  assert.deepEqual(report.problems, []);
  assert.equal(report.planned, 3);
  assert.equal(report.running, null);
  assert.deepEqual(report.cases, [
    {
      number: 1,
      name: "kcov.pc.basic",
      status: "ok",
      reason: "",
      diagnostics: ["first: 7 entries, then 7"],
    },
    {
      number: 2,
      name: "kcov.cmp.basic",
      status: "skip",
      reason: "KCOV_TRACE_CMP: errno 524",
      diagnostics: [],
    },
    {
      number: 3,
      name: "kcov.pc.mmap",
      status: "not ok",
      reason: "",
      diagnostics: ["AssertionError: 1 is not 2", "    at mmap (tests.js:1)"],
    },
  ]);
});

Deno.test("parseKtap() takes KTAP version 1 and TAP version 13 and 14", () => {
  for (const version of ["KTAP version 1", "TAP version 13", "TAP version 14"]) {
    assert.deepEqual(outcome(`${version}\n1..1\nok 1 - a\n`), { cases: ["a ok"], problems: [] });
  }
  for (const version of ["", "KTAP version 2\n", "TAP version 12\n"]) {
    assert.ok(outcome(`${version}1..1\nok 1 a\n`).problems.includes("no KTAP version line"));
  }
});

Deno.test("parseKtap() reads every directive, in any case, and what stands behind it", () => {
  const line = (text: string) => {
    const { status, reason, name } = parse(`KTAP version 1\n1..1\n${text}\n`).cases[0]!;
    return [status, name, reason];
  };
  assert.deepEqual(line("ok 1 a # SKIP no device"), ["skip", "a", "no device"]);
  assert.deepEqual(line("ok 1 a # skip"), ["skip", "a", ""]);
  assert.deepEqual(line("ok 1 a # SKIP: why"), ["skip", "a", "why"]);
  assert.deepEqual(line("ok 1 # SKIP why"), ["skip", "", "why"]);
  assert.deepEqual(line("not ok 1 a # SKIP why"), ["not ok", "a", "why"]);
  assert.deepEqual(line("ok 1 a # XFAIL known"), ["xfail", "a", "known"]);
  assert.deepEqual(line("not ok 1 a # TODO later"), ["todo", "a", "later"]);
  assert.deepEqual(line("not ok 1 a # TIMEOUT 45 s"), ["timeout", "a", "45 s"]);
  assert.deepEqual(line("not ok 1 a # ERROR setup"), ["error", "a", "setup"]);
  assert.deepEqual(line("not ok 1 a # exit=1"), ["not ok", "a", "exit=1"]);
  assert.deepEqual(line("ok 1 a # SKIPPED is no directive"), [
    "ok",
    "a",
    "SKIPPED is no directive",
  ]);
  assert.deepEqual(line("ok 1 a \\# b # SKIP c"), ["skip", "a # b", "c"]);
});

Deno.test("parseKtap() nests by two blanks, and names cases by the suites around them", () => {
  const text = `KTAP version 1
1..2
  KTAP version 1
  1..2
    KTAP version 1
    1..1
    ok 1 inner
  ok 1 middle
  # why not
  not ok 2 other
not ok 1 outer
ok 2 alone
`;
  assert.deepEqual(outcome(text), {
    cases: ["outer.middle.inner ok", "outer.other not ok", "alone ok"],
    problems: [],
  });
  assert.deepEqual(parse(text).cases[1]!.diagnostics, ["why not"]);
});

Deno.test("parseKtap() nests by the four blanks of KUnit", () => {
  assert.deepEqual(
    outcome(`KTAP version 1
1..1
    KTAP version 1
    # Subtest: list
    1..2
    ok 1 list_add
    ok 2 list_del
# list: pass:2 fail:0 skip:0 total:2
ok 1 list
`),
    { cases: ["list.list_add ok", "list.list_del ok"], problems: [] },
  );
});

Deno.test("parseKtap() reads kselftest's output of a harness program", () => {
  const report = parse(`TAP version 13
1..2
# timeout set to 45
# selftests: kcov: kcov_test
# TAP version 13
# 1..3
# # Starting 3 tests from 2 test cases.
# #  RUN           kcov.mode_trace_pc.kcov_basic_syscall_coverage ...
# #            OK  kcov.mode_trace_pc.kcov_basic_syscall_coverage
# ok 1 kcov.mode_trace_pc.kcov_basic_syscall_coverage
# #  RUN           kcov.mode_trace_cmp.kcov_basic_syscall_coverage ...
# #      SKIP      no comparisons
# ok 2 kcov.mode_trace_cmp.kcov_basic_syscall_coverage # SKIP no comparisons
# # kcov_test.c:70:mmap:Expected 1 (1) == 2 (2)
# not ok 3 kcov.pc.mmap
# # FAILED: 2 / 3 tests passed.
# # Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:0
not ok 1 selftests: kcov: kcov_test # exit=1
# timeout set to 45
# selftests: size: get_size
ok 2 selftests: size: get_size # SKIP
`);
  assert.deepEqual(report.problems, []);
  assert.deepEqual(report.cases.map(({ name, status }) => [name, status]), [
    ["selftests: kcov: kcov_test.kcov.mode_trace_pc.kcov_basic_syscall_coverage", "ok"],
    ["selftests: kcov: kcov_test.kcov.mode_trace_cmp.kcov_basic_syscall_coverage", "skip"],
    ["selftests: kcov: kcov_test.kcov.pc.mmap", "not ok"],
    ["selftests: size: get_size", "skip"],
  ]);
  assert.ok(
    report.cases[2]!.diagnostics.includes("kcov_test.c:70:mmap:Expected 1 (1) == 2 (2)"),
  );
});

Deno.test("parseKtap() keeps a program's own failure when all of its cases passed", () => {
  const text = (end: string) =>
    `TAP version 13
1..1
# TAP version 13
# 1..1
# ok 1 a
not ok 1 prog # ${end}
`;
  assert.deepEqual(outcome(text("exit=139")).cases, ["prog.a ok", "prog not ok"]);
  assert.deepEqual(outcome(text("TIMEOUT 45 seconds")).cases, ["prog.a ok", "prog timeout"]);
});

Deno.test("parseKtap() does not take a test's own words for results", () => {
  assert.deepEqual(
    outcome(`KTAP version 1
1..1
# RUN a
# ok 1 a
# 1..7
# not ok
ok 1 a
`),
    { cases: ["a ok"], problems: [] },
  );
});

Deno.test("parseKtap() finds a plan that is short, missing, doubled or nested and short", () => {
  const problems = (text: string) => outcome(text).problems;
  assert.deepEqual(problems("KTAP version 1\n1..2\nok 1 a\n"), [
    "2 tests planned, 1 with a result",
  ]);
  assert.deepEqual(problems("KTAP version 1\n1..1\nok 1 a\nok 2 b\n"), [
    "1 test planned, 2 with a result",
  ]);
  assert.deepEqual(problems("KTAP version 1\nok 1 a\n"), ["no plan"]);
  assert.deepEqual(problems("KTAP version 1\n1..1\n1..1\nok 1 a\n"), ["a second plan: 1..1"]);
  assert.deepEqual(problems("KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n  ok 1 a\nok 1 s\n"), [
    "a nested plan: 2 tests planned, 1 with a result",
  ]);
  assert.deepEqual(problems(""), ["no KTAP version line", "no plan"]);
});

Deno.test("parseKtap() takes a plan of nothing, skipped as a whole", () => {
  assert.deepEqual(outcome("TAP version 13\n1..0 # SKIP no kcov\n"), { cases: [], problems: [] });
});

Deno.test("parseKtap() finds results out of order, given up streams and lines that are no KTAP", () => {
  const problems = (text: string) => outcome(`KTAP version 1\n1..2\n${text}`).problems;
  assert.deepEqual(problems("ok 2 b\nok 1 a\n"), [
    "result 2 came where 1 was due",
    "result 1 came where 2 was due",
  ]);
  assert.deepEqual(problems("ok 1 a\nok 1 a\n"), ["result 1 came where 2 was due"]);
  assert.ok(
    problems("ok 1 a\nBail out! no memory\n").includes("the stream was given up: no memory"),
  );
  assert.deepEqual(problems("ok 1 a\nhello\nok 2 b\n"), ['no KTAP: "hello"']);
});

Deno.test("parseKtap() counts results without a number", () => {
  assert.deepEqual(outcome("KTAP version 1\n1..2\nok - a\nnot ok b\n"), {
    cases: ["a ok", "b not ok"],
    problems: [],
  });
});

Deno.test("parseKtap() names the test whose result has not come", () => {
  assert.equal(parse("KTAP version 1\n1..2\n# RUN a\nok 1 a\n# RUN b\n# half\n").running, "b");
  assert.equal(parse("KTAP version 1\n1..2\n# RUN a\nok 1 a\n").running, null);
});

Deno.test("parseKtap() never throws, and never loses a result at the top", () => {
  const word = fc.constantFrom(
    ...["KTAP version 1", "1..2", "ok 1 a", "not ok 2 b # SKIP x", "# RUN a", "Bail out!", "ok"],
    ...["# note", "#", "", "1..", "ok 99999999999999999999 z", "not ok \\", "# # ok 1 x"],
  );
  const indent = fc.constantFrom("", "  ", "    ", "# ", "# # ", " ");
  const line = fc.tuple(indent, word).map(([indent, word]) => indent + word);
  fc.assert(fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
    const report = parseKtap(lines);
    const top = lines.filter((line) => /^(ok|not ok) /.test(line)).length;
    assert.ok(report.cases.length >= (top > 0 ? 1 : 0));
    const failed = lines.some((line) => /^not ok 2 b/.test(line));
    if (failed) assert.ok(report.cases.some((one) => one.status === "not ok"));
  }));
});
