// SPDX-License-Identifier: MIT
/** Who reads along while the tool runs: the screen, the file of events, the report writer. */
import type { RunEvent } from "../core/model/run_event.ts";

export type EventReader = (event: RunEvent) => void;

export class EventReaders {
  readonly #readers = new Set<EventReader>();

  /** Hands an event to each reader, in the order in which they came. */
  emit = (event: RunEvent): void => {
    for (const read of this.#readers) read(event);
  };

  /** @returns Ends the reading. */
  add(reader: EventReader): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }
}
