// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { DataflowRecord } from "../../../selftests/contract/dataflow.ts";
import {
  callTree,
  errnoIn,
  type RecordedFunction,
  type TracedCall,
  walk,
  wayOfError,
} from "./call_tree.ts";

/** Functions by their first letter, each with room for 256 places of calls. */
const PLACE = 0x100n;
const pcOf = (name: string, place = 0) => BigInt(name.charCodeAt(0)) * PLACE + BigInt(place);
const functionOf = (pc: bigint): RecordedFunction => {
  const id = String.fromCharCode(Number(pc / PLACE));
  return { id, returnsPair: id === "p" ? true : id === "u" ? null : false };
};

type Written = Partial<DataflowRecord>;

/** An entry or a return of a function; numbers are given by {@linkcode numbered}. */
const record = (type: "entry" | "return", name: string, other: Written = {}): DataflowRecord => ({
  ...{ type, number: 0, index: 0, size: 8, pc: pcOf(name, type === "entry" ? 1 : 128) },
  ...{ address: 0n, values: [0n] },
  ...other,
});
const into = (name: string, index = 0, place = 1 + index) =>
  record("entry", name, { index, pc: pcOf(name, place) });
const outOf = (name: string, value = 0n, place = 128) =>
  record("return", name, { values: [BigInt.asUintN(64, value)], pc: pcOf(name, place) });
const numbered = (records: readonly DataflowRecord[], from = 0) =>
  records.map((one, at) => ({ ...one, number: (from + at) % (1 << 24) }));
const treeOf = (...records: readonly DataflowRecord[]) => callTree(numbered(records), functionOf);

/** "a(b c(no-return:d))" */
function shape(calls: readonly TracedCall[]): string {
  return calls.map(({ function: { id }, recorded, calls, entries, returns }) => {
    const marked = recorded === "whole" ? id : `${recorded}:${id}`;
    const figures = entries.length > 1 || returns.length > 1
      ? `/${entries.length},${returns.length}`
      : "";
    return `${marked}${figures}${calls.length === 0 ? "" : `(${shape(calls)})`}`;
  }).join(" ");
}

Deno.test("callTree() puts calls between an entry and its return into it", () => {
  const { roots, lost } = treeOf(
    ...[into("a"), into("b"), outOf("b"), into("c"), into("d"), outOf("d"), outOf("c"), outOf("a")],
    ...[into("e"), outOf("e")],
  );
  assert.equal(shape(roots), "a(b c(d)) e");
  assert.equal(lost, 0);
});

Deno.test("callTree() takes all parameters of an entry together, and each call of a recursion apart", () => {
  const { roots } = treeOf(
    ...[into("a", 0), into("a", 1), into("a", 2)],
    ...[into("a", 0), into("a", 1), into("a", 2), outOf("a"), outOf("a")],
  );
  assert.equal(shape(roots), "a/3,1(a/3,1)");
  // One parameter, that comes in two registers.
  const split = [into("s", 0, 1), into("s", 0, 2)];
  assert.equal(shape(treeOf(...split, ...split, outOf("s"), outOf("s")).roots), "s/2,1(s/2,1)");
  assert.equal(shape(treeOf(into("a"), into("a"), outOf("a"), outOf("a")).roots), "a(a)");
});

Deno.test("callTree() takes both registers of a value, and no return of a caller for one", () => {
  const both = [outOf("p", 1n, 128), outOf("p", 2n, 129)];
  assert.equal(shape(treeOf(into("p"), ...both).roots), "p/1,2");
  assert.equal(shape(treeOf(into("p"), into("p"), ...both, ...both).roots), "p/1,2(p/1,2)");
  // Of a type that nobody knows.
  const unknown = [outOf("u", 1n, 128), outOf("u", 2n, 129)];
  assert.equal(shape(treeOf(into("u"), ...unknown).roots), "u/1,2");
  assert.equal(shape(treeOf(into("u"), into("u"), ...unknown).roots), "u(u)");
});

Deno.test("callTree() says where an entry is missing, and takes no calls for its own", () => {
  const { roots } = treeOf(
    into("a"),
    into("b"),
    outOf("b"),
    outOf("n"),
    into("c"),
    outOf("c"),
    outOf("a"),
  );
  assert.equal(shape(roots), "a(b no-entry:n c)");
  assert.equal(shape(treeOf(outOf("n"), outOf("n", 0n, 129)).roots), "no-entry:n no-entry:n");
});

Deno.test("callTree() says where a return is missing", () => {
  // m ends by a tail call of b.
  const tail = treeOf(
    into("a"),
    into("m"),
    into("b"),
    outOf("b"),
    outOf("a"),
    into("c"),
    outOf("c"),
  );
  assert.equal(shape(tail.roots), "a(no-return:m(b)) c");
  assert.equal(shape(treeOf(into("a"), into("b"), outOf("b")).roots), "open:a(b)");
});

Deno.test("callTree() puts no call into another where no return is recorded at all", () => {
  assert.equal(shape(treeOf(into("a"), into("a", 1), into("b")).roots), "open:a/2,0 open:b");
});

Deno.test("callTree() is no deeper than calls can be, however many returns are missing", () => {
  const entries = Array.from({ length: 20_000 }, (_, at) => into("abc"[at % 3]!));
  const { roots } = treeOf(...entries, outOf("a"));
  const depths = [...walk(roots)].map(({ length }) => length);
  assert.equal(depths.length, 20_000);
  assert.equal(Math.max(...depths), 501);
});

Deno.test("callTree() counts missing records by their numbers, which wrap", () => {
  const records = numbered([into("a"), into("b"), outOf("b"), outOf("a")], (1 << 24) - 2);
  assert.equal(callTree(records, functionOf).lost, 0);
  const holed = [records[0]!, ...records.slice(2)];
  const { roots, lost } = callTree(holed, functionOf);
  assert.equal(lost, 1);
  assert.deepEqual([...walk(roots)].map((way) => way.at(-1)!.lostBefore), [0, 1]);
  // A parameter behind a gap may be of another call of the function.
  const gap = [{ ...into("a", 0), number: 1 }, { ...into("a", 1), number: 3 }];
  assert.equal(shape(callTree(gap, functionOf).roots), "open:a open:a");
});

Deno.test("callTree() keeps every record, once and in order, whatever they are", () => {
  const any = fc.record({
    type: fc.constantFrom("entry", "return"),
    number: fc.nat((1 << 24) - 1),
    index: fc.nat(3),
    size: fc.constantFrom(0, 4, 8),
    pc: fc.tuple(fc.constantFrom("a", "b", "p", "u"), fc.nat(255)).map(([name, place]) =>
      pcOf(name, place)
    ),
    address: fc.constant(0n),
    values: fc.constant([0n]),
  }) as fc.Arbitrary<DataflowRecord>;
  fc.assert(fc.property(fc.array(any, { maxLength: 60 }), (records) => {
    const calls = [...walk(callTree(records, functionOf).roots)].map((way) => way.at(-1)!);
    const kept = calls.flatMap(({ entries, returns }) => [...entries, ...returns]);
    assert.deepEqual(new Set(kept), new Set(records));
    assert.equal(kept.length, records.length);
    for (const { function: { id }, entries, returns, recorded } of calls) {
      assert.ok([...entries, ...returns].every(({ pc }) => functionOf(pc).id === id));
      assert.equal(recorded === "whole", entries.length > 0 && returns.length > 0);
    }
  }));
});

Deno.test("wayOfError() ends at the innermost call that returned the error, the last of several", () => {
  const { roots } = treeOf(
    ...[into("a"), into("b"), into("c"), outOf("c", -22n), outOf("b", -22n)],
    ...[into("d"), into("e"), outOf("e", -2n), into("f"), outOf("f", -22n)],
    ...[into("g"), outOf("g", 0n), outOf("d", -22n), outOf("a", -22n)],
  );
  const way = (errno: number) => wayOfError(roots, errno).map((one) => one.function.id).join(" ");
  assert.equal(way(22), "a d f");
  assert.equal(way(2), "", "what the outermost did not return was taken care of");
  const open = treeOf(into("a"), into("b"), outOf("b", -2n), into("c"), into("d"), outOf("d", -2n));
  assert.deepEqual(wayOfError(open.roots, 2).map((one) => one.function.id), ["d"]);
});

Deno.test("errnoIn() reads int, long and pointers, and nothing else", () => {
  assert.equal(errnoIn(0xffffffean, 4), 22);
  assert.equal(errnoIn(0xffffffffffffffean, 8), 22);
  assert.equal(errnoIn(0xffffffean, 8), null, "a long of that value is positive");
  assert.equal(errnoIn(0xean, 1), null);
  assert.equal(errnoIn(BigInt.asUintN(64, -4095n), 8), 4095);
  assert.equal(errnoIn(BigInt.asUintN(64, -4096n), 8), null);
  assert.equal(errnoIn(0n, 8), null);
});
