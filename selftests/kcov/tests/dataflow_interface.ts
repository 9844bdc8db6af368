// SPDX-License-Identifier: MIT

/**
 * What the kernels of all series with dataflow have in common, whatever the layout of their records and
 * the form of their callbacks: the device, its calls, and what a system call is given and returns.
 */

import { GUEST_PATHS } from "../../contract/cell.ts";
import {
  brokenNumber,
  dataflowFaultText,
  type DataflowRecord,
  type DataflowType,
} from "../../contract/dataflow.ts";
import { dataflowLayout, decodeEitherDataflow } from "../../contract/dataflow_posted.ts";
import { assert, assertEquals, assertGreater, fail, hex } from "../../harness/asserts.ts";
import type { Batch, Step } from "../../harness/batch.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import {
  close,
  ERRNO,
  guest,
  MAP_SHARED,
  O_CLOEXEC,
  O_RDONLY,
  open,
  PROT_READ,
  SYS,
} from "../../harness/guest.ts";
import {
  type Dataflow,
  DATAFLOW_DISABLE,
  DATAFLOW_ENABLE,
  DATAFLOW_INIT_TRACK,
  DATAFLOW_WORDS,
  kernelFunctionOf,
  openDataflow,
} from "../dataflow.ts";
import { word } from "../dataflow_module.ts";
import { ioctlNumber } from "../kcov.ts";

const RING_WORDS = 256 * 1024;
const SEEK_SET = 0;
/** No such whence. */
const SEEK_WRONG = 77;
/** Positions in struct pt_regs (asm/ptrace.h of x86-64), as far as the shortest table of fields goes. */
const REGS = { dx: 12, si: 13, di: 14 } as const;

export const dataflowInterface = fixture("dataflow_interface", {
  file: "selftests/kcov/tests/dataflow_interface.ts",
  requires: ["dataflow-args", "dataflow-ret"],
  variants: { base: {} },
  setup: (t) => openDataflow(t),
});

/** The device, which records the calling task until the end of the test. */
function enabled(t: TestContext, device: Dataflow): Dataflow {
  device.init(RING_WORDS).map();
  device.enable();
  t.cleanup(() => void device.ioctl(DATAFLOW_DISABLE));
  return device;
}

/** Records of one call, whole and with numbers that rise by one, and what the call returned. */
function trace(t: TestContext, device: Dataflow, call: (batch: Batch) => Step) {
  let returned: () => bigint = () => 0n;
  const ring = device.window((batch) => {
    const step = call(batch);
    returned = () => batch.result(step);
  });
  const { records, fault } = decodeEitherDataflow(ring);
  if (fault !== null) fail(`${dataflowFaultText(fault)}; ${records.length} records before it`);
  const broken = brokenNumber(records.map(({ number }) => number));
  if (broken >= 0) fail(`record ${broken} of ${records.length} has not the next number`);
  t.log(`${records.length} records, layout "${dataflowLayout(ring)}"`);
  return { records, result: returned() };
}

/** The records of a function that have a type, by the index of the argument. */
function ofFunction(
  records: readonly DataflowRecord[],
  name: string,
  type: DataflowType,
): readonly DataflowRecord[] {
  return records.filter((one) => one.type === type && kernelFunctionOf(one) === name)
    .toSorted((a, b) => a.index - b.index);
}

dataflowInterface.test("lseek_shows_what_it_was_given_and_what_it_returned", (t, opened) => {
  const device = enabled(t, opened);
  const file = open(GUEST_PATHS.cell, O_RDONLY);
  t.cleanup(() => close(file));
  const NAME = "__x64_sys_lseek";
  const calls = [
    [file, 0x123456n, SEEK_SET, 0x123456n],
    [file, 0x123456789abcn, SEEK_SET, 0x123456789abcn],
    [file, 0x123456n, SEEK_WRONG, -BigInt(ERRNO.EINVAL)],
    [-1, 5n, SEEK_SET, -BigInt(ERRNO.EBADF)],
  ] as const;
  for (const [fd, offset, whence, expected] of calls) {
    const { records, result } = trace(
      t,
      device,
      (batch) => batch.syscall(SYS.lseek, [fd, offset, whence]),
    );
    const what = `lseek(${fd}, ${hex(offset)}, ${whence})`;
    assertEquals(result, expected, `what ${what} returned`);
    const back = ofFunction(records, NAME, "return");
    assertEquals(
      back.map(({ size, values }) => [size, ...values]),
      [[8, word(result)]],
      `records of the return of ${what}`,
    );
    const [entry, ...more] = ofFunction(records, NAME, "entry");
    if (entry === undefined || more.length > 0) fail(`${what}: ${more.length} entries and one`);
    const { values } = entry;
    if (values.length === 1) {
      // No fields: the pointer itself.
      assert(values[0]! >> 47n === 0x1ffffn, `registers at ${hex(values[0]!)}`);
      continue;
    }
    const { di, si, dx } = REGS;
    assertEquals(
      [di, si, dx].map((field) => values[field]!),
      [word(fd), offset, BigInt(whence)],
      `registers of ${what}`,
    );
  }
});

dataflowInterface.test("pipe2_shows_its_pointer_its_flags_and_its_error", (t, opened) => {
  const device = enabled(t, opened);
  const ends = new Int32Array(2);
  for (const [flags, error] of [[O_CLOEXEC, 0], [1, ERRNO.EINVAL]] as const) {
    const { records, result } = trace(
      t,
      device,
      (batch) => batch.syscall(SYS.pipe2, [ends, flags]),
    );
    assertEquals(result, BigInt(-error), `what pipe2 returned for flags 0x${flags.toString(16)}`);
    if (error === 0) ends.forEach(close);
    const told = (["entry", "return"] as const).flatMap((type) =>
      ofFunction(records, "do_pipe2", type).map(({ index, size, values }) => [
        ...[type, index, size, ...values],
      ])
    );
    assertEquals(told, [
      ["entry", 0, 8, BigInt(guest().address(ends))],
      ["entry", 1, 4, BigInt(flags)],
      ["return", 0, 4, word(-error) & 0xffffffffn],
    ], "records of do_pipe2");
  }
});

dataflowInterface.test("calls_of_the_device_fail_where_all_kernels_refuse_them", (t, device) => {
  const { EINVAL, EBUSY, ENOTTY } = ERRNO;
  const [fewest, most] = DATAFLOW_WORDS;
  const mapping = () => guest().tryCall(SYS.mmap, 0, 4096, PROT_READ, MAP_SHARED, device.fd, 0);
  assertEquals(mapping(), -EINVAL, "mmap() before there is a ring");
  assertEquals(device.ioctl(DATAFLOW_DISABLE), -EINVAL, "DISABLE before there is a ring");
  // Which error is not the same everywhere.
  assertGreater(0, device.ioctl(DATAFLOW_ENABLE, 0), "ENABLE before there is a ring");
  for (const words of [0, fewest - 1, most + 1]) {
    assertEquals(device.ioctl(DATAFLOW_INIT_TRACK, words), -EINVAL, `INIT_TRACK of ${words} words`);
  }
  assertEquals(device.ioctl(ioctlNumber(0, 99, 0, "d")), -ENOTTY, "a call that nobody knows");
  enabled(t, device);
  assertEquals(device.ioctl(DATAFLOW_INIT_TRACK, fewest), -EBUSY, "a second INIT_TRACK");
  assertGreater(0, device.ioctl(DATAFLOW_ENABLE, 0), "a second ENABLE");
  device.disable();
  assertEquals(device.ioctl(DATAFLOW_DISABLE), -EINVAL, "a second DISABLE");
});

dataflowInterface.test("what_is_called_while_it_is_off_leaves_no_record", (t, opened) => {
  const device = enabled(t, opened);
  const seek = (batch: Batch) => batch.syscall(SYS.lseek, [-1, 0, 0]);
  assertGreater(trace(t, device, seek).records.length, 0, "records while it is on");
  device.disable();
  assertEquals(trace(t, device, seek).records, [], "records while it is off");
  device.enable();
  assertGreater(trace(t, device, seek).records.length, 0, "records once it is on again");
});
