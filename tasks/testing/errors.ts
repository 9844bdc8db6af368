// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { KmatrixError } from "../core/model/errors.ts";

/** The error that `body` throws; fails where it throws none, or one of another class. */
export function errorOf(body: () => unknown): KmatrixError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof KmatrixError, `not foreseen: ${error}`);
    return error;
  }
  assert.fail("nothing was thrown");
}

/** The same for what a promise ends in. */
export async function rejectionOf(promise: Promise<unknown>): Promise<KmatrixError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    assert.ok(error instanceof KmatrixError, `not foreseen: ${error}`);
    return error;
  }
  assert.fail(`nothing was thrown, but given: ${JSON.stringify(value)}`);
}
