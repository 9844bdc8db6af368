// SPDX-License-Identifier: MIT

/**
 * The KCOV device (include/uapi/linux/kcov.h, Documentation/dev-tools/kcov.rst) and what the
 * out-of-tree unique mode adds to it.
 */

import { Batch, type Step } from "../harness/batch.ts";
import type { TestContext } from "../harness/fixtures.ts";
import {
  close,
  ERRNO,
  errnoName,
  guest,
  isSysError,
  MAP_SHARED,
  O_RDWR,
  open,
  PROT_READ,
  PROT_WRITE,
  SYS,
} from "../harness/guest.ts";

export const KCOV_PATH = "/sys/kernel/debug/kcov";

/**
 * _IO, _IOW and _IOR (directions 0, 1 and 2) of the generic <asm/ioctl.h>: direction, size of the
 * argument, type, number.
 */
export const ioctlNumber = (direction: number, number: number, size: number, type = "c"): number =>
  (direction << 30 | size << 16 | type.charCodeAt(0) << 8 | number) >>> 0;
/** `_IO('c', number)` */
export const io = (number: number): number => ioctlNumber(0, number, 0);
/** `_IOW('c', number, size)` */
export const iow = (number: number, size: number): number => ioctlNumber(1, number, size);
/** `_IOR('c', number, size)` */
export const ior = (number: number, size: number): number => ioctlNumber(2, number, size);

/** sizeof(struct kcov_remote_arg) without handles: three u32, padding, one u64. */
const REMOTE_ARG_BYTES = 24;

export const KCOV_INIT_TRACE = ior(1, 8);
export const KCOV_ENABLE = io(100);
export const KCOV_DISABLE = io(101);
export const KCOV_REMOTE_ENABLE = iow(102, REMOTE_ARG_BYTES);
/** Out of tree. */
export const KCOV_UNIQUE_ENABLE = iow(103, 8);
/** Out of tree. */
export const KCOV_RESET_TRACE = io(104);

export const KCOV_TRACE_PC = 0;
export const KCOV_TRACE_CMP = 1;

export const KCOV_REMOTE_MAX_HANDLES = 0x100;

/** Words of one comparison record: type, first operand, second operand, PC. */
export const WORDS_PER_COMPARISON = 4;

const WORD_BYTES = 8;

/** How a trace is brought back to empty. */
export type ResetBy = "store" | "ioctl";

/** One comparison as the kernel saw it. */
export interface Comparison {
  /** One of the operands is a compile-time constant (bit 0 of the type). */
  readonly isConst: boolean;
  /** 1, 2, 4 or 8 (bits 1 and 2 of the type). */
  readonly sizeBytes: number;
  readonly type: bigint;
  readonly arg1: bigint;
  readonly arg2: bigint;
  readonly pc: bigint;
}

/** A handle of KCOV_SUBSYSTEM_USB: 1 in the top byte. */
export const usb = (instance: number): bigint => 1n << 56n | BigInt(instance);
/** A handle of KCOV_SUBSYSTEM_COMMON: 0 in the top byte. */
export const common = (instance: number): bigint => BigInt(instance);

/** What the remote collection ioctl takes. */
export interface RemoteArgument {
  readonly traceMode: number;
  readonly areaWords: number;
  readonly commonHandle?: bigint;
  readonly handles?: readonly bigint[];
  /** Number of handles as told to the kernel, if not that of `handles`. */
  readonly numHandles?: number;
}

/** `struct kcov_remote_arg` in memory. */
export function encodeRemoteArgument(argument: RemoteArgument): Uint8Array {
  const handles = argument.handles ?? [];
  const bytes = new Uint8Array(REMOTE_ARG_BYTES + handles.length * WORD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, argument.traceMode, true);
  view.setUint32(4, argument.areaWords, true);
  view.setUint32(8, argument.numHandles ?? handles.length, true);
  view.setBigUint64(16, argument.commonHandle ?? 0n, true);
  handles.forEach((handle, i) =>
    view.setBigUint64(REMOTE_ARG_BYTES + i * WORD_BYTES, handle, true)
  );
  return bytes;
}

/** One descriptor of the device. The methods that enter the kernel throw a SysError on failure. */
export class Kcov {
  readonly fd: number;
  /** Size asked for by {@link init}, in 64-bit words. */
  words = 0;
  /** Words of the bitmap while unique mode is on, else 0. Also the position of the count. */
  bitmapWords = 0;
  #buffer: BigUint64Array | undefined;
  /** Where it is set, every PC that is read out of a buffer goes here too (see cover.ts). */
  static seen: Set<bigint> | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens the device. Throws ENOENT on a kernel without KCOV. */
  static open(): Kcov {
    return new Kcov(open(KCOV_PATH, O_RDWR));
  }

  /** Raw ioctl: 0 or the negative error number. */
  ioctl(command: number, argument: number | bigint | Uint8Array | null): number {
    return guest().tryCall(SYS.ioctl, this.fd, command, argument);
  }

  /** Allocates the buffer. */
  init(words: number): this {
    guest().call(SYS.ioctl, this.fd, KCOV_INIT_TRACE, words);
    this.words = words;
    return this;
  }

  /** Maps the whole buffer; what it returns is a view of the shared memory. */
  map(options: { readonly readOnly?: boolean } = {}): BigUint64Array {
    const protection = options.readOnly ? PROT_READ : PROT_READ | PROT_WRITE;
    const memory = guest().map(this.words * WORD_BYTES, protection, MAP_SHARED, this.fd, 0);
    return this.#buffer = new BigUint64Array(memory);
  }

  /** The latest mapping. */
  get buffer(): BigUint64Array {
    if (this.#buffer === undefined) throw new Error("the buffer is not mapped");
    return this.#buffer;
  }

  /** Ends the latest mapping. */
  unmap(): void {
    guest().unmap(this.buffer.buffer as ArrayBuffer);
    this.#buffer = undefined;
  }

  /** Address of a word in the mapping. */
  addressOf(word: number): number {
    return guest().address(this.buffer) + word * WORD_BYTES;
  }

  /** Collects from the calling thread. */
  enable(mode: number): this {
    guest().call(SYS.ioctl, this.fd, KCOV_ENABLE, mode);
    this.bitmapWords = 0;
    return this;
  }

  /** Collects from the calling thread, every PC once (out of tree). */
  enableUnique(bitmapWords: number): this {
    guest().call(SYS.ioctl, this.fd, KCOV_UNIQUE_ENABLE, bitmapWords);
    this.bitmapWords = bitmapWords;
    return this;
  }

  /** Collects from background threads and interrupts that carry one of the handles. */
  enableRemote(argument: RemoteArgument): this {
    guest().call(SYS.ioctl, this.fd, KCOV_REMOTE_ENABLE, encodeRemoteArgument(argument));
    this.bitmapWords = 0;
    return this;
  }

  disable(): void {
    guest().call(SYS.ioctl, this.fd, KCOV_DISABLE, 0);
    this.bitmapWords = 0;
  }

  close(): void {
    close(this.fd);
  }

  /** Appends to a batch what empties the trace: in unique mode the bitmap and the count. */
  resetIn(batch: Batch, by: ResetBy = "store"): void {
    if (by === "ioctl") batch.syscall(SYS.ioctl, [this.fd, KCOV_RESET_TRACE, 0]);
    else batch.fill(this.addressOf(0), 0n, this.bitmapWords + 1);
    batch.keep(this.buffer);
  }

  /** Appends to a batch the loading of the count. */
  countIn(batch: Batch): Step {
    batch.keep(this.buffer);
    return batch.load(this.addressOf(this.bitmapWords));
  }

  /** PCs `from` … `to - 1` of the trace, counted from 0 (modes PC and unique). */
  pcs(to: number, from = 0): bigint[] {
    const first = this.bitmapWords + 1;
    const pcs = [...this.buffer.slice(first + from, first + to)];
    if (Kcov.seen) { for (const pc of pcs) Kcov.seen.add(pc); }
    return pcs;
  }

  /** Each PC of the first `count` entries once, in the order of its first (modes PC and unique). */
  distinctPcs(count: number): BigUint64Array {
    const first = this.bitmapWords + 1;
    const pcs = tally(this.buffer.subarray(first, first + count), 1).words;
    if (Kcov.seen) { for (const pc of pcs) Kcov.seen.add(pc); }
    return pcs;
  }

  /** The first `count` comparison records (mode CMP). */
  comparisons(count: number): Comparison[] {
    return Array.from({ length: count }, (_, i) => {
      const at = 1 + i * WORDS_PER_COMPARISON;
      const [type, arg1, arg2, pc] = this.buffer.slice(at, at + WORDS_PER_COMPARISON);
      return {
        isConst: (type! & 1n) === 1n,
        sizeBytes: 1 << Number(type! >> 1n & 3n),
        type: type!,
        arg1: arg1!,
        arg2: arg2!,
        pc: pc!,
      };
    });
  }

  /** Numbers of the bits that are set in the bitmap, ascending (unique mode). */
  setBits(): number[] {
    const bits: number[] = [];
    for (let word = 0; word < this.bitmapWords; word++) {
      let rest = this.buffer[word]!;
      for (let bit = 0; rest !== 0n; bit++, rest >>= 1n) {
        if (rest & 1n) bits.push(word * 64 + bit);
      }
    }
    return bits;
  }

  /** Resets, runs the operations, loads the count: prepared once, run as often as needed. */
  recording(operations: (batch: Batch) => void, resetBy: ResetBy = "store"): Recording {
    return new Recording(this, operations, resetBy);
  }
}

/** See {@link Kcov.recording}. */
export class Recording {
  readonly #kcov: Kcov;
  readonly #batch = new Batch();
  readonly #count: Step;

  constructor(kcov: Kcov, operations: (batch: Batch) => void, resetBy: ResetBy) {
    this.#kcov = kcov;
    kcov.resetIn(this.#batch, resetBy);
    operations(this.#batch);
    this.#count = kcov.countIn(this.#batch);
  }

  /** Number of entries. Later entries of the same thread follow those and leave them alone. */
  run(): number {
    this.#batch.run();
    return Number(this.#batch.result(this.#count));
  }

  /** Runs and reads the PCs. */
  pcs(): bigint[] {
    return this.#kcov.pcs(this.run());
  }

  /** Runs and reads each PC once. */
  distinctPcs(): BigUint64Array {
    return this.#kcov.distinctPcs(this.run());
  }

  /**
   * The PCs that two runs in a row agree on. Now and then the thread is switched out and in again
   * inside the window, and what the scheduler runs in the thread's context is traced; a kernel whose
   * traces differ for another reason differs again and again. Throws after ten disagreements.
   */
  steadyPcs(): bigint[] {
    const kcov = this.#kcov;
    const first = kcov.bitmapWords + 1;
    let previous: BigUint64Array | undefined;
    for (let attempt = 0; attempt <= 10; attempt++) {
      const entries = this.run();
      const trace = kcov.buffer.subarray(first, first + entries);
      if (trace.length === previous?.length && guest().difference(trace, previous) < 0) {
        return kcov.pcs(entries);
      }
      previous = trace.slice();
    }
    throw new Error(
      "ten pairs of runs of the same operations, and each pair left different traces",
    );
  }
}

/** Appends `read(-1, NULL, 0)`: enters the kernel, goes through little code, fails with EBADF. */
export function readNothing(batch: Batch, repeat = 1): Step {
  return batch.syscall(SYS.read, [-1, 0, 0], repeat);
}

/** True when a read(-1) of the calling thread lands in the buffer. */
export function collects(kcov: Kcov): boolean {
  return kcov.recording((batch) => readNothing(batch)).run() > 0;
}

/** Opens the device, or ends the test as SKIP on a kernel without it. Closed after the test. */
export function openKcov(t: TestContext): Kcov {
  let kcov: Kcov;
  try {
    kcov = Kcov.open();
  } catch (error) {
    if (isSysError(error) && error.errno === ERRNO.ENOENT) {
      t.skip(`${KCOV_PATH} does not exist (CONFIG_KCOV, CONFIG_DEBUG_FS)`);
    }
    throw error;
  }
  t.cleanup(() => void guest().tryCall(SYS.close, kcov.fd));
  return kcov;
}

/** Opens, initialises and maps. */
export function openMapped(
  t: TestContext,
  words: number,
  options: { readOnly?: boolean } = {},
): Kcov {
  const kcov = openKcov(t).init(words);
  kcov.map(options);
  return kcov;
}

/** Enables a mode, or ends the test as SKIP when the kernel was built without comparisons. */
export function enableOrSkip(t: TestContext, kcov: Kcov, mode: number): void {
  try {
    kcov.enable(mode);
  } catch (error) {
    if (mode === KCOV_TRACE_CMP && isSysError(error) && error.errno === ERRNO.ENOTSUPP) {
      t.skip("KCOV_TRACE_CMP: errno 524 (CONFIG_KCOV_ENABLE_COMPARISONS)");
    }
    throw error;
  }
}

/** Enables unique mode, or ends the test as SKIP on a kernel without it. */
export function enableUniqueOrSkip(t: TestContext, kcov: Kcov, bitmapWords: number): void {
  try {
    kcov.enableUnique(bitmapWords);
  } catch (error) {
    if (isSysError(error) && [ERRNO.ENOTTY, ERRNO.ENOTSUPP].includes(error.errno as never)) {
      t.skip(`KCOV_UNIQUE_ENABLE: ${errnoName(error.errno)} (CONFIG_KCOV_UNIQUE)`);
    }
    throw error;
  }
}

/** Ends the test as SKIP on a kernel without the reset ioctl. The descriptor must not be enabled. */
export function needResetIoctl(t: TestContext, kcov: Kcov): void {
  // Known but not allowed in this state: EINVAL.
  skipIfNoReset(t, kcov.ioctl(KCOV_RESET_TRACE, 0));
}

/** Ends the test as SKIP where the kernel has answered that it does not know the reset ioctl. */
export function skipIfNoReset(t: TestContext, answered: number): void {
  if (answered !== -ERRNO.ENOTTY) return;
  t.skip("KCOV_RESET_TRACE: ENOTTY (kernel without the series)");
}

/** The different ones of every `step`-th word, and how often each is there. */
function tally(words: BigUint64Array, step: number) {
  const both = new BigUint64Array(guest().tally(words, step));
  const count = both.length / 2;
  return { words: both.slice(0, count), times: both.subarray(count) };
}

/** How often each PC is there in the first `count` entries, in the order of its first. */
export function entryCounts(kcov: Kcov, mode: CollectMode, count: number): Map<bigint, number> {
  const size = mode === "cmp" ? WORDS_PER_COMPARISON : 1;
  const first = kcov.bitmapWords + 1;
  // The PC is the last word of a record, and the only one of the other modes.
  const entries = kcov.buffer.subarray(first + size - 1, first + count * size);
  const { words, times } = tally(entries, size);
  if (Kcov.seen && mode !== "cmp") { for (const pc of words) Kcov.seen.add(pc); }
  return new Map(Array.from(words, (pc, at) => [pc, Number(times[at]!)]));
}

/** What a thread may collect from itself. */
export type CollectMode = "pc" | "cmp" | "unique";

/** Enables it, or ends the test as SKIP on a kernel without it. Only unique mode has a bitmap. */
export function enableModeOrSkip(
  t: TestContext,
  kcov: Kcov,
  mode: CollectMode,
  bitmapWords: number,
): void {
  if (mode === "unique") enableUniqueOrSkip(t, kcov, bitmapWords);
  else enableOrSkip(t, kcov, mode === "cmp" ? KCOV_TRACE_CMP : KCOV_TRACE_PC);
}

/** The PCs of the first `count` entries, whatever the mode. */
export function entryPcs(kcov: Kcov, mode: CollectMode, count: number): bigint[] {
  return mode === "cmp" ? kcov.comparisons(count).map(({ pc }) => pc) : kcov.pcs(count);
}

/** What mmap(2) of a shared buffer of a descriptor ends with: 0, or the errno, negative. It is unmapped again. */
export function mmapErrno(fd: number, bytes: number, protection: number, offset = 0): number {
  try {
    guest().unmap(guest().map(bytes, protection, MAP_SHARED, fd, offset));
    return 0;
  } catch (error) {
    if (isSysError(error)) return -error.errno;
    throw error;
  }
}
