// SPDX-License-Identifier: MIT

/**
 * Structures by value (selftests/modules/kmatrix_dataflow/structs.c): a record for each register of one
 * that is split up, in order; the object where it lies in memory.
 */

import type { DataflowRecord } from "../../contract/dataflow.ts";
import { assert, assertEquals, fail, inspect } from "../../harness/asserts.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  type Dataflow,
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  openMappedDataflow,
} from "../dataflow.ts";
import {
  cut,
  type DataflowModule,
  Expected,
  loadDataflowModule,
  pointerOf,
} from "../dataflow_module.ts";

const RING_WORDS = 128 * 1024;
/** sizeof(struct df_big): three times eight bytes, four, and padding. */
const BIG_BYTES = 32;

interface Context {
  readonly module: DataflowModule;
  readonly device: Dataflow;
}

export const dataflowStructs = fixture("dataflow_structs", {
  file: "selftests/kcov/tests/dataflow_structs.ts",
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: DATAFLOW_MODES,
  setup(t, _mode: DataflowMode): Context {
    const module = loadDataflowModule(t);
    return { module, device: openMappedDataflow(t, RING_WORDS).enable() };
  },
  teardown: ({ device }) => device.disable(),
});

const [A, B] = [0x1122334455667788n, 0xfedcba9876543210n] as const;

dataflowStructs.test("one_in_two_registers", (_t, { module, device }, mode) => {
  const { texts, result } = module.call(device, "two", A, B, 0xc1c2c3c4n);
  const expected = new Expected("df_in_two_registers", mode);
  const sum = cut(A * 3n + B * 5n + 0xc1c2c3c4n, 8);
  assertEquals(result, sum, "what df_in_two_registers returned");
  assertEquals(texts, [
    ...[expected.entry(0, 8, A), expected.entry(0, 8, B)],
    expected.entry(1, 4, 0xc1c2c3c4n),
    expected.returns(8, sum),
  ], "records of df_in_two_registers");
});

dataflowStructs.test("one_in_one_register", (_t, { module, device }, mode) => {
  const [a, b, number] = [0xa1a2a3a4n, 0xb1b2b3b4n, 0xffffffffn] as const;
  const { texts, result } = module.call(device, "halves", a, b, number);
  const expected = new Expected("df_in_one_register", mode);
  assertEquals(result, a * 3n + b * 5n + number, "what df_in_one_register returned");
  assertEquals(texts, [
    expected.entry(0, 8, b << 32n | a),
    expected.entry(1, 4, number),
    expected.returns(8, result),
  ], "records of df_in_one_register");
});

dataflowStructs.test("one_in_two_registers_of_different_sizes", (_t, { module, device }, mode) => {
  const [before, b, after] = [0xd1n, 0xb1b2b3b4n, 0xe1e2n] as const;
  const { texts, result } = module.call(device, "uneven", before, A, b, after);
  const expected = new Expected("df_in_uneven_registers", mode);
  const sum = cut(before + A * 3n + b * 5n + after, 8);
  assertEquals(result, sum, "what df_in_uneven_registers returned");
  assertEquals(texts, [
    expected.entry(0, 1, before),
    ...[expected.entry(1, 8, A), expected.entry(1, 4, b)],
    expected.entry(2, 2, after),
    expected.returns(8, sum),
  ], "records of df_in_uneven_registers");
});

dataflowStructs.test("one_on_the_stack", (_t, { module, device }, mode) => {
  const [before, d, after] = [0xd1d2d3d4n, 0xe1e2e3e4n, 0xf1f2f3f4f5f6f7f8n] as const;
  const { texts, result } = module.call(device, "big", before, A, B, 7n, d, after);
  const expected = new Expected("df_on_the_stack", mode);
  assertEquals(texts, [
    expected.entry(0, 4, before),
    expected.inMemory(1, BIG_BYTES, [A, B, 7n, d], pointerOf(result)),
    expected.entry(2, 8, after),
    expected.returns(8, result),
  ], "records of df_on_the_stack");
});

dataflowStructs.test("one_that_is_returned_through_memory", (_t, { module, device }, mode) => {
  const d = 0xe1e2e3e4n;
  const { records, texts, result } = module.call(device, "memory", A, d);
  const expected = new Expected("df_through_memory", mode);
  assertEquals(result, cut(3n * A + 3n + d, 8), "sum of what df_through_memory returned");
  const last = records.at(-1) ?? fail("no records");
  const { address } = last;
  // The hidden parameter is none of the source: indices are those of a and d.
  assertEquals(texts, [
    expected.entry(0, 8, A),
    expected.entry(1, 4, d),
    expected.inMemory(null, BIG_BYTES, [A, A + 1n, A + 2n, d], address),
  ], "records of df_through_memory");
  if (mode.fields) assert(address >> 47n === 0x1ffffn, `it is at ${inspect(address)}`);
});

/** Records of a function of two numbers that returns in registers: one for each, in order. */
function assertReturned(
  { module, device }: Context,
  [command, expected]: readonly [command: string, expected: Expected],
  numbers: readonly (readonly [bytes: number, value: bigint])[],
  returned: readonly string[],
): readonly DataflowRecord[] {
  const { records, texts } = module.call(device, command, ...numbers.map(([, value]) => value));
  const given = numbers.map(([bytes, value], index) => expected.entry(index, bytes, value));
  assertEquals(texts, [...given, ...returned], `records of ${command}`);
  return records;
}

dataflowStructs.test("a_pair_that_is_returned", (_t, context, mode) => {
  const expected = new Expected("df_pair", mode);
  const records = assertReturned(context, ["pair", expected], [[8, A], [8, B]], [
    expected.returns(8, A + 1n),
    expected.returns(8, B + 2n),
  ]);
  const numbers = records.slice(-2).map(({ number }) => number);
  assertEquals(numbers[1]! - numbers[0]! & 0xffffff, 1, "distance of the two records");
});

dataflowStructs.test("an_uneven_pair_that_is_returned", (_t, context, mode) => {
  const expected = new Expected("df_uneven_pair", mode);
  const b = 0xb1b2b3b4n;
  assertReturned(context, ["uneven_pair", expected], [[8, A], [4, b]], [
    expected.returns(8, A + 1n),
    expected.returns(4, b + 2n),
  ]);
});

dataflowStructs.test("one_register_that_is_returned", (_t, context, mode) => {
  const expected = new Expected("df_one_register", mode);
  const [a, b] = [0xa1a2a3a4n, 0xb1b2b3b4n] as const;
  assertReturned(context, ["one_register", expected], [[4, a], [4, b]], [
    expected.returns(8, b + 2n << 32n | a + 1n),
  ]);
});
