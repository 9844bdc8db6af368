// SPDX-License-Identifier: MIT
/**
 * Slurm's commands as words, and what their answers say (sbatch(1), squeue(1), scancel(1)). All
 * questions are by a name that no other job has: of an id that is forgotten, squeue says the same as
 * of a scheduler that is away, code 1; of a name without jobs it answers with code 0 and no line.
 */
import { KmatrixError } from "../model/errors.ts";
import { quoteWord } from "../text/shell.ts";

/** Shards that go to the scheduler together. */
export interface JobArray {
  /** No other jobs have it. */
  readonly name: string;
  /** Numbers of the shards, from 1. */
  readonly indexes: readonly number[];
  /** Of each job; those of an array have all the same. */
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly minutes: number;
  /** Of what the job script prints; `%a` of its name is the number of the shard. null for Slurm's own. */
  readonly log: { readonly folder: string; readonly name: string } | null;
  /** Options of the user's, a word each, as slurmWord() gives them. */
  readonly more: readonly string[];
}

/** "1-4,7" */
export function indexRanges(indexes: readonly number[]): string {
  const sorted = indexes.toSorted((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const index of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && index <= last[1] + 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(",");
}

/** Words of sbatch, and of the `#SBATCH` lines. The user's come last, for the last one holds. */
export function sbatchOptions(
  { name, indexes, cpus, memoryMiB, minutes, log, more }: JobArray,
): string[] {
  return [
    `--job-name=${name}`,
    `--array=${indexRanges(indexes)}`,
    "--nodes=1",
    "--ntasks=1",
    `--cpus-per-task=${cpus}`,
    `--mem=${memoryMiB}M`,
    `--time=${minutes}`,
    // A node that dies or a preemption puts the job back into the queue.
    "--requeue",
    "--open-mode=append",
    // A percent sign of the folder's own is doubled (sbatch(1), "FILENAME PATTERN").
    ...(log === null ? [] : [`--output=${log.folder.replaceAll("%", "%%")}/${log.name}`]),
    ...more,
  ];
}

/** What kmatrix itself has to say to sbatch, or what would keep the array from being one. */
const OWN_OPTIONS: readonly string[] = [
  ...["--array", "--job-name", "--output", "--error", "--open-mode", "--parsable", "--wrap"],
  ...["--wait", "--test-only", "--no-requeue", "--requeue", "--nodes", "--ntasks", "--help"],
  ...["--usage", "--version", "--chdir", "--input", "--ignore-pbs"],
];
const OWN_LETTERS = "aJoeWNnhVDi";

/**
 * The word for sbatch of one --slurm-arg: `--partition=long`, `--partition long`, `-p long`.
 * @throws KmatrixError "usage" (bad-slurm-arg)
 */
export function slurmWord(text: string): string {
  const shown = JSON.stringify(text);
  const bad = (why: string, hint: string) =>
    new KmatrixError("usage", "bad-slurm-arg", `--slurm-arg ${shown}: ${why}`, hint);
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(text)) {
    throw bad("control characters are no part of an option", "Give one option of sbatch.");
  }
  const [, long, longValue] = /^(--[a-z][a-z0-9-]*)(?:[= ](.*))?$/.exec(text.trim()) ?? [];
  const [, short, shortValue] = /^(-[A-Za-z])(.*)$/.exec(text.trim()) ?? [];
  const name = long ?? short;
  if (name === undefined) {
    throw bad("no option of sbatch", "Write it as sbatch takes it: --slurm-arg=--partition=long");
  }
  if (isOwn(name)) throw bad(`kmatrix gives ${name} itself`, "Leave it out.");
  const value = (longValue ?? shortValue)?.trim();
  if (value === "" && long !== undefined) {
    throw bad(`${name} has no value`, "Is the variable that it is taken from set?");
  }
  if (!value) return name;
  return long === undefined ? `${name}${value}` : `${name}=${value}`;
}

/** sbatch takes any beginning of a long option that no other one has. */
function isOwn(name: string): boolean {
  if (!name.startsWith("--")) return OWN_LETTERS.includes(name[1]!);
  return OWN_OPTIONS.some((one) => one === name || (name.length > 4 && one.startsWith(name)));
}

/**
 * A word of an `#SBATCH` line. sbatch takes quotes off and reads a backslash as "the next one as it
 * is"; a `#` ends the line.
 */
function directiveWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./[\]-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, "\\$&")}"`;
}

export interface JobScript {
  readonly array: JobArray;
  /** Number of shards of the plan, and its digest. */
  readonly of: number;
  readonly digest: string;
  /** Words that start kmatrix. */
  readonly kmatrix: readonly string[];
  /** Words of `matrix` that choose the same cells on each node. */
  readonly words: readonly string[];
  /** Where it is started; null for the folder in which sbatch is called. */
  readonly folder: string | null;
  /** What decides about results and is said by the environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** A folder that all nodes see: of each shard one, and in it one of each attempt. */
  readonly shards: string;
}

/** Beside the events of an attempt: how it has ended. Written last, and in one step. */
export const EXIT_FILE = "exit-code";
export const EVENTS_FILE = "events.jsonl";

/**
 * The script of the array. Its attempts, of which there are several where a job is queued again, have
 * folders of their own: what a node that was given up still writes is in nobody's way.
 */
export function jobScript(script: JobScript): string {
  const { array, of, digest, kmatrix, words, folder, variables, shards } = script;
  const quoted = (text: string) => text.startsWith("$") ? text : quoteWord(text);
  const exports = Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoteWord(value)}`);
  const width = Math.max(2, `${of}`.length);
  return [
    "#!/bin/sh",
    ...sbatchOptions(array).map((word) => `#SBATCH ${directiveWord(word)}`),
    `# Shards of the plan ${digest}`,
    ...(folder === null ? [] : [`cd ${quoteWord(folder)} || exit 6`]),
    ...exports,
    `shard=$(printf 'shard-%0${width}d' "$SLURM_ARRAY_TASK_ID")`,
    `attempt=${quoted(shards)}/$shard/$SLURM_ARRAY_JOB_ID-\${SLURM_RESTART_COUNT:-0}`,
    'mkdir -p "$attempt" || exit 6',
    "# kmatrix gets these as well, and ends with a report.",
    "trap : TERM INT",
    [
      ...[...kmatrix, "matrix", ...words].map(quoteWord),
      `--shard "$SLURM_ARRAY_TASK_ID/${of}"`,
      `--jobs "\${SLURM_CPUS_PER_TASK:-${array.cpus}}"`,
      '--output-dir "$attempt"',
      `--events "$attempt/${EVENTS_FILE}"`,
      "--progress plain",
    ].join(" \\\n  "),
    "code=$?",
    `echo "$code" > "$attempt/${EXIT_FILE}.partial" &&`,
    `  mv "$attempt/${EXIT_FILE}.partial" "$attempt/${EXIT_FILE}"`,
    'exit "$code"',
    "",
  ].join("\n");
}

/** "12-0": of which submission, and how often the job was queued again; the newest comes last. */
export function attemptOrder(name: string): readonly [job: number, restart: number] | null {
  const match = /^(\d+)-(\d+)$/.exec(name);
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

/** The newest attempt of those folders; null for none. */
export function newestAttempt(names: readonly string[]): string | null {
  const order = (name: string) => attemptOrder(name) ?? [-1, -1];
  return names.filter((name) => attemptOrder(name) !== null).toSorted((a, b) => {
    const [[jobA, restartA], [jobB, restartB]] = [order(a), order(b)];
    return jobA - jobB || restartA - restartB;
  }).at(-1) ?? null;
}

/** The code in an exit file; null for one that is not whole. */
export function exitCodeIn(text: string | null): number | null {
  const match = /^(\d{1,3})\n$/.exec(text ?? "");
  return match === null ? null : Number(match[1]);
}

/** What sbatch --parsable prints: an id, and the cluster where it was told one. */
export interface Submitted {
  readonly job: number;
  readonly cluster: string | null;
}

export function submittedIn(stdout: string): Submitted | null {
  const match = /^(\d+)(?:;([\w.-]+))?$/m.exec(stdout);
  return match === null ? null : { job: Number(match[1]), cluster: match[2] ?? null };
}

/** The cluster that options of sbatch name; null for the default one. */
export function clusterIn(options: readonly string[]): string | null {
  const name = /^(?:--clusters=|-M)(.+)$/;
  return options.map((word) => name.exec(word)?.[1] ?? null).findLast((one) => one !== null) ??
    null;
}

/** A job of an array, as squeue tells of it. */
export interface JobTask {
  /** Of the array. */
  readonly job: number;
  readonly index: number;
  readonly state: string;
  /** Empty where it has none. */
  readonly node: string;
  /** Why it waits; "None" where it does not. */
  readonly reason: string;
}

const FIELDS = "%F|%K|%T|%N|%r";

/** @param which Jobs that are over stay known for a while (MinJobAge, 5 minutes unless configured). */
export function squeueWords(
  name: string,
  cluster: string | null,
  which: "all" | "live",
): string[] {
  return [
    ...["squeue", "--noheader", "--array", `--name=${name}`, `--format=${FIELDS}`],
    ...(which === "all" ? ["--states=all"] : []),
    ...(cluster === null ? [] : [`--clusters=${cluster}`]),
  ];
}

export function scancelWords(name: string, cluster: string | null): string[] {
  return ["scancel", `--name=${name}`, ...(cluster === null ? [] : [`--clusters=${cluster}`])];
}

/** Lines that are no job, as the heading of a cluster, are passed over. */
export function tasksIn(stdout: string): JobTask[] {
  return stdout.split("\n").flatMap((line) => {
    const match = /^(\d+)\|(\d+)\|([A-Z_]+)\|([^|]*)\|(.*)$/.exec(line.trim());
    if (match === null) return [];
    const [, job, index, state, node, reason] = match;
    return [{
      job: Number(job),
      index: Number(index),
      state: state!,
      node: node!,
      reason: reason!,
    }];
  });
}

/** Of each shard the job that was submitted last. */
export function newestTasks(tasks: readonly JobTask[]): Map<number, JobTask> {
  const newest = new Map<number, JobTask>();
  for (const task of tasks) {
    const known = newest.get(task.index);
    if (known === undefined || known.job < task.job) newest.set(task.index, task);
  }
  return newest;
}

/**
 * States from which a job does not come back by itself (squeue(1), "JOB STATE CODES"), and whether
 * the machinery ended it: then the same job is submitted once more. A person's scancel, a limit, a
 * script that has ended are no such reason. A state that is not in this table is one in which the job
 * is not over.
 */
const OVER: Readonly<Record<string, { readonly byMachinery: boolean; readonly means: string }>> = {
  BOOT_FAIL: { byMachinery: true, means: "its node did not boot" },
  CANCELLED: { byMachinery: false, means: "it was cancelled" },
  COMPLETED: { byMachinery: false, means: "its script has ended" },
  DEADLINE: { byMachinery: false, means: "its deadline came first" },
  FAILED: { byMachinery: false, means: "its script has failed" },
  NODE_FAIL: { byMachinery: true, means: "its node was lost" },
  OUT_OF_MEMORY: { byMachinery: false, means: "it needed more memory than it had" },
  PREEMPTED: { byMachinery: true, means: "another job took its node" },
  REVOKED: { byMachinery: false, means: "another cluster took it" },
  TIMEOUT: { byMachinery: false, means: "its time was over" },
};

export function isOver(state: string): boolean {
  return Object.hasOwn(OVER, state);
}

export function endedByMachinery(state: string): boolean {
  return isOver(state) && OVER[state]!.byMachinery;
}

/** "its node was lost (NODE_FAIL)" */
export function stateText(state: string): string {
  return isOver(state) ? `${OVER[state]!.means} (${state})` : `Slurm calls it ${state}`;
}

/** States in which the job computes, or is about to or has just done so. */
const ON_A_NODE: readonly string[] = [
  ...["RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"],
  "RESIZING",
];

export function isOnNode(state: string): boolean {
  return ON_A_NODE.includes(state);
}

/**
 * Reasons that no waiting ends (squeue(1), "JOB REASON CODES"; the last one is slurmctld's own). They
 * are said as warnings.
 */
const NEEDS_A_HAND: ReadonlySet<string> = new Set([
  ...["JobHeldUser", "JobHeldAdmin", "BadConstraints", "DependencyNeverSatisfied"],
  ...["InvalidAccount", "InvalidQOS", "AccountNotAllowed", "QOSNotAllowed", "AccountingPolicy"],
  ...["PartitionTimeLimit", "PartitionNodeLimit", "PartitionConfig", "PartitionInactive"],
  ...["PartitionDown", "AssocMaxWallDurationPerJobLimit", "QOSMaxWallDurationPerJobLimit"],
  ...["AssocMaxCpuPerJobLimit", "QOSMaxCpuPerJobLimit", "AssocMaxMemPerJob", "QOSMaxMemoryPerJob"],
  "launch failed requeued held",
]);
const HELD_STATES: readonly string[] = ["REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"];

export function needsAHand({ state, reason }: JobTask): boolean {
  return HELD_STATES.includes(state) || NEEDS_A_HAND.has(reason);
}
