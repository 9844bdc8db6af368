// SPDX-License-Identifier: MIT
/** What the kernel says where it complains: the titles of its reports, as a table of patterns. */
import { CAUSE_IDS, CHECK_IDS, type ComplaintId } from "./complaint_kinds.ts";

/** How a title is told from other text. */
export interface Complaint {
  /** Stable word, see docs/verdicts.md. */
  readonly id: ComplaintId;
  /** Where in the line the title begins, is where this matches. */
  readonly match: RegExp;
  /** Belongs to a report whose title is all that has been printed of it, of one of these ids. */
  readonly continues?: readonly ComplaintId[];
  /** Says what is wrong for a WARN() or BUG() whose own title tells only where. */
  readonly words?: true;
  /** Words that others print, too: a report follows, or it is none. */
  readonly plain?: true;
  /** All of the report: what comes behind it is none of it, but for a title that belongs to it. */
  readonly alone?: true;
  /** The kernel stops here for good. */
  readonly fatal?: true;
}

/** Rows of one file of the kernel: id, title, what else is known of it. */
type Row = readonly [id: ComplaintId, title: string, more?: Omit<Complaint, "id" | "match">];

/** A register dump's heading is that of die(): "divide error: 0000 [#1] PREEMPT SMP". */
const DIE = String.raw`: [0-9a-f]{4,16} \[#\d+\]`;

/**
 * In order: the first that fits names the line. "^" is where a line begins; the others are so much
 * the kernel's own words that they are found behind a line that was left open, too. Texts are those
 * of Linux 3.x to 7.x.
 */
const ROWS: readonly Row[] = [
  // kernel/panic.c, arch/*/kernel/traps.c. First, for a reason may hold the words of another.
  [
    "stack-protector",
    "Kernel panic - not syncing: stack-protector: ",
    { fatal: true },
  ],
  ["stack-overflow", "Kernel panic - not syncing: corrupted stack end", { fatal: true }],
  ["machine-check", "Kernel panic - not syncing: .{0,40}[Mm]achine [Cc]heck", { fatal: true }],
  ["control-flow", "Kernel panic - not syncing: CFI failure", { fatal: true }],
  ["panic", "Kernel panic - not syncing\\b", { fatal: true }],
  ["double-fault", "(?:traps: )?PANIC: double fault", {
    fatal: true,
    continues: ["stack-overflow"],
  }],
  ["panic", "^(?:traps: )?PANIC: ", { fatal: true }],
  [
    "machine-check",
    "^(?:mce: )?\\[Hardware Error\\]: (?:Machine check|CPU \\d+: Machine)|SError Interrupt on CPU\\d",
  ],
  // mm/kasan, mm/kmsan, mm/kfence, kernel/kcsan, lib/ubsan.c, mm/kmemleak.c.
  ["kasan-out-of-bounds", "BUG: KAS[Aa][Nn]: [\\w -]{0,40}out[- ]of[- ]bounds"],
  ["kasan-use-after-free", "BUG: KAS[Aa][Nn]: [\\w -]{0,40}use[- ]after[- ](?:free|scope|return)"],
  ["kasan-invalid-free", "BUG: KASAN: (?:double-free|invalid-free|double free|invalid free)"],
  ["kasan", "BUG: KAS[Aa][Nn]: "],
  ["kmsan", "BUG: KMSAN: "],
  ["kcsan", "BUG: KCSAN: "],
  ["kfence", "BUG: KFENCE: "],
  ["ubsan", "^UBSAN: |^Internal error: UBSAN"],
  ["kmemleak", "^BUG: memory leak", {}],
  ["kmemleak", "^unreferenced object\\b", { continues: ["kmemleak"] }],
  ["kmemleak", "^kmemleak: \\d+ new suspected memory leaks", { alone: true }],
  // Stacks: traps.c of x86 and arm64, and the forms of other versions.
  [
    "stack-overflow",
    "BUG: .{0,20}stack guard page was hit|BUG: kernel stack overflow|" +
    "^Insufficient stack space to handle exception|^Thread overran stack",
  ],
  ["stack-overflow", "(?:Oops: )?kernel stack overflow \\(|Oops: stack guard page" + DIE, {
    continues: ["stack-overflow", "page-fault"],
  }],
  // arch/x86/mm/fault.c, arch/arm64/mm/fault.c and others
  [
    "page-fault",
    "BUG: unable to handle (?:kernel|page|NULL|paging|$)|BUG: [kK]ernel NULL pointer|" +
    "BUG: Unable to handle kernel|[Uu]nable to handle kernel (?:NULL|paging|access|pointer|write|" +
    "read|execute|unaligned|data|instruction|[\\w ]{1,60} at virtual address)",
    { continues: ["kasan", "stack-overflow"] },
  ],
  ["page-fault", "^Unhandled (?:fault|prefetch abort): "],
  [
    "bad-page",
    "BUG: Bad (?:page|rss)|^BUG: non-zero (?:pgtables_bytes|nr_p[mt][de]s)|" +
    "^.{1,40}: Corrupted page table at address |^Bad pagetable: ",
  ],
  // kernel/watchdog*.c, kernel/workqueue.c, kernel/hung_task.c, kernel/rcu/tree_stall.h
  ["soft-lockup", "(?:(?:NMI )?watchdog: )?BUG: soft lockup"],
  ["hard-lockup", "(?:(?:NMI )?watchdog: )?(?:CPU\\d+: )?Watchdog detected hard LOCKUP"],
  ["workqueue-lockup", "BUG: workqueue lockup"],
  ["workqueue-leak", "BUG: workqueue leaked "],
  [
    "hung-task",
    "INFO: task .{1,80} (?:blocked (?:for more than|in I/O wait)|can't die for more)",
  ],
  [
    "rcu-stall",
    "(?:rcu: )?INFO: (?:rcu_\\w+|\\S{1,40}) (?:self-)?detected (?:expedited )?stall|" +
    "(?:rcu: )?INFO: rcu_\\w+ stall",
  ],
  // kernel/sched/core.c
  ["atomic-sleep", "BUG: sleeping function called from"],
  ["atomic-schedule", "BUG: scheduling (?:while atomic|in a non-blocking)"],
  // kernel/locking
  [
    "lockdep",
    "(?:WARNING: |\\[ ?INFO: |^INFO: )(?:possible (?:circular|recursive|irq|safe|unsafe|nested|soft)|" +
    "inconsistent lock|bad unlock|bad contention|held lock freed|lock held|suspicious RCU usage|" +
    "Nested lock|chain_key|(?:HARD|SOFT|FS|RECLAIM)\\w*-safe -> |.{1,60}still has locks held)|" +
    "INFO: trying to register non-static key|\\[ ?BUG: |" +
    "BUG: (?:MAX_LOCK|MAX_STACK_TRACE|key .{1,40} has not been registered|spinlock |rwlock |" +
    "bad unlock balance|held lock freed|Invalid wait context|.{1,60} still has locks held)",
  ],
  // Checks of data: what they print comes before the WARN() or BUG() that it ends in, or behind it.
  ["list-corruption", "^list_(?:add|del|prev|next)\\b.{0,12} corruption|^list_add double add", {
    words: true,
  }],
  ["refcount", "^refcount_t: ", { words: true }],
  ["usercopy", "^usercopy: Kernel memory (?:exposure|overwrite) attempt", { words: true }],
  ["usercopy", "^usercopy: kernel memory (?:exposure|overwrite) attempt", { words: true }],
  [
    "fortify",
    "^(?:fortify: )?(?:\\w{1,30}: )?detected (?:buffer overflow|field-spanning|(?:read|write) overflow|" +
    "buffer over(?:read|write))",
    { words: true },
  ],
  ["debug-objects", "^ODEBUG: (?!selftest|Out of memory)", { words: true }],
  ["control-flow", "^(?:traps: )?Missing ENDBR: |^CFI failure at ", {}],
  // The cache in which KASAN of 4.x saw the access; see also mm/kasan/report.c there.
  ["slab-corruption", "^BUG [^:]{1,60} \\(.{1,80}\\): kasan: ", {
    continues: ["kasan", "kasan-out-of-bounds", "kasan-use-after-free"],
  }],
  // mm/slub.c: "BUG kmalloc-64 (Not tainted): Right Redzone overwritten".
  [
    "slab-corruption",
    "^BUG [^:]{1,60} \\(.{1,80}\\): |" +
    "^BUG [^:\\s]{1,60}: (?:Redzone|Poison|Object|Padding|Freechain|Invalid)|^slab error in |" +
    "^Slab corruption|^(?:kmem_cache_destroy|slab) .{1,60}: Slab cache still has objects",
    { words: true },
  ],
  ["bug", "(?:------------\\[ cut here \\]------------ ?)?[kK]ernel BUG at ", {
    continues: CHECK_IDS,
  }],
  // fs/dcache.c, fs/super.c, net/core/dev.c
  ["busy-inodes", "^BUG: Dentry .{1,200} still in use", { words: true }],
  ["busy-inodes", "VFS: Busy inodes after unmount of ", { words: true, alone: true }],
  ["netdevice-leak", "unregister_netdevice: waiting for .{1,60} to become free", { alone: true }],
  ["bug", "^BUG: ", { words: true }],
  ["bug", "^BUG:?$", { words: true }],
  // Oopses: what led to them has often been said in the line before.
  [
    "general-protection",
    "(?:Oops: )?(?:segment-related )?general protection fault(?:, |: [0-9a-f]{4}|$| for )",
    { continues: ["kasan"] },
  ],
  ["oops", "(?:Unexpected kernel BRK exception|Bad mode in .{1,30} handler)"],
  [
    "oops",
    "^Oops\\b|^[a-zA-Z][\\w ,'-]{0,120}" + DIE + "|Oops(?:: [\\w -]{1,40})?" + DIE +
    "|^Internal error: |(?:Oops: )?\\b(?:invalid opcode|divide[ _]error|" +
    "stack segment|int3|alignment check|bounds|invalid TSS|segment not present|device not available|" +
    "control protection|trap \\w+|coprocessor \\S{1,20}|fpu exception|simd exception)" + DIE +
    "|^(?:invalid opcode|divide[ _]error|stack segment|int3|alignment check): ",
    { continues: [...CAUSE_IDS, "oops", "double-fault"] },
  ],
  // mm/oom_kill.c, mm/page_alloc.c
  ["oom", "^.{1,40} invoked oom-killer: "],
  ["oom", "^(?:Memory cgroup o|O)ut of memory: ", { continues: ["oom"] }],
  ["allocation-failure", "^.{1,40}: page allocation failure: order:", {
    continues: ["allocation-failure"],
  }],
  ["irq", "^(?:irq \\d+: nobody cared|Uhhuh\\. NMI received for unknown reason)"],
  // arch/x86/kernel/unwind_orc.c, dumpstack_64.c; some say the word twice.
  [
    "unwinder",
    "^(?:WARNING: )+(?:stack recursion|stack going in the wrong direction|kernel stack |" +
    "can't access |can't dereference |missing \\w+ value|unknown (?:SP|BP) base reg|unknown \\.orc_unwind|" +
    "bad lookup |(?:Bad or missing|Corrupt) \\.orc_)",
    { alone: true },
  ],
  // "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2", "WARNING: a.c:1 at f+0x1/0x2", "WARNING: at a.c:1".
  [
    "warning",
    "WARNING: (?:CPU: \\d+ PID: \\d+|\\S{1,200}:\\d+ at [\\w.]+\\+0x|at \\S{1,200}:\\d+)",
    { continues: [...CHECK_IDS, "bug"] },
  ],
  ["warning", "^WARNING:(?: |$)", { plain: true }],
];

const COMPLAINTS: readonly Complaint[] = ROWS.map(([id, title, more]) => ({
  ...{ id, match: new RegExp(title), ...more },
}));

/** A word of each title: most lines of a console have none, and asking once is quick. */
const ANY =
  /BUG|WARNING|INFO: |anic|PANIC|Error|UBSAN|ODEBUG|unreferenced object|kmemleak|tack|nable to handle|Unhandled|Bad |agetable|page table|LOCKUP|list_|refcount_t|usercopy|detected |ENDBR|CFI|[Ss]lab |Busy inodes|unregister_netdevice|protection fault|exception|Oops|rror: |int3|check: |opcode|segment|bounds|TSS|not available|trap |oom-killer|of memory|allocation failure|nobody cared|Uhhuh|\[#\d/;

/** Lines in which another's words are repeated: they begin a complaint only where they begin. */
const QUOTING =
  /^(?:[\w./@-]{1,64}\[\d+\]: |(?:Kernel )?[cC]ommand line: |\s*(?:#|ok \d|not ok \d|KTAP|TAP) ?|kmatrix: |audit: )/;
/** A title behind one of these is a quotation, or the end of another word. */
const QUOTE = /["'`=(<\/]$|DE$|\[ end $/;

export interface Found {
  readonly complaint: Complaint;
  /** The title, from where it begins in the line. */
  readonly title: string;
}

/** The complaint that a line of the kernel's is the title of. */
export function complaintIn(line: string): Found | null {
  if (!ANY.test(line)) return null;
  for (const complaint of COMPLAINTS) {
    const match = complaint.match.exec(line);
    if (!match) continue;
    if (match.index > 0 && (QUOTING.test(line) || QUOTE.test(line.slice(0, match.index)))) continue;
    return { complaint, title: line.slice(match.index).trim() };
  }
  return null;
}
