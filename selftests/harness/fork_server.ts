// SPDX-License-Identifier: MIT

/**
 * The process that forks the tests' processes for PID 1. After a fork each page that the parent
 * writes to is a fault: PID 1 writes to about seventy between two tests, this process to its stack.
 * Guest only.
 */

import { decodeWaitStatus, parentOf, pipe, runAsChild, type WaitOptions } from "./child.ts";
import { close, guest, SYS } from "./guest.ts";
import type { ChildEnd } from "./runner.ts";

/** Its descriptors are those of PID 1, so that a child gets the pipe that PID 1 has just made. */
const CLONE_FILES = 0x400;
const SIGCHLD = 17;
const POLLIN = 1;
const SCHED_OTHER = 0;
/** Who has it does not interrupt others by waking up: PID 1 at each message of a test. */
const SCHED_BATCH = 3;

interface Server {
  readonly pid: number;
  readonly pidfd: number;
  /** Pipes of its own: nothing of a dead one is left to the next. */
  readonly requests: readonly [number, number];
  readonly answers: readonly [number, number];
}

/** Runs `body` with an index, each time in a new process. */
export class ForkServer<Message> {
  readonly #body: (index: number, send: (message: Message) => void) => void;
  #server: Server | null = null;

  constructor(body: (index: number, send: (message: Message) => void) => void) {
    this.#body = body;
    setPolicy(SCHED_BATCH);
  }

  /**
   * Waits for a process that is a child of the calling one, leads a process group and starts with the
   * memory that the calling one had when the server was started. Where the server dies of the request,
   * its end is the answer.
   */
  run(index: number, options: WaitOptions<Message>): ChildEnd {
    const sys = guest();
    // A test may have killed every process it could.
    if (this.#server !== null && hasEnded(this.#server)) this.#reap(this.#server);
    const server = this.#server ??= this.#start();
    const [readEnd, writeEnd] = pipe();
    const request = new Int32Array([index, writeEnd, readEnd, server.pidfd]);
    sys.call(SYS.write, server.requests[1], request, request.byteLength);
    const pid = answerOf(server);
    close(writeEnd);
    if (pid === null) {
      close(readEnd);
      return this.#reap(server);
    }
    if (pid < 0) throw new Error(`clone(2) failed with errno ${-pid}`);
    // In both processes, so that it holds whichever of them comes first.
    sys.tryCall(SYS.setpgid, pid, pid);
    return parentOf<Message>(pid, readEnd).wait(options);
  }

  #start(): Server {
    const sys = guest();
    const requests = pipe();
    const answers = pipe();
    const pid = sys.call(SYS.clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (pid === 0) {
      sys.call(SYS.iopl, 0);
      setPolicy(SCHED_OTHER);
      const request = new Int32Array(4);
      sys.serveForks(requests[0], answers[1], request);
      const [index, writeEnd, ...rest] = request;
      sys.call(SYS.setpgid, 0, 0);
      for (const fd of [...requests, ...answers, ...rest]) close(fd);
      runAsChild<Message>((send) => this.#body(index!, send), writeEnd!);
    }
    return { pid, pidfd: sys.call(SYS.pidfdOpen, pid, 0), requests, answers };
  }

  #reap({ pid, pidfd, requests, answers }: Server): ChildEnd {
    const status = new Int32Array(1);
    guest().call(SYS.wait4, pid, status, 0, null);
    for (const fd of [pidfd, ...requests, ...answers]) close(fd);
    this.#server = null;
    return decodeWaitStatus(status[0]!);
  }
}

/** One that the kernel does not know costs time and nothing else. */
function setPolicy(policy: number): void {
  guest().tryCall(SYS.schedSetscheduler, 0, policy, new Int32Array([0]));
}

function hasEnded({ pidfd }: Server): boolean {
  const polled = new Int32Array([pidfd, POLLIN]);
  return guest().call(SYS.ppoll, polled, 1, new BigInt64Array(2), null, 0) > 0;
}

/** The new process's number or a negative error number; null where the server has ended instead. */
function answerOf({ answers, pidfd }: Server): number | null {
  const sys = guest();
  const polled = new Int32Array([answers[0], POLLIN, pidfd, POLLIN]);
  sys.call(SYS.ppoll, polled, 2, null, null, 0);
  if (polled[1]! >> 16 === 0) return null;
  const answer = new Int32Array(1);
  sys.call(SYS.read, answers[0], answer, answer.byteLength);
  return answer[0]!;
}
