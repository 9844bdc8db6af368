// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { errorOf } from "../../testing/errors.ts";
import { sampleCell, sampleMatrix } from "../../testing/samples.ts";
import { groupByBuild, requiredKernels, selectCells } from "./plan.ts";

const MATRIX = sampleMatrix(
  ...["linux-6.12/nokcov", "linux-6.12/kcov", "linux-6.12/kcov/smp4", "linux-6.13/kcov"].map((id) =>
    sampleCell(id)
  ),
);
const select = (...globs: string[]) => selectCells(MATRIX, globs).map((cell) => cell.id);

Deno.test("selectCells() takes all declared cells when no glob is given", () => {
  assert.deepEqual(select(), MATRIX.cells.map((cell) => cell.id));
});

Deno.test("selectCells() takes each cell once, in the order of the globs", () => {
  assert.deepEqual(select("*/smp4", "linux-6.12/*"), [
    "linux-6.12/kcov/smp4",
    "linux-6.12/nokcov",
    "linux-6.12/kcov",
  ]);
});

Deno.test("selectCells() leaves out what a ! glob refuses", () => {
  assert.deepEqual(select("*kcov*", "!*smp4", "!*nokcov"), ["linux-6.12/kcov", "linux-6.13/kcov"]);
  assert.deepEqual(select("!linux-6.12/*"), ["linux-6.13/kcov"]);
});

Deno.test("selectCells() takes a pair that exists and is not declared", () => {
  assert.deepEqual(select("linux-6.13/nokcov/smp4"), ["linux-6.13/nokcov/smp4"]);
});

Deno.test("requiredKernels() has those that a glob is about alone, or all of the run", () => {
  const required = (all: boolean, ...globs: string[]) =>
    requiredKernels(MATRIX, selectCells(MATRIX, globs), globs, all);
  assert.deepEqual(required(false), []);
  assert.deepEqual(required(false, "*/kcov"), []);
  assert.deepEqual(required(false, "*", "!*/smp4"), []);
  assert.deepEqual(required(false, "!linux-6.12/*"), []);
  assert.deepEqual(required(false, "*/smp4"), ["linux-6.12"]);
  assert.deepEqual(required(false, "linux-6.13/*"), ["linux-6.13"]);
  assert.deepEqual(required(false, "linux-6.13/nokcov/smp4"), ["linux-6.13"]);
  assert.deepEqual(required(false, "*/kcov", "linux-6.13/kcov"), ["linux-6.13"]);
  assert.deepEqual(required(false, "*/kcov", "!linux-6.12/*"), ["linux-6.13"]);
  assert.deepEqual(required(true, "*/kcov"), ["linux-6.12", "linux-6.13"]);
  const brought = MATRIX.cells.map((cell) => ({
    ...cell,
    kernel: { ...cell.kernel, brought: cell.kernel.id === "linux-6.13" },
  }));
  assert.deepEqual(requiredKernels(MATRIX, brought, [], false), ["linux-6.13"]);
});

Deno.test("selectCells() says so when a glob matches nothing, with the nearest id", () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["linux-6.14/*"], /^no cell matches "linux-6\.14\/\*"/],
    [["linux-6.12/kcvo"], /^unknown config "kcvo"; did you mean "kcov"\?/],
    [["kcov"], /is no cell id/],
    [["*", "!*"], /^no cell matches "\*"/],
    [["!*"], /^no cell is left by !\*$/],
    [["linux-6.12/*", "nothing/*"], /^no cell matches "nothing\/\*"/],
  ];
  for (const [globs, message] of cases) {
    const error = errorOf(() => select(...globs));
    assert.equal(error.kind, "no-match", globs.join(" "));
    assert.match(error.message, message);
  }
});

Deno.test("groupByBuild() puts cells together when only machine and expectation differ", () => {
  const groups = groupByBuild(MATRIX.cells).map((cells) => cells.map((cell) => cell.id));
  assert.deepEqual(groups, [
    ["linux-6.12/nokcov"],
    ["linux-6.12/kcov", "linux-6.12/kcov/smp4"],
    ["linux-6.13/kcov"],
  ]);
  const other = sampleCell("linux-6.12/kcov", { toolchain: { id: "clang-21", llvm: "-21" } });
  assert.equal(groupByBuild([...MATRIX.cells, other]).length, 4);
});
