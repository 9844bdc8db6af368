// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { withTempDir } from "../testing/fake_host.ts";
import { CappedLog } from "./capped_log.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function written(parts: readonly string[], head: number, tail: number) {
  let text = "";
  let leftOut = 0;
  await withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/log`, "before\n");
    const log = new CappedLog(`${dir}/log`, { head, tail });
    for (const part of parts) log.write(bytes(part));
    leftOut = log.leftOut;
    log.close();
    text = await Deno.readTextFile(`${dir}/log`);
  });
  return { text, leftOut };
}

Deno.test("CappedLog keeps all of a log that has room, and appends it", async () => {
  assert.deepEqual(await written(["one\n", "two\n"], 4, 4), {
    text: "before\none\ntwo\n",
    leftOut: 0,
  });
});

Deno.test("CappedLog keeps beginning and end, and says between them how much is missing", async () => {
  const lines = Array.from({ length: 100 }, (_, index) => `${index}`.padStart(3, "0") + "\n");
  assert.deepEqual(await written(lines, 8, 8), {
    text: "before\n000\n001\n\n[kmatrix: 384 bytes of the log left out]\n098\n099\n",
    leftOut: 384,
  });
});

Deno.test("CappedLog loses nothing but what it counts, however the output is torn", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme-ascii", minLength: 1 }), { maxLength: 20 }),
      fc.nat(30),
      fc.integer({ min: 1, max: 30 }),
      async (parts, head, tail) => {
        const all = parts.join("");
        const { text, leftOut } = await written(parts, head, tail);
        const [first, last] = text.slice("before\n".length).split(/\n\[kmatrix: \d+ bytes .*\]\n/);
        assert.equal((first + (last ?? "")).length + leftOut, all.length);
        assert.ok(all.startsWith(first!) && all.endsWith(last ?? ""));
        assert.ok(leftOut === 0 || last!.length >= tail);
      },
    ),
    { numRuns: 100 },
  );
});
