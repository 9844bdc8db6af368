// SPDX-License-Identifier: MIT

/**
 * The ring of /sys/kernel/debug/kcov_dataflow as the kernel leaves it (docs/dataflow.md): word 0 counts
 * the words behind it, which are records one after the other. Userspace may write to all of it, so
 * nothing that stands there is believed. Pure; read by guest and host.
 *
 * A record, in words of 64 bits, little-endian:
 *
 *     [0]  bits 0-23 number (wraps), 28-31 type (0xE entry, 0xF return), 32-47 how many values (one at
 *          least), 48-55 size in bytes, 56-63 index of the argument; the latter two are cut at 255
 *     [1]  PC in the function, as linked     [2]  address of the object, 0 where there is none
 *     [3…] the value, or the fields of the object, each cut at 8 bytes
 */

/** In the place of a value that could not be read or that nobody knows. */
export const DATAFLOW_BAD = 0xbadadd85n;

/** Words of a record before its values. */
export const DATAFLOW_HEAD_WORDS = 3;

/** Numbers of records have so many bits; behind the greatest comes 0. */
export const DATAFLOW_NUMBER_BITS = 24;

/** "entry": an argument as the function got it; "return": what it gives back. */
export type DataflowType = "entry" | "return";

/** What the first word of a record says. */
export interface DataflowHeader {
  readonly type: DataflowType;
  /** Position among the records of the task, modulo 2^24. */
  readonly number: number;
  /** Position of the argument in the source, from 0 on, 255 for all from there on; 0 for returns. */
  readonly index: number;
  /** Of the value or the whole object, in bytes; 255 for more, 0 where the value is not known. */
  readonly size: number;
  /** How many values there are. */
  readonly count: number;
}

/** One record. */
export interface DataflowRecord extends Omit<DataflowHeader, "count"> {
  /** The address behind the call of the callback, less one: in the function, as linked. */
  readonly pc: bigint;
  /** Of the object whose fields are the values; 0 where the value is the argument itself. */
  readonly address: bigint;
  /** At least one; what is signed has the bits of its size and zeros above. */
  readonly values: readonly bigint[];
}

/**
 * Why a walk ends before the last word. "count": word 0 counts more words than there are. "type",
 * "reserved", "empty": the word at the place is no header, for its bits 28-31, for its bits 24-27, or for
 * it has no value. "cut": the record goes on behind the last word.
 */
export interface DataflowFault {
  readonly kind: "count" | "type" | "reserved" | "empty" | "cut";
  /** The word of the ring that says so. */
  readonly at: number;
  /** What stands there; 0 for a ring without a word. */
  readonly word: bigint;
}

/** What a walk has seen. */
export interface DataflowWalk {
  /** Records that are whole. */
  readonly records: number;
  /** The first word behind them; word 0 counts one less where there is no fault. */
  readonly end: number;
  readonly fault: DataflowFault | null;
}

const ENTRY = 0xe;
const RETURN = 0xf;
const TYPES: Readonly<Record<number, DataflowType>> = { [ENTRY]: "entry", [RETURN]: "return" };

/** A header from the halves of its word; null where it is none, or what makes it none. */
function faultOf(low: number, high: number): "type" | "reserved" | "empty" | null {
  const type = low >>> 28;
  if (type !== ENTRY && type !== RETURN) return "type";
  if ((low >>> 24 & 0xf) !== 0) return "reserved";
  return (high & 0xffff) === 0 ? "empty" : null;
}

/**
 * The header of which {@link walkDataflow} has told the halves.
 * @param low Bits 0-31 of the word.
 * @param high Bits 32-63.
 */
export function dataflowHeader(low: number, high: number): DataflowHeader {
  return {
    type: TYPES[low >>> 28]!,
    number: low & 0xffffff,
    index: high >>> 24,
    size: high >>> 16 & 0xff,
    count: high & 0xffff,
  };
}

/**
 * Goes from record to record and reads nothing but headers, for a ring holds a hundred thousand and the
 * guest's engine takes its time over each 64-bit number.
 * @param ring All of it, or its first words as far as they are of interest: word 0 is held against that.
 * @param visit Gets the word at which each whole record starts, and the halves of its header.
 */
export function walkDataflow(
  ring: BigUint64Array,
  visit: (at: number, low: number, high: number) => void = () => {},
): DataflowWalk {
  const halves = new Uint32Array(ring.buffer, ring.byteOffset, 2 * ring.length);
  const word = (at: number) => ring[at] ?? 0n;
  if (ring.length === 0 || halves[1] !== 0 || halves[0]! >= ring.length) {
    return { records: 0, end: 1, fault: { kind: "count", at: 0, word: word(0) } };
  }
  const behind = 1 + halves[0]!;
  let records = 0;
  let at = 1;
  while (at < behind) {
    const low = halves[2 * at]!;
    const high = halves[2 * at + 1]!;
    const next = at + DATAFLOW_HEAD_WORDS + (high & 0xffff);
    const kind = faultOf(low, high) ?? (next > behind ? "cut" : null);
    if (kind !== null) return { records, end: at, fault: { kind, at, word: word(at) } };
    visit(at, low, high);
    records++;
    at = next;
  }
  return { records, end: at, fault: null };
}

/** The whole record that starts at a word of the ring, as {@link walkDataflow} has told. */
export function dataflowRecordAt(ring: BigUint64Array, at: number): DataflowRecord {
  const halves = new Uint32Array(ring.buffer, ring.byteOffset + 8 * at, 2);
  const { count, ...header } = dataflowHeader(halves[0]!, halves[1]!);
  const first = at + DATAFLOW_HEAD_WORDS;
  return {
    ...header,
    pc: ring[at + 1]!,
    address: ring[at + 2]!,
    values: Array.from(ring.subarray(first, first + count)),
  };
}

/** All records of a ring up to its end or the first fault. Throws for no content, whatever it is. */
export function decodeDataflow(
  ring: BigUint64Array,
): { readonly records: readonly DataflowRecord[]; readonly fault: DataflowFault | null } {
  const records: DataflowRecord[] = [];
  const { fault } = walkDataflow(ring, (at) => records.push(dataflowRecordAt(ring, at)));
  return { records, fault };
}

/** A fault for people: `word 17 (0x1234) is no header of a record: type`. */
export function dataflowFaultText({ kind, at, word }: DataflowFault): string {
  const what = `word ${at} (0x${word.toString(16).replace(/^0+(?=.)/, "")})`;
  switch (kind) {
    case "count":
      return `${what} counts more words than the ring has behind it`;
    case "cut":
      return `the record at ${what} goes on behind the last word that is counted`;
    default:
      return `${what} is no header of a record: ${FAULT_WORDS[kind]}`;
  }
}

const FAULT_WORDS = {
  type: "bits 28-31 are neither 0xe nor 0xf",
  reserved: "bits 24-27 are not 0",
  empty: "it has no values",
} as const;

/**
 * Which number of a list is not the one behind the number before it, as a position in the list; -1 where
 * each is. Behind 2^24 - 1 comes 0.
 */
export function brokenNumber(numbers: readonly number[]): number {
  const mask = 2 ** DATAFLOW_NUMBER_BITS - 1;
  // No function for each: the guest's engine takes its time over a call.
  for (let at = 1; at < numbers.length; at++) {
    if (numbers[at] !== (numbers[at - 1]! + 1 & mask)) return at;
  }
  return -1;
}

/**
 * A ring as the kernel would leave it, for tests.
 * @param words Of the ring, word 0 included. Throws a RangeError where the records need more.
 */
export function encodeDataflow(records: readonly DataflowRecord[], words: number): BigUint64Array {
  const ring = new BigUint64Array(words);
  let at = 1;
  for (const { type, number, index, size, pc, address, values } of records) {
    if (at + DATAFLOW_HEAD_WORDS + values.length > words) {
      throw new RangeError(`a ring of ${words} words has no room for ${records.length} records`);
    }
    const low = BigInt(number) | (type === "entry" ? 0xen : 0xfn) << 28n;
    const high = BigInt(values.length) | BigInt(size) << 16n | BigInt(index) << 24n;
    ring.set([low | high << 32n, pc, address, ...values], at);
    at += DATAFLOW_HEAD_WORDS + values.length;
  }
  ring[0] = BigInt(at - 1);
  return ring;
}
