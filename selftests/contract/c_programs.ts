// SPDX-License-Identifier: MIT

/**
 * What guest and host agree on about the C programs of a kernel tree's own selftest, which run beside
 * the tests here (docs/guest.md). Pure.
 */

import { GUEST_PATHS } from "./cell.ts";
import type { DeclaredTest } from "./fixtures.ts";

/** Where a tree has them, relative to its top. */
export const C_SELFTEST_SOURCE = "tools/testing/selftests/kcov";
/** Where the guest has the programs. */
export const C_SELFTEST_FOLDER = GUEST_PATHS.selftests;
/** Fixture of the test that runs them, and of the results that they print. */
export const C_FIXTURE = "kcov_c";
/** The test that runs them. */
export const C_TEST = `${C_FIXTURE}.tree.every_program_ends_by_itself`;
/** Fixtures of the port, whose names are those of the C program. */
const REFERENCE_FIXTURES: readonly string[] = ["kcov", "kcov_uniq"];

/** The tests whose counterpart the C program holds. */
export function referenceTests<T extends Pick<DeclaredTest, "fixture">>(tests: readonly T[]): T[] {
  return tests.filter(({ fixture }) => REFERENCE_FIXTURES.includes(fixture));
}

/** How a program ended. */
export type ProgramEnd =
  /** Code 126: it could not be started. */
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: string }
  /** It was killed at its limit. */
  | { readonly kind: "timeout"; readonly afterMs: number }
  /** It was killed because it printed more than this. */
  | { readonly kind: "flood"; readonly bytes: number };

/** A program that says of a test of its own that it failed is started so often. */
export const MOST_RUNS = 3;

/** A line that a program printed, as a diagnostic line of {@link C_TEST}. */
export function printedLine(program: string, line: string, run = 1): string {
  return `${runName(program, run)}| ${line}`;
}

/** Name of the attachment that tells how a program ended. */
export function endAttachment(program: string, run = 1): string {
  return `end.${runName(program, run)}`;
}

function runName(program: string, run: number): string {
  return run === 1 ? program : `${program}#${run}`;
}

export interface ProgramRecord {
  readonly name: string;
  /** At least one. */
  readonly runs: readonly ProgramRun[];
}

export interface ProgramRun {
  readonly end: ProgramEnd;
  /** What it printed. */
  readonly lines: readonly string[];
}

/** The programs that a result of {@link C_TEST} tells of, in the order in which they ran. */
export function readPrograms(
  diagnostics: readonly string[],
  attachments: Readonly<Record<string, unknown>>,
): ProgramRecord[] {
  const programs = new Map<string, ProgramRun[]>();
  for (const [key, end] of Object.entries(attachments)) {
    const [, name, program] = /^end\.((.+?)(?:#\d+)?)$/.exec(key) ?? [];
    if (name === undefined || !isProgramEnd(end)) continue;
    const prefix = `${name}|`;
    const lines = diagnostics.filter((line) => line.startsWith(prefix))
      .map((line) => line.slice(prefix.length).replace(/^ /, ""));
    programs.set(program!, [...programs.get(program!) ?? [], { end, lines }]);
  }
  return [...programs].map(([name, runs]) => ({ name, runs }));
}

/** Whether a program says itself that a test of it failed (KSFT_FAIL of kselftest.h). */
export function saysFailed(end: ProgramEnd): boolean {
  return end.kind === "exited" && end.code === 1;
}

function isProgramEnd(value: unknown): value is ProgramEnd {
  const kinds: readonly ProgramEnd["kind"][] = ["exited", "signalled", "timeout", "flood"];
  return typeof value === "object" && value !== null &&
    (kinds as readonly unknown[]).includes((value as { kind?: unknown }).kind);
}

/** What is wrong with such an end; null where the program ended by itself. */
export function endText(end: ProgramEnd): string | null {
  switch (end.kind) {
    case "exited":
      return null;
    case "signalled":
      return `died of ${end.signal}`;
    case "timeout":
      return `had no end after ${end.afterMs / 1000} s`;
    case "flood":
      return `printed more than ${end.bytes} bytes`;
  }
}
