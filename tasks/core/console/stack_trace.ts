// SPDX-License-Identifier: MIT
/**
 * The stacks in a complaint of the kernel: their lines, as arch/x86 and arch/arm64 print them and as
 * they were printed in older versions or come out of a symbolizer, and which stack is whose.
 */
import { passedOverAs, RANKS } from "./passed_over.ts";

export interface StackFrame {
  /** As the kernel's symbol table has it, suffixes of the compiler included. */
  readonly function: string;
  /**
   * From the function's beginning, in bytes; behind the call where `returns`. null where the log has
   * none: of an inlined function, or from a symbolizer that takes it off.
   */
  readonly offset: number | null;
  /** Of the function, up to the next symbol, in bytes; null with the offset. */
  readonly size: number | null;
  /** Name of the module, or null for vmlinux. */
  readonly module: string | null;
  /** A return address; false for a place where the CPU was (RIP). */
  readonly returns: boolean;
  /**
   * A function that a symbolizer found inlined in the next frame. Only that one is on the stack, and
   * in logs that nobody has symbolized.
   */
  readonly inlined?: true;
  /** "fs/read_write.c:702", where somebody has symbolized the log. */
  readonly source?: string;
}

const NAME = String.raw`([A-Za-z_.$<][\w.$:<>]*)`;
const OFFSET = String.raw`\+0x([0-9a-f]+)\/0x([0-9a-f]+)`;
/** "[<ffffffff81234567>] ", "[<0>] ", powerpc's two without "<>", s390's in parentheses. */
const ADDRESS = String.raw`(?:\(?\[<?\s*(?:0x)?[0-9a-f]+>?\]\)? +)`;
/** "fs/x.c:12", "./include/linux/x.h:3", "rust/kernel/lib.rs:3". */
const SOURCE = String.raw`((?:[\w.+-]+\/)*[\w+-][\w.+-]*\.(?:[chSs]|rs):\d+)`;
const TAGS = String.raw`(?:<\/?#?[A-Z]+\d*> *)*`;
/**
 * " ksys_write+0x6f/0xe0", " ? f+0x1/0x2 [module]" (printk_stack_address()), " [<c0123456>] f+0x1/0x2",
 * " <IRQ>  [<ffffffff81234567>] f+0x1/0x2", " => f+0x1/0x2", " f+0x1/0x2 fs/x.c:12", " f+0x1/0x2 (T)".
 */
const FRAME = new RegExp(
  String
    .raw`^(?:\s+|(?=\[))${TAGS}(?:=> )?${ADDRESS}{0,2}(\?\s+)?\(?${NAME}${OFFSET}\)?(?![\w/+])(.*)$`,
);
/** The same where blanks were lost on the way, as in mails: all of the line, then. */
const BARE = new RegExp(
  String.raw`^(\? )?${NAME}${OFFSET}((?: \[[^\]]*\])?(?: \(\w\))?)\s*$`,
);
/** " f fs/x.c:12 [inline]", " [<     inline     >] f fs/x.c:12". */
const INLINE = new RegExp(
  String
    .raw`^\s+(?:${ADDRESS}?(?:\?\s+)?${NAME} ${SOURCE} \[inline\]|\[<\s*inline\s*>\] ${NAME} ${SOURCE})\s*$`,
);
/** "f (fs/x.c:12 (discriminator 3) fs/y.h:4) module" (scripts/decode_stacktrace.sh). */
const DECODED = new RegExp(
  String.raw`^\s*${ADDRESS}?(\?\s+)?${NAME} \(${SOURCE}[^()]*(?:\([^()]*\)[^()]*)*\) ?(\w+)?\s*$`,
);
/** ARM: "[<c0012345>] (f) from [<c0023456>] (g+0x1/0x2)", " f from g+0x1/0x2". */
const FROM = new RegExp(
  String.raw`^\s*(?:${ADDRESS}\(${NAME}[^)]*\)|\s+${NAME}) from ${ADDRESS}?\(?${NAME}${OFFSET}\)?`,
);
/** Where the CPU was: show_ip() of x86 in its ages, arm64's "pc :", arm's, powerpc's, riscv's. */
const PLACE = new RegExp(
  String
    .raw`^\s*(?:RIP:? +(?:[0-9a-f]{4}: ?)?|EIP:? (?:[0-9a-f]{4}:)?|EIP is at |IP: ?(?:[0-9a-f]{4}:)?|PC is at |pc : |epc : |NIP:? +)` +
    String.raw`${ADDRESS}{0,2}(?:${NAME}${OFFSET}(.*)|${NAME} \(?${SOURCE}.*)$`,
);
/** User space: segment 0x33, or 0x23 and 0x73 of 32-bit programs. */
const USER = /^\s*E?R?IP: (0033|0023|0073|002b):/;
const SECTION = /^\s*<\/?(TASK|IRQ|SOFTIRQ|NMI|EOI|EOE|#?[A-Z][A-Z0-9]*)>\s*$/;
const TRACE =
  /^\s*(?:Call [Tt]race|[Ss]tack backtrace|Backtrace|backtrace(?: \(crc [0-9a-f]+\))?): ?/;

/** Module and source line, from what stands behind a place. */
function restOf(rest: string): Pick<StackFrame, "module" | "source"> {
  // "[inline]" is a symbolizer's word; "[module 1a2b…]" has a build id, "[module(O)]" a taint.
  const module = /\[(?!inline\])([A-Za-z_][\w-]*)(?:[ (][^\]]*)?\]/.exec(rest)?.[1] ?? null;
  const source = SOURCE_ALONE.exec(rest)?.[1];
  return { module, ...(source === undefined ? {} : { source: plainSource(source) }) };
}

const SOURCE_ALONE = new RegExp(String.raw`(?:^|[ (])${SOURCE}`);

function plainSource(source: string): string {
  return source.replace(/^(?:\.\/)+/, "");
}

function placed(
  name: string,
  offset: string,
  size: string,
  rest: string,
  returns: boolean,
): StackFrame {
  const place = { offset: parseInt(offset, 16), size: parseInt(size, 16) };
  return { function: name, ...place, returns, ...restOf(rest) };
}

function unplaced(
  name: string,
  source: string,
  { module = null, returns = true, inlined = false }: {
    module?: string | null;
    returns?: boolean;
    inlined?: boolean;
  },
): StackFrame {
  const nowhere = { function: name, offset: null, size: null, module, returns };
  return { ...nowhere, source: plainSource(source), ...(inlined ? { inlined } : {}) };
}

interface Entry {
  readonly frame: StackFrame;
  /** The unwinder does not vouch for it: an address that merely lies on the stack. */
  readonly questionable: boolean;
}

/** The entry of a stack that a line is; null for any other line. */
function entryOf(line: string): Entry | null {
  // Most lines are none, and looking for a word is quick.
  if (line.includes("+0x")) {
    const plain = FRAME.exec(line) ?? BARE.exec(line);
    if (plain) {
      const [, question, name, offset, size, rest] = plain;
      const questionable = question !== undefined || rest!.includes("(unreliable)");
      return { frame: placed(name!, offset!, size!, rest!, true), questionable };
    }
    const from = line.includes(" from ") ? FROM.exec(line) : null;
    if (from) return { frame: placed(from[3]!, from[4]!, from[5]!, "", true), questionable: false };
  }
  if (line.includes("inline")) {
    const inline = INLINE.exec(line);
    if (inline) {
      const [, name, source, oldName, oldSource] = inline;
      const frame = unplaced((name ?? oldName)!, (source ?? oldSource)!, { inlined: true });
      return { frame, questionable: false };
    }
  }
  const decoded = line.includes("(") ? DECODED.exec(line) : null;
  if (!decoded) return null;
  const [, question, name, source, module] = decoded;
  const frame = unplaced(name!, source!, { module: module ?? null });
  return { frame, questionable: question !== undefined };
}

/** "f+0x1/0x2 [module]", the same text for the same frame; "f" where the log has no offset. */
export function stackFrameText({ function: name, offset, size, module }: StackFrame): string {
  const place = offset === null || size === null
    ? name
    : `${name}+0x${offset.toString(16)}/0x${size.toString(16)}`;
  return module === null ? place : `${place} [${module}]`;
}

/** Whether a line is an entry of a stack, or where the stack of another context begins. */
export function isStackLine(line: string): boolean {
  return SECTION.test(line) || entryOf(line) !== null;
}

/** The name in the source: without what a compiler appends to copies and parts of a function. */
export function plainName(name: string): string {
  return name.replace(/^__pfx_/, "").replace(
    /(\.(constprop|isra|part|cold|llvm|lto_priv|localalias|kcfi|cfi_jt)(\.\d+)*|\.\d+)+$/,
    "",
  );
}

const passedOver = (frame: StackFrame) => passedOverAs(plainName(frame.function));

/**
 * Frames that say where a fault is, the innermost of a function that calls itself. Where none does,
 * the one that comes closest: no complaint with a stack is blamed on nothing.
 */
export function tellingFrames(frames: readonly StackFrame[]): StackFrame[] {
  const telling = strictlyTelling(frames);
  if (telling.length > 0) return telling;
  for (const rank of RANKS) {
    const best = frames.find((frame) => !frame.inlined && passedOver(frame)?.rank === rank);
    if (best) return [best];
  }
  return frames.slice(0, 1);
}

/** Frames of the stack itself that no entry of the table passes over; none where all are helpers. */
export function strictlyTelling(frames: readonly StackFrame[]): StackFrame[] {
  return frames.filter((frame) => !frame.inlined && passedOver(frame) === null)
    .filter((frame, index, telling) => frame.function !== telling[index - 1]?.function);
}

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
/** Through which an interrupt came in: below it is another context. */
const INTERRUPT =
  /^(?:asm_(?:sysvec_\w+|common_interrupt)|apic_timer_interrupt|common_interrupt|ret_from_intr|retint_kernel|reschedule_interrupt|call_function\w*_interrupt|el1h?_(?:64_)?irq|__irq_svc)$/;

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
      if (INTERRUPT.test(this.last) || /^(asm_)?exc_/.test(this.last)) this.#forget();
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
    if (USER.test(line)) {
      if (!open.empty) open.closed = true;
      continue;
    }
    const at = PLACE.exec(line);
    if (at) {
      if (open.closed) continue;
      const [, name, offset, size, rest, decoded, source] = at;
      open.place(
        name === undefined
          ? unplaced(decoded!, source!, { returns: false, inlined: line.includes("[inline]") })
          : placed(name, offset!, size!, rest!, false),
      );
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

/**
 * Without what the interrupted context was doing, where the interrupt has something to tell itself;
 * and without the interrupt, where it has not.
 */
export function ownContext(frames: readonly StackFrame[]): StackFrame[] {
  const at = frames.findIndex((frame) => INTERRUPT.test(plainName(frame.function)));
  if (at < 0) return [...frames];
  const [inside, below] = [frames.slice(0, at), frames.slice(at + 1)];
  if (strictlyTelling(inside).length > 0) return inside;
  return strictlyTelling(below).length > 0 ? ownContext(below) : [...frames];
}
