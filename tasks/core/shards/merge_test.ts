// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { failure } from "../model/errors.ts";
import type { CellReport, ListUse, RunReport, ShardRecord } from "../model/model.ts";
import type { SourceIdentity } from "../model/source.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { mergedLines, mergeShards, type ShardRun } from "./merge.ts";

const SHARDS = [["k/a", "k/a/smp4"], ["k/b"], ["k/c"]];
const CELLS = ["k/a", "k/b", "k/c", "k/a/smp4"];

interface Other {
  readonly run?: Partial<RunReport>;
  readonly shard?: Partial<ShardRecord>;
  readonly cells?: readonly CellReport[];
}

const cell = (id: string, other: Partial<CellReport> = {}) =>
  sampleCellReport({
    cell: id as CellReport["cell"],
    stages: [{ stage: "build", outcome: { kind: "passed" }, durationMs: 5, note: "" }],
    ...other,
  });

function shardRun(index: number, { run = {}, shard = {}, cells }: Other = {}): ShardRun {
  return {
    from: `artifacts/${index}`,
    run: {
      ...sampleRun(cells ?? SHARDS[index - 1]!.map((id) => cell(id)), run),
      shard: {
        ...{ index, of: 3, plan: "a".repeat(64), tool: "t", host: `host-${index}`, cores: 4 },
        ...{ cells: CELLS, shards: SHARDS, ...shard },
      },
    },
  };
}

const merge = (...runs: readonly ShardRun[]) => mergeShards(runs, [], (id) => `again ${id}`).run;
const idsOf = ({ failures }: RunReport) => failures.map(({ id }) => id);

Deno.test("mergeShards() has the plan's cells in its order, from the first start to the last end", () => {
  const run = merge(
    shardRun(3, { run: { startedAt: "2026-01-02T03:05:00.000Z", durationMs: 90_000 } }),
    shardRun(1, { run: { startedAt: "2026-01-02T03:04:00.000Z", durationMs: 30_000 } }),
    shardRun(2, { run: { usage: { programsMs: { clang: 7 }, peakMiB: 80 } } }),
  );
  assert.deepEqual(run.cells.map((one) => one.cell), CELLS);
  assert.deepEqual([run.startedAt, run.durationMs], ["2026-01-02T03:04:00.000Z", 150_000]);
  assert.deepEqual(run.usage, { programsMs: { clang: 7 }, peakMiB: 80 });
  assert.deepEqual([run.accel, idsOf(run), run.shard], ["tcg", [], undefined]);
  assert.deepEqual(run.merged!.shards.map(({ index, host }) => [index, host]), [
    [1, "host-1"],
    [2, "host-2"],
    [3, "host-3"],
  ]);
});

Deno.test("a shard that has not come is named with its cells, which are not run", () => {
  const run = merge(shardRun(2), shardRun(3));
  const [missing] = run.failures;
  assert.equal(missing!.message, "shard 1/3 is missing: 2 cells not run");
  assert.match(missing!.detail, /^k\/a, k\/a\/smp4\n/);
  const [first, , , last] = run.cells;
  for (const one of [first!, last!]) {
    assert.deepEqual(one.verdict, { kind: "unfinished", why: "not run: its shard is missing" });
    assert.deepEqual(one.stages.map(({ stage, outcome }) => [stage, outcome.kind]), [
      ["build", "pending"],
    ]);
    assert.equal(one.repeat, `again ${one.cell}`);
  }
});

Deno.test("the plan of most shards is the plan, and of as many the first", () => {
  const other = { plan: "b".repeat(64) };
  const most = merge(shardRun(1, { shard: other }), shardRun(2), shardRun(3));
  assert.deepEqual(idsOf(most), ["shard-foreign", "shard-missing"]);
  assert.match(
    most.failures[0]!.message,
    /^artifacts\/1: shard 1\/3 is of another plan .*bbbbbbbb, not aaaaaaaa/,
  );
  const first = merge(shardRun(1, { shard: other }), shardRun(2));
  assert.match(first.failures[0]!.message, /^artifacts\/2: /);
  const tools = merge(shardRun(1, { shard: { tool: "u" } }), shardRun(2), shardRun(3));
  assert.match(
    tools.failures[0]!.message,
    /another version of kmatrix than the others \(u, not t\)/,
  );
});

Deno.test("of a shard that is there twice the first is taken", () => {
  const run = merge(
    shardRun(2, { cells: [cell("k/b", { consoleTail: "first" })] }),
    shardRun(1),
    { ...shardRun(2), from: "again" },
    shardRun(3),
  );
  assert.deepEqual(idsOf(run), ["shard-doubled"]);
  assert.equal(run.failures[0]!.message, "shard 2/3 is there twice: artifacts/2 and again");
  assert.equal(run.cells[1]!.consoleTail, "first");
});

Deno.test("a shard with cells that its plan does not give it is not taken", () => {
  for (const cells of [[cell("k/c")], [], [cell("k/b"), cell("k/c")]]) {
    const run = merge(shardRun(1), shardRun(2, { cells }), shardRun(3));
    assert.deepEqual(idsOf(run), ["shard-torn", "shard-missing"]);
    assert.equal(run.cells[1]!.verdict.kind, "unfinished");
    assert.equal(run.cells.length, 4);
  }
});

Deno.test("a shard that ended in the middle is taken as far as it came, and is a failure", () => {
  const blocked = { kind: "blocked", by: "interrupt" } as const;
  for (
    const [outcome, interrupted, said] of [
      [{ kind: "pending" } as const, null, /ended in the middle: 1 cell not done/],
      [blocked, "SIGINT" as const, /was ended by SIGINT: 1 cell not done/],
    ] as const
  ) {
    const stages = [{ stage: "build", outcome, durationMs: 0, note: "" } as const];
    const half = shardRun(1, {
      cells: [cell("k/a"), cell("k/a/smp4", { stages })],
      run: { interrupted },
    });
    const run = merge(half, shardRun(2), shardRun(3));
    assert.deepEqual([idsOf(run), run.interrupted], [["shard-torn"], null]);
    assert.match(run.failures[0]!.message, said);
    assert.deepEqual(run.cells[3]!.stages, stages);
  }
});

Deno.test("a failure of every shard is one of the run, another says of which shard it is", () => {
  const all = failure("usage", "bad-environment", "ARCH=sparc");
  const one = failure("infra", "disk-full", "no space", "df says 0");
  const run = merge(
    shardRun(1, { run: { failures: [all] } }),
    shardRun(2, { run: { failures: [all, one] } }),
    shardRun(3, { run: { failures: [all] } }),
  );
  assert.deepEqual(run.failures, [all, {
    ...one,
    detail: "df says 0\nin shard 2/3 (artifacts/2)",
  }]);
});

Deno.test("that nobody had a use for an entry, or that nothing was judged, is known of the whole alone", () => {
  const entry = (heard: readonly string[], used = false): readonly ListUse[] => [{
    failure: failure("usage", "unused-splat", "splats.yaml:1"),
    ...{ cells: CELLS, heard, used },
  }];
  const of = (...lists: readonly (readonly ListUse[] | undefined)[]) =>
    idsOf(
      merge(...lists.map((one, index) => shardRun(index + 1, { run: one ? { lists: one } : {} }))),
    );
  const each = SHARDS.map((cells) => entry(cells));
  assert.deepEqual(of(...each), ["unused-splat"]);
  assert.deepEqual(of(each[0], each[1], entry(SHARDS[2]!, true)), []);
  assert.deepEqual(of(each[0], each[1], entry([])), []);
  // A kernel of the user's is among them: the lists say nothing of it.
  const ofFirst = entry(SHARDS[0]!).map((use) => ({ ...use, cells: SHARDS[0]! }));
  assert.deepEqual(of(ofFirst, [], []), ["unused-splat"]);
  assert.deepEqual(of(ofFirst, [], undefined), []);
  assert.deepEqual(of(each[0], each[1]), ["shard-missing"]);
  const why = failure("infra", "no-source", "k: not here");
  const leftOut = (index: number) =>
    shardRun(index, {
      cells: SHARDS[index - 1]!.map((id) =>
        cell(id, { verdict: { kind: "left-out", failures: [why] } })
      ),
    });
  assert.deepEqual(idsOf(merge(leftOut(1), leftOut(2), shardRun(3))), []);
  assert.deepEqual(idsOf(merge(leftOut(1), leftOut(2), leftOut(3))), ["no-source"]);
});

Deno.test("shards that have judged different sources of a kernel are a failure", () => {
  const source = (version: string, digest = version): SourceIdentity => ({
    ...{ kernel: "k", spec: { kind: "debian", package: "linux-source" }, version, digest },
    ...{ patches: [], tree: null },
  });
  const of = (...versions: readonly [string, string?][]) =>
    merge(
      ...versions.map(([version, digest], index) =>
        shardRun(index + 1, { run: { sources: [source(version, digest)] } })
      ),
    );
  assert.deepEqual(idsOf(of(["6.12.1", "x"], ["6.12.1", "y"], ["6.12.1"])), []);
  const run = of(["6.12.1"], ["6.12.1"], ["6.12.2"]);
  assert.deepEqual([idsOf(run), run.sources.length], [["shards-differ"], 1]);
  assert.match(
    run.failures[0]!.message,
    /^k is not the same .* 1\/3 \(6\.12\.1\) and shard 3\/3 \(6\.12\.2\)$/,
  );
});

Deno.test("mergedLines() says where shards are from, and whether they ran alike", () => {
  const cores = { host: "h", cores: 4 };
  const alike = merge(...[1, 2, 3].map((index) => shardRun(index, { shard: cores })));
  assert.deepEqual(mergedLines(alike), [
    "merged: 3 of 3 shards of plan aaaaaaaa, 4 cells",
    "  shard 1/3  2 cells  61.5s  h (4 cores, tcg)  artifacts/1",
    "  shard 2/3  1 cell   61.5s  h (4 cores, tcg)  artifacts/2",
    "  shard 3/3  1 cell   61.5s  h (4 cores, tcg)  artifacts/3",
  ]);
  const apart = merge(shardRun(1), shardRun(2, { run: { accel: "kvm" } }));
  assert.equal(apart.accel, null);
  assert.equal(
    mergedLines(apart).at(-1),
    "  of 2 machines, kvm and tcg: times of cells in different shards do not compare",
  );
  assert.deepEqual(mergedLines(sampleRun([])), []);
});
