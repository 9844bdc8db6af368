// SPDX-License-Identifier: MIT
/** What becomes of times when a matrix has four times the cells: no more than four times as much. */
import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import { DEFAULT_SETTINGS, type RunReport } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { junitXml } from "../core/report/junit.ts";
import { parseRunReport, runJson } from "../core/report/run_report.ts";
import { failuresText, PLAIN, splatsText, summaryTable } from "../core/report/summary.ts";
import { mergeShards, type ShardRun } from "../core/shards/merge.ts";
import type { ShardPlan } from "../core/shards/shard_plan.ts";
import { makePlan } from "../run/project.ts";
import { planShards } from "../run/shards.ts";
import { reportPage } from "../steps/report_page.ts";
import { folderFiles } from "../steps/run_files.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { FakeHost, withTempDir } from "./fake_host.ts";
import { sampleCell, sampleCellReport, sampleConfig, sampleMatrix, sampleRun } from "./samples.ts";

const TESTS = (await declaredTests()).slice(0, 40).map(({ id, fixture, test, file }) => ({
  ...{ id, fixture, name: test, file, durationMs: 3, diagnostics: [], attachments: {} },
  outcome: { kind: "passed" } as const,
}));
const FAILURE = { kind: "test", id: "test-failed", message: "expected 0", detail: "at x" } as const;

/** Runs of ten cells each, as shards of a plan have left them. */
function shardsOf({ digest, cells, shards }: ShardPlan): ShardRun[] {
  const ids = shards.toSorted((a, b) => a.index - b.index).map((shard) => shard.cells);
  return ids.map((own, index) => ({
    from: `shard ${index + 1}`,
    run: {
      ...sampleRun(own.map((cell, place) =>
        sampleCellReport({
          ...{ cell: cell as ReturnType<typeof sampleCell>["id"], tests: TESTS },
          ...(place === 0 ? { verdict: { kind: "failed", failures: [FAILURE] } } : {}),
        })
      )),
      shard: {
        ...{ index: index + 1, of: ids.length, plan: digest, tool: "t", host: "h", cores: 4 },
        ...{ cells, shards: ids },
      },
    },
  }));
}

/** CPU times in ms of what is done with a matrix of so many cells, each a build of its own. */
async function timesOf(count: number, dir: string): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  const timed = async <T>(name: string, body: () => T | Promise<T>): Promise<T> => {
    // Wall time is that of the other work on the machine, too.
    const before = cpuUsage();
    const value = await body();
    const { user, system } = cpuUsage(before);
    times[name] = (user + system) / 1000;
    return value;
  };
  const host = new FakeHost();
  const matrix = sampleMatrix(
    ...Array.from({ length: count }, (_, index) => {
      const fragments = index % 3 === 0 ? ["base", "kasan"] : ["base"];
      const config = sampleConfig(`c${index}`, { fragments });
      return sampleCell(`k${index % 10}/c${index}`, { config });
    }),
  );
  const paths = pathsFor(dir, `${dir}/cache`, null);
  const plan = makePlan(matrix, { globs: [] }, DEFAULT_SETTINGS, host);
  const dealt = await timed("plan", () => planShards(plan, count / 10, [], paths, host));
  assert.ok(dealt.shards.length === count / 10);
  const shards = shardsOf(dealt);
  const { run } = await timed("merge", () => mergeShards(shards, [], (cell) => cell));
  assert.deepEqual([run.cells.length, run.failures], [count, []]);
  const json = await timed("run.json", () => runJson(run));
  await timed("read run.json", (): RunReport => parseRunReport(json, "run.json"));
  await timed("junit.xml", () => junitXml(run));
  await timed("report.html", async () => reportPage(run, await folderFiles(dir, host)));
  await timed(
    "tables",
    () =>
      [summaryTable(run, 120, PLAIN), splatsText(run, PLAIN), failuresText(run, PLAIN)].join("\n"),
  );
  return times;
}

/** Four for what is linear, 16 for what is quadratic; threads that compile and collect garbage count, too. */
const MOST_RATIO = 8;
/** What takes less time than this for 400 cells is not measured, and no matter. */
const LEAST_MS = 60;

Deno.test("plan, merge and reports of 400 cells take no more than in proportion to those of 100", async () => {
  await withTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/configs`);
    for (const [name, text] of [["guest", "TTY"], ["base", "PRINTK"], ["kasan", "KASAN"]]) {
      await Deno.writeTextFile(`${dir}/configs/${name}.config`, `CONFIG_${text}=y\n`);
    }
    const best = (all: readonly Record<string, number>[], name: string) =>
      Math.min(...all.map((times) => times[name]!));
    const few: Record<string, number>[] = [];
    const many: Record<string, number>[] = [];
    for (let round = 0; round < 5; round++) {
      few.push(await timesOf(100, dir));
      many.push(await timesOf(400, dir));
    }
    for (const name of Object.keys(few[0]!)) {
      const ratio = best(many, name) / best(few, name);
      assert.ok(
        best(many, name) < LEAST_MS || ratio < MOST_RATIO,
        `${name}: ${best(few, name)} ms for 100 cells, ${best(many, name)} ms for 400`,
      );
    }
  });
});
