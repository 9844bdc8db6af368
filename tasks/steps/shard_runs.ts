// SPDX-License-Identifier: MIT
/** Finds the runs of shards in what a merge is given: folders and archives, as CI hands them out. */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import { type Failure, failure, failureFrom } from "../core/model/errors.ts";
import { isCellId } from "../core/model/cells.ts";
import { type CellReport, RUN_FORMAT, type RunReport } from "../core/model/model.ts";
import { parseBootRecord } from "../core/boot/boot_record.ts";
import { cellFolder, RECORDINGS } from "../core/model/paths.ts";
import { parseRunReport } from "../core/report/run_report.ts";
import type { ShardRun } from "../core/shards/merge.ts";
import { counted } from "../core/text/counted.ts";
import { COMMAND_FILE } from "./kept_runs.ts";
import { archiveKind, isArchiveName, unpack } from "./unpack.ts";

/** A shard's run, and its folder. */
export interface FoundShard extends ShardRun {
  /** Absolute. */
  readonly folder: string;
}

export interface FoundShards {
  readonly shards: readonly FoundShard[];
  /** Why something that was named is no whole shard. */
  readonly unread: readonly Failure[];
}

interface Found extends FoundShards {
  /** Whole runs that are no shards; they are of no interest beside such as are. */
  readonly others: readonly Failure[];
}
const NOTHING: Found = { shards: [], unread: [], others: [] };

/** Files that each run has for itself; the others lie below the folders of its cells. */
export const RUN_FILES: readonly string[] = ["run.json", "junit.xml", "report.html", COMMAND_FILE];

/** Folders of artifacts lie in a folder, and runs in a folder of an artifact. */
const DEEPEST = 4;

const HINT =
  "A shard's run is the folder of `matrix --shard`, or an archive of it (.zip, .tar.gz, " +
  ".tar.xz, .tar.zst).";

/**
 * @param words Folders or archives, as they were named.
 * @param scratch An absolute path at which nothing is yet: archives are unpacked there.
 */
export async function findShards(
  words: readonly string[],
  absolute: (path: string) => string,
  scratch: string,
  host: Host,
): Promise<FoundShards> {
  const shards: FoundShard[] = [];
  const unread: Failure[] = [];
  for (const [index, word] of words.entries()) {
    const place = { told: word, path: absolute(word) };
    const found = await inPlace(place, `${scratch}/${index}`, host);
    shards.push(...withoutCopies(found.shards));
    unread.push(...found.unread);
    if (found.shards.length + found.unread.length > 0) continue;
    if (found.others.length > 0) unread.push(found.others[0]!);
    else unread.push(...torn(place, "holds no run: there is no run.json").unread);
  }
  return { shards, unread };
}

/** A folder or a file, and how messages call it. */
interface Place {
  readonly told: string;
  readonly path: string;
}

const torn = ({ told }: Place, why: string, detail = HINT): Found => ({
  ...NOTHING,
  unread: [failure("infra", "shard-torn", `${told}: ${why}`, detail)],
});

async function inPlace(place: Place, scratch: string, host: Host): Promise<Found> {
  const kind = await host.fs.kind(place.path);
  if (kind === null) return torn(place, "there is no such folder or file");
  let folder = place.path;
  if (kind === "file" && basename(folder) === "run.json") {
    folder = folder.replace(/\/run\.json$/, "");
  } else if (kind === "file") {
    const archive = await archiveKind(folder, host);
    if (archive === null) return torn(place, "is neither a folder nor an archive");
    const why = await unpack(folder, archive, scratch, host);
    if (why !== null) return torn(place, `cannot be unpacked whole: ${why}`);
    folder = scratch;
  } else if (kind !== "folder") return torn(place, `is a ${kind}`);
  return await inFolder({ told: place.told, path: folder }, 0, scratch, host);
}

/** A run's folder, or folders and archives below it that are. */
async function inFolder(place: Place, depth: number, scratch: string, host: Host): Promise<Found> {
  const { told, path } = place;
  if (await host.fs.kind(`${path}/run.json`) === "file") return await readShard(place, host);
  if (depth >= DEEPEST) return NOTHING;
  const all: Found[] = [];
  for (const name of await host.fs.list(path)) {
    const entry = await host.fs.entry(`${path}/${name}`);
    const below = { told: `${told.replace(/\/+$/, "")}/${name}`, path: `${path}/${name}` };
    const within = `${scratch}-${depth}-${name}`;
    const found = entry?.kind === "folder"
      ? await inFolder(below, depth + 1, within, host)
      : entry?.kind === "file" && isArchiveName(name)
      ? await inPlace(below, within, host)
      : null;
    if (found !== null) all.push(found);
  }
  return {
    shards: all.flatMap(({ shards }) => shards),
    unread: all.flatMap(({ unread }) => unread),
    others: all.flatMap(({ others }) => others),
  };
}

/**
 * Who uploads `out/` hands out out/latest as well, which is a link to a run there and a copy of it
 * here.
 */
function withoutCopies(shards: readonly FoundShard[]): FoundShard[] {
  const isLatest = ({ folder }: FoundShard) => basename(folder) === "latest";
  const originals = shards.filter((one) => !isLatest(one)).map(({ run }) => JSON.stringify(run));
  return shards.filter((one) => !isLatest(one) || !originals.includes(JSON.stringify(one.run)));
}

async function readShard(place: Place, host: Host): Promise<Found> {
  const { told, path } = place;
  const text = await host.fs.readText(`${path}/run.json`);
  let run: RunReport;
  try {
    run = parseRunReport(text, `${told}/run.json`);
  } catch (error) {
    const { message } = failureFrom(error);
    const format = formatOf(text);
    if (format !== null && format !== RUN_FORMAT) {
      return { ...NOTHING, unread: [failure("infra", "shard-foreign", message)] };
    }
    const hint = "It was cut while it was written or copied.";
    return torn(place, message.replace(`${told}/`, ""), hint);
  }
  const { shard } = run;
  if (shard === undefined) {
    const text = `${told}: its run is no shard: it was made without --shard`;
    return { ...NOTHING, others: [failure("infra", "shard-foreign", text, HINT)] };
  }
  const odd = shard.cells.find((id) => !isCellId(id));
  if (odd !== undefined) return torn(place, `${JSON.stringify(odd)} is no id of a cell`);
  const lacking = await lackingFiles(run, path, host);
  const unread = lacking.length === 0 ? [] : torn(
    place,
    `shard ${shard.index}/${shard.of} lacks ${counted(lacking.length, "file")} of its cells`,
    lacking.slice(0, 10).join("\n"),
  ).unread;
  return { ...NOTHING, shards: [{ from: told, folder: path, run: { ...run, shard } }], unread };
}

/** The format of a run.json of any version; null where the text is none. */
function formatOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("cells" in value)) return null;
    return "format" in value ? value.format : undefined;
  } catch {
    return null;
  }
}

/** Files that a run says it has written and that are not there, or not whole. */
async function lackingFiles(run: RunReport, folder: string, host: Host): Promise<string[]> {
  const lacking: string[] = [];
  for (const report of run.cells) {
    const passed = (stage: string) =>
      report.stages.some((one) => one.stage === stage && one.outcome.kind === "passed");
    const cell = cellFolder(report.cell);
    if (passed("build") && !(await host.fs.exists(`${folder}/${cell}/build.log`))) {
      lacking.push(`${cell}/build.log`);
    }
    if (passed("boot")) lacking.push(...await lackingOfBoots(report, folder, host));
  }
  return lacking;
}

async function lackingOfBoots(report: CellReport, folder: string, host: Host): Promise<string[]> {
  const lacking: string[] = [];
  for (const boot of report.attempts?.map((one) => one.folder) ?? [cellFolder(report.cell)]) {
    for (const name of [RECORDINGS.console, RECORDINGS.results, RECORDINGS.record]) {
      if (!(await host.fs.exists(`${folder}/${boot}/${name}`))) lacking.push(`${boot}/${name}`);
    }
    const record = `${boot}/${RECORDINGS.record}`;
    const text = await host.fs.readTextIfAny(`${folder}/${record}`);
    if (text === null) continue;
    try {
      parseBootRecord(text, record);
    } catch (error) {
      lacking.push(failureFrom(error).message);
    }
  }
  return lacking;
}
