// SPDX-License-Identifier: MIT

/** The guest's `sys`, system call numbers (x86-64) and error helpers. Safe to import anywhere. */

import type { Sys, SysError } from "../runtime/runtime.d.ts";

/**
 * The runtime's function table.
 * Throws when called outside the guest: tests reach it only while they run.
 */
export function guest(): Sys {
  if (globalThis.sys === undefined) throw new Error("`sys` exists only inside the guest");
  return globalThis.sys;
}

/** System call numbers of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). */
export const SYS = {
  read: 0,
  write: 1,
  close: 3,
  poll: 7,
  lseek: 8,
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  rtSigaction: 13,
  rtSigprocmask: 14,
  ioctl: 16,
  pread64: 17,
  pwrite64: 18,
  schedYield: 24,
  mremap: 25,
  dup: 32,
  dup2: 33,
  nanosleep: 35,
  setitimer: 38,
  getpid: 39,
  clone: 56,
  fork: 57,
  execve: 59,
  wait4: 61,
  kill: 62,
  uname: 63,
  fcntl: 72,
  getcwd: 79,
  mkdir: 83,
  rmdir: 84,
  umask: 95,
  getrusage: 98,
  sysinfo: 99,
  times: 100,
  ptrace: 101,
  getuid: 102,
  syslog: 103,
  setpgid: 109,
  getppid: 110,
  getpgid: 121,
  getsid: 124,
  capget: 125,
  rtSigtimedwait: 128,
  mknod: 133,
  personality: 135,
  getpriority: 140,
  schedSetscheduler: 144,
  schedGetPriorityMax: 146,
  prctl: 157,
  mount: 165,
  reboot: 169,
  iopl: 172,
  deleteModule: 176,
  futex: 202,
  schedSetaffinity: 203,
  schedGetaffinity: 204,
  getdents64: 217,
  clockGettime: 228,
  exitGroup: 231,
  openat: 257,
  newfstatat: 262,
  unlinkat: 263,
  renameat: 264,
  symlinkat: 266,
  readlinkat: 267,
  ppoll: 271,
  pipe2: 293,
  preadv: 295,
  pwritev: 296,
  getcpu: 309,
  finitModule: 313,
  getrandom: 318,
  pidfdOpen: 434,
} as const;

export const AT_FDCWD = -100;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_ANONYMOUS = 0x20;
export const SIGKILL = 9;

/** Error numbers the tests name. 524 (ENOTSUPP) is kernel-internal and has no name in libc. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOTTY: 25,
  ESPIPE: 29,
  ENOSYS: 38,
  ENOTSUPP: 524,
} as const;

/** Name of an error number as the tests print it, "ENOTTY" or "errno 71". */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(ERRNO)) if (value === errno) return name;
  return `errno ${errno}`;
}

/** True for what a failed {@link Sys.call} throws. */
export function isSysError(error: unknown): error is SysError {
  return error instanceof Error && typeof (error as Partial<SysError>).errno === "number";
}

/** open(2). Throws a SysError. */
export function open(path: string, flags: number): number {
  return guest().call(SYS.openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);
}

/** close(2). */
export function close(fd: number): void {
  guest().call(SYS.close, fd);
}

/** ASCII text as memory for a system call of a batch, zero-terminated. */
export function cString(ascii: string): Uint8Array {
  return Uint8Array.from([...ascii, "\0"], (character) => character.charCodeAt(0));
}

/** The content of a file whose size the file system knows. Throws a SysError. */
export function readBytes(path: string): Uint8Array {
  const sys = guest();
  const SEEK_SET = 0;
  const SEEK_END = 2;
  const fd = open(path, O_RDONLY);
  try {
    const bytes = new Uint8Array(sys.call(SYS.lseek, fd, 0, SEEK_END));
    sys.call(SYS.lseek, fd, 0, SEEK_SET);
    for (let at = 0; at < bytes.length;) {
      const got = sys.call(SYS.read, fd, bytes.subarray(at), bytes.length - at);
      if (got === 0) throw new Error(`${path} ends after ${at} of ${bytes.length} bytes`);
      at += got;
    }
    return bytes;
  } finally {
    close(fd);
  }
}

/** A whole file, mapped: no process has a copy, and forks are as fast as without. Throws a SysError. */
export function mapFile(path: string): ArrayBuffer {
  const sys = guest();
  const SEEK_END = 2;
  const fd = open(path, O_RDONLY);
  try {
    return sys.map(sys.call(SYS.lseek, fd, 0, SEEK_END), PROT_READ, MAP_PRIVATE, fd, 0);
  } finally {
    close(fd);
  }
}

/** Names in a folder, without "." and "..", as getdents64(2) gives them. Throws a SysError. */
export function listFolder(path: string): string[] {
  const sys = guest();
  const fd = open(path, O_RDONLY);
  const names: string[] = [];
  try {
    const bytes = new Uint8Array(4096);
    const view = new DataView(bytes.buffer);
    for (let got; (got = sys.call(SYS.getdents64, fd, bytes, bytes.length)) > 0;) {
      // struct linux_dirent64: u64 inode, u64 offset, u16 length of the record, u8 type, name.
      for (let at = 0; at < got; at += view.getUint16(at + 16, true)) {
        const name = bytes.subarray(at + 19, at + view.getUint16(at + 16, true));
        names.push(sys.text(name.subarray(0, name.indexOf(0))));
      }
    }
  } finally {
    close(fd);
  }
  return names.filter((name) => name !== "." && name !== "..");
}

/** Anonymous memory that forked children share, zeroed. */
export function sharedMemory(bytes: number): ArrayBuffer {
  const length = Math.ceil(bytes / 4096) * 4096;
  return guest().map(length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/** {@link sharedMemory} that is there: no page fault of it falls into a window. */
export function presentWords(bytes: number): BigUint64Array {
  const WORDS_OF_A_PAGE = 512;
  const words = new BigUint64Array(sharedMemory(bytes));
  for (let at = 0; at < words.length; at += WORDS_OF_A_PAGE) words[at] = 1n;
  return words;
}

/** CPUs that are online, from sysfs: `[0, 1, 2, 3]`. */
export function onlineCpus(): number[] {
  return parseCpuList(guest().readFile("/sys/devices/system/cpu/online"));
}

/** A list in the kernel's format ("0-2,5") as numbers. */
export function parseCpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const range of text.trim().split(",")) {
    if (range === "") continue;
    const [first, last] = range.split("-").map(Number);
    for (let cpu = first!; cpu <= (last ?? first!); cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** CPUs the calling thread may run on, as the kernel's bit mask. */
function affinityMask(): BigUint64Array {
  const mask = new BigUint64Array(16);
  const bytes = guest().call(SYS.schedGetaffinity, 0, mask.byteLength, mask);
  return mask.slice(0, bytes / 8);
}

/** Ties the calling thread to one CPU. */
export function pinToCpu(cpu: number): void {
  const mask = new BigUint64Array(16);
  mask[Math.floor(cpu / 64)] = 1n << BigInt(cpu % 64);
  guest().call(SYS.schedSetaffinity, 0, mask.byteLength, mask);
}

/** The CPU that the calling thread runs on. */
export function currentCpu(): number {
  const cpu = new Uint32Array(1);
  guest().call(SYS.getcpu, cpu, null, null);
  return cpu[0]!;
}

/** Puts the calling thread under SCHED_FIFO. */
export function scheduleFifo(priority: number): void {
  const SCHED_FIFO = 1;
  guest().call(SYS.schedSetscheduler, 0, SCHED_FIFO, new Int32Array([priority]));
}

/** Of {@link uninterrupted}. */
const PRIORITY = 50;

/**
 * Runs `body` on one CPU under SCHED_FIFO. What a switch to another task or to another CPU does on
 * the way out of a system call (sched_clock(), switch_fpu_return()) happens in the thread's own
 * context and is traced; where a test compares traces entry by entry, this makes it rare. Interrupts
 * still arrive. Keep it short: on a machine with one CPU nothing else runs meanwhile.
 */
export function uninterrupted<T>(body: () => T): T {
  const sys = guest();
  const SCHED_OTHER = 0;
  const before = affinityMask();
  pinToCpu(currentCpu());
  scheduleFifo(PRIORITY);
  try {
    return body();
  } finally {
    sys.call(SYS.schedSetscheduler, 0, SCHED_OTHER, new Int32Array([0]));
    sys.call(SYS.schedSetaffinity, 0, before.byteLength, before);
  }
}

/** Gives the CPU away for at least so many milliseconds. */
export function sleepMs(ms: number): void {
  const whole = Math.floor(ms / 1000);
  const time = new BigInt64Array([BigInt(whole), BigInt(Math.round((ms - whole * 1000) * 1e6))]);
  guest().call(SYS.nanosleep, time, null);
}

/** Interrupts the machine has served since boot, from the text of /proc/stat. */
export function interruptsServed(stat: string = guest().readFile("/proc/stat")): number {
  const LINE = "intr ";
  // Lines of CPUs are before it, and no other has the word. A regular expression takes a millisecond.
  const at = stat.indexOf(LINE);
  const served = at < 0 ? NaN : parseInt(stat.slice(at + LINE.length, at + LINE.length + 20), 10);
  if (Number.isNaN(served)) throw new Error("/proc/stat has no line of interrupts");
  return served;
}
