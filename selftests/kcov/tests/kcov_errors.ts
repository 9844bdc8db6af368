// SPDX-License-Identifier: MIT

/**
 * Every error of the classic interface, in its order of precedence: which one it is is a promise of
 * the kernel (the names of the tests tell what most kernels promise), that nothing is left behind by
 * it is asserted here.
 */

import { assert, assertEquals, assertErrno, fail } from "../../harness/asserts.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import { AT_FDCWD, ERRNO, guest, PROT_READ, PROT_WRITE, SYS } from "../../harness/guest.ts";
import { ask } from "../answers.ts";
import {
  collects,
  io,
  ior,
  iow,
  type Kcov,
  KCOV_DISABLE,
  KCOV_ENABLE,
  KCOV_INIT_TRACE,
  KCOV_PATH,
  KCOV_RESET_TRACE,
  KCOV_TRACE_CMP,
  KCOV_TRACE_PC,
  KCOV_UNIQUE_ENABLE,
  mmapErrno,
  openKcov,
  openMapped,
  skipIfNoReset,
} from "../kcov.ts";

const { ENOTTY } = ERRNO;

/** Words of one page: the smallest buffer that can be mapped. */
const PAGE_WORDS = 512;
const PAGE_BYTES = 4096;
const INT_MAX = 0x7fffffff;

export const kcovErrors = fixture("kcov_errors", {
  file: "selftests/kcov/tests/kcov_errors.ts",
  requires: ["kcov"],
  variants: { base: {} },
  setup: (t) => openKcov(t),
});

function enable(device: Kcov, mode: number | bigint): number {
  return device.ioctl(KCOV_ENABLE, mode);
}

kcovErrors.test("the_device_is_for_its_owner_alone", () => {
  // struct stat of x86-64: st_mode and st_uid are words 6 and 7 of 32 bits.
  const stat = new Uint32Array(36);
  guest().call(SYS.newfstatat, AT_FDCWD, KCOV_PATH, stat, 0);
  assertEquals((stat[6]! & 0o777).toString(8), "600", "permissions of the device");
  assertEquals(stat[7], 0, "owner of the device");
});

kcovErrors.test("read_write_and_lseek_do_not_work", (t, device) => {
  const byte = new Uint8Array(1);
  const tryAll = () => {
    ask(t, "device.read", guest().tryCall(SYS.read, device.fd, byte, 1));
    ask(t, "device.write", guest().tryCall(SYS.write, device.fd, byte, 1));
    ask(t, "device.seek", guest().tryCall(SYS.lseek, device.fd, 8, 0));
  };
  tryAll();
  device.init(PAGE_WORDS);
  tryAll();
  device.enable(KCOV_TRACE_PC);
  tryAll();
});

kcovErrors.test("init_rejects_sizes_out_of_range", (t, device) => {
  const tooBig = Math.floor(INT_MAX / 8) + 1;
  // 2^32 + 64 and 2^63 + 64 look like 64 to code that keeps only some of the bits.
  for (const words of [tooBig, INT_MAX, 0x100000040n, 0x8000000000000040n, -1]) {
    ask(t, "init.too-big", openKcov(t).ioctl(KCOV_INIT_TRACE, words));
  }
  // Those that are too small, until one is taken; the descriptor is as new after each failure.
  for (let words = 0; words < PAGE_WORDS; words++) {
    const result = device.ioctl(KCOV_INIT_TRACE, words);
    if (result === 0) {
      t.answer("init.smallest", `${words}`);
      return;
    }
    ask(t, "init.too-small", result);
  }
  fail(`KCOV_INIT_TRACE takes no size below ${PAGE_WORDS} words`);
});

kcovErrors.test("init_without_memory_is_enomem", (t, device) => {
  // The biggest size that is allowed: 2 GiB.
  const words = Math.floor(INT_MAX / 8);
  const totalKiB = Number(/^MemTotal: +(\d+)/m.exec(guest().readFile("/proc/meminfo"))?.[1]);
  if (totalKiB * 1024 > words * 8) {
    t.log("the machine has more than 2 GiB: nothing to see");
    return;
  }
  ask(t, "init.no-memory", withQuietConsole(() => device.ioctl(KCOV_INIT_TRACE, words)));
  assertErrno(device.ioctl(KCOV_INIT_TRACE, PAGE_WORDS), 0, "KCOV_INIT_TRACE after the failure");
});

/**
 * The kernel reports a big allocation that fails with a stack and a table of its memory. Here that is
 * what is expected, so it stays off the console, where it would look like trouble. An oops raises the
 * level by itself.
 */
function withQuietConsole<T>(body: () => T): T {
  const SYSLOG_ACTION_CONSOLE_LEVEL = 8;
  const level = Number.parseInt(guest().readFile("/proc/sys/kernel/printk"), 10);
  guest().call(SYS.syslog, SYSLOG_ACTION_CONSOLE_LEVEL, null, 1);
  try {
    return body();
  } finally {
    // An oops before has raised it to 15, and 8 is the most that can be asked for.
    guest().call(SYS.syslog, SYSLOG_ACTION_CONSOLE_LEVEL, null, Math.min(level, 8));
  }
}

kcovErrors.test("init_twice_is_ebusy", (t, device) => {
  device.init(PAGE_WORDS);
  ask(t, "init.again", device.ioctl(KCOV_INIT_TRACE, PAGE_WORDS));
  ask(t, "init.again-bad-size", device.ioctl(KCOV_INIT_TRACE, 1));
  device.enable(KCOV_TRACE_PC);
  ask(t, "init.while-enabled", device.ioctl(KCOV_INIT_TRACE, PAGE_WORDS));
  device.disable();
  ask(t, "init.after-use", device.ioctl(KCOV_INIT_TRACE, PAGE_WORDS));
  device.map();
  device.enable(KCOV_TRACE_PC);
  assert(collects(device), "nothing is collected after attempts to initialise again");
});

kcovErrors.test("mmap_wants_the_whole_initialised_buffer", (t, device) => {
  const readWrite = PROT_READ | PROT_WRITE;
  ask(t, "map.before-init", mmapErrno(device.fd, PAGE_BYTES, readWrite));
  device.init(2 * PAGE_WORDS);
  ask(t, "map.part", mmapErrno(device.fd, PAGE_BYTES, readWrite));
  ask(t, "map.more", mmapErrno(device.fd, 3 * PAGE_BYTES, readWrite));
  ask(t, "map.offset", mmapErrno(device.fd, 2 * PAGE_BYTES, readWrite, PAGE_BYTES));
  ask(t, "map.read-only", mmapErrno(device.fd, 2 * PAGE_BYTES, PROT_READ));
  ask(t, "map.again", mmapErrno(device.fd, 2 * PAGE_BYTES, readWrite));
});

kcovErrors.test("mmap_of_a_buffer_that_is_no_multiple_of_a_page_is_einval", (t) => {
  for (const words of [2, PAGE_WORDS - 1, PAGE_WORDS + 1]) {
    const device = openKcov(t).init(words);
    const roundedUp = Math.ceil(words / PAGE_WORDS) * PAGE_BYTES;
    ask(t, "map.no-whole-pages", mmapErrno(device.fd, roundedUp, PROT_READ));
  }
});

kcovErrors.test("several_mappings_show_one_buffer", (_t, device) => {
  device.init(PAGE_WORDS);
  const first = device.map();
  const second = device.map({ readOnly: true });
  first[PAGE_WORDS - 1] = 0x1122334455667788n;
  assertEquals(second[PAGE_WORDS - 1]!, 0x1122334455667788n, "word seen through the other mapping");
});

kcovErrors.test("enable_before_init_is_einval", (t, device) => {
  const other = openMapped(t, PAGE_WORDS);
  ask(t, "enable.before-init", enable(device, KCOV_TRACE_PC));
  ask(t, "enable.before-init", enable(device, 77));
  other.enable(KCOV_TRACE_PC);
  // The state of the descriptor comes before the state of the thread.
  ask(t, "enable.before-init", enable(device, KCOV_TRACE_PC));
});

kcovErrors.test("enable_of_an_unknown_mode_is_einval", (t, device) => {
  device.init(PAGE_WORDS);
  device.map();
  // 2^32 looks like KCOV_TRACE_PC to code that keeps 32 bits.
  for (const mode of [2, 3, 4, 100, 0xffffffff, 0x100000000n, -1]) {
    if (ask(t, "enable.unknown-mode", enable(device, mode)) === 0) device.disable();
  }
  ask(t, "enable.pc", enable(device, KCOV_TRACE_PC));
  assert(collects(device), "nothing is collected after failed attempts and a good one");
});

kcovErrors.test("enable_needs_no_mapping", (t, device) => {
  device.init(PAGE_WORDS);
  if (ask(t, "enable.without-mapping", enable(device, KCOV_TRACE_PC)) !== 0) {
    device.map();
    device.enable(KCOV_TRACE_PC);
  } else device.map();
  assert(collects(device), "nothing is collected once the buffer is mapped");
});

kcovErrors.test("enable_of_an_enabled_descriptor_is_einval", (t, device) => {
  device.init(PAGE_WORDS);
  device.map();
  device.enable(KCOV_TRACE_PC);
  ask(t, "enable.again", enable(device, KCOV_TRACE_PC));
  ask(t, "enable.again", enable(device, 77));
  ask(t, "enable.by-another", spawn(() => enable(device, KCOV_TRACE_PC)).join());
  assert(collects(device), "a failed KCOV_ENABLE ended the collection");
});

kcovErrors.test("enable_in_a_collecting_thread_is_ebusy", (t, device) => {
  device.init(PAGE_WORDS);
  const other = openMapped(t, PAGE_WORDS).enable(KCOV_TRACE_PC);
  const busy = ask(t, "enable.busy-thread", enable(device, KCOV_TRACE_PC));
  if (busy !== 0) {
    // Whether the thread or the mode is looked at first.
    ask(t, "enable.busy-thread-unknown-mode", enable(device, 77));
    // Built in or not: the thread comes before that, where it comes before the mode.
    ask(t, "enable.busy-thread", enable(device, KCOV_TRACE_CMP));
    assert(collects(other), "a failed KCOV_ENABLE ended the collection of the other descriptor");
    other.disable();
    assertErrno(enable(device, KCOV_TRACE_PC), 0, "KCOV_ENABLE after the other was disabled");
  }
});

kcovErrors.test("disable_is_for_the_enabling_thread_with_argument_0", (t, device) => {
  ask(t, "disable.before-init", device.ioctl(KCOV_DISABLE, 0));
  device.init(PAGE_WORDS);
  device.map();
  ask(t, "disable.not-enabled", device.ioctl(KCOV_DISABLE, 0));
  device.enable(KCOV_TRACE_PC);
  for (const argument of [1, 0x100000000n, -1]) {
    if (ask(t, "disable.argument", device.ioctl(KCOV_DISABLE, argument)) === 0) {
      device.enable(KCOV_TRACE_PC);
    }
  }
  const other = openKcov(t).init(PAGE_WORDS);
  ask(t, "disable.another-descriptor", other.ioctl(KCOV_DISABLE, 0));
  ask(t, "disable.by-another", spawn(() => device.ioctl(KCOV_DISABLE, 0)).join());
  assert(collects(device), "a failed KCOV_DISABLE ended the collection");
  assertErrno(device.ioctl(KCOV_DISABLE, 0), 0, "KCOV_DISABLE");
  ask(t, "disable.again", device.ioctl(KCOV_DISABLE, 0));
});

kcovErrors.test("unknown_ioctls_are_enotty", (t, device) => {
  const unknown = [
    io(0),
    io(2),
    io(99),
    io(105),
    // KCOV_INIT_TRACE without a size, and of 32 bits.
    io(1),
    ior(1, 4),
    // KCOV_ENABLE and KCOV_DISABLE with a size, KCOV_REMOTE_ENABLE with another one.
    iow(100, 8),
    iow(101, 8),
    iow(102, 16),
    // Another type byte.
    KCOV_ENABLE ^ 0x100,
  ];
  const inThisState = () => {
    for (const command of unknown) {
      ask(t, "device.unknown-ioctl", device.ioctl(command, null));
    }
  };
  inThisState();
  device.init(PAGE_WORDS);
  inThisState();
  device.enable(KCOV_TRACE_PC);
  inThisState();
});

// Of the two ioctls of the series, each may be there without the other: a series brings them one
// after the other, and the uapi header tells the host which of them this kernel has.

kcovErrors.test("the_unique_ioctl_enables_or_is_errno_524", (t, device) => {
  const early = device.ioctl(KCOV_UNIQUE_ENABLE, 1);
  if (early === -ENOTTY) {
    ask(t, "unique.unknown", early);
    t.skip("KCOV_UNIQUE_ENABLE: ENOTTY (kernel without the series)");
  }
  ask(t, "unique.before-init", early);
  device.init(PAGE_WORDS);
  const enabled = device.ioctl(KCOV_UNIQUE_ENABLE, 1);
  ask(t, enabled === 0 ? "unique.enable" : "unique.not-built", enabled);
}, { requires: ["unique-ioctl"] });

kcovErrors.test("the_reset_ioctl_needs_an_enabled_descriptor", (t, device) => {
  const early = device.ioctl(KCOV_RESET_TRACE, 0);
  ask(t, early === -ENOTTY ? "reset.unknown" : "reset.before-init", early);
  skipIfNoReset(t, early);
  device.init(PAGE_WORDS);
  ask(t, "reset.not-enabled", device.ioctl(KCOV_RESET_TRACE, 0));
  device.enable(KCOV_TRACE_PC);
  ask(t, "reset.enabled", device.ioctl(KCOV_RESET_TRACE, 0));
  device.disable();
  ask(t, "reset.not-enabled", device.ioctl(KCOV_RESET_TRACE, 0));
}, { requires: ["reset-ioctl"] });

kcovErrors.test("comparisons_are_there_or_errno_524", (t, device) => {
  device.init(PAGE_WORDS);
  device.map();
  const result = enable(device, KCOV_TRACE_CMP);
  ask(t, result === 0 ? "enable.cmp" : "enable.cmp-not-built", result);
  if (result === 0) device.disable();
  assertErrno(enable(device, KCOV_TRACE_PC), 0, "KCOV_ENABLE of KCOV_TRACE_PC afterwards");
});
