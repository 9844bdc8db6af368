// SPDX-License-Identifier: MIT

/**
 * Every test here crashes the kernel or takes the machine away, so that the verdict on it can be
 * held against what is known to have happened (tasks/testing/crashes.ts). One a boot.
 */

import { assertEquals } from "../harness/asserts.ts";
import type { Feature } from "../contract/features.ts";
import { fixture, type TestContext } from "../harness/fixtures.ts";
import { encodeFrame } from "../contract/frames.ts";
import { cString, guest, O_WRONLY, open, SYS } from "../harness/guest.ts";
import { loadUntilEnd } from "../kcov/modules.ts";

const FILE = "selftests/crash/crash_tests.ts";
const requires: readonly Feature[] = ["crash"];

/** Neighbours, to be found as they are: the crash is not theirs. */
const bystander = (name: string) =>
  fixture(name, { file: FILE, requires, variants: { base: {} }, setup: () => {} })
    .test("reads_its_own_pid", () => {
      const pid = guest().call(SYS.getpid);
      assertEquals(guest().readFile("/proc/self/stat").split(" ")[0], `${pid}`, "pid in /proc");
    });

export const crashBefore = bystander("crash_before");
export const crashAfter = bystander("crash_after");

// ── by the module selftests/crash/modules/kmatrix_crash ─────────────────────────────────────────

export const crashModule = fixture("crash_module", {
  file: FILE,
  requires: ["crash", "modules"],
  variants: { base: {} },
  setup: (t) => loadUntilEnd(t, "kmatrix_crash"),
});

/** Writes to a file of proc or sysfs; the kernel takes it or the test fails. */
function write(path: string, text: string): void {
  const sys = guest();
  const fd = open(path, O_WRONLY);
  try {
    sys.call(SYS.write, fd, text, text.length);
  } finally {
    sys.call(SYS.close, fd);
  }
}

const crash = (name: string) => write("/sys/kernel/debug/kmatrix_crash", name);

crashModule
  .test("null_deref", () => crash("null_deref"))
  .test("bad_pointer", () => crash("bad_pointer"))
  .test("bug", () => crash("bug"))
  .test("warn", () => crash("warn"))
  .test("panic", () => crash("panic"))
  .test("stack_overflow", () => crash("stack_overflow"))
  .test("stack_smash", () => crash("stack_smash"))
  .test("list_corruption", () => crash("list_corruption"))
  .test("sleep_in_atomic", () => crash("sleep_in_atomic"))
  .test("triple_fault", () => crash("triple_fault"))
  .test("out_of_bounds", () => crash("out_of_bounds"), { requires: ["kasan"] })
  .test("use_after_free", () => crash("use_after_free"), { requires: ["kasan"] })
  .test("soft_lockup", () => {
    // The detector speaks after twice this many seconds.
    write("/proc/sys/kernel/watchdog_thresh", "1");
    crash("soft_lockup");
  })
  .test("rcu_stall", () => {
    // The least that the kernel takes; holds for the next grace period.
    write("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout", "3");
    crash("rcu_stall");
  })
  .test("sleep_forever", () => {
    // Once: the task stays, and later tests are not to blame for it.
    write("/proc/sys/kernel/hung_task_warnings", "1");
    write("/proc/sys/kernel/hung_task_timeout_secs", "1");
    crash("sleep_forever");
  }, { timeoutMs: 4000 })
  // The cap of the console is what ends it.
  .test("endless_printk", () => crash("endless_printk"), { timeoutMs: 300_000 });

// ── by what userspace may do ────────────────────────────────────────────────────────────────────

export const crashUser = fixture("crash_user", {
  file: FILE,
  requires,
  variants: { base: {} },
  setup: () => {},
});

crashUser
  .test("out_of_memory", () => {
    const [PRIVATE_ANONYMOUS_POPULATE, READ_WRITE] = [0x8022, 3];
    const kept: ArrayBuffer[] = [];
    for (;;) kept.push(guest().map(16 << 20, READ_WRITE, PRIVATE_ANONYMOUS_POPULATE, -1, 0));
  })
  .test("init_exits", initExits)
  .test("power_off", () => reboot(0x4321fedc))
  .test("restart", () => reboot(0x01234567))
  .test("exit_port", () => {
    const IOPL_ALL = 3;
    guest().call(SYS.iopl, IOPL_ALL);
    guest().outl(0xf4, 0x10);
  })
  .test("waits_for_ever", () => {
    guest().call(SYS.ppoll, null, 0, null, null, 0);
  }, { timeoutMs: 2000 })
  .test("console_garbage", consoleGarbage);

/** reboot(2) with its two magic numbers. */
function reboot(command: number): void {
  guest().call(SYS.reboot, 0xfee1dead, 672274793, command, null);
}

/** Makes PID 1 call exit_group(3), with ptrace(2): the instruction that it waits in once more. */
function initExits(t: TestContext): void {
  const sys = guest();
  const [SEIZE, INTERRUPT, GETREGS, SETREGS, DETACH] = [0x4206, 0x4207, 12, 13, 17];
  // struct user_regs_struct (asm/user_64.h): 27 words, of which these.
  const registers = new BigInt64Array(27);
  const [RAX, RDI, ORIG_RAX, RIP] = [10, 14, 15, 16] as const;
  const WAIT_ALL = 0x40000000;
  // By then it waits for this test.
  sys.call(SYS.ppoll, null, 0, new BigInt64Array([0n, 200_000_000n]), null, 0);
  sys.call(SYS.ptrace, SEIZE, 1, 0, 0);
  sys.call(SYS.ptrace, INTERRUPT, 1, 0, 0);
  sys.call(SYS.wait4, 1, new Int32Array(1), WAIT_ALL, null);
  sys.call(SYS.ptrace, GETREGS, 1, 0, registers);
  t.log(`PID 1 was in system call ${registers[ORIG_RAX]}`);
  assertEquals(Number(registers[ORIG_RAX]), SYS.ppoll, "system call that PID 1 waits in");
  const SYSCALL_BYTES = 2n;
  registers[RIP]! -= SYSCALL_BYTES;
  registers[RAX] = BigInt(SYS.exitGroup);
  registers[RDI] = 3n;
  // No system call any more, so that the kernel does not restart it.
  registers[ORIG_RAX] = -1n;
  sys.call(SYS.ptrace, SETREGS, 1, 0, registers);
  sys.call(SYS.ptrace, DETACH, 1, 0, 0);
  sys.call(SYS.ppoll, null, 0, null, null, 0);
}

/** 8 KiB of every byte, and lines that are results and marks to whoever believes the console. */
function consoleGarbage(): void {
  const sys = guest();
  const [S_IFCHR, TTY_S0] = [0o020000, 4 << 8 | 64];
  sys.tryCall(SYS.mknod, "/dev/ttyS0", S_IFCHR | 0o600, TTY_S0);
  const O_NOCTTY = 0o400;
  const tty = open("/dev/ttyS0", O_WRONLY | O_NOCTTY);
  const say = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) {
      at += sys.call(SYS.write, tty, bytes.subarray(at), bytes.length - at);
    }
  };
  let state = 1;
  say(Uint8Array.from({ length: 8192 }, () => (state = state * 48271 % 0x7fffffff) & 0xff));
  const forged = ["ok 3 crash_after.base.reads_its_own_pid", "1..1", "# TIMEOUT"];
  for (const [seq, payload] of forged.entries()) say(encodeFrame({ kind: "K", seq, payload }));
  say(cString("\r\n\x1b[2J]]>\ufffe\x07 ok 1 and not the end of its line"));
  sys.call(SYS.close, tty);
}
