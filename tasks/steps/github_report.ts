// SPDX-License-Identifier: MIT
/**
 * What GitHub is told of a run, by the variables that it gives to each step: annotations for the log,
 * the job's page (GITHUB_STEP_SUMMARY), outputs of the step (GITHUB_OUTPUT).
 */
import { relative } from "node:path/posix";
import * as v from "valibot";
import type { RunReport, SourceIdentity, Warning } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { cellFolder } from "../core/model/paths.ts";
import { collectWarnings } from "../core/build/build_log.ts";
import type { ComparedRun, RunComparison } from "../core/compare/compare.ts";
import { annotationsOf, type Marked } from "../core/ci/annotations.ts";
import { type Finding, findingsOf, type SourcePlace } from "../core/ci/findings.ts";
import { stepSummary, SUMMARY_BYTES } from "../core/ci/step_summary.ts";
import type { Host } from "../host/host.ts";
import { git } from "./git.ts";
import { openRepository, type Repository } from "./git_dir.ts";

export interface GithubRequest {
  readonly run: RunReport;
  /** The run's folder, absolute. */
  readonly runDir: string;
  /** What it is held against, and what is different; null for nothing. */
  readonly base: ComparedRun | null;
  readonly comparison: RunComparison | null;
}

/** A kernel of this run whose files are some of the repository that the workflow belongs to. */
interface OwnTree {
  readonly kernel: string;
  /** Absolute. */
  readonly path: string;
  /** From the root of its repository to the tree: "" or "linux/". */
  readonly prefix: string;
  /** Files of the pull request or the range, below the tree. */
  readonly touched: ReadonlySet<string>;
}

/**
 * Writes the summary and the outputs. What cannot be written is a notice, for the verdict stands.
 * @returns Lines for the log of the step, which its runner obeys.
 */
export async function githubReport(request: GithubRequest, host: Host): Promise<string[]> {
  const { run, runDir, base, comparison } = request;
  const logs = await warningsOf(request, host);
  const trees = await ownTrees(run.sources, host);
  const findings = findingsOf(run, logs, base);
  const marked = await Promise.all(findings.map((one) => mark(one, trees, host)));
  const { lines, leftOut } = annotationsOf(marked);
  await append("GITHUB_STEP_SUMMARY", host, (size) => {
    const room = SUMMARY_BYTES - size;
    return room < 4096 ? "" : stepSummary({ run, comparison, leftOut, results: runDir }, room);
  });
  const red = run.cells.filter(({ verdict }) => verdict.kind !== "passed").length;
  await append("GITHUB_OUTPUT", host, () => outputs({ run: runDir, red: `${red}` }));
  return [...lines];
}

async function append(
  name: string,
  host: Host,
  textOf: (size: number) => string,
): Promise<void> {
  const path = host.env(name) ?? "";
  if (path === "") return;
  try {
    await host.fs.append(path, textOf((await host.fs.stat(path))?.size ?? 0));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    host.log("warn", `${name}: ${path} cannot be written: ${why}`);
  }
}

/** Each with a word at its end that no value holds: values may have any number of lines. */
function outputs(values: Readonly<Record<string, string>>): string {
  const end = `end-${crypto.randomUUID()}`;
  return Object.entries(values).map(([name, value]) => `${name}<<${end}\n${value}\n${end}\n`)
    .join("");
}

async function warningsOf(
  { run, runDir }: GithubRequest,
  host: Host,
): Promise<Map<string, readonly Warning[]>> {
  const found = new Map<string, readonly Warning[]>();
  for (const { cell } of run.cells) {
    const log = await host.fs.readTextIfAny(`${runDir}/${cellFolder(cell)}/build.log`);
    if (log !== null) found.set(cell, collectWarnings(log));
  }
  return found;
}

async function mark(
  finding: Finding,
  trees: readonly OwnTree[],
  host: Host,
): Promise<Marked> {
  const [cell = ""] = finding.cells;
  const tree = trees.find(({ kernel }) => cell.startsWith(`${kernel}/`));
  if (finding.place === null || tree === undefined) {
    return { ...finding, place: null, message: messageOf(finding), isTouched: false };
  }
  const { file, ...at } = finding.place;
  const inTree = await fileOf(file, tree, host);
  if (inTree === null) {
    return { ...finding, place: null, message: messageOf(finding), isTouched: false };
  }
  const place: SourcePlace = { file: `${tree.prefix}${inTree}`, ...at };
  return { ...finding, place, isTouched: tree.touched.has(inTree) };
}

/** Where GitHub has no such file, the message says the place. */
function messageOf({ place, message }: Finding): string {
  return place === null ? message : `${place.file}:${place.line}: ${message}`;
}

/**
 * The file below the tree that a printed path means: builds print paths of a copy of the tree, or
 * short ones, so it is the longest end of the path that the tree has.
 */
async function fileOf(printed: string, { path }: OwnTree, host: Host): Promise<string | null> {
  const parts = printed.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return null;
  for (let from = 0; from < parts.length; from++) {
    const file = parts.slice(from).join("/");
    const kind = await host.fs.kind(`${path}/${file}`).catch(() => null);
    if (kind === "file") return file;
  }
  return null;
}

async function ownTrees(sources: readonly SourceIdentity[], host: Host): Promise<OwnTree[]> {
  const workspace = host.env("GITHUB_WORKSPACE") ?? "";
  const found: OwnTree[] = [];
  for (const { kernel, spec, tree } of sources) {
    const path = spec.kind === "commits" ? spec.repository : tree?.path;
    if (path === undefined || workspace === "") continue;
    const below = relative(workspace, path);
    if (below === ".." || below.startsWith("../")) continue;
    const repository = await repositoryAt(path, host);
    // A checkout of its own is the repository; a folder of one is named from the workspace on.
    const prefix = repository !== null || below === "" ? "" : `${below}/`;
    const touched = repository === null
      ? []
      : spec.kind === "commits"
      ? await changedFiles(spec.base, spec.commits.at(-1)?.id ?? spec.base, repository, host)
      : [
        ...await pullRequestFiles(repository, host),
        ...(tree?.git?.diff?.files ?? []).map(({ path }) => path),
      ];
    found.push({ kernel, path, prefix, touched: new Set(touched) });
  }
  return found;
}

async function repositoryAt(path: string, host: Host): Promise<Repository | null> {
  try {
    return await openRepository(path, "--tree", host);
  } catch (error) {
    if (error instanceof KmatrixError) return null;
    throw error;
  }
}

/** Files that a commit has otherwise than its common past with another one; none where git cannot tell. */
async function changedFiles(
  from: string,
  to: string,
  { path, safe }: Repository,
  host: Host,
): Promise<string[]> {
  const words = ["-C", path, "diff", "--name-only", "--no-renames", "-z", "--end-of-options"];
  // Where a shallow clone lacks the common past, the commits themselves may be there.
  for (const commits of [[`${from}...${to}`], [from, to]]) {
    const { code, stdout } = await git([...words, ...commits, "--"], host, { safe });
    if (code === 0) return stdout.split("\0").filter((name) => name !== "");
  }
  return [];
}

const eventShape = v.looseObject({
  pull_request: v.looseObject({
    base: v.looseObject({ sha: v.pipe(v.string(), v.hash(["sha1", "sha256"])) }),
  }),
});

/** Files that differ from the base of the pull request that the job is of. */
async function pullRequestFiles(repository: Repository, host: Host): Promise<string[]> {
  const path = host.env("GITHUB_EVENT_PATH") ?? "";
  const text = path === "" ? null : await host.fs.readTextIfAny(path).catch(() => null);
  const event = v.safeParse(v.pipe(v.string(), v.parseJson(), eventShape), text);
  if (!event.success) return [];
  return await changedFiles(event.output.pull_request.base.sha, "HEAD", repository, host);
}
