// SPDX-License-Identifier: MIT
/** What all parts of the benchmark measure with. */
import { archOf } from "../../core/arch/table.ts";
import { EXIT_FINISHED } from "../../../selftests/contract/frames.ts";
import { clangOf } from "../../core/build/make.ts";
import { parseRunReport } from "../../core/report/run_report.ts";
import {
  type BootRecord,
  type Cell,
  DEFAULT_SETTINGS,
  type RunReport,
} from "../../core/model/model.ts";
import { type Comparison, cpuSeconds } from "./bench_table.ts";
import type { MakeRequest } from "../../core/build/make.ts";
import { denoHost } from "../../host/deno_host.ts";
import { EventReaders } from "../../host/event_readers.ts";
import { pathsFor } from "../../core/model/paths.ts";
import { loadMatrix, makePlan } from "../../run/project.ts";
import { identifyBuild } from "../../stages/configure.ts";
import { fetch } from "../../stages/fetch.ts";
import { sourceTree } from "../../stages/patch.ts";
import { KmatrixError } from "../../core/model/errors.ts";
import { EXIT } from "../../core/model/exit_codes.ts";
import { CACHE, ROOT, withTempDir } from "../../testing/project_copy.ts";

/** What every part is given. */
export interface Bench {
  readonly cell: Cell;
  /** How many runs a median is taken of. */
  readonly runs: number;
  /** A folder for the time of the benchmark. */
  readonly dir: string;
}

export const jobs = navigator.hardwareConcurrency;
export const readers = new EventReaders();
export const { emit } = readers;
const abort = new AbortController();
export const host = denoHost({ emit, signal: abort.signal });
/** Exit code once a signal has ended the benchmark; null before. */
let interrupted: number | null = null;
for (const [name, code] of [["SIGINT", EXIT.sigint], ["SIGTERM", EXIT.sigterm]] as const) {
  Deno.addSignalListener(name, () => {
    interrupted ??= code;
    abort.abort();
  });
}
export const paths = pathsFor(ROOT, CACHE, null);

/** The program name, or path, of a cell's clang. */
export const clang = ({ toolchain }: Cell) => clangOf(toolchain);

/** A line of progress. */
export const say = (text: string) => console.error(`bench: ${text}`);

/** What a command has cost. */
export interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly code: number;
}

/** Runs the benchmark in a folder for its time; ends the program where a signal ends it. */
export async function inFolder<T>(body: (dir: string) => Promise<T>): Promise<T> {
  try {
    return await withTempDir(body);
  } finally {
    if (interrupted !== null) Deno.exit(interrupted);
  }
}

/**
 * Runs a command under bash's `time`. It ends with this program, and so does all that it starts.
 * @param expect Exit codes that are no failure.
 * @throws KmatrixError "interrupted" where a signal has ended it.
 */
export async function time(
  argv: readonly string[],
  { env = {}, expect = [0] }: { env?: Record<string, string>; expect?: readonly number[] } = {},
): Promise<Cost> {
  const script = 'TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>"$0"';
  const log = await Deno.makeTempFile();
  try {
    const startedAt = performance.now();
    const argvOfBash = ["bash", "-c", script, log, ...argv];
    const result = await host.run({ argv: argvOfBash, env, reach: "whole" });
    if (interrupted !== null) {
      throw new KmatrixError("interrupted", "interrupted", "the benchmark was interrupted");
    }
    const seconds = (performance.now() - startedAt) / 1000;
    if (!expect.includes(result.code)) {
      const tail = (await Deno.readTextFile(log)).slice(-2000);
      throw new Error(`${argv.join(" ")} ended with code ${result.code}\n${tail}`);
    }
    return { seconds, cpuSeconds: cpuSeconds(result.stderr), code: result.code };
  } finally {
    await Deno.remove(log);
  }
}

/** The argv of `deno task …` without npx. */
export function kmatrix(...args: readonly string[]): string[] {
  return [Deno.execPath(), "task", "--quiet", "--cwd", ROOT, ...args];
}

/** Runs both sides in turn, so that a busy moment of the machine hits both. */
export async function inTurn(
  runs: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Pick<Comparison, "ours" | "theirs">> {
  const found: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let run = 0; run < runs; run++) {
    found.ours.push(await ours());
    found.theirs.push(await theirs());
  }
  return found;
}

/** How the cell is built: make's command line and folder, as the tool has them. */
export async function makeOf(cell: Cell): Promise<MakeRequest> {
  const matrix = await loadMatrix(`${ROOT}/matrix.yaml`, paths, host);
  const plan = makePlan(matrix, { globs: [cell.id] }, DEFAULT_SETTINGS, host);
  const source = await sourceTree(
    await fetch(cell.kernel, paths, host),
    cell.kernel,
    paths,
    host,
  );
  return (await identifyBuild(source, cell, plan, paths, host)).make;
}

/** The report of the newest run below a folder. */
export const readRun = async (dir: string): Promise<RunReport> =>
  parseRunReport(await Deno.readTextFile(`${dir}/latest/run.json`), "run.json");

/** QEMU's own command line again, for the same kernel and initramfs of a cell. */
export async function plainQemu(
  record: BootRecord,
  { machine }: Pick<Cell, "machine">,
  dir: string,
): Promise<number> {
  const argv = record.argv.map((word) =>
    word.replace(/path=[^,]*results\.log/, `path=${dir}/plain-results.log`)
  );
  const finished = archOf(machine).qemu.exitCode(EXIT_FINISHED);
  return (await time(argv, { expect: [finished] })).seconds;
}
