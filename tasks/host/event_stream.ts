// SPDX-License-Identifier: MIT
/** The frame around all that a command or program emits: its beginning, its end, and `--events`. */
import type { RunEvent } from "../core/model/run_event.ts";
import { type EventFile, openEventFile } from "./event_file.ts";
import type { EventReaders } from "./event_readers.ts";

export class EventStream {
  readonly #readers: EventReaders;
  readonly #startedAt = Date.now();
  #file: EventFile | null = null;

  constructor(readers: EventReaders) {
    this.#readers = readers;
  }

  /**
   * @param command Its name as a task.
   * @param path File, or "-" for standard output, that everything is written to from now on.
   * @throws Deno.errors where the file cannot be opened.
   */
  begin(command: string, path: string | undefined): void {
    if (path !== undefined) {
      this.#file = openEventFile(path, this.#startedAt);
      this.#readers.add(this.#file.write);
    }
    this.#readers.emit({ event: "run-started", command });
  }

  /** The last event; what is emitted later is not written. */
  end(
    exitCode: number,
    interrupted: Extract<RunEvent, { event: "run-ended" }>["interrupted"],
  ): void {
    const durationMs = Date.now() - this.#startedAt;
    this.#readers.emit({ event: "run-ended", exitCode, durationMs, interrupted });
    this.#file?.close();
  }
}
