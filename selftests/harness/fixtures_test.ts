// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { collectTests, fixture, SkipError, TestContext } from "./fixtures.ts";

const context = (log: string[] = []) =>
  new TestContext("id", (message) => log.push(JSON.stringify(message)));

Deno.test("fixture() gives every test once for every variant", () => {
  const sample = fixture("sample", {
    file: "x.ts",
    requires: ["kcov"],
    variants: { one: {}, two: { requires: ["cmp"] } },
    setup: () => null,
  });
  sample.test("first", () => {}, { requires: ["smp", "kcov"], timeoutMs: 5 }).test(
    "second",
    () => {},
  );
  const list = sample.list().map(({ id, requires, timeoutMs }) => [id, requires.join(), timeoutMs]);
  assert.deepEqual(list, [
    ["sample.one.first", "kcov,smp", 5],
    ["sample.two.first", "kcov,cmp,smp", 5],
    ["sample.one.second", "kcov", 45_000],
    ["sample.two.second", "kcov,cmp", 45_000],
  ]);
});

Deno.test("run() does setup, body, teardown and cleanups, in this order", () => {
  const order: string[] = [];
  const sample = fixture("sample", {
    file: "x.ts",
    variants: { v: { size: 3 } },
    setup(t, variant) {
      t.cleanup(() => order.push("cleanup 1"));
      t.cleanup(() => order.push("cleanup 2"));
      return variant.size * 2;
    },
    teardown: (value) => void order.push(`teardown ${value}`),
  });
  sample.test("t", (_t, value, variant) => void order.push(`body ${value} ${variant.size}`));
  sample.list()[0]!.run(context());
  assert.deepEqual(order, ["body 6 3", "teardown 6", "cleanup 2", "cleanup 1"]);
});

Deno.test("run() tears down after a failure and skips it after a failed setup", () => {
  const order: string[] = [];
  const failing = fixture("failing", {
    file: "x.ts",
    variants: { v: {} },
    setup: (t) => t.cleanup(() => order.push("cleanup")),
    teardown: () => void order.push("teardown"),
  }).test("t", () => {
    throw new Error("body");
  });
  assert.throws(() => failing.list()[0]!.run(context()), /body/);
  assert.deepEqual(order, ["teardown", "cleanup"]);

  const skipping = fixture("skipping", {
    file: "x.ts",
    variants: { v: {} },
    setup: (t) => t.skip("no device"),
    teardown: () => assert.fail("teardown without setup"),
  }).test("t", () => assert.fail("body without setup"));
  assert.throws(() => skipping.list()[0]!.run(context()), SkipError);
});

Deno.test("fixture() refuses names that would break an id", () => {
  const options = { file: "x.ts", variants: { v: {} }, setup: () => null };
  assert.throws(() => fixture("a.b", options), RangeError);
  assert.throws(() => fixture("a", { ...options, variants: { "x y": {} } }), RangeError);
  assert.throws(() => fixture("a", options).test("T", () => {}), RangeError);
  assert.throws(() => fixture("a", options).test("t", () => {}).test("t", () => {}), RangeError);
});

Deno.test("collectTests() refuses an id that occurs twice", () => {
  const options = { file: "x.ts", variants: { v: {} }, setup: () => null };
  const twin = () => fixture("a", options).test("t", () => {});
  assert.throws(() => collectTests([twin(), twin()]), /"a\.v\.t" is declared twice/);
});

Deno.test("TestContext sends logs and attachments at once", () => {
  const log: string[] = [];
  const t = context(log);
  t.log("hello");
  t.attach("count", 3);
  assert.deepEqual(log.map((line) => JSON.parse(line)), [
    { kind: "log", text: "hello" },
    { kind: "attach", name: "count", value: 3 },
  ]);
});

Deno.test("TestContext.answer() reports each answer once, and none that there cannot be", () => {
  const log: string[] = [];
  const t = context(log);
  t.answer("init.again", "EBUSY");
  t.answer("init.again", "EBUSY");
  t.answer("init.again", "ok");
  t.answer("init.smallest", "2");
  t.answer("life.close", "goes on");
  assert.deepEqual(log, [
    '{"kind":"answer","promise":"init.again","answer":"EBUSY"}',
    '{"kind":"answer","promise":"init.again","answer":"ok"}',
    '{"kind":"answer","promise":"init.smallest","answer":"2"}',
    '{"kind":"answer","promise":"life.close","answer":"goes on"}',
  ]);
  for (
    const [promise, answer] of [
      ["init.again", ""],
      ["init.again", "-16"],
      ["init.again", "ebusy"],
      ["init.again", "errno 0"],
      ["init.smallest", "two"],
      ["init.smallest", "-2"],
      ["life.close", "ok"],
    ] as const
  ) {
    assert.throws(() => t.answer(promise, answer), RangeError, `${promise} ${answer}`);
  }
});
