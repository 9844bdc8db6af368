// SPDX-License-Identifier: MIT
/** What a failed cell leaves for those who want to see it again: repro.sh, a bundle, the build's files. */
import type { Host } from "../host/host.ts";
import { cellFolder, type Paths } from "../core/model/paths.ts";
import type { Cell, CellReport, KernelBuild, KernelConfig, Plan } from "../core/model/model.ts";
import { failureFrom } from "../core/model/errors.ts";
import { isRepeatable } from "../core/model/failure_kinds.ts";
import { isShownByMake } from "../core/model/stage_table.ts";
import { type HandoverInput, leaveBundle, leaveScript } from "../steps/handover.ts";
import { identifyBuild, pluginOf, requestOf } from "../stages/configure.ts";
import { START_CONFIG } from "../steps/make_config.ts";
import { copyLog } from "../steps/make_job.ts";
import { baseOf, isTiny } from "../core/build/config_base.ts";
import { buildTargets } from "../stages/build.ts";
import type { CellProgress } from "./cell_progress.ts";
import { BASE_REPORT } from "../core/build/base_report.ts";
import { machineOf } from "../steps/kernel_machine.ts";
import { declaredTests } from "../steps/declared_tests.ts";

/** The run that a cell is part of. */
export interface HandoverRun {
  readonly plan: Plan;
  readonly runDir: string;
  /** Programs with their versions. */
  readonly tools: Readonly<Record<string, string>>;
}

/** Leaves it in the cell's folder; nothing where no script could show the failure again. */
export async function handOver(
  one: CellProgress,
  report: CellReport,
  run: HandoverRun,
  paths: Paths,
  host: Host,
): Promise<void> {
  const { verdict } = report;
  if (verdict.kind !== "failed" && verdict.kind !== "flaky") return;
  const input = await handoverInput(one, report, run, paths, host);
  if (input === null) return;
  try {
    await host.fs.makeDir(input.dir);
    await leaveScript(input, host);
    if (run.plan.settings.bundle && input.boot !== null) {
      const archive = await leaveBundle(input, run.tools, host);
      host.log("info", `bundle ${archive}`);
    }
  } catch (error) {
    // The verdict stands without it.
    host.log("warn", `${one.cell.id}: no repro.sh: ${failureFrom(error).message}`);
  }
}

async function handoverInput(
  one: CellProgress,
  report: CellReport,
  { plan, runDir }: HandoverRun,
  paths: Paths,
  host: Host,
): Promise<HandoverInput | null> {
  const failed = one.stages.find(({ outcome }) => outcome.kind === "failed");
  const stage = failed?.stage ?? "boot";
  const attempt = one.attempts.find((each) => one.verdictOf(each).kind !== "passed");
  const shown = isShownByMake(stage) &&
    !(failed?.outcome.kind === "failed" && !isRepeatable(failed.outcome.failure.kind));
  if (!attempt && !shown) return null;
  const { settings } = plan;
  const { cell, values: { configure: config, build: kernel } } = one;
  return {
    report,
    stage,
    kernel: cell.kernel,
    version: one.values.fetch?.version ?? "",
    source: one.source,
    runDir,
    toolchain: cell.toolchain,
    makeVariables: settings.makeVariables,
    plugin: await pluginOf(cell, plan, paths, host),
    targets: config === undefined ? [] : buildTargets(config),
    dotConfig: config === undefined ? null : `${config.buildDir}/.config`,
    request: stage === "configure" ? await requestLines(cell, plan, paths, host) : [],
    base: await startOf(one, plan, paths, host),
    boot: !attempt || kernel === undefined ? null : {
      kernel,
      machine: await machineOf(cell, kernel, host),
      record: attempt.record,
      result: attempt.result,
      verdict: one.verdictOf(attempt),
      declared: await declaredTests(),
      expect: cell.expect,
      allow: plan.matrix.splats,
      timeoutSeconds: settings.timeoutSeconds,
    },
    dir: `${runDir}/${attempt?.folder ?? cellFolder(cell.id)}`,
  };
}

/** What a configuration that failed began with. */
async function startOf(
  { cell, values: { patch } }: CellProgress,
  plan: Plan,
  paths: Paths,
  host: Host,
): Promise<HandoverInput["base"]> {
  if (patch !== undefined && !isTiny(cell.config)) {
    const { make } = await identifyBuild(patch, cell, plan, paths, host);
    const file = `${make.buildDir}/${START_CONFIG}`;
    if (await host.fs.exists(file)) return { file };
  }
  return baseOf(cell.config).flatMap((step) => step.kind === "target" ? step.name : []);
}

async function requestLines(
  cell: Cell,
  plan: Plan,
  paths: Paths,
  host: Host,
): Promise<string[]> {
  const { lines } = await requestOf(cell, plan.kconfigAdd, paths, host);
  return lines.map(({ option, value }) =>
    value === "n" ? `# ${option} is not set` : `${option}=${value}`
  );
}

/** What became of a real base, into the folder of a cell. */
export async function keepBaseReport(
  { cell }: CellProgress,
  { buildDir }: Pick<KernelConfig, "buildDir">,
  runDir: string,
  host: Host,
): Promise<void> {
  if (isTiny(cell.config)) return;
  const dir = `${runDir}/${cellFolder(cell.id)}`;
  await host.fs.makeDir(dir);
  await host.fs.copy(`${buildDir}/${BASE_REPORT}`, `${dir}/${BASE_REPORT}`);
}

/** The log and the .config of a build, into the folder of each of its cells. */
export async function keepBuildFiles(
  cells: readonly Cell[],
  kernel: KernelBuild,
  runDir: string,
  host: Host,
): Promise<void> {
  for (const { id } of cells) {
    const dir = `${runDir}/${cellFolder(id)}`;
    await host.fs.makeDir(dir);
    await copyLog(kernel.log, `${dir}/build.log`, kernel.config.source, host);
    await host.fs.copy(`${kernel.config.buildDir}/.config`, `${dir}/.config`);
  }
}
