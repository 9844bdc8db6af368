// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { sha256 } from "./digest.ts";

Deno.test("sha256() gives the check values of FIPS 180 for text and for bytes", async () => {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(await sha256("abc"), abc);
  assert.equal(await sha256(new TextEncoder().encode("abc")), abc);
  assert.match(await sha256(""), /^e3b0c44298fc1c14[0-9a-f]{48}$/);
});
