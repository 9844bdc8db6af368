// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PageFailure } from "../core/page/page_model.ts";
import { CHANGE_TITLES } from "../core/compare/compare_words.ts";
import { CELL_WORDS, hashOf, readHash, START, testHash } from "./view_state.ts";

Deno.test("readHash() reads what hashOf() writes, whatever the names hold", () => {
  const text = fc.string({ unit: "grapheme" });
  const number = fc.option(fc.nat(1e6));
  const state = fc.record({
    view: fc.option(text),
    cell: fc.option(text),
    failure: fc.nat(100),
    test: fc.option(text),
    log: number,
    line: number,
    words: text,
    only: fc.subarray([...CELL_WORDS]),
    changes: fc.subarray(CHANGE_TITLES.map(([change]) => change)),
  }, { noNullPrototype: true });
  fc.assert(fc.property(state, (one) => assert.deepEqual(readHash(hashOf(one)), one)));
  assert.equal(hashOf(START), "#");
});

Deno.test("readHash() takes any address, and leaves aside what means nothing", () => {
  assert.deepEqual(readHash(""), START);
  assert.deepEqual(readHash("#failure=-1&line=1e9&log=x&only=bad,failed,failed&other=1"), {
    ...START,
    only: ["failed"],
  });
  fc.assert(fc.property(fc.string(), (hash) => void readHash(hash)));
  assert.equal(readHash("#%zz&cell=a%").cell, "a%");
});

Deno.test("testHash() leads to the failure of a test, and to none for one that is to blame for none", () => {
  const failure = (tests: string[]): PageFailure => ({
    ...{ id: "i", message: "m", detail: "", stage: null, fingerprint: null, place: null },
    ...{ blame: "test", tests },
  });
  const cell = { id: "k/c", failures: [failure(["a"]), failure(["b"])] };
  const at = (id: string) => readHash(testHash(START, cell, { id })).failure;
  assert.deepEqual([at("a"), at("b"), at("c")], [0, 1, 2]);
});
