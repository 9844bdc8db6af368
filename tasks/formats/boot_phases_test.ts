// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { bootPhases } from "./boot_phases.ts";

Deno.test("bootPhases() divides the whole time", () => {
  const record = { firstByteMs: { console: 110, results: 590 }, durationMs: 1900 };
  assert.deepEqual(bootPhases(record), {
    "boot.phase.start": "110",
    "boot.phase.kernel": "480",
    "boot.phase.tests": "1310",
  });
});

Deno.test("bootPhases() leaves out what a boot did not get to", () => {
  assert.deepEqual(bootPhases({ firstByteMs: { console: 100 }, durationMs: 5000 }), {
    "boot.phase.start": "100",
    "boot.phase.kernel": "4900",
  });
  assert.deepEqual(bootPhases({ firstByteMs: {}, durationMs: 30_000 }), {});
  assert.deepEqual(bootPhases({ durationMs: 10 }), {}, "a record of an older version");
});
