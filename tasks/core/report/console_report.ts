// SPDX-License-Identifier: MIT
/**
 * What a kernel log that somebody brings holds: its complaints, each kind once and counted, as text,
 * as JSON and as a run for JUnit. docs/console.md describes all three.
 */
import { basename } from "node:path/posix";
import {
  type AllowedSplat,
  type CellId,
  type CellReport,
  RUN_FORMAT,
  type RunReport,
  type TestResult,
} from "../model/model.ts";
import { type Failure, failure } from "../model/errors.ts";
import { NO_FACTS } from "./cell_facts.ts";
import { allowanceOf, splatDetail, type SplatSources } from "../console/splat_report.ts";
import { linesShown, type Splat, splatText } from "../console/splats.ts";
import { type StackFrame, stackFrameText } from "../console/stack_frame.ts";
import type { SummaryStyle } from "./summary.ts";
import { frameText } from "../inspect/symbolizer.ts";
import { plainLine, plainText, UNPRINTABLE } from "../text/plain_text.ts";
import { counted } from "../text/counted.ts";

export interface ConsoleFrame {
  readonly function: string;
  /** null for vmlinux. */
  readonly module: string | null;
  /** In bytes; null where the log has none. */
  readonly offset: number | null;
  readonly size: number | null;
  /** "ksys_read fs/read_write.c:702", the innermost inlined function first; none where unknown. */
  readonly source: readonly string[];
}

/** One complaint, however often it came. */
export interface ConsoleComplaint {
  /** "page-fault"; docs/verdicts.md lists all. */
  readonly kind: string;
  /** Its first line, of the first time that it came. */
  readonly title: string;
  readonly count: number;
  readonly fingerprint: string;
  /** The function that is to blame; null where the report names none. */
  readonly blamed: ConsoleFrame | null;
  /** Of the stack that it is about, innermost first. */
  readonly frames: readonly ConsoleFrame[];
  /** False for what only follows from the complaint before it, such as the panic of an oops. */
  readonly root: boolean;
  /** The kernel stopped there for good. */
  readonly fatal: boolean;
  /** The entry of splats.yaml that knows it. */
  readonly allowed: { readonly place: string; readonly reason: string } | null;
  /** The report's lines, the middle of a long one left out. */
  readonly lines: readonly string[];
}

/** How well the functions of the log's stacks are those of a vmlinux. */
export interface KernelFit {
  readonly path: string;
  /** Functions of which both sides have a size. */
  readonly compared: number;
  /** Those of the same size. */
  readonly fitting: number;
}

export interface ConsoleReport {
  /** As the user named it; "-" for standard input. */
  readonly file: string;
  readonly vmlinux: (KernelFit & { readonly fits: boolean }) | null;
  readonly complaints: readonly ConsoleComplaint[];
  /** Of the complaints that nothing follows from and nothing allows, the evidence. */
  readonly failures: readonly Failure[];
}

/**
 * Of the compared functions nearly all have to fit. Two kernels of one source have most functions in
 * common: of a log of `linux-6.12/crash` 8 of 9 fitted `linux-6.12/kcov`.
 */
const FITTING = 0.95;

/** Whether source lines of this vmlinux may be shown beside the log. */
export function fits({ compared, fitting }: KernelFit): boolean {
  return compared > 0 && fitting >= FITTING * compared;
}

/**
 * @param allow Entries of splats.yaml; those for some cells only say nothing of a foreign log.
 * @param sources Source lines of frames, where they are known.
 */
export function reportConsole(
  file: string,
  splats: readonly Splat[],
  allow: readonly AllowedSplat[],
  sources: SplatSources,
  vmlinux: ConsoleReport["vmlinux"],
): ConsoleReport {
  const groups = new Map<string, { splat: Splat; count: number }>();
  for (const splat of splats) {
    const key = `${splat.id} ${splat.fingerprint} ${splat.root}`;
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { splat, count: 1 });
  }
  const complaints: ConsoleComplaint[] = [];
  const failures: Failure[] = [];
  for (const { splat, count } of groups.values()) {
    const allowed = splat.root ? allowanceOf(splat, CELL, allow) : null;
    complaints.push({
      ...{ kind: splat.id, title: splat.title, count, fingerprint: splat.fingerprint },
      blamed: splat.blamed === null ? null : consoleFrame(splat.blamed, sources),
      frames: splat.frames.map((frame) => consoleFrame(frame, sources)),
      ...{ root: splat.root, fatal: splat.fatal },
      allowed: allowed && { place: allowed.place, reason: allowed.reason },
      lines: linesShown(splat.lines),
    });
    if (!splat.root || allowed !== null) continue;
    const times = count === 1 ? "" : ` (${count} times)`;
    const text = `${splatText(splat)}${times}`;
    failures.push(failure("kernel", `splat-${splat.id}`, text, splatDetail(splat, sources)));
  }
  return { file, vmlinux, complaints, failures };
}

/** A foreign log is of no cell; entries of splats.yaml for all of them hold. */
const CELL = "console/log";

function consoleFrame(frame: StackFrame, sources: SplatSources): ConsoleFrame {
  const { function: name, module, offset, size, source } = frame;
  const found = sources.get(stackFrameText(frame));
  const own = source === undefined ? [] : [`${name} ${source}`];
  return { function: name, module, offset, size, source: found?.map(frameText) ?? own };
}

const FRAMES_SHOWN = 12;

/** For people: each complaint with the function that is to blame and its stack. Fit for a terminal. */
export function consoleText(report: ConsoleReport, style: SummaryStyle): string {
  const roots = report.complaints.filter(({ root }) => root);
  const blocks = report.complaints.map((one) => complaintText(one, style));
  const known = roots.filter(({ allowed }) => allowed !== null).length;
  const reports = roots.reduce((sum, { count }) => sum + count, 0);
  const found = roots.length === 0 ? "no complaint of the kernel" : [
    counted(roots.length, "complaint"),
    reports === roots.length ? "" : `, ${reports} times`,
    known === 0 ? "" : `, ${known} of them allowed by splats.yaml`,
  ].join("");
  const bad = report.failures.length > 0 ? style.bad : style.good;
  return [...blocks, bad(`${plainLine(report.file)}: ${found}`)].join("\n\n");
}

function complaintText(one: ConsoleComplaint, style: SummaryStyle): string {
  const head = one.root ? style.bad(one.kind) : style.dim(`then ${one.kind}`);
  const dim = (text: string) => style.dim(plainText(text));
  const lines = [`${head}: ${plainLine(one.title)}`];
  const facts = [
    one.blamed === null ? "no function is named" : `in ${placeText(one.blamed)}`,
    `fingerprint ${one.fingerprint}`,
    ...(one.count > 1 ? [`${one.count} times`] : []),
  ];
  lines.push(plainText(`  ${facts.join(", ")}`));
  if (one.allowed) lines.push(`  allowed by ${one.allowed.place}: ${one.allowed.reason}`);
  for (const frame of one.frames.slice(0, FRAMES_SHOWN)) {
    const texts = frame.source.length > 0 ? frame.source : [placeText(frame)];
    for (const text of texts) lines.push(dim(`    ${text}`));
  }
  const more = one.frames.length - FRAMES_SHOWN;
  if (more > 0) lines.push(dim(`    … ${more} more`));
  return lines.join("\n");
}

function placeText(frame: ConsoleFrame): string {
  return frame.module === null ? frame.function : `${frame.function} [${frame.module}]`;
}

/** The JSON of docs/console.md. */
export function consoleJson({ file, vmlinux, complaints }: ConsoleReport): string {
  const text = JSON.stringify({ file, vmlinux, complaints }, null, 2);
  // JSON escapes only some of what a terminal would act upon.
  return `${text.replace(UNPRINTABLE, escaped)}\n`;
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** As a run of one suite, for JUnit: a case a complaint, or one that passed for a log without any. */
export function consoleRun(
  report: ConsoleReport,
  startedAt: string,
  durationMs: number,
): RunReport {
  const cell = `console/${basename(report.file)}` as CellId;
  const roots = report.complaints.filter(({ root }) => root);
  const failed = [...report.failures];
  const tests = roots.map((one): TestResult => {
    const name = `${one.kind}.${one.blamed?.function ?? "unknown"}.${one.fingerprint}`;
    const outcome: TestResult["outcome"] = one.allowed === null
      ? { kind: "failed", failure: failed.shift()! }
      : { kind: "expected-failure", reason: `${one.allowed.place}: ${one.allowed.reason}` };
    return testOf(name, report.file, outcome);
  });
  if (tests.length === 0) tests.push(testOf("no-complaint", report.file, { kind: "passed" }));
  const cells: CellReport[] = [{
    ...{ cell, stages: [], tests, splats: [], facts: NO_FACTS, consoleTail: "" },
    repeat: `parse --console ${report.file}`,
    verdict: report.failures.length === 0
      ? { kind: "passed", note: "" }
      : { kind: "failed", failures: [] },
  }];
  const usage = { programsMs: {}, peakMiB: 0 };
  return {
    ...{ format: RUN_FORMAT, startedAt, durationMs, accel: null, cells, interrupted: null, usage },
    failures: [],
    sources: [],
  };
}

function testOf(name: string, file: string, outcome: TestResult["outcome"]): TestResult {
  return {
    ...{ id: `complaint.${name}`, fixture: "complaint", name, file, durationMs: 0, outcome },
    ...{ diagnostics: [], attachments: {} },
  };
}
