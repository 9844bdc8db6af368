// SPDX-License-Identifier: MIT
/**
 * Writes what is known of a run, whole or broken off: run.json, junit.xml and report.html, each in one
 * step.
 */
import type { Host } from "../host/host.ts";
import type { RunReport } from "../core/model/model.ts";
import { failureFrom, KmatrixError } from "../core/model/errors.ts";
import { junitXml } from "../core/report/junit.ts";
import { runJson } from "../core/report/run_report.ts";
import { reportPage } from "../steps/report_page.ts";
import { folderFiles } from "../steps/run_files.ts";

/** Copies of a report that the user asked for (--junit, --json), absolute. */
export interface ReportCopies {
  readonly junit: string | null;
  readonly json: string | null;
}

export interface ReportFiles extends ReportCopies {
  readonly runDir: string;
}

/** The page of a run, in its folder. */
export const PAGE = "report.html";

/**
 * All files of a run that has ended: {@linkcode report} and the page, which reads the logs in the
 * run's folder.
 * @throws KmatrixError "infra" (report-unwritten, disk-full)
 */
export async function reportAll(run: RunReport, files: ReportFiles, host: Host): Promise<void> {
  await report(run, files, host);
  const page = await reportPage(run, await folderFiles(files.runDir, host));
  await write(`${files.runDir}/${PAGE}`, page, host);
}

/**
 * The files that follow a run while it goes on.
 * @throws KmatrixError "infra" (report-unwritten, disk-full)
 */
export async function report(run: RunReport, files: ReportFiles, host: Host): Promise<void> {
  const xml = junitXml(run);
  const json = runJson(run);
  await write(`${files.runDir}/run.json`, json, host);
  await write(`${files.runDir}/junit.xml`, xml, host);
  await writeCopies(files, () => xml, () => json, host);
}

/**
 * The copies alone, for a command that keeps no folder of its runs.
 * @throws KmatrixError "infra" (report-unwritten, disk-full)
 */
export async function reportCopies(
  run: RunReport,
  copies: ReportCopies,
  host: Host,
): Promise<void> {
  await writeCopies(copies, () => junitXml(run), () => runJson(run), host);
}

async function writeCopies(
  { junit, json }: ReportCopies,
  xml: () => string,
  text: () => string,
  host: Host,
): Promise<void> {
  if (junit !== null) await write(junit, xml(), host);
  if (json !== null) await write(json, text(), host);
}

/**
 * A file that is asked for by an option. What could be written when the run began (steps/outputs.ts)
 * and cannot now is the machine's.
 * @throws KmatrixError "infra" (report-unwritten, disk-full)
 */
export async function write(path: string, text: string, host: Host): Promise<void> {
  try {
    await host.fs.writeText(path, text);
  } catch (error) {
    const { id, message } = failureFrom(error);
    const named = id === "disk-full" ? id : "report-unwritten";
    throw new KmatrixError("infra", named, `${path} cannot be written: ${message}`);
  }
}
