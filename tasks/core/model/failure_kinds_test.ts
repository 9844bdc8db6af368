// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Failure } from "./errors.ts";
import { EXIT } from "./exit_codes.ts";
import {
  blameOf,
  exitCodeOf,
  exitCodeOfAll,
  type FailureKind,
  isFinding,
  isOfMaking,
  isRepeatable,
  junitKind,
  mayBeExpected,
} from "./failure_kinds.ts";

/** Every kind with its code; TypeScript sees to it that none is left out. */
const CODES: Readonly<Record<FailureKind, number>> = {
  usage: 2,
  "no-match": 4,
  patch: 5,
  config: 5,
  build: 5,
  inspect: 5,
  kernel: 3,
  test: 3,
  promise: 3,
  infra: 6,
  interrupted: 130,
  bug: 1,
};
const KINDS = Object.keys(CODES) as FailureKind[];
const failure = (kind: FailureKind): Failure => ({ kind, id: "x", message: "m", detail: "" });
const all = (...kinds: FailureKind[]) => exitCodeOfAll(kinds.map(failure));

Deno.test("exitCodeOf() gives the code of each kind", () => {
  for (const kind of KINDS) assert.equal(exitCodeOf(kind), CODES[kind], kind);
});

Deno.test("exitCodeOfAll() is 0 for nothing, and a kind's own code for one", () => {
  assert.equal(all(), 0);
  for (const kind of KINDS) assert.equal(all(kind), CODES[kind]);
});

Deno.test("exitCodeOfAll() lets infrastructure win over builds, and builds over tests", () => {
  assert.equal(all("test", "build", "infra"), 6);
  assert.equal(all("kernel", "config"), 5);
  assert.equal(all("test", "no-match"), 3);
  assert.equal(all("usage", "build"), 2);
  assert.equal(all("infra", "usage"), 6);
  assert.equal(all("bug", "infra"), 1);
  assert.equal(all("interrupted", "bug", "infra"), 130);
});

Deno.test("exitCodeOfAll() does not depend on the order, and is never 0 with a failure", () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(...KINDS), { minLength: 1 }), (kinds) => {
    const code = all(...kinds);
    assert.equal(code, all(...kinds.toReversed()));
    assert.notEqual(code, EXIT.ok);
    assert.ok(kinds.some((kind) => CODES[kind] === code));
  }));
});

Deno.test("docs/verdicts.md says of each kind who acts, how JUnit shows it and its code", async () => {
  const text = await Deno.readTextFile(new URL("../../../docs/verdicts.md", import.meta.url));
  const rows = [...text.matchAll(/^\| `([a-z-]+)` +\| (\w+) +\| (failure|error) +\| (\d+) +\|$/gm)];
  assert.deepEqual(
    rows.map(([, kind, ...rest]) => [kind, ...rest]).sort(),
    KINDS.map((kind) => [kind, blameOf(kind), junitKind(kind), `${exitCodeOf(kind)}`]).sort(),
  );
  const order = /the first of ([\d, ]+) wins/.exec(text.replaceAll("\n", " "));
  assert.deepEqual(order?.[1]?.split(", ").map(Number), [130, 143, 1, 6, 2, 5, 3, 4]);
});

Deno.test("predicates over kinds agree with what commands that go on behind a failure rely on", () => {
  const of = (predicate: (kind: FailureKind) => boolean) => KINDS.filter(predicate);
  // bisect and series take these for an answer about a commit.
  assert.deepEqual(of(isOfMaking), ["patch", "config", "build", "inspect"]);
  // A mutant is caught by these alone.
  assert.deepEqual(of(isFinding), ["build", "inspect", "kernel", "test", "promise"]);
  assert.deepEqual(
    of(mayBeExpected),
    ["patch", "config", "build", "inspect", "kernel", "test", "promise"],
  );
  assert.deepEqual(KINDS.filter((kind) => !isRepeatable(kind)), [
    ...["usage", "infra", "interrupted", "bug"],
  ]);
});
