// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { nearest } from "./nearest.ts";

Deno.test("nearest() offers the name when a third of it differs at most", () => {
  assert.equal(
    nearest("kcvo", ["base", "kcov", "kasan"]),
    '; did you mean "kcov"? (choices: base, kcov, kasan)',
  );
});

Deno.test("nearest() only lists the choices when none is near", () => {
  assert.equal(nearest("zzzzzz", ["base", "kcov"]), " (choices: base, kcov)");
});

Deno.test("nearest() says so when there is no choice", () => {
  assert.equal(nearest("kcov", []), " (choices: none)");
});

Deno.test("nearest() lists twelve choices at most", () => {
  const many = Array.from({ length: 20 }, (_, index) => `option-${index}`);
  const text = nearest("zzz", many);
  assert.match(text, /option-11, …\)$/);
  assert.doesNotMatch(text, /option-12/);
});
