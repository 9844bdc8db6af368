// SPDX-License-Identifier: MIT

/** The calls of /sys/kernel/debug/kcov_dataflow and each of their errors (docs/dataflow.md). */

import { assert, assertEquals, assertErrno } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import { AT_FDCWD, ERRNO, guest, PROT_READ, PROT_WRITE, SYS } from "../../harness/guest.ts";
import {
  collectsDataflow,
  type Dataflow,
  DATAFLOW_DISABLE,
  DATAFLOW_ENABLE,
  DATAFLOW_INIT_TRACK,
  DATAFLOW_MODES,
  DATAFLOW_PATH,
  DATAFLOW_REQUIRES,
  DATAFLOW_WORDS,
  type DataflowMode,
  openDataflow,
  openMappedDataflow,
  seekNothing,
} from "../dataflow.ts";
import { ioctlNumber, KCOV_DISABLE, KCOV_ENABLE, KCOV_INIT_TRACE, mmapErrno } from "../kcov.ts";

const READ_WRITE = PROT_READ | PROT_WRITE;

const { EBUSY, EINVAL, ENOTTY } = ERRNO;
const PAGE_WORDS = 512;
const PAGE_BYTES = 4096;
/** Enough for one call in a kernel that instruments all files. */
const RING_WORDS = 128 * PAGE_WORDS;

export const dataflowIoctl = fixture("dataflow_ioctl", {
  file: "selftests/kcov/tests/dataflow_ioctl.ts",
  requires: DATAFLOW_REQUIRES,
  variants: DATAFLOW_MODES,
  setup: (t, _mode: DataflowMode) => openDataflow(t),
});

const init = (device: Dataflow, words: number | bigint) => device.ioctl(DATAFLOW_INIT_TRACK, words);
const enable = (device: Dataflow) => device.ioctl(DATAFLOW_ENABLE);
const disable = (device: Dataflow) => device.ioctl(DATAFLOW_DISABLE);

dataflowIoctl.test("the_device_is_for_its_owner_alone", () => {
  // struct stat of x86-64: st_mode and st_uid are words 6 and 7 of 32 bits.
  const stat = new Uint32Array(36);
  guest().call(SYS.newfstatat, AT_FDCWD, DATAFLOW_PATH, stat, 0);
  assertEquals((stat[6]! & 0o777).toString(8), "600", "permissions of the device");
  assertEquals(stat[7], 0, "owner of the device");
});

dataflowIoctl.test("init_takes_sizes_in_their_range", (t, device) => {
  const [least, most] = DATAFLOW_WORDS;
  // 2^32 + 512 and 2^63 + 512 look like 512 to code that keeps some of the bits.
  const wrong = [0, 1, most + 1, 2 * most, 0xffffffff, 0x100000200n, 0x8000000000000200n, -1];
  for (const words of wrong) {
    assertErrno(init(device, words), EINVAL, `INIT_TRACK of ${words} words`);
  }
  // The descriptor is as new after each failure.
  assertErrno(init(device, least), 0, `INIT_TRACK of ${least} words`);
  assertErrno(init(openDataflow(t), PAGE_WORDS), 0, "INIT_TRACK of a page");
});

dataflowIoctl.test("init_takes_the_greatest_size", (t, device) => {
  const [, most] = DATAFLOW_WORDS;
  const availableKiB = Number(
    /^MemAvailable: +(\d+)/m.exec(guest().readFile("/proc/meminfo"))?.[1],
  );
  if (availableKiB * 1024 < most * 8 + (32 << 20)) {
    t.log(`${availableKiB} KiB are available: too few to try`);
    return;
  }
  assertErrno(init(device, most), 0, `INIT_TRACK of ${most} words`);
  assertErrno(mmapErrno(device.fd, most * 8, READ_WRITE), 0, "mmap of all of it");
});

dataflowIoctl.test("init_twice_is_ebusy", (_t, device) => {
  device.init(RING_WORDS);
  assertErrno(init(device, RING_WORDS), EBUSY, "INIT_TRACK again");
  assertErrno(init(device, PAGE_WORDS), EBUSY, "INIT_TRACK of another size");
  device.map();
  device.enable();
  assertErrno(init(device, RING_WORDS), EBUSY, "INIT_TRACK while enabled");
  assert(collectsDataflow(device), "nothing is recorded after attempts to initialise again");
  device.disable();
  assertErrno(init(device, RING_WORDS), EBUSY, "INIT_TRACK after use");
});

dataflowIoctl.test("mmap_wants_the_whole_ring", (_t, device) => {
  assertErrno(mmapErrno(device.fd, PAGE_BYTES, READ_WRITE), EINVAL, "mmap before INIT_TRACK");
  device.init(2 * PAGE_WORDS);
  assertErrno(mmapErrno(device.fd, PAGE_BYTES, READ_WRITE), EINVAL, "mmap of half of it");
  assertErrno(mmapErrno(device.fd, 3 * PAGE_BYTES, READ_WRITE), EINVAL, "mmap of more");
  assertErrno(
    mmapErrno(device.fd, 2 * PAGE_BYTES, READ_WRITE, PAGE_BYTES),
    EINVAL,
    "mmap at an offset",
  );
  assertErrno(
    mmapErrno(device.fd, PAGE_BYTES, READ_WRITE, PAGE_BYTES),
    EINVAL,
    "mmap of the second half",
  );
  assertErrno(mmapErrno(device.fd, 2 * PAGE_BYTES, READ_WRITE), 0, "mmap of all of it");
  assertErrno(mmapErrno(device.fd, 2 * PAGE_BYTES, READ_WRITE), 0, "mmap of all of it again");
});

dataflowIoctl.test("a_fresh_ring_is_empty_and_all_mappings_show_it", (t, device) => {
  // What others had in theirs is in the memory that the kernel gives out next.
  for (let round = 0; round < 5; round++) {
    const ring = openMappedDataflow(t, RING_WORDS).ring;
    const differs = guest().difference(ring.subarray(1), ring.subarray(0, -1));
    assertEquals([ring[0]!, differs], [0n, -1], `first word, first byte not as before, ${round}`);
    ring.fill(0x5e5e5e5e5e5e5e5en);
  }
  device.init(PAGE_WORDS);
  const [first, second] = [device.map(), device.map({ readOnly: true })];
  first[PAGE_WORDS - 1] = 0x1122334455667788n;
  assertEquals(second[PAGE_WORDS - 1]!, 0x1122334455667788n, "word seen by the other mapping");
});

dataflowIoctl.test("enable_needs_a_ring_and_no_mapping", (_t, device) => {
  assertErrno(enable(device), EINVAL, "ENABLE before INIT_TRACK");
  device.init(RING_WORDS);
  assertErrno(enable(device), 0, "ENABLE without a mapping");
  device.map();
  assert(collectsDataflow(device), "nothing is recorded once the ring is mapped");
});

dataflowIoctl.test("enable_twice_is_ebusy", (t, device) => {
  device.init(RING_WORDS);
  device.map();
  device.enable();
  assertErrno(enable(device), EBUSY, "ENABLE of an enabled descriptor");
  assertErrno(spawn(() => enable(device)).join(), EBUSY, "ENABLE of it by another task");
  const other = openMappedDataflow(t, RING_WORDS);
  assertErrno(enable(other), EBUSY, "ENABLE of a second descriptor by one task");
  assert(collectsDataflow(device), "a failed ENABLE ended the recording");
  assertEquals(other.ring[0]!, 0n, "count of the ring whose ENABLE failed");
  device.disable();
  assertErrno(enable(other), 0, "ENABLE of the second once the first is disabled");
  assert(collectsDataflow(other), "nothing is recorded by the second");
  assertErrno(spawn(() => enable(device)).join(), 0, "ENABLE of the first by another task");
});

dataflowIoctl.test("disable_is_for_the_enabling_task", (t, device) => {
  assertErrno(disable(device), EINVAL, "DISABLE before INIT_TRACK");
  device.init(RING_WORDS);
  assertErrno(disable(device), EINVAL, "DISABLE before ENABLE");
  device.map();
  device.enable();
  const other = openMappedDataflow(t, RING_WORDS);
  assertErrno(disable(other), EINVAL, "DISABLE of another descriptor");
  assertErrno(spawn(() => disable(device)).join(), EINVAL, "DISABLE by another task");
  assert(collectsDataflow(device), "a failed DISABLE ended the recording");
  assertErrno(disable(device), 0, "DISABLE");
  assertErrno(disable(device), EINVAL, "DISABLE again");
});

dataflowIoctl.test("unknown_ioctls_are_enotty", (_t, device) => {
  const d = (direction: number, number: number, size: number) =>
    ioctlNumber(direction, number, size, "d");
  const unknown = [
    ...[d(0, 0, 0), d(0, 2, 0), d(0, 99, 0), d(0, 102, 0), d(0, 103, 0), d(0, 104, 0)],
    // INIT_TRACK without a size, of 32 bits, in the other direction.
    ...[d(0, 1, 0), d(2, 1, 4), d(1, 1, 8)],
    // ENABLE and DISABLE with a size.
    ...[d(1, 100, 8), d(2, 101, 8)],
    // Those of /sys/kernel/debug/kcov.
    ...[KCOV_INIT_TRACE, KCOV_ENABLE, KCOV_DISABLE],
  ];
  const inThisState = (state: string) => {
    for (const command of unknown) {
      assertErrno(device.ioctl(command), ENOTTY, `ioctl 0x${command.toString(16)} ${state}`);
    }
  };
  inThisState("before INIT_TRACK");
  device.init(RING_WORDS);
  inThisState("after INIT_TRACK");
  device.map();
  device.enable();
  inThisState("while enabled");
  assert(collectsDataflow(device), "an unknown ioctl ended the recording");
});

dataflowIoctl.test("nothing_is_recorded_unless_enabled", (_t, device) => {
  device.init(RING_WORDS);
  device.map();
  const counts = () => {
    const batch = new Batch();
    const before = device.countIn(batch);
    for (let call = 0; call < 20; call++) seekNothing(batch);
    const after = device.countIn(batch);
    batch.run();
    return [batch.result(before), batch.result(after)];
  };
  assertEquals(counts(), [0n, 0n], "count before and after 20 calls, before ENABLE");
  device.enable();
  assert(collectsDataflow(device), "nothing is recorded while enabled");
  device.disable();
  const [before, after] = counts();
  assertEquals(after, before, "count after 20 calls, after DISABLE");
});

dataflowIoctl.test("enable_again_continues_behind_the_records", (_t, device) => {
  device.init(RING_WORDS);
  device.map();
  device.enable();
  seekOnce();
  device.disable();
  const count = device.ring[0]!;
  assert(count > 0n, "nothing is recorded");
  const kept = device.copy(count);
  device.enable();
  seekOnce();
  device.disable();
  assert(device.ring[0]! > count, `count ${device.ring[0]} after another call, before it ${count}`);
  const differs = guest().difference(
    device.ring.slice(1, kept.length),
    kept.subarray(1),
  );
  assertEquals(differs, -1, "first byte of the first records that has changed");
});

function seekOnce(): void {
  const batch = new Batch();
  seekNothing(batch);
  batch.run();
}
