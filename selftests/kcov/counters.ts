// SPDX-License-Identifier: MIT

/** What happens around a window: interrupts of the machine, switches and page faults of the thread. */

import type { Batch } from "../harness/batch.ts";
import type { TestContext } from "../harness/fixtures.ts";
import { close, guest, interruptsServed, O_RDONLY, open, SYS } from "../harness/guest.ts";

const RUSAGE_THREAD = 1;
/** Of `struct rusage`, in words. */
const RUSAGE = { words: 18, minorFaults: 8, voluntary: 16, involuntary: 17 } as const;
/** Holds the lines of /proc/stat up to the count of interrupts. */
const STAT_BYTES = 4096;
/** "intr " and a 64-bit number. */
const LINE_BYTES = 5 + 20;

/** Counters of the machine and the thread, read just before and just after a window. */
export class Counters {
  readonly #stat: number;
  readonly #texts = [new Uint8Array(STAT_BYTES), new Uint8Array(STAT_BYTES)] as const;
  readonly #usage = [new BigInt64Array(RUSAGE.words), new BigInt64Array(RUSAGE.words)] as const;

  constructor(t: TestContext) {
    this.#stat = open("/proc/stat", O_RDONLY);
    t.cleanup(() => close(this.#stat));
  }

  before(batch: Batch): void {
    batch.syscall(SYS.pread64, [this.#stat, this.#texts[0], STAT_BYTES, 0]);
    batch.syscall(SYS.getrusage, [RUSAGE_THREAD, this.#usage[0]]);
  }

  after(batch: Batch): void {
    batch.syscall(SYS.getrusage, [RUSAGE_THREAD, this.#usage[1]]);
    batch.syscall(SYS.pread64, [this.#stat, this.#texts[1], STAT_BYTES, 0]);
  }

  /** What the latest run of the batch has seen: 1 or 0 each. */
  read(): { interrupted: number; switched: number; faulted: number } {
    const [before, after] = this.#usage;
    const grew = (...words: number[]) => Number(words.some((word) => after[word] !== before[word]));
    return {
      interrupted: Number(this.#wasInterrupted()),
      switched: grew(RUSAGE.voluntary, RUSAGE.involuntary),
      faulted: grew(RUSAGE.minorFaults),
    };
  }

  #wasInterrupted(): boolean {
    const [before, after] = this.#texts;
    // Text is made of bytes one by one, and most windows are over before anything has changed.
    if (guest().difference(before, after) < 0) return false;
    return interruptsServed(lineOfInterrupts(after)) > interruptsServed(lineOfInterrupts(before));
  }
}

/** "intr 12345 …", cut behind the first number: all lines before it are of CPUs and have no "i". */
function lineOfInterrupts(stat: Uint8Array): string {
  const at = stat.indexOf("i".charCodeAt(0));
  return guest().text(stat.subarray(at, at + LINE_BYTES));
}
