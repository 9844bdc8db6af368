// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { padColumns, tableLines } from "./columns.ts";

const ROWS = [["cell", "ms", ""], ["linux/kcov", "7", "a note"], ["x", "1234", ""]];

Deno.test("tableLines() makes each column as wide as its widest text, without blanks at the end", () => {
  assert.deepEqual(tableLines(ROWS), [
    "cell        ms",
    "linux/kcov  7     a note",
    "x           1234",
  ]);
  assert.deepEqual(tableLines([]), []);
});

Deno.test("tableLines() puts numbers below each other at their end", () => {
  assert.deepEqual(tableLines(ROWS, { right: [1] }), [
    "cell          ms",
    "linux/kcov     7  a note",
    "x           1234",
  ]);
});

Deno.test("padColumns() does not widen a column beyond what is asked, and cuts nothing", () => {
  assert.deepEqual(padColumns([["abcdef", "."], ["a", "."]], { widest: 4 }), [
    ["abcdef", "."],
    ["a   ", "."],
  ]);
});
