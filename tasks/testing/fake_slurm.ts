// SPDX-License-Identifier: MIT
/** Slurm's commands for a fake host: what they answer is set by a test, job by job. */
import { EVENTS_FILE, EXIT_FILE } from "../core/cluster/slurm.ts";
import { isOver } from "../core/cluster/slurm.ts";
import { eventLine, headerLine, type RunEvent } from "../core/model/run_event.ts";
import type { Command, CommandResult } from "../host/host.ts";

interface FakeJob {
  job: number;
  state: string;
  node: string;
  reason: string;
}

const AWAY = { code: 1, stderr: "slurm_load_jobs error: Socket timed out on send/recv operation" };

export class FakeSlurm {
  /** Folder of the shards. */
  readonly folder: string;
  /** By the number of the shard. */
  readonly jobs = new Map<number, FakeJob>();
  /** No command of it is answered. */
  isAway = false;
  /** What sbatch answers, before it works; each is used once. */
  readonly troubles: (Partial<CommandResult> & { readonly taken?: boolean })[] = [];
  submissions = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  answer = (command: Command): Partial<CommandResult> | undefined => {
    const [program, ...words] = command.argv;
    if (program === "sbatch") return this.#submit(words);
    if (this.isAway) return AWAY;
    if (program === "squeue") return { stdout: this.#queue(words.includes("--states=all")) };
    for (const job of this.jobs.values()) if (!isOver(job.state)) job.state = "CANCELLED";
    return {};
  };

  /** A job's state, reason and node from now on. */
  set(index: number, state: string, more: Partial<FakeJob> = {}): void {
    const job = this.jobs.get(index)!;
    Object.assign(job, { state, reason: "None", node: "node1", ...more });
  }

  /** What a job writes: events of its attempt, and how it ended. */
  async write(
    shard: string,
    attempt: string,
    events: readonly RunEvent[],
    code: number | null,
  ): Promise<void> {
    const folder = `${this.folder}/${shard}/${attempt}`;
    await Deno.mkdir(`${folder}/run`, { recursive: true });
    const lines = events.map((event, at) => eventLine(event, at + 1, 0));
    await Deno.writeTextFile(`${folder}/${EVENTS_FILE}`, [headerLine(0), ...lines].join(""));
    await Deno.writeTextFile(`${folder}/run/run.json`, "{}");
    await Deno.symlink("run", `${folder}/latest`).catch(() => {});
    if (code !== null) await Deno.writeTextFile(`${folder}/${EXIT_FILE}`, `${code}\n`);
  }

  #submit(words: readonly string[]): Partial<CommandResult> {
    const trouble = this.troubles.shift();
    if (trouble && !trouble.taken) return trouble;
    if (this.isAway) return AWAY;
    const job = 10 + this.submissions++;
    const ranges = words.find((word) => word.startsWith("--array="))!.slice("--array=".length);
    for (const range of ranges.split(",")) {
      const [from, to = from] = range.split("-").map(Number);
      for (let index = from!; index <= to!; index++) {
        this.jobs.set(index, { job, state: "PENDING", node: "", reason: "Priority" });
      }
    }
    return trouble ?? { stdout: `${job}\n` };
  }

  #queue(all: boolean): string {
    const listed = [...this.jobs].filter(([, { state }]) => all || !isOver(state));
    return listed.map(([index, { job, state, node, reason }]) =>
      `${job}|${index}|${state}|${node}|${reason}\n`
    ).join("");
  }
}
