// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isExplained, UNSTABLE_FUNCTIONS } from "./unstable_functions.ts";

Deno.test("each unstable function stands there once, with conditions and a reason", () => {
  const names = UNSTABLE_FUNCTIONS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { beside, why, name } of UNSTABLE_FUNCTIONS) {
    assert.ok(beside.length > 0 && why.length > 20, name);
  }
});

Deno.test("nothing is explained by another condition, kernel or name", () => {
  assert.equal(isExplained("switch_fpu_return", "wakeup", true), true);
  // Nothing at all may come or go where nothing is switched to.
  for (const { name } of UNSTABLE_FUNCTIONS) {
    for (const condition of ["alone", "timer"] as const) {
      assert.equal(isExplained(name, condition, false), false, name);
    }
  }
  assert.equal(isExplained("arch_scale_cpu_capacity", "yield", false), true);
  assert.equal(isExplained("arch_scale_cpu_capacity", "yield", true), false);
  assert.equal(isExplained("ksys_read", "wakeup", false), false);
});
