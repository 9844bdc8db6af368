// SPDX-License-Identifier: MIT
/** Reads along and keeps the files of a run nearly as new as it is, for whoever looks, or kills it. */
import type { RunReport } from "../core/model/model.ts";
import { failureFrom } from "../core/model/errors.ts";
import type { RunEvent } from "../core/model/run_event.ts";
import type { Host } from "../host/host.ts";

/** Whether an event changes what the report of a run says of a cell. */
function changesReport({ event }: RunEvent): boolean {
  return event === "cells-planned" || event === "boot-judged" || event === "cell-ended";
}

/**
 * After a write it rests this many times as long as that took: of a run with hundreds of cells a report
 * takes a second, and one behind each cell would take more time than the cells.
 */
const REST = 9;

export class ReportWriter {
  readonly #report: () => RunReport;
  readonly #write: (report: RunReport) => Promise<void>;
  readonly #host: Host;
  #stale = false;
  #writing: Promise<void> | null = null;
  /** Somebody waits for the end of writing. */
  #isHurried = false;
  /** Called, it ends a rest. */
  #hurry = () => {};

  /**
   * @param report What is known now.
   * @param write Puts it on disk; it is never called twice at once.
   */
  constructor(
    report: () => RunReport,
    write: (report: RunReport) => Promise<void>,
    host: Host,
  ) {
    this.#report = report;
    this.#write = write;
    this.#host = host;
  }

  /** Several changes during one write are one more write. */
  read = (event: RunEvent): void => {
    if (!changesReport(event)) return;
    this.#stale = true;
    this.#writing ??= this.#writeAll();
  };

  /** Resolves when everything that was read so far is on disk. */
  async settled(): Promise<void> {
    this.#isHurried = true;
    this.#hurry();
    while (this.#writing !== null) await this.#writing;
    this.#isHurried = false;
  }

  async #writeAll(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      const startedAt = this.#host.now();
      try {
        await this.#write(this.#report());
      } catch (error) {
        // The next change writes it, or the end of the run fails too.
        const { message } = failureFrom(error);
        this.#host.log("warn", `the report could not be written: ${message}`);
      }
      await this.#rest(REST * (this.#host.now() - startedAt));
    }
    this.#writing = null;
  }

  async #rest(ms: number): Promise<void> {
    if (ms <= 0 || this.#isHurried) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#hurry = resolve;
    await Promise.race([this.#host.sleep(ms), promise]);
  }
}
