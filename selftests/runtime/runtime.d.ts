// SPDX-License-Identifier: MIT

/**
 * The contract between the runtime (`init.c`) and TypeScript: the global `sys`.
 *
 * The script is compiled to bytecode on the host and evaluated once, as a module, in PID 1. What else
 * the engine offers is the ECMAScript 2023 library and nothing more: no console, no timers, no
 * TextEncoder, no import of other files. An exception that nobody catches, and a script that returns,
 * end the machine with an X frame and exit code 0x11.
 */

/** Memory that can be handed to the kernel. Strings are copied as UTF-8 with a terminating zero. */
export type Memory =
  | ArrayBuffer
  | Uint8Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A system call argument; `undefined` and `null` are passed as 0. */
export type SysArgument = number | bigint | boolean | string | null | undefined | Memory;

/** What {@link Sys.call} throws. */
export interface SysError extends Error {
  /** `"ENOENT"`; numbers without a name in libc read `"E524"`. */
  readonly code: string;
  /** Positive error number. */
  readonly errno: number;
}

export interface Sys {
  /** Environment of PID 1: what the kernel did not understand of its command line as `NAME=value`. */
  readonly env: Readonly<Record<string, string>>;

  /** Enters the kernel. Returns the result (an address fits), throws a {@link SysError} on failure. */
  call(number: number, ...args: SysArgument[]): number;

  /** As {@link call}, but a failure is the negative error number. */
  tryCall(number: number, ...args: SysArgument[]): number;

  /**
   * mmap(2) at an address of the kernel's choice. The mapping lives as long as the buffer.
   * Storing to a buffer that was mapped read-only is a SIGSEGV, as in C. Throws a {@link SysError}.
   */
  map(length: number, protection: number, flags: number, fd: number, offset: number): ArrayBuffer;

  /** munmap(2) of what {@link map} returned; the buffer is detached (byteLength 0). */
  unmap(buffer: ArrayBuffer): void;

  /** Address of the first byte. Valid as long as the caller keeps the buffer. */
  address(memory: Memory): number;

  /**
   * Runs a list of operations (see `harness/batch.ts` for the layout) with nothing of the engine in
   * between. The list itself, the code and the stack are brought in before the first operation.
   */
  run(operations: Memory): void;

  /**
   * Makes a signal run a list of operations, whatever it interrupts; system calls that it interrupts
   * are restarted where the kernel can. One list at a time, for all signals. Throws a {@link SysError}.
   */
  onSignal(signal: number, operations: Memory): void;

  /**
   * Forks for its parent: for each request that it reads from the first descriptor it starts a child
   * of the parent and writes its pid (int32, or a negative error number) to the second. Returns in each
   * child, with the request in `request`, whose size tells that of a request; ends the process when
   * there are no more.
   */
  serveForks(requests: number, answers: number, request: Int32Array): void;

  /**
   * Numbers a frame (see `contract/frames.ts`) and writes it to the results channel; PID 1 only. Throws
   * a RangeError when the payload holds a line end. Here, because the checksum takes the engine longer
   * than everything else about a result line.
   */
  frame(kind: string, payload: string): void;

  /** `outl` to an I/O port. */
  outl(port: number, value: number): void;

  /** A whole file as text. Throws a {@link SysError}. */
  readFile(path: string): string;

  /** The bytes as text (UTF-8). */
  text(memory: Memory): string;

  /**
   * Offset of the first byte in which two memories of one length differ, or -1: the engine takes
   * longer for a thousand words than the runtime for a megabyte. They may overlap.
   */
  difference(one: Memory, other: Memory): number;

  /**
   * The different ones of every `step`-th word of a list of 64-bit words, from the first on and in the
   * order of their first, and behind them, in the same order, how often each is there: a trace repeats
   * each PC many times, and the engine needs a hundred steps for each entry.
   */
  tally(words: Memory, step: number): ArrayBuffer;

  /** Milliseconds of the monotonic clock, with fraction: time since boot. */
  nowMs(): number;
}

declare global {
  /** Exists in the guest only. */
  var sys: Sys | undefined;
}
