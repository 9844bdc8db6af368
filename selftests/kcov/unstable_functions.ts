// SPDX-License-Identifier: MIT

/**
 * Functions whose PCs come and go in the trace of one and the same call, each with the reason. A PC
 * of any other function that does so is a finding (tests/kcov_stability.ts). Pure.
 */

import type { Condition } from "../contract/quality.ts";

export interface UnstableFunction {
  /** Name in the symbol table. */
  readonly name: string;
  /** Conditions under which it is seen; under any other it is a finding, but for what follows. */
  readonly beside: readonly Condition[];
  /** Whether it is seen in a window with an interrupt, too, whatever the condition. */
  readonly behindInterrupts?: true;
  /** Kernels: all, or those without our series, which excuses the object from instrumentation. */
  readonly kernels: "all" | "without-series";
  readonly why: string;
}

/** What is known of the window that a PC was found in. */
export interface UnstableWindow {
  readonly condition: Condition;
  /** Whether the machine has served an interrupt around it. */
  readonly interrupted: boolean;
  /** Whether the kernel has our series. */
  readonly hasSeries: boolean;
}

/** Conditions under which the thread may be switched out and in again. */
const SWITCHING = ["plain", "wakeup", "yield"] as const;

/** Whether the scheduler may run for the thread. */
export function isSwitching(condition: Condition): boolean {
  return SWITCHING.some((each) => each === condition);
}

export const UNSTABLE_FUNCTIONS: readonly UnstableFunction[] = [
  {
    name: "switch_fpu_return",
    beside: SWITCHING,
    behindInterrupts: true,
    kernels: "all",
    why:
      "a thread that was switched out has its FPU registers loaded on the way back to userspace, " +
      "as task and in its own name; so has one in whose place a softirq used them, as that of " +
      "drivers/char/random.c does now and then where BLAKE2s has code for the CPU",
  },
  {
    name: "fpregs_restore_userregs",
    beside: SWITCHING,
    behindInterrupts: true,
    kernels: "all",
    why: "switch_fpu_return() calls it, where the compiler has not put it inline (kcov-debug)",
  },
  {
    name: "restore_fpregs_from_fpstate",
    beside: SWITCHING,
    behindInterrupts: true,
    kernels: "all",
    why: "switch_fpu_return() calls it to load them",
  },
  {
    name: "plist_del",
    beside: ["wakeup"],
    kernels: "all",
    why:
      "the scheduler takes a thread under SCHED_FIFO off a list of lib/plist.c when it switches, " +
      "outside of kernel/sched/, which is not instrumented",
  },
  {
    name: "sched_clock",
    beside: SWITCHING,
    kernels: "without-series",
    why:
      "the scheduler reads the clock of arch/x86/kernel/tsc.c, as task, also where it goes on with " +
      "the same thread and nothing is switched; patch 6 of the series leaves that file uninstrumented",
  },
  {
    name: "arch_scale_cpu_capacity",
    beside: SWITCHING,
    kernels: "without-series",
    why:
      "the scheduler asks arch/x86/kernel/cpu/aperfmperf.c for it; patch 6 of the series leaves " +
      "that file uninstrumented",
  },
];

/** Whether a function's PCs may come and go in a window. */
export function isExplained(name: string, window: UnstableWindow): boolean {
  const { condition, interrupted, hasSeries } = window;
  return UNSTABLE_FUNCTIONS.some((one) =>
    one.name === name &&
    (one.beside.includes(condition) || (one.behindInterrupts === true && interrupted)) &&
    (one.kernels === "all" || !hasSeries)
  );
}
