// SPDX-License-Identifier: MIT
/**
 * Command lines of this tool within pieces of shell that documentation shows. As much of a shell's
 * grammar as documents have: quotes, comments, pipes, lists, redirections, variables in front.
 */
import type { Code } from "./documents.ts";

/** One call of the tool, or of a task of deno.json. */
export interface ShownCall {
  /** "matrix"; empty where only the start of a line stands there, or a place for a name. */
  readonly task: string;
  readonly words: readonly string[];
  /** As it is written. */
  readonly line: string;
  /** It can be typed; else a few words of prose that may leave others out. */
  readonly isWhole: boolean;
}

/** The words of each simple command of a line, in order; comments are left out. */
export function simpleCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  let word: string | null = null;
  const endWord = () => {
    if (word !== null) commands.at(-1)!.push(word);
    word = null;
  };
  // A word in quotes, a blank, a comment, an operator, or a piece of a bare word.
  const pieces = line.matchAll(
    /'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|(\s+)|(#)|(\d?>>?&?\d?\s*|<)|(\|\|?|&&?|;|\(|\)|\$\()|([^\s'"\\#<>|&;()$]+|\$)/g,
  );
  for (const [, single, double, escaped, blank, hash, redirection, operator, bare] of pieces) {
    if (hash !== undefined && word === null) break;
    if (blank !== undefined) endWord();
    else if (operator !== undefined) {
      endWord();
      commands.push([]);
    } else if (redirection !== undefined) {
      endWord();
      // What is behind it is a file.
      commands.at(-1)!.push(REDIRECTION);
    } else word = `${word ?? ""}${single ?? double ?? escaped ?? hash ?? bare ?? ""}`;
  }
  endWord();
  return commands.map(withoutRedirections).filter((words) => words.length > 0);
}

const REDIRECTION = "\0";

function withoutRedirections(words: readonly string[]): string[] {
  return words.filter((word, at) => word !== REDIRECTION && words[at - 1] !== REDIRECTION);
}

/** The words of a call behind what starts it; null for another command. */
function callOf(words: readonly string[]): string[] | null {
  let at = 0;
  while (/^[A-Za-z_]\w*=/.test(words[at] ?? "")) at++;
  const rest = words.slice(at);
  const starts = [["npx", "--yes", "deno", "task"], ["deno", "task"], ["kmatrix"]];
  for (const start of starts) {
    if (start.every((word, at) => rest[at] === word)) return rest.slice(start.length);
  }
  // A line that another shell gets: sh -c '…', git bisect run sh -c '…'.
  const inner = rest.indexOf("-c");
  if (inner < 0 || rest[inner - 1] !== "sh") return null;
  return simpleCommands(rest[inner + 1] ?? "").map(callOf).find((call) => call !== null) ?? null;
}

/** Lines that a person types, of a block that may also show what comes of them. */
function typedLines(block: string): string[] {
  const lines = block.replace(/\\\n\s*/g, " ").split("\n");
  const isSession = lines.some((line) => line.startsWith("$ "));
  const typed = isSession
    ? lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2))
    : lines;
  return joinedQuotes(typed);
}

/** A quoted text may go on in the next line. */
function joinedQuotes(lines: readonly string[]): string[] {
  const joined: string[] = [];
  let isOpen = false;
  for (const line of lines) {
    if (isOpen) joined.push(`${joined.pop()}\n${line}`);
    else joined.push(line);
    const quotes = line.replace(/(^|\s)#.*/, "").replace(/"[^"]*"/g, "").match(/'/g) ?? [];
    if (quotes.length % 2 === 1) isOpen = !isOpen;
  }
  return joined;
}

/** A word that stands for others: `<command>`, NAME, …. */
const isPlace = (word: string) => /^(<.*>|[A-Z]{2,}|…|\.\.\.)$/.test(word);

/** The calls that a piece of code shows. */
export function shownCalls({ text, isBlock }: Code): ShownCall[] {
  const lines = isBlock ? typedLines(text) : [text.replaceAll("\n", " ")];
  return lines.flatMap((line) =>
    simpleCommands(line).map(callOf).filter((call) => call !== null).map((call) => {
      const [task = "", ...words] = call;
      const isNamed = task !== "" && !isPlace(task) && !task.startsWith("-");
      return {
        ...{ task: isNamed ? task : "", words: isNamed ? words : call, line: line.trim() },
        isWhole: isBlock && isNamed && !words.some((word) => word === "…" || word === "..."),
      };
    })
  );
}
