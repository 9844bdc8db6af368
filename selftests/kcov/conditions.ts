// SPDX-License-Identifier: MIT

/**
 * What goes on beside a traced window: the conditions of contract/quality.ts, provoked and not waited
 * for.
 */

import type { Condition } from "../contract/quality.ts";
import { Batch } from "../harness/batch.ts";
import { spawn } from "../harness/child.ts";
import type { TestContext } from "../harness/fixtures.ts";
import { currentCpu, guest, pinToCpu, scheduleFifo, SIGKILL, SYS } from "../harness/guest.ts";

const PERIOD_US = 100;
const SIGUSR1 = 10;
const SIGALRM = 14;
const SIGSET_BYTES = 8;
const SIG_BLOCK = 0;
const ITIMER_REAL = 0;
const PROT_READ_WRITE_EXEC = 7;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const SA_RESTORER = 0x04000000;
/** Above {@link scheduleFifo}'s own, so that whoever has it preempts the traced thread. */
const HIGHER_PRIORITY = 60;
const FOR_EVER = 1e9;

/** What a condition does in the traced thread. */
export interface Beside {
  /** Whether the thread runs under SCHED_FIFO. */
  readonly fifo: boolean;
  /** Appends what has to happen just before the window. */
  arm(batch: Batch): void;
}

/**
 * Starts what the condition says; it goes on until the test ends. The calling thread is tied to its
 * CPU, and must not collect yet.
 */
export function beside(t: TestContext, condition: Condition): Beside {
  const cpu = currentCpu();
  pinToCpu(cpu);
  const nothing = { arm: () => {} };
  switch (condition) {
    case "alone":
      return { fifo: true, ...nothing };
    case "plain":
      return { fifo: false, ...nothing };
    case "timer":
      return { fifo: true, arm: interruptSoon(t) };
    case "wakeup":
      startOnCpu(
        t,
        cpu,
        true,
        (batch) => void batch.syscall(SYS.nanosleep, [period(), 0], FOR_EVER),
      );
      return { fifo: true, ...nothing };
    case "yield":
      startOnCpu(t, cpu, false, (batch) => void batch.syscall(SYS.schedYield, [], FOR_EVER));
      return { fifo: false, ...nothing };
    case "signal": {
      handleSignal(t, SIGUSR1);
      const pid = guest().call(SYS.getpid);
      startOnCpu(t, cpu, true, (batch) => {
        batch.syscall(SYS.nanosleep, [period(), 0]);
        batch.syscall(SYS.kill, [pid, SIGUSR1]);
      });
      return { fifo: true, ...nothing };
    }
  }
}

/** `struct timespec` of a period. */
function period(): BigInt64Array {
  return new BigInt64Array([0n, BigInt(PERIOD_US * 1000)]);
}

/** Runs the operations again and again in a process of its own, until the test ends. */
function startOnCpu(
  t: TestContext,
  cpu: number,
  fifo: boolean,
  operations: (batch: Batch) => void,
): void {
  const { pid } = spawn(() => {
    pinToCpu(cpu);
    if (fifo) scheduleFifo(HIGHER_PRIORITY);
    const batch = new Batch();
    operations(batch);
    for (;;) batch.run();
  });
  t.cleanup(() => {
    const sys = guest();
    sys.tryCall(SYS.kill, pid, SIGKILL);
    sys.tryCall(SYS.wait4, pid, null, 0, null);
  });
}

/**
 * A timer whose signal is blocked: the kernel starts it again when the signal is taken, which is
 * just before the window. Nothing but its interrupt happens in the window.
 */
function interruptSoon(t: TestContext): (batch: Batch) => void {
  const sys = guest();
  const set = new BigUint64Array([1n << BigInt(SIGALRM - 1)]);
  sys.call(SYS.rtSigprocmask, SIG_BLOCK, set, null, SIGSET_BYTES);
  const each = BigInt(PERIOD_US);
  sys.call(SYS.setitimer, ITIMER_REAL, new BigInt64Array([0n, each, 0n, each]), null);
  t.cleanup(() => {
    sys.call(SYS.setitimer, ITIMER_REAL, new BigInt64Array(4), null);
  });
  const atOnce = new BigInt64Array(2);
  return (batch) => void batch.syscall(SYS.rtSigtimedwait, [set, 0, atOnce, SIGSET_BYTES]);
}

/** Handles a signal by code of four instructions: the handler returns, its restorer ends it. */
function handleSignal(t: TestContext, signal: number): void {
  const sys = guest();
  const RESTORER_AT = 16;
  const memory = sys.map(4096, PROT_READ_WRITE_EXEC, MAP_PRIVATE_ANONYMOUS, -1, 0);
  const code = new Uint8Array(memory);
  code[0] = 0xc3; // ret
  // mov $15, %eax (rt_sigreturn); syscall
  code.set([0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05], RESTORER_AT);
  const at = sys.address(memory);
  // struct kernel_sigaction: handler, flags, restorer, mask.
  const action = new BigUint64Array([
    BigInt(at),
    BigInt(SA_RESTORER),
    BigInt(at + RESTORER_AT),
    0n,
  ]);
  sys.call(SYS.rtSigaction, signal, action, null, SIGSET_BYTES);
  t.cleanup(() => {
    sys.call(SYS.rtSigaction, signal, new BigUint64Array([1n, 0n, 0n, 0n]), null, SIGSET_BYTES);
    sys.unmap(memory);
  });
}
