// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  attachFilling,
  attachRuns,
  type Filling,
  readFillings,
  readRuns,
  type Runs,
} from "./quality.ts";

const TEXT = 0xffffffff81000000n;
const MODULE = 0xffffffffc0000000n;

/** What the host reads of the results channel: JSON. */
function collect(): {
  attach: (name: string, value: unknown) => void;
  all: Record<string, unknown>;
} {
  const all: Record<string, unknown> = {};
  return { all, attach: (name, value) => void (all[name] = JSON.parse(JSON.stringify(value))) };
}

Deno.test("fillings are read as they were attached, in frames of some kilobytes", () => {
  const big: Filling = {
    ...{ subject: "big", calls: 7, result: null, entries: 70_000, full: true },
    counts: new Map(Array.from({ length: 2500 }, (_, n) => [TEXT + BigInt(n * 5), n + 1])),
  };
  const small: Filling = {
    ...{ subject: "call", calls: 1, result: -9, entries: 2, full: false },
    counts: new Map([[MODULE, 1], [TEXT, 1]]),
  };
  const nothing: Filling = { ...small, entries: 0, counts: new Map() };
  const { attach, all } = collect();
  [big, small, nothing].forEach((one, index) => attachFilling(attach, index, one));
  assert.deepEqual(readFillings(all), [big, small, nothing]);
  for (const value of Object.values(all)) assert.ok(JSON.stringify(value).length < 4096);
});

Deno.test("runs are read as they were attached, whatever traces have in common", () => {
  const figures = { runs: 1, first: 0, last: 0, interrupted: 0, switched: 0, faulted: 0 };
  const of = (...words: number[]) => words.map((word) => TEXT + BigInt(word));
  const most = of(1, 2, 3, 2, 3, 4);
  const others = [
    of(1, 2, 3, 9, 2, 3, 4), // in the middle
    of(9, 1, 2, 3, 2, 3, 4), // at the beginning
    of(1, 2, 3, 2, 3, 4, 9), // at the end
    of(1, 2, 3, 4), // what repeats is shorter by one
    of(1, 2, 3, 2, 3, 2, 3, 4), // and longer
    of(7, 8), // nothing in common
    [], // nothing at all
  ];
  const whole: Runs = {
    ...{ subject: "call", runs: 20, interrupted: 3, switched: 2, faulted: 1, unkept: 4 },
    traces: [most, ...others].map((pcs, first) => ({ ...figures, first, pcs })),
  };
  const empty: Runs = { ...whole, traces: [] };
  const { attach, all } = collect();
  attachRuns(attach, 0, whole);
  attachRuns(attach, 1, empty);
  assert.deepEqual(readRuns(all), [whole, empty]);
});
