// SPDX-License-Identifier: MIT
/**
 * One cell's way through the stages, for every command that takes it: fetch, patch, configure,
 * build, inspect, pack, boot, parse. Which cells go it, when, and what a failure means for others is
 * the caller's: run/pipeline.ts for whole plans, run/one_cell.ts for a cell that is booted as often as a
 * command likes.
 */
import { archOf } from "../core/arch/table.ts";
import type { Held, Host } from "../host/host.ts";
import { type Paths, RECORDINGS } from "../core/model/paths.ts";
import type {
  Accel,
  BootRecord,
  Cell,
  CellResult,
  Feature,
  Initramfs,
  Inspection,
  KernelBuild,
  KernelConfig,
  KernelSpec,
  Machine,
  Plan,
  Session,
  SourceArchive,
  SourceTree,
  Stage,
  TraceRequest,
} from "../core/model/model.ts";
import { machineNotice } from "../core/boot/demands.ts";
import { machineOf } from "../steps/kernel_machine.ts";
import { isTiny } from "../core/build/config_base.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { bootTimes, limitClass, limitsFor } from "../core/model/limits.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { fetch } from "../stages/fetch.ts";
import { configure, identifyBuild } from "../stages/configure.ts";
import { build } from "../stages/build.ts";
import { callFiles, inspect } from "../stages/inspect.ts";
import { pack } from "../stages/pack.ts";
import { chooseAccel } from "../steps/accel.ts";
import { attend, type AttendOptions, boot, type BootInput } from "../stages/boot.ts";
import { recallBoot, rememberBoot } from "../steps/job_times.ts";
import { parse } from "../stages/parse.ts";
import { bootLock, buildLock, hold } from "../steps/locks.ts";
import { type HeldTree, holdTree } from "./held_tree.ts";
import { tellSplats } from "./telling.ts";
import { keepGuestSources } from "../steps/guest_sources.ts";
import { symbolizeFrames } from "../steps/symbolize.ts";

/** What each stage gives. */
export interface StageValues {
  readonly fetch: SourceArchive;
  readonly patch: SourceTree;
  readonly configure: KernelConfig;
  readonly build: KernelBuild;
  readonly inspect: Inspection;
  readonly pack: Initramfs;
  readonly boot: BootRecord;
  readonly parse: CellResult;
}

/**
 * Runs the body of one stage and keeps what came of it; what it throws ends the cell's way.
 * `key` is the build that the stage is about.
 */
export type RunStage = <S extends Stage>(
  stage: S,
  body: () => Promise<StageValues[S]>,
  key?: string | null,
) => Promise<StageValues[S]>;

/** What a caller wants to know on the way to a kernel that can be booted. */
export interface Looks {
  /** Told before anything is compiled; what it throws ends the cell's way. */
  readonly onConfigured?: (config: KernelConfig) => void;
  /** Where it is given, a kernel that is not instrumented as asked is ready too; told why. */
  readonly onUninspected?: (failure: KmatrixError) => void;
}

/** A kernel that is built and a guest that is packed. */
export interface ReadyKernel {
  readonly kernel: KernelBuild;
  readonly initramfs: Initramfs;
  /** The build folder stays as it is until this is released. */
  readonly use: Held;
}

/** The same for one of the cells that share it. */
export interface ReadyCell extends ReadyKernel {
  readonly cell: Cell;
  /** What the guest is told that it can expect. */
  readonly features: readonly Feature[];
}

export interface BootRequest {
  /** Folder for the recordings. */
  readonly dir: string;
  /** Globs over test ids; empty for all. */
  readonly filter: readonly string[];
  readonly cover?: TraceRequest | undefined;
  readonly session?: Session | undefined;
}

/** One boot, and what its recordings say. */
export interface Booted {
  readonly record: BootRecord;
  readonly result: CellResult;
}

export class CellStages {
  readonly #plan: Plan;
  readonly #paths: Paths;
  readonly #host: Host;
  #accel: Accel | null = null;
  #choosing: Promise<Accel> | null = null;
  /** Cells whose machine is another one than the matrix says. */
  readonly #told = new Set<string>();
  readonly #trees: HeldTree[] = [];

  /** @param plan Its settings, --kconfig-add and lists of what is known hold; not its cells. */
  constructor(plan: Plan, paths: Paths, host: Host) {
    this.#plan = plan;
    this.#paths = paths;
    this.#host = host;
  }

  /** What guests run on; null before the first boot. */
  get accel(): Accel | null {
    return this.#accel;
  }

  /** Is held until {@linkcode releaseTrees}. @throws KmatrixError as fetch and patch do. */
  async source(kernel: KernelSpec, run: RunStage): Promise<SourceTree> {
    const archive = await run("fetch", () => fetch(kernel, ...this.#tools));
    const { version } = archive;
    this.#host.emit({ event: "kernel-found", kernel: kernel.id, version });
    return await run("patch", async () => {
      const held = await holdTree(archive, kernel, ...this.#tools);
      this.#trees.push(held);
      return held.source;
    });
  }

  /** Others may write the trees from now on. @param kernel Of one kernel; all without it. */
  releaseTrees(kernel?: string): void {
    for (const tree of this.#trees) {
      if (kernel === undefined || tree.source.kernelId === kernel) tree.release();
    }
  }

  /**
   * @param cell One of those that share the build; what is ready is to be released.
   * @throws KmatrixError as configure, build, inspect and pack do.
   */
  async ready(
    cell: Cell,
    source: SourceTree,
    run: RunStage,
    looks: Looks = {},
  ): Promise<ReadyKernel> {
    const { kernel, use } = await this.#built(cell, source, run, looks);
    try {
      const initramfs = await run("pack", () => pack(cell.toolchain, ...this.#tools));
      return { kernel, initramfs, use };
    } catch (error) {
      use.release();
      throw error;
    }
  }

  /** Makes what is not made yet while no other run does so in the same folder, then shares that. */
  async #built(
    cell: Cell,
    source: SourceTree,
    run: RunStage,
    { onConfigured, onUninspected }: Looks,
  ): Promise<Omit<ReadyKernel, "initramfs">> {
    const plan = this.#plan;
    let making: Held | null = null;
    try {
      const config = await run("configure", async () => {
        const { make } = await identifyBuild(source, cell, plan, ...this.#tools);
        making = await hold(buildLock(make.buildDir), this.#host);
        return await configure(source, cell, plan, ...this.#tools);
      });
      onConfigured?.(config);
      const { key } = config;
      const kernel = await run("build", () => build(config, plan.settings, ...this.#tools), key);
      const { compiled, objects, durationMs } = kernel;
      this.#host.emit({ event: "kernel-built", key, compiled, objects, durationMs });
      try {
        await run("inspect", () => inspect(kernel, allowedOf(cell), ...this.#tools), key);
      } catch (error) {
        const inspected = error instanceof KmatrixError && error.kind === "inspect";
        if (!onUninspected || !inspected) throw error;
        onUninspected(error);
      }
      // Nobody changes the folder who does not hold the other lock.
      return { kernel, use: await hold(bootLock(config.buildDir), this.#host) };
    } finally {
      (making as Held | null)?.release();
    }
  }

  /**
   * Boots once and judges the recordings; what the guest does is in the result, never thrown.
   * @throws KmatrixError "infra" where the recordings cannot be kept, "interrupted".
   */
  async boot(ready: ReadyCell, request: BootRequest, run: RunStage): Promise<Booted> {
    const record = await run("boot", async () => {
      const record = await boot(await this.#input(ready, request), this.#host);
      this.#stopIfBrokenOff();
      return record;
    });
    const result = await run("parse", () => this.#judge(ready, request, record));
    tellSplats(ready.cell.id, request.dir, result, this.#host);
    return { record, result };
  }

  /** Boots with the user's terminal as the console; gives QEMU's exit code. */
  async attend(ready: ReadyCell, request: BootRequest, options: AttendOptions): Promise<number> {
    return await attend(await this.#input(ready, request), options, this.#host);
  }

  async #input(ready: ReadyCell, request: BootRequest): Promise<BootInput> {
    const { cell, kernel, initramfs, features } = ready;
    const guest = {
      ...filesOf(kernel),
      calls: callFiles(kernel),
      selftests: kernel.selftests,
      initramfs,
      machine: await this.#machine(cell, kernel),
    };
    const slowness = kernel.config.demands?.slowness;
    const { settings } = this.#plan;
    // Once for all boots, unless it fails.
    const accel = this.#accel ?? await (this.#choosing ??= chooseAccel(
      settings.accel,
      archOf(cell.machine),
      (probe) => boot({ ...guest, ...probe }, this.#host),
      ...this.#tools,
    ).finally(() => this.#choosing = null));
    this.#accel = accel;
    const measured = await recallBoot(
      limitClass(accel, features, slowness),
      cell.id,
      ...this.#tools,
    );
    const limits = limitsFor(
      ...[accel, features, settings.timeoutSeconds, measured, slowness] as const,
    );
    const told = { cell: cell.id, base: cell.kernel.base, features, slowness };
    return { ...guest, ...told, accel, limits, ...request };
  }

  /** What differs from the matrix is said once a cell. */
  async #machine(cell: Cell, kernel: KernelBuild): Promise<Machine> {
    const taken = await machineOf(cell, kernel, this.#host);
    const notice = machineNotice(cell.machine, taken);
    if (notice !== null && !this.#told.has(cell.id)) {
      this.#told.add(cell.id);
      this.#host.log("notice", `${cell.id}: ${notice}`);
    }
    return taken;
  }

  async #judge(
    { cell, kernel, initramfs, features }: ReadyCell,
    { dir, cover }: BootRequest,
    record: BootRecord,
  ): Promise<CellResult> {
    const tests = cover === undefined ? initramfs.tests : await declaredTests(cover);
    await keepGuestSources(dir, initramfs.sourceMap, this.#host);
    const result = await parse(dir, tests, this.#host, {
      allow: this.#plan.matrix.splats,
      promises: this.#plan.matrix.promises,
      symbolize: (frames) =>
        symbolizeFrames(frames, filesOf(kernel), cell.toolchain, dir, this.#host),
    });
    if (result.splats.length > 0) {
      const text = `${JSON.stringify(result.splats, null, 2)}\n`;
      await this.#host.fs.writeText(`${dir}/${RECORDINGS.splats}`, text);
    }
    if (result.boot === null) {
      const kind = limitClass(record.accel, features, record.slowness);
      await rememberBoot(kind, cell.id, bootTimes(record), ...this.#tools);
    }
    return result;
  }

  #stopIfBrokenOff(): void {
    if (!this.#host.signal.aborted) return;
    throw new KmatrixError("interrupted", "interrupted", "the run was interrupted");
  }

  get #tools(): [Paths, Host] {
    return [this.#paths, this.#host];
  }
}

/** What a kernel may leave uninstrumented is listed for what our own fragments build of it. */
function allowedOf({ kernel, config }: Cell): Parameters<typeof inspect>[1] {
  if (isTiny(config)) return kernel;
  return { ...kernel, uninstrumented: null, mayHaveDeadGuards: true };
}

function filesOf({ vmlinux, image, modules, config }: KernelBuild) {
  return { vmlinux, image, modules: modules.map((name) => `${config.buildDir}/${name}`) };
}
