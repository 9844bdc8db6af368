// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  brokenNumber,
  DATAFLOW_BAD,
  DATAFLOW_HEAD_WORDS,
  dataflowFaultText,
  type DataflowRecord,
  decodeDataflow,
  encodeDataflow,
  walkDataflow,
} from "./dataflow.ts";

const PC = 0xffffffff81234567n;
const argument: DataflowRecord = {
  ...{ type: "entry", number: 5, index: 2, size: 4, pc: PC, address: 0n, values: [0xffffffean] },
};
const object: DataflowRecord = {
  ...{ type: "entry", number: 6, index: 0, size: 168, pc: PC, address: 0xffffc90000013f58n },
  values: [1n, DATAFLOW_BAD, 0xffffffffffffffffn],
};
const result: DataflowRecord = {
  ...{ type: "return", number: 7, index: 0, size: 8, pc: PC + 9n, address: 0n },
  values: [0xffffffffffffffean],
};
const ALL = [argument, object, result];

Deno.test("decodeDataflow() reads records word by word as the layout says", () => {
  const ring = new BigUint64Array([
    ...[10n, 0x0204_0001_e000_0005n, PC, 0n, 0xffffffean],
    ...[0xff_ff_0003_f0ff_ffffn, PC, 0x1122n, 1n, 2n, 3n],
    ...[0x5e5en, 0x5e5en],
  ]);
  const { records, fault } = decodeDataflow(ring);
  assert.equal(fault, null);
  assert.deepEqual(records[0], argument);
  const last = {
    type: "return",
    number: 0xffffff,
    index: 255,
    size: 255,
    pc: PC,
    address: 0x1122n,
  };
  assert.deepEqual(records[1], { ...last, values: [1n, 2n, 3n] });
  assert.equal(records.length, 2);
});

Deno.test("decodeDataflow() finds nothing in an empty ring, and nothing wrong with it", () => {
  assert.deepEqual(decodeDataflow(new BigUint64Array(4)), { records: [], fault: null });
  assert.deepEqual(decodeDataflow(new BigUint64Array(1)), { records: [], fault: null });
});

Deno.test("a fault says which word is wrong, and leaves the records before it", () => {
  const ring = encodeDataflow(ALL, 32);
  const second = 1 + DATAFLOW_HEAD_WORDS + 1;
  const header = ring[second]!;
  const cases: [word: bigint, kind: string, text: RegExp][] = [
    [header & ~(1n << 31n), "type", /^word 5 \(0x[0-9a-f]+\) is no header .*28-31/],
    [0n, "type", /^word 5 \(0x0\) /],
    [header | 1n << 24n, "reserved", /24-27/],
    [header & ~0xffff_0000_0000n, "empty", /no values/],
    [header | 0xffff_0000_0000n, "cut", /goes on behind/],
  ];
  for (const [word, kind, text] of cases) {
    ring[second] = word;
    const { records, fault } = decodeDataflow(ring);
    assert.deepEqual(records, [argument]);
    assert.deepEqual(fault, { kind, at: second, word });
    assert.match(dataflowFaultText(fault!), text);
  }
});

Deno.test("a count of more words than there are is a fault, of any of its 64 bits", () => {
  const ring = encodeDataflow([argument], 8);
  for (
    const count of [8n, 9n, 0xffffffffn, 1n << 32n, (1n << 32n) + 4n, 1n << 63n, 2n ** 64n - 1n]
  ) {
    ring[0] = count;
    const { records, fault } = decodeDataflow(ring);
    assert.deepEqual([records, fault], [[], { kind: "count", at: 0, word: count }]);
    assert.match(dataflowFaultText(fault!), /^word 0 .* counts more words/);
  }
  ring[0] = 7n;
  assert.equal(decodeDataflow(ring).fault?.kind, "type", "it counts words that nobody wrote");
  assert.equal(decodeDataflow(new BigUint64Array()).fault?.kind, "count");
});

Deno.test("brokenNumber() wants each number behind the one before, and wraps at 24 bits", () => {
  assert.equal(brokenNumber([]), -1);
  assert.equal(brokenNumber([9]), -1);
  assert.equal(brokenNumber([0xfffffe, 0xffffff, 0, 1]), -1);
  assert.equal(brokenNumber([1, 2, 2]), 2);
  assert.equal(brokenNumber([1, 3]), 1);
  assert.equal(brokenNumber([0xffffff, 1]), 1);
});

const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const record: fc.Arbitrary<DataflowRecord> = fc.record({
  type: fc.constantFrom("entry", "return"),
  number: fc.nat(0xffffff),
  index: fc.nat(255),
  size: fc.nat(255),
  pc: word,
  address: word,
  values: fc.array(word, { minLength: 1, maxLength: 40 }),
}, { noNullPrototype: true });
const someRecords = fc.array(record, { maxLength: 12 });
const wordsOf = (records: readonly DataflowRecord[]) =>
  records.reduce((sum, { values }) => sum + DATAFLOW_HEAD_WORDS + values.length, 1);

Deno.test("what encodeDataflow() writes is what decodeDataflow() reads, in a ring of any size", () => {
  fc.assert(fc.property(someRecords, fc.nat(50), (records, room) => {
    const ring = encodeDataflow(records, wordsOf(records) + room);
    assert.deepEqual(decodeDataflow(ring), { records, fault: null });
    assert.deepEqual(walkDataflow(ring).end, wordsOf(records));
  }));
  assert.throws(() => encodeDataflow(ALL, wordsOf(ALL) - 1), RangeError);
});

Deno.test("a ring that is cut anywhere gives its whole records and says that it is cut", () => {
  fc.assert(fc.property(someRecords, fc.nat(), (records, at) => {
    const whole = encodeDataflow(records, wordsOf(records));
    const words = 1 + at % whole.length;
    const ring = whole.slice(0, words);
    ring[0] = BigInt(words - 1);
    const found = decodeDataflow(ring);
    const fitting = records.filter((_, index) => wordsOf(records.slice(0, index + 1)) <= words);
    assert.deepEqual(found.records, fitting);
    const isEnd = wordsOf(fitting) === words;
    assert.equal(found.fault?.kind, isEnd ? undefined : "cut");
    // As it stands, with the count of all.
    const untold = decodeDataflow(whole.subarray(0, words));
    assert.equal(untold.fault?.kind, words === whole.length ? undefined : "count");
  }));
});

Deno.test("a ring that anybody has scribbled over is read without an exception, within its bounds", () => {
  const scribbles = fc.array(fc.tuple(fc.nat(), word), { maxLength: 20 });
  fc.assert(fc.property(someRecords, fc.nat(50), scribbles, (records, room, marks) => {
    const ring = encodeDataflow(records, wordsOf(records) + room);
    for (const [at, value] of marks) ring[at % ring.length] = value;
    const before = ring.slice();
    const found = decodeDataflow(ring);
    assert.deepEqual(ring, before, "reading changes nothing");
    assert.ok(wordsOf(found.records) <= ring.length);
    if (found.fault === null) assert.equal(BigInt(wordsOf(found.records) - 1), ring[0]);
    else {
      assert.equal(ring[found.fault.at], found.fault.word);
      assert.ok(dataflowFaultText(found.fault).length > 0);
    }
    // What it has read is what stands there.
    assert.deepEqual(
      encodeDataflow(found.records, wordsOf(found.records)).subarray(1),
      ring.slice(1, wordsOf(found.records)),
    );
  }));
});

Deno.test("words that nobody wrote as records are read without an exception", () => {
  fc.assert(fc.property(fc.array(word, { maxLength: 60 }), (words) => {
    const ring = BigUint64Array.from(words);
    const { records, fault } = decodeDataflow(ring);
    assert.ok(fault !== null || BigInt(wordsOf(records) - 1) === ring[0]);
  }));
});

Deno.test("a ring may begin anywhere in its memory", () => {
  const memory = new BigUint64Array(40);
  const ring = encodeDataflow(ALL, 30);
  memory.set(ring, 7);
  assert.deepEqual(decodeDataflow(memory.subarray(7, 37)), { records: ALL, fault: null });
});
