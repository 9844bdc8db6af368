// SPDX-License-Identifier: MIT

/** The parts of the dataflow selftests that need no kernel. */

import assert from "node:assert/strict";
import { type DataflowRecord, encodeDataflow } from "../contract/dataflow.ts";
import { AssertionError } from "../harness/asserts.ts";
import {
  Dataflow,
  DATAFLOW_DISABLE,
  DATAFLOW_ENABLE,
  DATAFLOW_INIT_TRACK,
  DATAFLOW_MODES,
  soundRecords,
  wholeRecords,
} from "./dataflow.ts";
import { commandLine, cut, DataflowModule, Expected, pointerOf, word } from "./dataflow_module.ts";

Deno.test("ioctl numbers of dataflow are those of the kernel's macros", () => {
  assert.equal(DATAFLOW_INIT_TRACK, 0x80086401);
  assert.equal(DATAFLOW_ENABLE, 0x6464);
  assert.equal(DATAFLOW_DISABLE, 0x6465);
});

const record = (number: number, more: Partial<DataflowRecord> = {}): DataflowRecord => ({
  ...{ type: "entry", number, index: 0, size: 4, pc: 0xffffffff81000010n, address: 0n },
  ...{ values: [7n], ...more },
});

Deno.test("soundRecords() wants whole records whose numbers rise by one", () => {
  const good = [record(0xffffff), record(0), record(1)];
  assert.deepEqual(soundRecords(encodeDataflow(good, 20)), good);
  const gap = encodeDataflow([record(5), record(7)], 20);
  assert.throws(() => soundRecords(gap), /record 1 of 2 has not the next number: … 5 7 …/);
  assert.equal(wholeRecords(gap).length, 2);
  const torn = encodeDataflow(good, 20);
  torn[5] = 0n;
  for (const read of [soundRecords, wholeRecords]) {
    assert.throws(() => read(torn), AssertionError);
    assert.throws(() => read(torn), /word 5 .*; 1 records? before it/);
  }
});

Deno.test("only what is wanted is read, and all of the ring is held against what it has to be", () => {
  const other = { pc: 0xffffffff82000020n };
  const ring = encodeDataflow([record(3), record(4, other), record(5)], 20);
  const wanted = (pcLow: number) => pcLow === 0x82000020;
  for (const read of [soundRecords, wholeRecords]) {
    assert.deepEqual(read(ring, wanted), [record(4, other)]);
    assert.deepEqual(read(ring, () => false), []);
  }
  const gap = encodeDataflow([record(3), record(4, other), record(6)], 20);
  assert.throws(
    () => soundRecords(gap, wanted),
    /record 2 of 3 has not the next number: … 3 4 6 …/,
  );
});

Deno.test("a copy of a ring ends where its count says, and a count of more is an error", () => {
  const device = new Dataflow(-1);
  device.words = 12;
  const ring = encodeDataflow([record(1), record(2)], 12);
  Object.defineProperty(device, "ring", { value: ring });
  assert.deepEqual(device.copy(), ring.slice(0, 9));
  assert.deepEqual(soundRecords(device.copy(4n)), [record(1)]);
  assert.throws(() => device.copy(12n), /word 0 counts 12 words of a ring of 12/);
  assert.throws(() => device.copy(1n << 32n), AssertionError);
});

Deno.test("numbers are words of 64 bits, cut to bytes, in lines of hexadecimal digits", () => {
  assert.deepEqual([word(-22), word(5), word(1n << 63n)], [0xffffffffffffffean, 5n, 1n << 63n]);
  assert.deepEqual([cut(-1, 1), cut(-22, 4), cut(0x1ffn, 1)], [0xffn, 0xffffffean, 0xffn]);
  assert.equal(commandLine("sum", -1n, 0, 0x1234), "sum ffffffffffffffff 0 1234");
  assert.equal(commandLine("nothing"), "nothing");
  assert.equal(pointerOf(pointerOf(0xffff888000001234n)), 0xffff888000001234n);
});

Deno.test("Expected tells records as they are read, by the kind of the kernel", () => {
  const { fields, values } = DATAFLOW_MODES;
  const at = 0xffff888000001000n;
  const both = [new Expected("f", fields), new Expected("f", values)] as const;
  for (const one of both) {
    assert.equal(one.entry(2, 1, -1), "f entry 2: 1 bytes 0xff");
    assert.equal(one.unknown(1), "f entry 1: 0 bytes 0xbadadd85");
    assert.equal(one.returns(8, -22), "f return 0: 8 bytes 0xffffffffffffffea");
    assert.equal(one.returnsNothing(), "f return 0: 0 bytes 0xbadadd85");
  }
  const all = (how: (one: Expected) => string) => both.map(how);
  assert.deepEqual(all((one) => one.object(0, 560, [1n, 2n], at)), [
    "f entry 0: 255 bytes 0x1 0x2 at 0xffff888000001000",
    "f entry 0: 8 bytes 0xffff888000001000",
  ]);
  assert.deepEqual(all((one) => one.unreadable(null, 16, 2, 0n)), [
    "f return 0: 16 bytes 0xbadadd85 0xbadadd85",
    "f return 0: 8 bytes 0x0",
  ]);
  assert.deepEqual(all((one) => one.inMemory(1, 32, [3n], at)), [
    "f entry 1: 32 bytes 0x3 at 0xffff888000001000",
    "f entry 1: 0 bytes 0xbadadd85",
  ]);
  assert.deepEqual(all((one) => one.inMemory(null, 32, [3n], at))[1], both[1].returnsNothing());
});

Deno.test("records of the module have their function, and a PC in a call of their callback", () => {
  const START = 0xc0000000;
  const content = {
    // A call at 0x10 that returns to 0x15, one at 0x20 that returns to 0x25.
    returnsTo: (
      _section: string,
      callback: string,
    ) => [callback === "__sanitizer_cov_trace_args" ? 0x15 : 0x25],
  };
  const module = new DataflowModule({
    file: -1,
    functionOf: (pc: bigint) => pc === 0xffffffffc0000015n ? "f" : "g",
    content: content as never,
    ranges: [{ section: ".text", start: START, end: START + 0x100 }],
  });
  const here = 0xffffffffc0000014n;
  const own = [record(1, { pc: here }), record(2, { pc: here + 0x10n, type: "return" })];
  const other = record(3);
  assert.deepEqual(module.ownOf([other, ...own]), own);
  const edges = [here - 0x15n, here + 0xecn].map((pc) => record(2, { pc }));
  const ring = (...records: DataflowRecord[]) => encodeDataflow(records, 20);
  assert.deepEqual(
    module.recordsIn(ring(edges[0]!, { ...own[0]!, number: 3 }, edges[1]!), wholeRecords),
    [
      { ...own[0]!, number: 3 },
    ],
  );
  assert.deepEqual(module.recordsIn(ring(...own)), own);
  assert.deepEqual(module.textsOf(own), ["f entry 0: 4 bytes 0x7", "g return 0: 4 bytes 0x7"]);
  for (const pc of [here + 1n, here - 1n, here + 0x10n]) {
    assert.throws(() => module.ownOf([record(1, { pc })]), /not one less than where a call/);
  }
});
