// SPDX-License-Identifier: MIT
/** Reads the log of `make --output-sync=target`: warnings by target, and the cause of a failure. */
import type { KnownWarning, Warning } from "../model.ts";
import type { FailureKind } from "../errors.ts";
import { globMatcher } from "./cells.ts";
import { SANDBOX_RULES, tellsDenial } from "./sandbox.ts";

/** Written by the build stage before each make call, as one log holds all calls of its folder. */
export const MAKE_CALL_MARK = "=== kmatrix: make ";

// kbuild's short form of a command: two blanks, the verb, an optional [M], the target.
const TARGET_LINE = /^ {2}([A-Z][A-Z0-9_]*) +(?:\[M\] +)?(\S+)$/;
const WARNING = /(?:^|[\s:])(?:warning|WARNING): (?!.*\bskipping incompatible\b)/;

/**
 * The warnings that hold for the objects as they are now: compiling an object again replaces what
 * an earlier make call said about it, everything else stays.
 */
export function collectWarnings(log: string): Warning[] {
  const byTarget = new Map<string, string[]>();
  let target = "";
  for (const line of log.split("\n")) {
    if (line.startsWith(MAKE_CALL_MARK)) {
      target = "";
      continue;
    }
    const start = TARGET_LINE.exec(line);
    if (start) {
      target = `${start[1]} ${start[2]}`;
      byTarget.set(target, []);
    } else if (WARNING.test(line)) {
      const list = byTarget.get(target) ?? [];
      list.push(line.trim());
      byTarget.set(target, list);
    }
  }
  return [...byTarget].flatMap(([target, lines]) =>
    [...new Set(lines)].map((text) => ({ target: target.replace(/^\S+ /, ""), text }))
  );
}

/**
 * How many C objects of the kernel the log shows as compiled. Host tools do not count: theirs have
 * HOSTCC in front, or an absolute path below tools/.
 */
export function countObjects(log: string): number {
  return new Set(log.match(/^ {2}CC +(?:\[M\] +)?[^/\s]\S*\.o$/gm) ?? []).size;
}

/** Whether any compiler, assembler or linker ran in the log's last make call. */
export function compiledAnything(log: string): boolean {
  const last = log.slice(log.lastIndexOf(MAKE_CALL_MARK));
  return /^ {2}(CC|AS|LD|HOSTCC|AR)\b/m.test(last);
}

/** Splits warnings into those that the matrix lists for this cell and those that fail the build. */
export function judgeWarnings(
  warnings: readonly Warning[],
  known: readonly KnownWarning[],
  cell: string,
): { listed: Warning[]; unlisted: Warning[]; used: KnownWarning[] } {
  const mine = known.filter((entry) => globMatcher(entry.cells)(cell));
  const matching = (warning: Warning) => mine.find((entry) => warning.text.includes(entry.match));
  return {
    listed: warnings.filter((warning) => matching(warning)),
    unlisted: warnings.filter((warning) => !matching(warning)),
    used: mine.filter((entry) => warnings.some((warning) => warning.text.includes(entry.match))),
  };
}

interface Cause {
  readonly pattern: RegExp;
  readonly kind: FailureKind;
  readonly id: string;
}

/**
 * In order: the machine's own troubles come first, since a full disk or a killed compiler shows
 * itself as a compile error too and must never be blamed on the kernel.
 */
const CAUSES: readonly Cause[] = [
  { pattern: /No space left on device/, kind: "infra", id: "disk-full" },
  {
    pattern: /Cannot allocate memory|out of memory|virtual memory exhausted/i,
    kind: "infra",
    id: "out-of-memory",
  },
  {
    pattern:
      /(clang|ld\.lld|make\[?\d*\]?): .*\b(Killed|Terminated)\b|unable to execute command: (Killed|Terminated)|Error 1(37|43)\b/,
    kind: "infra",
    id: "compiler-killed",
  },
  // Its own complaint comes before it starts make.
  { pattern: /^bwrap: /, kind: "infra", id: "sandbox-broken" },
  { pattern: /PLEASE submit a bug report to/, kind: "infra", id: "compiler-crashed" },
  { pattern: /: command not found|: not found$|Error 12[67]$/, kind: "infra", id: "tool-missing" },
  // Before compile errors: a linker's line holds "error: " as well.
  {
    pattern: /^ld\.lld\S*: error: |undefined (symbol|reference)/,
    kind: "build",
    id: "link-error",
  },
  { pattern: /(fatal )?error: /, kind: "build", id: "compile-error" },
  { pattern: /^ERROR: modpost: /, kind: "build", id: "modpost-error" },
  { pattern: /No rule to make target|\*\*\* .*(missing|recipe)/, kind: "build", id: "make-error" },
  { pattern: /\*\*\* /, kind: "build", id: "make-error" },
];

const TAIL_LINES = 30;

/** Of a target's own output, which --output-sync keeps together in front of make's complaint. */
const TARGET_LINES = 20;

/** The line by which the sandbox broke the first target that failed. */
function deniedAct(lines: readonly string[]): string | undefined {
  const failed = lines.findIndex((line) => /\*\*\* /.test(line));
  if (failed < 0) return undefined;
  const output = lines.slice(Math.max(0, failed - TARGET_LINES), failed)
    .filter((line) => !QUOTED_SOURCE.test(line));
  const denied = output.findLastIndex((line) => tellsDenial(line));
  // A compiler that complained afterwards had got over what the sandbox did not let it do.
  const later = output.slice(denied + 1).some((line) => /\berror: /.test(line));
  return denied < 0 || later ? undefined : output[denied];
}

/** clang quotes the source below a message; what a program prints about memory is no cause. */
const QUOTED_SOURCE = /^ *\d* \|/;

/**
 * What broke a build: the first line of the first cause that is in the log, and its end.
 * @param confined Whether make ran in the sandbox, which then may be the cause.
 */
export function findBuildFailure(
  log: string,
  confined = false,
): { kind: FailureKind; id: string; line: string; tail: string } {
  const last = log.slice(Math.max(0, log.lastIndexOf(MAKE_CALL_MARK)));
  const lines = last.split("\n").filter((line) => line !== "");
  const tail = lines.slice(-TAIL_LINES).map((line) => line.slice(0, 400)).join("\n");
  const denied = confined ? deniedAct(lines) : undefined;
  for (const cause of CAUSES) {
    // What the machine itself lacks is no matter of the sandbox; everything else may be.
    if (denied !== undefined && cause.kind !== "infra") break;
    const line = lines.find((line) => cause.pattern.test(line) && !QUOTED_SOURCE.test(line));
    if (line !== undefined) {
      return { kind: cause.kind, id: cause.id, line: line.trim().slice(0, 400), tail };
    }
  }
  if (denied !== undefined) {
    const line = `the build failed in the sandbox (${SANDBOX_RULES}): ${
      denied.trim().slice(0, 400)
    }`;
    return { kind: "build", id: "sandbox-denied", line, tail };
  }
  return { kind: "build", id: "make-error", line: lines.at(-1) ?? "make said nothing", tail };
}
