// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import {
  assertEquals,
  assertErrno,
  AssertionError,
  assertSameMembers,
  hex,
  inspect,
} from "./asserts.ts";

function messageOf(body: () => void): string {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof AssertionError);
    return error.message;
  }
  throw new Error("did not throw");
}

Deno.test("assertEquals() says what it got and what it expected", () => {
  assertEquals([1n, [2]], [1n, [2]], "equal");
  assertEquals(new Set([1]), new Set([1]), "equal");
  assert.equal(messageOf(() => assertEquals(1, 2, "count")), "count: got 1, expected 2");
  assert.throws(() => assertEquals<unknown>(1n, 1, "types"), AssertionError);
});

Deno.test("assertErrno() names the errors", () => {
  assertErrno(-22, 22, "call");
  assertErrno(3, 0, "call");
  assert.equal(messageOf(() => assertErrno(-25, 22, "call")), "call: got ENOTTY, expected EINVAL");
  assert.equal(messageOf(() => assertErrno(0, 22, "call")), "call: got 0, expected EINVAL");
  assert.equal(
    messageOf(() => assertErrno(-524, 0, "call")),
    "call: got ENOTSUPP, expected success",
  );
  assert.equal(
    messageOf(() => assertErrno(-71, 22, "call")),
    "call: got errno 71, expected EINVAL",
  );
});

Deno.test("assertSameMembers() says which side misses what", () => {
  assertSameMembers([1, 2, 2], [2, 1], "set");
  assert.equal(
    messageOf(() => assertSameMembers([1, 3], [1, 2], "set")),
    "set: missing [2], unexpected [3]",
  );
});

Deno.test("inspect() is short and writes addresses in hexadecimal", () => {
  assert.equal(inspect(0xffffffff81000000n), "0xffffffff81000000");
  assert.equal(inspect(7n), "7");
  assert.equal(inspect({ a: "x" }), '{ a: "x" }');
  assert.match(inspect(Array.from({ length: 100 }, (_, i) => i)), /… 76 more\]$/);
});

Deno.test("hex() reads negative values as words", () => {
  assert.equal(hex(-1n), "0xffffffffffffffff");
  assert.equal(hex(0n), "0x0");
});
