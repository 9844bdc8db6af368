// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { LimitRung } from "./model.ts";
import {
  firedRung,
  limitClass,
  limitsFor,
  type Progress,
  rungLimitMs,
  rungText,
} from "./limits.ts";

const LIMITS = limitsFor("tcg", [], null);
const fired = (progress: Partial<Progress>) =>
  firedRung(LIMITS, {
    elapsedMs: 0,
    consoleBytes: 0,
    resultBytes: 0,
    sinceResultMs: 0,
    ...progress,
  });

Deno.test("limitsFor() stretches every phase for a sanitizer and for emulation", () => {
  const kvm = limitsFor("kvm", [], null);
  const kasan = limitsFor("tcg", ["kcov", "kasan"], null);
  for (const phase of ["noOutputMs", "initMs", "silentMs", "bootMs"] as const) {
    assert.ok(kvm[phase] < LIMITS[phase], phase);
    assert.equal(kasan[phase], 4 * LIMITS[phase], phase);
  }
  assert.ok(kasan.timeScale > LIMITS.timeScale);
  assert.ok(kvm.timeScale >= 1, "a test's own limit is never shortened");
});

Deno.test("limitsFor() gives a slow host ten times what it was seen to take, and no host less", () => {
  const seen = (ms: number) => ({ firstOutputMs: ms, initMs: ms, silentMs: ms, bootMs: ms });
  assert.deepEqual(limitsFor("tcg", [], null, seen(100)), LIMITS);
  const slow = limitsFor("tcg", [], null, seen(80_000));
  for (const phase of ["noOutputMs", "initMs", "silentMs", "bootMs"] as const) {
    assert.equal(slow[phase], 800_000, phase);
  }
  assert.equal(slow.timeScale, LIMITS.timeScale * 800_000 / LIMITS.initMs);
  assert.equal(slow.consoleBytes, LIMITS.consoleBytes);
  assert.equal(limitsFor("tcg", [], 7, seen(80_000)).bootMs, 7000);
});

Deno.test("limitsFor() stretches every phase, and the tests, with a slower kernel", () => {
  const slow = limitsFor("tcg", [], null, null, 3);
  for (const phase of ["noOutputMs", "initMs", "silentMs", "bootMs", "timeScale"] as const) {
    assert.equal(slow[phase], 3 * LIMITS[phase], phase);
  }
  const shadowed = limitsFor("tcg", ["kasan"], null, null, 3);
  assert.equal(shadowed.initMs, 12 * LIMITS.initMs);
  assert.notEqual(limitClass("tcg", [], 3), limitClass("tcg", []));
  assert.equal(limitClass("tcg", [], 1), limitClass("tcg", []));
});

Deno.test("limitClass() keeps apart what is not alike in its limits", () => {
  const classes = [limitClass("tcg", []), limitClass("kvm", []), limitClass("tcg", ["kasan"])];
  assert.equal(new Set(classes).size, 3);
  assert.equal(limitClass("tcg", ["kcov", "smp"]), limitClass("tcg", []));
});

Deno.test("rungLimitMs() gives the limit of the phase", () => {
  assert.equal(rungLimitMs("no-output", LIMITS), LIMITS.noOutputMs);
  assert.equal(rungLimitMs("init-not-reached", LIMITS), LIMITS.initMs);
  assert.equal(rungLimitMs("guest-silent", LIMITS), LIMITS.silentMs);
  assert.equal(rungLimitMs("boot-limit", LIMITS), LIMITS.bootMs);
  assert.equal(rungLimitMs("console-cap", LIMITS), null);
});

Deno.test("limitsFor() takes --timeout for the whole boot, and for nothing else", () => {
  const limits = limitsFor("tcg", ["kasan"], 7);
  assert.equal(limits.bootMs, 7000);
  assert.equal(limits.initMs, limitsFor("tcg", ["kasan"], null).initMs);
});

Deno.test("firedRung() waits as long as no phase is over its limit", () => {
  assert.equal(fired({}), null);
  assert.equal(fired({ elapsedMs: LIMITS.noOutputMs }), null);
  assert.equal(fired({ elapsedMs: LIMITS.initMs, consoleBytes: 1 }), null);
  assert.equal(fired({ elapsedMs: LIMITS.initMs + 1, resultBytes: 1, consoleBytes: 1 }), null);
  assert.equal(fired({ elapsedMs: LIMITS.bootMs, resultBytes: 1 }), null);
  assert.equal(fired({ consoleBytes: LIMITS.consoleBytes }), null);
});

Deno.test("firedRung() names the phase that took too long", () => {
  const cases: readonly [LimitRung, Partial<Progress>][] = [
    ["no-output", { elapsedMs: LIMITS.noOutputMs + 1 }],
    ["init-not-reached", { elapsedMs: LIMITS.initMs + 1, consoleBytes: 1 }],
    ["guest-silent", { resultBytes: 1, sinceResultMs: LIMITS.silentMs + 1 }],
    ["boot-limit", { elapsedMs: LIMITS.bootMs + 1, resultBytes: 1 }],
    ["console-cap", { consoleBytes: LIMITS.consoleBytes + 1 }],
  ];
  for (const [rung, progress] of cases) {
    assert.equal(fired(progress), rung);
    assert.ok(rungText(rung).length > 10);
  }
  assert.equal(new Set(cases.map(([rung]) => rungText(rung))).size, cases.length);
});

Deno.test("firedRung() lets results count for output: a quiet console is no sign of death", () => {
  assert.equal(fired({ elapsedMs: LIMITS.noOutputMs + 1, resultBytes: 1 }), null);
});
