// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { globMatches, isSelected } from "./glob.ts";

Deno.test("globMatches() matches the whole id", () => {
  assert.ok(globMatches("kcov.*", "kcov.mode_trace_pc.kcov_basic"));
  assert.ok(globMatches("*basic", "kcov.mode_trace_pc.kcov_basic"));
  assert.ok(globMatches("k?ov.a", "kcov.a"));
  assert.ok(!globMatches("kcov", "kcov.a"));
  assert.ok(!globMatches("kcov.*", "kcov_uniq.a"), "a dot is a dot");
  assert.ok(globMatches("a[b]", "a[b]"), "brackets are plain");
});

Deno.test("isSelected() takes everything when there is no glob", () => {
  assert.ok(isSelected([], "a.b.c"));
  assert.ok(isSelected(["x", "a.*"], "a.b.c"));
  assert.ok(!isSelected(["x"], "a.b.c"));
});
