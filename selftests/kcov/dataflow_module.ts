// SPDX-License-Identifier: MIT

/** The test module whose functions are recorded (selftests/modules/kmatrix_dataflow). */

import { DATAFLOW_BAD, type DataflowRecord, type DataflowType } from "../contract/dataflow.ts";
import { assertEquals, fail, hex } from "../harness/asserts.ts";
import type { Batch, Step } from "../harness/batch.ts";
import type { TestContext } from "../harness/fixtures.ts";
import { cString, guest, O_WRONLY, open, SYS } from "../harness/guest.ts";
import {
  type Dataflow,
  type DataflowMode,
  soundRecords,
  type WantedPc,
  type wholeRecords,
} from "./dataflow.ts";
import { type LoadedModule, loadWithFile, placeIn } from "./modules.ts";

export const DATAFLOW_MODULE = "kmatrix_dataflow";
const FOLDER = `/sys/kernel/debug/${DATAFLOW_MODULE}`;
/** Takes commands. */
export const DATAFLOW_RUN = `${FOLDER}/run`;

/** What DF_MASK of selftests/modules/kmatrix_dataflow/dataflow.h turns in addresses. */
const MASK = 0x5a5an;
/** The greatest size and index that a record can tell. */
const MOST = 255;

const CALLBACKS: Readonly<Record<DataflowType, string>> = {
  entry: "__sanitizer_cov_trace_args",
  return: "__sanitizer_cov_trace_ret",
};

/** A number of 64 bits without a sign. */
export function word(value: number | bigint): bigint {
  const whole = BigInt(value);
  return whole < 0n ? whole + (1n << 64n) : whole;
}

/** The low `bytes` of a number. */
export function cut(value: number | bigint, bytes: number): bigint {
  return word(value) & ((1n << BigInt(8 * bytes)) - 1n);
}

/** The line of a command with its numbers (selftests/modules/kmatrix_dataflow/file.c). */
export function commandLine(name: string, ...numbers: readonly (number | bigint)[]): string {
  // Not hex(): the module wants no prefix.
  return [name, ...numbers.map((number) => hex(word(number)).slice(2))].join(" ");
}

/** A record as text: `df_u8_2 entry 1: 1 bytes 0x22`; without its number and PC. */
export function recordText(
  name: string,
  record: Omit<DataflowRecord, "number" | "pc">,
): string {
  const { type, index, size, address, values } = record;
  const place = address === 0n ? "" : ` at ${hex(address)}`;
  return `${name} ${type} ${index}: ${size} bytes ${values.map(hex).join(" ")}${place}`;
}

/** Texts of the records that a function is expected to leave. */
export class Expected {
  readonly #name: string;
  readonly #mode: DataflowMode;

  constructor(name: string, mode: DataflowMode) {
    this.#name = name;
    this.#mode = mode;
  }

  /** An argument that is recorded as it is; a number is cut to the size. */
  entry(index: number, size: number, value: number | bigint): string {
    return this.#text("entry", index, size, [cut(value, size)], 0n);
  }

  /** An argument of which nothing is known. */
  unknown(index: number): string {
    return this.#text("entry", index, 0, [DATAFLOW_BAD], 0n);
  }

  /** A return value that is recorded as it is. */
  returns(size: number, value: number | bigint): string {
    return this.#text("return", 0, size, [cut(value, size)], 0n);
  }

  /** The return of a function without a value. */
  returnsNothing(): string {
    return this.#text("return", 0, 0, [DATAFLOW_BAD], 0n);
  }

  /**
   * An argument, or with index null what is returned, that is the address of a structure.
   * @param size Of the structure, in bytes.
   * @param fields Their values, as far as a table goes.
   */
  object(index: number | null, size: number, fields: readonly bigint[], address: bigint): string {
    const type = index === null ? "return" : "entry";
    return this.#mode.fields
      ? this.#text(type, index ?? 0, Math.min(size, MOST), fields, address)
      : this.#text(type, index ?? 0, 8, [address], 0n);
  }

  /**
   * A structure by value that lies in memory: an argument, or with index null what is returned. It is no
   * value of a register, so nothing is known of it where there are no fields.
   */
  inMemory(index: number | null, size: number, fields: readonly bigint[], address: bigint): string {
    if (this.#mode.fields) return this.object(index, size, fields, address);
    return index === null ? this.returnsNothing() : this.unknown(index);
  }

  /** An {@link object} where nothing can be read at the address. */
  unreadable(index: number | null, size: number, fields: number, address: bigint): string {
    return this.object(index, size, Array.from({ length: fields }, () => DATAFLOW_BAD), address);
  }

  #text(
    type: DataflowType,
    index: number,
    size: number,
    values: readonly bigint[],
    address: bigint,
  ): string {
    return recordText(this.#name, { type, index, size, values, address });
  }
}

/** What one command left. */
export interface ModuleCall {
  /** Records of the module's functions, in order. */
  readonly records: readonly DataflowRecord[];
  /** The same as texts. */
  readonly texts: readonly string[];
  /** What the called function returned, as far as the command tells. */
  readonly result: bigint;
}

/** The loaded module. */
export class DataflowModule {
  readonly #loaded: LoadedModule;
  readonly #names = new Map<number, string>();
  /** Addresses that calls of a callback return to, as low halves. */
  readonly #returns: Readonly<Record<DataflowType, ReadonlySet<number>>>;
  /** Whether a PC may be of the module. */
  readonly #isOwn: WantedPc;

  constructor(loaded: LoadedModule) {
    this.#loaded = loaded;
    const { content, ranges } = loaded;
    const places = (type: DataflowType) =>
      new Set(
        ranges.flatMap(({ section, start }) =>
          content.returnsTo(section, CALLBACKS[type]).map((offset) => start + offset)
        ),
      );
    this.#returns = { entry: places("entry"), return: places("return") };
    const first = Math.min(...ranges.map(({ start }) => start));
    const behind = Math.max(...ranges.map(({ end }) => end));
    // Nearly all are of the kernel, and the engine takes its time over each range.
    this.#isOwn = (pcLow) =>
      pcLow >= first && pcLow < behind &&
      ranges.some(({ start, end }) => pcLow >= start && pcLow < end);
  }

  /** Where its code lies. */
  get loaded(): LoadedModule {
    return this.#loaded;
  }

  /**
   * The same module by an open file of its own: writes through one that is shared take turns. It stays
   * open until the end of the process.
   */
  reopened(): DataflowModule {
    return new DataflowModule({ ...this.#loaded, file: open(DATAFLOW_RUN, O_WRONLY) });
  }

  /** Appends the writing of a line; the result is the number of bytes. */
  lineIn(batch: Batch, line: string): Step {
    return batch.syscall(SYS.write, [this.#loaded.file, cString(line), line.length]);
  }

  /** Runs a command. Throws a SysError. */
  run(name: string, ...numbers: readonly (number | bigint)[]): void {
    const line = commandLine(name, ...numbers);
    const written = guest().call(SYS.write, this.#loaded.file, line, line.length);
    assertEquals(written, line.length, `bytes written of "${line}"`);
  }

  /** What the last command came to. */
  result(): bigint {
    return BigInt(guest().readFile(`${FOLDER}/result`).trim());
  }

  /** The module's function that a record is of; "" for one of other code. */
  functionOf({ pc }: Pick<DataflowRecord, "pc">): string {
    // The PC lies in the call, and functionOf() takes the address behind it.
    const low = Number(pc & 0xffffffffn);
    const known = this.#names.get(low);
    if (known !== undefined) return known;
    const name = this.#loaded.functionOf(pc + 1n);
    this.#names.set(low, name);
    return name;
  }

  /**
   * Those of some records that are of the module. Fails where one has a PC that is in no call of its
   * callback, to the byte.
   */
  ownOf(records: readonly DataflowRecord[]): readonly DataflowRecord[] {
    const own = records.filter((record) => placeIn(this.#loaded.ranges, record.pc + 1n) !== null);
    for (const record of own) {
      if (this.#returns[record.type].has(Number((record.pc & 0xffffffffn) + 1n))) continue;
      const text = recordText(this.functionOf(record), record);
      fail(`the PC ${hex(record.pc)} is not one less than where a call returns to: ${text}`);
    }
    return own;
  }

  /** Records of the module in a ring, as {@link ownOf}. @param read What the ring has to be. */
  recordsIn(
    ring: BigUint64Array,
    read: typeof soundRecords | typeof wholeRecords = soundRecords,
  ): readonly DataflowRecord[] {
    return this.ownOf(read(ring, this.#isOwn));
  }

  /** Records as texts, each with its function. */
  textsOf(records: readonly DataflowRecord[]): readonly string[] {
    return records.map((record) => recordText(this.functionOf(record), record));
  }

  /** Runs a command while the device is enabled. Fails where the kernel does not take it. */
  call(device: Dataflow, name: string, ...numbers: readonly (number | bigint)[]): ModuleCall {
    const line = commandLine(name, ...numbers);
    let written: () => bigint = () => 0n;
    const ring = device.window((batch) => {
      const step = this.lineIn(batch, line);
      written = () => batch.result(step);
    });
    assertEquals(written(), BigInt(line.length), `bytes written of "${line}"`);
    const result = this.result();
    const records = this.recordsIn(ring);
    return { records, texts: this.textsOf(records), result };
  }
}

/** What the functions return that take pointers and do not look at what is there. */
export function pointerOf(returned: bigint): bigint {
  return returned ^ MASK;
}

/** Loads the module until the end of the test; SKIP on a kernel without modules. */
export function loadDataflowModule(t: TestContext): DataflowModule {
  return new DataflowModule(loadWithFile(t, DATAFLOW_MODULE, `${DATAFLOW_MODULE}/run`));
}
