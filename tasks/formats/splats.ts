// SPDX-License-Identifier: MIT
/** Complaints of the kernel on its console, as a table of patterns. */

export interface Splat {
  /** Stable word: "panic", "oops", "kasan", … */
  readonly id: string;
  /** The line that names it, without its timestamp. */
  readonly title: string;
  /** The test that ran, "boot" before the first, "teardown" behind the last. */
  readonly during: string;
  /** The lines from the title on, bounded. */
  readonly lines: readonly string[];
  /** False for the consequence of an earlier one, such as the panic that an oops ends in. */
  readonly root: boolean;
}

interface Pattern {
  readonly id: string;
  readonly match: RegExp;
}

const PATTERNS: readonly Pattern[] = [
  // First, for its reason may hold the words of another (a corrupted stack, a hung task). The
  // second form is x86's own, for an exception that is too early or too deep to be handled.
  { id: "panic", match: /^Kernel panic - not syncing: |^(traps: )?PANIC: / },
  { id: "kasan", match: /^BUG: KASAN: / },
  { id: "page-fault", match: /^BUG: (unable to handle|kernel NULL pointer)/ },
  { id: "soft-lockup", match: /^watchdog: BUG: soft lockup|^BUG: soft lockup/ },
  { id: "hard-lockup", match: /Watchdog detected hard LOCKUP/ },
  {
    id: "lockdep",
    match:
      /^WARNING: (possible|inconsistent|bad unlock|held lock|suspicious)|^INFO: trying to register non-static key/,
  },
  { id: "bug", match: /^kernel BUG at |^BUG: / },
  { id: "general-protection", match: /^(Oops: )?general protection fault/ },
  { id: "oops", match: /^Oops:? |^invalid opcode: |^divide error: |^stack segment: |^int3: / },
  { id: "ubsan", match: /^UBSAN: / },
  { id: "rcu-stall", match: /^rcu: INFO: .*(detected|self-detected) stall|^INFO: rcu_/ },
  { id: "hung-task", match: /^INFO: task .* blocked for more than/ },
  { id: "oom", match: /invoked oom-killer:|^Out of memory: / },
  { id: "list-corruption", match: /^list_(add|del) corruption/ },
  { id: "kmemleak", match: /^kmemleak: \d+ new suspected memory leaks/ },
  { id: "unwinder", match: /^WARNING: (stack recursion|kernel stack |can't access registers)/ },
  { id: "warning", match: /^WARNING: / },
];

const STAMP = /^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[\s*[CT]\d+\])? ?/;
const RUN_MARK = /^kmatrix: (RUN|END|DONE)(?: (\S+))?$/;
const END_OF_SPLAT = /^---\[ end (trace|Kernel panic)/;
const LINES_KEPT = 40;

/** The console without timestamps, carriage returns and terminal escapes, a line each. */
export function consoleLines(text: string): string[] {
  return text.split("\n").map((line) =>
    // deno-lint-ignore no-control-regex
    line.replace(/\r/g, "").replace(/\x1b\[[0-9;?]*[A-Za-z]|\x1bc/g, "").replace(STAMP, "")
  );
}

/** Every splat of a console, oldest first, with the test during which it came. */
export function findSplats(text: string): Splat[] {
  const found: { id: string; title: string; during: string; lines: string[]; root: boolean }[] = [];
  let during = "boot";
  let open: { lines: string[] } | null = null;
  let insideTrace = false;
  for (const line of consoleLines(text)) {
    const mark = RUN_MARK.exec(line);
    if (mark) {
      during = mark[1] === "RUN" ? mark[2]! : mark[1] === "DONE" ? "teardown" : "between tests";
      open = null;
      insideTrace = false;
      continue;
    }
    const pattern = PATTERNS.find(({ match }) => match.test(line));
    if (pattern) {
      // "Oops:" follows the BUG line of the same event, and a panic follows an oops.
      const root = !(insideTrace && ["oops", "panic"].includes(pattern.id)) &&
        !(pattern.id === "panic" && found.at(-1)?.during === during);
      const splat = { id: pattern.id, title: line.trim(), during, lines: [line], root };
      found.push(splat);
      open = splat;
      insideTrace = true;
    } else if (open) {
      if (open.lines.length < LINES_KEPT) open.lines.push(line);
      if (END_OF_SPLAT.test(line)) {
        open = null;
        insideTrace = false;
      }
    }
  }
  return found;
}
