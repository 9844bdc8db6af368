// SPDX-License-Identifier: MIT
/** Patch series: what git says where one does not apply, or not quite where it should. */
import { basename } from "node:path/posix";
import type { FuzzyHunk, SeriesPatch } from "../model/model.ts";
import { decodeBytes, type DiffFacts, type DiffFile, type DiffHunk, MAX_FILES } from "./diff.ts";
import { counted } from "../text/counted.ts";

/** Why a patch does not apply. */
export type ApplyProblem =
  /** `line` of the file, as the hunk's header has it; `hunk` from 1, null where it is not known. */
  | {
    readonly kind: "hunk";
    readonly file: string;
    readonly line: number;
    readonly hunk: number | null;
  }
  | { readonly kind: "missing" | "exists" | "applied" | "other-type"; readonly file: string }
  /** `line` of the patch. */
  | { readonly kind: "damaged"; readonly line: number }
  /** In git's words. */
  | { readonly kind: "other"; readonly text: string };

/** What git says of one patch. */
export interface ApplyLog {
  readonly problems: readonly ApplyProblem[];
  /** Hunks that applied with less than their whole context. */
  readonly fuzzy: readonly Omit<FuzzyHunk, "patch">[];
  /** Lines between where hunks say they belong and where they applied. */
  readonly offsets: readonly number[];
}

/** The file name of a patch, for people. */
export function patchName({ file }: Pick<SeriesPatch, "file">): string {
  return basename(file);
}

/** A name of a diff without `strip` leading folders. */
function stripped(name: string | null, strip: number): string | null {
  return name === null ? null : decodeBytes(name.split("/").slice(strip).join("/"));
}

/** The names by which git speaks of a file of a diff. */
export function namesOf({ oldName, newName, movedFrom }: DiffFile, strip: number): string[] {
  const moved = stripped(movedFrom, Math.max(0, strip - 1));
  return [stripped(oldName, strip), stripped(newName, strip), moved].filter((name) =>
    name !== null
  );
}

const FACTS: readonly [RegExp, (match: RegExpExecArray) => ApplyProblem | null][] = [
  [/^(.+): does not exist in index$/, ([, file]) => ({ kind: "missing", file: file! })],
  [/^(.+): No such file or directory$/, ([, file]) => ({ kind: "missing", file: file! })],
  [/^(.+): wrong type$/, ([, file]) => ({ kind: "other-type", file: file! })],
  [/^(.+): already exists in index$/, ([, file]) => ({ kind: "exists", file: file! })],
  [/^corrupt patch at (?:.*:)?(?:line )?(\d+)$/, ([, line]) => ({
    kind: "damaged",
    line: Number(line),
  })],
  // Behind `patch failed`, which says more.
  [/^.+: patch does not apply$/, () => null],
];

/**
 * Reads what `git apply --verbose` prints under LC_ALL=C (apply.c of git 2.39).
 * @param diff Of the patch.
 * @param strip As of -p.
 */
export function readApplyLog(log: string, diff: DiffFacts, strip: number): ApplyLog {
  const problems: ApplyProblem[] = [];
  const fuzzy: Omit<FuzzyHunk, "patch">[] = [];
  const offsets: number[] = [];
  let file = "";
  let last: { hunk: number; line: number } | null = null;
  let quoting = false;
  for (const line of log.split("\n")) {
    const failed = /^error: patch failed: (.+):(\d+)$/.exec(line);
    if (failed) {
      quoting = false;
      const [name, at] = [failed[1]!, Number(failed[2])];
      problems.push({ kind: "hunk", file: name, line: at, hunk: hunkAt(diff, strip, name, at) });
      continue;
    }
    // What it searched for are lines of the patch.
    quoting ||= line.startsWith("error: while searching for:");
    if (quoting) continue;
    file = /^Checking patch (?:.* => )?(.+)\.\.\.$/.exec(line)?.[1] ?? file;
    const moved = /^Hunk #(\d+) succeeded at (\d+) \(offset (-?\d+) lines?\)\.$/.exec(line);
    if (moved) {
      last = { hunk: Number(moved[1]), line: Number(moved[2]) };
      offsets.push(Number(moved[3]));
    }
    const reduced = /^Context reduced to \((\d+)\/(\d+)\) to apply fragment at (\d+)$/.exec(line);
    if (reduced) {
      const at = Number(reduced[3]);
      const hunk = last?.line === at
        ? last.hunk
        : shortenedHunkAt(diff, strip, file, at, Number(reduced[1]));
      // Less context moves the place that was looked at: no offset of the hunk.
      if (last?.line === at) offsets.pop();
      const context = [Number(reduced[1]), Number(reduced[2])] as const;
      fuzzy.push({ file, hunk, line: at, context });
    }
    const error = /^error: (.+)$/.exec(line)?.[1];
    if (error === undefined) continue;
    const fact = FACTS.find(([pattern]) => pattern.test(error));
    const problem = fact ? fact[1](fact[0].exec(error)!) : { kind: "other" as const, text: error };
    if (problem) problems.push(problem);
  }
  const inHunks = new Set(problems.flatMap((one) => one.kind === "hunk" ? [one.file] : []));
  return {
    problems: problems.filter((one) =>
      one.kind === "hunk" || !("file" in one) || !inHunks.has(one.file)
    ),
    ...{ fuzzy, offsets },
  };
}

/** The first hunk of a file that fits, and its number in it, from 1. */
function findHunk(
  diff: DiffFacts,
  strip: number,
  name: string,
  fits: (hunk: DiffHunk, number: number) => boolean,
): { readonly hunk: DiffHunk; readonly number: number } | null {
  for (const file of diff.files) {
    if (!namesOf(file, strip).includes(name)) continue;
    const at = file.hunks.findIndex((hunk, index) => fits(hunk, index + 1));
    if (at >= 0) return { hunk: file.hunks[at]!, number: at + 1 };
  }
  return null;
}

function hunkAt(diff: DiffFacts, strip: number, name: string, line: number): number | null {
  return findHunk(diff, strip, name, ({ oldStart }) => oldStart === line)?.number ?? null;
}

/** git looks for a hunk with fewer lines before it as many lines further up, and finds it there. */
function shortenedHunkAt(
  diff: DiffFacts,
  strip: number,
  name: string,
  line: number,
  context: number,
): number | null {
  return findHunk(diff, strip, name, ({ newStart, text }) => {
    const whole = text.split("\n").slice(1).findIndex((one) => !one.startsWith(" "));
    return newStart - (whole - context) === line;
  })?.number ?? null;
}

/** The folders at the top of a kernel tree, of 2.6.12 to 7.3. */
const TOP_FOLDERS = new Set(
  ("arch block certs crypto Documentation drivers firmware fs include init io_uring ipc kernel " +
    "lib LICENSES mm net rust samples scripts security sound tools usr virt").split(" "),
);

/** How many folders of a name are in front of one of the kernel's own, for people. */
function misplaced(file: string): string {
  const parts = file.split("/");
  const count = parts.findIndex((part, index) => index < parts.length - 1 && TOP_FOLDERS.has(part));
  if (count > 0) {
    return ` (it has ${counted(count, "leading folder")} that the tree does not have: ` +
      "-pN after the patch's name in a series file strips them)";
  }
  return parts.length === 1 ? " (is the diff from a subfolder of the tree?)" : "";
}

/** One line: which patch does not apply, where and why. */
export function describeProblems(patch: string, problems: readonly ApplyProblem[]): string {
  const reasons = problems.map((problem) => {
    switch (problem.kind) {
      case "hunk": {
        const hunk = problem.hunk === null ? "a hunk" : `hunk ${problem.hunk}`;
        return `${problem.file}: ${hunk} (line ${problem.line}) does not match`;
      }
      case "missing":
        return `${problem.file}: the file does not exist${misplaced(problem.file)}`;
      case "other-type":
        return `${problem.file}: is a link or folder in the tree, and a file in the patch`;
      case "exists":
        return `${problem.file}: the file exists already`;
      case "applied":
        return `${problem.file}: the source has this change already`;
      case "damaged":
        return `line ${problem.line} of the patch is damaged`;
      case "other":
        return problem.text;
    }
  });
  const shown = reasons.slice(0, 8);
  const more = reasons.length - shown.length;
  return `${patch} does not apply: ${shown.join("; ") || "git gave up"}` +
    (more > 0 ? `; and ${more} more` : "");
}

/** The text of a failed hunk, and what the file has there. */
export function showHunk(
  { file, line, hunk }: Extract<ApplyProblem, { kind: "hunk" }>,
  diff: DiffFacts,
  strip: number,
  source: string | null,
): string {
  const found = findHunk(diff, strip, file, (_, number) => number === hunk);
  if (found === null) return "";
  const { text } = found.hunk;
  const length = text.split("\n").filter((one) => /^[ -]/.test(one)).length;
  const there = source?.split("\n").slice(line - 1, line - 1 + length);
  return [
    `${file}, hunk ${hunk}:`,
    ...limited(decodeBytes(text).trimEnd().split("\n")),
    ...(there === undefined ? [] : [`the source has from line ${line}:`, ...limited(there)]),
  ].join("\n");
}

const limited = (lines: readonly string[]) =>
  lines.length > 40 ? [...lines.slice(0, 40), `… ${lines.length - 40} more lines`] : lines;

/** A line for each hunk that applied with fuzz. */
export function describeFuzz({ patch, file, hunk, line, context }: FuzzyHunk): string {
  const which = hunk === null ? "a hunk" : `hunk ${hunk}`;
  return `${patch}: ${file}: ${which} (line ${line}) applied with fuzz: ` +
    `${context[0]} lines of context before it and ${context[1]} after it match`;
}

/** PATH_MAX of Linux. */
const MAX_PATH = 4096;

/** What in a diff is refused before git looks at it; null for nothing. */
export function refusal(
  diff: DiffFacts,
  strip: number,
  names: readonly string[],
): string | null {
  const { files, separatorLine, commits, lacking, tooManyFiles, unreadable } = diff;
  if (unreadable === "UTF-16") {
    return "is UTF-16, in which git reads no diff: save it with git diff --output=FILE";
  }
  if (unreadable === "coloured") {
    return "holds the colours of a terminal, in which git reads no diff: save it with git diff --no-color";
  }
  if (tooManyFiles) return `names more than ${MAX_FILES} files: that is no patch`;
  if (commits > 1) {
    return `holds ${commits} commits as git log prints them, in an unknown order; ` +
      "git format-patch writes them as a series";
  }
  if (separatorLine !== null) {
    return `holds a diff before its "---" or diffstat (line ${separatorLine}) and another ` +
      "after it: a diff in the description would be applied too. Indent it there, or split the file";
  }
  if (lacking) {
    return `line ${lacking.line} tells of a change without its content: ${
      decodeBytes(lacking.text).slice(0, 100)
    }`;
  }
  const special = files.find((file) => file.special !== null && !file.deleted);
  if (special) {
    const name = namesOf(special, strip).at(-1);
    return `makes a ${special.special} of ${name}; a series may only hold plain files`;
  }
  // Without -pN nobody has said that the folders of another machine are to be taken off.
  const absolute = files.flatMap(({ oldName, newName }) => [oldName, newName])
    .find((name) => strip < 2 && name?.startsWith("/"));
  if (absolute) {
    return `names ${decodeBytes(absolute)}, an absolute path: -pN after the patch's name in a ` +
      "series file strips leading folders";
  }
  for (const name of names) {
    if (name.length > MAX_PATH) return `names a path of ${name.length} characters`;
    const parts = name.split("/");
    if (name.startsWith("/") || parts.includes("..")) {
      return `names ${name}, which is outside of the tree`;
    }
    if (parts.some((part) => part.toLowerCase() === ".git")) {
      return `names ${name}, which belongs to git and not to a tree`;
    }
    if (name.includes("\ufffd")) return `names a file that is not UTF-8: ${name}`;
  }
  return null;
}
