// SPDX-License-Identifier: MIT
/** What the lines of a kernel's report look like, whatever it complains of: where one goes on and ends. */
import { inAnyLog } from "../arch/logs.ts";
import { isStackLine } from "./stack_frame.ts";

const any = (...sources: readonly string[]) => new RegExp(sources.join("|"));

/** Where the CPU was and what was there: behind it the title of a report is complete. */
const BODY = any(
  String.raw`^(?:Modules linked in:|CPU: ?\d|Hardware name:|Workqueue: )`,
  `^${inAnyLog(({ body }) => body)}`,
  String
    .raw`^(?:Call [Tt]race|Stack|Backtrace|stack backtrace|NMI backtrace for cpu|CPU#\d|Code: |task: |Process |Thread_?info)`,
  String.raw`^[Cc]all_trace`,
);

/** Lines of reports that are neither: tables, lists of locks, dumps of memory. */
const PART = any(
  `^${inAnyLog(({ part }) => part)}`,
  // KASAN, KMSAN, KCSAN, KFENCE, SLUB.
  String
    .raw`^(?:Read|Write|Free|Access|Invalid)\b.{0,20} (?:of size|of addr|at addr|by task)|^(?:Allocated|Freed|Uninit was|Local variable|Bytes? \d|Memory access|Memory state|Data copied)`,
  String
    .raw`^(?:The buggy|which belongs|Last potentially|Second to last|Related work|write to |read to |read-write to |race at unknown|value changed|Reported by|Found by|kfence-#|Kernel Offset)`,
  String
    .raw`^(?:page|flags|raw|head|page_type|page dumped|page_owner|anon flags|aops|memcg|page last|page has|page_pool|pid|addr|file|vma): ?`,
  String
    .raw`^[ >]?(?:[0-9a-f]{16}|[0-9a-f]{8}): (?:[0-9a-f]{2}[ \[\]]?){4}|^ *\^+$|^==>|^ [0-9a-f]{16} [0-9a-f]{16}`,
  String
    .raw`^(?:INFO: (?:0x|Object|Slab|Allocated|Freed|lockdep is turned)|Slab 0x|Object |Redzone |Padding |Bytes b4|FIX |Disabling lock debugging|---\[)`,
  // Locks, contexts.
  String
    .raw`locks? held by|^ ?#\d{1,3}: |^-> #\d|^\.\.\. |^ {0,2}\{|^ *lock\(|^ *\*\*\* DEADLOCK|^ +CPU\d +CPU\d|^ ---- +----|^ +<Interrupt>|^ +local_irq_disable`,
  String
    .raw`is trying to|holding lock|which lock|already depends|dependency chain|might help us|other info|unsafe locking|due to lack of|irq event stamp|softirqs last|hardirqs last|Preemption disabled at|in_atomic\(\)|preempt_count|RCU nest depth`,
  String
    .raw`^rcu_scheduler_active|^ ?(?:ffffffff|ffff|0x)[0-9a-f]{6,} \(|^at: |^and |^but |^ *\([\w &>*.\[\]-]+\)\{|^ +ops: \d|^ +(?:INITIAL|HARDIRQ|SOFTIRQ|IN-|RECLAIM)|^ +[}]|^ *\.\.\. key +at`,
  // Stalls, lockups, hung tasks.
  String
    .raw`^(?:rcu: )?\s+(?:\d+-\.|\d+-[.?!OoN]|\(detected by|\(t=|Tasks blocked|hardirqs|number:|cputime|P\d+|(?:Possible|Unless) )|rcu_\w+ kthread|RCU grace-period|Sending NMI|NMI backtrace|blocking rcu_node`,
  String
    .raw`^task:|^(?:INFO: task .*)?\s+(?:Not tainted|Tainted: )|^"echo 0 >|^Showing (?:all locks|busy workqueues)|^workqueue |^pool \d|^ +(?:pwq|pending|in-flight|delayed|inactive)\b|^ +last function: |^Sched Debug|^Future hung task|^Blocked by coredump`,
  // Memory.
  String
    .raw`^(?:Mem-Info|Node \d|DMA|Normal|HighMem|active_anon|lowmem_reserve|\d+ (?:total pagecache|pages? (?:RAM|reserved|HighMem|in swap|cma|hwpoison))|Swap cache|Free swap|Total swap|Unreclaimable slab|Tasks state|oom-kill:|oom_reaper|memory: usage|swap: usage|kmem: usage|Memory cgroup stats|\[ *\d+\] +\d|\[ +pid)`,
  String
    .raw`^  (?:comm "|hex dump|backtrace|    [0-9a-f]{2} [0-9a-f]{2})|^   {1,3}(?:[0-9a-f]{2} ){4}`,
  String.raw`^[-=]{5,}|^$|^ *$`,
);

/** A stack that belongs to no complaint, or to another one: what led to it was asked for. */
const ASKED = /^(?:FAULT_INJECTION: forcing a failure|sysrq: |SysRq : )/;

/** Whether behind this line no title of the same report is to come. */
export const isBodyLine = (line: string): boolean => BODY.test(line) || isFrameLine(line);
/** An entry of a stack, or the edge of one. */
export const isFrameLine = isStackLine;
/** Whether the line has the form of a part of some report. */
export const isReportLine = (line: string): boolean => isBodyLine(line) || PART.test(line);
/** Whether a stack begins that somebody wanted to see. */
export const isAskedFor = (line: string): boolean => ASKED.test(line);
