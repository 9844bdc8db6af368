// SPDX-License-Identifier: MIT

/** The real machine behind the runner: ports, kernel log, mounts, the end. Guest only. */

import { ForkServer } from "./fork_server.ts";
import { GUEST_PATHS, type GuestCell } from "../contract/cell.ts";
import { EXIT_PORT } from "../contract/frames.ts";
import {
  close,
  ERRNO,
  guest,
  isSysError,
  listFolder,
  O_WRONLY,
  open,
  sleepMs,
  SYS,
} from "./guest.ts";
import type { ChildMessage, Platform } from "./runner.ts";

const KMSG_PATH = "/dev/kmsg";

/** Ports, the kernel log and fork(2). */
export function guestPlatform(): Platform {
  const sys = guest();
  return {
    nowMs: () => sys.nowMs(),
    describe: () => ({
      release: sys.readFile("/proc/sys/kernel/osrelease").trim(),
      cmdline: sys.readFile("/proc/cmdline").trim(),
    }),
    send: (kind, payload) => sys.frame(kind, payload),
    mark,
    children: (body) => {
      const server = new ForkServer<ChildMessage>(body);
      return (index, options) => server.run(index, options);
    },
  };
}

/**
 * Opens the device anew for each line: the kernel limits the rate of messages (10 in 5 s) for each
 * open file. Level 2, so that the line reaches the console even with `quiet`.
 */
function mark(line: string): void {
  let fd: number;
  try {
    fd = open(KMSG_PATH, O_WRONLY);
  } catch {
    return; // a kernel without CONFIG_PRINTK; marks only attribute splats, and it has none
  }
  const message = `<2>${line}\n`;
  guest().tryCall(SYS.write, fd, message, message.length);
  close(fd);
}

/** Mounts proc, sysfs and debugfs. A file system the kernel does not have is left out. */
export function mountFilesystems(): void {
  const sys = guest();
  const S_IFCHR = 0o020000;
  sys.tryCall(SYS.mkdir, "/dev", 0o755);
  sys.tryCall(SYS.mknod, KMSG_PATH, S_IFCHR | 0o600, 1 << 8 | 11);
  for (
    const [type, path] of [
      ["proc", "/proc"],
      ["sysfs", "/sys"],
      ["debugfs", "/sys/kernel/debug"],
    ] as const
  ) {
    sys.tryCall(SYS.mkdir, path, 0o755);
    sys.tryCall(SYS.mount, type, path, type, 0, null);
  }
}

/** `/kmatrix/cell.json`, with a value for everything that is missing. */
export function readCell(): GuestCell {
  const defaults: GuestCell = { cell: "", features: [], filter: [], timeScale: 1 };
  try {
    return { ...defaults, ...JSON.parse(guest().readFile(GUEST_PATHS.cell)) as Partial<GuestCell> };
  } catch (error) {
    if (isSysError(error) && error.errno === ERRNO.ENOENT) return defaults;
    throw error;
  }
}

/** A printer that has more to print than this keeps its last lines. */
const PRINTERS_MS = 5000;

/**
 * Newer kernels (7.3 for a serial port) print by a thread for each console, which a busy machine lets
 * fall behind by whole seconds. Waits until these threads sleep, for then nothing is left to print.
 */
function awaitPrinters(): void {
  const read = (pid: string, file: string) => {
    try {
      return guest().readFile(`/proc/${pid}/${file}`);
    } catch {
      return ""; // it has ended
    }
  };
  const pids = listFolder("/proc").filter((name) => /^\d+$/.test(name));
  const printers = pids.filter((pid) => read(pid, "comm").startsWith("pr/"));
  const isPrinting = (pid: string) => /\) [RD] /.test(read(pid, "stat"));
  const deadlineMs = guest().nowMs() + PRINTERS_MS;
  while (printers.some(isPrinting) && guest().nowMs() < deadlineMs) sleepMs(5);
}

/** Ends the machine; QEMU exits with `(code << 1) | 1`. */
export function endMachine(code: number): never {
  const sys = guest();
  try {
    awaitPrinters();
  } catch {
    // Without /proc nobody can tell.
  }
  sys.outl(EXIT_PORT, code);
  // Still here: there is no such device. With -no-reboot this ends QEMU as well.
  sys.call(SYS.reboot, 0xfee1dead, 672274793, 0x01234567, null);
  throw new Error("the machine does not end");
}
