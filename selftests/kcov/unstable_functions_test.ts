// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isExplained, UNSTABLE_FUNCTIONS, type UnstableWindow } from "./unstable_functions.ts";

Deno.test("each unstable function stands there once, with conditions and a reason", () => {
  const names = UNSTABLE_FUNCTIONS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { beside, why, name } of UNSTABLE_FUNCTIONS) {
    assert.ok(beside.length > 0 && why.length > 20, name);
  }
});

/** A window in which nothing has happened. */
const QUIET: UnstableWindow = { condition: "alone", interrupted: false, hasSeries: true };

Deno.test("nothing is explained by another condition, kernel or name", () => {
  const wakeup = { ...QUIET, condition: "wakeup" } as const;
  assert.equal(isExplained("switch_fpu_return", wakeup), true);
  // Nothing at all may come or go where nothing is switched to and no interrupt came.
  for (const { name } of UNSTABLE_FUNCTIONS) {
    for (const condition of ["alone", "timer"] as const) {
      assert.equal(isExplained(name, { ...QUIET, condition, hasSeries: false }), false, name);
    }
  }
  const beside = { ...QUIET, condition: "yield" } as const;
  assert.equal(isExplained("arch_scale_cpu_capacity", { ...beside, hasSeries: false }), true);
  assert.equal(isExplained("arch_scale_cpu_capacity", beside), false);
  assert.equal(isExplained("ksys_read", { ...wakeup, hasSeries: false }), false);
});

Deno.test("an interrupt explains that FPU registers are loaded, and nothing of the scheduler", () => {
  const names = UNSTABLE_FUNCTIONS.map(({ name }) => name);
  const explained = names.filter((name) =>
    isExplained(name, { ...QUIET, interrupted: true, hasSeries: false })
  );
  assert.deepEqual(explained, [
    "switch_fpu_return",
    "fpregs_restore_userregs",
    "restore_fpregs_from_fpstate",
  ]);
});
