// SPDX-License-Identifier: MIT
/** Finds the runs of shards in what a merge is given: folders and archives, as CI hands them out. */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import { type Failure, failure, failureFrom } from "../core/model/errors.ts";
import { isCellId } from "../core/model/cells.ts";
import {
  type CellReport,
  RUN_FORMAT,
  type RunReport,
  type ShardRecord,
} from "../core/model/model.ts";
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

/**
 * Folders of artifacts lie in a folder, and runs in a folder of an artifact. Folders that hold one
 * folder and nothing else do not count: archives have the whole path of what was packed.
 */
const DEEPEST = 4;
/** Archives within another, at most: those of a job in the one that people fetch of all jobs. */
const MOST_WITHIN = 3;

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
  const search = new Search(scratch, host);
  for (const word of words) {
    const place = { told: word, path: absolute(word), depth: 0, within: 0 };
    const found = await search.inPlace(place);
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
  /** Of how many folders it is in, and of how many archives. */
  readonly depth: number;
  readonly within: number;
}

const torn = ({ told }: Place, why: string, detail = HINT): Found => ({
  ...NOTHING,
  unread: [failure("infra", "shard-torn", `${told}: ${why}`, detail)],
});

class Search {
  readonly #scratch: string;
  readonly #host: Host;
  #unpacked = 0;

  constructor(scratch: string, host: Host) {
    this.#scratch = scratch;
    this.#host = host;
  }

  /** What was named. */
  async inPlace(place: Place): Promise<Found> {
    const { path } = place;
    const kind = await this.#host.fs.kind(path);
    if (kind === null) return torn(place, "there is no such folder or file");
    if (kind === "folder") return await this.#inFolder(place);
    if (kind !== "file") return torn(place, `is a ${kind}`);
    if (basename(path) === "run.json") {
      return await this.#inFolder({ ...place, path: path.replace(/\/run\.json$/, "") });
    }
    return await this.#inFile(place) ?? torn(place, "is neither a folder nor an archive");
  }

  /** null where it is no archive. */
  async #inFile(place: Place): Promise<Found | null> {
    const archive = await archiveKind(place.path, this.#host);
    if (archive === null) return null;
    const folder = `${this.#scratch}/${this.#unpacked++}`;
    const why = await unpack(place.path, archive, folder, this.#host);
    if (why !== null) return torn(place, `cannot be unpacked whole: ${why}`);
    return await this.#inFolder({ ...place, path: folder, depth: 0, within: place.within + 1 });
  }

  /** A run's folder, or folders and archives below it that are. */
  async #inFolder(place: Place): Promise<Found> {
    const { path, depth } = place;
    const { fs } = this.#host;
    if (await fs.kind(`${path}/run.json`) === "file") return await readShard(place, this.#host);
    if (depth >= DEEPEST) return NOTHING;
    const names = await fs.list(path);
    const all: Found[] = [];
    for (const name of names) {
      const below = {
        ...{ told: `${place.told.replace(/\/+$/, "")}/${name}`, path: `${path}/${name}` },
        ...{ depth: names.length === 1 ? depth : depth + 1, within: place.within },
      };
      const kind = (await fs.entry(below.path))?.kind;
      if (kind === "folder") all.push(await this.#inFolder(below));
      else if (kind === "file") all.push(await this.#notNamed(below, name));
    }
    return {
      shards: all.flatMap(({ shards }) => shards),
      unread: all.flatMap(({ unread }) => unread),
      others: all.flatMap(({ others }) => others),
    };
  }

  /**
   * A file that lies there. An archive is told by its content, for what curl fetches is called as
   * people like; where it is not called like one, it may be anything else that is packed.
   */
  async #notNamed(place: Place, name: string): Promise<Found> {
    if (place.within >= MOST_WITHIN) return NOTHING;
    if (isArchiveName(name)) {
      return await this.#inFile(place) ?? torn(place, "is called like an archive and is none");
    }
    const found = await this.#inFile(place);
    return found === null || found.shards.length + found.others.length === 0 ? NOTHING : found;
  }
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
  const name = `shard ${shard.index}/${shard.of}`;
  const lacking = await lackingFiles(run, path, host);
  const over = await cellsOfOthers(shard, path, host);
  const unread = [
    ...lacking.length === 0 ? [] : torn(
      place,
      `${name} lacks ${counted(lacking.length, "file")} of its cells`,
      lacking.slice(0, 10).join("\n"),
    ).unread,
    ...over.length === 0 ? [] : torn(
      place,
      `several shards were laid into one folder: the run.json is that of ${name}, and there are ` +
        `files of ${counted(over.length, "cell")} of others`,
      `${over.slice(0, 10).join("\n")}\n${ONE_FOLDER_EACH}`,
    ).unread,
  ];
  return { ...NOTHING, shards: [{ from: told, folder: path, run: { ...run, shard } }], unread };
}

const ONE_FOLDER_EACH = "Keep each artifact in a folder of its own; merge-multiple of " +
  "actions/download-artifact, and programs that flatten, do not.";

/** Cells of other shards of the plan that have left something in the folder of a shard. */
async function cellsOfOthers(shard: ShardRecord, folder: string, host: Host): Promise<string[]> {
  const found: string[] = [];
  for (const id of shard.shards.filter((_, at) => at !== shard.index - 1).flat()) {
    if (!isCellId(id)) continue;
    for (const name of ["build.log", RECORDINGS.record]) {
      if (!(await host.fs.exists(`${folder}/${cellFolder(id)}/${name}`))) continue;
      found.push(id);
      break;
    }
  }
  return found;
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
