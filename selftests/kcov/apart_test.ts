// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { takeApart } from "./apart.ts";

const [A, B, C, X, Y] = [10n, 20n, 30n, 90n, 91n] as const;
const ONCE = [A, B, C];

/** Extra entries with their neighbours, and missing ones. */
function apart(trace: readonly bigint[], calls: number) {
  const { extra, missing } = takeApart(trace, ONCE, calls);
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
  const { extra, missing } = takeApart([A, B, A, C, A, B, X, A, C], [A, B, A, C], 2);
  assert.deepEqual([extra.map(({ pc }) => pc), missing], [[X], []]);
});
