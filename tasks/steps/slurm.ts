// SPDX-License-Identifier: MIT
/** Slurm as a tool: sends job arrays off, asks for them, cancels them. Codes decide, never words. */
import {
  clusterIn,
  type JobTask,
  scancelWords,
  squeueWords,
  type Submitted,
  submittedIn,
  tasksIn,
} from "../core/cluster/slurm.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { Command, CommandResult, Host } from "../host/host.ts";

/** Each of Slurm's commands gives up by itself before that, unless it hangs (MessageTimeout, 10 s). */
const ANSWER_MS = 60_000;
/** Before further tries to send jobs to a scheduler that does not answer. */
const BACK_OFF_MS = [5_000, 15_000, 30_000] as const;
/** What sbatch ends with where it does not like its own options; it has not asked anybody then. */
const BAD_OPTIONS = 255;
const NOT_FOUND = 127;

/** Variables by which sbatch would do something else than its words say (sbatch(1), "INPUT ENVIRONMENT VARIABLES"). */
const MISLEADING = ["SBATCH_ARRAY_INX", "SBATCH_WAIT", "SBATCH_JOB_NAME", "SBATCH_ERROR"];
/** Those of squeue and scancel leave jobs out, or ask before they act; people set them for themselves. */
const FILTERS = /^(SQUEUE|SCANCEL)_/;

/**
 * Slurm tells users by their ids, so its commands run in no user namespace; and with the caller's
 * whole environment, as the jobs do.
 */
async function ask(
  argv: readonly string[],
  host: Host,
  more: Partial<Command> = {},
): Promise<CommandResult> {
  const filters = Object.keys(host.environment()).filter((name) => FILTERS.test(name));
  const env = Object.fromEntries([...MISLEADING, ...filters].map((name) => [name, ""]));
  return await host.run({
    ...{ argv, env, reach: "whole", uncontained: true, timeoutMs: ANSWER_MS },
    ...more,
  });
}

const failed = ({ code, timedOut }: CommandResult) => timedOut || code !== 0;

/** "sbatch: error: …", or what else is known of a failed command. */
function wordsOf({ argv, stderr, stdout, code, timedOut }: CommandResult): string {
  if (timedOut) return `${argv[0]} gave no answer in ${ANSWER_MS / 1000} s`;
  return (stderr.trim() || stdout.trim() || `${argv[0]} ended with code ${code}`);
}

function notInstalled(program: string): KmatrixError {
  const text = `${program} is not on the PATH: Slurm's commands are not installed here`;
  const hint = "Run this where jobs are submitted (a login node), or leave --on out. " +
    "Debian: slurm-client.";
  return new KmatrixError("infra", "missing-tool", text, hint);
}

/** The jobs of a name; null where the scheduler does not answer. */
export async function jobsNamed(
  name: string,
  cluster: string | null,
  which: "all" | "live",
  host: Host,
  evenIfInterrupted = false,
): Promise<readonly JobTask[] | null> {
  const result = await ask(squeueWords(name, cluster, which), host, { evenIfInterrupted });
  return failed(result) ? null : tasksIn(result.stdout);
}

/**
 * Sends an array off. An answer that did not come does not mean that there are no jobs: it is looked
 * for them by their name before another try.
 * @param script The job script's path.
 * @param known Whether there are jobs of that name already, which are not these.
 * @throws KmatrixError "missing-tool", "job-refused", "scheduler-away"
 */
export async function submit(
  name: string,
  options: readonly string[],
  script: string,
  known: (task: JobTask) => boolean,
  host: Host,
): Promise<Submitted> {
  const cluster = clusterIn(options);
  let refusals = 0;
  for (let tries = 0;; tries++) {
    // Where the scheduler starts jobs on this very machine, they have sbatch's environment.
    const result = await ask(["sbatch", "--parsable", ...options, script], host, {
      leavesChildren: true,
    });
    const submitted = failed(result) ? null : submittedIn(result.stdout);
    if (submitted !== null) return submitted;
    if (result.code === NOT_FOUND && await host.fs.which("sbatch") === null) {
      throw notInstalled("sbatch");
    }
    if (host.signal.aborted) throw new KmatrixError("interrupted", "interrupted", "interrupted");
    if (result.code === BAD_OPTIONS) throw refused(result);
    const jobs = await jobsNamed(name, cluster, "live", host);
    const found = jobs?.find((task) => !known(task));
    if (found !== undefined) return { job: found.job, cluster };
    // It was away for a moment, or means it.
    if (jobs !== null && ++refusals > 1) throw refused(result);
    const waitMs = BACK_OFF_MS[tries];
    if (waitMs === undefined) throw away(result);
    const trouble = wordsOf(result).split("\n").at(-1);
    host.log("warn", `sbatch failed (${trouble}); it is tried again in ${waitMs / 1000} s`);
    await host.sleep(waitMs);
  }
}

function refused(result: CommandResult): KmatrixError {
  const text = "Slurm refuses the jobs";
  const hint =
    "What it says stands above; --slurm-arg gives it a partition, an account, less memory.";
  return new KmatrixError("usage", "job-refused", text, `${wordsOf(result)}\n${hint}`);
}

function away(result: CommandResult): KmatrixError {
  const text = "Slurm's scheduler does not answer: nothing was submitted";
  const hint = "`scontrol ping` tells whether it is there.";
  return new KmatrixError("infra", "scheduler-away", text, `${wordsOf(result)}\n${hint}`);
}

/** @returns Whether the scheduler has taken it. */
export async function cancel(name: string, cluster: string | null, host: Host): Promise<boolean> {
  const result = await ask(scancelWords(name, cluster), host, { evenIfInterrupted: true });
  return !failed(result);
}
