// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CType, Member } from "./types.ts";
import { memberText, type ValueNames, valueText } from "./value_text.ts";

const NAMES: ValueNames = {
  errnoName: (errno) => errno === 22 ? "EINVAL" : null,
  symbolAt: (address) => address === 0xffffffff81000010n ? "vfs_read+0x10" : null,
};
const integer = (text: string, bytes: number, isSigned = false): CType => ({
  text,
  shape: { kind: "integer", bytes, isSigned },
});
const INT = integer("int", 4, true);
const UNSIGNED = integer("unsigned int", 4);
const CHAR: CType = { text: "char", shape: { kind: "character", bytes: 1, isSigned: false } };
const POINTER: CType = { text: "void *", shape: { kind: "pointer", object: () => null } };
const array = (element: CType, bytes: number): CType => ({
  text: `${element.text}[]`,
  shape: { kind: "array", bytes, element },
});
const structure = (...members: readonly Member[]): CType => ({
  text: "struct s",
  shape: { kind: "structure", bytes: 16, isKnown: true, members: () => members },
});
const textOf = (raw: bigint, type: CType | null, name = "", bytes = 8) =>
  valueText(raw, bytes, type, name, NAMES);

Deno.test("valueText() writes numbers with the sign and the width of their type", () => {
  assert.equal(textOf(0xffffffffn, INT, "", 4), "-1");
  assert.equal(textOf(0xffffffffn, UNSIGNED, "", 4), "0xffffffff");
  assert.equal(textOf(0x123456n, integer("off_t", 8, true)), "0x123456");
  assert.equal(textOf(77n, UNSIGNED, "whence", 4), "77");
  assert.equal(textOf(77n, UNSIGNED, "open_flags", 4), "0x4d");
  assert.equal(textOf(0x1a4n, integer("umode_t", 2), "mode", 2), "0644");
  assert.equal(textOf(5n, null), "5");
  assert.equal(textOf(77n, null), "0x4d");
  const bool: CType = { text: "bool", shape: { kind: "boolean", bytes: 1 } };
  assert.deepEqual([0n, 1n, 2n].map((raw) => textOf(raw, bool, "", 1)), ["false", "true", "0x2"]);
});

Deno.test("valueText() names characters, enumerators, symbols and errors", () => {
  assert.equal(textOf(0x61n, CHAR, "", 1), "'a'");
  assert.equal(textOf(0x27n, CHAR, "", 1), "'\\''");
  assert.equal(textOf(7n, CHAR, "", 1), "7");
  const names = new Map([[0n, "SET"], [-1n, "NONE"]]);
  const whence: CType = { text: "enum w", shape: { kind: "enumeration", bytes: 4, names } };
  assert.equal(textOf(0n, whence, "", 4), "SET");
  assert.equal(textOf(0xffffffffn, whence, "", 4), "NONE");
  assert.equal(textOf(9n, whence, "", 4), "9");
  assert.equal(textOf(0n, POINTER), "NULL");
  assert.equal(textOf(0xffffffff81000010n, POINTER), "vfs_read+0x10");
  assert.equal(textOf(0xffff888001234000n, POINTER), "0xffff888001234000");
  assert.equal(textOf(0xffffffffffffffean, POINTER), "ERR_PTR(-22 EINVAL)");
});

Deno.test("valueText() shows what eight bytes hold of an array or a structure", () => {
  const word = (text: string) =>
    [...text].reduceRight((all, one) => all << 8n | BigInt(one.charCodeAt(0)), 0n);
  assert.equal(textOf(word("init"), array(CHAR, 16)), '"init"');
  assert.equal(textOf(word("kworker/"), array(CHAR, 16)), '"kworker/"…');
  assert.equal(textOf(word("kworker/"), array(CHAR, 8)), '"kworker/"');
  assert.equal(textOf(0xffff_fffen, array(INT, 8)), "{-2, 0}");
  assert.equal(textOf(1n, array(UNSIGNED, 32)), "{1, 0, …}");
  const counter: Member = { name: "counter", type: INT, bitAt: 0, bits: 32 };
  assert.equal(textOf(3n, structure(counter), "", 4), "3", "a wrapper of one value");
  const next: Member = { name: "next", type: POINTER, bitAt: 0, bits: 64 };
  const prev: Member = { ...next, name: "prev", bitAt: 64 };
  assert.equal(textOf(0n, structure(next, prev)), "{next=NULL, …}");
});

Deno.test("memberText() takes bit-fields out of the bytes around them", () => {
  const field = (type: CType, bitAt: number, bits: number): Member => ({
    ...{ name: "f", type, bitAt, bits },
  });
  assert.equal(memberText(0b1010_1100n, field(UNSIGNED, 2, 3), 2, NAMES), "3");
  assert.equal(memberText(0b1010_1100n, field(INT, 2, 2), 2, NAMES), "-1");
  assert.equal(memberText(0xffn, field(INT, 64, 32), 0, NAMES), "255");
  const enumeration = (...names: [bigint, string][]): CType => ({
    text: "enum e",
    shape: { kind: "enumeration", bytes: 4, names: new Map(names) },
  });
  const signed = enumeration([0n, "NONE"], [-2n, "BOTH"]);
  assert.equal(memberText(0b0111_0000n, field(signed, 4, 3), 4, NAMES), "-1");
  assert.equal(memberText(0b0110_0000n, field(signed, 4, 3), 4, NAMES), "BOTH");
  assert.equal(memberText(0b0111_0000n, field(enumeration([7n, "ALL"]), 4, 3), 4, NAMES), "ALL");
});

Deno.test("a number that goes on above what is recorded says so", () => {
  const wide = integer("__int128", 16, true);
  assert.equal(textOf(5n, wide, "", 16), "0x…0000000000000005");
  assert.equal(
    textOf(5n, { text: "long double", shape: { kind: "other", bytes: 16 } }, "", 16),
    "0x…0000000000000005",
  );
  const member = (type: CType, bitAt: number, bits: number) =>
    memberText(0xf123_4567_89ab_cdefn, { name: "f", type, bitAt, bits }, bitAt, NAMES);
  assert.equal(member(wide, 0, 128), "0x…f123456789abcdef");
  // A packed bit-field that touches nine bytes, of which eight are recorded.
  assert.equal(member(integer("u64", 8), 4, 62), "0x…f123456789abcde");
  assert.equal(member(integer("u64", 8), 3, 61), "0x1e2468acf13579bd");
});
