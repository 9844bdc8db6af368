// SPDX-License-Identifier: MIT

/**
 * Arguments and return values of every width, to the bit
 * (selftests/modules/kmatrix_dataflow/sums.c): each function's records, and no other of the module.
 */

import { assertEquals } from "../../harness/asserts.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import {
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  openMappedDataflow,
} from "../dataflow.ts";
import { cut, Expected, loadDataflowModule } from "../dataflow_module.ts";

const FILE = "selftests/kcov/tests/dataflow_values.ts";
const RING_WORDS = 128 * 1024;

function prepare(t: TestContext) {
  const module = loadDataflowModule(t);
  return { module, device: openMappedDataflow(t, RING_WORDS).enable() };
}

export const dataflowValues = fixture("dataflow_values", {
  file: FILE,
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: DATAFLOW_MODES,
  setup: (t, _mode: DataflowMode) => prepare(t),
  teardown: ({ device }) => device.disable(),
});

/** The published test's: 0x11, 0x22, … and what two, three, … of them come to. */
const PUBLISHED = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88].map(BigInt);
const PUBLISHED_SUMS = [0x33, 0x66, 0xaa, 0xff, 0x165, 0x1dc, 0x264].map(BigInt);

/** Another byte at each place, the highest bit set and not, of each width. */
const NUMBERS: readonly (readonly bigint[])[] = [
  PUBLISHED,
  [
    ...[0x1122334455667788n, 0x99aabbccddeeff01n, 0xfedcba9876543210n, 0x0f1e2d3c4b5a6978n],
    ...[0x8000000080008080n, 0xffffffffffffffffn, 0n, 0x7fffffff7fff7f7fn],
  ],
  Array.from({ length: 8 }, () => -1n),
];

/** Sum in a type of so many bytes, as bits. */
const sumOf = (numbers: readonly bigint[], bytes: number) =>
  cut(numbers.reduce((sum, number) => sum + cut(number, bytes), 0n), bytes);

const WIDTHS = { u8: 1, s8: 1, u16: 2, s16: 2, u32: 4, s32: 4, u64: 8, s64: 8 } as const;

interface WidthVariant extends DataflowMode {
  readonly type: keyof typeof WIDTHS;
}

/** Each type in each kind of kernel. */
const widthVariants = Object.fromEntries(
  Object.entries(DATAFLOW_MODES).flatMap(([name, mode]) =>
    Object.keys(WIDTHS).map((type) => [`${name}_${type}`, { ...mode, type }])
  ),
) as Readonly<Record<string, WidthVariant>>;

export const dataflowWidths = fixture("dataflow_widths", {
  file: FILE,
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: widthVariants,
  setup: (t, _variant: WidthVariant) => prepare(t),
  teardown: ({ device }) => device.disable(),
});

dataflowWidths.test("one_to_eight_arguments", (_t, { module, device }, variant) => {
  const { type } = variant;
  const bytes = WIDTHS[type];
  for (const numbers of NUMBERS) {
    for (let count = 1; count <= numbers.length; count++) {
      const given = numbers.slice(0, count);
      const expected = new Expected(`df_${type}_${count}`, variant);
      const sum = sumOf(given, bytes);
      const { texts, result } = module.call(device, type, ...given);
      assertEquals(texts, [
        ...given.map((number, index) => expected.entry(index, bytes, number)),
        expected.returns(bytes, sum),
      ], `records of ${count} arguments`);
      assertEquals(cut(result, bytes), sum, `what the function returned for ${count} arguments`);
    }
  }
});

dataflowValues.test("the_published_sums_of_two_to_eight_arguments", (_t, context) => {
  const { module, device } = context;
  const sums = PUBLISHED_SUMS.map((_, index) => {
    const { records } = module.call(device, "u64", ...PUBLISHED.slice(0, index + 2));
    return records.at(-1)!.values[0]!;
  });
  assertEquals(sums, PUBLISHED_SUMS, "return values of 0x11 + 0x22 + …");
});

dataflowValues.test("one_to_eight_arguments_of_bool", (_t, { module, device }, mode) => {
  const patterns = [0xff, 0x00, 0x55, 0xaa, 0x01, 0x80, 0x37];
  for (const pattern of patterns) {
    for (let count = 1; count <= 8; count++) {
      const given = Array.from({ length: count }, (_, index) => pattern >> index & 1);
      const odd = given.reduce((parity, bit) => parity ^ bit, 0);
      const expected = new Expected(`df_bool_${count}`, mode);
      // What is not 0 is true: a bool is 0 or 1.
      const numbers = given.map((bit, index) => bit << (index + 1));
      const { texts, result } = module.call(device, "bool", ...numbers);
      assertEquals(texts, [
        ...given.map((bit, index) => expected.entry(index, 1, bit)),
        expected.returns(1, odd),
      ], `records of ${count} arguments of bool`);
      assertEquals(result, BigInt(odd), `what the function returned for ${count} of bool`);
    }
  }
});

dataflowValues.test("arguments_of_all_widths_in_one_function", (_t, { module, device }, mode) => {
  const expected = new Expected("df_mixed", mode);
  const sizes = [1, 8, 2, 4, 1, 1, 8, 2];
  const rows: readonly (readonly bigint[])[] = [
    [0xf1n, -2n, 0xf2f3n, -4n, 1n, -5n, 0x1122334455667788n, -7n],
    [0x11n, 0x7766554433221100n, 0x2233n, 0x44556677n, 0n, 0x22n, 5n, 0x3344n],
  ];
  for (const row of rows) {
    const { texts, result } = module.call(device, "mixed", ...row);
    const sum = cut(row.reduce((total, number) => total + number, 0n), 8);
    assertEquals(texts, [
      ...row.map((number, index) => expected.entry(index, sizes[index]!, number)),
      expected.returns(8, sum),
    ], "records of df_mixed");
    assertEquals(result, sum, "what df_mixed returned");
  }
});

dataflowValues.test("a_record_says_the_same_each_time", (_t, { module, device }) => {
  const first = module.call(device, "s16", -3, 0x7fff, 9);
  for (let round = 0; round < 50; round++) {
    const again = module.call(device, "s16", -3, 0x7fff, 9);
    assertEquals(again.texts, first.texts, `records of round ${round}`);
    const pcs = (call: typeof first) => call.records.map(({ pc }) => pc);
    assertEquals(pcs(again), pcs(first), `PCs of round ${round}`);
  }
});
