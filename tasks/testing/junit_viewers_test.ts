// SPDX-License-Identifier: MIT
/**
 * What the readers of JUnit files want of one, each rule with its source, held against files of every
 * kind. tasks/testing/junit.xsd is what kmatrix promises; here is why.
 */
import assert from "node:assert/strict";
import { XMLParser } from "fast-xml-parser";
import type { CellId, CellReport, RunReport, TestOutcome } from "../core/model/model.ts";
import type { Failure } from "../core/model/errors.ts";
import { FAILURE_IDS } from "../core/model/failure_ids.ts";
import { NO_FACTS } from "../core/report/cell_facts.ts";
import { junitXml } from "../core/report/junit.ts";
import { JUNIT_BYTES } from "../core/report/junit_size.ts";
import { assertValidJunit } from "./junit.ts";
import { sampleCellReport, sampleRun } from "./samples.ts";

type Node = Record<string, unknown> & {
  readonly testsuite?: readonly Node[];
  readonly testcase?: readonly Node[];
};

function parsed(xml: string): Node {
  const arrays = ["testsuite", "testcase", "property", "flakyFailure", "rerunFailure"];
  const parser = new XMLParser({
    ignoreAttributes: false,
    parseAttributeValue: false,
    parseTagValue: false,
    isArray: (name) => arrays.includes(name),
  });
  return parser.parse(xml).testsuites;
}

const bytes = (text: string) => new TextEncoder().encode(text).length;
const suitesOf = (root: Node) => root.testsuite ?? [];
const casesOf = (root: Node) => suitesOf(root).flatMap((suite) => suite.testcase ?? []);
const doubles = (names: readonly string[]) =>
  names.filter((name, index) => names.indexOf(name) !== index);
const textsOf = (value: unknown): string[] => {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
};

/** A rule of a reader: what is wrong with a file, if anything. */
interface Rule {
  readonly rule: string;
  /** File of the reader's source, or its documentation. */
  readonly source: string;
  broken(root: Node, xml: string): readonly unknown[];
}

const JENKINS = "jenkinsci/junit-plugin, src/main/java/hudson/tasks/junit/SuiteResult.java";
const GITLAB = "docs.gitlab.com/ci/testing/unit_test_reports";
const GITLAB_PARSER = "gitlab-org/gitlab, lib/gitlab/ci/parsers/test/junit.rb";
const SUREFIRE = "maven.apache.org/surefire, rerun-failing-tests; surefire-test-report-3.0.xsd";
const ATTACHMENTS = "plugins.jenkins.io/junit-attachments: a line [[ATTACHMENT|path]]";

const RULES: readonly Rule[] = [
  {
    rule: "a case without a classname gets the suite's name: each has one",
    source: JENKINS,
    broken: (root) => casesOf(root).filter((one) => !one["@_classname"]),
  },
  {
    rule: "a classname without a dot is put into the package (root)",
    source: "jenkinsci/junit-plugin, CaseResult.getPackageName()",
    broken: (root) => casesOf(root).filter((one) => !`${one["@_classname"]}`.includes(".")),
  },
  {
    rule: "an <error> of a suite is read as a case <init>",
    source: JENKINS,
    broken: (root) => suitesOf(root).filter((suite) => "error" in suite),
  },
  {
    rule: "a case of the same full name takes the place of the one before",
    source: `${JENKINS}: casesByName`,
    broken: (root) => doubles(casesOf(root).map((one) => `${one["@_classname"]}.${one["@_name"]}`)),
  },
  {
    rule: "the earlier result of a suite is found by its name",
    source: `${JENKINS}: getPreviousResult()`,
    broken: (root) => doubles(suitesOf(root).map((suite) => `${suite["@_name"]}`)),
  },
  {
    rule: "suites in suites are flattened, and lose the names of the outer ones",
    source: `${JENKINS}: parseSuite(); dorny/test-reporter, java-junit-parser.ts reads one level`,
    broken: (root) => suitesOf(root).filter((suite) => "testsuite" in suite),
  },
  {
    rule: "of cases with the same names only the first counts",
    source: GITLAB,
    broken: (root) =>
      doubles(casesOf(root).map((one) => JSON.stringify([one["@_classname"], one["@_name"]]))),
  },
  {
    rule: "a file is smaller than 30 MB",
    source: GITLAB,
    broken: (_, xml) => bytes(xml) < 30_000_000 ? [] : [bytes(xml)],
  },
  {
    rule: "a file has at most 500,000 cases",
    source: "docs.gitlab.com, maximum test cases per unit test report",
    broken: (root) => casesOf(root).length <= 500_000 ? [] : [casesOf(root).length],
  },
  {
    rule: "a text is shorter than ten million bytes, where libxml2 gives up",
    source: "gitlab-org/gitlab issue 25357: xmlSAX2Characters: huge text node",
    broken: (root) => textsOf(root).filter((text) => bytes(text) >= 10_000_000),
  },
  {
    rule: "Rails takes some words of a type attribute for types of values, and refuses two of them",
    source: `${GITLAB_PARSER}: Hash.from_xml; rails, ActiveSupport::XMLConverter`,
    broken: (root) =>
      casesOf(root).flatMap(({ failure, error }) => [failure, error]).map((one) =>
        (one as Record<string, string> | undefined)?.["@_type"]
      ).filter((type) => RAILS_TYPES.includes(`${type}`)),
  },
  {
    rule: "a file of the machine that a line of a kernel names is not published",
    source: `${ATTACHMENTS}; ${GITLAB_PARSER}: ATTACHMENT_TAG_REGEX`,
    broken: (root) => textsOf(root).filter((text) => /\[\[ATTACHMENT\|/i.test(text)),
  },
  {
    rule: "no character that XML 1.0 forbids",
    source: "w3.org/TR/xml, 2.2 Char",
    broken: (_, xml) => // deno-lint-ignore no-control-regex
    [...xml.matchAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:x[0-9a-f]+|\d+);/gi)],
  },
  {
    rule: "UTF-8 as the first line says, without a byte order mark",
    source: "w3.org/TR/xml, 4.3.3",
    broken: (_, xml) => xml.startsWith('<?xml version="1.0" encoding="UTF-8"?>') ? [] : [xml[0]],
  },
  {
    rule: "times are seconds with a dot",
    source: "dorny/test-reporter, java-junit-parser.ts: parseFloat(time) * 1000",
    broken: (root) =>
      [root, ...suitesOf(root), ...casesOf(root)].map((one) => `${one["@_time"]}`)
        .filter((time) => !/^\d+\.\d+$/.test(time)),
  },
  {
    rule: "one <failure> or <error> a case, with a message, and none beside <skipped>",
    source: "mikepenz/action-junit-report, src/testParser.ts",
    broken: (root) =>
      casesOf(root).filter((one) => {
        const found = ["failure", "error", "skipped"].filter((name) => name in one);
        if (found.length > 1 || Array.isArray(one[found[0]!])) return true;
        return found.length === 1 && !(one[found[0]!] as Node)["@_message"];
      }),
  },
  {
    rule: "a file attribute is a path below the repository",
    source: "mikepenz/action-junit-report, src/testParser.ts: resolvePath()",
    broken: (root) =>
      casesOf(root).filter((one) => /^\/|(^|\/)\.\.(\/|$)|\\/.test(`${one["@_file"] ?? ""}`)),
  },
  {
    rule: "counts are those of the cases",
    source:
      "EnricoMi/publish-unit-test-result-action reads tests, skipped, failures, errors of suites",
    broken: (root) =>
      suitesOf(root).filter((suite) => {
        const cases = suite.testcase ?? [];
        const count = (name: string) => `${cases.filter((one) => name in one).length}`;
        return suite["@_tests"] !== `${cases.length}` ||
          suite["@_skipped"] !== count("skipped") || suite["@_errors"] !== count("error") ||
          suite["@_failures"] !== count("failure");
      }),
  },
  {
    rule:
      "flakyFailure stands in what passed, rerunFailure beside a failure, each with a stackTrace",
    source: SUREFIRE,
    broken: (root) =>
      casesOf(root).filter((one) => {
        const isBad = "failure" in one || "error" in one;
        const further = [one.flakyFailure ?? [], one.rerunFailure ?? []].flat() as Node[];
        return ("flakyFailure" in one && (isBad || "skipped" in one)) ||
          ("rerunFailure" in one && !isBad) || further.some((each) => !("stackTrace" in each));
      }),
  },
];

/** Names that Rails' Hash.from_xml gives a meaning as the value of an attribute `type`. */
const RAILS_TYPES = [
  ...["symbol", "yaml", "date", "datetime", "dateTime", "integer", "float", "decimal", "double"],
  ...["boolean", "string", "base64Binary", "hexBinary", "duration", "file", "array"],
];

const failure = (id: string, message = "m", detail = "d"): Failure => ({
  ...{ kind: "kernel", id, message, detail },
});

/** Everything that can be in a cell, with the texts that a stranger's kernel may print. */
function evilCell(name: string, tests: number, text: string): CellReport {
  const one = failure("panic", text, text);
  const outcomes: readonly TestOutcome[] = [
    { kind: "passed" },
    { kind: "failed", failure: one, reruns: [one, one] },
    { kind: "flaky", failures: [one], runs: 3 },
    { kind: "skipped", reason: text },
    { kind: "expected-failure", reason: text },
    { kind: "not-run", by: "panic" },
  ];
  return sampleCellReport({
    cell: name as CellId,
    stages: [
      { stage: "build", outcome: { kind: "passed" }, durationMs: 1500, note: text },
      {
        ...{ stage: "boot", durationMs: 1 / 3, note: "" },
        outcome: { kind: "failed", failure: one, reruns: [one] },
      },
    ],
    tests: Array.from({ length: tests }, (_, n) => ({
      ...{ id: `kcov.pc.t${n}`, fixture: "kcov", name: `pc.t${n}`, durationMs: n / 7 },
      ...{ file: "selftests/kcov/tests/kcov.ts", diagnostics: [text], attachments: {} },
      outcome: outcomes[n % outcomes.length]!,
    })),
    verdict: { kind: "failed", failures: [one, failure("nothing-ran", text)] },
    facts: { ...NO_FACTS, kernel: { id: "linux-6.12", version: text } },
    consoleTail: text,
  });
}

const EVIL = [
  "[[ATTACHMENT|/etc/passwd]]\n[ [attachment| x]]\n[[ATTACHMENT|C:\\x]]",
  "]]><![CDATA[</testcase><testcase name='x'/>&#0;&#x1b;<!DOCTYPE x>",
  "\x1b[31mred\x1b[0m\0\x08\ufffe\ud800 \udc00😀\u202e",
].join("\n");

const RUNS: Readonly<Record<string, () => RunReport>> = {
  "nothing": () => sampleRun([]),
  "a run that was broken off": () =>
    sampleRun([sampleCellReport({ verdict: { kind: "unfinished", why: "not run" } })]),
  "what strangers print": () =>
    sampleRun([evilCell("k/a", 12, EVIL), evilCell("k/a/smp4", 6, EVIL)], {
      failures: [failure("disk-full", EVIL), failure("disk-full", EVIL)],
    }),
  "more than viewers take": () =>
    sampleRun(
      Array.from({ length: 16 }, (_, n) => evilCell(`k/${n}`, 60, `${"x😀".repeat(9000)}${EVIL}`)),
    ),
};

for (const [name, make] of Object.entries(RUNS)) {
  Deno.test(`JUnit of ${name} is what its readers take`, async () => {
    const xml = junitXml(make());
    await assertValidJunit(xml);
    const root = parsed(xml);
    for (const { rule, source, broken } of RULES) {
      assert.deepEqual(broken(root, xml), [], `${rule} (${source})`);
    }
  });
}

Deno.test("no id of a failure is a word that Rails reads as a type", () => {
  assert.deepEqual(FAILURE_IDS.filter((id) => RAILS_TYPES.includes(id)), []);
});

Deno.test("a file that would be too big loses texts first, then what did not fail, and says so", async () => {
  const whole = junitXml(RUNS["more than viewers take"]!());
  assert.ok(bytes(whole) <= JUNIT_BYTES && bytes(whole) > JUNIT_BYTES / 20, `${bytes(whole)}`);
  const note = /"junit\.left-out" value="([^"]*)"/;
  assert.match(
    note.exec(whole)![1]!,
    /^texts beyond \d+ characters, so .* 29 MB; run\.json has all$/,
  );

  const run = sampleRun([evilCell("k/a", 12, `${"x😀".repeat(3000)}${EVIL}`)]);
  const most = junitXml(run);
  assert.doesNotMatch(most, note);
  const beyond = (limit: number) => note.exec(junitXml(run, limit))?.[1]?.replace(/, so .*/, "");
  assert.equal(beyond(bytes(most)), undefined);
  assert.equal(beyond(bytes(most) - 1), "texts beyond 4000 characters");
  const small = junitXml(run, 0);
  await assertValidJunit(small);
  assert.equal(beyond(0), "texts beyond 200 characters, 9 cases that did not fail");
  assert.ok(bytes(small) < bytes(most) / 20, `${bytes(small)} of ${bytes(most)}`);
  const count = (xml: string, element: string) =>
    casesOf(parsed(xml)).filter((one) => element in one).length;
  for (const element of ["failure", "error", "flakyFailure"]) {
    assert.equal(count(small, element), count(most, element), element);
  }
  for (const { rule, source, broken } of RULES) {
    assert.deepEqual(broken(parsed(small), small), [], `${rule} (${source})`);
  }
});
