// SPDX-License-Identifier: MIT

/**
 * Where the image of the running kernel calls the callbacks: the host has found these places in the
 * code of vmlinux, so that what the kernel says of itself can be held against it.
 */

import { GUEST_PATHS } from "../contract/cell.ts";
import { mapFile } from "../harness/guest.ts";

/** All kernel text of x86-64 lies in the topmost 2 GiB. */
const KERNEL_HIGH_HALF = 0xffffffffn;

/** Return addresses of calls. */
export class CallTable {
  readonly #addresses: Uint32Array;

  /** @param addresses Low halves, ascending. */
  constructor(addresses: Uint32Array) {
    this.#addresses = addresses;
  }

  get size(): number {
    return this.#addresses.length;
  }

  /** Whether a call of the image returns to that address. */
  has(pc: bigint): boolean {
    if (pc >> 32n !== KERNEL_HIGH_HALF) return false;
    const low = Number(pc & 0xffffffffn);
    let first = 0;
    let last = this.#addresses.length;
    while (first < last) {
      const middle = (first + last) >>> 1;
      const found = this.#addresses[middle]!;
      if (found === low) return true;
      if (found < low) first = middle + 1;
      else last = middle;
    }
    return false;
  }
}

/** Calls that report a PC (modes PC and unique), or a comparison. Throws where there is no table. */
export function readCallTable(kind: "pc" | "cmp"): CallTable {
  return new CallTable(new Uint32Array(mapFile(`${GUEST_PATHS.calls}/${kind}`)));
}
