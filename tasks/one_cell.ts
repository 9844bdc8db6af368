// SPDX-License-Identifier: MIT
/**
 * One cell made ready, then booted as often as a command likes: the same stages in the same order
 * as in pipeline.ts, but the first failure is thrown, and boots are the caller's to start.
 */
import type { Host } from "./host/host.ts";
import type { Paths } from "./paths.ts";
import type {
  Accel,
  Cell,
  CellResult,
  CoverRequest,
  Feature,
  Initramfs,
  KernelBuild,
  Plan,
  Session,
  SourceTree,
} from "./model.ts";
import { KmatrixError } from "./errors.ts";
import { guestFeatures } from "./formats/guest_layout.ts";
import { limitsFor } from "./formats/limits.ts";
import { declaredTests } from "../selftests/main.ts";
import { fetch } from "./stages/fetch.ts";
import { patch } from "./stages/patch.ts";
import { configure } from "./stages/configure.ts";
import { build } from "./stages/build.ts";
import { inspect } from "./stages/inspect.ts";
import { pack } from "./stages/pack.ts";
import { chooseAccel } from "./stages/accel.ts";
import { attend, type AttendOptions, boot } from "./stages/boot.ts";
import { parse } from "./stages/parse.ts";

/** A kernel that is built and a guest that is packed. */
export interface ReadyCell {
  readonly cell: Cell;
  readonly kernel: KernelBuild;
  readonly initramfs: Initramfs;
  /** What the guest is told that it can expect. */
  readonly features: readonly Feature[];
}

export interface OneBoot {
  /** Folder for the recordings. */
  readonly dir: string;
  /** Globs over test ids; empty for all. */
  readonly filter: readonly string[];
  readonly cover?: CoverRequest;
}

/** A boot that a person attends. */
export interface AttendedBoot extends AttendOptions {
  readonly dir: string;
  readonly filter: readonly string[];
  readonly session?: Session | undefined;
}

function guestOf({ cell, kernel, initramfs }: ReadyCell) {
  return {
    vmlinux: kernel.vmlinux,
    modules: kernel.modules.map((name) => `${kernel.config.buildDir}/${name}`),
    selftests: kernel.selftests,
    initramfs,
    machine: cell.machine,
  };
}

/** Body and lock: a kernel's tree and build folders belong to one run at a time. */
export function withKernelLock<T>(
  id: string,
  paths: Paths,
  host: Host,
  body: () => Promise<T>,
): Promise<T> {
  return host.fs.locked(
    `${paths.cache}/locks/kernel-${id}`,
    () => host.log("info", `another run is working on ${id}; waiting for it`),
    body,
  );
}

export class OneCell {
  readonly #plan: Plan;
  readonly #paths: Paths;
  readonly #host: Host;
  #accel: Accel | undefined;

  /** @param plan Its settings and --kconfig-add hold; which cells it has does not matter. */
  constructor(plan: Plan, paths: Paths, host: Host) {
    this.#plan = plan;
    this.#paths = paths;
    this.#host = host;
  }

  /** The source of a cell's kernel with its series. @throws KmatrixError as fetch and patch do. */
  async source(cell: Cell): Promise<SourceTree> {
    const archive = await this.#stage("fetch", cell, () => fetch(cell.kernel, ...this.#tools));
    return await this.#stage("patch", cell, () => patch(archive, cell.kernel, ...this.#tools));
  }

  /**
   * Configures, builds, inspects and packs.
   * @param onUninspected Where it is given, a kernel that is not instrumented as asked is ready too,
   *   and this is told why.
   * @throws KmatrixError as the stages do; "interrupted" where the run is broken off.
   */
  async ready(
    cell: Cell,
    source: SourceTree,
    onUninspected?: (failure: KmatrixError) => void,
  ): Promise<ReadyCell> {
    const plan = this.#plan;
    const config = await this.#stage(
      "configure",
      cell,
      () => configure(source, cell, plan, ...this.#tools),
    );
    const kernel = await this.#stage(
      "build",
      cell,
      () => build(config, plan.settings, ...this.#tools),
    );
    try {
      await this.#stage("inspect", cell, () => inspect(kernel, cell.kernel, ...this.#tools));
    } catch (error) {
      const inspected = error instanceof KmatrixError && error.kind === "inspect";
      if (!onUninspected || !inspected) throw error;
      onUninspected(error);
    }
    const initramfs = await this.#stage(
      "pack",
      cell,
      () => pack(cell.toolchain, ...this.#tools),
    );
    const features = await this.#promised(guestFeatures(kernel, cell.machine), source);
    return { cell, kernel, initramfs, features };
  }

  /** In the middle of a series the option for unique mode can be there, and its ioctl not yet. */
  async #promised(features: readonly Feature[], { path }: SourceTree): Promise<readonly Feature[]> {
    const header = await this.#host.fs.readTextIfAny(`${path}/include/uapi/linux/kcov.h`);
    const lacks = header !== null && !/\bKCOV_UNIQUE_ENABLE\b/.test(header);
    return lacks ? features.filter((feature) => feature !== "unique") : features;
  }

  /** Boots once and judges the recordings; what the guest does is in the result, never thrown. */
  async boot(ready: ReadyCell, request: OneBoot): Promise<CellResult> {
    const { cell, features } = ready;
    const guest = guestOf(ready);
    const { settings } = this.#plan;
    const accel = await this.#chosen(ready);
    await this.#stage("boot", cell, () =>
      boot({
        ...guest,
        cell: cell.id,
        accel,
        features,
        filter: request.filter,
        limits: limitsFor(accel, features, settings.timeoutSeconds),
        cover: request.cover,
        dir: request.dir,
      }, this.#host));
    return await parse(request.dir, declaredTests(request.cover), this.#host, {
      allow: this.#plan.matrix.splats,
    });
  }

  /** Boots with the user's terminal as the console; gives QEMU's exit code. */
  async attend(ready: ReadyCell, request: AttendedBoot): Promise<number> {
    const { cell, features } = ready;
    const { dir, filter, session, ...options } = request;
    const guest = guestOf(ready);
    const accel = await this.#chosen(ready);
    return await this.#stage("boot", cell, () =>
      attend(
        {
          ...guest,
          cell: cell.id,
          accel,
          features,
          filter,
          limits: limitsFor(accel, features, null),
          session,
          dir,
        },
        options,
        this.#host,
      ));
  }

  async #chosen(ready: ReadyCell): Promise<Accel> {
    const guest = guestOf(ready);
    this.#accel ??= await chooseAccel(
      this.#plan.settings.accel,
      (probe) => boot({ ...guest, ...probe }, this.#host),
      ...this.#tools,
    );
    return this.#accel;
  }

  get #tools(): [Paths, Host] {
    return [this.#paths, this.#host];
  }

  async #stage<T>(name: string, cell: Cell, body: () => Promise<T>): Promise<T> {
    this.#stopIfBrokenOff();
    this.#host.log("info", `${name} ${cell.id}`);
    try {
      return await body();
    } finally {
      this.#stopIfBrokenOff();
    }
  }

  #stopIfBrokenOff(): void {
    if (!this.#host.signal.aborted) return;
    throw new KmatrixError("interrupted", "interrupted", "the run was interrupted");
  }
}
