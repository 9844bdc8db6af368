// SPDX-License-Identifier: MIT
/** `deno task series`: each patch of a series against cells. docs/bisect.md */
import type { Cell, KernelSpec, Plan, SourceArchive } from "../core/model/model.ts";
import { type Failure, failureFrom, KmatrixError } from "../core/model/errors.ts";
import { copyLog } from "../steps/make_job.ts";
import { isOfMaking } from "../core/model/failure_kinds.ts";
import { showingOf, symptomKey } from "../core/bisect/bisect.ts";
import {
  BASE_ROW,
  firstBreaks,
  outcomeText,
  type PatchOutcome,
  type SeriesCell,
  type SeriesRow,
  seriesTable,
} from "../core/report/series_table.ts";
import { patchName } from "../core/source/series.ts";
import { judgeOneBoot } from "../core/judge/verdict.ts";
import { OneCell } from "../run/one_cell.ts";
import { cellFolder } from "../core/model/paths.ts";
import { lackingOptions } from "../run/project.ts";
import { kernelLock, withLock } from "../steps/locks.ts";
import { holdView } from "../steps/tree_view.ts";
import { kconfigSymbols } from "../steps/kconfig_symbols.ts";
import { fetch } from "../stages/fetch.ts";
import { patch } from "../stages/patch.ts";
import { type Context, makeRunDir, planOf } from "./context.ts";
import { defineCommand } from "./command.ts";
import { makeReady } from "./ready.ts";
import {
  BOOT,
  KERNEL,
  MAKING,
  MATRIX,
  RUN_FOLDER,
  TEST,
  type Values,
  WATCHING,
} from "../cli/options.ts";

const OPTIONS = {
  ...{ ...MATRIX, ...KERNEL, ...MAKING, ...BOOT, ...TEST, ...RUN_FOLDER, ...WATCHING },
};

export const series = defineCommand({
  name: "series",
  group: "Search",
  help:
    "try each patch of a series on cells of one kernel and name the first that breaks each cell",
  example: "deno task series linux-6.12-unique/kcov linux-6.12-unique/kcov-unique",
  arguments: "[cells...]",
  options: OPTIONS,
  writes: () => "cache and runs",
  perform: walkSeries,
});

async function walkSeries(
  globs: readonly string[],
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const { paths, host, terminal } = context;
  const plan = await planOf(globs, options, context);
  const kernels = [...new Map(plan.cells.map(({ kernel }) => [kernel.id, kernel])).values()];
  const [kernel] = kernels;
  if (kernel === undefined || kernels.length > 1) {
    const text = `series takes cells of one kernel; these are of ${kernels.length} kernels`;
    throw new KmatrixError("usage", "bad-usage", text);
  }
  if (stepNames(kernel).length === 0) {
    const text = `${kernel.id} has no series to try patch by patch: give --series or --range`;
    throw new KmatrixError("usage", "empty-series", text);
  }
  await makeReady(plan, context);
  const runDir = await makeRunDir(context);
  // A tree and build folders of its own, so that those of the whole series stay as they are.
  const own: KernelSpec = {
    ...kernel,
    id: `${kernel.id}+series`,
    ownTree: true,
    base: kernel.base ?? kernel.id,
  };
  const rows = await withLock(kernelLock(own.id, paths), host, async () => {
    const archive = await fetch(own, paths, host);
    const view = await holdView(archive, paths, host);
    try {
      return await OneCell.run(
        plan,
        paths,
        host,
        (runner) => new Walk(own, archive, plan, runner, runDir, context).run(),
      );
    } finally {
      view?.release();
    }
  });
  terminal.print(seriesTable(rows));
  terminal.print(`\nlogs and boots: ${runDir}`);
  return firstBreaks(rows).flatMap(({ failures }) => failures);
}

/** Its commits, then its patches. */
function stepNames({ source, series }: KernelSpec): string[] {
  const commits = source.kind === "commits" ? source.commits : [];
  return [
    ...commits.map(({ id, subject }) =>
      `${id.slice(0, 12)}-${subject.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 40)}`
    ),
    ...series.map((one) => patchName(one).replace(/\.(patch|diff)$/, "")),
  ];
}

/** The kernel as its first steps leave it. */
function firstSteps(kernel: KernelSpec, count: number): KernelSpec {
  const { source, series } = kernel;
  if (source.kind !== "commits") return { ...kernel, series: series.slice(0, count) };
  const commits = source.commits.slice(0, count);
  const left = Math.max(0, count - source.commits.length);
  return { ...kernel, source: { ...source, commits }, series: series.slice(0, left) };
}

class Walk {
  readonly #kernel: KernelSpec;
  readonly #archive: SourceArchive;
  readonly #plan: Plan;
  readonly #runDir: string;
  readonly #context: Context;
  readonly #runner: OneCell;

  constructor(
    kernel: KernelSpec,
    archive: SourceArchive,
    plan: Plan,
    runner: OneCell,
    runDir: string,
    context: Context,
  ) {
    this.#kernel = kernel;
    this.#archive = archive;
    this.#plan = plan;
    this.#runDir = runDir;
    this.#context = context;
    this.#runner = runner;
  }

  async run(): Promise<SeriesRow[]> {
    const names = [BASE_ROW, ...stepNames(this.#kernel)];
    const rows: SeriesRow[] = [];
    for (const [count, name] of names.entries()) {
      const row = await this.#row(name, count, rows.at(-1));
      rows.push(row);
      await this.#keep(rows);
    }
    return rows;
  }

  async #row(patchName: string, count: number, before: SeriesRow | undefined): Promise<SeriesRow> {
    const { host, paths } = this.#context;
    host.log("info", `patch ${count} of ${stepNames(this.#kernel).length}: ${patchName}`);
    const steps = stepNames(this.#kernel).length;
    const incomplete = this.#kernel.incomplete || count < steps;
    const kernel = { ...firstSteps(this.#kernel, count), incomplete };
    const all = (outcome: PatchOutcome): SeriesRow => ({
      patch: patchName,
      cells: new Map(this.#plan.cells.map(({ id }) => [id, { outcome, warnings: [] }])),
    });
    const stuck = [...before?.cells.values() ?? []].map(({ outcome }) => outcome).find((one) =>
      one.kind === "blocked" || (one.kind === "failed" && one.failures[0]!.kind === "patch")
    );
    if (stuck) {
      return all(stuck.kind === "blocked" ? stuck : { kind: "blocked", by: before!.patch });
    }
    let source;
    try {
      // Of commits, another one is the last.
      const archive = kernel.source.kind === "commits"
        ? await fetch(kernel, paths, host)
        : this.#archive;
      source = await patch(archive, kernel, paths, host);
    } catch (error) {
      const failure = failureFrom(error);
      if (failure.kind !== "patch") throw error;
      return all({ kind: "failed", failures: [failure] });
    }
    const symbols = await kconfigSymbols(source.path, host);
    const cells = new Map<string, SeriesCell>();
    for (const cell of this.#plan.cells) {
      const lacking = await lackingOptions(cell, symbols, paths, host);
      const dir = `${this.#runDir}/${`${count}`.padStart(2, "0")}-${
        count === 0 ? "base" : patchName
      }/${cellFolder(cell.id)}`;
      const found: SeriesCell = lacking.length > 0
        ? { outcome: { kind: "not-offered", options: lacking }, warnings: [] }
        : await this.#try({ ...cell, kernel }, source, dir);
      cells.set(cell.id, found);
      host.log("info", `${cell.id}: ${outcomeText(found, before?.cells.get(cell.id))}`);
    }
    return { patch: patchName, cells };
  }

  async #try(
    cell: Cell,
    source: Awaited<ReturnType<typeof patch>>,
    dir: string,
  ): Promise<SeriesCell> {
    const { host } = this.#context;
    const { fs } = host;
    let ready;
    try {
      ready = await this.#runner.ready(cell, source);
    } catch (error) {
      const failure = failureFrom(error);
      if (!isOfMaking(failure.kind)) throw error;
      await fs.writeText(`${dir}/failure.txt`, `${failure.message}\n${failure.detail}\n`);
      return { outcome: { kind: "failed", failures: [failure] }, warnings: [] };
    }
    await fs.makeDir(dir);
    await copyLog(ready.kernel.log, `${dir}/build.log`, ready.kernel.config.source, host);
    const warnings = this.#runner.newWarnings(ready).map(({ text }) => text);
    const { testFilter: filter } = this.#plan.settings;
    const first = await this.#runner.boot(ready, { dir: `${dir}/boot-1`, filter });
    const judged = judgeOneBoot(cell.expect, first);
    const failures = judged.verdict.kind === "failed" ? judged.verdict.failures : [];
    const count = (kind: string) =>
      judged.tests.filter(({ outcome }) => outcome.kind === kind).length;
    const passed = { passed: count("passed"), skipped: count("skipped") };
    if (failures.length === 0) {
      return { outcome: { kind: "passed", ...passed, flaky: [] }, warnings };
    }
    // A patch is blamed for what fails twice.
    const second = await this.#runner.boot(ready, { dir: `${dir}/boot-2`, filter });
    const again = new Set(showingOf(second).symptoms.map(symptomKey));
    const symptoms = showingOf(first).symptoms.map(symptomKey);
    if (symptoms.length > 0 && symptoms.every((one) => !again.has(one)) && second.boot === null) {
      return { outcome: { kind: "passed", ...passed, flaky: symptoms }, warnings };
    }
    return { outcome: { kind: "failed", failures }, warnings };
  }

  async #keep(rows: readonly SeriesRow[]): Promise<void> {
    const plain = rows.map(({ patch, cells }) => ({ patch, cells: Object.fromEntries(cells) }));
    const text = `${JSON.stringify(plain, null, 2)}\n`;
    await this.#context.host.fs.writeText(`${this.#runDir}/series.json`, text);
  }
}
