// SPDX-License-Identifier: MIT

/** KCOV_REMOTE_ENABLE: its argument, its errors and who owns a handle. */

import {
  assert,
  assertEquals,
  assertErrno,
  assertGreater,
  assertLess,
} from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import { ERRNO, guest, sharedMemory, SYS } from "../../harness/guest.ts";
import {
  collects,
  common,
  enableUniqueOrSkip,
  encodeRemoteArgument,
  type Kcov,
  KCOV_ENABLE,
  KCOV_INIT_TRACE,
  KCOV_REMOTE_ENABLE,
  KCOV_REMOTE_MAX_HANDLES,
  KCOV_RESET_TRACE,
  KCOV_TRACE_CMP,
  KCOV_TRACE_PC,
  KCOV_UNIQUE_ENABLE,
  needResetIoctl,
  openKcov,
  openMapped,
  readNothing,
  type RemoteArgument,
  usb,
} from "../kcov.ts";

const { EBUSY, EEXIST, EFAULT, EINVAL, ENOTSUPP } = ERRNO;
const BUFFER_WORDS = 4 * 1024;

export const kcovRemote = fixture("kcov_remote", {
  file: "selftests/kcov/tests/kcov_remote.ts",
  requires: ["kcov"],
  variants: { base: {} },
  setup: (t) => openMapped(t, BUFFER_WORDS),
});

const DEFAULTS = { traceMode: KCOV_TRACE_PC, areaWords: 1024 };

function enable(device: Kcov, argument: Partial<RemoteArgument>): number {
  return device.ioctl(KCOV_REMOTE_ENABLE, encodeRemoteArgument({ ...DEFAULTS, ...argument }));
}

kcovRemote.test("enable_and_disable", (_t, device) => {
  for (let round = 0; round < 3; round++) {
    assertErrno(
      enable(device, { commonHandle: common(42), handles: [usb(1), usb(2)] }),
      0,
      "enable",
    );
    device.disable();
  }
  assertErrno(enable(device, {}), 0, "enable without any handle");
  device.disable();
});

kcovRemote.test("the_number_of_handles_is_bounded", (_t, device) => {
  const handles = Array.from({ length: KCOV_REMOTE_MAX_HANDLES + 1 }, (_, i) => usb(i + 1));
  assertErrno(enable(device, { handles }), EINVAL, "enable with 0x101 handles");
  assertErrno(enable(device, { handles: [], numHandles: 0xffffffff }), EINVAL, "2^32 - 1 handles");
  assertErrno(enable(device, { handles: handles.slice(1) }), 0, "enable with 0x100 handles");
  device.disable();
});

kcovRemote.test("a_bad_pointer_is_efault", (_t, device) => {
  for (const pointer of [null, 4096, 0xffffffff81000000n]) {
    assertErrno(
      device.ioctl(KCOV_REMOTE_ENABLE, pointer),
      EFAULT,
      `enable with pointer ${pointer}`,
    );
  }
});

kcovRemote.test("bad_handles_are_einval", (t, device) => {
  const bad: readonly (readonly [string, Partial<RemoteArgument>])[] = [
    ["unknown subsystem", { handles: [2n << 56n | 1n] }],
    ["all subsystem bits", { handles: [0xffn << 56n | 1n] }],
    ["bit 32, between instance and subsystem", { handles: [usb(1) | 1n << 32n] }],
    ["bit 55, between instance and subsystem", { handles: [usb(1) | 1n << 55n] }],
    ["common handle among the handles", { handles: [common(1)] }],
    ["zero among the handles", { handles: [0n] }],
    ["second handle bad", { handles: [usb(1), 0n] }],
    ["USB handle as the common one", { commonHandle: usb(1) }],
    ["bit 32 in the common handle", { commonHandle: common(1) | 1n << 32n }],
    ["unknown trace mode", { traceMode: 2, handles: [usb(1)] }],
    ["trace mode of all ones", { traceMode: 0xffffffff, handles: [usb(1)] }],
  ];
  for (const [what, argument] of bad) {
    assertErrno(enable(device, argument), EINVAL, what);
    // A failure leaves nothing behind: neither the thread nor the descriptor nor the handle is taken.
    const other = openMapped(t, BUFFER_WORDS);
    assertErrno(enable(other, { commonHandle: common(1), handles: [usb(1)] }), 0, `after: ${what}`);
    other.disable();
    device.enable(KCOV_TRACE_PC);
    assert(collects(device), `nothing is collected after: ${what}`);
    device.disable();
  }
});

kcovRemote.test("comparisons_are_there_or_errno_524", (_t, device) => {
  const result = enable(device, { traceMode: KCOV_TRACE_CMP, handles: [usb(1)] });
  if (result !== 0) assertErrno(result, ENOTSUPP, "enable of KCOV_TRACE_CMP");
});

kcovRemote.test("states_are_those_of_enable", (t, device) => {
  const argument = encodeRemoteArgument({ ...DEFAULTS, handles: [usb(1)] });
  const fresh = openKcov(t);
  assertErrno(fresh.ioctl(KCOV_REMOTE_ENABLE, argument), EINVAL, "before KCOV_INIT_TRACE");
  device.enable(KCOV_TRACE_PC);
  assertErrno(device.ioctl(KCOV_REMOTE_ENABLE, argument), EINVAL, "enabled already");
  assertErrno(fresh.ioctl(KCOV_REMOTE_ENABLE, argument), EINVAL, "before init, in a busy thread");
  fresh.init(BUFFER_WORDS);
  // A thread collects through one descriptor, or (7.3) through one of each kind at the same time.
  const beside = fresh.ioctl(KCOV_REMOTE_ENABLE, argument);
  if (beside === 0) {
    const third = openKcov(t).init(BUFFER_WORDS);
    assertErrno(enable(third, { traceMode: 77 }), EBUSY, "thread that does both, unknown mode");
    fresh.disable();
  } else {
    assertErrno(beside, EBUSY, "in a thread that collects");
    assertErrno(enable(fresh, { traceMode: 77 }), EBUSY, "busy thread and unknown mode");
  }
  device.disable();

  device.enableRemote({ ...DEFAULTS, handles: [usb(1)] });
  assertErrno(device.ioctl(KCOV_ENABLE, KCOV_TRACE_PC), EINVAL, "KCOV_ENABLE while remote");
  assertErrno(device.ioctl(KCOV_INIT_TRACE, BUFFER_WORDS), EBUSY, "KCOV_INIT_TRACE while remote");
  const own = fresh.ioctl(KCOV_ENABLE, KCOV_TRACE_PC);
  assertErrno(own, beside === 0 ? 0 : EBUSY, "KCOV_ENABLE of another while remote");
  if (own === 0) fresh.disable();
  device.disable();
  device.enable(KCOV_TRACE_PC);
  assert(collects(device), "nothing is collected in mode PC after a remote turn");
});

kcovRemote.test("unique_mode_has_the_states_of_enable", (t, device) => {
  const remote = encodeRemoteArgument({ ...DEFAULTS, handles: [usb(1)] });
  const own = openMapped(t, BUFFER_WORDS);
  enableUniqueOrSkip(t, own, 1);
  own.disable();
  device.enableRemote({ ...DEFAULTS, handles: [usb(1)] });
  assertErrno(device.ioctl(KCOV_UNIQUE_ENABLE, 1), EINVAL, "KCOV_UNIQUE_ENABLE while remote");
  // What the kernel lets KCOV_ENABLE do beside a remote collection, this may do as well.
  const plain = own.ioctl(KCOV_ENABLE, KCOV_TRACE_PC);
  if (plain !== 0) {
    assertErrno(own.ioctl(KCOV_UNIQUE_ENABLE, 1), EBUSY, "KCOV_UNIQUE_ENABLE, as KCOV_ENABLE");
    device.disable();
    own.enableUnique(1);
    assertErrno(
      device.ioctl(KCOV_REMOTE_ENABLE, remote),
      EBUSY,
      "remote in a thread that collects",
    );
  } else {
    own.disable();
    own.enableUnique(1);
    assert(collects(own), "nothing is collected beside a remote collection");
    assertEquals(device.buffer[0], 0n, "count of the remote collection");
    device.disable();
    assert(collects(own), "the end of the remote collection ended the other one");
    // The other way round.
    device.enableRemote({ ...DEFAULTS, handles: [usb(1)] });
    device.disable();
  }
  assertErrno(own.ioctl(KCOV_REMOTE_ENABLE, remote), EINVAL, "KCOV_REMOTE_ENABLE while unique");
  own.disable();
  own.enableRemote({ ...DEFAULTS, handles: [usb(2)] });
}, { requires: ["unique"] });

kcovRemote.test("the_reset_ioctl_empties_the_descriptor_it_is_called_on", (t, device) => {
  needResetIoctl(t, device);
  const reset = (on: Kcov, argument = 0) => on.ioctl(KCOV_RESET_TRACE, argument);
  const own = openMapped(t, BUFFER_WORDS);
  device.enableRemote({ ...DEFAULTS, handles: [usb(1)] });
  device.buffer[0] = 1000n;
  assertErrno(reset(device, 1), EINVAL, "KCOV_RESET_TRACE with 1");
  assertErrno(reset(own), EINVAL, "KCOV_RESET_TRACE of a descriptor that is not enabled");
  const inChild = spawn(() => reset(device)).join();
  assertErrno(inChild, EINVAL, "KCOV_RESET_TRACE by a process that did not enable");
  assertEquals(device.buffer[0], 1000n, "count after resets that failed");
  assertErrno(reset(device), 0, "KCOV_RESET_TRACE");
  assertEquals(device.buffer[0], 0n, "count after the reset");

  // Where a thread may do both at the same time, each has a trace of its own.
  if (own.ioctl(KCOV_ENABLE, KCOV_TRACE_PC) === 0) {
    const counts = (emptied: Kcov) => {
      const batch = new Batch();
      for (const each of [device, own]) batch.store(each.addressOf(0), 1000n);
      const result = batch.syscall(SYS.ioctl, [emptied.fd, KCOV_RESET_TRACE, 0]);
      const [remote, local] = [device, own].map((each) => each.countIn(batch));
      batch.run();
      assertEquals(
        batch.result(result),
        0n,
        "result of KCOV_RESET_TRACE beside another collection",
      );
      return { remote: batch.result(remote!), local: batch.result(local!) };
    };
    const ownEmptied = counts(own);
    assertLess(ownEmptied.local, 100n, "count of the own collection, which goes on");
    assertEquals(ownEmptied.remote, 1000n, "count of the remote one beside it");
    const remoteEmptied = counts(device);
    assertEquals(remoteEmptied.remote, 0n, "count of the remote collection");
    assertGreater(remoteEmptied.local, 1000n, "count of the own one beside it");
    own.disable();
  }
  device.disable();
  assertErrno(reset(device), EINVAL, "KCOV_RESET_TRACE after KCOV_DISABLE");
}, { requires: ["reset-ioctl"] });

kcovRemote.test("the_calls_of_the_thread_itself_are_not_collected", (_t, device) => {
  device.enableRemote({ ...DEFAULTS, commonHandle: common(7), handles: [usb(7)] });
  const batch = new Batch();
  readNothing(batch, 1000);
  batch.run();
  device.disable();
  const used = device.buffer.findIndex((word) => word !== 0n);
  assertEquals(used, -1, "first word that is not zero");
});

kcovRemote.test("a_handle_has_one_owner", (t, device) => {
  assertErrno(enable(device, { handles: [usb(1), usb(1)] }), EEXIST, "the same handle twice");

  const flags = new BigUint64Array(sharedMemory(16));
  const waitFor = (flag: number) => {
    while (flags[flag] === 0n) guest().call(SYS.schedYield);
  };
  const owner = spawn(() => {
    device.enableRemote({ ...DEFAULTS, commonHandle: common(9), handles: [usb(1), usb(2)] });
    flags[0] = 1n;
    waitFor(1);
    return true; // the exit gives the handles back
  });
  waitFor(0);
  const other = openMapped(t, BUFFER_WORDS);
  const taken = [
    enable(other, { handles: [usb(2)] }),
    enable(other, { handles: [usb(3), usb(1)] }),
    enable(other, { commonHandle: common(9) }),
  ];
  const free = enable(other, { commonHandle: common(10), handles: [usb(3)] });
  if (free === 0) other.disable();
  flags[1] = 1n;
  assert(owner.join(), "the owner could not enable");
  taken.forEach((result, i) => assertErrno(result, EEXIST, `handle of another process, try ${i}`));
  assertErrno(free, 0, "handles that nobody owns");
  assertErrno(
    enable(other, { commonHandle: common(9), handles: [usb(1), usb(2)] }),
    0,
    "handles of a process that has exited",
  );
});
