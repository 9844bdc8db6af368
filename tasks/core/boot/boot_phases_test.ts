// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { bootPhases, overBudget, overBudgetText, stalledShares } from "./boot_phases.ts";

Deno.test("bootPhases() divides the whole time", () => {
  const record = {
    firstByteMs: { console: 110, results: 590, test: 610 },
    lastByteMs: 1800,
    durationMs: 1900,
  };
  const phases = bootPhases(record);
  assert.deepEqual(phases, { start: 110, kernel: 480, init: 20, tests: 1190, exit: 100 });
  assert.equal(Object.values(phases).reduce((sum, ms) => sum + ms, 0), record.durationMs);
});

Deno.test("bootPhases() gives the rest to the last phase that a boot came to", () => {
  const end = { durationMs: 5000 };
  assert.deepEqual(bootPhases({ firstByteMs: { console: 100 }, ...end }), {
    start: 100,
    kernel: 4900,
  });
  const init = { firstByteMs: { console: 100, results: 300 }, lastByteMs: 300, ...end };
  assert.deepEqual(bootPhases(init), { start: 100, kernel: 200, init: 4700 });
  assert.deepEqual(bootPhases({ firstByteMs: {}, ...end }), {});
  assert.deepEqual(bootPhases(end), {}, "a record of an older version");
  const older = { firstByteMs: { console: 100, results: 300 }, ...end };
  assert.deepEqual(bootPhases(older), { start: 100, kernel: 200, init: 0, tests: 4700 });
});

Deno.test("overBudget() names what took longer than is due on its accelerator", () => {
  assert.deepEqual(overBudget({ start: 3000, tests: 36_000 }, "tcg", []), []);
  assert.deepEqual(overBudget({ start: 3501, tests: 46_200 }, "tcg", []).map(overBudgetText), [
    "start (QEMU's start to the first kernel line) 3.5 s, budget 3 s",
    "tests (first to last test) 46.2 s, budget 36 s",
  ]);
  assert.deepEqual(overBudget({ start: 3501 }, "tcg", ["kasan"]), []);
  assert.deepEqual(overBudget({ start: 3501 }, "tcg", [], 1.5), [], "a slower kernel");
  assert.deepEqual(overBudget({ kernel: 1600 }, "kvm", []).map(overBudgetText), [
    "kernel (first kernel line to init) 1.6 s, budget 1.5 s",
  ]);
});

Deno.test("stalledShares() are the parts of each phase in which the machine was overloaded", () => {
  const record = {
    firstByteMs: { console: 100, results: 500, test: 500 },
    lastByteMs: 1500,
    durationMs: 1600,
  };
  const stalledMs = { console: 50, results: 150, test: 150, last: 1150, end: 1150 };
  assert.deepEqual(stalledShares({ ...record, stalledMs }), {
    start: 0.5,
    kernel: 0.25,
    init: 0,
    tests: 1,
    exit: 0,
  });
  assert.deepEqual(stalledShares(record), {}, "a host that does not tell");
  const broken = { firstByteMs: { console: 100 }, durationMs: 1100 };
  assert.deepEqual(stalledShares({ ...broken, stalledMs: { console: 10, end: 260 } }), {
    start: 0.1,
    kernel: 0.25,
  });
});
