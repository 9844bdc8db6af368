// SPDX-License-Identifier: MIT

/**
 * Small programs as a fuzzer makes them: system calls of one subject, some of them in a loop. Each
 * leaves everything as it was, so that it does the same thing every time.
 */

import type { Batch, BatchArgument } from "../harness/batch.ts";
import type { TestContext } from "../harness/fixtures.ts";
import {
  AT_FDCWD,
  close,
  cString,
  guest,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  O_RDONLY,
  O_RDWR,
  open,
  PROT_READ,
  PROT_WRITE,
  SYS,
} from "../harness/guest.ts";

/** A system call of a program, and whether it has to succeed. */
interface Call {
  readonly number: number;
  readonly args: readonly BatchArgument[];
  readonly fails: boolean;
}

/** What a program does: a system call, or a store by the program itself. */
type Operation = Call | { readonly store: number };

/** A small program, as steps in the order in which they run. */
export class Program {
  readonly name: string;
  readonly #operations: readonly Operation[];
  readonly calls: number;

  constructor(name: string, operations: readonly Operation[]) {
    this.name = name;
    this.#operations = operations;
    this.calls = operations.filter((each) => "number" in each).length;
  }

  /** Appends the program. What it gives back checks the results, when the batch has run. */
  appendTo(batch: Batch): () => void {
    const steps = this.#operations.map((operation) =>
      "store" in operation
        ? batch.store(operation.store, 1n)
        : batch.syscall(operation.number, operation.args)
    );
    return () =>
      this.#operations.forEach((operation, index) => {
        if ("store" in operation) return;
        const result = batch.result(steps[index]!);
        const { number, fails } = operation;
        if (result < 0n === fails) return;
        throw new Error(`${this.name}: system call ${number} (step ${index}) gave ${result}`);
      });
  }
}

const PAGE = 4096;
const O_CREAT = 0o100;
const MAP_FIXED = 0x10;
const AT_REMOVEDIR = 0x200;
const SEEK_SET = 0;
const POLLIN = 1;
const FUTEX_WAKE = 1;
const PR_GET_NAME = 16;
const RUSAGE_SELF = 0;
const CLOCK_MONOTONIC = 1;
const SIG_BLOCK = 0;
const SIGUSR1 = 10;
const SIGSET_BYTES = 8;
const F_GETFD = 1;

const FOLDER = "/kmatrix/dedup";

/** Files and memory that the programs work on, until the end of the test. */
export function preparePrograms(t: TestContext): Program[] {
  const sys = guest();
  sys.tryCall(SYS.mkdir, FOLDER, 0o755);
  const file = open(`${FOLDER}/file`, O_RDWR | O_CREAT);
  const page = new Uint8Array(PAGE).fill(0x61);
  for (let at = 0; at < 4; at++) sys.call(SYS.write, file, page, PAGE);
  sys.tryCall(SYS.symlinkat, `${FOLDER}/file`, AT_FDCWD, `${FOLDER}/link`);
  const ends = new Int32Array(2);
  sys.call(SYS.pipe2, ends, 0);
  const folder = open("/sys/kernel", O_RDONLY);
  const status = open("/proc/self/status", O_RDONLY);
  const cpuinfo = open("/proc/cpuinfo", O_RDONLY);
  const online = open("/sys/devices/system/cpu/online", O_RDONLY);
  const fds = [file, ends[0]!, ends[1]!, folder, status, cpuinfo, online];
  // What open() gives next; the programs close it again.
  const next = open(`${FOLDER}/file`, O_RDONLY);
  close(next);
  const memory = sys.map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const area = sys.address(memory);
  t.cleanup(() => {
    // A mapping that nothing refers to any more is gone.
    sys.unmap(memory);
    for (const fd of fds) sys.tryCall(SYS.close, fd);
    for (const name of ["file", "link"]) {
      sys.tryCall(SYS.unlinkat, AT_FDCWD, `${FOLDER}/${name}`, 0);
    }
    sys.tryCall(SYS.unlinkat, AT_FDCWD, FOLDER, AT_REMOVEDIR);
  });
  return programs({
    file,
    ends: [ends[0]!, ends[1]!],
    folder,
    status,
    cpuinfo,
    online,
    next,
    area,
  });
}

interface Resources {
  readonly file: number;
  readonly ends: readonly [number, number];
  readonly folder: number;
  readonly status: number;
  readonly cpuinfo: number;
  readonly online: number;
  /** The lowest free descriptor. */
  readonly next: number;
  /** Address of 16 pages of private memory. */
  readonly area: number;
}

function call(number: number, ...args: readonly BatchArgument[]): Operation {
  return { number, args, fails: false };
}

function failing(number: number, ...args: readonly BatchArgument[]): Operation {
  return { number, args, fails: true };
}

/** A loop, as a fuzzer that knows of none writes it: unrolled. */
function loop(times: number, ...bodies: readonly (readonly Operation[])[]): Operation[] {
  return Array.from({ length: times }, () => bodies.flat()).flat();
}

/** Nothing to do with each other, in a buffer that the loops may have filled before. */
function programs(resources: Resources): Program[] {
  const { file, ends: [readEnd, writeEnd], folder, status, cpuinfo, online, next, area } =
    resources;
  const bytes = new Uint8Array(PAGE).fill(0x62);
  const answer = new Uint8Array(2 * PAGE);
  const words = new BigUint64Array(32);
  const path = (name: string) => cString(`${FOLDER}/${name}`);
  const [filePath, otherPath, linkPath] = [path("file"), path("other"), path("link")];
  const segments = new BigUint64Array(16);
  for (let n = 0; n < 8; n++) {
    segments[2 * n] = BigInt(guest().address(bytes) + 64 * n);
    segments[2 * n + 1] = 16n;
  }
  const polled = new Int32Array(
    [file, readEnd, writeEnd, folder, status, online].flatMap((fd) => [fd, POLLIN]),
  );

  const badDescriptor = [failing(SYS.read, -1, 0, 0), failing(SYS.close, -1)];
  const identity = [
    call(SYS.getpid),
    call(SYS.getuid),
    call(SYS.getpgid, 0),
    call(SYS.getsid, 0),
  ];
  const parent = [call(SYS.getppid)];
  const duplicate = [call(SYS.dup2, file, next), call(SYS.close, next)];
  const flags = [call(SYS.fcntl, file, F_GETFD)];
  const rewind = [call(SYS.lseek, file, 0, SEEK_SET)];
  const readBlock = [call(SYS.pread64, file, answer, PAGE, PAGE)];
  const readByte = [call(SYS.read, file, answer, 1)];
  const writeWord = [call(SYS.pwrite64, file, bytes, 8, 512)];
  const writeByte = [call(SYS.pwrite64, file, bytes, 1, 1000)];
  const pipe = [call(SYS.write, writeEnd, bytes, 64), call(SYS.read, readEnd, answer, 64)];
  const scatter = [
    call(SYS.pwritev, file, segments, 8, 0, 0),
    call(SYS.preadv, file, segments, 8, 0, 0),
  ];
  const lookUp = [call(SYS.newfstatat, AT_FDCWD, cString("/sys/devices/system/cpu"), answer, 0)];
  const lookUpNothing = [failing(SYS.newfstatat, AT_FDCWD, path("none"), answer, 0)];
  const openAndClose = [call(SYS.openat, AT_FDCWD, filePath, 0, 0), call(SYS.close, next)];
  const list = [
    call(SYS.lseek, folder, 0, SEEK_SET),
    call(SYS.getdents64, folder, answer, PAGE),
  ];
  const readStatus = [
    call(SYS.lseek, status, 0, SEEK_SET),
    call(SYS.read, status, answer, PAGE),
  ];
  const readCpuinfo = [
    call(SYS.lseek, cpuinfo, 0, SEEK_SET),
    call(SYS.read, cpuinfo, answer, PAGE),
  ];
  const attribute = [
    call(SYS.lseek, online, 0, SEEK_SET),
    call(SYS.read, online, answer, 64),
  ];
  const makeFolder = [
    call(SYS.mkdir, otherPath, 0o755),
    call(SYS.unlinkat, AT_FDCWD, otherPath, AT_REMOVEDIR),
  ];
  const createAndUnlink = [
    call(SYS.openat, AT_FDCWD, otherPath, O_CREAT, 0o600),
    call(SYS.close, next),
    call(SYS.unlinkat, AT_FDCWD, otherPath, 0),
  ];
  const rename = [
    call(SYS.renameat, AT_FDCWD, linkPath, AT_FDCWD, otherPath),
    call(SYS.renameat, AT_FDCWD, otherPath, AT_FDCWD, linkPath),
  ];
  const links = [
    call(SYS.readlinkat, AT_FDCWD, linkPath, answer, 256),
    call(SYS.newfstatat, AT_FDCWD, linkPath, answer, 0),
  ];
  const fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  const mapAndTouch = [
    call(SYS.mmap, area, 4 * PAGE, PROT_READ | PROT_WRITE, fixed, -1, 0),
    ...[0, 1, 2, 3].map((page) => ({ store: area + page * PAGE })),
  ];
  const protect = [
    call(SYS.mprotect, area + 8 * PAGE, PAGE, PROT_READ),
    call(SYS.mprotect, area + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE),
  ];
  const poll = [call(SYS.poll, polled, 6, 0)];
  const names = [
    call(SYS.uname, answer),
    call(SYS.getcwd, answer, 256),
    call(SYS.prctl, PR_GET_NAME, answer),
  ];
  const signals = [
    call(SYS.rtSigprocmask, SIG_BLOCK, 0, words, SIGSET_BYTES),
    call(SYS.rtSigaction, SIGUSR1, 0, words, SIGSET_BYTES),
  ];
  const clocks = [
    call(SYS.clockGettime, CLOCK_MONOTONIC, words),
    call(SYS.times, words),
    call(SYS.getrusage, RUSAGE_SELF, words),
    call(SYS.sysinfo, words),
  ];
  const wake = [call(SYS.futex, area, FUTEX_WAKE, 1, 0, 0, 0)];

  // Entries in mode PC: well below 2000 in the first part, well above in the second, so that no
  // option which makes a trace somewhat longer turns one into the other.
  const all: Readonly<Record<string, readonly Operation[]>> = {
    bad_descriptor: [...loop(40, badDescriptor), ...duplicate],
    identity: [...loop(30, identity), ...names],
    parent: [...loop(120, parent), ...flags],
    duplicate: [...loop(12, duplicate), ...rewind, ...readByte],
    flags: [...loop(60, flags), ...poll],
    rewind: [...loop(40, rewind), ...badDescriptor],
    read_blocks: [...loop(8, readBlock), ...attribute],
    write_words: [...loop(6, writeWord), ...readBlock],
    pipe: [...loop(6, pipe), ...signals],
    look_up_nothing: [...loop(3, lookUpNothing), ...clocks],
    open_and_close: [...loop(4, openAndClose), ...wake],
    list: [...loop(2, list), ...identity],
    attribute: [...loop(5, attribute), ...pipe],
    links: [...loop(2, links), ...writeWord],
    protect: [...loop(2, protect), ...flags],
    poll: [...loop(8, poll), ...lookUp],
    names: [...loop(12, names), ...list],
    signals: [...loop(30, signals), ...parent],
    clocks: [...loop(8, clocks), ...links],
    wake: [...loop(12, wake), ...names],

    bytes_then_look_up: [...rewind, ...loop(45, readByte), ...lookUp, ...links],
    bytes_then_status: [...loop(22, writeByte), ...readStatus],
    scatter_then_list: [...loop(10, scatter), ...list, ...pipe],
    look_up_then_pipe: [...loop(14, lookUp), ...pipe, ...poll],
    status_then_create: [...loop(2, readStatus), ...createAndUnlink],
    folders_then_rename: [...loop(6, makeFolder), ...rename],
    create_then_clocks: [...loop(6, createAndUnlink), ...clocks, ...attribute],
    rename_then_protect: [...loop(4, rename), ...protect, ...readBlock],
    map_then_folder: [...loop(4, mapAndTouch), ...makeFolder],
    cpuinfo_then_touch: [...readCpuinfo, ...mapAndTouch, ...wake],
  };
  return Object.entries(all).map(([name, operations]) => new Program(name, operations));
}
