// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type DataflowRecord, encodeDataflow } from "./dataflow.ts";
import { dataflowLayout, decodeEitherDataflow } from "./dataflow_posted.ts";

/** As the public series' own sources write them: an int argument, and two fields. */
const RING = BigUint64Array.of(
  ...[9n, 0xe1000001n, 0xffffffff81000010n, 0x0104_c90000123450n, 0x1234n],
  ...[0xf2000002n, 0xffffffff81000010n, 0x0010_888000345678n, 7n, 8n],
  ...[0n, 0n],
);

Deno.test("decodeEitherDataflow() reads records of the second posting", () => {
  assert.equal(dataflowLayout(RING), "posted");
  const { records, fault } = decodeEitherDataflow(RING);
  assert.equal(fault, null);
  assert.deepEqual(records, [
    {
      ...{ type: "entry", number: 1, index: 1, size: 4, pc: 0xffffffff81000010n },
      ...{ address: 0xc90000123450n, values: [0x1234n] },
    },
    {
      ...{ type: "return", number: 2, index: 0, size: 16, pc: 0xffffffff81000010n },
      ...{ address: 0x888000345678n, values: [7n, 8n] },
    },
  ]);
});

Deno.test("decodeEitherDataflow() reads the later layout as it is read elsewhere", () => {
  const record: DataflowRecord = {
    ...{ type: "entry", number: 0, index: 0, size: 4, pc: 0xffffffff81000010n, address: 0n },
    values: [7n],
  };
  const ring = encodeDataflow([record], 8);
  assert.equal(dataflowLayout(ring), "later");
  assert.deepEqual(decodeEitherDataflow(ring), { records: [record], fault: null });
  // Of a first argument that nobody knows the number of values alone stands above.
  assert.equal(dataflowLayout(encodeDataflow([{ ...record, size: 0 }], 8)), "later");
  for (const empty of [BigUint64Array.of(), BigUint64Array.of(0n), new BigUint64Array(9)]) {
    assert.equal(dataflowLayout(empty), "later");
  }
  assert.deepEqual(decodeEitherDataflow(new BigUint64Array(9)), { records: [], fault: null });
});

Deno.test("decodeEitherDataflow() stops at what is no record of the second posting", () => {
  const faults = (at: number, word: bigint) => {
    const ring = RING.slice();
    ring[at] = word;
    const { records, fault } = decodeEitherDataflow(ring);
    return [records.length, fault?.kind, fault?.at];
  };
  assert.deepEqual(faults(0, 12n), [0, "count", 0]);
  assert.deepEqual(faults(0, 8n), [1, "cut", 5]);
  assert.deepEqual(faults(5, 0xd2000002n), [1, "type", 5]);
  // The later layout's word, and the first posting's, which tells no number of values.
  assert.deepEqual(faults(5, 0x0002_f0000002n << 0n | 1n << 48n), [1, "type", 5]);
  assert.deepEqual(faults(5, 0xf0000002n), [1, "empty", 5]);
});
