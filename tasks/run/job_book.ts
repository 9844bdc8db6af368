// SPDX-License-Identifier: MIT
/** What a run expects of its builds and boots, from what they took before; and what they take now. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Cell, Plan, SourceTree, Stage } from "../core/model/model.ts";
import { comesTo } from "../core/model/stage_table.ts";
import { groupByBuild } from "../core/matrix/plan.ts";
import type { Build } from "../core/matrix/schedule.ts";
import { familyOf } from "../core/late/variant_options.ts";
import { renderFragment } from "../core/kconfig/kconfig.ts";
import { identifyBuild, requestOf } from "../stages/configure.ts";
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
    const groups = [];
    for (const group of groupByBuild(this.#plan.cells)) {
      const times = await recallTimes(group[0]!, cores, this.#paths, this.#host);
      groups.push({ group, times, family: await this.#familyOf(group[0]!) });
    }
    // Of a family, the longest pays: it would be the first anyway.
    groups.sort((one, other) => other.times.buildMs - one.times.buildMs);
    const families = new Set<string>();
    for (const { group, times, family } of groups) {
      const job: Build = {
        kind: "build",
        expectedMs: times.buildMs,
        ...(family === null ? {} : { family: { name: family, leads: !families.has(family) } }),
        boots: group.map(({ machine }) => ({
          kind: "boot",
          expectedMs: boots ? times.bootMs : 0,
          cpus: Math.min(machine.cpus, cores),
        })),
      };
      if (family !== null) families.add(family);
      this.#jobs.set(group[0]!.id, job);
      this.#schedule.announce(job);
    }
  }

  /**
   * Cells that share a name share what late instrumentation shares, with or without a series; null for
   * a cell that shares nothing.
   */
  async #familyOf(cell: Cell): Promise<string | null> {
    const { config, kernel, toolchain } = cell;
    try {
      const request = await requestOf(cell, this.#plan.kconfigAdd, this.#paths, this.#host);
      const family = familyOf(renderFragment(request));
      const common = [kernel.source, toolchain.id, config.base ?? null, family];
      return family === null ? null : JSON.stringify(common);
    } catch {
      // Configuring it will say what is wrong.
      return null;
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
