// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { threadCode } from "./thread.ts";

const hexOf = (bytes: readonly number[]) =>
  bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
/** 64 bits as they lie in memory. */
const le = (value: bigint) =>
  hexOf(Array.from({ length: 8 }, (_, at) => Number(value >> BigInt(8 * at) & 0xffn)));

const PLACES = { stackTop: 0x7fff00004000, results: 0x7fff00010000 };
const NONE = "49ba" + le(0n) + "49b8" + le(0n) + "49b9" + le(0n);

Deno.test("threadCode() clones, and returns in the one thread and exits in the other", () => {
  const code = hexOf(threadCode([], PLACES));
  const clone = "48bf" + le(0x50f00n) + "48be" + le(0x7fff00004000n) + "48ba" + le(0n) + NONE +
    "b838000000" + "0f05";
  // test, je over the parent's part: its result, ret.
  const parent = "4885c0" + "740b" + "48a3" + le(0x7fff00010000n) + "c3";
  const exit = "48bf" + le(0n) + "48be" + le(0n) + "48ba" + le(0n) + NONE + "b83c000000" + "0f05";
  assert.equal(code, clone + parent + exit);
});

Deno.test("threadCode() makes calls with their arguments, and keeps each result", () => {
  const code = hexOf(threadCode([{ call: 16, args: [7, 0x6464, -1n] }], PLACES));
  const call = "48bf" + le(7n) + "48be" + le(0x6464n) + "48ba" + le(0xffffffffffffffffn) + NONE +
    "b810000000" + "0f05" + "48a3" + le(0x7fff00010008n);
  assert.ok(code.includes(call), code);
  assert.throws(() => threadCode([{ call: 1, args: [1, 2, 3, 4, 5, 6, 7] }], PLACES), RangeError);
});

Deno.test("threadCode() waits for a word in a loop that gives the CPU away", () => {
  const code = hexOf(threadCode([{ until: 0x1234 }], PLACES));
  // 24 bytes: load, test, jne over the rest, sched_yield, jmp to the load.
  const wait = "48a1" + le(0x1234n) + "4885c0" + "7509" + "b818000000" + "0f05" + "ebe8";
  assert.ok(code.includes(wait + "48a3" + le(0x7fff00010008n)), code);
});
