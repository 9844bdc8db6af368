// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import fc from "fast-check";
import { packRing, readDataflowFacts, unpackRing } from "./dataflow_call.ts";

Deno.test("unpackRing() gives back the words that packRing() made attachments of, none too long", () => {
  const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const words = fc.array(fc.oneof(word, fc.constant(2n ** 64n - 1n)), { maxLength: 1300 });
  fc.assert(fc.property(words, (list) => {
    const ring = BigUint64Array.from(list);
    const attachments = Object.fromEntries(packRing(ring));
    for (const value of Object.values(attachments)) assert.ok(value.length < 8192);
    assert.deepEqual(unpackRing(attachments), ring);
  }));
});

Deno.test("readDataflowFacts() gives null for a test that attached none", () => {
  assert.equal(readDataflowFacts({}), null);
  assert.equal(readDataflowFacts({ dataflow: null }), null);
  const facts = { result: -22, words: 1, ring: 8, displacement: null };
  assert.deepEqual(readDataflowFacts({ dataflow: facts }), facts);
});
