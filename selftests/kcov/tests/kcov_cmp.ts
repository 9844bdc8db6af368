// SPDX-License-Identifier: MIT

/** What the records of mode CMP say about the comparisons that ran. */

import { assert, assertEquals, assertGreater, fail, inspect } from "../../harness/asserts.ts";
import { fixture } from "../../harness/fixtures.ts";
import { SYS } from "../../harness/guest.ts";
import { readCallTable } from "../calls.ts";
import {
  type Comparison,
  enableOrSkip,
  type Kcov,
  KCOV_TRACE_CMP,
  openMapped,
  readNothing,
} from "../kcov.ts";
import { kernelSymbols } from "../symbols.ts";

const BUFFER_WORDS = 64 * 1024;

export const kcovCmp = fixture("kcov_cmp", {
  file: "selftests/kcov/tests/kcov_cmp.ts",
  requires: ["kcov", "cmp"],
  variants: { base: {} },
  setup(t) {
    const symbols = kernelSymbols();
    const device = openMapped(t, BUFFER_WORDS);
    enableOrSkip(t, device, KCOV_TRACE_CMP);
    return { device, symbols };
  },
  teardown: ({ device }) => device.disable(),
});

function comparisonsOf(device: Kcov, number: number, args: readonly number[]): Comparison[] {
  const recording = device.recording((batch) => batch.syscall(number, args));
  return device.comparisons(recording.run());
}

kcovCmp.test("records_are_well_formed", (t, { device }) => {
  const text = new Uint8Array(4096);
  const recording = device.recording((batch) => {
    readNothing(batch);
    batch.syscall(SYS.getcwd, [text, text.length]);
    batch.syscall(SYS.uname, [text]);
    batch.syscall(SYS.prctl, [0x5eed1234]);
    batch.syscall(SYS.dup2, [-1, 5]);
  });
  const records = device.comparisons(recording.run());
  t.log(`${records.length} records`);
  assertGreater(records.length, 10, "records of five system calls");
  const table = readCallTable("cmp");
  for (const record of records) {
    assertEquals(
      record.type & ~7n,
      0n,
      `bits of the type that have no meaning: ${inspect(record)}`,
    );
    const limit = 1n << BigInt(8 * record.sizeBytes);
    assert(
      record.arg1 < limit && record.arg2 < limit,
      `operand wider than ${record.sizeBytes} bytes: ${inspect(record)}`,
    );
    assert(table.has(record.pc), `no call returns to the PC: ${inspect(record)}`);
  }
  assert(records.some(({ isConst }) => isConst), "no comparison with a constant");
  assert(records.some(({ sizeBytes }) => sizeBytes === 4), "no comparison of four bytes");
});

kcovCmp.test("read_gives_the_same_records_each_time", (t, { device, symbols }) => {
  const recording = device.recording((batch) => readNothing(batch));
  const once = device.comparisons(recording.run());
  t.log(once.map(({ pc, arg1, arg2 }) => `${symbols.nameOf(pc)}(${arg1}, ${arg2})`).join(" "));
  assertGreater(once.length, 0, "records of read(-1)");
  const runs = new Map<string, number>();
  for (let again = 0; again < 100; again++) {
    const records = inspect(device.comparisons(recording.run()).map(inspect));
    runs.set(records, (runs.get(records) ?? 0) + 1);
  }
  // A context switch inside the window is rare and adds records of its own, to the first run as well.
  assertGreater(Math.max(...runs.values()), 90, "runs of 100 with the same records");
});

kcovCmp.test("a_switch_shows_its_cases_and_our_value", (_t, { device, symbols }) => {
  // prctl() switches over its first argument, an int. Options of include/uapi/linux/prctl.h:
  const PR_SET_PDEATHSIG = 1n;
  const PR_SET_NAME = 15n;
  const PR_GET_NAME = 16n;
  for (const option of [0x5eed1234, 0x12345678]) {
    const records = comparisonsOf(device, SYS.prctl, [option])
      .filter(({ pc }) => symbols.nameOf(pc)?.includes("prctl"));
    const ours = records.filter(({ arg2 }) => arg2 === BigInt(option));
    const cases = ours.map(({ arg1 }) => arg1);
    for (const constant of [PR_SET_PDEATHSIG, PR_SET_NAME, PR_GET_NAME]) {
      assert(
        cases.includes(constant),
        `no case ${constant} against ${option}: ${inspect(records)}`,
      );
    }
    assert(ours.every(({ isConst }) => isConst), `a case that is no constant: ${inspect(ours)}`);
    for (const place of new Set(ours.map(({ pc }) => pc))) {
      // clang sorts the cases of a switch, so anything else that is taken for one shows.
      const here = ours.filter(({ pc }) => pc === place).map(({ arg1 }) => arg1);
      const sorted = [...new Set(here)].sort((a, b) => a < b ? -1 : 1);
      assertEquals(here, sorted, "cases of one switch, in the order of their values");
    }
  }
});

kcovCmp.test("a_comparison_with_a_constant_shows_the_constant", (_t, { device, symbols }) => {
  // personality() compares its argument, an unsigned int, with 0xffffffff.
  const current = 0;
  const records = comparisonsOf(device, SYS.personality, [current])
    .filter(({ pc }) => symbols.nameOf(pc)?.endsWith("sys_personality"));
  const record = records.find(({ arg1, arg2 }) => arg1 === 0xffffffffn && arg2 === BigInt(current));
  if (record === undefined) fail(`0xffffffff is not compared with 0: ${inspect(records)}`);
  assert(record.isConst, `operand of personality() is not marked constant: ${inspect(record)}`);
  assertEquals(record.sizeBytes, 4, "size of the operands of personality()");
});

kcovCmp.test("a_comparison_of_two_arguments_shows_both", (_t, { device, symbols }) => {
  // dup2() compares its two arguments, both unsigned int.
  const [oldFd, newFd] = [0x3a5a, 0x2b5b];
  const records = comparisonsOf(device, SYS.dup2, [oldFd, newFd]);
  const both = records.find(({ arg1, arg2 }) =>
    [arg1, arg2].includes(BigInt(oldFd)) && [arg1, arg2].includes(BigInt(newFd))
  );
  if (both === undefined) fail(`no comparison of both arguments of dup2(): ${inspect(records)}`);
  assertEquals(both.isConst, false, "constant operand in a comparison of two arguments");
  assertEquals(both.sizeBytes, 4, "size of the operands of dup2()");
  const name = symbols.nameOf(both.pc) ?? "";
  assert(/dup[23]$/.test(name), `both arguments of dup2() are compared in ${name}`);
});
