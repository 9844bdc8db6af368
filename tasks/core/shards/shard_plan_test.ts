// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import { errorOf } from "../../testing/errors.ts";
import { sampleCell } from "../../testing/samples.ts";
import {
  type BuildCost,
  cellsByShard,
  dealBuilds,
  MOST_SHARDS,
  PLAN_SCHEMA,
  plannedShard,
  SHARD_FORMATS,
  type ShardPlan,
  shardPlanShape,
} from "./shard_plan.ts";

const SCHEMA = new URL("../../../docs/plan.schema.json", import.meta.url);

const build = (id: string, seconds: number, ...more: string[]): BuildCost => ({
  cells: [id, ...more].map((one) => sampleCell(one)),
  seconds,
});
const builds = (count: number, seconds = 100) =>
  Array.from({ length: count }, (_, index) => build(`k/c${index}`, seconds));

Deno.test("docs/plan.schema.json is the schema of a plan", async () => {
  const schema = { title: "kmatrix plan --shards", ...toJsonSchema(shardPlanShape) };
  if (Deno.env.get("UPDATE_SCHEMA")) {
    await Deno.writeTextFile(SCHEMA, `${JSON.stringify(schema, null, 2)}\n`);
  }
  assert.deepEqual(JSON.parse(await Deno.readTextFile(SCHEMA)), schema);
});

Deno.test("dealBuilds() makes no more shards than there are builds, and never over 256", () => {
  assert.equal(dealBuilds(builds(3), 7).of, 3);
  assert.equal(dealBuilds(builds(400), MOST_SHARDS).of, MOST_SHARDS);
  assert.equal(dealBuilds(builds(4000, 5000), "auto").of, MOST_SHARDS);
  const error = errorOf(() => dealBuilds(builds(400), MOST_SHARDS + 1));
  assert.deepEqual([error.kind, error.id], ["usage", "too-many-shards"]);
});

Deno.test("auto makes as many shards as the longest build lets pay, and one where all is short", () => {
  assert.equal(dealBuilds(builds(5, 20), "auto").of, 1);
  assert.equal(dealBuilds(builds(10, 600), "auto").of, 10);
  assert.equal(dealBuilds([...builds(10, 600), build("k/long", 3000)], "auto").of, 3);
});

Deno.test("a shard is named by its number alone, whatever kernels and configs are called", () => {
  const odd = 'k"<>|*?:\\\r\n/../$(x)';
  for (const [index, of, name] of [[1, 3, "shard-01"], [7, 256, "shard-007"]] as const) {
    const shard = plannedShard(index, of, [build(odd, 10)]);
    assert.deepEqual([shard.name, shard.artifact], [name, `kmatrix-${name}`]);
    assert.match(shard.artifact, /^[a-z0-9-]+$/);
  }
});

Deno.test("a shard lists the longest build first, and asks for what its largest cell needs", () => {
  const shard = plannedShard(1, 2, [build("k/a", 60), build("k/b", 90, "k/b/smp4")]);
  assert.deepEqual(shard.cells, ["k/b", "k/b/smp4", "k/a"]);
  assert.equal(shard.estimatedSeconds, 150);
  assert.deepEqual([shard.cpus, shard.memoryMiB], [4, 2048 + 4 * 512 + 512]);
  // Half an hour, and four times what is expected; GitHub's limit is six hours.
  assert.equal(shard.minutes, 40);
  assert.equal(plannedShard(1, 1, [build("k/a", 100_000)]).minutes, 360);
});

const PLAN: ShardPlan = {
  schema: PLAN_SCHEMA,
  digest: "0".repeat(64),
  cells: ["k/a", "k/b", "k/b/smp4"],
  shards: [
    plannedShard(2, 2, [build("k/b/smp4", 9), build("k/b", 8)]),
    plannedShard(1, 2, builds(1)),
  ],
  arguments: ["k/*", "--test", "a b"],
};

Deno.test("cellsByShard() goes by the index of shards and the order of the plan", () => {
  assert.deepEqual(cellsByShard(PLAN), [["k/c0"], ["k/b", "k/b/smp4"]]);
});

Deno.test("json is read back as it was, github is one line with a job for each shard", () => {
  assert.deepEqual(v.parse(shardPlanShape, JSON.parse(SHARD_FORMATS.json(PLAN))), PLAN);
  const line = SHARD_FORMATS.github(PLAN);
  assert.doesNotMatch(line, /\n/);
  assert.deepEqual(JSON.parse(line), { include: PLAN.shards });
});
