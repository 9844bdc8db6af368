// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { boundOf, commonFactor, judgeTime, median, type TimePair } from "./noise.ts";

const pair = (
  beforeMs: number,
  afterMs: number,
  earlier: readonly number[] = [],
  stalledShare = 0,
) => ({ beforeMs, afterMs, stalledShare, earlier });

/** The ratio of a time that is another one; null of others. */
const changeOf = (pair: TimePair, common: number) => {
  const { ratio, changed } = judgeTime(pair, common);
  return changed ? ratio : null;
};

Deno.test("commonFactor() is what most times have in common, whatever one of them does", () => {
  assert.equal(commonFactor([pair(100, 200), pair(400, 800), pair(1000, 2000)]), 2);
  const [sleeping, ...rest] = [pair(400, 9000), pair(100, 150), pair(1000, 1500)];
  assert.ok(Math.abs(commonFactor([sleeping!, ...rest, pair(3000, 4500)]) - 1.5) < 0.01);
  assert.equal(commonFactor([pair(100, 900), pair(400, 800)]), 1, "of two nobody knows which");
  assert.equal(commonFactor([pair(4, 40), pair(3, 30), pair(2, 20)]), 1, "too short to tell");
  assert.equal(commonFactor([]), 1);
});

Deno.test("judgeTime() calls a slower machine no change, and one phase that is slower one", () => {
  assert.equal(changeOf(pair(1000, 2000), 2), null);
  assert.equal(changeOf(pair(400, 2400), 1), 6);
  assert.equal(changeOf(pair(2400, 400), 1), 1 / 6);
  assert.equal(changeOf(pair(40, 260), 1), null, "220 ms more");
  assert.equal(changeOf(pair(1000, 2000), 1), null, "unknown how much it varies");
});

Deno.test("judgeTime() learns from earlier runs how much a time varies", () => {
  const steady = [0.98, 1, 1.01, 1.02, 0.99, 1];
  assert.equal(changeOf(pair(1000, 2000, steady), 1), 2);
  assert.equal(changeOf(pair(1000, 1200, steady), 1), null);
  const wild = [0.5, 2, 1, 0.6, 1.8, 1.1];
  assert.equal(changeOf(pair(1000, 3000, wild), 1), null);
  assert.equal(boundOf([1, 1, 1]), 2.5, "three runs do not tell");
  assert.ok(Math.abs(boundOf([1, 1, 1, 1, 1]) - 1.6) < 1e-9, "no less than that");
});

Deno.test("judgeTime() asks for more the busier the machine was, and gives no answer in the end", () => {
  const steady = [1, 1, 1, 1, 1, 1];
  const change = (stalledShare: number) => changeOf(pair(1000, 2000, steady, stalledShare), 1);
  assert.deepEqual([0, 0.1, 0.3, 0.6, 1].map(change), [2, 2, null, null, null]);
  assert.equal(changeOf(pair(1000, 90_000, steady, 0.9), 1), null);
  const bound = (stalledShare: number) =>
    judgeTime(pair(1000, 2000, steady, stalledShare), 1).bound;
  assert.deepEqual([0, 0.5, 0.6].map(bound), [boundOf(steady), 2 * boundOf(steady), null]);
});

Deno.test("judgeTime() is of one mind whichever run comes first", () => {
  const times = fc.integer({ min: 1, max: 100_000 });
  const ratios = fc.array(fc.double({ min: 0.2, max: 5, noNaN: true }), { maxLength: 12 });
  fc.assert(fc.property(times, times, ratios, (one, other, earlier) => {
    const [there, back] = [
      changeOf(pair(one, other, earlier), 1),
      changeOf(pair(other, one, earlier), 1),
    ];
    assert.equal(there === null, back === null);
    if (there !== null) assert.ok(Math.abs(there * back! - 1) < 1e-9);
  }));
});

Deno.test("median() takes the middle", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});
