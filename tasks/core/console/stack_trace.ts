// SPDX-License-Identifier: MIT
/** The stacks in a complaint of the kernel, and whose each is. */
import {
  type Entry,
  entryOf,
  isUserPlace,
  placeOf,
  plainName,
  type StackFrame,
  TRACE,
} from "./stack_frame.ts";
import { EXCEPTION, INTERRUPT, strictlyTelling } from "./telling_frames.ts";

/** Whose stack it is. */
export type StackRole =
  /** Of the complaint itself. */
  | "main"
  /** A task that is shown, by "task:name state:…". */
  | "task"
  /** Registers of a CPU that was asked for them by an NMI. */
  | "nmi"
  /** RCU's grace-period thread. */
  | "grace-period"
  /** Who allocated, freed, stored or queued something. */
  | "history"
  /** How lockdep came to know an order of locks. */
  | "lock-chain";

export interface Stack {
  readonly role: StackRole;
  /** Where the report says it. */
  readonly cpu: number | null;
  /** PID of the task, where the report says it. */
  readonly pid: number | null;
  /**
   * Innermost first: where the CPU was, if that was printed, then the entries without a "?", or all
   * of a stack that has no others.
   */
  readonly frames: readonly StackFrame[];
}

interface Heading {
  readonly match: RegExp;
  readonly role: StackRole;
  readonly group?: "cpu" | "pid";
}

/** Lines behind which a stack of this role follows. In order: the first that fits. */
const HEADINGS: readonly Heading[] = [
  {
    role: "grace-period",
    match: /grace-period kthread stack dump|^\s*task:rcu[\w/]*\s+state:|^rcu_\w+\s+[RSDI] /,
  },
  { role: "task", match: /^\s*task:.* pid:(\d+)/, group: "pid" },
  { role: "task", match: /^\s*task:\S+\s+state:/ },
  // sched_show_task() before 5.9: "init  D ffff8881 0 1 0 0x0", "init  R running task …".
  {
    role: "task",
    match: /^\S+ +[RSDTtXZPI] +(?:running task|[0-9a-f]{8,16}|\(\S+\)|\d+) .*\b0x[0-9a-f]{8}/,
  },
  { role: "nmi", match: /NMI backtrace for cpu (\d+)/, group: "cpu" },
  { role: "nmi", match: /^(?:rcu: )?(?:Task dump|Sending NMI).* CPU (\d+):/, group: "cpu" },
  // mm/kasan/report.c, mm/kfence/report.c, mm/slub.c, mm/page_owner.c, mm/kmsan/report.c, mm/memcontrol
  {
    role: "history",
    match:
      /^(?:Re)?[Aa]llocated(?:$|:| by task| in )|^[Ff]reed(?:$|:| by task| in )|^rcu-freeing by /,
  },
  {
    role: "history",
    match:
      /^(?:Last|Second to last) (?:potentially related|call_rcu)|^(?:Uninit was|Local variable) |^page (?:last|owner|has been|allocated)|^(?:Slab|Object) 0x|^The buggy address|^INFO: (?:Allocated|Freed|Slab|Object) in |\bin frame:$/,
  },
  // kernel/locking/lockdep.c: "-> #1 (&lock){+.+.}:", "… which became SOFTIRQ-irq-safe at:".
  {
    role: "lock-chain",
    match:
      /^\s*-> #\d+ \(|^\s*(?:->|\.\.\.) .*(?:ops: \d+|key +at:|acquired at:)|\bat:\s*$|^the (?:shortest )?dependencies/,
  },
];

/** Behind it nothing of the complaint's own stacks comes any more. */
const END = /^---\[ end (?:trace|Kernel panic)|^Showing all locks held|^Rebooting in /;
/** "CPU: 1 UID: 0 PID: 34 Comm: init …": the head of a register dump. */
const CPU_LINE = /^CPU: (\d+) (?:UID: \d+ )?PID: (\d+) /;
/** kernel/kcsan/report.c: "read to 0xffff… of 8 bytes by task 12 on cpu 0:". */
const ACCESS_LINE =
  /^(?:race at unknown origin, with )?(?:read|write|read-write)\b.* of \d+ bytes by /;
class Builder {
  role: StackRole = "main";
  cpu: number | null = null;
  pid: number | null = null;
  /** Where the CPU was: one frame, or those that a symbolizer found inlined there and it. */
  places: StackFrame[] = [];
  trace: StackFrame[] = [];
  /** Entries with a "?", for a stack that has no others. */
  doubtful: StackFrame[] = [];
  closed = false;
  /** The last entry, reliable or not, as a plain name. */
  last = "";

  get empty(): boolean {
    return this.places.length + this.trace.length + this.doubtful.length === 0;
  }

  /** What was found so far stood above the place. */
  #forget(): void {
    this.trace = [];
    this.doubtful = [];
  }

  /** Whether it is the place where the CPU was. */
  #isPlace(frame: StackFrame): boolean {
    const at = this.places.at(-1);
    return at !== undefined && sameFrame(frame, at);
  }

  place(frame: StackFrame): void {
    const at = this.places.at(-1);
    if (this.trace.length === 0) {
      // The inlined functions come first, a line each.
      if (at === undefined || at.inlined) this.places.push(frame);
    } else if (this.#isPlace(frame)) {
      // Printed again behind its own stack, as old oopses do, or below an interrupt.
      if (INTERRUPT.test(this.last) || EXCEPTION.test(this.last)) this.#forget();
    } else if (at === undefined && strictlyTelling(this.trace).length === 0) {
      // Above it is only the interrupt that found this place, or the watchdog.
      this.places = [frame];
      this.#forget();
    }
  }

  entry({ frame, questionable }: Entry): void {
    if (this.closed) return;
    this.last = plainName(frame.function);
    // The interrupted place again, below the interrupt's own frames.
    if (this.#isPlace(frame)) this.#forget();
    else (questionable ? this.doubtful : this.trace).push(frame);
  }

  build(): Stack {
    const { role, cpu, pid, places, trace, doubtful } = this;
    return { role, cpu, pid, frames: [...places, ...trace.length > 0 ? trace : doubtful] };
  }
}

/** Every stack of a complaint, in its order. */
export function stacksOf(lines: readonly string[]): Stack[] {
  const stacks: Builder[] = [];
  let open = new Builder();
  const begin = (fresh: boolean) => {
    if (fresh) {
      stacks.push(open);
      open = new Builder();
    }
    open.closed = false;
  };
  /** What follows belongs to the complaint, or to the task or CPU that was just announced. */
  const ownAgain = () => {
    if (open.role === "history" || open.role === "lock-chain") open.role = "main";
  };
  for (const line of lines) {
    if (END.test(line) && (!open.empty || stacks.length > 0)) break;
    if (isUserPlace(line)) {
      if (!open.empty) open.closed = true;
      continue;
    }
    const place = placeOf(line);
    if (place) {
      if (!open.closed) open.place(place);
      continue;
    }
    const entry = entryOf(line);
    if (entry) {
      open.entry(entry);
      continue;
    }
    const heading = HEADINGS.find(({ match }) => match.test(line));
    if (heading) {
      begin(!open.empty);
      open.role = heading.role;
      const number = heading.group && Number(heading.match.exec(line)![1]);
      if (heading.group) open[heading.group] = number!;
      continue;
    }
    const cpu = CPU_LINE.exec(line);
    if (cpu || ACCESS_LINE.test(line)) {
      // "IP: f+0x1/0x2" stands above it, the registers below.
      begin(open.trace.length > 0);
      ownAgain();
      open.cpu ??= cpu ? Number(cpu[1]) : null;
      open.pid ??= cpu ? Number(cpu[2]) : null;
      continue;
    }
    if (!TRACE.test(line)) continue;
    begin(open.trace.length > 0);
    ownAgain();
    // Very old ones have the first entry on the same line.
    const same = entryOf(line.replace(TRACE, " "));
    if (same) open.entry(same);
  }
  if (!open.empty) stacks.push(open);
  return stacks.map((stack) => stack.build());
}

function sameFrame(a: StackFrame, b: StackFrame): boolean {
  return a.function === b.function && a.offset === b.offset;
}
