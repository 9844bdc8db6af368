// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { inPieces } from "./pieces.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("inPieces() gives every byte once and in order, however they come", async () => {
  const chunk = fc.record({ bytes: fc.uint8Array({ maxLength: 20 }), waits: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(chunk), fc.boolean(), async (chunks, slow) => {
      const source = async function* () {
        for (const { bytes, waits } of chunks) {
          if (waits) await turn();
          yield bytes;
        }
      };
      const found: number[] = [];
      for await (const piece of inPieces(ReadableStream.from(source()))) {
        assert.ok(piece.length > 0);
        found.push(...piece);
        if (slow) await turn();
      }
      assert.deepEqual(found, chunks.flatMap(({ bytes }) => [...bytes]));
    }),
    { numRuns: 50 },
  );
});

Deno.test("inPieces() makes one piece of what came while its reader was busy", async () => {
  const bytes = Array.from({ length: 5000 }, (_, index) => Uint8Array.of(index & 0xff));
  let pieces = 0;
  for await (const _ of inPieces(ReadableStream.from(bytes))) {
    pieces++;
    await turn();
  }
  assert.ok(pieces < 50, `${pieces} pieces`);
});

Deno.test("inPieces() reads no more than 1 MiB ahead of a reader that stands still", async () => {
  let given = 0;
  const source = function* () {
    for (; given < 64; given++) yield new Uint8Array(256 << 10);
  };
  const pieces = inPieces(ReadableStream.from(source()));
  await pieces.next();
  for (let round = 0; round < 100; round++) await turn();
  assert.ok(given < 16, `${given} chunks were read`);
  await pieces.return(undefined);
});

Deno.test("inPieces() passes a failure on", async () => {
  const source = async function* () {
    yield Uint8Array.of(1);
    await turn();
    throw new Error("torn");
  };
  await assert.rejects(async () => {
    for await (const _ of inPieces(ReadableStream.from(source())));
  }, /torn/);
});
