// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Host } from "../host/host.ts";
import { DEFAULT_SETTINGS, type Settings } from "../core/model/model.ts";
import { makePlan } from "./project.ts";
import { errorOf } from "../testing/errors.ts";
import { FakeHost } from "../testing/fake_host.ts";
import { sampleCell, sampleMatrix } from "../testing/samples.ts";

const MATRIX = sampleMatrix(sampleCell("k/a"), sampleCell("k/b"), sampleCell("k/b/smp4"));

interface Asked {
  readonly settings?: Partial<Settings>;
}

function plan({ settings = {} }: Asked = {}, env: Readonly<Record<string, string>> = {}) {
  const host: Host = Object.assign(new FakeHost(), { env: (name: string) => env[name] });
  return makePlan(MATRIX, { globs: [] }, { ...DEFAULT_SETTINGS, ...settings }, host);
}

Deno.test("makePlan() passes W, V and KCFLAGS of the environment on, and nothing that is empty", () => {
  const env = { W: "1", V: "", KCFLAGS: "-O1", CFLAGS: "-g", MAKEFLAGS: "-k" };
  assert.deepEqual(plan({}, env).settings.makeVariables, { W: "1", KCFLAGS: "-O1" });
});

Deno.test("makePlan() takes ARCH only where it says what is supported", () => {
  for (const ARCH of ["", "x86", "x86_64"]) assert.equal(plan({}, { ARCH }).cells.length, 3);
  const error = errorOf(() => plan({}, { ARCH: "sparc" }));
  assert.deepEqual([error.kind, error.id], ["usage", "bad-environment"]);
});

Deno.test("makePlan() uses all cores by default", () => {
  assert.equal(plan().settings.jobs, navigator.hardwareConcurrency);
  assert.equal(plan({ settings: { jobs: 3 } }).settings.jobs, 3);
});
