// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { declaredTests } from "./main.ts";

Deno.test("declaredTests() holds the names of the reference selftest, in its order", () => {
  const ids = declaredTests().map(({ id }) => id);
  // Before them only what has to be the first use of unique mode.
  assert.match(ids[0]!, /^kcov_first\./);
  assert.deepEqual(ids.slice(1, 8), [
    "kcov.mode_trace_pc.kcov_basic_syscall_coverage",
    "kcov.mode_trace_cmp.kcov_basic_syscall_coverage",
    "kcov.reset_ioctl_rw.kcov_basic_syscall_coverage",
    "kcov.reset_ioctl_ro.kcov_basic_syscall_coverage",
    "kcov_uniq.fast_rw.kcov_uniq_coverage",
    "kcov_uniq.slow_rw.kcov_uniq_coverage",
    "kcov_uniq.slow_ro.kcov_uniq_coverage",
  ]);
});

Deno.test("declaredTests() says which features the reference tests need", () => {
  const requires = Object.fromEntries(declaredTests().map((test) => [test.id, test.requires]));
  assert.deepEqual(requires["kcov.mode_trace_pc.kcov_basic_syscall_coverage"], ["kcov"]);
  assert.deepEqual(requires["kcov.mode_trace_cmp.kcov_basic_syscall_coverage"], ["kcov", "cmp"]);
  assert.deepEqual(requires["kcov_uniq.slow_ro.kcov_uniq_coverage"], [
    "kcov",
    "unique",
    "reset-ioctl",
  ]);
});

Deno.test("declaredTests() has unique ids, made of their parts", () => {
  const tests = declaredTests();
  assert.equal(new Set(tests.map(({ id }) => id)).size, tests.length);
  for (const { id, fixture, variant, test } of tests) {
    assert.equal(id, `${fixture}.${variant}.${test}`);
  }
});

Deno.test("declaredTests() names the file that declares the test", () => {
  for (const { file, fixture, test } of declaredTests()) {
    const source = readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
    assert.ok(source.includes(`"${fixture}"`), `${file} does not declare fixture ${fixture}`);
    assert.ok(source.includes(`"${test}"`), `${file} does not declare test ${test}`);
  }
});

Deno.test("declaredTests() is data that survives JSON", () => {
  const tests = declaredTests();
  assert.deepEqual(JSON.parse(JSON.stringify(tests)), tests);
});
