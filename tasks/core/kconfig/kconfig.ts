// SPDX-License-Identifier: MIT
/**
 * Kconfig fragments: reading, merging, writing, and finding what `make olddefconfig` dropped.
 *
 * The format is that of a .config file, as conf_read_simple() in the kernel's
 * scripts/kconfig/confdata.c reads it, except that nothing is forgiven: where the kernel's parser
 * warns and goes on, or takes a misspelt line for a comment, this one throws.
 */

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
    // Tabs are kept, so that the caret stands under its column in any terminal.
    const indent = where.text.slice(0, where.column - 1).replace(/[^\t]/g, " ");
    super([
      `${where.file}:${where.line}:${where.column}: ${problem}`,
      `  ${gutter} | ${where.text}`,
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

/** Two fragments, or two lines of one, that want different things of one option. */
export class ContradictionError extends Error {
  override readonly name = "ContradictionError";
  readonly option: string;
  readonly first: FragmentLine;
  readonly second: FragmentLine;

  constructor(first: FragmentLine, second: FragmentLine) {
    super([
      `${first.option} is asked to be two things:`,
      `  ${placeOf(first)}: ${first.text}`,
      `  ${placeOf(second)}: ${second.text}`,
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

const KCONFIG_ADD = "--kconfig-add";

const TRISTATE = /^[ymn]$/;
// What the kernel takes for int (sym_string_valid: no leading zeros) and hex (0x is optional on
// reading, but without it a hex number cannot be told from a decimal one or from a word).
const NUMBER = /^(?:-?(?:0|[1-9][0-9]*)|0[xX][0-9a-fA-F]+)$/;
const HEX = /^0[xX][0-9a-fA-F]+$/;
const QUOTED = /^"(?:[^"\\]|\\.)*"$/;

/**
 * Reads a fragment: `CONFIG_X=y`, `# CONFIG_X is not set`, `CONFIG_X=n` (the same), comments, blank
 * lines. A line that repeats an earlier one word for word in meaning is dropped: nothing is unclear
 * about it, and fragments grow by pasting. CRLF line ends are read.
 *
 * @throws {FragmentError} for any other line
 * @throws {ContradictionError} when two lines want different things of one option
 */
export function parseFragment(text: string, file: string): FragmentLine[] {
  const lines: FragmentLine[] = [];
  const seen = new Map<string, FragmentLine>();
  for (const [index, raw] of text.split("\n").entries()) {
    const parsed = parseLine(raw.replace(/\r$/, ""), file, index + 1);
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
function parseLine(text: string, file: string, line: number): FragmentLine | null {
  const fail = (column: number, problem: string, hint: string) =>
    new FragmentError(problem, { file, line, column, text }, hint);

  if (text.trim() === "") return null;
  if (/^\s/.test(text)) {
    throw fail(1, "blank before the line", `Write ${quote(text.trim())}: lines start at column 1.`);
  }
  const trailing = /\s+$/.exec(text);

  if (text.startsWith("#")) {
    const unset = /^# (CONFIG_[A-Za-z0-9_]+) is not set$/.exec(text);
    if (unset !== null) return { option: unset[1]!, value: "n", file, line, text };
    // The kernel would take a misspelt `is not set` for a comment without a word.
    const meant = /^#+\s*(?:CONFIG_)?([A-Z][A-Za-z0-9_]*)(?:=\S+)?\s+(?:is\s+)?not\s+set\b\.?\s*$/i
      .exec(text);
    if (meant !== null) {
      const column = trailing !== null && /^# CONFIG_\w+ is not set\s/.test(text)
        ? trailing.index + 1
        : 1;
      throw fail(
        column,
        "this would be a comment, not a setting",
        `Write "# CONFIG_${meant[1]!.replace(/^CONFIG_/, "")} is not set" exactly so.`,
      );
    }
    return null;
  }

  const equals = text.indexOf("=");
  const name = (equals < 0 ? text : text.slice(0, equals)).trimEnd();
  const bare = /^([A-Za-z0-9_]+)/.exec(text)?.[1] ?? "";
  const option = bare.startsWith("CONFIG_") ? bare : `CONFIG_${bare}`;

  if (equals < 0) {
    if (/^CONFIG_[A-Za-z0-9_]+\s+is\s+not\s+set\s*$/.test(text)) {
      throw fail(1, `"is not set" belongs in a comment`, `Write "# ${bare} is not set".`);
    }
    const rest = /^[A-Za-z0-9_]+\s+(\S+)\s*$/.exec(text)?.[1];
    throw fail(
      bare.length + 1,
      'no "=" in this line',
      bare === ""
        ? 'Write "CONFIG_<NAME>=<value>", or start the line with "#" for a comment.'
        : `Write "${option}=${rest ?? "y"}".`,
    );
  }
  if (text[equals - 1] === " " || text[equals - 1] === "\t") {
    throw fail(
      name.length + 1,
      'blank before "="',
      `Write "${option}=${text.slice(equals + 1).trim()}".`,
    );
  }
  if (!/^CONFIG_[A-Za-z0-9_]+$/.test(name)) {
    if (!/^[A-Za-z0-9_]+$/.test(name)) {
      const column = /[^A-Za-z0-9_]/.exec(name);
      throw fail(
        (column?.index ?? 0) + 1,
        `${quote(name)} is no option name`,
        "Option names are CONFIG_ and then letters, digits and underscores.",
      );
    }
    throw fail(
      1,
      `${quote(name)} lacks the prefix CONFIG_`,
      `Write "CONFIG_${name.replace(/^CONFIG_?/, "")}=${text.slice(equals + 1).trim()}".`,
    );
  }

  const value = text.slice(equals + 1);
  const at = equals + 2;
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
    if (QUOTED.test(value)) return { option: name, value, file, line, text };
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
      `Write ${name}=${closed[0]}; comments have lines of their own.`,
    );
  }
  if (TRISTATE.test(value) || NUMBER.test(value)) return { option: name, value, file, line, text };

  const [word = ""] = value.split(/\s/);
  if (word !== value && (TRISTATE.test(word) || NUMBER.test(word))) {
    throw fail(
      at + word.length,
      value.trim() === word ? "blank at the end of the line" : "text after the value",
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
  if (/^-?0+[0-9]+$/.test(lower)) {
    return `"${name}=${
      lower.replace(/^(-?)0+(?=[0-9])/, "$1")
    }" (Kconfig takes no leading zeros), or 0x for hex`;
  }
  if (/^[0-9a-f]+$/.test(lower)) return `"${name}=0x${lower}" for a hex number`;
  if (/^'.*'$/.test(value)) return `${name}="${value.slice(1, -1)}" with double quotes`;
  return `y, m or n, a number such as 64 or 0x80, or a string in quotes: ${name}="…"`;
}

function quote(text: string): string {
  return `"${text}"`;
}

/** --kconfig-add replaced what a fragment said. */
export interface AddNotice {
  readonly option: string;
  readonly replaced: FragmentLine;
  readonly by: FragmentLine;
}

/** What a config asks on top of tinyconfig: each option once, in order. */
export interface MergedRequest {
  readonly lines: readonly FragmentLine[];
  readonly notices: readonly AddNotice[];
}

/**
 * Merges the fragments of a config, in order. Where two say the same, the first stays as the one
 * that asked. `adds` (--kconfig-add) win over fragments, with a notice; among themselves they have
 * to agree.
 *
 * @throws {ContradictionError} when two fragments, or two adds, want different things
 */
export function mergeFragments(
  fragments: readonly (readonly FragmentLine[])[],
  adds: readonly FragmentLine[] = [],
): MergedRequest {
  const merged = agreeing(fragments.flat());
  const notices: AddNotice[] = [];
  for (const [option, by] of agreeing(adds)) {
    const replaced = merged.get(option);
    if (replaced !== undefined) {
      if (sameValue(replaced.value, by.value)) continue;
      notices.push({ option, replaced, by });
    }
    merged.set(option, by);
  }
  return { lines: [...merged.values()], notices };
}

function agreeing(lines: readonly FragmentLine[]): Map<string, FragmentLine> {
  const byOption = new Map<string, FragmentLine>();
  for (const line of lines) {
    const earlier = byOption.get(line.option);
    if (earlier === undefined) byOption.set(line.option, line);
    else if (!sameValue(earlier.value, line.value)) throw new ContradictionError(earlier, line);
  }
  return byOption;
}

/** An {@linkcode AddNotice} for people. */
export function formatAddNotice(notice: AddNotice): string {
  const { replaced, by } = notice;
  return `${KCONFIG_ADD} ${by.text} replaces ${replaced.text} of ${placeOf(replaced)}`;
}

/** The merged request as text to append to tinyconfig's .config; "" for an empty request. */
export function renderFragment(merged: MergedRequest): string {
  let text = "";
  let file: string | undefined;
  for (const line of merged.lines) {
    if (line.file !== file) {
      file = line.file;
      text += `#\n# ${file}\n#\n`;
    }
    text += `${configLine(line.option, line.value)}\n`;
  }
  return text;
}

/**
 * tinyconfig's .config with the request on top. Unlike with plain appending, what the request
 * changes is taken out first, else `make olddefconfig` prints "override: reassigning to symbol"
 * for each such line.
 */
export function overlayDotConfig(dotConfig: string, merged: MergedRequest): string {
  const asked = new Set(merged.lines.map((line) => line.option));
  const kept = dotConfig.split("\n").filter((line) => {
    const option = /^(?:# )?(CONFIG_[A-Za-z0-9_]+)(?:=| is not set$)/.exec(line)?.[1];
    return option === undefined || !asked.has(option);
  });
  return kept.join("\n").replace(/\n*$/, "\n") + renderFragment(merged);
}

/**
 * Reads a .config that make wrote: option to value, "n" for `is not set`, strings in their quotes.
 * Lines of no known form are comments, as for the kernel.
 */
export function parseDotConfig(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const raw of text.split("\n")) {
    const line = raw.replace(/\r$/, "");
    const set = /^(CONFIG_[A-Za-z0-9_]+)=(.*)$/.exec(line);
    if (set !== null) {
      values.set(set[1]!, set[2]!);
      continue;
    }
    const unset = /^# (CONFIG_[A-Za-z0-9_]+) is not set$/.exec(line);
    if (unset !== null) values.set(unset[1]!, "n");
  }
  return values;
}

/** A request that did not survive `make olddefconfig`. */
export interface Dropped {
  readonly request: FragmentLine;
  /** The value in the final .config; undefined: the option is not there at all. */
  readonly found: string | undefined;
}

/**
 * The requests that the final .config does not meet. `n` is met by absence: make leaves out what
 * cannot be set.
 */
export function findDropped(
  merged: MergedRequest,
  dotConfig: ReadonlyMap<string, string>,
): Dropped[] {
  return merged.lines.flatMap((request) => {
    const found = dotConfig.get(request.option);
    // A hex option may be asked for without 0x; a .config always has it.
    const met = found === undefined ? request.value === "n" : sameValue(request.value, found) ||
      HEX.test(found) && sameValue(`0x${request.value}`, found);
    return met ? [] : [{ request, found }];
  });
}

/**
 * Whether two values mean the same: hex by number (0x0A and 0xa), strings after unescaping, else
 * letter by letter. 10 and 0xa differ, for an int option takes no hex and a hex option reads 0x10.
 */
export function sameValue(a: string, b: string): boolean {
  if (a === b) return true;
  if (HEX.test(a) && HEX.test(b)) return BigInt(a.toLowerCase()) === BigInt(b.toLowerCase());
  if (QUOTED.test(a) && QUOTED.test(b)) return unquote(a) === unquote(b);
  return false;
}

/** The content of a quoted string value; other values as they are. */
export function unquote(value: string): string {
  return QUOTED.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}
