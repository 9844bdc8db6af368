// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as v from "valibot";
import { KmatrixError } from "../model/errors.ts";
import { cachedJson, count, givenJson, readJson, type Shape, strings } from "./shape.ts";

interface Sample {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly end: { readonly kind: "exited"; readonly code: number } | { readonly kind: "limit" };
}
const shape: Shape<Sample> = v.looseObject({
  name: v.pipe(v.string(), v.regex(/^\w+$/, "no name")),
  sizes: v.pipe(v.array(count), v.nonEmpty()),
  end: v.variant("kind", [
    v.looseObject({ kind: v.literal("exited"), code: v.number() }),
    v.looseObject({ kind: v.literal("limit") }),
  ]),
});
const SOUND = { name: "n", sizes: [1], end: { kind: "limit" } };

function why(value: unknown): string {
  const read = readJson(shape, typeof value === "string" ? value : JSON.stringify(value));
  return read.kind === "wrong" ? read.why : "read";
}

Deno.test("readJson() reads what has the shape, and keeps what it does not know", () => {
  const read = readJson(shape, JSON.stringify({ ...SOUND, more: { of: "it" } }));
  assert.deepEqual(read, { kind: "read", value: { ...SOUND, more: { of: "it" } } });
});

Deno.test("readJson() names the place, what belongs there, and what is there", () => {
  const cases: readonly [unknown, string][] = [
    ["", "it is empty"],
    ["{", "it is no JSON"],
    ["\ufffd\ufffd{\0", "it is no JSON in UTF-8, but UTF-16"],
    ["{\0}\0", "it is no JSON in UTF-8, but UTF-16"],
    ['{\n"name": "n",\n"sizes": [1,],\n}', "it is no JSON"],
    ["null", "the whole must be an object, found null"],
    ["[]", "name is missing"],
    ['"text"', 'the whole must be an object, found "text"'],
    [{ ...SOUND, name: undefined }, "name is missing"],
    [{ ...SOUND, name: 7 }, "name must be a string, found 7"],
    [{ ...SOUND, name: "../x" }, 'name: "../x" is no name'],
    [{ ...SOUND, sizes: {} }, "sizes must be a list, found an object"],
    [{ ...SOUND, sizes: [] }, "sizes must be not empty, found a list"],
    [{ ...SOUND, sizes: [3, "4"] }, 'sizes.1 must be a number, found "4"'],
    [{ ...SOUND, sizes: [3, -4] }, "sizes.1 must be 0 or more, found -4"],
    [{ ...SOUND, end: null }, "end must be an object, found null"],
    [{ ...SOUND, end: {} }, "end.kind is missing"],
    [{ ...SOUND, end: { kind: "x" } }, 'end.kind must be ("exited" | "limit"), found "x"'],
    [{ ...SOUND, end: { kind: "exited" } }, "end.code is missing"],
    [
      { ...SOUND, name: { a: "\x1b[31m" } },
      "name must be a string, found an object",
    ],
  ];
  for (const [value, expected] of cases) assert.equal(why(value), expected);
  const long = why({ ...SOUND, end: { kind: "x".repeat(1000) } });
  assert.ok(long.length < 150, long);
  assert.equal(
    why({ ...SOUND, name: "\x1b]0;t\x07\n" }),
    'name: "\\u001b]0;t\\u0007\\n" is no name',
  );
});

Deno.test("cachedJson() takes what is damaged for nothing", () => {
  assert.deepEqual(cachedJson(strings, '["a"]'), ["a"]);
  for (const text of [null, "", "{", '["a", 1]', "null", "\0"]) {
    assert.equal(cachedJson(strings, text), null);
  }
});

Deno.test("givenJson() blames the user, with the file and what to do", () => {
  const file = { file: "a/boot.json", id: "bad-boot-json", hint: "Remove it." };
  assert.throws(() => givenJson(strings, "{}", file), (error) => {
    assert.ok(error instanceof KmatrixError);
    assert.deepEqual(error.toFailure(), {
      kind: "usage",
      id: "bad-boot-json",
      message: "a/boot.json: the whole must be a list, found an object",
      detail: "Remove it.",
    });
    return true;
  });
});
