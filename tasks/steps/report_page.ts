// SPDX-License-Identifier: MIT
/** Makes report.html of a run: reads the logs in its folder and puts them beside the report. */
import { basename } from "node:path/posix";
import type { CellReport, RunReport } from "../core/model/model.ts";
import { failureFrom } from "../core/model/errors.ts";
import { cellFolder, RECORDINGS } from "../core/model/paths.ts";
import {
  type CellFiles,
  IN_ITS_FOLDER,
  pageModel,
  type PageSurroundings,
} from "../core/page/build_model.ts";
import { consolePlaces, excerptOf, lineWith } from "../core/page/log_excerpt.ts";
import { packLines } from "../core/page/packed.ts";
import { type PageBundle, pageHtml } from "../core/page/page_html.ts";
import type { PageDataflow, PageLog } from "../core/page/page_model.ts";
import { type DataflowReport, dataflowShape } from "../core/dataflow/report.ts";
import { plainLine } from "../core/text/plain_text.ts";
import { readJson } from "../core/text/shape.ts";
import type { RunFiles } from "./run_files.ts";

/** What is kept of one log, and of all logs of a run, before it is packed. */
const LOG_BYTES = 4 << 20;
const ALL_LOGS_BYTES = 32 << 20;
/** Boots of a cell whose consoles are shown: the first that did not pass. */
const BOOTS_SHOWN = 3;
const BUILD_LOG = "build.log";
const QEMU_LOG = "qemu.log";
/** What `deno task dataflow` leaves in the folder of its cell. */
export const DATAFLOW_FILE = "dataflow.json";
/** A tree of more than some ten thousand calls is for programs. */
const DATAFLOW_BYTES = 8 << 20;

/** A log that a page wants. */
interface Wanted {
  readonly cell: string;
  readonly name: string;
  /** Below the run's folder. */
  readonly path: string;
  /** Whether it is told that it is not there. */
  readonly due: boolean;
  /** The line that its stage failed with. */
  readonly line: string | null;
}

/** @param left What the run has left; a log that is not there is said in the page, and no error. */
export async function reportPage(
  run: RunReport,
  left: RunFiles,
  surroundings: PageSurroundings = IN_ITS_FOLDER,
): Promise<string> {
  const wanted = run.cells.flatMap(logsOf);
  const bound = Math.min(LOG_BYTES, Math.floor(ALL_LOGS_BYTES / Math.max(1, wanted.length)));
  const packed = new Map<string, string>();
  const files = new Map<string, CellFiles>();
  for (const { cell } of run.cells) {
    const logs: PageLog[] = [];
    for (const one of wanted.filter((each) => each.cell === cell)) {
      const log = await readLog(one, left, bound, packed);
      if (log) logs.push(log);
    }
    const folder = cellFolder(cell);
    const dataflow = await readDataflow(`${folder}/${DATAFLOW_FILE}`, left);
    files.set(cell, { logs, dataflow, files: await filesOf(folder, left) });
  }
  const model = pageModel(run, basename(left.place), files, surroundings);
  return await pageHtml(model, packed, await bundle());
}

async function bundle(): Promise<PageBundle> {
  const read = await import("../page/bundle.json", { with: { type: "json" } });
  return read.default;
}

function logsOf({ cell, stages, attempts }: CellReport): Wanted[] {
  const folder = cellFolder(cell);
  const ran = (name: string) =>
    stages.find(({ stage, outcome }) =>
      stage === name && outcome.kind !== "blocked" && outcome.kind !== "pending"
    )?.outcome;
  const boot = ran("boot");
  const red = attempts?.filter(({ verdict }) => verdict !== "passed") ?? [];
  const shown = red.length > 0 ? red.slice(0, BOOTS_SHOWN) : attempts?.slice(-1) ?? [];
  const folders = shown.length > 0 ? shown.map((one) => one.folder) : [folder];
  const build = ran("build");
  const line = build?.kind === "failed" && build.failure.evidence?.kind === "output"
    ? build.failure.evidence.line
    : null;
  const log = (name: string, path: string) => ({
    ...{ cell, name, path, due: name === RECORDINGS.console },
    line: name === BUILD_LOG ? line : null,
  });
  return [
    ...(boot ? folders.map((one) => log(RECORDINGS.console, `${one}/${RECORDINGS.console}`)) : []),
    ...(boot?.kind === "failed" ? [log(QEMU_LOG, `${folder}/${QEMU_LOG}`)] : []),
    ...(build?.kind === "failed" ? [log(BUILD_LOG, `${folder}/${BUILD_LOG}`)] : []),
  ];
}

/** null for one that need not be there and is not, or is empty. */
async function readLog(
  { name, path, due, line }: Wanted,
  left: RunFiles,
  bound: number,
  packed: Map<string, string>,
): Promise<PageLog | null> {
  const empty = {
    name,
    path,
    bytes: 0,
    lines: 0,
    kept: [],
    splats: [],
    tests: {},
    at: null,
    element: null,
  };
  const kind = await left.kind(path);
  if (kind !== "file") {
    if (!due) return null;
    const why = kind === null ? "it is not there" : `it is a ${kind}, not a file`;
    return { ...empty, missing: `${path} cannot be shown: ${why}` };
  }
  let file;
  try {
    file = await left.open(path);
  } catch (error) {
    return { ...empty, missing: `${path} cannot be shown: ${failureFrom(error).message}` };
  }
  try {
    if (file.size === 0 && !due) return null;
    const places = name === RECORDINGS.console
      ? consolePlaces(file, null)
      : { splats: [], tests: {} };
    const at = line === null ? null : lineWith(file, line);
    const around = [...places.splats.map(({ at }) => at), ...(at === null ? [] : [at])];
    const { text, ...excerpt } = excerptOf(file, file.size, bound, around);
    const element = `log-${packed.size}`;
    packed.set(element, await packLines(text));
    return { name, path, ...excerpt, ...places, at, missing: null, element };
  } finally {
    file.close();
  }
}

/** null where there is none. */
async function readDataflow(path: string, left: RunFiles): Promise<PageDataflow | null> {
  if (await left.kind(path) !== "file") return null;
  const missing = (why: string) => ({ path, report: null, missing: `${path} ${why}` });
  let file;
  try {
    file = await left.open(path);
  } catch (error) {
    return missing(`cannot be shown: ${failureFrom(error).message}`);
  }
  try {
    if (file.size > DATAFLOW_BYTES) return missing("is too long for a page");
    const text = new TextDecoder().decode(file.read(0, file.size));
    const read = readJson(dataflowShape, text);
    if (read.kind === "wrong") return missing(`cannot be shown: ${read.why}`);
    return { path, report: plainReport(read.value), missing: "" };
  } finally {
    file.close();
  }
}

/** With texts that are of a kernel's debug information as a page may have them. */
function plainReport(report: DataflowReport): DataflowReport {
  const plain = (_: string, value: unknown) => typeof value === "string" ? plainLine(value) : value;
  return JSON.parse(JSON.stringify(report), plain);
}

async function filesOf(folder: string, left: RunFiles): Promise<string[]> {
  const files: string[] = [];
  for (const name of await left.list(folder)) {
    const path = `${folder}/${name}`;
    if (await left.kind(path) === "file") files.push(path);
  }
  return files;
}
