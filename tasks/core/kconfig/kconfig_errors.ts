// SPDX-License-Identifier: MIT
/**
 * What the kernel's own Kconfig parser says against a tree (scripts/kconfig/: parser.y, lexer.l,
 * preprocess.c, symbol.c), as errors of a compiler: file, line, cause.
 */
import { closest, distance } from "fastest-levenshtein";

export interface KconfigError {
  /** Below the tree. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** `file:line: text`; a warning stops nothing, and compilers name a column as well. */
const PLACED = /^([^\s:]+):(\d+):(?! ?warning:|\d+:)\s*(?:error:\s*)?(\S.*)$/;
/** Not of make, and not of what builds the parser. */
const OTHERS = /(?:^|\/)(?:Makefile[^/]*|[^/]*\.(?:[chlyS]|mk))$/;

/** Said in front of a better reason. */
const VAGUE = ["syntax error", "invalid statement"];

/** Keywords of a line (scripts/kconfig/lexer.l), of which a misspelt one is near. */
const KEYWORDS: readonly string[] = [
  ...["bool", "choice", "comment", "config", "def_bool", "def_tristate", "default", "depends"],
  ...["endchoice", "endif", "endmenu", "help", "hex", "if", "imply", "int", "mainmenu", "menu"],
  ...["menuconfig", "modules", "on", "optional", "prompt", "range", "select", "source", "string"],
  ...["transitional", "tristate", "visible"],
];

/** What stops the parser, the cause first; none where its output names no place. */
export function kconfigErrors(output: string): KconfigError[] {
  const all = output.split("\n").flatMap((one): KconfigError[] => {
    const [, file, line, text] = PLACED.exec(one.trimEnd()) ?? [];
    if (file === undefined || OTHERS.test(file) || text!.startsWith("***")) return [];
    return [{ file, line: Number(line), text: withKeyword(text!) }];
  });
  const clear = all.filter(({ text }) => !VAGUE.includes(text));
  return clear.length > 0 ? clear : all.slice(0, 1);
}

/** "unknown statement" names what stands there; what was meant is near. */
function withKeyword(text: string): string {
  const [, word] = /^unknown statement "(.+)"$/.exec(text) ?? [];
  if (word === undefined) return text;
  const near = closest(word, KEYWORDS);
  return distance(word, near) <= 2 ? `${text}; did you mean "${near}"?` : text;
}

/** "A depends on B, B depends on A"; null where there is no circle. */
export function circleOf(output: string): string | null {
  const [, rest] = output.split(/error: recursive dependency detected!\n/);
  if (rest === undefined) return null;
  const lines = rest.split("\n");
  const end = lines.findIndex((line) => !/^(?:\S+:\d+:)?\s*symbol /.test(line));
  const links = lines.slice(0, end < 0 ? lines.length : end)
    .map((line) => line.replace(/^.*?symbol /, "").trim());
  return links.length === 0 ? null : links.join(", ");
}

/** One line each, as compilers write them. */
export function kconfigErrorText({ file, line, text }: KconfigError): string {
  return `${file}:${line}: error: ${text}`;
}
