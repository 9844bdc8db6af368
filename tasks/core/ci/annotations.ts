// SPDX-License-Identifier: MIT
/** Findings as GitHub's annotations, the most telling ones within what GitHub takes. Pure. */
import { cellsText, type Finding, type SourcePlace } from "./findings.ts";
import { type Level, LEVELS, workflowCommand } from "./workflow_commands.ts";

/**
 * What GitHub shows of a step: so many of each level, and 50 of a job, which is more than a step can
 * have (docs.github.com, "Workflow commands", and actions/runner's limits of a step's issues).
 */
export const MOST_OF_A_LEVEL = 10;

/** Longer titles and messages are cut by GitHub's pages or refused; logs and JUnit have them whole. */
const TITLE_CHARACTERS = 200;
const MESSAGE_CHARACTERS = 4000;

/** A finding with its file as the repository of the workflow knows it. */
export interface Marked extends Finding {
  /** Below the root of the repository; null where the file is none of its files. */
  readonly place: SourcePlace | null;
  /** Whether the pull request changes that file. */
  readonly isTouched: boolean;
}

export interface Annotations {
  /** Commands for the log, the most telling first. */
  readonly lines: readonly string[];
  /** How many of each level are more than GitHub takes. */
  readonly leftOut: Readonly<Record<Level, number>>;
}

/** Smaller comes first: new before old, files of the pull request, a place before none, more cells. */
function rank({ isNew, isTouched, place, cells }: Marked): number[] {
  return [isNew ? 0 : 1, isTouched ? 0 : 1, place === null ? 1 : 0, -cells.length];
}

/** In the order of their worth; what is alike stays in the order of the run. */
export function ranked(findings: readonly Marked[]): Marked[] {
  return findings.toSorted((a, b) => {
    const [one, other] = [rank(a), rank(b)];
    const at = one.findIndex((value, index) => value !== other[index]);
    return at < 0 ? 0 : one[at]! - other[at]!;
  });
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

function annotation({ level, title, message, place, cells, repeat, isNew }: Marked): string {
  const lines = [
    message,
    cellsText(cells),
    repeat === "" ? "" : `repeat with: ${repeat}`,
  ];
  return workflowCommand(
    level,
    {
      file: place?.file ?? null,
      line: place?.line ?? null,
      col: place?.column ?? null,
      title: cut(isNew ? `new: ${title}` : title, TITLE_CHARACTERS),
    },
    cut(lines.filter(Boolean).join("\n"), MESSAGE_CHARACTERS),
  );
}

export function annotationsOf(findings: readonly Marked[]): Annotations {
  const sorted = ranked(findings);
  const of = (level: Level) => sorted.filter((one) => one.level === level);
  return {
    lines: LEVELS.flatMap((level) => of(level).slice(0, MOST_OF_A_LEVEL).map(annotation)),
    leftOut: {
      error: Math.max(0, of("error").length - MOST_OF_A_LEVEL),
      warning: Math.max(0, of("warning").length - MOST_OF_A_LEVEL),
      notice: Math.max(0, of("notice").length - MOST_OF_A_LEVEL),
    },
  };
}
