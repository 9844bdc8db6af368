// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { ddmin, type Verdict } from "./ddmin.ts";

/** ddmin over 0 … n-1, with the subsets that were tried. */
async function run(
  count: number,
  verdict: (subset: readonly number[]) => Verdict,
): Promise<{ minimal: readonly number[]; tried: string[] }> {
  const tried: string[] = [];
  const minimal = await ddmin([...Array(count).keys()], (subset) => {
    tried.push(subset.join(" "));
    return Promise.resolve(verdict(subset));
  });
  return { minimal, tried };
}

const needs = (...wanted: number[]) => (subset: readonly number[]): Verdict =>
  wanted.every((item) => subset.includes(item)) ? "fails" : "passes";

Deno.test("ddmin() finds what it takes, and asks for no subset twice", async () => {
  const { minimal, tried } = await run(16, needs(3, 12));
  assert.deepEqual(minimal, [3, 12]);
  assert.equal(new Set(tried).size, tried.length);
  assert.ok(tried.length < 60, `${tried.length} tries`);
});

Deno.test("ddmin() tries no part of what has passed, and goes on where it left something out", async () => {
  // All but two are needed, as where most options hang together: 36 tries without either.
  const { minimal, tried } = await run(8, needs(0, 1, 2, 3, 5, 6));
  assert.deepEqual(minimal, [0, 1, 2, 3, 5, 6]);
  assert.deepEqual(tried.filter((one) => one.split(" ").length === 1), [""]);
  assert.ok(tried.length <= 20, `${tried.length} tries`);
});

Deno.test("ddmin() gives nothing where it fails with nothing", async () => {
  assert.deepEqual((await run(5, () => "fails")).minimal, []);
  assert.deepEqual((await run(0, () => "fails")).minimal, []);
});

Deno.test("ddmin() keeps an item that another needs, where subsets without it are unresolved", async () => {
  // 4 is the cause and depends on 1: with 4 alone nothing can be built.
  const { minimal } = await run(8, (subset) => {
    if (!subset.includes(4)) return "passes";
    return subset.includes(1) ? "fails" : "unresolved";
  });
  assert.deepEqual(minimal, [1, 4]);
});

Deno.test("ddmin() leaves nothing that could be left out alone", async () => {
  const subsets = fc.integer({ min: 1, max: 14 }).chain((count) =>
    fc.record({
      count: fc.constant(count),
      causes: fc.array(fc.uniqueArray(fc.nat({ max: count - 1 }), { minLength: 1, maxLength: 4 }), {
        minLength: 1,
        maxLength: 3,
      }),
    })
  );
  await fc.assert(fc.asyncProperty(subsets, async ({ count, causes }) => {
    // Any of the causes is enough.
    const verdict = (subset: readonly number[]): Verdict =>
      causes.some((cause) => cause.every((item) => subset.includes(item))) ? "fails" : "passes";
    const { minimal } = await run(count, verdict);
    assert.equal(verdict(minimal), "fails");
    for (const item of minimal) {
      assert.equal(verdict(minimal.filter((other) => other !== item)), "passes");
    }
  }));
});
