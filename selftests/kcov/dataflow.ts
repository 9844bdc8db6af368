// SPDX-License-Identifier: MIT

/**
 * The device /sys/kernel/debug/kcov_dataflow (out of tree, docs/dataflow.md): arguments and return values
 * of the functions that a task runs.
 */

import {
  brokenNumber,
  dataflowFaultText,
  type DataflowRecord,
  dataflowRecordAt,
  walkDataflow,
} from "../contract/dataflow.ts";
import type { Feature } from "../contract/features.ts";
import { fail, hex } from "../harness/asserts.ts";
import { Batch, type Step } from "../harness/batch.ts";
import type { TestContext } from "../harness/fixtures.ts";
import {
  close,
  guest,
  MAP_SHARED,
  O_RDWR,
  open,
  PROT_READ,
  PROT_WRITE,
  SYS,
} from "../harness/guest.ts";
import { ioctlNumber } from "./kcov.ts";
import { kernelSymbols } from "./symbols.ts";

export const DATAFLOW_PATH = "/sys/kernel/debug/kcov_dataflow";

export const DATAFLOW_INIT_TRACK = ioctlNumber(2, 1, 8, "d");
export const DATAFLOW_ENABLE = ioctlNumber(0, 100, 0, "d");
export const DATAFLOW_DISABLE = ioctlNumber(0, 101, 0, "d");

/** Sizes of a ring in words that the kernel takes: from the first to the last. */
export const DATAFLOW_WORDS = [2, 1 << 24] as const;

const WORD_BYTES = 8;

/** What a kernel makes of pointers to structures: variants of fixtures. */
export interface DataflowMode {
  /** Fields, or the pointer alone. */
  readonly fields: boolean;
  readonly requires: readonly Feature[];
}

/** Every kernel has one of both, so a cell has each test once. */
export const DATAFLOW_MODES = {
  values: { fields: false, requires: ["dataflow-values"] },
  fields: { fields: true, requires: ["dataflow-fields"] },
} as const satisfies Record<string, DataflowMode>;

/** What tests of both callbacks need. */
export const DATAFLOW_REQUIRES = [
  "dataflow",
  "dataflow-args",
  "dataflow-ret",
] as const satisfies readonly Feature[];

/** One descriptor of the device. The methods that enter the kernel throw a SysError on failure. */
export class Dataflow {
  readonly fd: number;
  /** Size asked for by {@link init}, in 64-bit words, word 0 included. */
  words = 0;
  #ring: BigUint64Array | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  static open(): Dataflow {
    return new Dataflow(open(DATAFLOW_PATH, O_RDWR));
  }

  /** Raw ioctl: 0 or the negative error number. */
  ioctl(command: number, argument: number | bigint | null = null): number {
    return guest().tryCall(SYS.ioctl, this.fd, command, argument);
  }

  /** Allocates the ring. */
  init(words: number): this {
    guest().call(SYS.ioctl, this.fd, DATAFLOW_INIT_TRACK, words);
    this.words = words;
    return this;
  }

  /** Maps the whole ring; what it returns is a view of the shared memory. */
  map(options: { readonly readOnly?: boolean } = {}): BigUint64Array {
    const protection = options.readOnly ? PROT_READ : PROT_READ | PROT_WRITE;
    const memory = guest().map(this.words * WORD_BYTES, protection, MAP_SHARED, this.fd, 0);
    return this.#ring = new BigUint64Array(memory);
  }

  /** The latest mapping. */
  get ring(): BigUint64Array {
    if (this.#ring === undefined) throw new Error("the ring is not mapped");
    return this.#ring;
  }

  /** Ends the latest mapping. */
  unmap(): void {
    guest().unmap(this.ring.buffer as ArrayBuffer);
    this.#ring = undefined;
  }

  /** Address of a word in the mapping. */
  addressOf(word: number): number {
    return guest().address(this.ring) + word * WORD_BYTES;
  }

  /** Records what the calling task does. */
  enable(): this {
    guest().call(SYS.ioctl, this.fd, DATAFLOW_ENABLE, 0);
    return this;
  }

  disable(): void {
    guest().call(SYS.ioctl, this.fd, DATAFLOW_DISABLE, 0);
  }

  close(): void {
    close(this.fd);
  }

  /** Appends to a batch what empties the ring. */
  resetIn(batch: Batch): void {
    this.storeIn(batch, 0n);
  }

  /** Appends to a batch the storing of the count. */
  storeIn(batch: Batch, count: bigint): void {
    batch.keep(this.ring);
    batch.store(this.addressOf(0), count);
  }

  /** Appends to a batch the loading of the count. */
  countIn(batch: Batch): Step {
    batch.keep(this.ring);
    return batch.load(this.addressOf(0));
  }

  /** A copy of the ring up to a count: what is recorded later comes behind it. */
  copy(count: bigint = this.ring[0]!): BigUint64Array {
    if (count >= BigInt(this.words)) {
      fail(`word 0 counts ${count} words of a ring of ${this.words}`);
    }
    const words = this.ring.slice(0, 1 + Number(count));
    words[0] = count;
    return words;
  }

  /**
   * Empties the ring, runs the operations, and gives their records. Fails where the kernel has left
   * anything but whole records up to the end, or numbers that do not rise by one.
   */
  records(operations: (batch: Batch) => void): readonly DataflowRecord[] {
    return soundRecords(this.window(operations));
  }

  /** The same as a copy of the ring, unread. */
  window(operations: (batch: Batch) => void): BigUint64Array {
    const batch = new Batch();
    this.resetIn(batch);
    operations(batch);
    const count = this.countIn(batch);
    batch.run();
    return this.copy(batch.result(count));
  }
}

/**
 * Which records are read: by the low half of their PC, for where all files are instrumented a ring holds
 * very many, and the guest's engine takes its time over each 64-bit number.
 */
export type WantedPc = (pcLow: number) => boolean;

const anyPc: WantedPc = () => true;

/**
 * Goes over a ring that userspace has left alone; fails where it is not as the kernel has to leave it.
 * @param visit Gets the word at which a record starts, and the low half of its PC.
 */
function walkSound(
  ring: BigUint64Array,
  { numbered }: { readonly numbered: boolean },
  visit: (at: number, pcLow: number) => void,
): void {
  const halves = new Uint32Array(ring.buffer, ring.byteOffset, 2 * ring.length);
  const numbers: number[] = [];
  const { fault } = walkDataflow(ring, (at, low) => {
    numbers.push(low & 0xffffff);
    visit(at, halves[2 * at + 2]!);
  });
  if (fault !== null) fail(`${dataflowFaultText(fault)}; ${numbers.length} records before it`);
  const broken = numbered ? brokenNumber(numbers) : -1;
  if (broken >= 0) {
    const places = numbers.slice(Math.max(0, broken - 3), broken + 3).join(" ");
    fail(`record ${broken} of ${numbers.length} has not the next number: … ${places} …`);
  }
}

function recordsIn(
  ring: BigUint64Array,
  how: { readonly numbered: boolean },
  wanted: WantedPc,
): readonly DataflowRecord[] {
  const records: DataflowRecord[] = [];
  walkSound(ring, how, (at, pcLow) => {
    if (wanted(pcLow)) records.push(dataflowRecordAt(ring, at));
  });
  return records;
}

/** Records of a ring that userspace has left alone; fails where it is not as the kernel has to leave it. */
export function soundRecords(
  ring: BigUint64Array,
  wanted: WantedPc = anyPc,
): readonly DataflowRecord[] {
  return recordsIn(ring, { numbered: true }, wanted);
}

/** The same of a ring that was full in between, where records may be missing. */
export function wholeRecords(
  ring: BigUint64Array,
  wanted: WantedPc = anyPc,
): readonly DataflowRecord[] {
  return recordsIn(ring, { numbered: false }, wanted);
}

/**
 * Functions of the kernel itself that a ring has records of, in the order of their first: for long rings,
 * of which nobody wants to know each value. Fails as {@link soundRecords} does.
 */
export function kernelFunctionsIn(ring: BigUint64Array): ReadonlySet<string> {
  const places = new Map<number, number>();
  walkSound(ring, { numbered: true }, (at, pcLow) => {
    if (!places.has(pcLow)) places.set(pcLow, at + 1);
  });
  return new Set([...places.values()].map((word) => kernelFunctionOf({ pc: ring[word]! })));
}

/** Opens the device. Closed after the test. Throws a SysError on a kernel without it. */
export function openDataflow(t: TestContext): Dataflow {
  const device = Dataflow.open();
  t.cleanup(() => void guest().tryCall(SYS.close, device.fd));
  return device;
}

/** Opens, initialises and maps. */
export function openMappedDataflow(t: TestContext, words: number): Dataflow {
  const device = openDataflow(t).init(words);
  device.map();
  return device;
}

/**
 * Appends `lseek(-1, 0, number)`: enters the kernel and a file that every cell has chosen
 * (fs/read_write.c), and fails with EBADF.
 */
export function seekNothing(batch: Batch, number = 0): Step {
  return batch.syscall(SYS.lseek, [-1, number, 0]);
}

/** True when a call of the calling task lands in the ring. */
export function collectsDataflow(device: Dataflow): boolean {
  return device.records((batch) => seekNothing(batch)).length > 0;
}

/** The function of the kernel itself that a record is of: the PC lies in its call of the callback. */
export function kernelFunctionOf({ pc }: Pick<DataflowRecord, "pc">): string {
  return kernelSymbols().nameOf(pc + 1n) ?? hex(pc);
}
