// SPDX-License-Identifier: MIT

/**
 * System calls of the kernel itself: what went in and what came out, by the names of their functions, and
 * which files of the kernel have records at all.
 */

import { GUEST_PATHS } from "../../contract/cell.ts";
import type { DataflowRecord } from "../../contract/dataflow.ts";
import { assert, assertEquals, fail, hex } from "../../harness/asserts.ts";
import type { Batch, Step } from "../../harness/batch.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  AT_FDCWD,
  close,
  cString,
  ERRNO,
  guest,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDONLY,
  open,
  SYS,
} from "../../harness/guest.ts";
import {
  type Dataflow,
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  kernelFunctionOf,
  openMappedDataflow,
} from "../dataflow.ts";
import { recordText, word } from "../dataflow_module.ts";
import { undisturbed } from "../windows.ts";

const RING_WORDS = 256 * 1024;
const SEEK_SET = 0;
/** No such whence. */
const SEEK_WRONG = 77;

/** Fields of struct pt_regs (asm/ptrace.h of x86-64): positions of some, how many there are, bytes. */
const REGS = { dx: 12, si: 13, di: 14, origAx: 15, count: 21, bytes: 168 } as const;

export const dataflowFiles = fixture("dataflow_files", {
  file: "selftests/kcov/tests/dataflow_files.ts",
  requires: DATAFLOW_REQUIRES,
  variants: DATAFLOW_MODES,
  setup: (t, _mode: DataflowMode) => openMappedDataflow(t, RING_WORDS).enable(),
  teardown: (device) => device.disable(),
});

/** Records of one call, and what it returned. */
function trace(device: Dataflow, call: (batch: Batch) => Step) {
  let returned: () => bigint = () => 0n;
  const records = device.records((batch) => {
    const step = call(batch);
    returned = () => batch.result(step);
  });
  const of = (name: string): readonly DataflowRecord[] =>
    records.filter((record) => kernelFunctionOf(record) === name);
  return { records, of, result: returned() };
}

/** The one record of some; fails with all of them where there are more or fewer. */
function only(name: string, records: readonly DataflowRecord[]): DataflowRecord {
  const [record, ...more] = records;
  if (record === undefined || more.length > 0) {
    fail(`${name}: ${records.length} records: ${records.map((one) => recordText(name, one))}`);
  }
  return record;
}

const withType = (records: readonly DataflowRecord[], type: DataflowRecord["type"]) =>
  records.filter((record) => record.type === type);

dataflowFiles.test("lseek_shows_its_registers_and_its_result", (t, device, mode) => {
  const file = open(GUEST_PATHS.cell, O_RDONLY);
  t.cleanup(() => close(file));
  const NAME = "__x64_sys_lseek";
  const calls = [
    [file, 0x123456n, SEEK_SET],
    [file, 0x123456789abcn, SEEK_SET],
    [file, 0x123456n, SEEK_WRONG],
    [-1, 5n, SEEK_SET],
  ] as const;
  const results = [0x123456n, 0x123456789abcn, -BigInt(ERRNO.EINVAL), -BigInt(ERRNO.EBADF)];
  calls.forEach(([fd, offset, whence], at) => {
    const { of, result } = trace(
      device,
      (batch) => batch.syscall(SYS.lseek, [fd, offset, whence]),
    );
    const what = `lseek(${fd}, ${hex(offset)}, ${whence})`;
    assertEquals(result, results[at]!, `what ${what} returned`);
    const entry = only(NAME, withType(of(NAME), "entry"));
    const back = only(NAME, withType(of(NAME), "return"));
    assertEquals(
      [back.index, back.size, back.address, back.values],
      [0, 8, 0n, [word(result)]],
      `record of the return of ${what}`,
    );
    assertEquals(entry.index, 0, "index of the argument");
    if (!mode.fields) {
      assertEquals([entry.size, entry.address], [8, 0n], "size and address of a pointer");
      assert(entry.values[0]! >> 47n === 0x1ffffn, `registers at ${hex(entry.values[0]!)}`);
      return;
    }
    assert(entry.address >> 47n === 0x1ffffn, `registers at ${hex(entry.address)}`);
    assertEquals([entry.size, entry.values.length], [REGS.bytes, REGS.count], "size, fields");
    const { di, si, dx, origAx } = REGS;
    assertEquals(
      [di, si, dx, origAx].map((field) => entry.values[field]!),
      [word(fd), offset, BigInt(whence), BigInt(SYS.lseek)],
      `registers of ${what}`,
    );
  });
});

dataflowFiles.test("the_first_record_is_that_of_the_call_and_the_last_its_return", (t, device) => {
  undisturbed(t, () => {
    const { records } = trace(device, (batch) => batch.syscall(SYS.lseek, [-1, 7, 0]));
    const [first, last] = [records[0]!, records.at(-1)!];
    assertEquals(
      [kernelFunctionOf(first), first.type, kernelFunctionOf(last), last.type],
      ["__x64_sys_lseek", "entry", "__x64_sys_lseek", "return"],
      "functions and types of the first and the last record",
    );
    assertEquals(last.values, [word(-ERRNO.EBADF)], "what the call returned");
  });
});

dataflowFiles.test("pipe2_shows_its_pointer_its_flags_and_its_error", (_t, device) => {
  const ends = new Int32Array(2);
  const NAME = "do_pipe2";
  const good = O_CLOEXEC | O_NONBLOCK;
  for (const [flags, error] of [[good, 0], [1, ERRNO.EINVAL]] as const) {
    const { of, result } = trace(device, (batch) => batch.syscall(SYS.pipe2, [ends, flags]));
    assertEquals(result, BigInt(-error), `what pipe2 returned for flags 0x${flags.toString(16)}`);
    if (error === 0) ends.forEach(close);
    const texts = of(NAME).map((record) => recordText(NAME, record));
    const value = (type: DataflowRecord["type"], index: number, size: number, is: bigint) =>
      recordText(NAME, { type, index, size, address: 0n, values: [is] });
    assertEquals(texts, [
      value("entry", 0, 8, BigInt(guest().address(ends))),
      value("entry", 1, 4, BigInt(flags)),
      value("return", 0, 4, word(-error) & 0xffffffffn),
    ], `records of ${NAME}`);
  }
});

/** Calls of several files. */
function severalCalls(batch: Batch): Step {
  const text = new Uint8Array(512);
  batch.syscall(SYS.openat, [AT_FDCWD, cString("/proc/self/status"), O_RDONLY, 0]);
  batch.syscall(SYS.getcwd, [text, text.length]);
  batch.syscall(SYS.getsid, [0]);
  batch.syscall(SYS.personality, [0xffffffff]);
  batch.syscall(SYS.umask, [0o22]);
  batch.syscall(SYS.dup2, [-1, 5]);
  return batch.syscall(SYS.lseek, [-1, 0, 0]);
}

/** Names of functions that a ring has records of, of several calls. */
function functionsOfCalls(device: Dataflow): ReadonlySet<string> {
  const { records } = trace(device, severalCalls);
  return new Set(records.map(kernelFunctionOf));
}

/** Calls of {@link severalCalls} by their first functions, in files that no cell has chosen. */
const UNCHOSEN = ["__x64_sys_getsid", "__x64_sys_personality", "__x64_sys_umask"];

dataflowFiles.test("files_that_were_not_chosen_have_no_records", (t, device) => {
  const names = functionsOfCalls(device);
  t.log([...names].join(" "));
  assert(names.has("__x64_sys_lseek"), "no record of the file that was chosen");
  assertEquals(UNCHOSEN.filter((name) => names.has(name)), [], "functions of other files");
}, { requires: ["dataflow-chosen"] });

dataflowFiles.test("all_files_have_records", (t, device) => {
  const names = functionsOfCalls(device);
  t.log(`${names.size} functions`);
  assertEquals(
    [...UNCHOSEN, "__x64_sys_lseek", "__x64_sys_openat"].filter((name) => !names.has(name)),
    [],
    "functions without a record",
  );
}, { requires: ["dataflow-all"] });

/**
 * Functions of files that the tree leaves out: mm/maccess.c of this alone, the others of KCOV as a whole
 * (kernel/sched/, mm/slub.c, lib/string.c, kernel/kcov.c).
 */
const LEFT_OUT =
  /^(copy_from_kernel_nofault|(__)?schedule$|try_to_wake_up|kmem_cache_(alloc|free)|kfree$|strn?len$|kcov_)/;

dataflowFiles.test("files_that_are_left_out_have_no_records", (_t, device) => {
  const wrong: string[] = [];
  for (let round = 0; round < 3; round++) {
    wrong.push(...[...functionsOfCalls(device)].filter((name) => LEFT_OUT.test(name)));
    // Gives the CPU away and comes back.
    const time = new BigInt64Array([0n, 300_000n]);
    const { records } = trace(device, (batch) => {
      batch.syscall(SYS.nanosleep, [time, 0]);
      return batch.syscall(SYS.schedYield);
    });
    wrong.push(...records.map(kernelFunctionOf).filter((name) => LEFT_OUT.test(name)));
  }
  assertEquals(wrong, [], "functions of files that are left out");
});
