// SPDX-License-Identifier: MIT
/**
 * KTAP and TAP (Documentation/dev-tools/ktap.rst): version 1, TAP 13 and 14, nesting by two blanks
 * or by "# ". Parsing never throws; what does not fit is listed in `problems`.
 */
import { counted } from "../text/counted.ts";

export type KtapStatus = "ok" | "not ok" | "skip" | "xfail" | "todo" | "timeout" | "error";

export interface KtapCase {
  readonly number: number;
  /** Names of the suites around it and its own, joined by "."; kselftest names hold dots already. */
  readonly name: string;
  readonly status: KtapStatus;
  /** Text behind the directive. */
  readonly reason: string;
  /** `# …` lines since the result before. */
  readonly diagnostics: readonly string[];
}

/** What of a stream is not as KTAP wants it. */
export type KtapProblem =
  | { readonly kind: "no-version" }
  | { readonly kind: "no-plan" }
  /** The outermost plan, beside how many results there are. */
  | { readonly kind: "wrong-plan"; readonly planned: number; readonly found: number }
  | { readonly kind: "wrong-nested-plan"; readonly planned: number; readonly found: number }
  | { readonly kind: "second-plan"; readonly line: string }
  | { readonly kind: "given-up"; readonly reason: string }
  | { readonly kind: "out-of-order"; readonly number: number; readonly due: number }
  | { readonly kind: "twice"; readonly name: string }
  /** The beginning of a line that is none of KTAP's. */
  | { readonly kind: "no-ktap"; readonly text: string };

/** For people. */
export function ktapProblemText(problem: KtapProblem): string {
  switch (problem.kind) {
    case "no-version":
      return "no KTAP version line";
    case "no-plan":
      return "no plan";
    case "wrong-plan":
      return `${counted(problem.planned, "test")} planned, ${problem.found} with a result`;
    case "wrong-nested-plan":
      return `a nested plan: ${
        counted(problem.planned, "test")
      } planned, ${problem.found} with a result`;
    case "second-plan":
      return `a second plan: ${problem.line}`;
    case "given-up":
      return `the stream was given up: ${problem.reason}`;
    case "out-of-order":
      return `result ${problem.number} came where ${problem.due} was due`;
    case "twice":
      return `there are two results for ${problem.name}`;
    case "no-ktap":
      return `no KTAP: ${JSON.stringify(problem.text)}`;
  }
}

export interface KtapReport {
  readonly cases: readonly KtapCase[];
  /** Number of the outermost plan; null where there is none. */
  readonly planned: number | null;
  /** The test whose `# RUN` line has come and whose result has not. */
  readonly running: string | null;
  readonly problems: readonly KtapProblem[];
}

const VERSION = /^(KTAP version 1|TAP version 1[34])\s*$/;
const PLAN = /^1\.\.(\d+)(?:\s*#\s*(.*))?$/;
const RESULT = /^(ok|not ok)\s+(\d+)?\s*(?:-\s+)?(.*)$/;
/** Description, and what stands behind the first "#" that is not escaped. */
const DESCRIPTION = /^((?:\\.|[^#\\]|\\$)*)(?:#(.*))?$/;
const DIRECTIVE = /^\s*(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b:?\s*(.*)$/i;
const RUN = /^#\s+RUN\s+(\S+)(?:\s+\.\.\.)?\s*$/;
const BAIL_OUT = /^Bail out!\s*(.*)$/;

interface Level {
  /** Its lines' indentation, in steps of two blanks or one "# ". */
  readonly depth: number;
  planned: number | null;
  seen: number;
}

/** Reads the lines of one stream, oldest first. */
export function parseKtap(lines: readonly string[]): KtapReport {
  const reader = new KtapReader();
  for (const line of lines) reader.line(line);
  return reader.end();
}

class KtapReader {
  readonly #problems: KtapProblem[] = [];
  readonly #levels: Level[] = [{ depth: 0, planned: null, seen: 0 }];
  /** Cases of a nested level wait here until the line with their suite's name comes. */
  readonly #pending: KtapCase[][] = [[]];
  #diagnostics: string[] = [];
  #running: string | null = null;
  #sawVersion = false;

  line(raw: string): void {
    const { depth, text } = unindent(raw, this.#levels.at(-1)!.depth);
    if (VERSION.test(text)) {
      if (depth === 0) this.#sawVersion = true;
      this.#open(depth);
      return;
    }
    const plan = PLAN.exec(text);
    if (plan) {
      this.#plan(depth, text, Number(plan[1]));
      return;
    }
    const run = RUN.exec(text);
    if (run) {
      this.#running = run[1]!;
      return;
    }
    const bail = BAIL_OUT.exec(text);
    if (bail) {
      this.#problems.push({ kind: "given-up", reason: bail[1]! });
      return;
    }
    const result = RESULT.exec(text);
    if (result) this.#result(depth, result[1]!, result[2], result[3]!);
    else if (text.startsWith("#")) this.#diagnostics.push(text.replace(/^#\s?/, ""));
    else if (text.trim() !== "") {
      this.#problems.push({ kind: "no-ktap", text: text.slice(0, 80) });
    }
  }

  /** Called once, behind the last line. */
  end(): KtapReport {
    this.#closeTo(0);
    const problems = this.#problems;
    const { planned, seen } = this.#levels[0]!;
    if (!this.#sawVersion) problems.push({ kind: "no-version" });
    if (planned === null) problems.push({ kind: "no-plan" });
    else if (planned !== seen) problems.push({ kind: "wrong-plan", planned, found: seen });
    return { cases: this.#pending.flat(), planned, running: this.#running, problems };
  }

  /** The level that lines of this depth belong to; KUnit indents by four blanks, not by two. */
  #levelAt(depth: number): number {
    return this.#levels.findLastIndex((level) => level.depth <= depth);
  }

  #open(depth: number): void {
    if (this.#levels.at(-1)!.depth >= depth) return;
    this.#levels.push({ depth, planned: null, seen: 0 });
    this.#pending[this.#levels.length - 1] ??= [];
  }

  #closeTo(index: number): void {
    while (this.#levels.length - 1 > index) {
      const { planned, seen: found } = this.#levels.pop()!;
      if (planned !== null && planned !== found) {
        this.#problems.push({ kind: "wrong-nested-plan", planned, found });
      }
    }
  }

  #plan(depth: number, text: string, planned: number): void {
    this.#open(depth);
    const level = this.#levels[this.#levelAt(depth)]!;
    if (level.planned !== null) this.#problems.push({ kind: "second-plan", line: text });
    level.planned = planned;
  }

  #result(depth: number, verdict: string, numbered: string | undefined, rest: string): void {
    const at = this.#levelAt(depth);
    this.#closeTo(at);
    const level = this.#levels[at]!;
    level.seen++;
    const number = numbered === undefined ? level.seen : Number(numbered);
    if (number !== level.seen) {
      this.#problems.push({ kind: "out-of-order", number, due: level.seen });
    }
    const found = readCase(verdict, number, rest, this.#diagnostics);
    this.#diagnostics = [];
    if (this.#running === found.name) this.#running = null;
    const cases = this.#pending[at]!;
    const nested = this.#pending[at + 1] ?? [];
    if (nested.length === 0) {
      cases.push(found);
      return;
    }
    this.#pending.length = at + 1;
    cases.push(...nested.map((inner) => ({ ...inner, name: `${found.name}.${inner.name}` })));
    // A program that died behind its last result: no case of its own tells that.
    if (!isSound(found) && nested.every(isSound)) cases.push(found);
  }
}

/** What may stand behind the "# " with which kselftest passes a program's own KTAP on. */
const NESTED = /^(#|ok\b|not ok\b|1\.\.\d)/;

function unindent(raw: string, deepest: number): { depth: number; text: string } {
  let text = raw.replace(/[\r\n]+$/, "");
  let depth = 0;
  for (;;) {
    if (text.startsWith("  ")) text = text.slice(2);
    // A version line opens a level; nothing else does, for a test may say "# ok 1" as well.
    else if (text.startsWith("# ") && VERSION.test(text.slice(2))) text = text.slice(2);
    else if (text.startsWith("# ") && depth < deepest && NESTED.test(text.slice(2))) {
      text = text.slice(2);
    } else return { depth, text };
    depth++;
  }
}

function isSound(found: KtapCase): boolean {
  return ["ok", "skip", "xfail", "todo"].includes(found.status);
}

function readCase(
  verdict: string,
  number: number,
  rest: string,
  diagnostics: readonly string[],
): KtapCase {
  const [, description = "", data = ""] = DESCRIPTION.exec(rest) ?? [];
  const directive = DIRECTIVE.exec(data);
  const name = description.replace(/\\(.)/g, "$1").trim();
  const word = directive?.[1]?.toUpperCase();
  // kselftest says "# exit=1" there: no directive, and no part of the name.
  const reason = (directive ? directive[2]! : data).trim();
  return { number, name, status: statusOf(verdict, word), reason, diagnostics };
}

function statusOf(verdict: string, directive: string | undefined): KtapStatus {
  switch (directive) {
    case "SKIP":
      return verdict === "ok" ? "skip" : "not ok";
    case "XFAIL":
      return "xfail";
    case "TODO":
      return "todo";
    case "TIMEOUT":
      return "timeout";
    case "ERROR":
      return "error";
    default:
      return verdict === "ok" ? "ok" : "not ok";
  }
}
