// SPDX-License-Identifier: MIT
/** Applies diffs to an index in a git folder of ours, one after the other, as git am does. */
import type { Host } from "../host/host.ts";
import type { FuzzyHunk } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { Diff } from "./diffs.ts";
import { gitScript } from "./git.ts";
import {
  type ApplyLog,
  type ApplyProblem,
  describeProblems,
  patchName,
  readApplyLog,
  showHunk,
} from "../core/source/series.ts";
import { counted } from "../core/text/counted.ts";

/** An index, and the folder of the objects in it. */
export interface Index {
  readonly gitDir: string;
  readonly indexFile: string;
}

/**
 * Applies each diff $2 with -p$1; what git says goes into $3.log, and the number of the first that
 * does not apply is printed. The first word says whether hunks may apply with one line of context.
 */
const APPLY = `fuzz=$1 number=0
shift
while [ $# -gt 0 ]; do
  take() { git apply --cached --verbose --whitespace=nowarn "$@" 2> "$log"; }
  log=$3.log
  take -p"$1" -- "$2" || {
    [ "$fuzz" ] && log=$3.fuzz && take -C1 -p"$1" -- "$2" || { echo "$number"; exit; }
    mv "$log" "$3.log"
  }
  number=$((number + 1))
  shift 3
done`;

/** Whether diff $2 is in the index already; of files $3 and so on alone, a word a file. */
const REVERSED = `strip=$1 diff=$2
shift 2
for file; do
  git apply --cached --check --reverse -p"$strip" --include="$file" -- "$diff" 2> /dev/null &&
    echo yes || echo no
done`;

export interface Applied {
  readonly fuzzy: readonly FuzzyHunk[];
  /** A line for each patch that applied at other lines than it says. */
  readonly notices: readonly string[];
}

/**
 * @param index Left as the last patch that applies makes it.
 * @param dir Of extractDiffs().
 * @throws KmatrixError "patch" (does-not-apply) naming patch, file, hunk, line and why.
 */
export async function applyDiffs(
  diffs: readonly Diff[],
  index: Index,
  fuzz: boolean,
  dir: string,
  host: Host,
): Promise<Applied> {
  const words = diffs.flatMap(({ file, strip }, at) => [`${strip}`, file, `${dir}/${at}`]);
  const { code, stdout, stderr } = await script(APPLY, [fuzz ? "1" : "", ...words], index, host);
  if (code !== 0) {
    throw new KmatrixError("infra", "git-failed", "the series cannot be applied", stderr);
  }
  if (stdout.trim() !== "") {
    const at = Number(stdout);
    const log = await host.fs.readText(`${dir}/${at}.log`);
    throw await doesNotApply(diffs[at]!, log, index, host);
  }
  const fuzzy: FuzzyHunk[] = [];
  const notices: string[] = [];
  for (const [at, diff] of diffs.entries()) {
    const log = readApplyLog(await host.fs.readText(`${dir}/${at}.log`), diff.facts, diff.strip);
    const patch = patchName(diff.patch);
    fuzzy.push(...log.fuzzy.map((one) => ({ patch, ...one })));
    const notice = offsetNotice(patch, log);
    if (notice !== null) notices.push(notice);
  }
  return { fuzzy, notices };
}

function script(text: string, words: readonly string[], index: Index, host: Host) {
  const env = { GIT_DIR: index.gitDir, GIT_INDEX_FILE: index.indexFile };
  return gitScript(["sh", "-c", text, "sh", ...words], host, { env });
}

function offsetNotice(patch: string, { offsets }: ApplyLog): string | null {
  if (offsets.length === 0) return null;
  const most = Math.max(...offsets.map(Math.abs));
  const hunks = counted(offsets.length, "hunk applies", "hunks apply");
  return `${patch}: ${hunks} at other lines, up to ${most} away`;
}

async function doesNotApply(
  { patch, file, facts, strip }: Diff,
  log: string,
  index: Index,
  host: Host,
): Promise<KmatrixError> {
  const { problems } = readApplyLog(log, facts, strip);
  const failing = [...new Set(problems.flatMap((one) => "file" in one ? [one.file] : []))];
  const { stdout } = await script(
    REVERSED,
    [`${strip}`, file, ...failing.slice(0, 10)],
    index,
    host,
  );
  const answers = stdout.split("\n");
  const applied = new Set(failing.filter((_, at) => answers[at] === "yes"));
  const told: ApplyProblem[] = [];
  for (const problem of problems) {
    if (!("file" in problem) || !applied.has(problem.file)) told.push(problem);
    else if (!told.some((one) => one.kind === "applied" && one.file === problem.file)) {
      told.push({ kind: "applied", file: problem.file });
    }
  }
  const details: string[] = [];
  for (const problem of told.slice(0, 4)) {
    if (problem.kind !== "hunk") continue;
    const { code, stdout } = await script('git cat-file -p ":$1"', [problem.file], index, host);
    details.push(showHunk(problem, facts, strip, code === 0 ? stdout : null));
  }
  const detail = details.filter(Boolean).join("\n") || log.trim().split("\n").slice(-15).join("\n");
  return new KmatrixError(
    "patch",
    "does-not-apply",
    describeProblems(patchName(patch), told),
    detail,
    {
      kind: "patch",
      patch: patchName(patch),
      problems: told.map((one) => ({ kind: one.kind, file: "file" in one ? one.file : null })),
    },
  );
}
