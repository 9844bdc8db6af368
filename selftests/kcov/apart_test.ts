// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { repeated, takeApart } from "./apart.ts";

const [A, B, C, X, Y] = [10n, 20n, 30n, 90n, 91n] as const;
const ONCE = [A, B, C];

/** What the guest's runtime does. */
function commonWords(one: BigUint64Array, other: BigUint64Array): number {
  assert.equal(one.length, other.length, "lists of one length");
  const at = one.findIndex((word, index) => word !== other[index]);
  return at < 0 ? one.length : at;
}

/** Extra entries with their neighbours, and missing ones. */
function apart(trace: readonly bigint[], calls: number, once: readonly bigint[] = ONCE) {
  const whole = repeated(once, once.length * calls);
  const { extra, missing } = takeApart(BigUint64Array.from(trace), once, whole, commonWords);
  return [extra.map(({ pc, after }) => [pc, after]), missing];
}

Deno.test("takeApart() finds nothing in the entries of the calls alone", () => {
  assert.deepEqual(apart([A, B, C], 1), [[], []]);
  assert.deepEqual(apart([A, B, C, A, B, C, A, B, C], 3), [[], []]);
  assert.deepEqual(apart([], 0), [[], []]);
});

Deno.test("takeApart() names what is there besides, wherever it stands", () => {
  assert.deepEqual(apart([X, A, B, C], 1), [[[X, null]], []]);
  assert.deepEqual(apart([A, X, Y, B, C, A, B, C], 2), [[[X, A], [Y, X]], []]);
  assert.deepEqual(apart([A, B, C, A, B, C, X], 2), [[[X, C]], []]);
  // One of the call's own, once too often: within a call, and behind the last.
  assert.deepEqual(apart([A, A, B, C], 1), [[[A, A]], []]);
  assert.deepEqual(apart([A, B, C, A], 1), [[[A, C]], []]);
});

Deno.test("takeApart() names what is missing", () => {
  assert.deepEqual(apart([A, C, A, B, C], 2), [[], [B]]);
  assert.deepEqual(apart([A, B, C], 2), [[], [A, B, C]]);
  assert.deepEqual(apart([A, B], 1), [[], [C]]);
  assert.deepEqual(apart([], 1), [[], [A, B, C]]);
  assert.deepEqual(apart([X, C], 1), [[[X, null]], [A, B]]);
});

Deno.test("takeApart() goes along a call that has an entry twice", () => {
  assert.deepEqual(apart([A, B, A, C, A, B, X, A, C], 2, [A, B, A, C]), [[[X, B]], []]);
});

Deno.test("repeated() fills a list to its end", () => {
  assert.deepEqual([...repeated(ONCE, 8)], [A, B, C, A, B, C, A, B]);
  assert.deepEqual([...repeated(ONCE, 2)], [A, B]);
  assert.deepEqual([...repeated([], 2)], [0n, 0n]);
});
