// SPDX-License-Identifier: MIT
/** A full disk as the cause of what looks like something else. */
import type { Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";

interface Need {
  /** With less, what was done may have gone wrong for want of room, and not say so. */
  readonly bytes: number;
  /** @param full "the disk of /x is full (12 bytes left)" */
  readonly text: (full: string) => string;
}

const NEEDS = {
  /** The log of a failed make may lack the line that says so. */
  make: { bytes: 1 << 20, text: (full) => `make failed, and ${full}` },
  plugin: { bytes: 1 << 20, text: (full) => `g++ failed, and ${full}` },
  /** QEMU says nothing when it cannot write the results: they would look torn by the guest. */
  boot: {
    bytes: 64 << 10,
    text: (full) => `${full}: what the guest said may not be whole`,
  },
} as const satisfies Readonly<Record<string, Need>>;

/**
 * Looks whether there was room for what has been done in a folder.
 * @throws KmatrixError "infra" (disk-full)
 */
export async function checkRoom(of: keyof typeof NEEDS, dir: string, host: Host): Promise<void> {
  const { bytes, text }: Need = NEEDS[of];
  const left = await host.fs.freeBytes(dir);
  if (left >= bytes) return;
  const full = `the disk of ${dir} is full (${left} bytes left)`;
  throw new KmatrixError("infra", "disk-full", text(full));
}
