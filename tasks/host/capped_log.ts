// SPDX-License-Identifier: MIT
/** A log that a program cannot fill the disk with: its beginning and its end are kept. */
import { logCutMark } from "../core/build/build_log.ts";
import { Tail } from "./tail.ts";

/** How much is kept of what one command prints, in bytes. */
export interface LogRoom {
  readonly head: number;
  readonly tail: number;
}

/** A verbose build of a whole distribution's kernel fits; ours print 40 KiB. */
export const LOG_ROOM: LogRoom = { head: 28 << 20, tail: 4 << 20 };

/** A program that has printed as much is stopped: it will not come to an end. */
export const ENDLESS_BYTES = 256 << 20;

/** Appends to a file. The head is written as it comes, the tail when it is closed. */
export class CappedLog {
  readonly #file: Deno.FsFile;
  readonly #room: LogRoom;
  #head = 0;
  readonly #tail: Tail;

  /** @throws what Deno.open throws. */
  constructor(path: string, room: LogRoom = LOG_ROOM) {
    this.#file = Deno.openSync(path, { append: true, create: true });
    this.#room = room;
    this.#tail = new Tail(room.tail);
  }

  /** Bytes that are in neither part so far. */
  get leftOut(): number {
    return this.#tail.lost;
  }

  /** @throws where the disk is full. */
  write(data: Uint8Array): void {
    const now = data.subarray(0, this.#room.head - this.#head);
    this.#head += now.length;
    this.#append(now);
    this.#tail.add(data.subarray(now.length));
  }

  /** @throws where the disk is full. */
  close(): void {
    try {
      if (this.leftOut > 0) this.#append(new TextEncoder().encode(logCutMark(this.leftOut)));
      this.#append(this.#tail.bytes());
    } finally {
      this.#file.close();
    }
  }

  #append(data: Uint8Array): void {
    for (let at = 0; at < data.length;) at += this.#file.writeSync(data.subarray(at));
  }
}
