// SPDX-License-Identifier: MIT
/** Complaints of the kernel on its console, as a table of patterns. */
import { kernelLog } from "./kernel_log.ts";
import type { Text } from "./lines.ts";
import {
  fingerprintOf,
  isStackLine,
  type StackFrame,
  stackOf,
  tellingFrames,
} from "./stack_trace.ts";

export interface Splat {
  /** Stable word: "panic", "oops", "kasan-use-after-free", …; docs/verdicts.md lists all. */
  readonly id: string;
  /** The line that names it, without its timestamp. */
  readonly title: string;
  /** The test that ran, "boot" before the first, "teardown" behind the last, or "between tests". */
  readonly during: string;
  /** Its lines, from the cut mark or the title on, bounded. */
  readonly lines: readonly string[];
  /** False for the consequence of an earlier one, such as the panic that an oops ends in. */
  readonly root: boolean;
  /** The kernel stopped here for good. */
  readonly fatal: boolean;
  /** Innermost first; empty where no stack was printed. */
  readonly frames: readonly StackFrame[];
  /** Equal for the same complaint in all cells, see {@linkcode fingerprintOf}. */
  readonly fingerprint: string;
}

interface Pattern {
  readonly id: string;
  readonly match: RegExp;
  /** This line belongs to an open report of one of these ids. */
  readonly continues?: readonly string[];
}

/**
 * In order: the first that fits names the line. Texts are those of Linux 6.12, and of later ones
 * where they changed. A line that begins "WARNING: " or "BUG: " and is in no row above is one too.
 */
const PATTERNS: readonly Pattern[] = [
  // kernel/panic.c, arch/x86/kernel/traps.c. First, for its reason may hold the words of another.
  {
    id: "stack-protector",
    match: /^Kernel panic - not syncing: stack-protector: /,
  },
  { id: "machine-check", match: /^Kernel panic - not syncing: .*machine check/i },
  { id: "panic", match: /^Kernel panic - not syncing: / },
  { id: "double-fault", match: /^(traps: )?PANIC: double fault/ },
  { id: "panic", match: /^(traps: )?PANIC: / },
  { id: "machine-check", match: /^(mce: )?\[Hardware Error\]: (Machine check|CPU \d+: Machine)/i },
  // mm/kasan, mm/kmsan, mm/kfence, kernel/kcsan.
  { id: "kasan-out-of-bounds", match: /^BUG: KASAN: [\w-]*out-of-bounds/ },
  { id: "kasan-use-after-free", match: /^BUG: KASAN: [\w-]*use-after-(free|scope|return)/ },
  { id: "kasan-invalid-free", match: /^BUG: KASAN: (double-free|invalid-free)/ },
  { id: "kasan", match: /^BUG: KASAN: / },
  { id: "kmsan", match: /^BUG: KMSAN: / },
  { id: "kcsan", match: /^BUG: KCSAN: / },
  { id: "kfence", match: /^BUG: KFENCE: / },
  { id: "ubsan", match: /^UBSAN: |^Internal error: UBSAN/ },
  // Stacks: traps.c, and the forms of other versions.
  {
    id: "stack-overflow",
    match:
      /^BUG: (.*stack guard page was hit|kernel stack overflow)|^(Oops: )?kernel stack overflow/,
  },
  // arch/x86/mm/fault.c
  { id: "page-fault", match: /^BUG: (unable to handle|kernel NULL pointer)/ },
  { id: "bad-page", match: /^BUG: Bad (page|rss)|: Corrupted page table at address / },
  // kernel/watchdog*.c, kernel/workqueue.c, kernel/hung_task.c, kernel/rcu/tree_stall.h
  { id: "soft-lockup", match: /^(watchdog: )?BUG: soft lockup/ },
  { id: "hard-lockup", match: /Watchdog detected hard LOCKUP/ },
  { id: "workqueue-lockup", match: /^BUG: workqueue lockup/ },
  { id: "hung-task", match: /^INFO: task .* blocked (for more than|in I\/O wait)/ },
  { id: "rcu-stall", match: /^(rcu: )?INFO: (rcu_.*|.* (self-)?detected( expedited)? )stall/ },
  // kernel/sched/core.c
  { id: "atomic-sleep", match: /^BUG: (sleeping function called from|workqueue leaked atomic)/ },
  { id: "atomic-schedule", match: /^BUG: scheduling (while atomic|in a non-blocking)/ },
  // kernel/locking
  {
    id: "lockdep",
    match:
      /^WARNING: (possible|inconsistent|bad unlock|bad contention|held lock|lock held|suspicious RCU|Nested lock|chain_key|\S+-safe -> |.*still has locks held)|^INFO: trying to register non-static key|^\[ ?BUG: |^BUG: (MAX_LOCK|MAX_STACK_TRACE|key .* has not been registered|spinlock |rwlock )/,
  },
  // Checks of data: what they print comes before the WARN() or BUG() that it ends in.
  { id: "list-corruption", match: /^list_(add|del)( double add| corruption)/ },
  { id: "refcount", match: /^refcount_t: / },
  { id: "usercopy", match: /^usercopy: Kernel memory (exposure|overwrite) attempt/ },
  { id: "fortify", match: /^(fortify: )?detected (buffer overflow|field-spanning|read overflow)/i },
  { id: "control-flow", match: /^(traps: )?Missing ENDBR: |^CFI failure at / },
  // mm/slub.c: "BUG kmalloc-64 (Not tainted): Right Redzone overwritten".
  { id: "slab-corruption", match: /^BUG \S+ \(.*\): / },
  {
    id: "bug",
    match: /^kernel BUG at /i,
    continues: ["list-corruption", "usercopy", "fortify", "slab-corruption", "control-flow"],
  },
  { id: "bug", match: /^BUG: / },
  // Oopses: what led to them has often been said in the line before.
  { id: "general-protection", match: /^(Oops: )?general protection fault/ },
  {
    id: "oops",
    match:
      /^Oops:? |^invalid opcode: |^divide error: |^stack segment: |^int3: |^alignment check: |^coprocessor /,
    continues: ["page-fault", "bug", "stack-overflow", "control-flow", "ubsan"],
  },
  // mm/oom_kill.c
  { id: "oom", match: /invoked oom-killer:/ },
  { id: "oom", match: /^(Memory cgroup o|O)ut of memory: /, continues: ["oom"] },
  { id: "kmemleak", match: /^kmemleak: \d+ new suspected memory leaks/ },
  { id: "irq", match: /^irq \d+: nobody cared/ },
  // arch/x86/kernel/unwind_orc.c, dumpstack_64.c; some say the word twice.
  {
    id: "unwinder",
    match:
      /^(WARNING: )+(stack recursion|stack going in the wrong direction|kernel stack |can't access |missing \w+ value|unknown (SP|BP) base reg|unknown \.orc_unwind|bad lookup |(Bad or missing|Corrupt) \.orc_)/,
  },
  {
    id: "warning",
    match: /^WARNING: /,
    continues: ["list-corruption", "refcount", "usercopy", "fortify"],
  },
];

/** Reasons for a panic that only repeat what was said before. */
const FOLLOWS =
  /: (Fatal exception|hung_task: |softlockup: |Hard LOCKUP|RCU Stall|Aiee|Attempted to kill|Out of memory|System is deadlocked|Machine halted|.*stack guard hit|.*panic_on_(warn|oops|taint|stall))/i;

const RUN_MARK = /^kmatrix: (RUN|END|DONE)(?: (\S+))?$/;
const CUT_HERE = /^------------\[ cut here \]------------/;
const RULE = /^={20,}$/;
const END_OF_SPLAT = /^---\[ end (trace|Kernel panic)/;
const FATAL = /^Kernel panic|^(traps: )?PANIC: /;
const LINES_KEPT = 100;
/** Characters of a line; the longest that printk writes is half of it (PRINTKRB_RECORD_MAX). */
const LINE_KEPT = 2000;
/** Complaints of one console; what comes behind that many is one more, which nothing allows. */
const SPLATS_READ = 5000;
export const TOO_MANY = "too-many";
/** Lines between a cut mark and the title that belongs to it. */
const WARNING_WORDS = 10;
/** Any of the patterns: most lines of a console are none, and asking once is quick. */
const ANY = new RegExp(PATTERNS.map(({ match }) => match.source).join("|"), "i");

/** The console as plain lines, for people. */
export function consoleLines(console: Text): string[] {
  return Array.from(kernelLog(console), ({ text }) => text);
}

interface Open {
  readonly id: string;
  readonly title: string;
  readonly during: string;
  readonly root: boolean;
  readonly fatal: boolean;
  readonly lines: string[];
  /** Its report goes on: what continues it is a part of it. */
  going: boolean;
  /** Its stack was printed whole. */
  traced: boolean;
}

/** Where the marks say that the guest is. */
class Progress {
  readonly #order: readonly string[] | null;
  during = "boot";
  #at = -1;

  constructor(order: readonly string[] | null) {
    this.#order = order;
  }

  /** Follows a mark; one that cannot be the guest's next is none of its own. */
  follow(word: string, test: string | undefined): void {
    if (word === "DONE") this.during = "teardown";
    else if (test === undefined) return;
    else if (word === "END") {
      if (this.during === test) this.during = "between tests";
    } else {
      // Forward only: printk may drop marks, but never brings one back.
      const next = this.#order === null ? 0 : this.#order.indexOf(test, this.#at + 1);
      if (next < 0) return;
      this.#at = this.#order === null ? -1 : next;
      this.during = test;
    }
  }
}

/**
 * Every splat of a console, oldest first, with the test during which it came.
 * @param order Ids of the tests in the order of the result stream, which tells the guest's own marks
 *     from others; null where it is not known.
 */
export function findSplats(
  console: Text,
  order: readonly string[] | null = null,
): Splat[] {
  const found: Open[] = [];
  const progress = new Progress(order);
  // Where the kernel names its callers, several can complain at once and be told apart.
  const open = new Map<string, Open>();
  const cut = new Map<string, string[]>();
  for (const { text, kernel, caller } of kernelLog(console)) {
    if (!kernel) continue;
    const line = text.slice(0, LINE_KEPT);
    const mark = RUN_MARK.exec(line);
    if (mark) {
      progress.follow(mark[1]!, mark[2]);
      const mine = open.get(caller);
      if (mine) mine.going = false;
      cut.delete(caller);
      continue;
    }
    const last = open.get(caller);
    if (CUT_HERE.test(line) || (RULE.test(line) && !last?.going)) {
      cut.set(caller, [line]);
      continue;
    }
    const { during } = progress;
    const pattern = ANY.test(line) ? PATTERNS.find(({ match }) => match.test(line)) : undefined;
    if (pattern && last?.going && pattern.continues?.includes(last.id)) {
      keep(last, [...cut.get(caller) ?? [], line]);
      cut.delete(caller);
    } else if (pattern) {
      const fatal = FATAL.test(line);
      if (found.length > SPLATS_READ && (!fatal || found.at(-1)!.fatal)) continue;
      if (found.length === SPLATS_READ && !fatal) {
        found.push(tooMany(during));
        continue;
      }
      const before = found.at(-1);
      const root = !(fatal && before?.during === during && (before.fatal || FOLLOWS.test(line))) &&
        !(fatal && last?.going && !last.traced && last.during === during);
      const lines = [...cut.get(caller) ?? [], line];
      cut.delete(caller);
      const title = line.trim();
      const splat: Open = {
        ...{ id: pattern.id, title, during, root, fatal, lines },
        ...{ going: true, traced: false },
      };
      found.push(splat);
      open.set(caller, splat);
    } else if (cut.has(caller)) {
      // A WARN()'s own words, between the cut mark and its title.
      const lines = cut.get(caller)!;
      lines.push(line);
      if (lines.length > WARNING_WORDS) cut.delete(caller);
    } else if (last && (last.going || isStackLine(line))) {
      keep(last, [line]);
      if (END_OF_SPLAT.test(line) || RULE.test(line)) last.going = false;
      if (line.startsWith(" </TASK>")) last.traced = true;
    }
  }
  return found.map(({ going: _, traced: __, ...splat }) => {
    const frames = stackOf(splat.lines);
    return { ...splat, frames, fingerprint: fingerprintOf(splat.id, splat.title, frames) };
  });
}

function tooMany(during: string): Open {
  const title = `more than ${SPLATS_READ} complaints: the rest of the console is not read for more`;
  const states = { root: true, fatal: false, going: false, traced: false };
  return { id: TOO_MANY, title, during, lines: [title], ...states };
}

function keep({ lines }: Open, more: readonly string[]): void {
  if (lines.length < LINES_KEPT) lines.push(...more);
}

/** The title with the function in which it happened, where it does not name that itself. */
export function splatText({ title, frames, fatal }: Splat): string {
  const [top] = tellingFrames(frames);
  if (fatal || !top || title.includes(top.function)) return title;
  return `${title}, in ${top.function}${top.module === null ? "" : ` [${top.module}]`}`;
}

/** Whether the guest's last mark is there: behind it nothing of the run is missing. */
export function isWhole(console: Text): boolean {
  for (const { kernel, text } of kernelLog(console)) {
    if (kernel && text === "kmatrix: DONE") return true;
  }
  return false;
}

/** Every id of the table, once. */
export const SPLAT_IDS: readonly string[] = [
  ...new Set(PATTERNS.map(({ id }) => id)),
  TOO_MANY,
];
