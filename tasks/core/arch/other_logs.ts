// SPDX-License-Identifier: MIT
/** The words of architectures in kernel logs that nothing is built for here: people bring such logs. */
import { type LogFacts, NONE_PASSED_OVER } from "./arch.ts";

/** A log without a word of its own, to be filled in. */
const PLAIN: LogFacts = {
  place: null,
  userPlace: null,
  interruptEntry: null,
  exceptionEntry: null,
  systemCallPrefix: null,
  body: null,
  part: null,
  passedOver: NONE_PASSED_OVER,
};

export const ARM64_LOG: LogFacts = {
  ...PLAIN,
  // show_regs() of arch/arm64/kernel/process.c; "PC is at" before 4.20.
  place: /pc : |PC is at /,
  interruptEntry: /el1h?_(?:64_)?irq/,
  systemCallPrefix: /arm64/,
  body: /pstate: |pc ?: |PC is at |LR is at |lr : /,
  // mem_abort_decode() and show_pte() of arch/arm64/mm/fault.c.
  part:
    /x\d\d? ?: [0-9a-f]{8,16}|sp : |Mem abort|Data abort|user pgtable|swapper pgtable| +(?:ESR|EC|SET|EA|FSC|ISV|CM|GCS|Xs|Overlay) ?= ?|\[[0-9a-f]{16}\] (?:pgd|address)/,
  passedOver: {
    ...NONE_PASSED_OVER,
    traps: [
      /^do_(translation_fault|bad|sea|mem_abort|tag_check_fault\w*|tag_recovery|alignment_fault|sp_pc_abort|undef\w*|debug_exception|serror|el1_\w+)$/,
      /^(el1t?|el1h)_?(64_)?(sync|irq|fiq|error|abort|dbg|undef|brk64|bti|gcs|fpac|pc|inv|da|ia)\w*$|^el1_interrupt$|^(brk_handler|call_break_hook|bug_brk_handler|call_el1_break_hook|bad_mode|bad_stack|handle_bad_stack)$/,
    ],
    interrupts: [
      /^(call_on_irq_?stack|arch_timer_handler\w*|gic_handle_irq\w*|do_interrupt_handler)$/,
    ],
    entry: [/^(el0t?_?\w*|do_el0_svc\w*|invoke_syscall|el0_svc\w*)$/, /^primary_switched$/],
    idle: [/^(psci_enter\w*)$/],
  },
};

export const ARM_LOG: LogFacts = {
  ...PLAIN,
  place: /PC is at /,
  interruptEntry: /__irq_svc/,
  body: /pc ?: |PC is at |LR is at /,
  part: /r\d\d? ?: |sp : /,
  passedOver: {
    ...NONE_PASSED_OVER,
    traps: [/^do_(DataAbort|PrefetchAbort)$|^arm_notify_die$/],
    entry: [/^(ret_fast_syscall|ret_to_user)$/],
  },
};

export const RISCV_LOG: LogFacts = { ...PLAIN, place: /epc : /, systemCallPrefix: /riscv/ };

export const POWERPC_LOG: LogFacts = {
  ...PLAIN,
  place: /NIP:? +/,
  passedOver: { ...NONE_PASSED_OVER, traps: [/^program_check_\w+$/] },
};

export const S390_LOG: LogFacts = { ...PLAIN, systemCallPrefix: /s390x?/ };
