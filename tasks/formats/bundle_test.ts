// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellVerdict } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { parseManifest, verdictDifferences } from "./bundle.ts";

const verdict = (
  ...failures: readonly (readonly [id: string, message: string, ...tests: string[]])[]
): CellVerdict => ({
  kind: "failed",
  failures: failures.map(([id, message, ...tests]) => ({
    ...{ kind: "test", id, message, detail: "" },
    subject: tests.length === 0 ? { stage: "boot" } : { tests },
  })),
});
const PASSED: CellVerdict = { kind: "passed", note: "" };

Deno.test("verdictDifferences() looks at tests and words, not at counts and addresses", () => {
  const recorded = verdict(["test-failed", "saw 7", "f.v.t", "f.v.u"], ["panic", "at 0xff01"]);
  const again = verdict(["panic", "at 0xee01"], ["test-failed", "saw 8", "f.v.t", "f.v.u"]);
  assert.deepEqual(verdictDifferences(recorded, again), []);
  assert.deepEqual(verdictDifferences(PASSED, { kind: "passed", note: "x" }), []);
});

Deno.test("verdictDifferences() names what is new and what is gone", () => {
  const recorded = verdict(["test-failed", "m", "f.v.t"]);
  assert.deepEqual(verdictDifferences(recorded, verdict(["test-failed", "m", "f.v.other"])), [
    "recorded only: f.v.t: test-failed",
    "now only: f.v.other: test-failed",
  ]);
  assert.deepEqual(verdictDifferences(recorded, PASSED), [
    "recorded only: f.v.t: test-failed",
    "now only: passed",
  ]);
});

Deno.test("parseManifest() refuses damage and other formats, and says where", () => {
  for (const text of ["", "{", "null", "[]", '{"cell":"a/b"}']) {
    assert.throws(() => parseManifest(text, "x.tar.xz"), (error) => {
      assert.ok(error instanceof KmatrixError && error.id === "bad-bundle");
      assert.equal(error.message, "x.tar.xz: bundle.json is damaged");
      return true;
    });
  }
  const machine = { id: "uni", cpus: 1, memoryMiB: 256, type: "microvm", cmdline: "" };
  const whole = { cell: "a/b", machine, declared: [], verdict: PASSED, digests: {} };
  const future = JSON.stringify({ ...whole, format: 9 });
  assert.throws(() => parseManifest(future, "x"), /format 9; this version reads 2/);
  const read = (more: object) =>
    parseManifest(JSON.stringify({ ...whole, format: 2, ...more }), "x");
  for (const cell of ["a/b", "linux-6.12+fix/kcov@clang-23/smp4"]) {
    assert.equal(read({ cell }).cell, cell);
  }
  for (const cell of ["../../etc/x", "a/..", "/a/b", "a", "a/b/c/d/e"]) {
    assert.throws(() => read({ cell }), /is no cell id/, cell);
  }
  for (const odd of [{ type: "virt,dumpdtb=/x" }, { cpus: 0 }, { memoryMiB: "1,x=2" }]) {
    assert.throws(() => read({ machine: { ...machine, ...odd } }), /its machine is none/);
  }
});
