// SPDX-License-Identifier: MIT

/** Runs a program of the initramfs and reads what it prints. Guest only, in a test's process. */

import type { ProgramEnd } from "../contract/c_programs.ts";
import { decodeWaitStatus } from "./child.ts";
import {
  AT_FDCWD,
  close,
  cString,
  ERRNO,
  guest,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  SIGKILL,
  SYS,
} from "./guest.ts";

export interface ProgramOptions {
  readonly timeoutMs: number;
  /** It is killed when it prints more: the results channel takes a byte at a time. */
  readonly maxBytes: number;
  /** A line of either output stream, without its end, as it comes. */
  onLine(line: string): void;
}

const F_DUPFD = 0;
const F_SETFL = 4;
const POLLIN = 1;
const NOT_STARTED = 126;

/**
 * Starts the file without arguments and with an empty environment, and waits for its end. What it has
 * left behind is killed: every process but PID 1 and the calling one, for a C test moves into a
 * process group of its own.
 */
export function runProgram(path: string, options: ProgramOptions): ProgramEnd {
  const sys = guest();
  const ends = new Int32Array(2);
  sys.call(SYS.pipe2, ends, O_CLOEXEC);
  const [readEnd, writeEnd] = [ends[0]!, ends[1]!];
  const pid = sys.call(SYS.fork);
  if (pid === 0) execute(path, writeEnd);
  close(writeEnd);
  sys.call(SYS.fcntl, readEnd, F_SETFL, O_NONBLOCK);

  const startMs = sys.nowMs();
  const output = new Output(readEnd, options);
  const pidfd = sys.call(SYS.pidfdOpen, pid, 0);
  const polled = new Int32Array([readEnd, POLLIN, pidfd, POLLIN]);
  let cut: ProgramEnd | null = null;
  for (;;) {
    const leftMs = options.timeoutMs - (sys.nowMs() - startMs);
    if (leftMs <= 0) cut = { kind: "timeout", afterMs: options.timeoutMs };
    else if (output.flooded) cut = { kind: "flood", bytes: options.maxBytes };
    if (cut) break;
    polled[0] = output.open ? readEnd : -1;
    polled[1] = POLLIN;
    polled[3] = POLLIN;
    const seconds = Math.floor(leftMs / 1000);
    const timeout = new BigInt64Array([
      BigInt(seconds),
      BigInt(Math.floor((leftMs - seconds * 1000) * 1e6)),
    ]);
    sys.call(SYS.ppoll, polled, 2, timeout, null, 0);
    if (polled[1]! >> 16 !== 0) output.take();
    if (polled[3]! >> 16 !== 0) break;
  }
  sys.tryCall(SYS.kill, -1, SIGKILL);
  const status = new Int32Array(1);
  sys.call(SYS.wait4, pid, status, 0, null);
  output.take();
  output.end();
  close(readEnd);
  close(pidfd);
  return cut ?? decodeWaitStatus(status[0]!) as ProgramEnd;
}

/** The child's side: standard streams, then the program. */
function execute(path: string, writeEnd: number): never {
  const sys = guest();
  try {
    const S_IFCHR = 0o020000;
    sys.tryCall(SYS.mknod, "/dev/null", S_IFCHR | 0o666, 1 << 8 | 3);
    // PID 1 may have no standard streams, so the pipe may well be one of these numbers itself.
    const out = sys.call(SYS.fcntl, writeEnd, F_DUPFD, 10);
    const nothing = sys.call(SYS.openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
    const input = sys.call(SYS.fcntl, nothing, F_DUPFD, 10);
    for (const [from, to] of [[input, 0], [out, 1], [out, 2]] as const) {
      sys.call(SYS.dup2, from, to);
    }
    if (nothing > 2) close(nothing);
    close(input);
    close(out);
    const name = cString(path);
    const argv = new BigUint64Array([BigInt(sys.address(name)), 0n]);
    const environment = new BigUint64Array([0n]);
    sys.call(SYS.execve, name, argv, environment);
  } catch (error) {
    const message = `${path}: ${error}\n`;
    sys.tryCall(SYS.write, 1, message, message.length);
  }
  sys.call(SYS.exitGroup, NOT_STARTED);
  throw new Error("exit_group(2) returned");
}

/** What comes out of the pipe, as lines. */
class Output {
  open = true;
  readonly #fd: number;
  readonly #options: ProgramOptions;
  readonly #chunk = new Uint8Array(65536);
  #pending = "";
  #bytes = 0;

  constructor(fd: number, options: ProgramOptions) {
    this.#fd = fd;
    this.#options = options;
  }

  get flooded(): boolean {
    return this.#bytes > this.#options.maxBytes;
  }

  /** Takes what the pipe holds, up to the flood mark. */
  take(): void {
    const sys = guest();
    while (this.open && !this.flooded) {
      const got = sys.tryCall(SYS.read, this.#fd, this.#chunk, this.#chunk.length);
      if (got === -ERRNO.EAGAIN) return;
      if (got <= 0) {
        this.open = false;
        return;
      }
      this.#bytes += got;
      const lines = (this.#pending + sys.text(this.#chunk.subarray(0, got))).split("\n");
      this.#pending = lines.pop()!;
      for (const line of lines) this.#options.onLine(line);
    }
  }

  /** A last line without an end. */
  end(): void {
    if (this.#pending !== "") this.#options.onLine(this.#pending);
  }
}
