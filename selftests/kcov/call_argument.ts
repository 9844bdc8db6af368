// SPDX-License-Identifier: MIT

/** Arguments of a call that the host asks for, as memory and descriptors of the guest. */

import type { CoverArgument } from "../contract/cover.ts";
import type { BatchArgument } from "../harness/batch.ts";
import { AT_FDCWD, cString, guest, O_RDONLY, O_RDWR, SYS } from "../harness/guest.ts";

/** A file of the guest's root that nobody else knows. */
const NEW_FILE = "/kmatrix-file";
const PAGE_BYTES = 4096;
const O_CREAT = 0o100;

export function argumentOf(argument: CoverArgument): BatchArgument {
  switch (argument.kind) {
    case "integer":
      return BigInt(argument.value);
    case "text":
      return cString(argument.value);
    case "buffer":
      // Filled, so that its pages are there before the window opens.
      return new Uint8Array(argument.bytes).fill(0);
    case "words":
      return new BigUint64Array(argument.values.map((value) => BigInt.asUintN(64, BigInt(value))));
    case "file":
      return argument.path === null ? newFile() : openFile(argument.path);
  }
}

/** Open for reading and writing, at its beginning. */
function newFile(): number {
  const fd = guest().call(SYS.openat, AT_FDCWD, NEW_FILE, O_RDWR | O_CREAT, 0o600);
  const text = cString("kmatrix ".repeat(PAGE_BYTES / 8)).subarray(0, PAGE_BYTES);
  guest().call(SYS.write, fd, text, text.length);
  guest().call(SYS.lseek, fd, 0, 0);
  return fd;
}

/** For reading and writing where that is allowed, else for reading. Throws where it cannot be opened. */
function openFile(path: string): number {
  const fd = guest().tryCall(SYS.openat, AT_FDCWD, path, O_RDWR, 0);
  return fd >= 0 ? fd : guest().call(SYS.openat, AT_FDCWD, path, O_RDONLY, 0);
}
