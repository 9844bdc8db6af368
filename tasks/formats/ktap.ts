// SPDX-License-Identifier: MIT
/**
 * KTAP and TAP (Documentation/dev-tools/ktap.rst): version 1, TAP 13 and 14, nesting by two blanks
 * or by "# ". Parsing never throws; what does not fit is listed in `problems`.
 */

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

export interface KtapReport {
  readonly cases: readonly KtapCase[];
  /** Number of the outermost plan; null where there is none. */
  readonly planned: number | null;
  /** The test whose `# RUN` line has come and whose result has not. */
  readonly running: string | null;
  readonly problems: readonly string[];
}

const VERSION = /^(KTAP version 1|TAP version 1[34])\s*$/;
const PLAN = /^1\.\.(\d+)(?:\s*#\s*(.*))?$/;
const RESULT = /^(ok|not ok)\s+(\d+)?\s*(?:-\s+)?(.*)$/;
const DIRECTIVE = /^(.*?)\s*#\s*(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b:?\s*(.*)$/i;
const RUN = /^#\s+RUN\s+(\S+)(?:\s+\.\.\.)?\s*$/;
const BAIL_OUT = /^Bail out!\s*(.*)$/;

interface Level {
  planned: number | null;
  seen: number;
}

/** Reads the lines of one stream, oldest first. */
export function parseKtap(lines: readonly string[]): KtapReport {
  const cases: KtapCase[] = [];
  const problems: string[] = [];
  const levels: Level[] = [{ planned: null, seen: 0 }];
  /** Cases of a nested level wait here until the line with their suite's name comes. */
  const pending: KtapCase[][] = [[]];
  let diagnostics: string[] = [];
  let running: string | null = null;
  let sawVersion = false;

  const closeTo = (depth: number) => {
    while (levels.length - 1 > depth) {
      const level = levels.pop()!;
      if (level.planned !== null && level.planned !== level.seen) {
        problems.push(`a nested plan of ${level.planned} has ${level.seen} results`);
      }
    }
  };

  for (const raw of lines) {
    const { depth, text } = unindent(raw, levels.length);
    if (VERSION.test(text)) {
      if (depth === 0) sawVersion = true;
      while (levels.length <= depth) {
        levels.push({ planned: null, seen: 0 });
        pending.push([]);
      }
      continue;
    }
    const plan = PLAN.exec(text);
    if (plan) {
      while (levels.length <= depth) {
        levels.push({ planned: null, seen: 0 });
        pending.push([]);
      }
      const level = levels[depth]!;
      if (level.planned !== null) problems.push(`a second plan: ${text}`);
      level.planned = Number(plan[1]);
      continue;
    }
    const run = RUN.exec(text);
    if (run) {
      running = run[1]!;
      continue;
    }
    const bail = BAIL_OUT.exec(text);
    if (bail) {
      problems.push(`the stream was given up: ${bail[1]}`);
      continue;
    }
    const result = RESULT.exec(text);
    if (!result) {
      if (text.startsWith("#")) diagnostics.push(text.replace(/^#\s?/, ""));
      else if (text.trim() !== "") problems.push(`no KTAP: ${JSON.stringify(text.slice(0, 80))}`);
      continue;
    }
    const at = Math.min(depth, levels.length - 1);
    closeTo(at);
    const level = levels[at]!;
    level.seen++;
    const number = result[2] === undefined ? level.seen : Number(result[2]);
    if (number !== level.seen) problems.push(`result ${number} came where ${level.seen} was due`);
    const found = readCase(result[1]!, number, result[3]!, diagnostics);
    diagnostics = [];
    if (running === found.name) running = null;
    const nested = pending[at + 1];
    if (nested && nested.length > 0) {
      pending.length = at + 1;
      pending[at]!.push(
        ...nested.map((inner) => ({ ...inner, name: `${found.name}.${inner.name}` })),
      );
    } else {
      pending[at]!.push(found);
    }
  }
  closeTo(0);
  cases.push(...pending.flat());
  const top = levels[0]!;
  if (!sawVersion) problems.push("no KTAP version line");
  if (top.planned === null) problems.push("no plan");
  else if (top.planned !== top.seen) {
    problems.push(`the plan is ${top.planned} tests, ${top.seen} have a result`);
  }
  return { cases, planned: top.planned, running, problems };
}

function unindent(raw: string, openLevels: number): { depth: number; text: string } {
  let text = raw.replace(/[\r\n]+$/, "");
  let depth = 0;
  for (;;) {
    if (text.startsWith("  ")) text = text.slice(2);
    // "# " nests only where what follows is KTAP itself, as kselftest prints a program's output.
    else if (
      text.startsWith("# ") && depth < openLevels &&
      (VERSION.test(text.slice(2)) || PLAN.test(text.slice(2)) || RESULT.test(text.slice(2)))
    ) text = text.slice(2);
    else return { depth, text };
    depth++;
  }
}

function readCase(
  verdict: string,
  number: number,
  rest: string,
  diagnostics: readonly string[],
): KtapCase {
  const directive = DIRECTIVE.exec(rest);
  const name = (directive ? directive[1]! : rest).trim();
  const word = directive?.[2]?.toUpperCase();
  const reason = directive?.[3]?.trim() ?? "";
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
