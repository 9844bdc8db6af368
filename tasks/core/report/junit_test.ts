// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { XMLParser } from "fast-xml-parser";
import type { Stage, StageOutcome, TestOutcome, TestResult } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import { type FailureKind, junitKind } from "../model/failure_kinds.ts";
import { assertValidJunit, junitCases, schemaProblems } from "../../testing/junit.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { NO_FACTS } from "./cell_facts.ts";
import { junitXml, xmlText } from "./junit.ts";

const CELL = "linux-6.12/kcov";

const failure = (kind: FailureKind, message = "m", detail = "d"): Failure => ({
  kind,
  id: `${kind}-id`,
  message,
  detail,
});
const stage = (stage: Stage, outcome: StageOutcome = { kind: "passed" }, note = "") => ({
  stage,
  outcome,
  durationMs: 1500,
  note,
});
const test = (name: string, outcome: TestOutcome, diagnostics: string[] = []): TestResult => ({
  id: `kcov.${name}`,
  fixture: "kcov",
  name,
  file: "selftests/kcov/tests/kcov.ts",
  durationMs: 12.5,
  outcome,
  diagnostics,
  attachments: {},
});
const cell = sampleCellReport;
const run = sampleRun;

Deno.test("junitXml() writes one flat suite a cell, stages first, then tests", async () => {
  const broken = failure("test", 'expected <1> & "2"', "at x (a.ts:1)");
  const xml = junitXml(run([cell({
    stages: [stage("build"), stage("boot", undefined, "a note")],
    tests: [
      test("pc.basic", { kind: "passed" }, ["7 PCs"]),
      test("pc.mmap", { kind: "failed", failure: broken }),
      test("cmp.basic", { kind: "skipped", reason: "errno 524" }),
      test("cmp.late", { kind: "not-run", by: "panic" }),
      test("pc.known", { kind: "expected-failure", reason: "known" }),
    ],
    verdict: {
      kind: "failed",
      failures: [
        {
          ...broken,
          message: `kcov.pc.mmap: ${broken.message}`,
          subject: { tests: ["kcov.pc.mmap"] },
        },
      ],
    },
    facts: { ...NO_FACTS, kernel: { id: "linux-6.12", version: "6.12.1" } },
    consoleTail: "[    1.0] Linux\n",
  })]));
  assert.equal(
    xml,
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="kmatrix" tests="7" failures="1" errors="0" skipped="3" time="61.500">
  <testsuite name="linux-6.12/kcov" tests="7" failures="1" errors="0" skipped="3" time="3.063" timestamp="2026-01-02T03:04:05">
    <properties>
      <property name="kernel.version" value="6.12.1"/>
    </properties>
    <testcase classname="linux-6.12/kcov.stage" name="build" time="1.500"/>
    <testcase classname="linux-6.12/kcov.stage" name="boot" time="1.500">
      <system-out>a note</system-out>
    </testcase>
    <testcase classname="linux-6.12/kcov.kcov" name="pc.basic" time="0.013" file="selftests/kcov/tests/kcov.ts">
      <system-out>7 PCs</system-out>
    </testcase>
    <testcase classname="linux-6.12/kcov.kcov" name="pc.mmap" time="0.013" file="selftests/kcov/tests/kcov.ts">
      <failure message="expected &lt;1&gt; &amp; &quot;2&quot;" type="test-id">expected &lt;1&gt; &amp; &quot;2&quot;
at x (a.ts:1)
repeat with: npx --yes deno task matrix &apos;linux-6.12/kcov&apos;</failure>
    </testcase>
    <testcase classname="linux-6.12/kcov.kcov" name="cmp.basic" time="0.013" file="selftests/kcov/tests/kcov.ts">
      <skipped message="errno 524"/>
    </testcase>
    <testcase classname="linux-6.12/kcov.kcov" name="cmp.late" time="0.013" file="selftests/kcov/tests/kcov.ts">
      <skipped message="not run: the boot ended with panic"/>
    </testcase>
    <testcase classname="linux-6.12/kcov.kcov" name="pc.known" time="0.013" file="selftests/kcov/tests/kcov.ts">
      <skipped message="failed as expected: known"/>
    </testcase>
    <system-out>[    1.0] Linux
</system-out>
  </testsuite>
</testsuites>
`,
  );
  await assertValidJunit(xml);
});

Deno.test("junitXml() says which fragment a configuration is about", async () => {
  const config = { key: "k", fragments: ["base", "kcov", "mine"], features: [] };
  const fileIn = (xml: string) => /name="configure" [^>]*?file="([^"]*)"/.exec(xml)?.[1];
  const passed = junitXml(run([cell({
    stages: [stage("configure"), stage("build")],
    facts: { ...NO_FACTS, config },
  })]));
  await assertValidJunit(passed);
  assert.equal(fileIn(passed), "configs/mine.config");
  assert.ok(!/name="build" [^>]*file=/.test(passed));

  const dropped = (fragment?: string) => {
    const option = { option: "CONFIG_KASAN", cause: "depends", ...(fragment ? { fragment } : {}) };
    const problem = {
      ...failure("config", "option-dropped", "gone"),
      evidence: { kind: "options", dropped: [option] } as const,
    };
    return junitXml(run([cell({
      stages: [stage("configure", { kind: "failed", failure: problem })],
      verdict: { kind: "failed", failures: [{ ...problem, subject: { stage: "configure" } }] },
    })]));
  };
  assert.equal(fileIn(dropped("configs/kasan.config")), "configs/kasan.config");
  // An option of the command line stands in no file.
  assert.equal(fileIn(dropped()), undefined);
});

Deno.test("junitXml() shows what stands behind a failed stage as skipped, blocked by it", async () => {
  const blocked = { kind: "blocked", by: "build" } as const;
  const problem = failure("build", "x.c:1:1: error: y");
  const xml = junitXml(run([cell({
    stages: [
      stage("configure"),
      stage("build", { kind: "failed", failure: problem }),
      stage("inspect", blocked),
      stage("boot", blocked),
    ],
    verdict: { kind: "failed", failures: [{ ...problem, subject: { stage: "build" } }] },
  })]));
  await assertValidJunit(xml);
  assert.deepEqual(junitCases(xml)[CELL], [
    { name: "stage configure", state: "passed" },
    { name: "stage build", state: "failure: x.c:1:1: error: y" },
    { name: "stage inspect", state: "skipped: blocked by build" },
    { name: "stage boot", state: "skipped: blocked by build" },
  ]);
});

Deno.test("junitKind() shows kernel and tests as failures, everything else as errors", () => {
  const kinds: Record<FailureKind, string> = {
    kernel: "failure",
    test: "failure",
    promise: "failure",
    build: "failure",
    inspect: "failure",
    usage: "error",
    "no-match": "error",
    patch: "error",
    config: "error",
    infra: "error",
    interrupted: "error",
    bug: "error",
  };
  for (const [kind, element] of Object.entries(kinds)) {
    assert.equal(junitKind(kind as FailureKind), element, kind);
    const outcome = { kind: "failed", failure: failure(kind as FailureKind) } as const;
    const subject = { stage: "build" } as const;
    const failures = [{ ...outcome.failure, subject }];
    const verdict = { kind: "failed", failures } as const;
    const xml = junitXml(run([cell({ stages: [stage("build", outcome)], verdict })]));
    assert.equal(junitCases(xml)[CELL]![0]!.state, `${element}: m`);
    assert.match(
      xml,
      new RegExp(
        `<testsuites name="kmatrix" tests="1" ${
          element === "failure" ? 'failures="1" errors="0"' : 'failures="0" errors="1"'
        } skipped="0"`,
      ),
    );
  }
});

Deno.test("junitXml() makes a case of a verdict that no stage and no test carries", async () => {
  const failures = [failure("no-match", "no test passed"), failure("test", "unexpected")];
  const xml = junitXml(run([cell({ verdict: { kind: "failed", failures } })]));
  await assertValidJunit(xml);
  assert.deepEqual(junitCases(xml)[CELL], [
    { name: "verdict no-match-id", state: "error: no test passed" },
    { name: "verdict test-id-2", state: "failure: unexpected" },
  ]);
});

Deno.test("junitXml() shows a whole cell that failed as expected as skipped", async () => {
  const outcome = { kind: "failed", failure: failure("build") } as const;
  const xml = junitXml(run([cell({
    stages: [stage("build", outcome), stage("boot", { kind: "blocked", by: "build" })],
    verdict: { kind: "passed", note: "failed as expected: known" },
  })]));
  await assertValidJunit(xml);
  assert.deepEqual(junitCases(xml)[CELL], [
    { name: "stage build", state: "skipped: failed as expected: known" },
    { name: "stage boot", state: "skipped: blocked by build" },
  ]);
  assert.match(xml, /failures="0" errors="0" skipped="2"/);
});

Deno.test("junitXml() puts failures of the whole run into a suite of their own, in front", async () => {
  const failures = [failure("infra", "flex is missing"), failure("infra", "bc is missing")];
  const blocked = { kind: "blocked", by: "setup" } as const;
  const verdict = { kind: "unfinished", why: "blocked by setup" } as const;
  const xml = junitXml(run([cell({ stages: [stage("fetch", blocked)], verdict })], { failures }));
  await assertValidJunit(xml);
  assert.deepEqual(Object.entries(junitCases(xml)), [
    ["kmatrix", [
      { name: "run infra-id", state: "error: flex is missing" },
      { name: "run infra-id-2", state: "error: bc is missing" },
    ]],
    [CELL, [{ name: "stage fetch", state: "skipped: blocked by setup" }]],
  ]);
});

Deno.test("junitXml() is valid for a run that was broken off before it began", async () => {
  await assertValidJunit(junitXml(run([])));
  await assertValidJunit(
    junitXml(run([cell({ verdict: { kind: "unfinished", why: "not run" } })])),
  );
});

/** Everything that a console or a compiler may print: what XML forbids, and what it uses itself. */
const NASTY =
  "aa\0b\x01c\x08\x0b\x0c\x1b[31m\x7f\x85\x9f\n\ufffe\uffff\ud800 \udc00x😀]]><&\"'\t\r\n";

Deno.test("junitXml() stays valid whatever the texts hold", async () => {
  const nasty = failure("test", NASTY, NASTY);
  const xml = junitXml(run([cell({
    stages: [stage("build", { kind: "failed", failure: nasty }, NASTY)],
    tests: [
      test("pc.basic", { kind: "failed", failure: nasty }, [NASTY]),
      test("pc.skip", { kind: "skipped", reason: NASTY }),
    ],
    verdict: { kind: "failed", failures: [{ ...nasty, subject: { stage: "build" } }] },
    facts: { ...NO_FACTS, kernel: { id: "linux-6.12", version: NASTY } },
    consoleTail: NASTY,
  })]));
  await assertValidJunit(xml);
  const parsed = new XMLParser({ ignoreAttributes: false }).parse(xml);
  assert.equal(
    parsed.testsuites.testsuite.properties.property["@_value"],
    "aab x😀]]><&\"'",
  );
});

Deno.test("junitXml() keeps huge texts short, and the file small", async () => {
  const huge = `first\n${"x😀".repeat(400_000)}\nlast`;
  const outcome = { kind: "failed", failure: failure("test", huge, huge) } as const;
  const tests = Array.from({ length: 20 }, (_, n) => test(`pc.t${n}`, outcome, [huge]));
  const xml = junitXml(run([cell({ tests, consoleTail: huge })]));
  assert.ok(xml.length < 30 * 100_000, `${xml.length}`);
  await assertValidJunit(xml);
});

Deno.test("xmlText() removes what XML 1.0 forbids, and nothing else", () => {
  assert.equal(xmlText("a\tb\nc\u00e9\u20ac😀\ufffd"), "a\tb\nc\u00e9\u20ac😀\ufffd");
  assert.equal(xmlText(NASTY), "aab\n x😀]]><&\"'\t\n");
});

Deno.test("xmlText() cuts the middle out, and says how much", () => {
  const text = xmlText(`${"a".repeat(15_000)}${"b".repeat(15_000)}`);
  assert.match(text, /^a{10000}\n… 10000 characters left out …\nb{10000}$/);
  // A pair of surrogates at the cut is removed whole.
  const pairs = xmlText(`a${"😀".repeat(20_000)}`);
  assert.doesNotMatch(
    pairs,
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/,
  );
});

Deno.test("xmlText() gives text that XML can hold, whatever it is given", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(xmlText(text), /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/);
    assert.ok(xmlText(text).isWellFormed());
  }));
});

Deno.test("the schema refuses what viewers choke on", async () => {
  const valid = junitXml(run([cell({
    stages: [stage("build"), stage("boot")],
    verdict: { kind: "passed", note: "" },
  })]));
  await assertValidJunit(valid);
  const broken: readonly [string, string | RegExp, string][] = [
    ["a case without classname", / classname="[^"]*"/, ""],
    ["a case without time", / time="1.500"/, ""],
    ["two cases of one name", 'name="boot"', 'name="build"'],
    ["nested suites", /<testcase[^>]*build[^>]*\/>/, "<testsuite/>"],
    ["time in another unit", 'time="1.500"', 'time="1500ms"'],
    ["an unknown element", /(<testcase[^>]*build[^>]*)\/>/, "$1><broken/></testcase>"],
    ["a failure without message", /(<testcase[^>]*build[^>]*)\/>/, "$1><failure/></testcase>"],
  ];
  for (const [name, from, to] of broken) {
    const xml = valid.replace(from, to);
    assert.notEqual(xml, valid, name);
    assert.notDeepEqual(await schemaProblems(xml), [], name);
  }
});

Deno.test("the schema allows flaky tries beside a pass, and beside a failure", async () => {
  const valid = junitXml(run([cell({ stages: [stage("build")] })]));
  const inside = (text: string) => valid.replace(/(<testcase[^>]*)\/>/, `$1>${text}</testcase>`);
  const stack = "<stackTrace>x</stackTrace>";
  const flaky = `<flakyFailure message="m" type="t">${stack}</flakyFailure>`;
  const rerun =
    `<failure message="m" type="t"/><rerunFailure message="m" type="t">${stack}</rerunFailure>`;
  for (const text of [flaky, flaky + flaky, rerun]) await assertValidJunit(inside(text));
});

Deno.test("junitXml() marks what failed in some boots as flaky, and the others as reruns", async () => {
  const failures = [failure("test", "expected 0", "at a"), failure("test", "expected 1")];
  const [first, second] = failures as [Failure, Failure];
  const message = "kcov.pc.basic: flaky, failed in 2 of 3 boots";
  const verdict = {
    kind: "flaky",
    failures: [{ ...first, id: "flaky", message, subject: { tests: ["kcov.pc.basic"] } }],
    allowed: false,
  } as const;
  const report = cell({
    stages: [stage("boot", { kind: "flaky", failures: [failure("kernel", "died")], runs: 3 })],
    tests: [
      test("pc.basic", { kind: "flaky", failures, runs: 3 }),
      test("pc.mmap", { kind: "failed", failure: first, reruns: [second] }),
    ],
    verdict,
  });
  const xml = junitXml(run([report]));
  await assertValidJunit(xml);
  const parsed = new XMLParser({ ignoreAttributes: false }).parse(xml);
  const [boot, basic, mmap, flaky] = parsed.testsuites.testsuite.testcase;
  assert.equal(boot.flakyFailure["@_message"], "died");
  assert.ok(!("failure" in basic));
  assert.deepEqual(
    basic.flakyFailure.map((one: Record<string, string>) => [one["@_message"], one.stackTrace]),
    [["expected 0", "expected 0\nat a"], ["expected 1", "expected 1\nd"]],
  );
  assert.equal(mmap.failure["@_message"], "expected 0");
  assert.equal(mmap.rerunFailure["@_message"], "expected 1");
  // What knows no flaky tests must not show the cell green.
  assert.deepEqual([flaky["@_classname"], flaky["@_name"]], [`${CELL}.verdict`, "flaky"]);
  assert.equal(parsed.testsuites["@_failures"], "2");
  const allowed = junitXml(run([{ ...report, verdict: { ...verdict, allowed: true } }]));
  assert.doesNotMatch(allowed, /\.verdict"/);
});

Deno.test("junitXml() shows one failure where the kernel panicked before init, and what did not run", async () => {
  const panic = failure("kernel", "the kernel panicked", "stack");
  const unrun = Array.from(
    { length: 104 },
    (_, n) => test(`pc.t${n}`, { kind: "not-run", by: "panic" }),
  );
  const xml = junitXml(run([cell({
    stages: [stage("build"), stage("boot", { kind: "failed", failure: panic })],
    tests: unrun,
    verdict: { kind: "failed", failures: [{ ...panic, subject: { stage: "boot" } }] },
  })]));
  await assertValidJunit(xml);
  assert.match(
    xml,
    /^<testsuites name="kmatrix" tests="106" failures="1" errors="0" skipped="104"/m,
  );
  assert.match(xml, /<failure [^>]*>the kernel panicked\nstack\n104 tests did not run\nrepeat/);
});

Deno.test("junitXml() shows the stack of a complaint once, and every test that has it", async () => {
  const complaint = { fingerprint: "1a2b", title: "WARNING: x", times: 3 };
  const warned = { ...failure("kernel", "WARNING: x (3 times)", "a\nlong\nstack"), complaint };
  const other = { ...warned, complaint: { ...complaint, fingerprint: "9" } };
  const tests = [warned, warned, other, warned].map((failure, n) =>
    test(`pc.t${n}`, { kind: "failed", failure })
  );
  const xml = junitXml(run([cell({ tests })]));
  await assertValidJunit(xml);
  const cases = new XMLParser({ ignoreAttributes: false }).parse(xml).testsuites.testsuite.testcase;
  const bodies = cases.map((one: { failure: { "#text": string } }) =>
    one.failure["#text"].split("\n").slice(1, -1).join(" ")
  );
  const again = "the same complaint as in kcov.pc.t0, which shows its stack";
  assert.deepEqual(bodies, ["a long stack", again, "a long stack", again]);
});
