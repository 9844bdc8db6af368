// SPDX-License-Identifier: MIT
/** Values as people read them. */
import type { Blame } from "../core/model/failure_kinds.ts";
import type { CellWord, StageWord, TestWord } from "../core/page/page_model.ts";

/** "312 ms", "4.2 s", "3 min 05 s" */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return minutes < 60
    ? `${minutes} min ${pad(rest)} s`
    : `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

const pad = (number: number) => `${number}`.padStart(2, "0");

/** "2.69 MB", in thousands. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

/** "71 748" */
export function countText(count: number): string {
  return `${count}`.replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** "1 cell", "3 cells" */
export function counted(count: number, word: string): string {
  return `${countText(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** "2026-11-29 05:22:17 UTC" */
export function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

export const CELL_LABELS: Readonly<Record<CellWord, string>> = {
  passed: "passed",
  skipped: "skipped",
  failed: "failed",
  flaky: "flaky",
  "left-out": "left out",
  unfinished: "unfinished",
};

/** A shape for each, for those who do not see the colours, and for print. */
export const MARKS: Readonly<Record<CellWord | TestWord | StageWord, string>> = {
  passed: "✓",
  failed: "✗",
  flaky: "≈",
  skipped: "–",
  "expected-failure": "✗",
  "not-run": "·",
  "left-out": "–",
  unfinished: "…",
  pending: "…",
  blocked: "·",
};

export const TEST_LABELS: Readonly<Record<TestWord, string>> = {
  passed: "passed",
  failed: "failed",
  flaky: "flaky",
  skipped: "skipped",
  "expected-failure": "failed as expected",
  "not-run": "not run",
};

/** Who has to act, and how one begins. */
export const BLAME_WORDS: Readonly<Record<Blame, string>> = {
  user: "what was asked for is to be mended: the command line, the matrix or a list",
  config: "the config or the series is to be mended",
  kernel: "the kernel is at fault",
  test: "a test failed: the kernel or the test is at fault",
  infra: "the machine is at fault: a tool, the disk, memory or the network",
  tool: "kmatrix itself is at fault",
};
