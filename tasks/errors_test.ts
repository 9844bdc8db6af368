// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { failureFrom, KmatrixError } from "./errors.ts";

Deno.test("failureFrom() gives back what a stage has thrown", () => {
  assert.deepEqual(failureFrom(new KmatrixError("config", "option-dropped", "m", "d")), {
    kind: "config",
    id: "option-dropped",
    message: "m",
    detail: "d",
  });
});

Deno.test("failureFrom() takes what nobody foresaw for a bug, with its stack", () => {
  const failure = failureFrom(new TypeError("x is undefined"));
  assert.deepEqual([failure.kind, failure.message], ["bug", "x is undefined"]);
  assert.match(failure.detail, /errors_test\.ts/);
  assert.deepEqual(failureFrom("thrown"), {
    kind: "bug",
    id: "bug",
    message: "thrown",
    detail: "",
  });
  assert.equal(failureFrom(undefined).message, "undefined");
});

Deno.test("failureFrom() blames the machine when the disk is full", () => {
  for (
    const message of [
      "No space left on device (os error 28)",
      "ENOSPC: no space left on device, write",
    ]
  ) {
    const { kind, id } = failureFrom(new Error(message));
    assert.deepEqual([kind, id], ["infra", "disk-full"]);
  }
});
