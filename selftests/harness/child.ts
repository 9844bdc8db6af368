// SPDX-License-Identifier: MIT

/** Child processes in the guest: fork(2) with a pipe of JSON lines back to the parent. */

import { close, ERRNO, guest, O_CLOEXEC, O_NONBLOCK, SIGKILL, SYS } from "./guest.ts";
import type { ChildEnd } from "./runner.ts";

const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
  24: "SIGXCPU",
  31: "SIGSYS",
};

/** "SIGSEGV", or "signal 42". */
export function signalName(signal: number): string {
  return SIGNAL_NAMES[signal] ?? `signal ${signal}`;
}

/** The status word of wait4(2). */
export function decodeWaitStatus(status: number): ChildEnd {
  const signal = status & 0x7f;
  if (signal === 0) return { kind: "exited", code: status >> 8 & 0xff };
  return { kind: "signalled", signal: signalName(signal) };
}

const POLLIN = 1;
const TICK_MS = 500;
/** How long a killed process may take to be gone. */
const KILL_GRACE_MS = 5000;

/** What one read(2) takes; one for all, because a new one would be filled with zeros each time. */
const CHUNK = /* @__PURE__ */ new Uint8Array(4096);

export interface WaitOptions<Message> {
  readonly timeoutMs: number;
  onMessage?(message: Message): void;
  /** Called about twice a second. */
  onTick?(): void;
}

/** A forked process that sends values to its parent. */
export class Child<Message> {
  readonly pid: number;
  readonly #pipe: number;
  readonly #pidfd: number;
  #pending = "";

  constructor(pid: number, pipe: number, pidfd: number) {
    this.pid = pid;
    this.#pipe = pipe;
    this.#pidfd = pidfd;
  }

  /**
   * Waits for the end of the process; kills it at the time limit. Messages arrive meanwhile. One
   * that cannot be killed, such as a task that sleeps in the kernel for ever, is left behind.
   */
  wait(options: WaitOptions<Message>): ChildEnd {
    const sys = guest();
    const deadlineMs = sys.nowMs() + options.timeoutMs;
    const end = this.#waitUntil(deadlineMs, options);
    // Whatever the test itself has forked is in its process group and ends with it.
    sys.tryCall(SYS.kill, -this.pid, SIGKILL);
    if (end === "timeout") sys.tryCall(SYS.kill, this.pid, SIGKILL);
    const left = end === "timeout" &&
      this.#waitUntil(sys.nowMs() + KILL_GRACE_MS, options) === "timeout";
    const status = new Int32Array(1);
    if (!left) sys.call(SYS.wait4, this.pid, status, 0, null);
    this.#drain(options);
    close(this.#pipe);
    close(this.#pidfd);
    return end === "timeout" ? { kind: "timeout", left } : decodeWaitStatus(status[0]!);
  }

  #waitUntil(deadlineMs: number, options: WaitOptions<Message>): "ended" | "timeout" {
    const sys = guest();
    // The pipe alone would not do: a grandchild may hold its other end open.
    const polled = new Int32Array([this.#pipe, POLLIN, this.#pidfd, POLLIN]);
    let tickMs = sys.nowMs() + TICK_MS;
    let pipeOpen = true;

    for (;;) {
      const nowMs = sys.nowMs();
      if (nowMs >= deadlineMs) return "timeout";
      if (nowMs >= tickMs) {
        options.onTick?.();
        tickMs = nowMs + TICK_MS;
      }
      const waitMs = Math.max(0, Math.min(deadlineMs, tickMs) - nowMs);
      const timeout = new BigInt64Array([
        BigInt(Math.floor(waitMs / 1000)),
        BigInt(Math.ceil((waitMs % 1000) * 1e6)),
      ]);
      polled[0] = pipeOpen ? this.#pipe : -1;
      polled[1] = POLLIN;
      polled[3] = POLLIN;
      sys.call(SYS.ppoll, polled, 2, timeout, null, 0);
      if (polled[1]! >> 16 !== 0) pipeOpen = this.#drain(options);
      if (polled[3]! >> 16 !== 0) return "ended";
    }
  }

  /** Takes what the pipe holds; false when its other end is closed. */
  #drain(options: WaitOptions<Message>): boolean {
    const sys = guest();
    for (;;) {
      const got = sys.tryCall(SYS.read, this.#pipe, CHUNK, CHUNK.length);
      if (got === -ERRNO.EAGAIN) return true;
      if (got <= 0) return false;
      // Messages are ASCII (see asciiJson), so a read that ends inside one does no harm.
      const lines = (this.#pending + sys.text(CHUNK.subarray(0, got))).split("\n");
      this.#pending = lines.pop()!;
      for (const line of lines) options.onMessage?.(JSON.parse(line) as Message);
    }
  }
}

/** JSON without bytes outside ASCII. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What a child runs; `send` brings a value to its parent. */
export type ChildBody<Message> = (send: (message: Message) => void) => void;

/** Read end and write end of a new pipe. */
export function pipe(): [number, number] {
  const ends = new Int32Array(2);
  guest().call(SYS.pipe2, ends, O_CLOEXEC);
  return [ends[0]!, ends[1]!];
}

/**
 * Forks. The child runs `body` and exits with code 0, or with code 1 after an exception (which the
 * body is expected to catch and send). It never returns from here.
 */
export function forkChild<Message>(body: ChildBody<Message>): Child<Message> {
  const sys = guest();
  const [readEnd, writeEnd] = pipe();
  const pid = sys.call(SYS.fork);
  if (pid === 0) {
    close(readEnd);
    runAsChild(body, writeEnd);
  }
  close(writeEnd);
  return parentOf(pid, readEnd);
}

/** The child's side of a fork. */
export function runAsChild<Message>(body: ChildBody<Message>, writeEnd: number): never {
  const sys = guest();
  let code = 1;
  try {
    // With raised I/O privilege the kernel updates the I/O bitmap on the way back to userspace,
    // and KCOV traces that. Only PID 1 writes to ports.
    sys.call(SYS.iopl, 0);
    body((message) => writeAll(writeEnd, `${asciiJson(message)}\n`));
    code = 0;
  } finally {
    sys.call(SYS.exitGroup, code);
  }
  throw new Error("exit_group(2) returned");
}

/** The parent's side of a fork, with what it reads of the pipe. */
export function parentOf<Message>(pid: number, readEnd: number): Child<Message> {
  const sys = guest();
  const F_SETFL = 4;
  sys.call(SYS.fcntl, readEnd, F_SETFL, O_NONBLOCK);
  return new Child<Message>(pid, readEnd, sys.call(SYS.pidfdOpen, pid, 0));
}

function writeAll(fd: number, ascii: string): void {
  const sys = guest();
  let rest = ascii;
  while (rest !== "") rest = rest.slice(sys.call(SYS.write, fd, rest, rest.length));
}

/** What a process started by {@link spawn} came to. */
type SpawnMessage<T> = { readonly value: T } | { readonly error: string };

/** A process that computes one value. */
export class Process<T> {
  readonly #child: Child<SpawnMessage<T>>;

  constructor(child: Child<SpawnMessage<T>>) {
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The value. Throws when the process failed, died or took longer than `timeoutMs`. */
  join(timeoutMs = 30_000): T {
    let message: SpawnMessage<T> | undefined;
    const end = this.#child.wait({ timeoutMs, onMessage: (received) => void (message = received) });
    if (end.kind === "timeout") {
      throw new Error(`process ${this.pid}: no end after ${timeoutMs} ms`);
    }
    if (end.kind === "signalled") throw new Error(`process ${this.pid}: died of ${end.signal}`);
    if (message === undefined) {
      throw new Error(`process ${this.pid}: exited with code ${end.code} and no value`);
    }
    if ("error" in message) throw new Error(`process ${this.pid}: ${message.error}`);
    return message.value;
  }
}

/** Starts a process beside the test. Its value comes back as JSON (no bigint). */
export function spawn<T>(body: () => T): Process<T> {
  return new Process<T>(forkChild<SpawnMessage<T>>((send) => {
    try {
      send({ value: body() });
    } catch (error) {
      send({ error: error instanceof Error ? `${error}\n${error.stack ?? ""}` : String(error) });
    }
  }));
}
