// SPDX-License-Identifier: MIT
/**
 * The C program of the kernel tree beside our port of it: reads the TAP that it printed in the guest,
 * judges each of its results, and holds its names against ours. What counts as what:
 * docs/verdicts.md.
 */
import { counted } from "../text/counted.ts";
import type {
  CellReport,
  Comparison,
  DeclaredTest,
  Feature,
  RunReport,
  TestOutcome,
  TestResult,
} from "../model/model.ts";
import * as v from "valibot";
import { failure } from "../model/errors.ts";
import { objectOf, type Shape, strings } from "../text/shape.ts";
import { type KtapCase, ktapProblemText, type KtapReport, parseKtap } from "./ktap.ts";
import {
  C_FIXTURE,
  C_SELFTEST_SOURCE,
  C_TEST,
  endText,
  type ProgramRun,
  readPrograms,
  referenceTests,
} from "../../../selftests/contract/c_programs.ts";

export const comparisonShape: Shape<Comparison> = objectOf<Comparison>()({
  same: strings,
  differing: strings,
  onlyC: strings,
  onlyOurs: strings,
  whole: v.boolean(),
});

/** Under this name with the result of the test that ran the programs, for reports. */
const COMPARISON = "compared";
/** As kselftest.h gives it to a program that skips as a whole. */
const KSFT_SKIP = 4;
/** Of a program's output, in a failure; all of it is with the test that ran it. */
const DETAIL_LINES = 30;

function failed(id: string, message: string, detail = ""): TestOutcome {
  return { kind: "failed", failure: failure("test", id, message, detail) };
}

/**
 * The results of a cell with those that its C programs printed, each a result of its own behind the
 * test that ran them. The same results where the cell has no such programs.
 */
export function withCPrograms(
  tests: readonly TestResult[],
  declared: readonly DeclaredTest[],
  features: readonly Feature[],
): readonly TestResult[] {
  const main = tests.find(({ id }) => id === C_TEST);
  if (!main || main.outcome.kind === "not-run") return tests;
  const reference = referenceTests(declared);
  const programs = readPrograms(main.diagnostics, main.attachments);
  // The boot ended while they ran, or the test that runs them is itself at fault.
  if (programs.length === 0 && main.outcome.kind === "failed") return tests;
  const runs = programs.flatMap(({ name, runs }) => runs.map((run) => readRun(name, run)));
  const results = programs.flatMap(({ name }) =>
    casesOf(runs.filter((run) => run.name === name)).map((found) =>
      resultOf(name, found, tests, reference, features)
    )
  );
  const trouble = programs.length === 0
    ? failed("c-bad-tap", "no C program has reported how it ended")
    : runs.map((run) => troubleOf(run, features)).find((one) => one !== null) ?? null;
  const judged: TestResult = {
    ...main,
    // What the kernel said meanwhile comes first; of what the guest's test said we know the cause.
    outcome: trouble !== null && ownWord(main.outcome) ? trouble : main.outcome,
    attachments: {
      ...main.attachments,
      [COMPARISON]: compare(results, reference, trouble === null),
    },
  };
  return tests.flatMap((test) =>
    test === main ? [judged, ...results.map(({ result }) => result)] : [test]
  );
}

function ownWord(outcome: TestOutcome): boolean {
  return outcome.kind !== "failed" || outcome.failure.id === "test-failed";
}

/** One run of a program and what it says. */
interface ReadRun extends ProgramRun {
  /** Of the program. */
  readonly name: string;
  readonly report: KtapReport;
}

function readRun(name: string, run: ProgramRun): ReadRun {
  return { ...run, name, report: readTap(run.lines) };
}

/**
 * The tests of a program that was started again because one of them failed: one that did not fail in
 * one of the runs has not failed, for what a busy machine does to a trace it does not do each time.
 */
function casesOf(runs: readonly ReadRun[]): KtapCase[] {
  const all = runs.flatMap(({ report }, index) =>
    report.cases.map((found) => ({ run: index + 1, found }))
  );
  const names = new Set(all.map(({ found }) => found.name));
  return [...names].map((name) => {
    const tries = all.filter(({ found }) => found.name === name);
    const { found } = tries.find((one) => !isRed(one.found)) ?? tries.at(-1)!;
    const other = tries.filter((one) => one.found !== found && isRed(one.found));
    const said = other.flatMap(({ run, found }) =>
      [`failed in run ${run} of ${runs.length}`, ...found.diagnostics].map((line) => line.trim())
    );
    return { ...found, diagnostics: [...found.diagnostics, ...said] };
  });
}

/** TAP with anything else between its lines: a program may print what it likes. */
function readTap(lines: readonly string[]): KtapReport {
  const known = /^(K?TAP version |1\.\.\d|(not )?ok\b|\s*#|\s*$|Bail out!)/;
  const report = parseKtap(lines.map((line) => known.test(line) ? line : `# ${line}`));
  const names = report.cases.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return report;
  return {
    ...report,
    cases: report.cases.filter(({ name }, index) => names.indexOf(name) === index),
    problems: [...report.problems, { kind: "twice", name: twice }],
  };
}

/** What is wrong with a program as a whole; null where its results say all. */
function troubleOf(
  { name, end, lines, report }: ReadRun,
  features: readonly Feature[],
): TestOutcome | null {
  const { cases, problems, running } = report;
  const where = running === null ? "" : ` in ${running}`;
  const detail = lines.slice(-DETAIL_LINES).join("\n");
  const text = endText(end);
  if (text !== null) {
    const ids = { signalled: "c-crashed", timeout: "c-time-limit", flood: "c-bad-tap" } as const;
    const id = end.kind === "exited" ? "c-crashed" : ids[end.kind];
    return failed(id, `${name} ${text}${where}`, detail);
  }
  const code = end.kind === "exited" ? end.code : 0;
  if (code === KSFT_SKIP && cases.length === 0) {
    if (!features.includes("kcov")) return null;
    const said = lines.find((line) => /SKIP/.test(line)) ?? lines.at(-1) ?? "without a word";
    return failed("c-differs", `${name} skipped as a whole, although this cell has KCOV: ${said}`);
  }
  if (code > 1 || code === 1 && !cases.some(isRed)) {
    const why = cases.some(isRed) ? "" : ", and none of its results says why";
    return failed("c-crashed", `${name} ended with code ${code}${where}${why}`, detail);
  }
  if (problems.length > 0) {
    return failed(
      "c-bad-tap",
      `the TAP of ${name} is wrong: ${ktapProblemText(problems[0]!)}`,
      detail,
    );
  }
  if (code === 0 && cases.some(isRed)) {
    return failed("c-bad-tap", `${name} ended with code 0 although a test of it failed`, detail);
  }
  return null;
}

function isRed({ status }: KtapCase): boolean {
  return status === "not ok" || status === "timeout" || status === "error";
}

interface CResult {
  /** As the program names it. */
  readonly name: string;
  readonly agrees: boolean;
  readonly result: TestResult;
}

/** One result of a program; it may skip where our test of that name has to, and only there. */
function resultOf(
  program: string,
  found: KtapCase,
  tests: readonly TestResult[],
  reference: readonly DeclaredTest[],
  features: readonly Feature[],
): CResult {
  const { name } = found;
  const declared = reference.find(({ id }) => id === name);
  const ours = tests.find(({ id }) => id === name)?.outcome;
  const lacking = declared?.requires.filter((one) => !features.includes(one)) ?? [];
  const outcome = outcomeOf(found, ours, declared !== undefined, lacking);
  return {
    name,
    agrees: !(outcome.kind === "failed" && outcome.failure.id === "c-differs") &&
      (ours === undefined || wordOf(ours) === wordOf(outcome)),
    result: {
      id: `${C_FIXTURE}.${program}.${name}`,
      fixture: C_FIXTURE,
      name: `${program}.${name}`,
      file: `${C_SELFTEST_SOURCE}/${program}.c`,
      durationMs: 0,
      outcome,
      diagnostics: found.diagnostics,
      attachments: {},
    },
  };
}

function wordOf({ kind }: TestOutcome): "passed" | "failed" | "skipped" {
  switch (kind) {
    case "passed":
    case "skipped":
    case "failed":
      return kind;
    case "not-run":
    case "flaky":
    case "expected-failure":
      return "failed";
  }
}

function outcomeOf(
  found: KtapCase,
  ours: TestOutcome | undefined,
  known: boolean,
  lacking: readonly Feature[],
): TestOutcome {
  const beside = ours === undefined ? "" : `; ours ${saying(ours)}`;
  const detail = found.diagnostics.join("\n");
  switch (found.status) {
    case "not ok":
    case "timeout":
    case "error": {
      const said = found.diagnostics.find((line) => /Expected|Test terminated|Assert/.test(line)) ??
        found.diagnostics.at(-1) ?? found.reason;
      return failed("c-test-failed", `failed in C: ${said.trim()}${beside}`, detail);
    }
    case "ok":
      if (lacking.length > 0) {
        const text = `passed in C where it had to skip: the cell lacks ${lacking.join(", ")}`;
        return failed("c-differs", text, detail);
      }
      if (ours?.kind === "failed") return failed("c-differs", `passed in C${beside}`, detail);
      return { kind: "passed" };
    case "skip":
    case "xfail":
    case "todo":
      // Of a test that we do not have nobody here knows where it may skip.
      if (!known || (found.status === "skip" && lacking.length > 0)) {
        return { kind: "skipped", reason: found.reason || found.status };
      }
      return failed("c-differs", `${found.status} in C (${found.reason})${beside}`, detail);
  }
}

function saying(outcome: TestOutcome): string {
  switch (outcome.kind) {
    case "passed":
      return "passed";
    case "skipped":
      return `skipped (${outcome.reason})`;
    case "failed":
      return `failed (${outcome.failure.message})`;
    case "not-run":
      return "did not run";
    case "flaky":
      return `failed in some boots (${outcome.failures[0]!.message})`;
    case "expected-failure":
      return `failed as expected`;
  }
}

function compare(
  results: readonly CResult[],
  reference: readonly DeclaredTest[],
  whole: boolean,
): Comparison {
  const ours = new Set(reference.map(({ id }) => id));
  const names = (of: readonly CResult[]) => of.map(({ name }) => name);
  const both = results.filter(({ name }) => ours.has(name));
  const seen = names(results);
  return {
    same: names(both.filter(({ agrees }) => agrees)),
    differing: names(both.filter(({ agrees }) => !agrees)),
    onlyC: seen.filter((name) => !ours.has(name)),
    onlyOurs: whole ? [...ours].filter((name) => !seen.includes(name)) : [],
    whole,
  };
}

/** null where the cell has not run any such program. */
export function comparisonOf(tests: readonly TestResult[]): Comparison | null {
  const found = tests.find(({ id }) => id === C_TEST)?.attachments[COMPARISON];
  const read = v.safeParse(comparisonShape, found);
  return read.success ? read.output : null;
}

/** A line for each cell that ran the C programs, and below it the names that are not as ours. */
export function cProgramTable(run: Pick<RunReport, "cells">): string {
  const lines = run.cells.flatMap(({ cell, facts }) =>
    facts.cPrograms ? rowsOf(cell, facts.cPrograms) : []
  );
  if (lines.length === 0) return "";
  return [`C program of the tree (${C_SELFTEST_SOURCE}) beside our port:`, ...lines].join("\n");
}

function rowsOf(cell: CellReport["cell"], found: Comparison): string[] {
  const { same, differing, onlyC, onlyOurs, whole } = found;
  const list = (what: string, names: readonly string[]) =>
    names.map((name) => `    ${what} ${name}`);
  return [
    `  ${cell}  ${counted(same.length, "result")} as ours, ${differing.length} differ, ` +
    `${onlyC.length} only in C, ` +
    (whole ? `${onlyOurs.length} only in ours` : "and the programs did not end as they should"),
    ...list("differs:     ", differing),
    ...list("only in C:   ", onlyC),
    ...list("only in ours:", onlyOurs),
  ];
}
