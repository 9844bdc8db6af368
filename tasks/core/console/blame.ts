// SPDX-License-Identifier: MIT
/**
 * Which function a complaint of the kernel is blamed on, from which of its stacks; and the
 * fingerprint by which one complaint is known again in another cell.
 */
import { inAnyLog } from "../arch/logs.ts";
import { crc32, utf8Bytes } from "../../../selftests/contract/frames.ts";
import { plainName, type StackFrame } from "./stack_frame.ts";
import { type Stack, stacksOf } from "./stack_trace.ts";
import { ownContext, strictlyTelling, tellingFrames } from "./telling_frames.ts";

export interface Blame {
  /** Of the stack that the complaint is about, innermost first; empty where none was printed. */
  readonly frames: readonly StackFrame[];
  /** The function that it is blamed on; null where the report names none. */
  readonly blamed: StackFrame | null;
  /** Eight hexadecimal digits, see {@linkcode fingerprintOf}. */
  readonly fingerprint: string;
}

/**
 * @param id Kind of the complaint, as core/console/splats.ts has it.
 * @param lines Of the whole report, the title among them.
 */
export function blameOf(id: string, title: string, lines: readonly string[]): Blame {
  const stack = stackOf(id, stacksOf(lines), lines);
  const frames = ownContext(stack?.frames ?? []);
  const blamed = blamedOf(id, title, lines, frames);
  return { frames, blamed, fingerprint: fingerprintOf(id, title, frames, blamed, lines) };
}

/** The stack that a complaint is about; null for a report without any. */
function stackOf(id: string, stacks: readonly Stack[], lines: readonly string[]): Stack | null {
  const last = stacks.find(({ role }) => role !== "grace-period") ?? stacks[0] ?? null;
  if (id === "rcu-stall") return stalledOf(stacks, lines) ?? last;
  const roles = id === "hung-task" ? ["task", "main"] : ["main", "task", "nmi"];
  for (const role of roles) {
    const found = stacks.find((stack) => stack.role === role);
    if (found) return found;
  }
  return last;
}

/** kernel/rcu/tree_stall.h: "rcu: \t0-....: (1 GPs behind) …", "Tasks blocked on …: P24 P31". */
const STALLED_CPU = /^(?:rcu: )?\s*(\d+)-[.!?OoN+\d]{2,8}: /;
const STALLED_TASKS = /^(?:rcu: )?\s*Tasks blocked on .*?:((?: P\d+\S*)+)/;

/**
 * The stack of who does not let RCU go on: of a CPU or task that the report names, never that of
 * the grace-period thread or of an idle CPU.
 */
function stalledOf(stacks: readonly Stack[], lines: readonly string[]): Stack | null {
  const cpus = new Set<number>();
  const pids = new Set<number>();
  for (const line of lines) {
    const cpu = STALLED_CPU.exec(line);
    if (cpu) cpus.add(Number(cpu[1]));
    const tasks = STALLED_TASKS.exec(line)?.[1] ?? "";
    for (const [, pid] of tasks.matchAll(/P(\d+)/g)) pids.add(Number(pid));
  }
  const rank = (stack: Stack): number => {
    if (stack.role === "grace-period" || stack.role === "history") return 0;
    if (strictlyTelling(ownContext(stack.frames)).length === 0) return 0;
    if (stack.cpu !== null && cpus.has(stack.cpu)) return 3;
    if (stack.pid !== null && pids.has(stack.pid)) return 3;
    return stack.role === "main" ? 2 : 1;
  };
  let best: Stack | null = null;
  for (const stack of stacks) if (rank(stack) > (best === null ? 0 : rank(best))) best = stack;
  return best;
}

/** The innermost function that tells something, what the report itself names before its stack. */
function blamedOf(
  id: string,
  title: string,
  lines: readonly string[],
  frames: readonly StackFrame[],
): StackFrame | null {
  const named = namedIn(id, title, lines);
  const [said] = strictlyTelling(named);
  if (said !== undefined) {
    return frames.find((frame) => frame.function === said.function) ?? said;
  }
  return strictlyTelling(frames)[0] ?? tellingFrames(named)[0] ?? tellingFrames(frames)[0] ?? null;
}

const FUNCTION = String.raw`([A-Za-z_.$<][\w.$:<>]*)`;
const OFFSET = String.raw`(?:\+0x([0-9a-f]+)\/0x([0-9a-f]+))?`;
const MODULE = String.raw`(?: \[([A-Za-z_]\w*)[^\]]*\])?`;
const NAMED = FUNCTION + OFFSET + MODULE;

const INLINED = /\[inline\]\s*$/;

/** How the title of a kind names the function. */
const IN_TITLE: Readonly<Record<string, RegExp>> = {
  access: new RegExp(`^BUG: K[A-Z]+: .*? in ${NAMED}`),
  kcsan: new RegExp(`^BUG: KCSAN: .*? in ${NAMED}`),
  kmsan: new RegExp(`^BUG: KMSAN: .*? in ${NAMED}`),
  // "WARNING: CPU: 0 PID: 1 at fs/x.c:12 f+0x1/0x2", since 6.18 "WARNING: fs/x.c:12 at f+0x1/0x2";
  // symbolized "… at fs/x.c:12 f (fs/x.c:12)".
  warning: new RegExp(
    String.raw`^WARNING: (?:.*? )?(?:at \S+:\d+ |\S+:\d+ at )${FUNCTION}` +
      String.raw`(?:\+0x([0-9a-f]+)\/0x([0-9a-f]+)${MODULE}|(?= \(\S+:\d+))`,
  ),
  "stack-protector": new RegExp(`stack is corrupted in: ${NAMED}`),
};

/** "…, at: f+0x1/0x2", "at: [<ffffffff81234567>] f+0x1/0x2" (print_lock() in kernel/locking/lockdep.c). */
const LOCK_AT = new RegExp(String.raw`\bat: (?:\[<?(?:0x)?[0-9a-f]+>?\] +)?${NAMED}`);
const PLACE = new RegExp(
  String.raw`^(?:\[<?(?:0x)?[0-9a-f]+>?\] +)?${FUNCTION}\+0x([0-9a-f]+)\/0x([0-9a-f]+)${MODULE}`,
);
/** The line in front of the lock that a report is about, not of those that were held. */
const LOCK_WANTED =
  /is trying to (?:acquire|release)|just changed the state of|\btakes:|returning to user space|still has locks held|leaving the kernel with locks/;
/** kernel/workqueue.c: what a worker had called when it came back with a lock. */
const LAST_FUNCTION = new RegExp(`^\\s*last function: ${NAMED}`);

function namedIn(id: string, title: string, lines: readonly string[]): StackFrame[] {
  const kind = kindOf(id);
  const found: StackFrame[] = [];
  const add = (line: string, pattern: RegExp | undefined) => {
    const match = pattern?.exec(line);
    if (!match) return;
    const [, name, offset, size, module] = match;
    found.push({
      function: name!,
      offset: offset === undefined ? null : parseInt(offset, 16),
      size: size === undefined ? null : parseInt(size, 16),
      module: module ?? null,
      returns: kind !== "warning",
      ...(INLINED.test(line) ? { inlined: true } : {}),
    });
  };
  add(title, IN_TITLE[kind]);
  // A symbolizer repeats the title for each function that it finds inlined there.
  if (INLINED.test(title)) { for (const line of lines) add(line, IN_TITLE[kind]); }
  if (kind === "lockdep") {
    const wanted = lines.findIndex((line) => LOCK_WANTED.test(line));
    // Its own line, in front of it those of functions that a symbolizer found inlined there.
    // What is released wrongly: "… is trying to release lock (x) at:", and the place below.
    if (lines[wanted]?.endsWith(" at:")) {
      add(lines.slice(wanted + 1, wanted + 4).find((line) => PLACE.test(line)) ?? "", PLACE);
    }
    const at = found.length > 0
      ? -1
      : lines.slice(Math.max(wanted, 0)).findIndex((line) => LOCK_AT.test(line));
    for (const line of wanted < 0 || at < 0 ? [] : lines.slice(wanted + at)) {
      if (!LOCK_AT.test(line)) break;
      add(line, LOCK_AT);
    }
  }
  for (const line of lines) add(line, LAST_FUNCTION);
  return found;
}

/** One wrong access is called by other names with a sanitizer and without. */
const ACCESS =
  /^(page-fault|general-protection|kasan|kasan-out-of-bounds|kasan-use-after-free|kfence)$/;

function kindOf(id: string): string {
  return ACCESS.test(id) ? "access" : id;
}

/**
 * Kinds whose first telling function is the one with the fault. What it was called by tells less:
 * a sanitizer makes functions larger, and then others of them are inlined.
 */
const HERE =
  /^(access|kasan-.*|kmsan|kcsan|warning|bug|oops|ubsan|list-corruption|refcount|usercopy|fortify|control-flow|debug-objects|slab-corruption|lockdep)$/;
/** Frames that make two reports of a lock, a stall or a limit the same one. */
const FRAMES_COMPARED = 3;
/** Where none of them tells anything: all that there is. */
const HELPERS_COMPARED = 12;

/**
 * Eight hexadecimal digits, equal for the same complaint in every cell, with KASAN and without, and
 * other ones for another: of its kind, of what its title says besides numbers and addresses (for a
 * WARN() or BUG() the line, for lockdep the locks), and of the function that is blamed; of the first
 * few functions where a lock, a stall or a limit was met; of the whole stack where all of it are
 * helpers; of the title alone where there is no stack. Offsets and sizes are in none.
 * @param lines Of the report, as far as they are at hand.
 */
export function fingerprintOf(
  id: string,
  title: string,
  frames: readonly StackFrame[],
  blamed: StackFrame | null = tellingFrames(frames)[0] ?? null,
  lines: readonly string[] = [],
): string {
  const kind = kindOf(id);
  const key = blamed === null
    ? [kind, wordsOf(title)]
    : [kind, subjectOf(kind, title, lines), ...functionsOf(kind, title, frames, blamed)];
  return crc32(utf8Bytes(key.join("\n"))).toString(16).padStart(8, "0");
}

function functionsOf(
  kind: string,
  title: string,
  frames: readonly StackFrame[],
  blamed: StackFrame,
): string[] {
  const telling = strictlyTelling([blamed]).length > 0;
  if (!telling) {
    const all = [blamed, ...frames.slice(0, HELPERS_COMPARED)].map(sourceName);
    return [wordsOf(title), ...all];
  }
  if (HERE.test(kind)) return [sourceName(blamed)];
  const rest = strictlyTelling(frames);
  const at = rest.findIndex((frame) => frame.function === blamed.function);
  return [blamed, ...rest.slice(at + 1)].slice(0, FRAMES_COMPARED).map(sourceName);
}

const SYSTEM_CALL = new RegExp(
  `^_*(?:(?:${inAnyLog(({ systemCallPrefix }) => systemCallPrefix)}|se|do)_)?` +
    "(?:compat_)?(?:sys|SyS|SYSC)_",
);

/**
 * The name under which a function is known in every kernel: system calls without what their wrappers
 * put in front, Rust's without the hash of a crate.
 */
function sourceName({ function: name }: StackFrame): string {
  const plain = plainName(name);
  // Rust's mangling, v0 and before: a crate's hash, and that of an instance.
  if (plain.startsWith("_R")) return plain.replace(/Cs[0-9A-Za-z]+_/g, "C");
  if (plain.startsWith("_ZN")) return plain.replace(/17h[0-9a-f]{16}E$/, "E");
  return plain.replace(SYSTEM_CALL, "sys_");
}

/** What tells two complaints of a kind in one function apart. */
function subjectOf(kind: string, title: string, lines: readonly string[]): string {
  switch (kind) {
    case "warning":
    case "bug":
    case "ubsan": {
      const place = /(?:^|[\s/])([\w.+-]+\.(?:[chSs]|rs)):(\d+)/.exec(title);
      // A helper that complains on behalf of others has one place for all of them.
      const by = namedIn(kind, title, lines).find(({ inlined }) => !inlined);
      const word = kind === "ubsan" ? title.replace(/^UBSAN: | in .*$/g, "") : "";
      return place ? `${word} ${place[1]}:${place[2]} ${by ? sourceName(by) : ""}` : wordsOf(title);
    }
    case "lockdep":
      return [wordsOf(title), ...locksOf(lines)].join(" ");
    case "kcsan":
      return / in (\S+) \/ (\S+)/.exec(title)?.slice(1, 3).map(plainName).sort().join(" ") ?? "";
    case "kmsan":
      return / KMSAN: ([\w-]+)/.exec(title)?.[1] ?? "";
    case "slab-corruption":
      return wordsOf(title.replace(/^BUG \S+ \(.*\): /, ""));
    case "list-corruption":
    case "bad-page":
      return title.split(" ").slice(0, kind === "bad-page" ? 3 : 2).join(" ").replace(/\.$/, "");
    case "debug-objects":
      return title.replace(/^ODEBUG: | \(active state.*?\)| object: \S+| hint: .*$/g, "");
    case "usercopy":
      return /exposure|overwrite/.exec(title)?.[0] ?? "";
    case "oops":
    case "panic":
    case "refcount":
    case "fortify":
    case "control-flow":
      return wordsOf(title.replace(/^Oops: /, ""));
    default:
      return "";
  }
}

/** Names of the classes of the lock that is wanted and of the first that is held. */
function locksOf(lines: readonly string[]): string[] {
  const found: string[] = [];
  for (const line of lines) {
    const lock = /^[0-9a-f]* ?\((.+?)(?:\/\d+)?\)\{[-.+?*]+\}/.exec(line.trim());
    if (lock) found.push(lock[1]!.replace(/#\d+$/, ""));
    if (found.length === 2 || /^the existing dependency chain/.test(line)) break;
  }
  return found;
}

/** A title's words, without numbers. */
function wordsOf(title: string): string {
  return plainTitle(title)
    .replace(/\((?:ptrval|null)\)|\b0x[0-9a-f]+\b/g, "…")
    .replace(/\d+/g, "N");
}

/**
 * A title without what differs from boot to boot: folders, addresses, offsets, numbers of CPUs and
 * processes.
 */
export function plainTitle(title: string): string {
  return title
    .replace(/ \/\S*\//, " ")
    .replace(/\bCPU: \d+ (UID: \d+ )?PID: \d+ /, "")
    .replace(/,? CPU#\d+: \S+\/\d+$/, "")
    .replace(/(?<![\w.])([\w.]+)\+0x[0-9a-f]+\/0x[0-9a-f]+/g, (_, name) => plainName(name))
    .replace(/,? address: [0-9a-fx]+|(, probably)? for (non-canonical )?address:? ?[0-9a-fx]+/g, "")
    .replace(/\b(0x)?[0-9a-f]{8,16}\b/g, "…")
    .replace(/: [0-9a-f]{4} \[#\d+\].*$/, "");
}
