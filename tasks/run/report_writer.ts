// SPDX-License-Identifier: MIT
/** Reads along and keeps the files of a run as new as the run is, for whoever looks, or kills it. */
import type { RunReport } from "../core/model/model.ts";
import { failureFrom } from "../core/model/errors.ts";
import type { RunEvent } from "../core/model/run_event.ts";
import type { Host } from "../host/host.ts";

/** Whether an event changes what the report of a run says of a cell. */
function changesReport({ event }: RunEvent): boolean {
  return event === "cells-planned" || event === "boot-judged" || event === "cell-ended";
}

export class ReportWriter {
  readonly #report: () => RunReport;
  readonly #write: (report: RunReport) => Promise<void>;
  readonly #host: Host;
  #stale = false;
  #writing: Promise<void> | null = null;

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
    while (this.#writing !== null) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      try {
        await this.#write(this.#report());
      } catch (error) {
        // The next change writes it, or the end of the run fails too.
        const { message } = failureFrom(error);
        this.#host.log("warn", `the report could not be written: ${message}`);
      }
    }
    this.#writing = null;
  }
}
