// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { assign, lowerBound, type Parcel } from "./assign.ts";

function fullest(parcels: readonly Parcel[], count: number): number {
  const loads = new Array<number>(count).fill(0);
  for (const [index, shard] of assign(parcels, count).entries()) {
    loads[shard]! += parcels[index]!.cost;
  }
  return Math.max(...loads);
}

/** The least that the fullest shard can have, by trying everything. */
function best(costs: readonly number[], count: number): number {
  const loads = new Array<number>(count).fill(0);
  let found = Infinity;
  const place = (index: number) => {
    if (Math.max(...loads) >= found) return;
    if (index === costs.length) {
      found = Math.max(...loads);
      return;
    }
    for (let shard = 0; shard < count; shard++) {
      // Equal shards are one.
      if (loads.indexOf(loads[shard]!) < shard) continue;
      loads[shard]! += costs[index]!;
      place(index + 1);
      loads[shard]! -= costs[index]!;
    }
  };
  place(0);
  return found;
}

/** Costs as builds have them: a few kinds of config, each somewhat different. */
const KINDS: readonly number[] = [130, 140, 160, 172, 229, 260, 700];
function parcelsOf(count: number, salt = 0): Parcel[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `kernel-${index % 7} config-${Math.floor(index / 7)}`,
    cost: KINDS[(index * 5 + salt) % KINDS.length]! + (index * 37 + salt) % 11,
  }));
}

const parcels = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 10 })
  .chain((names) =>
    fc.array(fc.constantFrom(...KINDS, 20, 1000), {
      minLength: names.length,
      maxLength: names.length,
    }).map((costs) => names.map((name, index) => ({ name, cost: costs[index]! })))
  );

Deno.test("the fullest shard has at most 10 % more than in the best of all assignments", () => {
  fc.assert(
    fc.property(parcels, fc.integer({ min: 1, max: 4 }), (some, count) => {
      const costs = some.map(({ cost }) => cost).sort((a, b) => b - a);
      assert.ok(fullest(some, count) <= 1.1 * best(costs, count));
    }),
    { numRuns: 300 },
  );
});

Deno.test("400 builds are balanced within 10 % of the bound that no assignment beats", () => {
  for (const salt of [0, 3, 11]) {
    const many = parcelsOf(400, salt);
    const costs = many.map(({ cost }) => cost).sort((a, b) => b - a);
    for (const count of [2, 8, 20, 40, 100]) {
      const ratio = fullest(many, count) / lowerBound(costs, count);
      assert.ok(ratio <= 1.1, `${count} shards: ${ratio}`);
    }
    // With one or two builds a shard the longest decides.
    for (const count of [200, 256]) {
      assert.ok(fullest(many, count) <= 1.1 * lowerBound(costs, count));
    }
  }
});

/** The longest first, each to the emptiest shard. */
function dealt(costs: readonly number[], count: number): number {
  const loads = new Array<number>(count).fill(0);
  for (const cost of costs) loads[loads.indexOf(Math.min(...loads))]! += cost;
  return Math.max(...loads);
}

Deno.test("where builds are few for a shard, it is within 10 % of what plain dealing comes to", () => {
  const costs = fc.array(fc.constantFrom(280, 310, 330, 400, 700, 900), {
    minLength: 20,
    maxLength: 40,
  });
  fc.assert(fc.property(costs, fc.integer({ min: 5, max: 10 }), (some, count) => {
    const many = some.map((cost, index) => ({ name: `build ${index}`, cost }));
    const sorted = some.toSorted((a, b) => b - a);
    assert.ok(fullest(many, count) <= 1.1 * dealt(sorted, count));
  }));
});

Deno.test("no shard is empty while there are builds enough, and each build is in one", () => {
  fc.assert(fc.property(parcels, fc.integer({ min: 1, max: 12 }), (some, count) => {
    const shards = assign(some, count);
    assert.equal(shards.length, some.length);
    assert.equal(new Set(shards).size, Math.min(count, some.length));
    assert.ok(shards.every((shard) => shard >= 0 && shard < count));
  }));
});

Deno.test("the order in which builds are listed decides nothing", () => {
  fc.assert(fc.property(parcels, fc.integer({ min: 1, max: 4 }), (some, count) => {
    const shards = assign(some, count);
    assert.deepEqual(assign(some.toReversed(), count), shards.toReversed());
  }));
});

Deno.test("one build more, or one less, moves few of the others", () => {
  const before = parcelsOf(400);
  for (const count of [8, 20, 40]) {
    const placed = new Map(
      assign(before, count).map((shard, index) => [before[index]!.name, shard]),
    );
    const moved = (others: readonly Parcel[]) =>
      assign(others, count).filter((shard, index) =>
        (placed.get(others[index]!.name) ?? shard) !== shard
      ).length;
    for (const cost of [130, 229, 700]) {
      const more = before.toSpliced(123, 0, { name: `new of ${cost}`, cost });
      assert.ok(moved(more) <= 20, `${count} shards, one of ${cost} more: ${moved(more)} moved`);
    }
    for (const index of [0, 77, 399]) {
      const less = before.toSpliced(index, 1);
      assert.ok(moved(less) <= 20, `${count} shards, one less: ${moved(less)} moved`);
    }
  }
});
