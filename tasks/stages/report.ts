// SPDX-License-Identifier: MIT
/** Writes what is known of a run, whole or broken off: run.json and junit.xml, each in one step. */
import type { Host } from "../host/host.ts";
import type { RunReport } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { junitXml } from "../formats/junit.ts";
import { parseRunReport } from "../formats/run_report.ts";

export interface ReportFiles {
  readonly runDir: string;
  /** Further copies that the user asked for (--junit, --json), absolute. */
  readonly junit: string | null;
  readonly json: string | null;
}

export async function report(run: RunReport, files: ReportFiles, host: Host): Promise<void> {
  const xml = junitXml(run);
  const json = `${JSON.stringify(run, null, 2)}\n`;
  await host.fs.writeText(`${files.runDir}/run.json`, json);
  await host.fs.writeText(`${files.runDir}/junit.xml`, xml);
  if (files.junit !== null) await host.fs.writeText(files.junit, xml);
  if (files.json !== null) await host.fs.writeText(files.json, json);
}

/** @throws KmatrixError "no-match" where the folder holds no run, "usage" for a damaged one. */
export async function readRun(runDir: string, host: Host): Promise<RunReport> {
  const text = await host.fs.readTextIfAny(`${runDir}/run.json`);
  if (text === null) {
    throw new KmatrixError(
      "no-match",
      "no-run",
      `${runDir} holds no run.json: nothing has run yet`,
    );
  }
  return parseRunReport(text, `${runDir}/run.json`);
}
