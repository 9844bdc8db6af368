// SPDX-License-Identifier: MIT

/**
 * A list of operations that the runtime carries out with nothing of the JavaScript engine in between.
 *
 * The engine allocates: its brk(2) calls and page faults run in the task's context, and KCOV traces
 * them. Whatever must not show that traffic (reset, system calls, reading the count) is one batch.
 */

import type { Memory, Sys, SysArgument } from "../runtime/runtime.d.ts";
import { guest } from "./guest.ts";

// struct operation of runtime/init.c: kind, repeat, result, target, six arguments.
const WORDS_PER_OPERATION = 10;
const RESULT_WORD = 2;
const TARGET_WORD = 3;
const KIND = { syscall: 0, fill: 1, load: 2, add: 3, wait: 4, ticks: 5 } as const;

/** A position in a batch whose result can be read after {@link Batch.run}. */
export type Step = number;

/** Argument of a batched system call: addresses are taken when the batch is built. */
export type BatchArgument = Exclude<SysArgument, string>;

/** Builds the list once; it can be run many times. */
export class Batch {
  /** Room for some operations, more when they are needed; the first `#steps` are in use. */
  #words = new BigInt64Array(8 * WORDS_PER_OPERATION);
  #steps = 0;
  /** Keeps the memory alive whose addresses are in the list. */
  readonly #memory: Memory[] = [];
  readonly #sys: Pick<Sys, "address" | "run" | "onSignal">;
  #program: BigInt64Array | undefined;

  constructor(sys: Pick<Sys, "address" | "run" | "onSignal"> = guest()) {
    this.#sys = sys;
  }

  /** A system call, `repeat` times in a row; the result is the last return value (-errno on failure). */
  syscall(number: number, args: readonly BatchArgument[] = [], repeat = 1): Step {
    return this.#push(KIND.syscall, repeat, BigInt(number), args);
  }

  /** Stores `value` to `words` 64-bit words from `address` on. */
  fill(address: number, value: bigint, words: number): Step {
    return this.#push(KIND.fill, words, BigInt(address), [value]);
  }

  /** Stores one 64-bit word. */
  store(address: number, value: bigint): Step {
    return this.fill(address, value, 1);
  }

  /** Loads one 64-bit word; the result is its value. */
  load(address: number): Step {
    return this.#push(KIND.load, 1, BigInt(address), []);
  }

  /** Adds to one 64-bit word, atomically; the result is the old value. */
  add(address: number, value: bigint): Step {
    return this.#push(KIND.add, 1, BigInt(address), [value]);
  }

  /** Spins, in userspace, until the unsigned word at `address` is at least `value`. */
  wait(address: number, value: bigint): Step {
    return this.#push(KIND.wait, 1, BigInt(address), [value]);
  }

  /** Reads the CPU's time stamp counter; the result is a number of ticks, of no certain length. */
  ticks(): Step {
    return this.#push(KIND.ticks, 1, 0n, []);
  }

  /** Meets `parties` processes at a word of shared memory that was 0 (see {@link sharedMemory}). */
  barrier(address: number, parties: number): void {
    this.add(address, 1n);
    this.wait(address, BigInt(parties));
  }

  /** Keeps memory alive that the list refers to by address. */
  keep(memory: Memory): void {
    this.#memory.push(memory);
  }

  /** Carries the list out. Results are then in {@link result}. */
  run(): void {
    this.#program ??= this.#words.subarray(0, this.#steps * WORDS_PER_OPERATION);
    this.#sys.run(this.#program);
  }

  /**
   * Carries the list out whenever the signal comes, in its handler; results are those of the latest
   * time. One list for all signals of a process. Nothing may be appended afterwards.
   */
  runOnSignal(signal: number): void {
    this.#program ??= this.#words.subarray(0, this.#steps * WORDS_PER_OPERATION);
    this.#sys.onSignal(signal, this.#program);
  }

  /** Signed result of a step of the latest {@link run}. */
  result(step: Step): bigint {
    const value = this.#program?.[step * WORDS_PER_OPERATION + RESULT_WORD];
    if (value === undefined) throw new RangeError(`no result for step ${step}: batch not run`);
    return value;
  }

  #push(kind: number, repeat: number, target: bigint, args: readonly BatchArgument[]): Step {
    if (args.length > 6) throw new RangeError(`${args.length} arguments: at most 6`);
    const at = this.#steps * WORDS_PER_OPERATION;
    if (at === this.#words.length) {
      const more = new BigInt64Array(2 * at);
      more.set(this.#words);
      this.#words = more;
    }
    const words = this.#words;
    words[at] = BigInt(kind);
    words[at + 1] = BigInt(repeat);
    words[at + TARGET_WORD] = target;
    for (let i = 0; i < args.length; i++) words[at + TARGET_WORD + 1 + i] = this.#word(args[i]);
    this.#program = undefined;
    return this.#steps++;
  }

  #word(value: BatchArgument): bigint {
    if (value === undefined || value === null) return 0n;
    if (typeof value === "bigint") return value;
    if (typeof value === "number" || typeof value === "boolean") return BigInt(value);
    this.keep(value);
    return BigInt(this.#sys.address(value));
  }
}
