// SPDX-License-Identifier: MIT

/** Which bit of the bitmap belongs to which PC: what unique mode keeps to itself. */

import { fail } from "../harness/asserts.ts";
import { Batch } from "../harness/batch.ts";
import { SYS } from "../harness/guest.ts";
import { type Kcov, KCOV_DISABLE } from "./kcov.ts";

const ALL_ONES = 0xffffffffffffffffn;

/**
 * Finds out by experiment: with every bit but one set, the one PC that is traced owns that bit. The
 * descriptor is initialised, mapped and not enabled, before and after. Fails the test when a bit has
 * two PCs or a PC of the calls has no bit.
 */
export function bitsByPc(
  device: Kcov,
  bitmapWords: number,
  calls: (batch: Batch) => void,
): Map<bigint, number> {
  for (let attempt = 1;; attempt++) {
    const { pcs, bits } = experiment(device, bitmapWords, calls);
    const without = pcs.filter((pc) => !bits.has(pc));
    if (without.length === 0) return bits;
    // What a switch to another task adds may come in the middle of one of the many steps.
    if (attempt === 5) fail(`${without.length} of ${pcs.length} PCs have no bit`);
  }
}

function experiment(device: Kcov, bitmapWords: number, calls: (batch: Batch) => void) {
  device.enableUnique(bitmapWords);
  const steady = new Set(device.recording(calls).steadyPcs());
  const all = new Batch();
  device.resetIn(all);
  calls(all);
  const count = device.countIn(all);
  // Ends the collection before the engine goes on, so that the bits are those of the calls, and of
  // the way into this ioctl.
  all.syscall(SYS.ioctl, [device.fd, KCOV_DISABLE, 0]);
  all.run();
  const pcs = device.pcs(Number(all.result(count))).filter((pc) => steady.has(pc));
  const candidates = device.setBits();

  const bits = new Map<bigint, number>();
  device.enableUnique(bitmapWords);
  for (const bit of candidates) {
    const one = new Batch();
    one.fill(device.addressOf(0), ALL_ONES, bitmapWords);
    one.store(device.addressOf(Math.floor(bit / 64)), ALL_ONES ^ 1n << BigInt(bit % 64));
    one.store(device.addressOf(bitmapWords), 0n);
    calls(one);
    const entries = device.countIn(one);
    one.run();
    const owners = device.pcs(Number(one.result(entries)));
    if (owners.length > 1) fail(`bit ${bit} belongs to ${owners.length} PCs`);
    const [owner] = owners;
    if (owner !== undefined && steady.has(owner)) bits.set(owner, bit);
  }
  device.disable();
  return { pcs, bits };
}
