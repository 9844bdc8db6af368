// SPDX-License-Identifier: MIT

/**
 * Pointers to structures (selftests/modules/kmatrix_dataflow/structs.c): the fields where the kernel
 * expands them, to the bit, and nothing of what lies between them; the pointer where it does not.
 */

import { DATAFLOW_BAD } from "../../contract/dataflow.ts";
import { assert, assertEquals, assertGreater } from "../../harness/asserts.ts";
import { fixture } from "../../harness/fixtures.ts";
import { guest, presentWords } from "../../harness/guest.ts";
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

/** struct df_widths: sizes of its fields, and its own. */
const WIDTHS = [1, 1, 2, 2, 4, 4, 8, 8, 1, 8];
const WIDTHS_BYTES = 48;
/** Values for them: negative where they are signed, each with its highest bit set or not. */
const ROWS: readonly (readonly bigint[])[] = [
  [0xf1n, -2n, 0xf2f3n, -4n, 0xf4f5f6f7n, -6n, 0xf8f9fafbfcfdfeffn, -8n, 1n, 0xffff888011223344n],
  [0x11n, 0x22n, 0x3344n, 0x5566n, 0x77n, 0x66554433n, 0n, 0x1122334455667788n, 0n, 0n],
];
const fieldsOf = (row: readonly bigint[]) => row.map((value, at) => cut(value, WIDTHS[at]!));
/** The bytes that the module fills objects with before it sets their fields. */
const PADDING = 0x5a5a5a5an;

/** Addresses of the kernel, where its stacks and objects are. */
const isKernelAddress = (address: bigint) => address >> 47n === 0x1ffffn;

interface Context {
  readonly module: DataflowModule;
  readonly device: Dataflow;
}

export const dataflowFields = fixture("dataflow_fields", {
  file: "selftests/kcov/tests/dataflow_fields.ts",
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: DATAFLOW_MODES,
  setup(t, _mode: DataflowMode): Context {
    const module = loadDataflowModule(t);
    return { module, device: openMappedDataflow(t, RING_WORDS).enable() };
  },
  teardown: ({ device }) => device.disable(),
});

/** Runs a command whose function takes one pointer to what the fields are of. */
function assertObject(
  { module, device }: Context,
  mode: DataflowMode,
  [command, name]: readonly [command: string, name: string],
  numbers: readonly bigint[],
  [bytes, fields]: readonly [bytes: number, fields: readonly bigint[]],
): bigint {
  const { texts, result } = module.call(device, command, ...numbers);
  const expected = new Expected(name, mode);
  const address = pointerOf(result);
  assertEquals(
    texts,
    [expected.object(0, bytes, fields, address), expected.returns(8, result)],
    `records of ${name}`,
  );
  return address;
}

dataflowFields.test("fields_of_every_width", (_t, context, mode) => {
  for (const row of ROWS) {
    const what = [WIDTHS_BYTES, fieldsOf(row)] as const;
    const address = assertObject(context, mode, ["widths", "df_take_widths"], row, what);
    assert(isKernelAddress(address), `the object is at ${address.toString(16)}`);
  }
});

dataflowFields.test("typedef_const_and_volatile_change_nothing", (_t, context, mode) => {
  const what = [WIDTHS_BYTES, fieldsOf(ROWS[0]!)] as const;
  assertObject(context, mode, ["widths_typedef", "df_take_typedef"], ROWS[0]!, what);
});

dataflowFields.test("nested_ones_give_their_first_eight_bytes", (_t, context, mode) => {
  const numbers = [
    ...[0xa1a2a3a4n, 0xb1b2b3b4n, 0xc1c2c3c4c5c6c7c8n, 0xd1n, 0xe1e2n],
    ...[0x0807060504030201n, 0x100f0e0d0c0b0a09n, 0xf1f2f3f4n, 3n],
  ];
  const fields = [
    0xa1a2a3a4n,
    // struct df_inner: x, and the bytes up to y.
    PADDING << 32n | 0xb1b2b3b4n,
    0xe1e2n,
    // An array of sixteen bytes.
    0x0807060504030201n,
    // A union.
    0xf1f2f3f4n,
    // Behind this one comes an array of no size, which is no field.
    3n,
  ];
  assertObject(context, mode, ["outer", "df_take_outer"], numbers, [64, fields]);
});

dataflowFields.test("bit_fields_are_the_bytes_around_them", (_t, context, mode) => {
  const rows = [[0x1122334455667788n, 0x99aabbccddeeff01n], [0n, -1n], [-1n, 0n]] as const;
  for (const [first, second] of rows) {
    const bytes = (word: bigint, from: number, count: number) =>
      cut(cut(word, 8) >> BigInt(8 * from), count);
    const fields = [
      ...[bytes(first, 0, 1), bytes(first, 0, 2), bytes(first, 1, 3), bytes(first, 4, 2)],
      ...[bytes(second, 0, 5), bytes(second, 5, 3)],
    ];
    assertObject(context, mode, ["bits", "df_take_bits"], [first, second], [16, fields]);
  }
});

dataflowFields.test("a_long_structure_is_cut_where_a_table_ends", (t, context, mode) => {
  const { module, device } = context;
  const FIELDS = 70;
  // struct pt_regs has 21, and KCOV_DATAFLOW_MAX_FIELDS is 64 at most.
  const [least, most] = [21, 64];
  const first = 0x0102030405060708n;
  const { records, texts, result } = module.call(device, "many", first);
  assertEquals(records.length, 2, `records of df_take_many: ${texts.join("; ")}`);
  const count = records[0]!.values.length;
  t.log(`${count} of ${FIELDS} fields`);
  if (mode.fields) {
    assert(count >= least && count <= most, `${count} fields, of ${least} to ${most}`);
  }
  const expected = new Expected("df_take_many", mode);
  const fields = Array.from({ length: count }, (_, at) => first + BigInt(at));
  assertEquals(texts, [
    // The size is more than 255, which is the most that a record can say.
    expected.object(0, 8 * FIELDS, fields, pointerOf(result)),
    expected.returns(8, result),
  ], "records of df_take_many");
});

dataflowFields.test("each_structure_has_a_table_of_its_own", (_t, { module, device }, mode) => {
  const [a, b, first, second, number, x, y] = [
    ...[0x1111111122222222n, 0x3333333344444444n, 0x0807060504030201n, 0x100f0e0d0c0b0a09n],
    ...[0xbeefn, 0x55555555n, 0x66666666n],
  ] as const;
  const { texts, records, result } = module.call(
    device,
    "three",
    a,
    b,
    first,
    second,
    number,
    x,
    y,
  );
  const expected = new Expected("df_take_three", mode);
  // On the stack of the caller: where, only the records tell.
  const [one, two, three] = [0, 2, 3].map((at) => {
    const record = records[at];
    return (mode.fields ? record?.address : record?.values[0]) ?? 0n;
  }) as [bigint, bigint, bigint];
  for (const address of [one, two, three]) {
    assert(isKernelAddress(address), `an object is at ${address.toString(16)}`);
  }
  assertEquals(texts, [
    expected.object(0, 16, [a, b], one),
    expected.entry(1, 2, number),
    expected.object(2, 16, [0x01n, 0x0201n, 0x040302n, 0x0605n, 0x0d0c0b0a09n, 0x100f0en], two),
    expected.object(3, 8, [x, y], three),
    expected.returns(8, result),
  ], "records of df_take_three");
  assertEquals(new Set([one, two, three]).size, 3, "addresses of three objects");
});

dataflowFields.test("pointers_to_nothing_that_is_known_are_values", (_t, context, mode) => {
  const { module, device } = context;
  // void, char, a pointer, a function, a structure without a body: nobody looks where they point.
  const numbers = [0n, -22n, 0x7ffff0000000n, 0xffffffff81000000n, 0xffff888000001234n];
  const { texts, result } = module.call(device, "pointers", ...numbers);
  const expected = new Expected("df_take_pointers", mode);
  assertEquals(texts, [
    ...numbers.map((number, index) => expected.entry(index, 8, number)),
    expected.returns(8, result),
  ], "records of df_take_pointers");
});

/** Records of df_take_widths() for an address where nothing can be read. */
function assertUnreadable({ module, device }: Context, mode: DataflowMode, address: bigint): void {
  const { texts, result } = module.call(device, "widths_at", address);
  const expected = new Expected("df_take_widths", mode);
  assertEquals(pointerOf(result), cut(address, 8), "the pointer that the function got");
  assertEquals(texts, [
    expected.unreadable(0, WIDTHS_BYTES, WIDTHS.length, cut(address, 8)),
    expected.returns(8, result),
  ], `records for 0x${cut(address, 8).toString(16)}`);
}

dataflowFields.test("null_has_no_fields", (_t, context, mode) => {
  // And its neighbours, which are as good as NULL.
  for (const address of [1n, 8n, 0xfffn]) assertUnreadable(context, mode, address);
  const { module, device } = context;
  const { texts, result } = module.call(device, "widths_at", 0);
  const expected = new Expected("df_take_widths", mode);
  assertEquals(texts, [
    expected.unreadable(0, WIDTHS_BYTES, WIDTHS.length, 0n),
    expected.returns(8, result),
  ], "records for NULL");
});

dataflowFields.test("an_error_pointer_has_no_fields", (_t, context, mode) => {
  for (const error of [-1n, -22n, -4095n]) assertUnreadable(context, mode, error);
});

dataflowFields.test("userspace_has_no_fields_although_it_is_there", (_t, context, mode) => {
  const words = presentWords(4096);
  words.fill(0x1122334455667788n);
  assertUnreadable(context, mode, BigInt(guest().address(words)));
  // Nothing mapped there.
  assertUnreadable(context, mode, 0x123456789000n);
});

dataflowFields.test("addresses_that_the_cpu_refuses_have_no_fields", (_t, context, mode) => {
  for (const address of [0x0000800000000000n, 0x8000000000000000n, 0xffff7fffffffffffn]) {
    assertUnreadable(context, mode, address);
  }
});

dataflowFields.test("a_page_that_is_gone_has_no_fields", (_t, { module, device }, mode) => {
  for (let round = 0; round < 3; round++) {
    const { texts, result } = module.call(device, "widths_freed", ...ROWS[0]!);
    const expected = new Expected("df_take_widths", mode);
    assertEquals(texts, [
      expected.unreadable(0, WIDTHS_BYTES, WIDTHS.length, pointerOf(result)),
      expected.returns(8, result),
    ], "records for a page that was given back");
  }
});

dataflowFields.test("a_structure_across_the_end_of_a_page_has_some", (_t, context, mode) => {
  const { module, device } = context;
  // Offsets of the fields; how many bytes are there.
  const ENDS = [1, 2, 4, 6, 12, 16, 24, 32, 33, 48];
  for (const there of [1, 3, 6, 11, 16, 24, 31, 33, 47, 48]) {
    const row = ROWS[0]!;
    const { texts, result } = module.call(device, "widths_edge", BigInt(there), ...row);
    const expected = new Expected("df_take_widths", mode);
    const fields = fieldsOf(row).map((value, at) => ENDS[at]! <= there ? value : DATAFLOW_BAD);
    assertEquals(texts, [
      expected.object(0, WIDTHS_BYTES, fields, pointerOf(result)),
      expected.returns(8, result),
    ], `records of a structure of which ${there} bytes are there`);
  }
});

dataflowFields.test("memory_of_nobody_is_read_without_a_complaint", (_t, context, mode) => {
  // What stands there is anything; a sanitizer would tell of who looks.
  const { module, device } = context;
  const { records, result } = module.call(device, "widths_slab", ...ROWS[0]!);
  assertEquals(records.length, 2, "records of df_take_widths");
  const [{ values, address }] = records as [typeof records[0]];
  if (mode.fields) {
    assertEquals([values.length, address], [WIDTHS.length, pointerOf(result)], "fields, address");
  } else assertEquals([values, address], [[pointerOf(result)], 0n], "value, address");
});

dataflowFields.test("a_pointer_that_is_returned_has_its_fields_of_then", (_t, context, mode) => {
  const { module, device } = context;
  const [row, e] = [ROWS[1]!, 0xdeadbeefn];
  const { texts, result } = module.call(device, "give", ...row, e);
  const before = fieldsOf(row);
  const after = before.map((value, at) => at === 4 ? e : value);
  const expected = new Expected("df_give_widths", mode);
  assertEquals(texts, [
    expected.object(0, WIDTHS_BYTES, before, result),
    expected.entry(1, 4, e),
    expected.object(null, WIDTHS_BYTES, after, result),
  ], "records of df_give_widths");
});

dataflowFields.test("an_error_that_is_returned_as_a_pointer_is_one", (_t, context, mode) => {
  const { module, device } = context;
  for (const error of [-22n, -12n]) {
    const { texts, result } = module.call(device, "give_error", error);
    const expected = new Expected("df_give_error", mode);
    assertEquals(result, cut(error, 8), "what the function returned");
    assertEquals(texts, [
      expected.entry(0, 4, error),
      expected.unreadable(null, WIDTHS_BYTES, WIDTHS.length, result),
    ], "records of df_give_error");
  }
});

dataflowFields.test("faults_while_fields_are_read_leave_no_records", (t, { module, device }) => {
  // The kernel's own functions that serve the fault are no part of what the task does. In a kernel
  // that instruments them they would be seen here, or a number be missing.
  let records = 0;
  for (let round = 0; round < 20; round++) {
    const lines = device.records((batch) => module.lineIn(batch, "widths_at ffffffffffffffea"));
    records += lines.length;
    const [first, second, ...more] = module.ownOf(lines);
    assertEquals(more.length, 0, "further records of the module");
    assert(first !== undefined && second !== undefined, "records of df_take_widths are missing");
    const between = second.number - first.number & 0xffffff;
    assertEquals(between, 1, "how far the record of the return is behind that of the argument");
  }
  assertGreater(records, 40, "records of twenty calls");
  t.log(`${records} records`);
});
