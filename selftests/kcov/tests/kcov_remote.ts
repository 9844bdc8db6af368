// SPDX-License-Identifier: MIT

/** KCOV_REMOTE_ENABLE: its argument, its errors (promises of the kernel) and who owns a handle. */

import {
  assert,
  assertEquals,
  assertErrno,
  assertGreater,
  assertLess,
} from "../../harness/asserts.ts";
import type { PromiseId } from "../../contract/promises.ts";
import { Batch } from "../../harness/batch.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import { guest, sharedMemory, SYS } from "../../harness/guest.ts";
import { ask } from "../answers.ts";
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

kcovRemote.test("enable_and_disable", (t, device) => {
  for (let round = 0; round < 3; round++) {
    ask(t, "remote.pc", enable(device, { commonHandle: common(42), handles: [usb(1), usb(2)] }));
    device.disable();
  }
  ask(t, "remote.no-handle", enable(device, {}));
  device.disable();
});

kcovRemote.test("the_number_of_handles_is_bounded", (t, device) => {
  const take = (many: number) => {
    const handles = Array.from({ length: many }, (_, i) => usb(i + 1));
    const result = enable(device, { handles });
    if (result === 0) device.disable();
    return result;
  };
  // Around the number of the header, and a search where it is another one.
  let most = KCOV_REMOTE_MAX_HANDLES;
  while (most > 0 && take(most) !== 0) most--;
  while (most < 16 * KCOV_REMOTE_MAX_HANDLES && take(most + 1) === 0) most++;
  t.answer("remote.most-handles", `${most}`);
  ask(t, "remote.too-many-handles", take(most + 1));
  const claimed = enable(device, { handles: [], numHandles: 0xffffffff });
  ask(t, "remote.too-many-handles", claimed);
});

kcovRemote.test("a_bad_pointer_is_efault", (t, device) => {
  for (const pointer of [null, 4096, 0xffffffff81000000n]) {
    ask(t, "remote.bad-pointer", device.ioctl(KCOV_REMOTE_ENABLE, pointer));
  }
});

kcovRemote.test("bad_handles_are_einval", (t, device) => {
  const bad: readonly (readonly [PromiseId, string, Partial<RemoteArgument>])[] = [
    ["remote.unknown-subsystem", "subsystem 2", { handles: [2n << 56n | 1n] }],
    ["remote.unknown-subsystem", "all subsystem bits", { handles: [0xffn << 56n | 1n] }],
    ["remote.unused-bits", "bit 32", { handles: [usb(1) | 1n << 32n] }],
    ["remote.unused-bits", "bit 55", { handles: [usb(1) | 1n << 55n] }],
    ["remote.common-among-handles", "common handle", { handles: [common(1)] }],
    ["remote.zero-handle", "zero", { handles: [0n] }],
    ["remote.zero-handle", "second handle zero", { handles: [usb(1), 0n] }],
    ["remote.usb-as-common", "USB handle as the common one", { commonHandle: usb(1) }],
    ["remote.unused-bits", "bit 32, common", { commonHandle: common(1) | 1n << 32n }],
    ["remote.unknown-mode", "trace mode 2", { traceMode: 2, handles: [usb(1)] }],
    ["remote.unknown-mode", "mode of all ones", { traceMode: 0xffffffff, handles: [usb(1)] }],
  ];
  for (const [promise, what, argument] of bad) {
    if (ask(t, promise, enable(device, argument)) === 0) device.disable();
    // A failure leaves nothing behind: neither the thread nor the descriptor nor the handle is taken.
    const other = openMapped(t, BUFFER_WORDS);
    assertErrno(enable(other, { commonHandle: common(1), handles: [usb(1)] }), 0, `after: ${what}`);
    other.disable();
    device.enable(KCOV_TRACE_PC);
    assert(collects(device), `nothing is collected after: ${what}`);
    device.disable();
  }
});

kcovRemote.test("comparisons_are_there_or_errno_524", (t, device) => {
  const result = enable(device, { traceMode: KCOV_TRACE_CMP, handles: [usb(1)] });
  ask(t, result === 0 ? "remote.cmp" : "remote.cmp-not-built", result);
});

kcovRemote.test("states_are_those_of_enable", (t, device) => {
  const argument = encodeRemoteArgument({ ...DEFAULTS, handles: [usb(1)] });
  const fresh = openKcov(t);
  ask(t, "remote.before-init", fresh.ioctl(KCOV_REMOTE_ENABLE, argument));
  device.enable(KCOV_TRACE_PC);
  ask(t, "remote.while-enabled", device.ioctl(KCOV_REMOTE_ENABLE, argument));
  // The state of the descriptor comes before the state of the thread.
  ask(t, "remote.before-init", fresh.ioctl(KCOV_REMOTE_ENABLE, argument));
  fresh.init(BUFFER_WORDS);
  ask(t, "remote.busy-thread-unknown-mode", enable(fresh, { traceMode: 77 }));
  if (ask(t, "remote.busy-thread", fresh.ioctl(KCOV_REMOTE_ENABLE, argument)) === 0) {
    assert(collects(device), "a remote collection ended the own one beside it");
    fresh.disable();
    assert(collects(device), "the end of a remote collection ended the own one beside it");
  }
  device.disable();

  device.enableRemote({ ...DEFAULTS, handles: [usb(1)] });
  ask(t, "remote.second", enable(fresh, { handles: [usb(2)] }));
  ask(t, "remote.second", enable(fresh, { traceMode: 77 }));
  ask(t, "enable.while-remote", device.ioctl(KCOV_ENABLE, KCOV_TRACE_PC));
  ask(t, "init.while-remote", device.ioctl(KCOV_INIT_TRACE, BUFFER_WORDS));
  const own = ask(t, "enable.beside-remote", fresh.ioctl(KCOV_ENABLE, KCOV_TRACE_PC));
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
  ask(t, "unique.while-remote", device.ioctl(KCOV_UNIQUE_ENABLE, 1));
  const beside = ask(t, "unique.beside-remote", own.ioctl(KCOV_UNIQUE_ENABLE, 1));
  if (beside === 0) {
    own.bitmapWords = 1;
    assert(collects(own), "nothing is collected beside a remote collection");
    assertEquals(device.buffer[0], 0n, "count of the remote collection");
    device.disable();
    assert(collects(own), "the end of the remote collection ended the other one");
  } else {
    device.disable();
    own.enableUnique(1);
  }
  // The other way round.
  const second = device.ioctl(KCOV_REMOTE_ENABLE, remote);
  ask(t, "remote.busy-thread", second);
  if (second === 0) device.disable();
  ask(t, "unique.remote-while-unique", own.ioctl(KCOV_REMOTE_ENABLE, remote));
  own.disable();
  own.enableRemote({ ...DEFAULTS, handles: [usb(2)] });
}, { requires: ["unique"] });

kcovRemote.test("the_reset_ioctl_empties_the_descriptor_it_is_called_on", (t, device) => {
  needResetIoctl(t, device);
  const reset = (on: Kcov, argument = 0) => on.ioctl(KCOV_RESET_TRACE, argument);
  const own = openMapped(t, BUFFER_WORDS);
  device.enableRemote({ ...DEFAULTS, handles: [usb(1)] });
  device.buffer[0] = 1000n;
  const refused = [
    ask(t, "reset.argument", reset(device, 1)),
    ask(t, "reset.not-enabled", reset(own)),
    ask(t, "reset.by-another", spawn(() => reset(device)).join()),
  ];
  if (refused.every((result) => result !== 0)) {
    assertEquals(device.buffer[0], 1000n, "count after resets that failed");
  }
  const done = ask(t, "reset.remote", reset(device));
  assertEquals(device.buffer[0], done === 0 ? 0n : 1000n, "count after the reset");

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
  ask(t, "reset.not-enabled", reset(device));
}, { requires: ["reset-ioctl"] });

kcovRemote.test("the_calls_of_the_thread_itself_are_not_collected", (t, device) => {
  device.enableRemote({ ...DEFAULTS, commonHandle: common(7), handles: [usb(7)] });
  const batch = new Batch();
  readNothing(batch, 1000);
  batch.run();
  device.disable();
  const used = device.buffer.findIndex((word) => word !== 0n);
  t.answer("remote.own-calls", used === -1 ? "not collected" : "collected");
});

kcovRemote.test("a_handle_has_one_owner", (t, device) => {
  if (ask(t, "remote.handle-twice", enable(device, { handles: [usb(1), usb(1)] })) === 0) {
    device.disable();
  }

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
  for (const result of taken) ask(t, "remote.handle-taken", result);
  assertErrno(free, 0, "handles that nobody owns");
  assertErrno(
    enable(other, { commonHandle: common(9), handles: [usb(1), usb(2)] }),
    0,
    "handles of a process that has exited",
  );
});
