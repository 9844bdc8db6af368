// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import {
  sampleCell,
  sampleCellReport,
  sampleConfig,
  sampleKernel,
  sampleMatrix,
  sampleRun,
} from "../testing/samples.ts";
import { DEFAULT_SETTINGS, type Plan, type Shard } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { SHARD_FORMATS, type ShardPlan } from "../core/shards/shard_plan.ts";
import { rememberTimes } from "../steps/job_times.ts";
import { makePlan } from "./project.ts";
import { planShards, readShardPlan, takeShard } from "./shards.ts";

/** A clone of a repository, with a cache of its own. */
interface Clone {
  readonly dir: string;
  readonly host: FakeHost;
  readonly paths: ReturnType<typeof pathsFor>;
  write(path: string, text: string): Promise<void>;
  plan(change?: (plan: Plan) => Plan): Plan;
}

async function clone(dir: string): Promise<Clone> {
  const host = new FakeHost();
  const write = async (path: string, text: string) => {
    await Deno.mkdir(`${dir}/${path}`.replace(/\/[^/]+$/, ""), { recursive: true });
    await Deno.writeTextFile(`${dir}/${path}`, text);
  };
  await write("configs/guest.config", "CONFIG_TTY=y\n");
  await write("configs/base.config", "CONFIG_PRINTK=y\n");
  await write("configs/kasan.config", "CONFIG_KASAN=y\n");
  await write("kernels/k/patches/1.patch", "--- a\n+++ b\n");
  await write("tasks/main.ts", "// the tool\n");
  await write("tasks/main_test.ts", "// its test\n");
  const kernel = sampleKernel("k", {
    dir: `${dir}/kernels/k`,
    source: { kind: "tree", path: `${dir}/linux` },
    series: [{ file: `${dir}/kernels/k/patches/1.patch` }],
  });
  const cells = Array.from({ length: 12 }, (_, index) => {
    const fragments = index % 3 === 0 ? ["base", "kasan"] : ["base"];
    return sampleCell(`k/c${index}`, { kernel, config: sampleConfig(`c${index}`, { fragments }) });
  }).concat(sampleCell("k/c1/smp4", { kernel, config: sampleConfig("c1") }));
  const whole = makePlan(sampleMatrix(...cells), { globs: [] }, DEFAULT_SETTINGS, host);
  const paths = pathsFor(dir, `${dir}/.cache`, null);
  return { dir, host, paths, write, plan: (change = (plan) => plan) => change(whole) };
}

const dealt = ({ host, paths, plan }: Clone, count: number, change?: (plan: Plan) => Plan) =>
  planShards(plan(change), count, [], paths, host);
const taken = (
  { host, paths, plan }: Clone,
  shard: Shard,
  given: ShardPlan | null = null,
  change?: (plan: Plan) => Plan,
) => takeShard(plan(change), shard, given && { file: "plan.json", plan: given }, paths, host);

Deno.test("two machines come to the same plan, whatever one of them remembers of earlier runs", async () => {
  await withTempDir(async (dir) => {
    const [here, there] = [await clone(`${dir}/here`), await clone(`${dir}/there/deeper`)];
    for (const cell of there.plan().cells) {
      const times = { buildMs: cell.id === "k/c5" ? 9e6 : 1000, bootMs: 5 };
      await rememberTimes(cell, times, there.paths, there.host);
    }
    const plan = await dealt(here, 4);
    assert.deepEqual(await dealt(there, 4), plan);
    assert.equal(plan.shards.length, 4);
    for (const { index, cells } of plan.shards) {
      const part = await taken(there, { part: index, of: 4 });
      assert.deepEqual(part.cells.map(({ id }) => id).sort(), cells.toSorted());
      const { tool, host, cores, ...record } = part.shard!;
      assert.ok(host !== "" && cores > 0);
      assert.match(tool, /^[0-9a-f]{16}$/);
      const shards = plan.shards.toSorted((a, b) => a.index - b.index)
        .map((shard) => plan.cells.filter((id) => shard.cells.includes(id)));
      assert.deepEqual(record, { index, of: 4, plan: plan.digest, cells: plan.cells, shards });
    }
    assert.deepEqual(plan.shards.flatMap(({ cells }) => cells).sort(), plan.cells.toSorted());
    // Cells of one build stay together.
    const [both] = plan.shards.filter(({ cells }) => cells.includes("k/c1"));
    assert.ok(both!.cells.includes("k/c1/smp4"));
  });
});

Deno.test("the digest of a plan changes with everything that decides about results", async () => {
  await withTempDir(async (dir) => {
    const one = await clone(`${dir}/clone`);
    const digests = new Set<string>();
    const isNew = async (why: string, change?: (plan: Plan) => Plan, count = 3) => {
      const { digest } = await dealt(one, count, change);
      assert.ok(!digests.has(digest), why);
      digests.add(digest);
    };
    await isNew("the plan");
    await isNew("another count", undefined, 4);
    await isNew("fewer cells", (plan) => ({ ...plan, cells: plan.cells.slice(1) }));
    await isNew("--kconfig-add", (plan) => ({ ...plan, kconfigAdd: ["CONFIG_X=y"] }));
    const settings = (other: Partial<Plan["settings"]>) => (plan: Plan): Plan => ({
      ...plan,
      settings: { ...plan.settings, ...other },
    });
    await isNew("--test", settings({ testFilter: ["kcov.*"] }));
    await isNew("KCFLAGS", settings({ makeVariables: { KCFLAGS: "-O1" } }));
    const expect = { kind: "skip" } as const;
    await isNew("expect", (plan) => ({
      ...plan,
      cells: plan.cells.map((cell, index) => index === 0 ? { ...cell, expect } : cell),
    }));
    await one.write("configs/base.config", "CONFIG_PRINTK=y\nCONFIG_BUG=y\n");
    await isNew("a fragment");
    await one.write("kernels/k/patches/1.patch", "--- a\n+++ c\n");
    await isNew("a patch");
    const { digest } = await dealt(one, 3);
    const same = [settings({ jobs: 77 }), settings({ makeVariables: { V: "1" } })];
    for (const change of same) assert.equal((await dealt(one, 3, change)).digest, digest);
  });
});

Deno.test("the tool's own files are told apart by their content, but for its tests", async () => {
  await withTempDir(async (dir) => {
    const one = await clone(`${dir}/clone`);
    const tool = async () => (await taken(one, { part: 1, of: 2 })).shard!.tool;
    const before = await tool();
    await one.write("tasks/main_test.ts", "// another test\n");
    assert.equal(await tool(), before);
    await one.write("tasks/main.ts", "// another tool\n");
    assert.notEqual(await tool(), before);
  });
});

Deno.test("takeShard() takes a plan that is handed over, and refuses that of something else", async () => {
  await withTempDir(async (dir) => {
    const one = await clone(`${dir}/clone`);
    const plan = await dealt(one, 3);
    const fragment = "configs/base.config";
    // What a plan says counts, not what would be dealt here.
    const [a, b, c] = plan.shards;
    const other = { ...plan, shards: [{ ...a!, cells: b!.cells }, { ...b!, cells: a!.cells }, c!] };
    const refused = async (given: ShardPlan, what: RegExp, of = 3, change?: (p: Plan) => Plan) => {
      const error = await rejectionOf(taken(one, { part: 1, of }, given, change));
      assert.deepEqual([error.kind, error.id], ["usage", "foreign-plan"]);
      assert.match(error.message, what);
    };
    await refused(other, /plan\.json was made of another matrix, config, series or list/);
    await refused(plan, /has 3 shards, and --shard asks for one of 2/, 2);
    const fewer = (whole: Plan) => ({ ...whole, cells: whole.cells.slice(1) });
    await refused(plan, /other cells: k\/c0 of it is not chosen here$/, 3, fewer);
    await refused(await dealt(one, 3, fewer), /other cells: k\/c0 is not in it$/);
    const part = await taken(one, { part: a!.index, of: 3 }, plan);
    assert.deepEqual(part.cells.map(({ id }) => id).sort(), a!.cells.toSorted());
    await one.write(fragment, "CONFIG_PRINTK=y\nCONFIG_BUG=y\n");
    await refused(plan, /made of another matrix/);
  });
});

Deno.test("a plan by the times of a run is another one, which is handed over", async () => {
  await withTempDir(async (dir) => {
    const [here, there] = [await clone(`${dir}/here`), await clone(`${dir}/there`)];
    const run = sampleRun(
      here.plan().cells.map(({ id }, index) =>
        sampleCellReport({
          cell: id,
          stages: [{
            ...{ stage: "build", outcome: { kind: "passed" }, note: "" },
            durationMs: index === 0 ? 900_000 : 100_000,
          }],
        })
      ),
    );
    const plan = await planShards(here.plan(), 3, [], here.paths, here.host, run);
    const alone = plan.shards.find(({ cells }) => cells.includes("k/c0"))!;
    assert.deepEqual(alone.cells, ["k/c0"]);
    assert.notEqual((await dealt(here, 3)).digest, plan.digest);
    const part = await taken(there, { part: alone.index, of: 3 }, plan);
    assert.deepEqual([part.cells.map(({ id }) => id), part.shard!.plan], [["k/c0"], plan.digest]);
  });
});

Deno.test("readShardPlan() reads what was printed, and says what is wrong with anything else", async () => {
  await withTempDir(async (dir) => {
    const one = await clone(`${dir}/clone`);
    const plan = await dealt(one, 2);
    const read = (name: string) => readShardPlan(name, `${dir}/clone/${name}`, one.host);
    await one.write("plan.json", SHARD_FORMATS.json(plan));
    assert.deepEqual(await read("plan.json"), plan);
    const cases: readonly [string, RegExp][] = [
      ["", /^x\.json: it is empty$/],
      [SHARD_FORMATS.json(plan).slice(0, 300), /^x\.json: it is no JSON$/],
      [SHARD_FORMATS.github(plan), /^x\.json: schema is missing$/],
      [JSON.stringify({ ...plan, schema: "kmatrix-plan/2" }), /^x\.json: schema must be/],
      [JSON.stringify({ ...plan, digest: "beef" }), /^x\.json: digest.* no SHA-256 in hex/],
      [JSON.stringify({ ...plan, shards: [] }), /^x\.json: shards must be not empty/],
    ];
    for (const [text, message] of cases) {
      await one.write("x.json", text);
      const error = await rejectionOf(read("x.json"));
      assert.deepEqual([error.kind, error.id], ["usage", "bad-plan"]);
      assert.match(error.message, message);
    }
    assert.match((await rejectionOf(read("none.json"))).message, /there is no such file/);
    const folder = await rejectionOf(read("."));
    assert.deepEqual([folder.id, folder.message], ["bad-plan", "--plan .: it is a folder"]);
    // As an editor of Windows leaves it.
    await one.write("x.json", `\ufeff${SHARD_FORMATS.json(plan).replaceAll("\n", "\r\n")}`);
    assert.deepEqual(await read("x.json"), plan);
  });
});

Deno.test("a shard beyond the builds has no cells, and says how many there are", async () => {
  await withTempDir(async (dir) => {
    const one = await clone(`${dir}/clone`);
    const error = await rejectionOf(taken(one, { part: 13, of: 20 }));
    assert.deepEqual([error.kind, error.id], ["no-match", "empty-shard"]);
    assert.equal(error.message, "shard 13/20 has no cells: there is no more than 12 builds");
    // The same part as of as many shards as there are builds.
    const [few, many] = [
      await taken(one, { part: 2, of: 12 }),
      await taken(one, { part: 2, of: 20 }),
    ];
    assert.deepEqual(many.shard, few.shard);
  });
});
