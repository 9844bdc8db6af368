// SPDX-License-Identifier: MIT
/**
 * Shards as jobs of Slurm: one array, watched by its events in a folder that the nodes share with this
 * machine, and cancelled when the run ends in whatever way.
 */
import { TimeLeft } from "../core/cluster/shard_streams.ts";
import type { FoundWrong } from "../core/cluster/shard_streams.ts";
import { newestTasks, sbatchOptions, type Submitted } from "../core/cluster/slurm.ts";
import type { JobArray, JobTask } from "../core/cluster/slurm.ts";
import { type ShardEnd, ToldJob } from "../core/cluster/told_jobs.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { counted } from "../core/text/counted.ts";
import type { Host } from "../host/host.ts";
import { cancel, jobsNamed, submit } from "../steps/slurm.ts";
import { ShardFolder } from "../steps/shard_folder.ts";

/** A shard to be run. */
export interface SlurmShard {
  readonly index: number;
  readonly name: string;
  readonly cells: readonly string[];
}

export interface SlurmRun {
  readonly array: JobArray;
  readonly shards: readonly SlurmShard[];
  /** The job script's path. */
  readonly script: string;
  /** A folder that all nodes see; in it of each shard one. */
  readonly folder: string;
}

/** What has become of a shard. */
export interface SlurmResult {
  readonly shard: SlurmShard;
  readonly end: ShardEnd;
  /** Folder of the newest attempt's run; null where it has none. */
  readonly run: string | null;
  /** What earlier attempts have found wrong, which no later one makes good. */
  readonly found: readonly FoundWrong[];
}

/** How often files are looked at, and where nothing has come for half a minute. */
const LOOK_MS = 1_000;
const QUIET_LOOK_MS = 5_000;
const QUIET_MS = 30_000;
/** How often Slurm is asked: soon at first, then as seldom as its manual asks for. */
const ASK_MS = [1_000, 2_000, 4_000, 8_000, 15_000] as const;
/** How often it is asked while it does not answer. */
const ASK_AGAIN_MS = 5_000;
/** Without a word of the scheduler and of any shard for so long, nobody waits any more. */
const SILENT_MS = 900_000;
/** How long jobs that were cancelled may take; Slurm kills them KillWait (30 s) after SIGTERM. */
const ENDING_MS = 90_000;

/**
 * Submits an array and waits for its end. Interrupted, it cancels what runs, waits until it is gone,
 * and gives what there is.
 * @throws KmatrixError as submit()
 */
export async function runOnSlurm(run: SlurmRun, host: Host): Promise<SlurmResult[]> {
  const { array } = run;
  const options = sbatchOptions(array);
  let submitted: Submitted | null = null;
  try {
    submitted = await submit(array.name, options, run.script, () => false, host);
    const { job, cluster } = submitted;
    const jobs = `${counted(run.shards.length, "shard")} as job ${job}`;
    host.log("notice", `submitted ${jobs}; by hand: scancel --name=${array.name}`);
    return await new Watch(run, job, cluster, host).toTheEnd();
  } finally {
    await endJobs(array.name, submitted?.cluster ?? null, host);
  }
}

/** Nothing of the array stays in the queue: what is over on our side may be queued again on Slurm's. */
async function endJobs(name: string, cluster: string | null, host: Host): Promise<void> {
  const live = () => jobsNamed(name, cluster, "live", host, true);
  const left = await live();
  if (left?.length === 0) return;
  const taken = await cancel(name, cluster, host);
  const startedMs = host.now();
  for (let jobs = taken ? await live() : null; jobs?.length !== 0; jobs = await live()) {
    if (host.now() - startedMs >= ENDING_MS || !taken) {
      const text = "jobs could not be cancelled, for Slurm does not answer or does not end them";
      return host.log("warn", `${text}; by hand: scancel --name=${name}`);
    }
    await host.sleep(LOOK_MS, true);
  }
}

interface Watched {
  readonly shard: SlurmShard;
  readonly job: ToldJob;
  readonly folder: ShardFolder;
}

class Watch {
  readonly #run: SlurmRun;
  readonly #host: Host;
  readonly #cluster: string | null;
  readonly #watched: readonly Watched[];
  #asked = 0;
  #nextAskMs = 0;
  #answered = true;
  #isReadable = true;
  /** When anything was heard last, of the scheduler or of a shard. */
  #heardMs: number;
  /** When anything has changed last. */
  #movedMs: number;

  constructor(run: SlurmRun, job: number, cluster: string | null, host: Host) {
    this.#run = run;
    this.#host = host;
    this.#cluster = cluster;
    this.#heardMs = this.#movedMs = host.now();
    const left = new TimeLeft();
    this.#watched = run.shards.map((shard) => ({
      shard,
      job: new ToldJob(shard.name, shard.cells, job),
      folder: new ShardFolder(`${run.folder}/${shard.name}`, shard.name, left, host),
    }));
  }

  async toTheEnd(): Promise<SlurmResult[]> {
    const { signal } = this.#host;
    const isOpen = () => this.#watched.some(({ job }) => job.end === null);
    while (isOpen() && !signal.aborted) {
      await this.#ask();
      await this.#look();
      if (this.#host.now() - this.#heardMs >= SILENT_MS) {
        this.#giveUp("neither Slurm nor the shard has said anything for 15 minutes");
      }
      if (!isOpen()) break;
      const isQuiet = this.#host.now() - this.#movedMs >= QUIET_MS;
      await this.#host.sleep(isQuiet ? QUIET_LOOK_MS : LOOK_MS);
    }
    if (signal.aborted) await this.#breakOff();
    return await Promise.all(this.#watched.map(async ({ shard, job, folder }) => ({
      ...{ shard, end: job.end!, run: await folder.run(), found: folder.foundBefore },
    })));
  }

  async #ask(evenIfInterrupted = false): Promise<void> {
    const nowMs = this.#host.now();
    if (nowMs < this.#nextAskMs) return;
    this.#nextAskMs = nowMs + ASK_MS[Math.min(this.#asked++, ASK_MS.length - 1)]!;
    const { name } = this.#run.array;
    const jobs = await jobsNamed(name, this.#cluster, "all", this.#host, evenIfInterrupted);
    if (this.#host.signal.aborted && !evenIfInterrupted) return;
    if (jobs === null) {
      if (this.#answered) {
        this.#host.log("warn", "Slurm does not answer (squeue); what runs is watched by its files");
      }
      this.#answered = false;
      this.#nextAskMs = nowMs + ASK_AGAIN_MS;
      return;
    }
    if (!this.#answered) this.#host.log("notice", "Slurm answers again");
    this.#answered = true;
    this.#heardMs = this.#host.now();
    await this.#take(jobs);
  }

  async #take(jobs: readonly JobTask[]): Promise<void> {
    const tasks = newestTasks(jobs);
    for (const { shard, job, folder } of this.#watched) {
      for (const event of job.looked(tasks.get(shard.index), shard.index, this.#host.now())) {
        this.#changed();
        // Back in the queue, nothing of it goes on.
        if (event.change === "waiting") await this.#seen(folder, true);
        this.#host.emit(event);
      }
    }
  }

  async #look(): Promise<void> {
    for (const { shard, job, folder } of this.#watched) {
      if (job.end !== null) continue;
      const seen = await this.#seen(folder);
      if (seen === null) continue;
      if (seen.grown) this.#heardMs = this.#movedMs = this.#host.now();
      const { events, again } = job.decide(seen, shard.index, this.#answered, this.#host.now());
      // What it said before its end comes first.
      if (job.end !== null) await folder.close();
      for (const event of events) this.#host.emit(event);
      if (again) await this.#submitAgain(shard, job);
    }
  }

  /** null where the shared folder cannot be read, as a file server that is away makes it. */
  async #seen(
    folder: ShardFolder,
    isLast = false,
  ): Promise<Awaited<ReturnType<ShardFolder["look"]>> | null> {
    try {
      const seen = await folder.look();
      if (isLast) await folder.close();
      this.#isReadable = true;
      return seen;
    } catch (error) {
      // Whatever the system refuses has a code (ESTALE, EIO).
      if (!(error instanceof Error && "code" in error)) throw error;
      const text = `the folder of the shards cannot be read: ${error.message}`;
      if (this.#isReadable) this.#host.log("warn", text);
      this.#isReadable = false;
      return null;
    }
  }

  async #submitAgain(shard: SlurmShard, job: ToldJob): Promise<void> {
    const { array, script } = this.#run;
    const options = sbatchOptions({ ...array, indexes: [shard.index] });
    const isKnown = (task: JobTask) => task.index !== shard.index || task.job <= job.job;
    try {
      job.submitted((await submit(array.name, options, script, isKnown, this.#host)).job);
      this.#changed();
    } catch (error) {
      if (!(error instanceof KmatrixError) || error.kind === "interrupted") throw error;
      for (const event of job.giveUp(error.message, shard.index)) this.#host.emit(event);
    }
  }

  /** Something moves: what comes next may come soon. */
  #changed(): void {
    this.#asked = 0;
    this.#movedMs = this.#host.now();
    this.#nextAskMs = Math.min(this.#nextAskMs, this.#host.now() + ASK_MS[0]);
  }

  #giveUp(why: string): void {
    for (const { shard, job } of this.#watched) {
      for (const event of job.giveUp(why, shard.index)) this.#host.emit(event);
    }
  }

  /** What was running writes its report when it is told to end. */
  async #breakOff(): Promise<void> {
    this.#host.log("notice", `cancelling the jobs (scancel --name=${this.#run.array.name})`);
    await endJobs(this.#run.array.name, this.#cluster, this.#host);
    await this.#look();
    for (const { folder } of this.#watched) await folder.close();
    this.#giveUp("the run was broken off");
  }
}
