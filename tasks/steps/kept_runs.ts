// SPDX-License-Identifier: MIT
/** Runs that are kept: in the output folder, in any other one, and packed as CI hands them out. */
import { basename, dirname } from "node:path/posix";
import { collectWarnings } from "../core/build/build_log.ts";
import type { ComparedRun } from "../core/compare/compare.ts";
import { failureFrom, KmatrixError } from "../core/model/errors.ts";
import { type RunReport, STAGES } from "../core/model/model.ts";
import { cellFolder, type Paths } from "../core/model/paths.ts";
import { plainLine } from "../core/text/plain_text.ts";
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
    const text = `${plainLine(word)}: it holds no run.json`;
    throw new KmatrixError("no-match", "no-run", text, NO_RUN);
  }
  const bad = (why: string) =>
    new KmatrixError("usage", "bad-run-json", `${plainLine(place)} ${why}`, NO_RUN);
  if (kind !== "file") throw bad(`is a ${kind}, not a file`);
  const file = await files.open(RUN_JSON);
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

/**
 * @param word As of {@linkcode readKeptRun}.
 * @throws KmatrixError "no-match" (no-run) where there is none, "usage" (bad-run-archive) for what is
 *   neither a folder nor an archive.
 */
export async function findRun(
  word: string,
  absolute: (path: string) => string,
  paths: Paths,
  host: Host,
): Promise<RunFiles> {
  const called = plainLine(word) || '""';
  const none = (why: string) => new KmatrixError("no-match", "no-run", `${called}: ${why}`, NO_RUN);
  if (word === "") throw none("the name of a run is empty");
  const before = /^latest(?:~(\d+))?$/.exec(word);
  const path = before ? await latestRun(Number(before[1] ?? 0), word, paths, host) : absolute(word);
  const kind = await host.fs.kind(path);
  switch (kind) {
    case "folder":
      return await folderFiles(path, host);
    case "file": {
      if (basename(path) === RUN_JSON) return await folderFiles(dirname(path), host);
      const files = await archiveFiles(path, word, host);
      if (files === null) throw none("the archive holds no run.json");
      return files;
    }
    case null:
      throw none(before ? `${paths.out} holds no run yet` : "there is no such folder or file");
    default:
      throw new KmatrixError("usage", "bad-run-archive", `${called} is a ${kind}`, NO_RUN);
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

export interface EarlierRuns {
  /** The newest first. */
  readonly runs: readonly { readonly folder: string; readonly run: RunReport }[];
  /** Folders of others whose run.json cannot be read, or is of another version. */
  readonly unread: readonly string[];
}

/**
 * Earlier runs of the output folder.
 * @param isOf Whether a run is wanted.
 */
export async function earlierRuns(
  isOf: (run: RunReport) => boolean,
  most: number,
  paths: Paths,
  host: Host,
): Promise<EarlierRuns> {
  const runs: { folder: string; run: RunReport }[] = [];
  const unread: string[] = [];
  for (const folder of (await runFolders(paths, host))) {
    if (runs.length >= Math.min(most, MOST_RUNS)) break;
    const run = await readQuietly(folder, host);
    if (run === "unread") unread.push(folder);
    else if (run !== null && isOf(run)) runs.push({ folder, run });
  }
  return { runs, unread };
}

/** null of a run that has no report. */
async function readQuietly(folder: string, host: Host): Promise<RunReport | null | "unread"> {
  try {
    return await readRun(await folderFiles(folder, host), folder);
  } catch (error) {
    return failureFrom(error).id === "no-run" ? null : "unread";
  }
}
