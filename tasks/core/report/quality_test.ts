// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Filling, Runs, SameTrace } from "../../../selftests/contract/quality.ts";
import {
  capacityOf,
  changesBetween,
  compareRuns,
  overflows,
  type Places,
  shares,
  unstablePcs,
} from "./quality.ts";
import { qualityJson, qualityLines } from "./quality_text.ts";

const [A, B, C, D, X, Y] = [0xa0n, 0xb0n, 0xc0n, 0xd0n, 0x10n, 0x20n] as const;

const frame = (name: string, file: string, start: bigint) => ({
  ...{ function: name, file, line: 1, start },
});
const PLACES: Places = new Map([
  [A, [frame("fdget", "include/file.h", 0x90n), frame("ksys_read", "fs/r.c", 0x80n)]],
  [B, [frame("ksys_read", "fs/r.c", 0x80n)]],
  [C, [frame("fdget", "include/file.h", 0xc0n), frame("ksys_write", "fs/w.c", 0xc0n)]],
  // Another function of that name, in another file.
  [D, [frame("ksys_read", "fs/other.c", 0xd0n)]],
  [X, []],
]);

function filling(counts: readonly (readonly [bigint, number])[], full = false): Filling {
  const entries = counts.reduce((sum, [, count]) => sum + count, 0);
  return { ...{ subject: "s", calls: 1, result: null, entries, full }, counts: new Map(counts) };
}

Deno.test("shares() gathers by function of the image, by inlined function or by file", () => {
  const fillings = new Map(
    [
      ["pc", [filling([[A, 5], [B, 1]]), filling([[C, 2], [D, 1], [X, 1]])]],
      ["unique", [filling([[A, 1], [B, 1]])]],
    ] as const,
  );
  const by = (key: Parameters<typeof shares>[2]) =>
    shares(fillings, PLACES, key).map(({ name, modes: { pc, unique } }) =>
      [name, pc!.entries, pc!.share, unique!.entries, unique!.share] as const
    );
  assert.deepEqual(by("function"), [
    ["ksys_read", 6, 0.6, 2, 1],
    ["ksys_write", 2, 0.2, 0, 0],
    ["(outside vmlinux)", 1, 0.1, 0, 0],
    ["ksys_read", 1, 0.1, 0, 0],
  ]);
  assert.deepEqual(by("inlined").slice(0, 2), [
    ["fdget include/file.h", 7, 0.7, 1, 0.5],
    ["(outside vmlinux)", 1, 0.1, 0, 0],
  ]);
  assert.deepEqual(by("file")[0], ["fs/r.c", 6, 0.6, 2, 1]);
  assert.deepEqual(shares(new Map([["pc", []]]), PLACES, "function"), []);
});

Deno.test("overflows() counts the words that unique mode spends", () => {
  assert.equal(capacityOf("pc", 2048), 2047);
  assert.equal(capacityOf("unique", 2048), 1535);
  const entries = (count: number) => filling([[A, count]]);
  assert.equal(overflows(entries(2046), "pc", 2048), false);
  assert.equal(overflows(entries(2047), "pc", 2048), true);
  assert.equal(overflows(entries(1534), "unique", 2048), false);
  assert.equal(overflows(entries(1535), "unique", 2048), true);
  assert.equal(overflows(filling([[A, 1]], true), "pc", 2048), true);
});

function trace(pcs: readonly bigint[], one: Partial<SameTrace>): SameTrace {
  const figures = { runs: 1, first: 0, last: 0, interrupted: 0, switched: 0, faulted: 0 };
  return { ...figures, ...one, pcs };
}

function runsOf(traces: readonly SameTrace[], more: Partial<Runs> = {}): Runs {
  const sum = (name: "runs" | "interrupted" | "switched" | "faulted") =>
    traces.reduce((total, one) => total + one[name], 0);
  return {
    ...{ subject: "call", runs: sum("runs"), unkept: 0, traces },
    ...{ interrupted: sum("interrupted"), switched: sum("switched"), faulted: sum("faulted") },
    ...more,
  };
}

Deno.test("changesBetween() finds what was added and what is missing, with its neighbours", () => {
  const bare = (most: readonly bigint[], other: readonly bigint[]) =>
    changesBetween(most, other).map(({ kind, pcs, after, before }) => [kind, pcs, after, before]);
  assert.deepEqual(bare([A, B, C], [A, B, C]), []);
  assert.deepEqual(bare([A, B, C], [A, X, Y, B, C]), [["added", [X, Y], A, B]]);
  assert.deepEqual(bare([A, B, C], [X, A, B, C, Y]), [
    ["added", [X], null, A],
    ["added", [Y], C, null],
  ]);
  assert.deepEqual(bare([A, B, C], [A, C]), [["missing", [B], A, C]]);
  assert.deepEqual(bare([A, B, C], []), [["missing", [A, B, C], null, null]]);
  assert.deepEqual(bare([], [A]), [["added", [A], null, null]]);
  // A loop that goes round once more.
  assert.deepEqual(
    changesBetween([A, B, B, C], [A, B, B, B, C]).map(({ kind, pcs }) => [kind, pcs]),
    [["added", [B]]],
  );
});

Deno.test("changesBetween() always leads from one trace to the other", () => {
  const pcs = fc.array(fc.constantFrom(A, B, C, X, Y), { maxLength: 30 });
  fc.assert(fc.property(pcs, pcs, (most, other) => {
    const changes = changesBetween(most, other);
    const sum = (kind: "added" | "missing") =>
      changes.filter((one) => one.kind === kind).reduce((total, one) => total + one.pcs.length, 0);
    assert.equal(most.length + sum("added") - sum("missing"), other.length);
    const left: bigint[] = most.slice();
    for (const { pcs } of changes.filter(({ kind }) => kind === "missing")) {
      for (const pc of pcs) left.splice(left.indexOf(pc), 1);
    }
    for (const { pcs } of changes.filter(({ kind }) => kind === "added")) left.push(...pcs);
    const sorted = (list: readonly bigint[]) => list.map(String).sort();
    assert.deepEqual(sorted(left), sorted(other));
  }));
});

Deno.test("changesBetween() gives up on traces that have nothing in common, and says all of it", () => {
  const list = (from: number) => Array.from({ length: 3000 }, (_, n) => BigInt(from + n));
  const changes = changesBetween(list(0), list(10_000));
  assert.deepEqual(changes.map(({ kind, pcs }) => [kind, pcs.length]), [
    ["missing", 3000],
    ["added", 3000],
  ]);
});

Deno.test("compareRuns() tells warm-up from later, and what a change comes with", () => {
  const runs = runsOf([
    trace([A, B], { runs: 90, first: 2, last: 99, interrupted: 4, switched: 1 }),
    trace([A, B, X], { runs: 4, first: 10, last: 80, interrupted: 4, switched: 4 }),
    trace([A, Y, B], { runs: 3, first: 20, last: 21, interrupted: 1 }),
    trace([C, A, B], { runs: 2, first: 0, last: 1, faulted: 2 }),
  ], { runs: 100, unkept: 1 });
  const found = compareRuns(runs, "plain");
  assert.equal(found.alike, 90);
  assert.equal(found.warmUpRuns, 2);
  assert.equal(found.unkept, 1);
  assert.deepEqual(found.odd, { runs: 7, switched: 4, faulted: 0, interrupted: 5 });
  assert.deepEqual(
    found.changes.map(({ pcs, after, before, warmUp, around, counts }) => //
    [pcs, after, before, counts.runs, warmUp, around]),
    [
      [[X], B, null, 4, false, "switched"],
      [[Y], A, B, 3, false, null],
      [[C], null, A, 2, true, "faulted"],
    ],
  );
  // The PC of the warm-up is none of the later runs.
  assert.deepEqual(found.pcs, new Set([A, B, X, Y]));
});

Deno.test("compareRuns() makes nothing of what happens around every run", () => {
  const runs = runsOf([
    trace([A], { runs: 5, last: 9, switched: 5, interrupted: 5 }),
    trace([A, X], { runs: 2, first: 3, last: 4, switched: 2, interrupted: 2 }),
  ]);
  assert.deepEqual(compareRuns(runs, "wakeup").changes.map(({ around }) => around), [null]);
  assert.deepEqual(compareRuns(runsOf([]), "alone").changes, []);
});

Deno.test("unstablePcs() names what is there under some conditions alone", () => {
  const plain = { runs: 9, last: 9 };
  const unstable = unstablePcs([
    compareRuns(runsOf([trace([A, B], plain), trace([A], { first: 3, last: 3 })]), "alone"),
    compareRuns(
      runsOf([trace([A, B], plain), trace([A, X, B, X], { runs: 3, first: 4, last: 8 })]),
      "signal",
    ),
  ]);
  assert.deepEqual(unstable.map(({ pc, only, warmUp }) => [pc, only, warmUp]), [
    [X, ["signal"], false],
    [B, null, false],
  ]);
  // Twice in one trace is one run all the same.
  assert.deepEqual([...unstable[0]!.runs], [["signal", { added: 3, missing: 0 }]]);
  assert.deepEqual([...unstable[1]!.runs], [["alone", { added: 0, missing: 1 }]]);
});

Deno.test("qualityLines() and qualityJson() have something to say of a boot that attached nothing", () => {
  const none = { cell: "k/kcov", what: "kill(0, 9)", fillings: new Map(), comparisons: [] };
  const options = { by: "function", top: 10, bufferWords: 2048 } as const;
  const quality = { ...none, places: new Map(), starts: new Map() };
  assert.deepEqual(qualityLines(quality, options), ["kill(0, 9) on k/kcov"]);
  assert.deepEqual((qualityJson(quality, options) as { modes: unknown }).modes, {});
});
