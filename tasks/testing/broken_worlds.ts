// SPDX-License-Identifier: MIT
/** What must hold after everything that can happen to a run, and a line for each such thing. */
import assert from "node:assert/strict";
import { STAGES } from "../core/model/model.ts";
import type { FakeProject } from "./fake_project.ts";
import { assertValidJunit, junitCases } from "./junit.ts";

/** All runs look at the same few tests, so that each recording is short. */
export const MATRIX = ["matrix", "--test", "kcov.*"];
export const CELLS = ["fake/nokcov", "fake/kcov", "fake/kcov/smp4"];

/** Waits until something is so; it is looked at 20 times a second. */
export async function until(
  what: string,
  limitMs: number,
  holds: () => Promise<boolean>,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let goneMs = 0;

/**
 * The process table is as it was: within two seconds nothing is left of what was started, all of
 * which can be told by a mark of its own.
 */
export async function assertNobodyLeft(
  processes: () => Promise<readonly unknown[]>,
): Promise<void> {
  const startedAt = performance.now();
  await until("no process is left", 2000, async () => (await processes()).length === 0);
  goneMs = performance.now() - startedAt;
}

/**
 * The process table is as it was: nothing that the project has started is left. junit.xml is valid
 * and lists every cell with every stage, whether it ran or not; report.html has every cell.
 */
export async function assertSound(
  project: FakeProject,
  cells: readonly string[] = CELLS,
): Promise<void> {
  await assertNobodyLeft(() => project.processes());
  const xml = await project.read("junit.xml");
  await assertValidJunit(xml);
  const suites = junitCases(xml);
  const html = await project.read("report.html");
  for (const cell of cells) {
    assert.ok(html.includes(`<th scope="row">${cell}</th>`), `${cell} in report.html`);
    const listed = (suites[cell] ?? []).filter(({ name }) => name.startsWith("stage "));
    assert.deepEqual(listed.map(({ name }) => name.slice("stage ".length)), [...STAGES], cell);
  }
}

/** The word in brackets by which the run names its first failure, or "none". */
export function verdictOf(out: string): string {
  return /\[([a-z-]+), [a-z]+\]/.exec(out)?.[1] ?? "none";
}

const rows: string[] = [];

/** Notes a line for the table, behind the check of what the run has left. */
export function note(world: string, verdict: string, code: number): void {
  const text = verdict === "none" ? "none" : `\`${verdict}\``;
  rows.push(`| ${world} | ${text} | ${code} | 0 (in ${Math.round(goneMs)} ms) |`);
}

/** What was done, the verdict, the exit code, and what is left in the process table. */
export function printTable(): void {
  const head = ["| what was done | verdict | exit | processes left |", "| --- | --- | --- | --- |"];
  console.log([...head, ...rows].join("\n"));
}
