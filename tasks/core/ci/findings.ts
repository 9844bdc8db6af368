// SPDX-License-Identifier: MIT
/** What of a run is worth a mark beside the code: red cells, complaints, compiler warnings. Pure. */
import type { CellReport, RunReport, SplatReport, Warning } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import { evidenceKey } from "../model/evidence.ts";
import type { ComparedRun } from "../compare/compare.ts";
import { plainTitle } from "../console/blame.ts";
import { tellingFrames } from "../console/telling_frames.ts";
import { entryOf, type StackFrame } from "../console/stack_frame.ts";
import { counted } from "../text/counted.ts";
import { plainLine } from "../text/plain_text.ts";
import type { Level } from "./workflow_commands.ts";

/** A place in the source of a kernel. */
export interface SourcePlace {
  /** As a compiler printed it (often absolute), or below the tree. */
  readonly file: string;
  readonly line: number;
  readonly column: number | null;
}

export interface Finding {
  readonly level: Level;
  readonly title: string;
  /** One line. */
  readonly message: string;
  /** null where nothing of the source is named. */
  readonly place: SourcePlace | null;
  /** In the order of the run; empty where it is about the run itself. */
  readonly cells: readonly string[];
  /** The command that shows it again, of the first cell; "" for none. */
  readonly repeat: string;
  /** Whether it is new in one of its cells; null where there is nothing to hold it against. */
  readonly isNew: boolean | null;
}

/** A finding of one cell, and what tells it from others. */
interface Found extends Omit<Finding, "cells" | "isNew"> {
  readonly key: string;
  readonly isNew: boolean | null;
}

/** "fs/select.c:973:12: warning: …", "./kernel/fork.c:7: error: …", "drivers/x/Kconfig:3: …". */
const PRINTED = /^\s*(?:In file included from )?([^\s:][^:\n]*):(\d+)(?::(\d+))?: /;

/** Where a line of a compiler, make or Kconfig points to; null for nowhere. */
export function printedPlace(line: string): SourcePlace | null {
  const [, file, at, column] = PRINTED.exec(line) ?? [];
  if (file === undefined || Number(at) < 1) return null;
  return { file, line: Number(at), column: column === undefined ? null : Number(column) };
}

/** "kcov_ioctl kernel/kcov.c:412", of which the line may be "?". */
const FRAME_SOURCE = /(\S+):(\d+)$/;

/** "WARNING: at kernel/kcov.c:412 f", "kernel BUG at mm/slub.c:12!", "UBSAN: … in fs/x.c:12:3". */
const SAID = /\b(?:at|in) ((?:[\w.+-]+\/)+[\w.+-]+\.(?:[chS]|rs)):(\d+)(?::(\d+))?/;
const isHeader = (file: string) => /(?:^|\/)include\//.test(file);

/**
 * The line of source that a complaint is about: the one that the kernel names, else that of the first
 * frame that tells something, and there the innermost function that is no helper of a header.
 */
export function complaintPlace(
  { title, frames }: Pick<SplatReport, "title" | "frames">,
): SourcePlace | null {
  const [, said, at, column] = SAID.exec(title) ?? [];
  if (said !== undefined && !isHeader(said)) {
    return { file: said, line: Number(at), column: column === undefined ? null : Number(column) };
  }
  const entries = frames.map(({ place, source }): readonly [StackFrame, readonly string[]] => {
    const [name = place] = place.split("+");
    const nowhere = { function: name, offset: null, size: null, module: null, returns: true };
    return [entryOf(` ${place}`)?.frame ?? nowhere, source];
  });
  const telling = new Set(tellingFrames(entries.map(([frame]) => frame)));
  for (const [, source] of entries.filter(([frame]) => telling.has(frame))) {
    const places = source.map((text) => FRAME_SOURCE.exec(text)).filter((one) => one !== null);
    const own = places.find(([, file]) => !isHeader(file!)) ?? places[0];
    if (own) return { file: own[1]!, line: Number(own[2]), column: null };
  }
  return null;
}

/** What a base run knows of a cell. */
interface Before {
  readonly failures: ReadonlySet<string>;
  readonly splats: ReadonlySet<string>;
  /** null where its build log is gone. */
  readonly warnings: ReadonlySet<string> | null;
}

const failureKey = ({ kind, id, complaint, evidence, subject }: Failure) =>
  JSON.stringify([
    ...[kind, id, complaint?.fingerprint ?? null, evidence ? evidenceKey(evidence) : null],
    complaint ? null : subject ?? null,
  ]);

/** A warning without its line and column: lines move when something above them changes. */
const withoutLine = (text: string) => text.replace(/:\d+(?::\d+)?: /, ": ");

function failuresOf({ verdict }: CellReport): readonly Failure[] {
  if (verdict.kind === "failed") return verdict.failures;
  return verdict.kind === "flaky" && !verdict.allowed ? verdict.failures : [];
}

function beforeOf(cell: string, base: ComparedRun | null): Before | null {
  const report = base?.run.cells.find((one) => one.cell === cell);
  if (base === null || report === undefined) return null;
  const warnings = base.warnings.get(cell);
  return {
    failures: new Set(failuresOf(report).map(failureKey)),
    splats: new Set(report.splats.map(({ fingerprint }) => fingerprint)),
    warnings: warnings === undefined ? null : new Set(warnings.map(withoutLine)),
  };
}

function ofFailure(report: CellReport, failure: Failure, before: Before | null): Found {
  const { complaint, evidence, id } = failure;
  const splat = report.splats.find(({ fingerprint }) => fingerprint === complaint?.fingerprint);
  const place = splat
    ? complaintPlace(splat)
    : evidence?.kind === "output"
    ? printedPlace(evidence.line)
    : null;
  return {
    level: "error",
    title: id,
    message: plainLine(complaint ? plainTitle(complaint.title) : failure.message),
    place,
    repeat: report.repeat,
    key: JSON.stringify(["failure", failureKey(failure), complaint ? "" : failure.message]),
    isNew: before && !before.failures.has(failureKey(failure)),
  };
}

function ofCell(report: CellReport, before: Before | null): Found[] {
  const { verdict, repeat } = report;
  const alone = { place: null, repeat, isNew: null };
  if (verdict.kind === "unfinished") {
    const message = `no verdict: ${plainLine(verdict.why)}`;
    return [{ ...alone, level: "error", title: "unfinished", message, key: message }];
  }
  if (verdict.kind === "left-out") {
    const { id, message } = verdict.failures[0];
    const text = `left out: ${plainLine(message)}`;
    return [{ ...alone, level: "notice", title: id, message: text, key: text }];
  }
  const allowed = report.splats.filter(({ allowed, root }) => allowed !== null && root);
  return [
    ...failuresOf(report).map((failure) => ofFailure(report, failure, before)),
    ...allowed.map((splat): Found => ({
      level: "notice",
      title: splat.id,
      message: plainLine(`${splat.title} (allowed: ${splat.allowed!.reason})`),
      place: complaintPlace(splat),
      repeat,
      key: JSON.stringify(["allowed", splat.fingerprint]),
      isNew: before && !before.splats.has(splat.fingerprint),
    })),
  ];
}

function ofWarning({ text }: Warning, repeat: string, before: Before | null): Found {
  const place = printedPlace(text);
  const message = place === null
    ? plainLine(text)
    : plainLine(text.replace(PRINTED, "").replace(/^(?:warning|WARNING): /, ""));
  const key = JSON.stringify(["warning", withoutLine(text), place?.line]);
  const known = before?.warnings;
  const isNew = known ? !known.has(withoutLine(text)) : null;
  return { level: "warning", title: "compiler warning", message, place, repeat, key, isNew };
}

/**
 * What a run found, once each with all cells that show it, in the order in which it comes in the run.
 * @param warnings Of each cell's build, the listed ones included.
 * @param base The run that it is held against: the base branch's last one.
 */
export function findingsOf(
  run: RunReport,
  warnings: ReadonlyMap<string, readonly Warning[]>,
  base: ComparedRun | null,
): Finding[] {
  const found = new Map<
    string,
    { readonly first: Found; cells: string[]; isNew: boolean | null }
  >();
  const add = (one: Found, cells: readonly string[]) => {
    const known = found.get(one.key);
    if (known === undefined) {
      found.set(one.key, { first: one, cells: [...cells], isNew: one.isNew });
      return;
    }
    // A complaint that several tests of a cell show is one of the cell.
    known.cells.push(...cells.filter((cell) => !known.cells.includes(cell)));
    known.isNew = known.isNew === null ? one.isNew : known.isNew || one.isNew === true;
  };
  for (const { id, message } of run.failures) {
    const own = { level: "error", title: id, message: plainLine(message) } as const;
    add({ ...own, place: null, repeat: "", isNew: null, key: `run ${id} ${message}` }, []);
  }
  for (const report of run.cells) {
    const before = beforeOf(report.cell, base);
    for (const one of ofCell(report, before)) add(one, [report.cell]);
    for (const warning of warnings.get(report.cell) ?? []) {
      add(ofWarning(warning, report.repeat, before), [report.cell]);
    }
  }
  return [...found.values()].map(({ first: { key: _, ...rest }, cells, isNew }) => ({
    ...rest,
    cells,
    isNew,
  }));
}

/** "in 5 cells: a, b, c and 2 more"; "in a" for one, "" for none. */
export function cellsText(cells: readonly string[]): string {
  if (cells.length <= 1) return cells.map((cell) => `in ${cell}`).join("");
  const more = cells.length - 3;
  return `in ${counted(cells.length, "cell")}: ${cells.slice(0, 3).join(", ")}` +
    (more > 0 ? ` and ${more} more` : "");
}
