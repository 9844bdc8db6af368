// SPDX-License-Identifier: MIT
/**
 * The stack of a complaint: its lines as arch/x86/kernel/dumpstack.c prints them, the frames that
 * tell something, and a fingerprint of them.
 */
import { crc32, utf8Bytes } from "../../selftests/harness/frames.ts";

export interface StackFrame {
  /** As the kernel's symbol table has it, suffixes of the compiler included. */
  readonly function: string;
  /** From the function's beginning, in bytes; behind the call where `returns`. */
  readonly offset: number;
  /** Of the function, up to the next symbol, in bytes. */
  readonly size: number;
  /** Name of the module, or null for vmlinux. */
  readonly module: string | null;
  /** A return address; false for a place where the CPU was (RIP). */
  readonly returns: boolean;
}

const PLACE = String.raw`([A-Za-z_.$][\w.$]*)\+0x([0-9a-f]+)\/0x([0-9a-f]+)(?: \[(\w+)[^\]]*\])?`;
/** " ksys_write+0x6f/0xe0", " ? f+0x1/0x2 [module]" (printk_stack_address()). */
const FRAME = new RegExp(`^ (\\? )?${PLACE}\\s*$`);
/** "RIP: 0010:f+0x1/0x2"; 0033 is userspace (show_ip()). */
const RIP = new RegExp(`^RIP: 0010:${PLACE}`);
const SECTION = /^ <\/?(TASK|IRQ|SOFTIRQ|NMI|#?\w+)>\s*$/;

function frameOf(match: RegExpExecArray, at: number, returns: boolean): StackFrame {
  return {
    function: match[at]!,
    offset: parseInt(match[at + 1]!, 16),
    size: parseInt(match[at + 2]!, 16),
    module: match[at + 3] ?? null,
    returns,
  };
}

/** "f+0x1/0x2 [module]", the same text for the same frame. */
export function stackFrameText({ function: name, offset, size, module }: StackFrame): string {
  const place = `${name}+0x${offset.toString(16)}/0x${size.toString(16)}`;
  return module === null ? place : `${place} [${module}]`;
}

/** Whether a line can only be part of a stack: several complaints at once are told apart by it. */
export function isStackLine(line: string): boolean {
  return FRAME.test(line) || SECTION.test(line) || line === "Call Trace:";
}

/**
 * What reports, traps and unwinds, and so is on top of every stack of its kind: never the place of
 * the fault. Names without suffixes.
 */
const MACHINERY: readonly RegExp[] = [
  /^(dump_stack|dump_stack_lvl|__dump_stack|show_stack|show_regs|__show_regs|sched_show_task)$/,
  /^(print|describe|check|report|end)_\w*(report|bug|stack|trail|header|warning|info|address\w*)$/,
  /^(print|__print)_\w+$/,
  // Sanitizers and what they intercept.
  /^_*(kasan|kmsan|kcsan|kfence|ubsan|asan|msan|tsan|hwasan)_\w+$/,
  /^(__ubsan_handle|check_memory_region|check_region_inline|ubsan_epilogue|handle_overflow)\w*$/,
  /^_*(memcpy|memmove|memset|memcmp|strlen|strnlen|strcpy|strscpy|strcmp|strncmp)(_orig|_erms)?$/,
  // BUG() and WARN().
  /^(__warn\w*|warn_slowpath\w*|report_bug|handle_bug|panic|vpanic|nmi_panic|check_panic_on_warn)$/,
  /^(refcount_warn_saturate|__list_\w+_valid(_or_report)?|__stack_chk_fail|fortify_panic)$/,
  /^(__fortify_panic|__fortify_report|usercopy_abort|__check_object_size|check_heap_object)$/,
  // Traps and interrupts.
  /^(asm_)?(exc|sysvec)_\w+$/,
  /^(__)?sysvec_\w+$|^(error_entry|error_return|common_interrupt|asm_common_interrupt)$/,
  /^(__)?die(_body|_addr)?$|^oops_(begin|end)$|^page_fault_oops$|^__?bad_area\w*$|^no_context$/,
  /^do_(trap|error_trap|int3|kern_addr_fault|user_addr_fault|exit|group_exit)$|^make_task_dead$/,
  /^handle_(page_fault|stack_overflow)$|^rewind_stack_and_make_dead$|^(__)?fixup_\w+$/,
  // Checks that stand in front of sleeping and locking.
  /^__might_(sleep|fault|resched)$|^__schedule_bug$|^schedule_debug$|^check_preemption_disabled$/,
  /^(__)?lock_(acquire|release)$|^(validate_chain|mark_lock\w*|register_lock_class)$/,
  /^check_(noncircular|prevs?_add|deadlock|flags|wait_context|usage\w*|irq_usage)$|^lockdep_\w+$/,
  /^debug_(smp_processor_id|print_object|object_\w+|check_no_\w+|spin_\w+|locks_off)$/,
  // How a task sleeps or is preempted, and how pages are got.
  /^(__)?schedule(_\w+)?$|^io_schedule\w*$|^preempt_schedule\w*$|^irqentry_exit\w*$/,
  /^(do_|__)?wait_for_common$|^(__)?(alloc_pages|folio_alloc|vma_alloc_folio)\w*$/,
  // Slab and page checks.
  /^(slab|object)_(err|bug|fix|pad_check)$|^(check_bytes_and_report|free_debug_processing)$/,
  /^(bad_page|alloc_debug_processing|free_to_partial_list|free_page_is_bad\w*)$/,
  // Watchdogs, stalls and the OOM killer, and the timers that they run from.
  /^watchdog\w*$|^(__)?hrtimer_\w+$|^(update_process_times|tick_\w+|scheduler_tick|sched_tick)$/,
  /^rcu_\w*(stall|sched_clock_irq|dump|check_gp)\w*$|^(trigger|nmi)_\w*(backtrace|cpu)\w*$/,
  /^(dump_header|oom_kill_process|out_of_memory|__alloc_pages_slowpath\w*|timer_interrupt)$/,
  /^(__)?handle_irq_event\w*$|^handle_\w+_irq$|^(__)?common_interrupt$|^irq_exit_rcu$/,
];

/** Where every stack begins: says nothing of a fault. */
const ENTRY =
  /^(entry_\w+|do_syscall_\w+|x64_sys_call|ret_from_fork\w*|kthread|start_kernel|x86_64_start_\w+|secondary_startup\w*|common_startup_64|cpu_startup_entry|start_secondary|rest_init)$/;

/** The name in the source: without what a compiler appends to copies and parts of a function. */
export function plainName(name: string): string {
  return name.replace(
    /(\.(constprop|isra|part|cold|llvm|lto_priv|localalias)(\.\d+)*|\.\d+)+$/,
    "",
  );
}

/**
 * Frames that say where a fault is: neither the reporting machinery nor the entry code, and of a
 * function that calls itself the innermost.
 */
export function tellingFrames(frames: readonly StackFrame[]): StackFrame[] {
  return frames.filter((frame) => {
    const name = plainName(frame.function);
    return !ENTRY.test(name) && !MACHINERY.some((pattern) => pattern.test(name));
  }).filter((frame, index, telling) => frame.function !== telling[index - 1]?.function);
}

/**
 * The frames of one complaint, innermost first: where the CPU was, if that was printed, then the
 * reliable entries of the first stack. Entries with a "?" are addresses that merely lie there.
 */
export function stackOf(lines: readonly string[]): StackFrame[] {
  let rip: StackFrame | null = null;
  let trace: StackFrame[] = [];
  let state: "before" | "inside" | "behind" = "before";
  for (const line of lines) {
    const at = RIP.exec(line);
    if (at) {
      // Behind the end of an oops its registers are printed again.
      if (state === "behind") continue;
      const frame = frameOf(at, 1, false);
      if (trace.length === 0) rip ??= frame;
      else if (rip !== null ? sameFrame(frame, rip) : tellingFrames(trace).length === 0) {
        // Above it is only the interrupt that found this place, or the watchdog.
        rip = frame;
        trace = [];
      }
      continue;
    }
    const entry = FRAME.exec(line);
    if (entry && state !== "behind") {
      state = "inside";
      const frame = frameOf(entry, 2, true);
      // The interrupted place again, below the interrupt's own frames.
      if (rip !== null && sameFrame(frame, rip)) trace = [];
      else if (entry[1] === undefined) trace.push(frame);
    } else if (state === "inside" && isHeading(line)) {
      state = "behind";
    }
  }
  return rip === null ? trace : [rip, ...trace];
}

function sameFrame(a: StackFrame, b: StackFrame): boolean {
  return a.function === b.function && a.offset === b.offset;
}

/** A line behind which another stack follows: who allocated, freed or stored something. */
function isHeading(line: string): boolean {
  return /^(Allocated|Freed|Uninit was|Local variable|Last potentially|Second to last|The buggy|Call Trace:|---\[ end|Showing all locks|stack backtrace)|^=====/
    .test(line);
}

/** Frames that make two reports of a state the same one. */
const FRAMES_COMPARED = 3;

/** One wrong access is called by other names with a sanitizer and without. */
const ACCESS = /^(page-fault|general-protection|kasan|kasan-.*|kmsan|kfence)$/;

/**
 * Kinds whose first telling function is the one with the fault. What it was called by tells less:
 * a sanitizer makes functions larger, and then others of them are inlined.
 */
const HERE =
  /^(warning|bug|oops|ubsan|list-corruption|refcount|usercopy|fortify|control-flow|slab-corruption)$/;

/**
 * Eight hexadecimal digits, equal for the same complaint in every cell, with KASAN and without: of
 * its kind and the function with the fault, or the first few where a lock, a stall or a limit was
 * met; without offsets. Where there is no stack, of the title without numbers.
 */
export function fingerprintOf(id: string, title: string, frames: readonly StackFrame[]): string {
  const kind = ACCESS.test(id) ? "access" : id;
  const compared = kind === "access" || HERE.test(id) ? 1 : FRAMES_COMPARED;
  const names = tellingFrames(frames).slice(0, compared).map((one) => plainName(one.function));
  const what = names.length > 0 ? names : [plainTitle(title).replace(/\d+/g, "N")];
  return crc32(utf8Bytes([kind, ...what].join("\n"))).toString(16).padStart(8, "0");
}

/**
 * A title without what differs from boot to boot: folders, addresses, offsets, numbers of CPUs and
 * processes.
 */
export function plainTitle(title: string): string {
  return title
    .replace(/ \/\S*\//, " ")
    .replace(/\bCPU: \d+ (UID: \d+ )?PID: \d+ /, "")
    .replace(/([\w.]+)\+0x[0-9a-f]+\/0x[0-9a-f]+/g, (_, name) => plainName(name))
    .replace(/,? address: [0-9a-fx]+|(, probably)? for (non-canonical )?address:? ?[0-9a-fx]+/g, "")
    .replace(/\b(0x)?[0-9a-f]{8,16}\b/g, "…")
    .replace(/: 0000 \[#\d+\].*$/, "");
}
