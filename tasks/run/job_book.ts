// SPDX-License-Identifier: MIT
/** What a run expects of its builds and boots, from what they took before; and what they take now. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Cell, Plan, SourceTree, Stage } from "../core/model/model.ts";
import { comesTo } from "../core/model/stage_table.ts";
import { groupByBuild } from "../core/matrix/plan.ts";
import type { Build } from "../core/matrix/schedule.ts";
import { identifyBuild } from "../stages/configure.ts";
import { isBuilt } from "../steps/build_store.ts";
import { recallTimes, rememberTimes } from "../steps/job_times.ts";
import type { Schedule } from "./schedule.ts";

export class JobBook {
  readonly #plan: Plan;
  readonly #schedule: Schedule;
  readonly #paths: Paths;
  readonly #host: Host;
  /** By the first cell of each build. */
  readonly #jobs = new Map<string, Build>();

  constructor(plan: Plan, schedule: Schedule, paths: Paths, host: Host) {
    this.#plan = plan;
    this.#schedule = schedule;
    this.#paths = paths;
    this.#host = host;
  }

  /** Tells the schedule of every build and its boots. */
  async announce(until: Stage): Promise<void> {
    const cores = this.#plan.settings.jobs;
    const boots = comesTo("boot", until);
    const families = new Set<string>();
    for (const group of groupByBuild(this.#plan.cells)) {
      const name = familyName(group[0]!);
      const times = await recallTimes(group[0]!, cores, this.#paths, this.#host);
      const job: Build = {
        kind: "build",
        expectedMs: times.buildMs,
        family: { name, leads: !families.has(name) },
        boots: group.map(({ machine }) => ({
          kind: "boot",
          expectedMs: boots ? times.bootMs : 0,
          cpus: Math.min(machine.cpus, cores),
        })),
      };
      families.add(name);
      this.#jobs.set(group[0]!.id, job);
      this.#schedule.announce(job);
    }
  }

  /** The job of a build, now that its source is there: what is built already takes no time. */
  async jobOf(source: SourceTree, cell: Cell): Promise<Build> {
    const job = this.#jobs.get(cell.id)!;
    this.#schedule.withdraw(job);
    try {
      const place = await identifyBuild(source, cell, this.#plan, this.#paths, this.#host);
      const { key, inputs, make: { buildDir } } = place;
      const built = await isBuilt({ key, buildDir, source, inputs }, this.#host);
      return built && !this.#plan.settings.freshBuild ? { ...job, expectedMs: 0 } : job;
    } catch {
      // Configuring it will say what is wrong.
      return job;
    }
  }

  /** What will not come any more. @param cells The first of each build. */
  withdraw(cells: readonly Cell[]): void {
    for (const { id } of cells) this.#schedule.withdraw(this.#jobs.get(id)!);
  }

  /** For the next run; what is not remembered is guessed then. */
  async remember(cell: Cell, times: Parameters<typeof rememberTimes>[1]): Promise<void> {
    await rememberTimes(cell, times, this.#paths, this.#host).catch(() => {});
  }
}

/**
 * Cells of one source and toolchain, with or without a series, share what late instrumentation shares,
 * if their fragments allow it; which of these do is for the compiler to find out.
 */
function familyName({ kernel, toolchain }: Cell): string {
  return JSON.stringify([kernel.source, toolchain.id]);
}
