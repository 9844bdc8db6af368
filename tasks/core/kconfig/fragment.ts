// SPDX-License-Identifier: MIT
/** Kconfig fragments and --kconfig-add, line by line: what is wrong is said with its column. */

import { isBareValue, QUOTED, sameValue } from "./values.ts";

/** One request: an option, what it shall be, and who says so. */
export interface FragmentLine {
  /** With prefix: "CONFIG_KCOV". */
  readonly option: string;
  /** "y", "m", "n" (also for `is not set`), a number as written, or a string in its quotes. */
  readonly value: string;
  /** The fragment, or "--kconfig-add". */
  readonly file: string;
  /** 1-based; for --kconfig-add the position among its values. */
  readonly line: number;
  /** The line as written. */
  readonly text: string;
}

/** A line that is no Kconfig fragment line. The message shows it with a caret and the remedy. */
export class FragmentError extends Error {
  override readonly name = "FragmentError";
  readonly file: string;
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  readonly text: string;
  /** What to write instead. */
  readonly hint: string;

  constructor(
    problem: string,
    where: { file: string; line: number; column: number; text: string },
    hint: string,
  ) {
    const gutter = `${where.line}`;
    const { shown, caret } = excerpt(where.text, where.column);
    // Tabs are kept, so that the caret stands under its column in any terminal.
    const indent = shown.slice(0, caret - 1).replace(/[^\t]/g, " ");
    super([
      `${where.file}:${where.line}:${where.column}: ${problem}`,
      `  ${gutter} | ${shown}`,
      `  ${" ".repeat(gutter.length)} | ${indent}^`,
      `  ${hint}`,
    ].join("\n"));
    this.file = where.file;
    this.line = where.line;
    this.column = where.column;
    this.text = where.text;
    this.hint = hint;
  }
}

/** What a message quotes of a line or a word, at most. */
const MAX_QUOTED = 120;

/** A text as a message quotes it: what is too long loses its end. */
export function shortened(text: string): string {
  return text.length <= MAX_QUOTED ? text : `${text.slice(0, MAX_QUOTED - 1)}…`;
}

/** The part of a line around a column, both from 1. */
function excerpt(text: string, column: number): { shown: string; caret: number } {
  if (text.length <= MAX_QUOTED) return { shown: text, caret: column };
  const start = Math.max(0, column - MAX_QUOTED / 2);
  const lead = start > 0 ? "…" : "";
  const end = start + MAX_QUOTED;
  const shown = lead + text.slice(start, end) + (end < text.length ? "…" : "");
  return { shown, caret: column - start + lead.length };
}

/** Two fragments, or two lines of one, that want different things of one option. */
export class ContradictionError extends Error {
  override readonly name = "ContradictionError";
  readonly option: string;
  readonly first: FragmentLine;
  readonly second: FragmentLine;

  constructor(first: FragmentLine, second: FragmentLine) {
    super([
      `${first.option} is asked for with two values:`,
      `  ${placeOf(first)}: ${shortened(first.text)}`,
      `  ${placeOf(second)}: ${shortened(second.text)}`,
      "  Keep one of the two lines.",
    ].join("\n"));
    this.option = first.option;
    this.first = first;
    this.second = second;
  }
}

/** "configs/kasan.config:3", or "--kconfig-add" (its text says the rest). */
export function placeOf(line: FragmentLine): string {
  return line.file === KCONFIG_ADD ? KCONFIG_ADD : `${line.file}:${line.line}`;
}

/** A request as a .config line. */
export function configLine(option: string, value: string): string {
  return value === "n" ? `# ${option} is not set` : `${option}=${value}`;
}

export const KCONFIG_ADD = "--kconfig-add";

/**
 * Reads a fragment: `CONFIG_X=y`, `# CONFIG_X is not set`, `CONFIG_X=n` (the same), comments, blank
 * lines. A line that repeats an earlier one word for word in meaning is dropped: nothing is unclear
 * about it, and fragments grow by pasting. What editors leave and nobody sees is no part of a line:
 * a byte order mark, blanks at the end, CR or CRLF for the line end.
 *
 * @throws {FragmentError} for any other line
 * @throws {ContradictionError} when two lines want different things of one option
 */
export function parseFragment(text: string, file: string): FragmentLine[] {
  const lines: FragmentLine[] = [];
  const seen = new Map<string, FragmentLine>();
  for (const [index, raw] of text.replace(/^\uFEFF/, "").split(/\r*\n|\r/).entries()) {
    const parsed = parseLine(raw, file, index + 1);
    if (parsed === null) continue;
    const earlier = seen.get(parsed.option);
    if (earlier !== undefined) {
      if (!sameValue(earlier.value, parsed.value)) throw new ContradictionError(earlier, parsed);
      continue;
    }
    seen.set(parsed.option, parsed);
    lines.push(parsed);
  }
  return lines;
}

/**
 * Reads one value of --kconfig-add, e.g. `CONFIG_KASAN=y` or `# CONFIG_SMP is not set`.
 *
 * @param position which --kconfig-add of the command line it is, from 1
 * @throws {FragmentError} for anything else, also for a comment or nothing
 */
export function parseKconfigAdd(argument: string, position = 1): FragmentLine {
  const fail = (problem: string, hint: string) =>
    new FragmentError(
      problem,
      { file: KCONFIG_ADD, line: position, column: 1, text: argument },
      hint,
    );
  if (argument.includes("\n")) {
    throw fail("more than one line", `Give ${KCONFIG_ADD} once for each option.`);
  }
  const parsed = parseLine(argument, KCONFIG_ADD, position);
  if (parsed === null) {
    throw fail(
      "no option is set here",
      `Write ${KCONFIG_ADD} CONFIG_<NAME>=<value>, for example CONFIG_KASAN=y or CONFIG_SMP=n.`,
    );
  }
  return parsed;
}

/** One line; null for a comment or a blank line. */
function parseLine(raw: string, file: string, line: number): FragmentLine | null {
  const text = raw.trimEnd();
  const fail: Fail = (column, problem, hint) =>
    new FragmentError(problem, { file, line, column, text }, hint);
  if (text === "") return null;
  // A comment may be in any encoding.
  const foreign = text.search(text.startsWith("#") ? /\0/ : /[\0\uFFFD]/);
  if (foreign >= 0) {
    throw fail(
      foreign + 1,
      "this is no text in UTF-8",
      "Save the file as UTF-8; it may be UTF-16, or Latin-1.",
    );
  }
  if (/^\s/.test(text)) {
    throw fail(1, "blank before the line", `Write ${quote(text.trim())}: lines start at column 1.`);
  }
  if (text.startsWith("#")) {
    const option = parseComment(text, fail);
    return option === null ? null : { option, value: "n", file, line, text };
  }
  const option = parseName(text, fail);
  const equals = text.indexOf("=");
  const value = parseValue(option, text.slice(equals + 1), equals + 2, fail);
  return { option, value, file, line, text };
}

/** The error of a line, at a column from 1. */
type Fail = (column: number, problem: string, hint: string) => FragmentError;

/** The option that a comment switches off; null for a mere comment. */
function parseComment(text: string, fail: Fail): string | null {
  const unset = /^# (CONFIG_[A-Za-z0-9_]+) is not set$/.exec(text);
  if (unset !== null) return unset[1]!;
  if (/^#include\s+(?:["<]\S+[">]|\S+\.(?:config|cfg|fragment|frag))$/.test(text)) {
    throw fail(1, "this would be a comment, not an inclusion", NO_INCLUDE);
  }
  // 6.1 does not look at what follows, 6.12 takes such a line for a comment.
  const more = /^# (CONFIG_[A-Za-z0-9_]+) is not set\s+(?=\S)/.exec(text);
  if (more !== null) {
    throw fail(
      more[0].length + 1,
      'text after "is not set"',
      `Write "# ${more[1]} is not set"; comments have lines of their own.`,
    );
  }
  // The kernel would take a misspelt `is not set` for a comment without a word.
  const meant = /^#+\s*(CONFIG_\w+|[A-Z][A-Z0-9_]+)(?:=\S+)?\s+(?:is\s+)?not\s+set\b\.?$/
    .exec(text);
  if (meant === null) return null;
  throw fail(
    1,
    "this would be a comment, not a setting",
    `Write "# ${withPrefix(meant[1]!)} is not set" exactly so.`,
  );
}

const NO_INCLUDE = "A fragment includes no other: name both in `fragments:` of the config.";

/** A name as people write it, without prefix, in small letters or both, as that of an option. */
function withPrefix(name: string): string {
  const bare = name.replace(/^(?:CONFIG_|CONFIG(?!FS))/i, "");
  return `CONFIG_${/[A-Z]/.test(bare) ? bare : bare.toUpperCase()}`;
}

/** The option in front of "=". */
function parseName(text: string, fail: Fail): string {
  const equals = text.indexOf("=");
  if (equals < 0) throw noSetting(text, fail);
  const name = text.slice(0, equals).trimEnd();
  const value = text.slice(equals + 1).trim();
  if (!/^[A-Za-z0-9_]+$/.test(name)) {
    const inside = /\bCONFIG_[A-Za-z0-9_]+/.exec(name)?.[0];
    throw fail(
      name.search(/[^A-Za-z0-9_]|$/) + 1,
      `${quote(name)} is no option name`,
      inside === undefined
        ? "Option names are CONFIG_ and then letters, digits and underscores."
        : `A line has one setting and nothing else, such as "${inside}=${shortened(value)}".`,
    );
  }
  if (equals > name.length) {
    throw fail(name.length + 1, 'blank before "="', `Write "${withPrefix(name)}=${value}".`);
  }
  if (!/^CONFIG_[A-Za-z0-9_]+$/.test(name)) {
    throw fail(
      1,
      `${quote(name)} lacks the prefix CONFIG_`,
      `Write "${withPrefix(name)}=${shortened(value)}".`,
    );
  }
  return name;
}

/** The error of a line that is no comment and has no "=". */
function noSetting(text: string, fail: Fail): FragmentError {
  const [bare = ""] = /^[A-Za-z0-9_]*/.exec(text) ?? [];
  if (/^CONFIG_[A-Za-z0-9_]+\s+is\s+not\s+set$/.test(text)) {
    return fail(1, `"is not set" belongs in a comment`, `Write "# ${bare} is not set".`);
  }
  if (/^[.%]?\s*(?:include|source|import)\b/.test(text)) {
    return fail(1, 'no "=" in this line', NO_INCLUDE);
  }
  // Only what looks like an option is taken for one: "KCOV", "KCOV y", not "Using .config as base".
  const meant = /^(?:CONFIG_\w+|[A-Z0-9_]+)(?:\s+(\S+))?$/.exec(text);
  const value = meant?.[1] ?? "y";
  const column = bare.length + 1;
  return fail(
    column,
    'no "=" in this line',
    meant !== null && (isBareValue(value) || QUOTED.test(value))
      ? `Write "${withPrefix(bare)}=${value}".`
      : 'Write "CONFIG_<NAME>=<value>", or start the line with "#" for a comment.',
  );
}

/** @param at Its column, from 1. */
function parseValue(name: string, value: string, at: number, fail: Fail): string {
  if (value === "") {
    throw fail(
      at,
      `no value for ${name}`,
      `Write "${name}=y", "# ${name} is not set", or ${name}="" for an empty string.`,
    );
  }
  if (/^\s/.test(value)) {
    throw fail(at, 'blank after "="', `Write "${name}=${value.trim()}".`);
  }
  if (value.startsWith('"')) {
    if (QUOTED.test(value)) return value;
    const closed = /^"(?:[^"\\]|\\.)*"/.exec(value);
    if (closed === null) {
      throw fail(
        at,
        "the string does not end",
        'Close it with a double quote; inside, write \\" for a quote and \\\\ for a backslash.',
      );
    }
    throw fail(
      at + closed[0].length,
      "text after the string",
      `Write ${name}=${shortened(closed[0])}; comments have lines of their own.`,
    );
  }
  if (isBareValue(value)) return value;

  const [word = ""] = value.split(/\s/);
  if (word !== value && isBareValue(word)) {
    throw fail(
      at + word.length,
      "text after the value",
      `Write "${name}=${word}"; comments have lines of their own.`,
    );
  }
  throw fail(at, `${quote(value)} is no value`, `Write ${valueHint(name, value)}.`);
}

function valueHint(name: string, value: string): string {
  const lower = value.trim().toLowerCase();
  if (["y", "yes", "true", "on"].includes(lower)) return `"${name}=y"`;
  if (["m", "mod", "module"].includes(lower)) return `"${name}=m"`;
  if (["n", "no", "false", "off"].includes(lower)) return `"# ${name} is not set" or "${name}=n"`;
  if (/^'.*'$/.test(value)) return `${name}="${value.slice(1, -1)}" with double quotes`;
  return `y, m or n, a number such as 64 or 0x80, or a string in quotes: ${name}="…"`;
}

function quote(text: string): string {
  return `"${shortened(text)}"`;
}
