// SPDX-License-Identifier: MIT
/**
 * What starts next, and how long the rest will take. Builds share the cores in a few slots, the
 * longest first; boots go on beside them. All times in ms.
 */

export interface Build {
  readonly kind: "build";
  /** 0 where nothing is to be compiled. */
  readonly expectedMs: number;
  /** What is booted when it is built. */
  readonly boots: readonly Boot[];
  /** The builds that share compilations with it, if any. */
  readonly family?: Family;
}

/** Of builds that share, the first pays (docs/late-instrumentation.md): the others wait for it. */
export interface Family {
  readonly name: string;
  readonly leads: boolean;
}

export interface Boot {
  readonly kind: "boot";
  readonly expectedMs: number;
  /** Virtual CPUs. */
  readonly cpus: number;
}

export type Job = Build | Boot;

export interface Budget {
  readonly cores: number;
  /** One thing at a time, boots first: a failure is known before anything else starts. */
  readonly oneByOne: boolean;
}

/**
 * With fewer cores than this a build keeps all of them busy but for its link, which no second build
 * is worth; with more, it waits for single compilers and for objtool.
 */
const CORES_PER_BUILD = 4;

/** How many builds go on at once, and with how many jobs each. */
export function buildSlots({ cores, oneByOne }: Budget, builds: number) {
  const wanted = oneByOne ? 1 : Math.floor(cores / CORES_PER_BUILD);
  const slots = Math.max(1, Math.min(wanted, builds));
  return { slots, jobs: Math.ceil(cores / slots) };
}

/**
 * Which of the waiting jobs may start beside the running ones. Builds with nothing to compile come
 * first, for their boots then go on beside the others; behind them the longest, but none before or
 * beside the one that compiles what it shares. While there are builds,
 * boots get half of the cores: an emulated CPU keeps a whole one busy.
 * @param slots How many builds go on at once.
 */
export function startable<J extends Job>(
  waiting: readonly J[],
  running: readonly Job[],
  budget: Budget,
  slots: number,
): J[] {
  const now: Job[] = [...running];
  const starts: J[] = [];
  const start = (job: J) => {
    now.push(job);
    starts.push(job);
  };
  const building = [...running, ...waiting].some(({ kind }) => kind === "build");
  const cpus = building ? Math.max(1, Math.floor(budget.cores / 2)) : budget.cores;
  for (const job of waiting) {
    if (job.kind !== "boot") continue;
    const boots = now.filter((one) => one.kind === "boot");
    const used = boots.reduce((sum, one) => sum + one.cpus, 0);
    const fits = boots.length === 0 || used + job.cpus <= cpus;
    if (budget.oneByOne ? now.length === 0 : fits) start(job);
  }
  const all: readonly Job[] = [...running, ...waiting];
  const leaders = new Set(
    all.flatMap((job) =>
      job.kind === "build" && job.family?.leads && job.expectedMs > 0 ? [job.family.name] : []
    ),
  );
  // One at a time, any of them may be the first.
  const follows = (job: Job) =>
    slots > 1 && job.kind === "build" && job.family?.leads === false &&
    leaders.has(job.family.name);
  const builds = waiting.filter((job) =>
    job.kind === "build" && (job.expectedMs === 0 || !follows(job))
  );
  const quickFirst = (ms: number) => ms === 0 ? Infinity : ms;
  for (
    const job of builds.sort((a, b) => order(quickFirst(b.expectedMs), quickFirst(a.expectedMs)))
  ) {
    const busy = budget.oneByOne
      ? now.length > 0
      : now.filter(({ kind }) => kind === "build").length >= slots;
    if (!busy) start(job);
  }
  return starts;
}

/** For sort(): Infinity minus itself is no number. */
function order(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/**
 * How long it takes until everything is done, if each job takes as long as it is expected to.
 * Simulates the schedule; an overdue job counts as ending now.
 */
export function remainingMs(
  waiting: readonly Job[],
  running: readonly { readonly job: Job; readonly sinceMs: number }[],
  budget: Budget,
  slots: number,
): number {
  let queue = [...waiting];
  let active = running.map(({ job, sinceMs }) => ({
    job,
    leftMs: Math.max(0, job.expectedMs - sinceMs),
  }));
  let elapsedMs = 0;
  for (;;) {
    const starts = startable(queue, active.map(({ job }) => job), budget, slots);
    queue = queue.filter((job) => !starts.includes(job));
    active.push(...starts.map((job) => ({ job, leftMs: job.expectedMs })));
    if (active.length === 0) return elapsedMs;
    const stepMs = Math.min(...active.map(({ leftMs }) => leftMs));
    elapsedMs += stepMs;
    active = active.map(({ job, leftMs }) => ({ job, leftMs: leftMs - stepMs }));
    for (const { job } of active.filter(({ leftMs }) => leftMs <= 0)) {
      if (job.kind === "build") queue.push(...job.boots);
    }
    active = active.filter(({ leftMs }) => leftMs > 0);
  }
}

/** What is remembered of a build that compiled, and of its last boot. */
export interface JobTimes {
  readonly buildMs: number;
  readonly bootMs: number;
}

/** Of a cell of this project, with all the objects of its smallest kernel; nothing is known yet. */
const GUESSED_CPU_MS_PER_OBJECT = 450;
const GUESSED_OBJECTS = 600;
const GUESSED_BOOT_MS = 5000;

/**
 * What to expect of a build: what it took before, else what the others take on average, else a
 * guess from the number of objects.
 */
export function expectedTimes(
  own: JobTimes | null,
  others: readonly JobTimes[],
  cores: number,
): JobTimes {
  if (own) return own;
  if (others.length === 0) {
    const buildMs = GUESSED_OBJECTS * GUESSED_CPU_MS_PER_OBJECT / cores;
    return { buildMs, bootMs: GUESSED_BOOT_MS };
  }
  const mean = (key: keyof JobTimes) =>
    others.reduce((sum, one) => sum + one[key], 0) / others.length;
  return { buildMs: mean("buildMs"), bootMs: mean("bootMs") };
}

/**
 * What is kept of a build that has compiled: an edited file takes seconds, and says little of the
 * whole, so what is known shrinks slowly.
 */
export function learnedBuildMs(knownMs: number | null, tookMs: number): number {
  return Math.round(Math.max(tookMs, 0.8 * (knownMs ?? 0)));
}

/** "about 3 min left"; "" where it is too little to say. */
export function remainingText(ms: number): string {
  if (ms < 10_000) return "";
  return ms < 90_000
    ? `about ${Math.round(ms / 10_000) * 10} s left`
    : `about ${Math.round(ms / 60_000)} min left`;
}
