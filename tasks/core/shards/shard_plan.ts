// SPDX-License-Identifier: MIT
/** The plan of shards: which part of a matrix each of several machines builds, boots and judges. */
import * as v from "valibot";
import type { CellId } from "../model/plan.ts";
import type { Cell } from "../model/plan.ts";
import { KmatrixError } from "../model/errors.ts";
import { count, objectOf, type Shape, strings } from "../text/shape.ts";
import { assign, type Parcel } from "./assign.ts";
import { JOB_CPUS } from "./estimate.ts";

export const PLAN_SCHEMA = "kmatrix-plan/1";

/** Jobs that GitHub generates from one matrix of a workflow at most. */
export const MOST_SHARDS = 256;

/** How many shards: a number from 1, or as many as are worth their start. */
export type ShardCount = number | "auto";

/** A part of a plan, and what a job for it should have. */
export interface PlannedShard {
  /** From 1; what `--shard index/of` takes. */
  readonly index: number;
  readonly of: number;
  /** Letters, digits and dashes: legal as the name of a job, a file and an artifact anywhere. */
  readonly name: string;
  readonly artifact: string;
  /** Ids, those of the longest build first. */
  readonly cells: readonly string[];
  readonly estimatedSeconds: number;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** When a job for it may be given up. */
  readonly minutes: number;
}

export interface ShardPlan {
  readonly schema: typeof PLAN_SCHEMA;
  /** Of all that decides about the cells and their results, and of which shard has which, as hex. */
  readonly digest: string;
  /** All ids, in the order of the matrix. */
  readonly cells: readonly string[];
  /** The longest first. */
  readonly shards: readonly PlannedShard[];
  /** Words behind `matrix` by which each shard chooses from the same cells. */
  readonly arguments: readonly string[];
}

const plannedShardShape: Shape<PlannedShard> = objectOf<PlannedShard>()({
  index: v.pipe(count, v.minValue(1)),
  of: v.pipe(count, v.minValue(1)),
  name: v.string(),
  artifact: v.string(),
  cells: strings,
  estimatedSeconds: count,
  cpus: count,
  memoryMiB: count,
  minutes: count,
});

export const shardPlanShape: Shape<ShardPlan> = objectOf<ShardPlan>()({
  schema: v.literal(PLAN_SCHEMA),
  digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "no SHA-256 in hex")),
  cells: strings,
  shards: v.pipe(v.array(plannedShardShape), v.nonEmpty()),
  arguments: strings,
});

/** The cells of one build, and how long a job takes for them. */
export interface BuildCost {
  readonly cells: readonly Cell[];
  readonly seconds: number;
}

/** What is worth a job of its own, which has to be started and to get its tools. */
const WORTH_SECONDS = 600;

/** How many shards there are to be: never more than builds. */
function shardCount(wanted: ShardCount, builds: readonly BuildCost[]): number {
  if (wanted !== "auto") return Math.min(wanted, builds.length);
  const seconds = builds.map((build) => build.seconds);
  const all = seconds.reduce((sum, one) => sum + one, 0);
  // With more of them, the longest build would still take as long.
  const least = Math.max(WORTH_SECONDS, ...seconds);
  return Math.max(1, Math.min(Math.ceil(all / least), MOST_SHARDS, builds.length));
}

/**
 * Which shard has which builds: for each its number, from 0, and how many there are.
 * @throws KmatrixError "too-many-shards"
 */
export function dealBuilds(
  builds: readonly BuildCost[],
  wanted: ShardCount,
): { readonly of: number; readonly shards: readonly number[] } {
  if (wanted !== "auto" && wanted > MOST_SHARDS) {
    const text = `${wanted} shards are more than ${MOST_SHARDS}`;
    const hint = `No more jobs come out of one matrix of a workflow; give ${MOST_SHARDS} or fewer.`;
    throw new KmatrixError("usage", "too-many-shards", text, hint);
  }
  const of = shardCount(wanted, builds);
  const parcels = builds.map(({ cells, seconds }): Parcel => ({
    // The first cell's own id would be another one where only the order of the matrix changes.
    name: `${cells[0]!.kernel.id} ${cells[0]!.config.id} ${cells[0]!.toolchain.id}`,
    cost: Math.max(1, seconds),
  }));
  return { of, shards: assign(parcels, of) };
}

/** For the link of vmlinux, and for each compiler beside others. */
const LINK_MIB = 2048;
const COMPILER_MIB = 512;
/** Estimates are of one kind of machine; a job that hangs is to end all the same. */
const LEAST_MINUTES = 30;
const SLOWER = 4;
/** GitHub ends jobs on its own machines after six hours. */
const MOST_MINUTES = 360;

/** A part of a plan. @param index From 1. */
export function plannedShard(
  index: number,
  of: number,
  builds: readonly BuildCost[],
): PlannedShard {
  const longest = builds.toSorted((a, b) => b.seconds - a.seconds);
  const cells = longest.flatMap((build) => build.cells);
  const seconds = builds.reduce((sum, build) => sum + build.seconds, 0);
  const name = `shard-${`${index}`.padStart(Math.max(2, `${of}`.length), "0")}`;
  const cpus = Math.max(JOB_CPUS, ...cells.map(({ machine }) => machine.cpus));
  const guest = Math.max(...cells.map(({ machine }) => machine.memoryMiB));
  const minutes = LEAST_MINUTES + Math.ceil(SLOWER * seconds / 60);
  return {
    ...{ index, of, name, artifact: `kmatrix-${name}` },
    cells: cells.map(({ id }) => id),
    estimatedSeconds: Math.ceil(seconds),
    ...{ cpus, memoryMiB: LINK_MIB + COMPILER_MIB * cpus + guest },
    minutes: Math.min(MOST_MINUTES, minutes),
  };
}

/** Ids of each shard by its index, the first at 0; those of one shard in the plan's order. */
export function cellsByShard({ cells, shards }: Pick<ShardPlan, "cells" | "shards">): CellId[][] {
  const place = new Map(cells.map((id, index) => [id, index]));
  const order = (a: string, b: string) => place.get(a)! - place.get(b)!;
  const sorted = shards.toSorted((a, b) => a.index - b.index);
  return sorted.map((shard) => shard.cells.toSorted(order) as CellId[]);
}

/** How a plan is printed, by the word for it. */
export const SHARD_FORMATS = {
  json: (plan: ShardPlan) => JSON.stringify(plan, null, 2),
  /** One line: an output of a job, which `fromJSON` makes the matrix of another one. */
  github: ({ shards }: ShardPlan) => JSON.stringify({ include: shards }),
} as const satisfies Readonly<Record<string, (plan: ShardPlan) => string>>;

export type ShardFormat = keyof typeof SHARD_FORMATS;
