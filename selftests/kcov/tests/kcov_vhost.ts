// SPDX-License-Identifier: MIT

/**
 * Remote coverage with the common handle in a driver of the tree: a worker of vhost
 * (drivers/vhost/vhost.c) has a section for each piece of work, with the handle of whom it works for.
 * Waiting for the worker is such a piece, so that neither a ring nor a guest is needed.
 */

import { assert, assertEquals, assertGreater } from "../../harness/asserts.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import { close, guest, O_RDWR, open, SYS } from "../../harness/guest.ts";
import { common, type Kcov, KCOV_TRACE_PC, openMapped } from "../kcov.ts";
import { kernelSymbols } from "../symbols.ts";
import { Owner } from "../sections.ts";

const BUFFER_WORDS = 16 * 1024;
const PC = { traceMode: KCOV_TRACE_PC, areaWords: 4 * 1024 } as const;
const PATH = "/dev/vhost-net";
/** MISC_MAJOR, VHOST_NET_MINOR of include/linux/miscdevice.h */
const DEVICE_NUMBER = 10 << 8 | 238;
// include/uapi/linux/vhost.h: _IO(0xaf, 1), and _IOW(0xaf, 3, struct vhost_memory) of 8 bytes.
const VHOST_SET_OWNER = 0xaf01;
const VHOST_SET_MEM_TABLE = (1 << 30 | 8 << 16 | 0xaf03) >>> 0;

export const kcovVhost = fixture("kcov_vhost", {
  file: "selftests/kcov/tests/kcov_vhost.ts",
  requires: ["kcov", "vhost-net"],
  // What the worker does here compares nothing, so there is no variant of mode CMP.
  variants: { base: {} },
  setup(t) {
    const device = openMapped(t, BUFFER_WORDS);
    const S_IFCHR = 0o020000;
    guest().tryCall(SYS.mknod, PATH, S_IFCHR | 0o600, DEVICE_NUMBER);
    return { device, symbols: kernelSymbols() };
  },
});

/** Starts a worker, which takes the handle that this process has now; gives the descriptor. */
function startWorker(): number {
  const fd = open(PATH, O_RDWR);
  guest().call(SYS.ioctl, fd, VHOST_SET_OWNER, 0);
  return fd;
}

/** Gives an empty table of memory, for which the driver waits until its workers have nothing to do. */
function flush(fd: number): void {
  guest().call(SYS.ioctl, fd, VHOST_SET_MEM_TABLE, new Uint8Array(8));
}

function countOf(device: Kcov): number {
  return Number(device.buffer[0]!);
}

kcovVhost.test("work_of_the_worker_arrives", (_t, { device, symbols }) => {
  device.enableRemote({ ...PC, commonHandle: common(5) });
  const fd = startWorker();
  flush(fd);
  const count = countOf(device);
  assertGreater(count, 0, "entries of the worker");
  flush(fd);
  assertGreater(countOf(device), count, "entries after more work");
  const names = symbols.namesOf(device.pcs(countOf(device)));
  assert(names.includes("vhost_flush_work"), `no work of vhost in ${names.join(" ")}`);
  const calls = names.filter((name) => /sys_ioctl|vhost_net_ioctl|vhost_dev_ioctl/.test(name));
  assertEquals(calls, [], "functions of the system call");
  device.disable();
  const left = countOf(device);
  flush(fd);
  close(fd);
  assertEquals(countOf(device), left, "count after KCOV_DISABLE");
});

kcovVhost.test("each_worker_has_the_handle_of_its_owner", (t, { device }) => {
  const second = openMapped(t, BUFFER_WORDS);
  const other = new Owner(second, { ...PC, commonHandle: common(6) });
  // One of nobody, one of ours, and one that a child of ours starts.
  const nobodys = startWorker();
  flush(nobodys);
  device.enableRemote({ ...PC, commonHandle: common(5) });
  flush(nobodys);
  assertEquals(countOf(device), 0, "entries of a worker from before KCOV_REMOTE_ENABLE");
  const ours = startWorker();
  flush(ours);
  const count = countOf(device);
  assertGreater(count, 0, "entries of our worker");
  spawn(() => {
    flush(startWorker());
    return true;
  }).join();
  assertGreater(countOf(device), count, "entries of the worker of a child");
  device.disable();
  other.letGo();
  for (const fd of [nobodys, ours]) close(fd);
  assertEquals(countOf(second), 0, "entries of the other owner, who has no worker");
});
