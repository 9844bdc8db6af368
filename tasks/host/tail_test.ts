// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { Tail } from "./tail.ts";

Deno.test("Tail keeps the last bytes of a stream, whatever its chunks", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      (chunks, most) => {
        const tail = new Tail(most);
        for (const chunk of chunks) tail.add(chunk);
        const all = chunks.flatMap((chunk) => [...chunk]);
        assert.deepEqual([...tail.bytes()], all.slice(-most));
        assert.equal(tail.lost, Math.max(0, all.length - most));
      },
    ),
    { numRuns: 300 },
  );
});
