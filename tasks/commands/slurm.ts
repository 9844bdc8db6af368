// SPDX-License-Identifier: MIT
/** Shards of a plan as jobs of Slurm: the script that `plan --format slurm` prints. */
import { type JobArray, jobScript, slurmWord } from "../core/cluster/slurm.ts";
import { decidingVariables } from "../core/model/environment.ts";
import type { ShardPlan } from "../core/shards/shard_plan.ts";
import type { Host } from "../host/host.ts";
import type { Context } from "./context.ts";

/** What a node has to be told: also where the cache is, which may be a disk of its own. */
function variablesFor(host: Host): Record<string, string> {
  const places = ["O", "KMATRIX_CACHE", "ARCH"].flatMap((name) => {
    const value = host.env(name);
    return value ? [[name, value]] : [];
  });
  return { ...Object.fromEntries(places), ...decidingVariables(host.env) };
}

/** The jobs of an array have all what the largest of them needs. */
function arrayOf(
  { shards }: ShardPlan,
  options: readonly string[],
  more: Pick<JobArray, "name" | "log">,
): JobArray {
  const most = (figure: "cpus" | "memoryMiB" | "minutes") =>
    Math.max(...shards.map((shard) => shard[figure]));
  return {
    ...more,
    indexes: shards.map(({ index }) => index),
    ...{ cpus: most("cpus"), memoryMiB: most("memoryMiB"), minutes: most("minutes") },
    more: options.map(slurmWord),
  };
}

/**
 * A script for sbatch that is submitted by hand. @param words Behind `matrix`.
 * @throws KmatrixError "usage" (bad-slurm-arg)
 */
export function scriptToSubmit(
  plan: ShardPlan,
  words: readonly string[],
  options: readonly string[],
  { calledAs, host }: Context,
): string {
  const name = `kmatrix-${plan.digest.slice(0, 8)}`;
  return jobScript({
    array: arrayOf(plan, options, { name, log: null }),
    ...{ of: plan.shards.length, digest: plan.digest, kmatrix: calledAs.argv, words },
    ...{ folder: null, variables: variablesFor(host), shards: `$SLURM_SUBMIT_DIR/${name}` },
  }).trimEnd();
}
