// SPDX-License-Identifier: MIT

/** What the guest's shell has at hand, as globals. */

import { Batch, type BatchArgument } from "../harness/batch.ts";
import {
  close,
  cString,
  guest,
  listFolder,
  O_WRONLY,
  open,
  SYS,
  uninterrupted,
} from "../harness/guest.ts";
import { Kcov, KCOV_TRACE_CMP, KCOV_TRACE_PC } from "../kcov/kcov.ts";
import { kernelSymbols } from "../kcov/symbols.ts";

export const HELP = `ls(path)              names in a folder
cat(path)             a file as text
write(path, text)     into an existing file: a knob of sysfs, debugfs or /proc
mount(type, path)     a file system
exec(path, ...args)   runs a program, gives its exit code
sys.call(nr, ...args) a system call; SYS has numbers
kcov.trace(f)         runs f() and gives the functions of the kernel that it went through, with
                      what the engine itself does meanwhile
kcov.call(nr, ...args) the same of one system call, and of nothing else
kcov.comparisons(nr, ...args) the comparisons of one system call (CONFIG_KCOV_ENABLE_COMPARISONS)
exit                  ends the machine`;

const BUFFER_WORDS = 64 * 1024;

/** A device that collects, for as long as `body` runs. */
function collecting<T>(mode: number, body: (device: Kcov) => T): T {
  const device = Kcov.open();
  try {
    device.init(BUFFER_WORDS).map();
    device.enable(mode);
    try {
      return body(device);
    } finally {
      device.disable();
      device.unmap();
    }
  } finally {
    device.close();
  }
}

function argument(value: unknown): BatchArgument {
  return typeof value === "string" ? cString(value) : value as BatchArgument;
}

/** Runs one call with nothing of the engine in between; gives its result and the count. */
function callAlone(device: Kcov, number: number, args: readonly unknown[]): [number, number] {
  const batch = new Batch();
  device.resetIn(batch);
  const call = batch.syscall(number, args.map(argument));
  const count = device.countIn(batch);
  const sys = guest();
  // With the raised privilege of PID 1 the kernel would update the I/O bitmap on the way back.
  sys.call(SYS.iopl, 0);
  try {
    uninterrupted(() => batch.run());
  } finally {
    sys.call(SYS.iopl, 3);
  }
  return [Number(batch.result(call)), Number(batch.result(count))];
}

const kcov = {
  trace(body: () => unknown): string[] {
    const symbols = kernelSymbols();
    const pcs = collecting(KCOV_TRACE_PC, (device) => {
      const buffer = device.buffer;
      buffer[0] = 0n;
      body();
      return device.pcs(Number(buffer[0]));
    });
    return symbols.namesOf(pcs);
  },
  call(
    number: number,
    ...args: unknown[]
  ): { result: number; entries: number; functions: string[] } {
    const symbols = kernelSymbols();
    return collecting(KCOV_TRACE_PC, (device) => {
      const [result, entries] = callAlone(device, number, args);
      return { result, entries, functions: symbols.namesOf(device.pcs(entries)) };
    });
  },
  comparisons(number: number, ...args: unknown[]): unknown[] {
    const symbols = kernelSymbols();
    return collecting(KCOV_TRACE_CMP, (device) => {
      const [, entries] = callAlone(device, number, args);
      return device.comparisons(entries).map(({ arg1, arg2, sizeBytes, isConst, pc }) => (
        { arg1, arg2, sizeBytes, isConst, in: symbols.nameOf(pc) ?? "?" }
      ));
    });
  },
};

export const helpers = {
  SYS,
  kcov,
  ls: (path = "/"): string[] => listFolder(path),
  cat: (path: string): string => guest().readFile(path),
  write(path: string, text: string): void {
    const fd = open(path, O_WRONLY);
    try {
      const bytes = cString(text);
      guest().call(SYS.write, fd, bytes, bytes.length - 1);
    } finally {
      close(fd);
    }
  },
  mount(type: string, path: string): void {
    guest().tryCall(SYS.mkdir, path, 0o755);
    guest().call(SYS.mount, type, path, type, 0, null);
  },
  /** 128 + n where signal n ended it, 127 where it could not be started. */
  exec(path: string, ...args: string[]): number {
    const sys = guest();
    const words = [path, ...args].map(cString);
    const list = new BigUint64Array(words.length + 1);
    words.forEach((word, index) => list[index] = BigInt(sys.address(word)));
    const none = new BigUint64Array(1);
    const pid = sys.call(SYS.fork);
    if (pid === 0) {
      sys.tryCall(SYS.execve, path, list, none);
      sys.call(SYS.exitGroup, 127);
    }
    const status = new Int32Array(1);
    sys.call(SYS.wait4, pid, status, 0, null);
    const signal = status[0]! & 0x7f;
    return signal === 0 ? status[0]! >> 8 & 0xff : 128 + signal;
  },
  help: (): string => HELP,
};
