// SPDX-License-Identifier: MIT

/** Every error of the classic interface, by number and in its order of precedence. */

import { assert, assertEquals, assertErrno } from "../../harness/asserts.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  AT_FDCWD,
  ERRNO,
  guest,
  isSysError,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
  SYS,
} from "../../harness/guest.ts";
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
  needResetIoctl,
  openKcov,
  openMapped,
} from "../kcov.ts";

const { EBUSY, EINVAL, ENOMEM, ENOTSUPP, ENOTTY, ESPIPE } = ERRNO;

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

function mmapErrno(device: Kcov, bytes: number, protection: number, offset = 0): number {
  try {
    guest().map(bytes, protection, MAP_SHARED, device.fd, offset);
    return 0;
  } catch (error) {
    if (isSysError(error)) return -error.errno;
    throw error;
  }
}

kcovErrors.test("the_device_is_for_its_owner_alone", () => {
  // struct stat of x86-64: st_mode and st_uid are words 6 and 7 of 32 bits.
  const stat = new Uint32Array(36);
  guest().call(SYS.newfstatat, AT_FDCWD, KCOV_PATH, stat, 0);
  assertEquals((stat[6]! & 0o777).toString(8), "600", "permissions of the device");
  assertEquals(stat[7], 0, "owner of the device");
});

kcovErrors.test("read_write_and_lseek_do_not_work", (_t, device) => {
  const byte = new Uint8Array(1);
  const tryAll = (state: string) => {
    for (const [name, number] of [["read", SYS.read], ["write", SYS.write]] as const) {
      assertErrno(guest().tryCall(number, device.fd, byte, 1), EINVAL, `${name}() ${state}`);
    }
    assertErrno(guest().tryCall(SYS.lseek, device.fd, 8, 0), ESPIPE, `lseek() ${state}`);
  };
  tryAll("before KCOV_INIT_TRACE");
  device.init(PAGE_WORDS);
  tryAll("initialised");
  device.enable(KCOV_TRACE_PC);
  tryAll("enabled");
});

kcovErrors.test("init_rejects_sizes_out_of_range", (_t, device) => {
  const tooBig = Math.floor(INT_MAX / 8) + 1;
  // 2^32 + 64 and 2^63 + 64 look like 64 to code that keeps only some of the bits.
  for (const words of [0, 1, tooBig, INT_MAX, 0x100000040n, 0x8000000000000040n, -1]) {
    assertErrno(device.ioctl(KCOV_INIT_TRACE, words), EINVAL, `KCOV_INIT_TRACE of ${words} words`);
  }
  assertErrno(
    device.ioctl(KCOV_INIT_TRACE, 2),
    0,
    "KCOV_INIT_TRACE of 2 words, after the failures",
  );
});

kcovErrors.test("init_without_memory_is_enomem", (t, device) => {
  // The biggest size that is allowed: 2 GiB.
  const words = Math.floor(INT_MAX / 8);
  const totalKiB = Number(/^MemTotal: +(\d+)/m.exec(guest().readFile("/proc/meminfo"))?.[1]);
  if (totalKiB * 1024 > words * 8) {
    t.log("the machine has more than 2 GiB: nothing to see");
    return;
  }
  const result = withQuietConsole(() => device.ioctl(KCOV_INIT_TRACE, words));
  assertErrno(result, ENOMEM, "KCOV_INIT_TRACE of 2 GiB");
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

kcovErrors.test("init_twice_is_ebusy", (_t, device) => {
  device.init(PAGE_WORDS);
  assertErrno(device.ioctl(KCOV_INIT_TRACE, PAGE_WORDS), EBUSY, "second KCOV_INIT_TRACE");
  assertErrno(device.ioctl(KCOV_INIT_TRACE, 1), EINVAL, "second KCOV_INIT_TRACE, bad size");
  device.enable(KCOV_TRACE_PC);
  assertErrno(device.ioctl(KCOV_INIT_TRACE, PAGE_WORDS), EBUSY, "KCOV_INIT_TRACE while enabled");
  device.disable();
  assertErrno(device.ioctl(KCOV_INIT_TRACE, PAGE_WORDS), EBUSY, "KCOV_INIT_TRACE after a use");
});

kcovErrors.test("mmap_wants_the_whole_initialised_buffer", (_t, device) => {
  const readWrite = PROT_READ | PROT_WRITE;
  assertErrno(mmapErrno(device, PAGE_BYTES, readWrite), EINVAL, "mmap before KCOV_INIT_TRACE");
  device.init(2 * PAGE_WORDS);
  assertErrno(mmapErrno(device, PAGE_BYTES, readWrite), EINVAL, "mmap of half of the buffer");
  assertErrno(mmapErrno(device, 3 * PAGE_BYTES, readWrite), EINVAL, "mmap of more than the buffer");
  assertErrno(
    mmapErrno(device, 2 * PAGE_BYTES, readWrite, PAGE_BYTES),
    EINVAL,
    "mmap at an offset",
  );
  assertErrno(mmapErrno(device, 2 * PAGE_BYTES, PROT_READ), 0, "mmap of the buffer, read-only");
  assertErrno(mmapErrno(device, 2 * PAGE_BYTES, readWrite), 0, "mmap of the buffer");
});

kcovErrors.test("mmap_of_a_buffer_that_is_no_multiple_of_a_page_is_einval", (t) => {
  for (const words of [2, PAGE_WORDS - 1, PAGE_WORDS + 1]) {
    const device = openKcov(t).init(words);
    const roundedUp = Math.ceil(words / PAGE_WORDS) * PAGE_BYTES;
    assertErrno(mmapErrno(device, roundedUp, PROT_READ), EINVAL, `mmap of ${words} words`);
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
  assertErrno(enable(device, KCOV_TRACE_PC), EINVAL, "KCOV_ENABLE before KCOV_INIT_TRACE");
  assertErrno(enable(device, 77), EINVAL, "KCOV_ENABLE before KCOV_INIT_TRACE, unknown mode");
  other.enable(KCOV_TRACE_PC);
  // The state of the descriptor comes before the state of the thread.
  assertErrno(
    enable(device, KCOV_TRACE_PC),
    EINVAL,
    "KCOV_ENABLE before KCOV_INIT_TRACE, busy thread",
  );
});

kcovErrors.test("enable_of_an_unknown_mode_is_einval", (_t, device) => {
  device.init(PAGE_WORDS);
  device.map();
  // 2^32 looks like KCOV_TRACE_PC to code that keeps 32 bits.
  for (const mode of [2, 3, 4, 100, 0xffffffff, 0x100000000n, -1]) {
    assertErrno(enable(device, mode), EINVAL, `KCOV_ENABLE with mode ${mode}`);
  }
  assertErrno(enable(device, KCOV_TRACE_PC), 0, "KCOV_ENABLE after the failures");
  assert(collects(device), "nothing is collected after failed attempts and a good one");
});

kcovErrors.test("enable_of_an_enabled_descriptor_is_einval", (_t, device) => {
  device.init(PAGE_WORDS);
  device.map();
  device.enable(KCOV_TRACE_PC);
  assertErrno(enable(device, KCOV_TRACE_PC), EINVAL, "second KCOV_ENABLE by the same thread");
  assertErrno(enable(device, 77), EINVAL, "second KCOV_ENABLE, unknown mode");
  const inChild = spawn(() => enable(device, KCOV_TRACE_PC)).join();
  assertErrno(inChild, EINVAL, "KCOV_ENABLE of a descriptor that another process has enabled");
  assert(collects(device), "a failed KCOV_ENABLE ended the collection");
});

kcovErrors.test("enable_in_a_collecting_thread_is_ebusy", (t, device) => {
  device.init(PAGE_WORDS);
  const other = openMapped(t, PAGE_WORDS).enable(KCOV_TRACE_PC);
  assertErrno(enable(device, KCOV_TRACE_PC), EBUSY, "KCOV_ENABLE in a thread that collects");
  // EBUSY comes before the mode is looked at.
  assertErrno(enable(device, 77), EBUSY, "KCOV_ENABLE in a thread that collects, unknown mode");
  assertErrno(
    enable(device, KCOV_TRACE_CMP),
    EBUSY,
    "KCOV_ENABLE of CMP in a thread that collects",
  );
  assert(collects(other), "a failed KCOV_ENABLE ended the collection of the other descriptor");
  other.disable();
  assertErrno(enable(device, KCOV_TRACE_PC), 0, "KCOV_ENABLE after the other was disabled");
});

kcovErrors.test("disable_is_for_the_enabling_thread_with_argument_0", (t, device) => {
  assertErrno(device.ioctl(KCOV_DISABLE, 0), EINVAL, "KCOV_DISABLE before KCOV_INIT_TRACE");
  device.init(PAGE_WORDS);
  device.map();
  assertErrno(device.ioctl(KCOV_DISABLE, 0), EINVAL, "KCOV_DISABLE before KCOV_ENABLE");
  device.enable(KCOV_TRACE_PC);
  for (const argument of [1, 0x100000000n, -1]) {
    assertErrno(device.ioctl(KCOV_DISABLE, argument), EINVAL, `KCOV_DISABLE with ${argument}`);
  }
  const other = openKcov(t).init(PAGE_WORDS);
  assertErrno(other.ioctl(KCOV_DISABLE, 0), EINVAL, "KCOV_DISABLE of another descriptor");
  const inChild = spawn(() => device.ioctl(KCOV_DISABLE, 0)).join();
  assertErrno(inChild, EINVAL, "KCOV_DISABLE by a process that did not enable");
  assert(collects(device), "a failed KCOV_DISABLE ended the collection");
  assertErrno(device.ioctl(KCOV_DISABLE, 0), 0, "KCOV_DISABLE");
  assertErrno(device.ioctl(KCOV_DISABLE, 0), EINVAL, "second KCOV_DISABLE");
});

kcovErrors.test("unknown_ioctls_are_enotty", (_t, device) => {
  const unknown = [
    ["number 0", io(0)],
    ["number 2", io(2)],
    ["number 99", io(99)],
    ["number 105", io(105)],
    ["KCOV_INIT_TRACE without a size", io(1)],
    ["KCOV_INIT_TRACE of 32 bits", ior(1, 4)],
    ["KCOV_ENABLE with a size", iow(100, 8)],
    ["KCOV_DISABLE with a size", iow(101, 8)],
    ["KCOV_REMOTE_ENABLE with another size", iow(102, 16)],
    ["another type byte", KCOV_ENABLE ^ 0x100],
  ] as const;
  const inEveryState = (state: string) => {
    for (const [name, command] of unknown) {
      assertErrno(device.ioctl(command, null), ENOTTY, `${name}, ${state}`);
    }
  };
  inEveryState("before KCOV_INIT_TRACE");
  device.init(PAGE_WORDS);
  inEveryState("initialised");
  device.enable(KCOV_TRACE_PC);
  inEveryState("enabled");
});

// Of the two ioctls of the series, each may be there without the other: a series brings them one
// after the other, and the uapi header tells the host which of them this kernel has.

kcovErrors.test("the_unique_ioctl_enables_or_is_errno_524", (t, device) => {
  const early = device.ioctl(KCOV_UNIQUE_ENABLE, 1);
  if (early === -ENOTTY) t.skip("KCOV_UNIQUE_ENABLE: ENOTTY (kernel without the series)");
  assertErrno(early, EINVAL, "KCOV_UNIQUE_ENABLE before KCOV_INIT_TRACE");
  device.init(PAGE_WORDS);
  const enabled = device.ioctl(KCOV_UNIQUE_ENABLE, 1);
  if (enabled === 0) return;
  assertErrno(enabled, ENOTSUPP, "KCOV_UNIQUE_ENABLE of a kernel without CONFIG_KCOV_UNIQUE");
}, { requires: ["unique-ioctl"] });

kcovErrors.test("the_reset_ioctl_needs_an_enabled_descriptor", (t, device) => {
  needResetIoctl(t, device);
  const reset = (state: string) =>
    assertErrno(device.ioctl(KCOV_RESET_TRACE, 0), EINVAL, `KCOV_RESET_TRACE ${state}`);
  reset("before KCOV_INIT_TRACE");
  device.init(PAGE_WORDS);
  reset("before KCOV_ENABLE");
  device.enable(KCOV_TRACE_PC);
  assertErrno(device.ioctl(KCOV_RESET_TRACE, 0), 0, "KCOV_RESET_TRACE while enabled");
  device.disable();
  reset("after KCOV_DISABLE");
}, { requires: ["reset-ioctl"] });

kcovErrors.test("comparisons_are_there_or_errno_524", (_t, device) => {
  device.init(PAGE_WORDS);
  device.map();
  const result = enable(device, KCOV_TRACE_CMP);
  if (result === 0) return;
  assertErrno(result, ENOTSUPP, "KCOV_ENABLE of KCOV_TRACE_CMP");
  assertErrno(enable(device, KCOV_TRACE_PC), 0, "KCOV_ENABLE of KCOV_TRACE_PC after the failure");
});
