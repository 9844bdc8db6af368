// SPDX-License-Identifier: MIT
/** Runs that are kept: in the output folder, in any other one, and packed as CI hands them out. */
import { basename, dirname } from "node:path/posix";
import { unzipSync } from "fflate";
import { collectWarnings } from "../core/build/build_log.ts";
import type { ComparedRun } from "../core/compare/compare.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { type RunReport, STAGES } from "../core/model/model.ts";
import { cellFolder, type Paths } from "../core/model/paths.ts";
import { parseRunReport } from "../core/report/run_report.ts";
import type { Host } from "../host/host.ts";

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

/** Reads one file of a run by its path below the run's folder; null where it has none. */
type ReadPart = (path: string) => Promise<string | null>;

interface Found {
  readonly file: string;
  readonly text: string;
  readonly part: ReadPart;
}

const NO_RUN = "A run is a folder with a run.json, an archive of one (.zip, .tar.gz, .tar.xz, " +
  ".tar.zst), latest, or latest~N for the N-th matrix run before it.";

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
): Promise<ComparedRun> {
  const { file, text, part } = await findRun(word, absolute, paths, host);
  const run = parseRunReport(text, file);
  const logs = await Promise.all(run.cells.map(async ({ cell }) => {
    const log = await part(`${cellFolder(cell)}/build.log`);
    return [cell as string, log === null ? null : warningTexts(log)] as const;
  }));
  return {
    run,
    name: `${basename(dirname(file))} (${run.startedAt.slice(0, 16).replace("T", " ")} UTC)`,
    warnings: new Map(logs.flatMap(([cell, texts]) => texts === null ? [] : [[cell, texts]])),
  };
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
): Promise<Found> {
  const before = /^latest(?:~(\d+))?$/.exec(word);
  const path = before ? await latestRun(Number(before[1] ?? 0), word, paths, host) : absolute(word);
  switch (await host.fs.kind(path)) {
    case "folder":
      return await inFolder(path, word, host);
    case "file":
      return basename(path) === "run.json"
        ? await inFolder(dirname(path), word, host)
        : await inArchive(path, word, host);
    default:
      throw new KmatrixError(
        "no-match",
        "no-run",
        `${word}: there is no such folder or file`,
        NO_RUN,
      );
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

async function inFolder(folder: string, word: string, host: Host): Promise<Found> {
  const text = await host.fs.readTextIfAny(`${folder}/run.json`);
  if (text === null) {
    throw new KmatrixError("no-match", "no-run", `${word}: it holds no run.json`, NO_RUN);
  }
  const real = await host.fs.realPath(folder) ?? folder;
  return {
    file: `${real}/run.json`,
    text,
    part: (path) => host.fs.readTextIfAny(`${folder}/${path}`),
  };
}

async function inArchive(file: string, word: string, host: Host): Promise<Found> {
  const parts = file.endsWith(".zip")
    ? await zipped(file, word, host)
    : await tarred(file, word, host);
  // The run may lie in a folder of the archive; one that lies deeper belongs to something else.
  const [runJson] = [...parts.names].filter((name) => basename(name) === "run.json")
    .sort((a, b) => a.split("/").length - b.split("/").length);
  const text = runJson === undefined ? null : await parts.read(runJson);
  if (text === null) {
    throw new KmatrixError("no-match", "no-run", `${word}: the archive holds no run.json`, NO_RUN);
  }
  const folder = runJson!.slice(0, -"run.json".length);
  return {
    file: `${file}/run.json`,
    text,
    part: (path) => parts.read(`${folder}${path}`),
  };
}

interface Parts {
  readonly names: ReadonlySet<string>;
  readonly read: ReadPart;
}

const isWanted = (name: string) => /(^|\/)(run\.json|build\.log)$/.test(name);

async function zipped(file: string, word: string, host: Host): Promise<Parts> {
  const bytes = await host.fs.readBytes(file);
  try {
    const files = unzipSync(bytes, { filter: ({ name }) => isWanted(name) });
    return {
      names: new Set(Object.keys(files)),
      read: (name) =>
        Promise.resolve(files[name] === undefined ? null : new TextDecoder().decode(files[name])),
    };
  } catch (error) {
    throw notAnArchive(word, `${error}`);
  }
}

async function tarred(file: string, word: string, host: Host): Promise<Parts> {
  const listed = await host.run({ argv: ["tar", "--list", "-f", file] });
  if (listed.code !== 0) throw notAnArchive(word, listed.stderr);
  const names = new Set(listed.stdout.split("\n").filter(isWanted));
  return {
    names,
    async read(name) {
      if (!names.has(name)) return null;
      const { code, stdout } = await host.run({
        argv: ["tar", "--extract", "--to-stdout", "-f", file, "--", name],
      });
      return code === 0 ? stdout : null;
    },
  };
}

function notAnArchive(word: string, why: string): KmatrixError {
  const text = `${word} is neither a folder nor an archive that can be read`;
  return new KmatrixError("usage", "bad-run-archive", text, `${why.trim()}\n${NO_RUN}`);
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
  const text = await host.fs.readTextIfAny(`${folder}/run.json`);
  if (text === null) return null;
  try {
    return parseRunReport(text, `${folder}/run.json`);
  } catch {
    return null;
  }
}
