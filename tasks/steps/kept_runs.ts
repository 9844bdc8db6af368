// SPDX-License-Identifier: MIT
/** Runs that are kept: in the output folder, in any other one, and packed as CI hands them out. */
import { basename, dirname } from "node:path/posix";
import { collectWarnings } from "../core/build/build_log.ts";
import type { ComparedRun } from "../core/compare/compare.ts";
import { failureFrom, KmatrixError } from "../core/model/errors.ts";
import { type RunReport, STAGES } from "../core/model/model.ts";
import { cellFolder, type Paths } from "../core/model/paths.ts";
import { parseRunReport } from "../core/report/run_report.ts";
import type { Host } from "../host/host.ts";
import { archiveFiles, folderFiles, NO_RUN, RUN_JSON, type RunFiles, textOf } from "./run_files.ts";

/** Beside what a run writes: the command that made it. Older versions kept none. */
export const COMMAND_FILE = "command";

/** Commands whose runs people come back to: out/latest stays with them. */
const KEPT_AS_LATEST: readonly string[] = ["matrix", ...STAGES];

/** Whether a folder is of such a run, which a repro must not take the place of. */
export async function isMatrixRun(runDir: string, host: Host): Promise<boolean> {
  const command = await host.fs.readTextIfAny(`${runDir}/${COMMAND_FILE}`);
  if (command !== null) return KEPT_AS_LATEST.includes(command.trim());
  return await host.fs.exists(`${runDir}/run.json`);
}

/** Folders of runs in the output folder, the newest first. */
export async function runFolders(paths: Paths, host: Host): Promise<string[]> {
  const names = (await host.fs.list(paths.out)).filter((name) => /^\d{8}T\d{6}(-\d+)?$/.test(name));
  const order = (name: string) => {
    const [stamp, number = "1"] = name.split("-");
    return `${stamp}-${number.padStart(6, "0")}`;
  };
  return names.sort((a, b) => order(a) < order(b) ? 1 : -1).map((name) => `${paths.out}/${name}`);
}

/** A run, and what it has left beside run.json. */
export interface KeptRun extends ComparedRun {
  readonly files: RunFiles;
}

/**
 * @param word A folder, run.json itself, an archive, or `latest~N`.
 * @throws KmatrixError "no-match" (no-run) where there is none; "usage" for a damaged one, or one of
 *   another version.
 */
export async function readKeptRun(
  word: string,
  absolute: (path: string) => string,
  paths: Paths,
  host: Host,
): Promise<KeptRun> {
  const files = await findRun(word, absolute, paths, host);
  const run = await readRun(files, word);
  const warnings = new Map<string, readonly string[]>();
  for (const { cell } of run.cells) {
    const log = await textOf(files, `${cellFolder(cell)}/build.log`).catch(() => null);
    if (log !== null) warnings.set(cell, warningTexts(log));
  }
  const time = `${run.startedAt.slice(0, 16).replace("T", " ")} UTC`;
  return { run, name: `${basename(files.place)} (${time})`, warnings, files };
}

/** What run.json has at most: of a run of twelve cells it has 0.3 MiB. */
const MOST_JSON_BYTES = 64 << 20;

/**
 * The run.json of a run.
 * @param word What people called the run.
 * @throws KmatrixError "no-match" (no-run) where there is none, "usage" (bad-run-json) for a damaged one
 *   and one of another version.
 */
export async function readRun(files: RunFiles, word: string): Promise<RunReport> {
  const place = `${files.place}/${RUN_JSON}`;
  const kind = await files.kind(RUN_JSON);
  if (kind === null) {
    throw new KmatrixError("no-match", "no-run", `${word}: it holds no run.json`, NO_RUN);
  }
  const bad = (why: string) => new KmatrixError("usage", "bad-run-json", `${place} ${why}`, NO_RUN);
  if (kind !== "file") throw bad(`is a ${kind}, not a file`);
  const file = await files.open(RUN_JSON).catch((error) => {
    throw bad(`cannot be read: ${failureFrom(error).message}`);
  });
  try {
    if (file.size > MOST_JSON_BYTES) {
      const most = `${MOST_JSON_BYTES / (1 << 20)}`;
      throw bad(`has ${Math.ceil(file.size / (1 << 20))} MiB; no run writes more than ${most}`);
    }
    return parseRunReport(new TextDecoder().decode(file.read(0, file.size)), place);
  } finally {
    file.close();
  }
}

/** Lines move when something above them is changed, and a warning stays the same one. */
function warningTexts(log: string): string[] {
  return collectWarnings(log).map(({ text }) => text.replace(/:\d+:\d+: /, ": "));
}

async function findRun(
  word: string,
  absolute: (path: string) => string,
  paths: Paths,
  host: Host,
): Promise<RunFiles> {
  const before = /^latest(?:~(\d+))?$/.exec(word);
  const path = before ? await latestRun(Number(before[1] ?? 0), word, paths, host) : absolute(word);
  const none = (why: string) => new KmatrixError("no-match", "no-run", `${word}: ${why}`, NO_RUN);
  switch (await host.fs.kind(path)) {
    case "folder":
      return await folderFiles(path, host);
    case "file": {
      if (basename(path) === RUN_JSON) return await folderFiles(dirname(path), host);
      const files = await archiveFiles(path, word, host);
      if (files === null) throw none("the archive holds no run.json");
      return files;
    }
    default:
      throw none("there is no such folder or file");
  }
}

async function latestRun(
  back: number,
  word: string,
  paths: Paths,
  host: Host,
): Promise<string> {
  if (back === 0) return `${paths.out}/latest`;
  const latest = await host.fs.realPath(`${paths.out}/latest`);
  let left = back;
  const folders = await runFolders(paths, host);
  const older = folders.slice(
    folders.findIndex((path) => basename(path) === basename(latest ?? "")) + 1,
  );
  for (const folder of older) {
    if (!(await isMatrixRun(folder, host)) || !(await host.fs.exists(`${folder}/run.json`))) {
      continue;
    }
    if (--left === 0) return folder;
  }
  const text = `${word}: ${paths.out} has only ${back - left} runs of the matrix before the latest`;
  throw new KmatrixError("no-match", "no-run", text, NO_RUN);
}

/** How many earlier runs of the output folder are read for what varies, and for a history. */
const MOST_RUNS = 60;

/**
 * Earlier runs of the output folder, the newest first, those that cannot be read left out.
 * @param isOf Whether a run is wanted.
 */
export async function earlierRuns(
  isOf: (run: RunReport) => boolean,
  most: number,
  paths: Paths,
  host: Host,
): Promise<{ readonly folder: string; readonly run: RunReport }[]> {
  const found: { folder: string; run: RunReport }[] = [];
  for (const folder of (await runFolders(paths, host))) {
    if (found.length >= Math.min(most, MOST_RUNS)) break;
    const run = await readQuietly(folder, host);
    if (run !== null && isOf(run)) found.push({ folder, run });
  }
  return found;
}

async function readQuietly(folder: string, host: Host): Promise<RunReport | null> {
  try {
    return await readRun(await folderFiles(folder, host), folder);
  } catch {
    return null;
  }
}
