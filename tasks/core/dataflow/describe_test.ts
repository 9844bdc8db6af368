// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { DATAFLOW_BAD, type DataflowRecord } from "../../../selftests/contract/dataflow.ts";
import { callTree } from "./call_tree.ts";
import { dataflowReport, type KnownFunction, returnsPair } from "./describe.ts";
import type { DataflowReport } from "./report.ts";
import { treeLines, type TreeOptions } from "./tree_text.ts";
import type { CType, FunctionType, Member } from "./types.ts";

const LONG: CType = { text: "long", shape: { kind: "integer", bytes: 8, isSigned: true } };
const INT: CType = { text: "int", shape: { kind: "integer", bytes: 4, isSigned: true } };
const member = (name: string, type: CType, bitAt: number, bits: number): Member => ({
  ...{ name, type, bitAt, bits },
});
const PAIR: CType = {
  text: "struct pair",
  shape: {
    kind: "structure",
    bytes: 16,
    isKnown: true,
    members: () => [member("a", LONG, 0, 64), member("b", INT, 64, 32)],
  },
};
const TO_PAIR: CType = { text: "struct pair *", shape: { kind: "pointer", object: () => PAIR } };

const functionOf = (name: string, type: FunctionType | null): KnownFunction => ({
  ...{ id: name, name, type, returnsPair: returnsPair(type) },
});
const typed = (name: string, returns: CType | null, ...parameters: readonly CType[]) =>
  functionOf(name, {
    ...{ name, returns },
    parameters: parameters.map((type, at) => ({ name: `p${at}`, type })),
  });

/** What is described of records of one function. */
function described(
  one: KnownFunction,
  records: readonly Partial<DataflowRecord>[],
): DataflowReport {
  const whole = records.map((record, number): DataflowRecord => ({
    ...{ type: "entry", number, index: 0, size: 8, address: 0n, values: [0n] },
    ...{ pc: 0x1000n + BigInt(number) },
    ...record,
  }));
  return dataflowReport({
    ...{ cell: "k/c", call: "x()", result: 0, records: whole, remarks: [] },
    tree: callTree(whole, () => one),
    placeOf: () => ({ file: "f.c", line: 7 }),
    names: { errnoName: (errno) => errno === 22 ? "EINVAL" : null, symbolAt: () => null },
  });
}
const OPTIONS: TreeOptions = {
  ...{ depth: undefined, functions: [], fields: true, width: 80, mark: (text: string) => text },
};
/** Without the head and the notes. */
const linesOf = (report: DataflowReport) => {
  const lines = treeLines(report, OPTIONS);
  return lines.slice(lines.indexOf("") + 1).join("\n");
};

Deno.test("dataflowReport() puts the registers of a structure together, in and out", () => {
  const both = [{ values: [3n] }, { values: [0xffffffffn], size: 4 }];
  const records = [
    ...both,
    ...both.map((one) => ({ ...one, type: "return" as const })),
  ];
  const report = described(typed("both", PAIR, PAIR), records);
  assert.equal(linesOf(report), "both(struct pair p0={a=3, b=-1}) = {a=3, b=-1}  f.c:7");
  assert.equal(report.calls[0]!.arguments![0]!.raw, "0xffffffff0000000000000003");
});

Deno.test("dataflowReport() tells an object, one that cannot be read, and none", () => {
  const object = (address: bigint, ...values: bigint[]) => ({ address, values, size: 16 });
  const lines = (one: Partial<DataflowRecord>) =>
    linesOf(described(typed("f", null, TO_PAIR), [one]));
  assert.equal(
    lines(object(0xffff8880n, 7n, DATAFLOW_BAD)),
    "f(struct pair *p0=0xffff8880)  f.c:7  [no return recorded up to the end]\n" +
      "    p0: a=7, b=?",
  );
  // CONFIG_KCOV_DATAFLOW_MAX_FIELDS.
  assert.match(lines(object(0xffff8880n, 7n)), /\n {4}p0: a=7, … 1 more$/);
  assert.match(lines(object(0n, DATAFLOW_BAD, DATAFLOW_BAD)), /p0=NULL\)/);
  const error = BigInt.asUintN(64, -22n);
  assert.match(lines(object(error, DATAFLOW_BAD, DATAFLOW_BAD)), /p0=ERR_PTR\(-22 EINVAL\)\)/);
  assert.match(lines({ values: [0xffff8880n] }), /p0=0xffff8880\)/);
  assert.match(lines({ size: 0, values: [DATAFLOW_BAD] }), /p0=\?\)/);
});

Deno.test("dataflowReport() takes bit-fields out of the bytes that were recorded of them", () => {
  const members = [
    member("low", INT, 32, 3),
    member("high", INT, 35, 5),
    member("wide", LONG, 64, 64),
  ];
  const bits: CType = {
    text: "struct bits",
    shape: { kind: "structure", bytes: 16, isKnown: true, members: () => members },
  };
  const pointer: CType = { text: "struct bits *", shape: { kind: "pointer", object: () => bits } };
  const one = { address: 0xffff8880n, values: [0b01010_011n, 0b01010_011n, 9n], size: 16 };
  assert.match(linesOf(described(typed("f", null, pointer), [one])), /p0: low=3, high=10, wide=9$/);
});

Deno.test("dataflowReport() says of what it does not know nothing but what was recorded", () => {
  const report = described(functionOf("f", null), [
    ...[{ values: [77n] }, { index: 1, address: 0xffff8880n, values: [5n], size: 8 }],
    { type: "return", values: [0xffffffean], size: 4 },
  ]);
  assert.deepEqual(report.remarks.map(({ id }) => id), ["no-types"]);
  assert.match(
    linesOf(report),
    /^f\(arg0=0x4d, arg1=0xffff8880\) = -22 EINVAL {2}f.c:7\n {4}arg1: \(unnamed\)=5$/,
  );
  const nothing = described(typed("f", null, INT), [{}, { type: "return", size: 0 }]);
  assert.equal(nothing.calls[0]!.returned, null);
  assert.equal(nothing.calls[0]!.returnsNothing, true);
  const empty = described(typed("f", INT), [{ size: 0 }, { type: "return", size: 4 }]);
  assert.equal(linesOf(empty), "f() = 0  f.c:7");
  const out = { type: "return" as const, size: 4 };
  const twice = described(typed("f", INT), [out, out]);
  assert.equal(linesOf(twice), "f() = 0  f.c:7\nf() = 0  f.c:7  [calls above may be its own]");
  assert.equal(
    linesOf(described(functionOf("f", null), [out])),
    "f(…) = 0  f.c:7  [no entry recorded]",
  );
});

Deno.test("treeLines() breaks fields where the terminal ends", () => {
  const members = Array.from({ length: 12 }, (_, at) => member(`field${at}`, LONG, 64 * at, 64));
  const wide: CType = {
    text: "struct wide",
    shape: { kind: "structure", bytes: 96, isKnown: true, members: () => members },
  };
  const pointer: CType = { text: "struct wide *", shape: { kind: "pointer", object: () => wide } };
  const values = members.map((_, at) => BigInt(at));
  const report = described(typed("f", null, pointer), [{ address: 1n << 40n, values, size: 96 }]);
  const lines = linesOf(report).split("\n").slice(1);
  assert.ok(lines.length > 1 && lines.every((line) => line.length <= 80), lines.join("\n"));
  assert.ok(lines.slice(1).every((line) => /^ {8}field/.test(line)), lines.join("\n"));
});

Deno.test("treeLines() breaks a call between its arguments, and what is told of it behind them", () => {
  const list = Array.from(
    { length: 5 },
    (_, index) => ({ index, values: [BigInt(index)], size: 4 }),
  );
  const failed = { type: "return" as const, values: [0xffffffean], size: 4 };
  const call = typed("function_of_five", INT, INT, INT, INT, INT, INT);
  const report = described(call, [...list, failed]);
  assert.equal(
    linesOf(report),
    [
      "function_of_five(int p0=0, int p1=1, int p2=2, int p3=3, int p4=4) = -22 EINVAL",
      "    f.c:7",
    ].join("\n"),
  );
  assert.equal(
    treeLines(report, { ...OPTIONS, width: 60 }).slice(2).join("\n"),
    [
      "function_of_five(int p0=0, int p1=1, int p2=2, int p3=3,",
      "                 int p4=4) = -22 EINVAL  f.c:7",
    ].join("\n"),
  );
});
