// SPDX-License-Identifier: MIT
/** Reads the log of `make --output-sync=target`: warnings by target, and the cause of a failure. */
import type { KnownWarning, Warning } from "../model/model.ts";
import { type BuildFailureId, isOfConduct } from "../model/build_failures.ts";
import { KmatrixError } from "../model/errors.ts";
import type { Evidence } from "../model/evidence.ts";
import { globMatcher } from "../model/cells.ts";
import { linesOf, type Text } from "../text/lines.ts";
import { SANDBOX_RULES, tellsDenial } from "./sandbox.ts";

/** Written by the build stage before each make call, as one log holds all calls of its folder. */
export const MAKE_CALL_MARK = "=== kmatrix: make ";

// kbuild's short form of a command: two blanks, the verb, an optional [M], the target.
const TARGET_LINE = /^ {2}([A-Z][A-Z0-9_]*) +(?:\[M\] +)?(\S+)$/;
const WARNING = /(?:^|[\s:])(?:warning|WARNING): (?!.*\bskipping incompatible\b)/;

const CUT = /^\[kmatrix: \d+ bytes of the log left out\]$/;

/** Stands where a log lacks something (host/capped_log.ts). */
export function logCutMark(bytes: number): string {
  return `\n[kmatrix: ${bytes} bytes of the log left out]\n`;
}

/** Whether a log lacks something: nobody knows what warnings there were. */
export function isCutLog(log: Text): boolean {
  for (const line of linesOf(log)) if (CUT.test(line)) return true;
  return false;
}

/** Warnings by the words of the target's line, "" for those before any. */
function warningsByTarget(log: Text): Map<string, string[]> {
  const byTarget = new Map<string, string[]>();
  let target = "";
  for (const line of linesOf(log)) {
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
  return byTarget;
}

/**
 * The warnings that hold for the objects as they are now: compiling an object again replaces what
 * an earlier make call said about it, everything else stays.
 */
export function collectWarnings(log: Text): Warning[] {
  return [...warningsByTarget(log)].flatMap(([target, lines]) =>
    [...new Set(lines)].map((text) => ({ target: target.replace(/^\S+ /, ""), text }))
  );
}

/** A log that tells the same as a longer one: its targets, once each, and their warnings. */
export function condenseLog(log: Text): string {
  const found = [...warningsByTarget(log)];
  // What belongs to no target would belong to the one in front of it.
  const free = found.filter(([target]) => target === "").flatMap(([, lines]) => lines);
  const rest = found.filter(([target]) => target !== "")
    .flatMap(([target, lines]) => [`  ${target}`, ...lines]);
  return [...free, ...rest].map((line) => `${line}\n`).join("");
}

/**
 * What a log tells of objects that are taken over into another folder: their targets, without what
 * was said of them. Targets with warnings are to be made again, which says it again.
 * @returns null where something was said that belongs to no target, or a part of the log is missing.
 */
export function reusedLog(
  log: Text,
): { readonly text: string; readonly warned: readonly string[] } | null {
  if (isCutLog(log)) return null;
  const found = [...warningsByTarget(log)];
  const said = found.filter(([, lines]) => lines.length > 0).map(([target]) => target);
  if (said.includes("")) return null;
  return {
    text: found.map(([target]) => `  ${target}\n`).join(""),
    warned: [...new Set(said.map((target) => target.replace(/^\S+ /, "")))],
  };
}

const OBJECT = /^ {2}CC +(?:\[M\] +)?([^/\s]\S*\.o)$/;

/**
 * How many C objects of the kernel the log shows as compiled. Host tools do not count: theirs have
 * HOSTCC in front, or an absolute path below tools/.
 */
export function countObjects(log: Text): number {
  const objects = new Set<string>();
  for (const line of linesOf(log)) {
    const object = OBJECT.exec(line);
    if (object) objects.add(object[1]!);
  }
  return objects.size;
}

/** Counts the same while make prints. */
export class ObjectCounter {
  readonly #objects = new Set<string>();
  readonly #decoder = new TextDecoder();
  #rest = "";

  get count(): number {
    return this.#objects.size;
  }

  feed(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    // No line of make's is as long.
    this.#rest = lines.pop()!.slice(0, 4096);
    for (const line of lines) {
      const object = OBJECT.exec(line);
      if (object) this.#objects.add(object[1]!);
    }
  }
}

/** Whether any compiler, assembler or linker ran in the log's last make call. */
export function compiledAnything(log: Text): boolean {
  let compiled = false;
  for (const line of linesOf(log)) {
    if (line.startsWith(MAKE_CALL_MARK)) compiled = false;
    compiled ||= /^ {2}(CC|AS|LD|HOSTCC|AR)\b/.test(line);
  }
  return compiled;
}

/** Splits warnings into those that the matrix lists for this cell and those that fail the build. */
export function judgeWarnings(
  warnings: readonly Warning[],
  known: readonly KnownWarning[],
  cell: string,
): { listed: Warning[]; unlisted: Warning[]; used: readonly string[] } {
  const mine = known.filter((entry) => globMatcher(entry.cells)(cell));
  const matching = (warning: Warning) => mine.find((entry) => warning.text.includes(entry.match));
  return {
    listed: warnings.filter((warning) => matching(warning)),
    unlisted: warnings.filter((warning) => !matching(warning)),
    used: mine.filter(({ match }) => warnings.some(({ text }) => text.includes(match)))
      .map(({ place }) => place),
  };
}

/** Who broke a build, and how. */
type KindAndId =
  | { readonly kind: "infra"; readonly id: string }
  | { readonly kind: "build"; readonly id: BuildFailureId };

type Cause = KindAndId & { readonly pattern: RegExp };

/** What broke a build: the line of the log that tells it, and the log's end. */
export type MakeFailure = KindAndId & { readonly line: string; readonly tail: string };

/** Whether a failed make call says nothing of what it was to make. */
export function isNoFaultOfSource(cause: KindAndId): boolean {
  return cause.kind === "infra" || isOfConduct(cause.id);
}

/** As an error of the same kind and id. */
export function makeError(
  cause: KindAndId,
  message: string,
  detail: string,
  evidence: Evidence,
): KmatrixError {
  return cause.kind === "build"
    ? new KmatrixError(cause.kind, cause.id, message, detail, evidence)
    : new KmatrixError(cause.kind, cause.id, message, detail, evidence);
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
  { pattern: /: command not found|: not found$|Error 12[67]$/, kind: "infra", id: "missing-tool" },
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
/** Characters of a line: what a verbose build prints is some thousands long. */
const LINE_READ = 32 << 10;
const LINE_SHOWN = 400;

/** Most lines of a log have none of them, and asking once is quick. */
const ANY_CAUSE = new RegExp(CAUSES.map(({ pattern }) => pattern.source).join("|"), "i");

/** Of a target's own output, which --output-sync keeps together in front of make's complaint. */
const TARGET_LINES = 20;

/** The line by which the sandbox broke a target, of those in front of make's complaint. */
function deniedAct(lines: readonly string[]): string | undefined {
  const output = lines.slice(-TARGET_LINES).filter((line) => !QUOTED_SOURCE.test(line));
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
  log: Text,
  confined = false,
): MakeFailure {
  let found = new Map<Cause, string>();
  let lines: string[] = [];
  let failed = false;
  let denied: string | undefined;
  for (const whole of linesOf(log)) {
    const line = whole.slice(0, LINE_READ);
    if (line.startsWith(MAKE_CALL_MARK)) {
      [found, lines, failed, denied] = [new Map(), [], false, undefined];
    }
    if (line === "") continue;
    if (!failed && /\*\*\* /.test(line)) {
      failed = true;
      denied = confined ? deniedAct(lines) : undefined;
    }
    lines.push(line);
    if (lines.length > TAIL_LINES) lines.shift();
    if (!ANY_CAUSE.test(line) || QUOTED_SOURCE.test(line)) continue;
    for (const cause of CAUSES) {
      if (!found.has(cause) && cause.pattern.test(line)) found.set(cause, line);
    }
  }
  const tail = lines.map((line) => line.slice(0, LINE_SHOWN)).join("\n");
  for (const cause of CAUSES) {
    // What the machine itself lacks is no matter of the sandbox; everything else may be.
    if (denied !== undefined && cause.kind !== "infra") break;
    const line = found.get(cause);
    if (line !== undefined) {
      const { pattern: _, ...kindAndId } = cause;
      return { ...kindAndId, line: line.trim().slice(0, LINE_SHOWN), tail };
    }
  }
  if (denied !== undefined) {
    const line = `the build failed in the sandbox (${SANDBOX_RULES}): ${
      denied.trim().slice(0, LINE_SHOWN)
    }`;
    return { kind: "build", id: "sandbox-denied", line, tail };
  }
  const last = lines.at(-1)?.slice(0, LINE_SHOWN) ?? "make said nothing";
  return { kind: "build", id: "make-error", line: last, tail };
}
