// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { sampleTest } from "../../testing/samples.ts";
import { lackingForAll } from "./selection.ts";

const TESTS = [
  sampleTest("kcov.pc.basic", ["kcov"]),
  sampleTest("kcov_unique.pc.once", ["kcov", "unique"]),
  sampleTest("kcov_unique.pc.reset", ["kcov", "unique", "reset-ioctl"]),
  sampleTest("kcov_c.tree.ends", ["kcov", "c-selftest"]),
];

Deno.test("lackingForAll() knows what a filter cannot run in a cell, and why", () => {
  const of = (glob: string, ...features: ("kcov" | "unique")[]) =>
    lackingForAll(TESTS, [glob], features);
  assert.deepEqual(of("kcov_unique.*", "kcov"), ["unique", "reset-ioctl"]);
  assert.deepEqual(of("*"), ["kcov", "unique", "reset-ioctl"]);
  // One is enough, and what only a build shows is waited for.
  assert.equal(of("kcov_unique.*", "kcov", "unique"), null);
  assert.equal(of("kcov_c.*", "kcov"), null);
});
