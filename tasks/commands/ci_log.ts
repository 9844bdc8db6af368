// SPDX-License-Identifier: MIT
/** What CI services are told of a run, in the log of their job and in the files that they give. */
import { foldingService, sectionBegin, sectionEnd } from "../core/ci/workflow_commands.ts";
import { type ComparedRun, compareRuns } from "../core/compare/compare.ts";
import { comparisonLines } from "../core/compare/compare_text.ts";
import { githubReport, type GithubRequest } from "../steps/github_report.ts";
import { readKeptRun } from "../steps/kept_runs.ts";
import type { RunValues } from "../cli/options.ts";
import type { Context } from "./context.ts";

const PROGRESS = "kmatrix_progress";

/** Folds what is printed until the given function is called, where the log's service can. */
export function foldProgress({ host, terminal }: Context): () => void {
  const service = foldingService(host.env);
  if (service === null) return () => {};
  const seconds = () => host.now() / 1000;
  terminal.command(sectionBegin(service, PROGRESS, "progress", seconds()));
  return () => terminal.command(sectionEnd(service, PROGRESS, seconds()));
}

/**
 * The run that --base names.
 * @throws KmatrixError "no-match" (no-run), "usage" for a damaged one
 */
export async function baseRun(
  { base }: RunValues,
  { absolute, paths, host }: Context,
): Promise<ComparedRun | null> {
  return base === undefined ? null : await readKeptRun(base, absolute, paths, host);
}

/** Says what is different from the base run, and tells GitHub of a run that has ended. */
export async function tellCi(
  request: Omit<GithubRequest, "comparison">,
  { host, terminal, absolute, paths }: Context,
): Promise<void> {
  const { base, runDir } = request;
  const comparison = base === null
    ? null
    : compareRuns(base, await readKeptRun(runDir, absolute, paths, host));
  if (comparison !== null) {
    terminal.print(["", ...comparisonLines(comparison)].join("\n"));
  }
  if (foldingService(host.env) !== "github") return;
  for (const line of await githubReport({ ...request, comparison }, host)) terminal.command(line);
}
