// SPDX-License-Identifier: MIT
/**
 * The one writer of JUnit XML: one flat suite a cell (Jenkins breaks on nested suites and on cases
 * without a classname), valid against tasks/testing/junit.xsd.
 */
import { XMLBuilder } from "fast-xml-parser";
import type { CellReport, RunReport, StageResult, TestResult } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import { fragmentFile } from "../model/paths.ts";
import { junitKind } from "../model/failure_kinds.ts";
import { FLAKY } from "../judge/flakes.ts";
import { plainText } from "../text/plain_text.ts";
import {
  charactersOf,
  cutMiddle,
  type Element,
  JUNIT_BYTES,
  lessened,
  MEASURES,
} from "./junit_size.ts";
import { cellProperties } from "./properties.ts";
import { notRunText } from "./summary.ts";

/** The longest text of one element; whole logs are files beside junit.xml. */
const BODY_CHARACTERS = 20_000;

/**
 * Jenkins and GitLab publish the file that such a line names (jenkinsci/junit-attachments-plugin; in
 * GitLab lib/gitlab/ci/parsers/test/junit.rb), and kernels print what they like.
 */
const ATTACHMENT = /\[(?=\[\s*ATTACHMENT\s*\|)/gi;

/**
 * Plain text, which XML 1.0 can hold (Char production), shortened in the middle of what is huge, and
 * without what viewers would obey.
 */
export function xmlText(text: string): string {
  return cutMiddle(plainText(text).replace(ATTACHMENT, "[ "), BODY_CHARACTERS);
}

const attribute = (name: string, value: string | number): Element => ({
  [`@_${name}`]: typeof value === "number" ? value : xmlText(value).replace(/\s+/g, " "),
});

function problem(failure: Failure, repeat: string | null, more = ""): Element {
  const again = repeat === null ? "" : `repeat with: ${repeat}`;
  const body = [failure.message, failure.detail, more, again].filter(Boolean).join("\n");
  return {
    [junitKind(failure.kind)]: {
      ...attribute("message", failure.message),
      ...attribute("type", failure.id),
      "#text": xmlText(body),
    },
  };
}

/** Failures of further boots, as Maven Surefire writes them: the text in an element of its own. */
function further(element: "flakyFailure" | "rerunFailure", failures: readonly Failure[]): Element {
  if (failures.length === 0) return {};
  return {
    [element]: failures.map((failure) => ({
      ...attribute("message", failure.message),
      ...attribute("type", failure.id),
      stackTrace: xmlText([failure.message, failure.detail].filter(Boolean).join("\n")),
    })),
  };
}

const seconds = (ms: number) => (ms / 1000).toFixed(3);

/**
 * The file that a stage is about: what is configured is a fragment, the one that asked for what was
 * dropped, or else the last, by which a config differs from those that it goes beyond.
 */
function fileOf({ facts }: CellReport, { stage, outcome }: StageResult): string | undefined {
  if (stage !== "configure") return undefined;
  const evidence = outcome.kind === "failed" ? outcome.failure.evidence : undefined;
  const asking = evidence?.kind === "options" ? evidence.dropped[0]?.fragment : undefined;
  const last = facts.config?.fragments.at(-1);
  return asking ?? (last === undefined ? undefined : fragmentFile(last));
}

function stageCase(report: CellReport, result: StageResult): Element {
  const { cell, repeat, verdict, tests } = report;
  const file = fileOf(report, result);
  const { stage, outcome } = result;
  const unrun = stage === "boot"
    ? tests.filter((test) => test.outcome.kind === "not-run").length
    : 0;
  // A whole cell that fails as the matrix expects must not turn a viewer red.
  const failed = (failure: Failure): Element =>
    verdict.kind === "passed"
      ? { skipped: attribute("message", verdict.note) }
      : problem(failure, repeat, unrun === 0 ? "" : notRunText(unrun));
  return {
    ...attribute("classname", `${cell}.stage`),
    ...attribute("name", stage),
    ...attribute("time", seconds(result.durationMs)),
    ...(file === undefined ? {} : attribute("file", file)),
    ...(outcome.kind === "failed"
      ? { ...failed(outcome.failure), ...further("rerunFailure", outcome.reruns ?? []) }
      : outcome.kind === "flaky"
      ? further("flakyFailure", outcome.failures)
      : outcome.kind === "blocked"
      ? { skipped: attribute("message", `blocked by ${outcome.by}`) }
      : outcome.kind === "left-out"
      ? { skipped: attribute("message", `left out: ${outcome.failure.message}`) }
      : outcome.kind === "pending"
      ? {
        skipped: attribute("message", "not run: the run ended earlier, or has not come to it yet"),
      }
      : {}),
    ...(result.note ? { "system-out": xmlText(result.note) } : {}),
  };
}

/** The test that shows a complaint first, by what tells the complaint from others. */
type FirstShown = ReadonlyMap<string, string>;

const complaintKey = ({ id, complaint }: Failure) => `${id} ${complaint?.fingerprint}`;

function firstShown(tests: readonly TestResult[]): FirstShown {
  const first = new Map<string, string>();
  for (const { id, outcome } of tests) {
    if (outcome.kind !== "failed" || !outcome.failure.complaint) continue;
    const key = complaintKey(outcome.failure);
    if (!first.has(key)) first.set(key, id);
  }
  return first;
}

/** A complaint's stack stands once in a suite, however many tests show it. */
function evidenceOnce(id: string, failure: Failure, shown: FirstShown): Failure {
  const first = failure.complaint && shown.get(complaintKey(failure));
  if (first === undefined || first === id) return failure;
  return { ...failure, detail: `the same complaint as in ${first}, which shows its stack` };
}

function testCase({ cell, repeat }: CellReport, test: TestResult, shown: FirstShown): Element {
  const { outcome } = test;
  const state = (): Element => {
    switch (outcome.kind) {
      case "passed":
        return {};
      case "failed":
        return {
          ...problem(evidenceOnce(test.id, outcome.failure, shown), repeat),
          ...further("rerunFailure", outcome.reruns ?? []),
        };
      case "not-run": {
        const why = outcome.by === null ? "it has no result" : `the boot ended with ${outcome.by}`;
        return { skipped: attribute("message", `not run: ${why}`) };
      }
      case "flaky":
        return further("flakyFailure", outcome.failures);
      case "skipped":
        return { skipped: attribute("message", outcome.reason) };
      case "expected-failure":
        return { skipped: attribute("message", `failed as expected: ${outcome.reason}`) };
    }
  };
  return {
    ...attribute("classname", `${cell}.${test.fixture}`),
    ...attribute("name", test.name),
    ...attribute("time", seconds(test.durationMs)),
    ...attribute("file", test.file),
    ...state(),
    ...(test.diagnostics.length > 0 ? { "system-out": xmlText(test.diagnostics.join("\n")) } : {}),
  };
}

/**
 * A verdict that no stage or test carries (nothing passed, an unexpected pass) is a case too; so is
 * a flaky cell, which viewers that know no flaky tests would show green.
 */
function verdictCases(report: CellReport): Element[] {
  const { verdict } = report;
  if (verdict.kind !== "failed" && !(verdict.kind === "flaky" && !verdict.allowed)) return [];
  // What is flaky has no failed case of its own.
  const carried = ({ id, subject }: Failure) => subject !== undefined && id !== FLAKY;
  return verdict.failures.filter((one) => !carried(one)).map((one, index) => ({
    ...attribute("classname", `${report.cell}.verdict`),
    ...attribute("name", index === 0 ? one.id : `${one.id}-${index + 1}`),
    ...attribute("time", seconds(0)),
    ...problem(one, report.repeat),
  }));
}

function suite(
  report: CellReport,
  sources: RunReport["sources"],
  timestamp: string,
): Element {
  const shown = firstShown(report.tests);
  const cases = [
    ...report.stages.map((stage) => stageCase(report, stage)),
    ...report.tests.map((test) => testCase(report, test, shown)),
    ...verdictCases(report),
  ];
  const count = (key: string) => cases.filter((one) => key in one).length;
  const time = [...report.stages, ...report.tests].reduce((sum, one) => sum + one.durationMs, 0);
  const properties = Object.entries(cellProperties(report, sources)).map(([name, value]) => ({
    ...attribute("name", name),
    ...attribute("value", value),
  }));
  return {
    ...attribute("name", report.cell),
    ...attribute("tests", cases.length),
    ...attribute("failures", count("failure")),
    ...attribute("errors", count("error")),
    ...attribute("skipped", count("skipped")),
    ...attribute("time", seconds(time)),
    ...attribute("timestamp", timestamp),
    ...(properties.length > 0 ? { properties: { property: properties } } : {}),
    testcase: cases,
    ...(report.consoleTail ? { "system-out": xmlText(report.consoleTail) } : {}),
  };
}

const BUILDER = new XMLBuilder({
  ignoreAttributes: false,
  format: true,
  indentBy: "  ",
  suppressEmptyNode: true,
  suppressBooleanAttributes: false,
});

/**
 * The whole file, from a run at its end or broken off in the middle.
 * @param mostBytes Of UTF-8: texts are shortened, and at last cases that did not fail left out, until
 *   it is no bigger.
 */
export function junitXml(report: RunReport, mostBytes = JUNIT_BYTES): string {
  const suites = suitesOf(report);
  for (const measure of MEASURES) {
    const less = suites.map((one) => lessened(one, measure));
    const isLast = measure === MEASURES.at(-1);
    // Writing takes long where it is big, and its texts alone say that.
    if (!isLast && charactersOf(less) > mostBytes) continue;
    const xml = document(less, report.durationMs);
    if (isLast || new TextEncoder().encode(xml).length <= mostBytes) return xml;
  }
  throw new Error("there is no last measure");
}

function suitesOf(report: RunReport): Element[] {
  const timestamp = report.startedAt.replace(/\.\d+Z$/, "");
  const suites = report.cells.map((cell) => suite(cell, report.sources, timestamp));
  if (report.failures.length === 0) return suites;
  const cases = report.failures.map((failure, index) => ({
    ...attribute("classname", "kmatrix.run"),
    ...attribute("name", index === 0 ? failure.id : `${failure.id}-${index + 1}`),
    ...attribute("time", seconds(0)),
    ...problem(failure, null),
  }));
  const errors = report.failures.filter((one) => junitKind(one.kind) === "error").length;
  const own = {
    ...attribute("name", "kmatrix"),
    ...attribute("tests", cases.length),
    ...attribute("failures", cases.length - errors),
    ...attribute("errors", errors),
    ...attribute("skipped", 0),
    ...attribute("time", seconds(0)),
    ...attribute("timestamp", timestamp),
    testcase: cases,
  };
  return [own, ...suites];
}

function document(suites: readonly Element[], durationMs: number): string {
  const sum = (name: string) =>
    suites.reduce((total, one) => total + Number(one[`@_${name}`] ?? 0), 0);
  return BUILDER.build({
    "?xml": { "@_version": "1.0", "@_encoding": "UTF-8" },
    testsuites: {
      ...attribute("name", "kmatrix"),
      ...attribute("tests", sum("tests")),
      ...attribute("failures", sum("failures")),
      ...attribute("errors", sum("errors")),
      ...attribute("skipped", sum("skipped")),
      ...attribute("time", seconds(durationMs)),
      testsuite: suites,
    },
  });
}
