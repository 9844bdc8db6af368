// SPDX-License-Identifier: MIT

/**
 * A second thread of the calling process. The engine has one thread only, so what the other one does is
 * a list of system calls that becomes machine code (x86-64). Guest only, but for the code itself.
 */

import {
  guest,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
  sharedMemory,
  SYS,
} from "./guest.ts";

/** What a thread does, step by step. */
export type ThreadStep =
  /** A system call; its result is in {@link Thread.results}. */
  | { readonly call: number; readonly args: readonly (number | bigint)[] }
  /** Gives the CPU away until the 64-bit word at the address is not 0. */
  | { readonly until: number };

const PROT_EXEC = 4;
const SIGUSR1 = 10;
const SA_RESTORER = 0x04000000;
const SIGSET_BYTES = 8;
const STACK_BYTES = 16384;
const CODE_BYTES = 65536;
const RT_SIGRETURN = 15;
const EXIT = 60;
/** CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD, _SYSVSEM (linux/sched.h). */
const CLONE_FLAGS = 0x50f00;
/** No system call returns it. */
const PENDING = 1n << 62n;

/** An operand of 64 bits. */
function quad(value: number | bigint): number[] {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigInt64(0, BigInt(value), true);
  return Array.from({ length: 8 }, (_, at) => bytes.getUint8(at));
}

/** An operand of 32 bits. */
const double = (
  value: number,
) => [value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >> 24];

const SYSCALL = [0x0f, 0x05];
/** mov $value, %eax */
const setEax = (value: number) => [0xb8, ...double(value)];
/** movabs $value, register: rdi, rsi, rdx, r10, r8, r9 */
const ARGUMENTS = [[0x48, 0xbf], [0x48, 0xbe], [0x48, 0xba], [0x49, 0xba], [0x49, 0xb8], [
  0x49,
  0xb9,
]];
/** movabs %rax, address */
const storeRax = (address: number) => [0x48, 0xa3, ...quad(address)];
/** movabs address, %rax */
const loadRax = (address: number) => [0x48, 0xa1, ...quad(address)];
/** test %rax, %rax */
const TEST_RAX = [0x48, 0x85, 0xc0];

function callCode(number: number, args: readonly (number | bigint)[]): number[] {
  if (args.length > ARGUMENTS.length) {
    throw new RangeError(`${args.length} arguments of call ${number}: at most ${ARGUMENTS.length}`);
  }
  const operands = ARGUMENTS.flatMap((opcode, at) => [...opcode, ...quad(args[at] ?? 0)]);
  return [...operands, ...setEax(number), ...SYSCALL];
}

function untilCode(address: number): number[] {
  const again = [...setEax(SYS.schedYield), ...SYSCALL];
  const test = [...loadRax(address), ...TEST_RAX];
  // jne behind; …; jmp back to the load.
  const whole = [...test, 0x75, again.length + 2, ...again];
  return [...whole, 0xeb, 0x100 - (whole.length + 2)];
}

/** Where the code of a thread finds what. */
export interface ThreadPlaces {
  /** First address behind its stack. */
  readonly stackTop: number;
  /** A word for the result of clone(2), then one for that of each step. */
  readonly results: number;
}

/**
 * Code to be called: it starts the thread, leaves the result of clone(2) in the first word, and returns;
 * the thread does its steps and exits.
 */
export function threadCode(steps: readonly ThreadStep[], places: ThreadPlaces): number[] {
  const wordOf = (step: number) => places.results + 8 * (1 + step);
  const parent = [...storeRax(places.results), 0xc3];
  return [
    ...callCode(SYS.clone, [CLONE_FLAGS, places.stackTop]),
    ...TEST_RAX,
    // je to the thread's part
    ...[0x74, parent.length],
    ...parent,
    ...steps.flatMap((step, at) => [
      ...("until" in step ? untilCode(step.until) : callCode(step.call, step.args)),
      ...storeRax(wordOf(at)),
    ]),
    ...callCode(EXIT, [0]),
  ];
}

/** A thread that runs. Memory that its calls refer to has to stay where it is until it is done. */
export class Thread {
  /** Of clone(2), then of each step. */
  readonly #results: BigInt64Array;
  readonly #steps: number;
  /** Its code and its stack stay as long as somebody asks for results. */
  readonly #memory: readonly ArrayBuffer[];
  /** As gettid(2) gives it. */
  readonly tid: number;

  /** Throws where it cannot be started. SIGUSR1 is used for that. */
  constructor(steps: readonly ThreadStep[]) {
    const sys = guest();
    const anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    const readWrite = PROT_READ | PROT_WRITE;
    const stack = sys.map(STACK_BYTES, readWrite, anonymous, -1, 0);
    const memory = sys.map(CODE_BYTES, readWrite | PROT_EXEC, anonymous, -1, 0);
    this.#results = new BigInt64Array(sharedMemory(8 * (1 + steps.length))).fill(PENDING);
    this.#steps = steps.length;
    this.#memory = [stack, memory];
    const code = threadCode(steps, {
      stackTop: sys.address(stack) + STACK_BYTES,
      results: sys.address(this.#results),
    });
    const RESTORER = [...setEax(RT_SIGRETURN), ...SYSCALL];
    if (RESTORER.length + code.length > CODE_BYTES) throw new RangeError("too many steps");
    const bytes = new Uint8Array(memory);
    bytes.set(RESTORER);
    bytes.set(code, RESTORER.length);
    const at = BigInt(sys.address(memory));
    // struct kernel_sigaction: handler, flags, restorer, mask.
    const handler = at + BigInt(RESTORER.length);
    const action = new BigUint64Array([handler, BigInt(SA_RESTORER), at, 0n]);
    const before = new BigUint64Array(4);
    sys.call(SYS.rtSigaction, SIGUSR1, action, before, SIGSET_BYTES);
    sys.call(SYS.kill, sys.call(SYS.getpid), SIGUSR1);
    sys.call(SYS.rtSigaction, SIGUSR1, before, null, SIGSET_BYTES);
    this.tid = Number(this.#results[0]);
    if (this.#results[0] === PENDING || this.tid <= 0) {
      throw new Error(`clone(2) of a thread: ${this.tid}`);
    }
  }

  /** Whether so many steps are done. */
  hasDone(steps: number): boolean {
    return steps === 0 || this.#results[steps] !== PENDING;
  }

  /** Waits until so many steps are done. Throws where that takes longer than `timeoutMs`. */
  await(steps: number, timeoutMs = 20_000): void {
    const deadlineMs = guest().nowMs() + timeoutMs;
    while (!this.hasDone(steps)) {
      if (guest().nowMs() > deadlineMs) {
        throw new Error(`thread ${this.tid}: step ${steps} is not done after ${timeoutMs} ms`);
      }
      guest().call(SYS.schedYield);
    }
  }

  /** Results of all steps once they are done: of calls what they returned, -errno where they failed. */
  results(): readonly number[] {
    if (this.#memory.length > 0) this.await(this.#steps);
    return Array.from(this.#results.subarray(1, 1 + this.#steps), Number);
  }
}
