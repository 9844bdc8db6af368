// SPDX-License-Identifier: MIT
/** What include/uapi/linux/kcov.h of a kernel tree says of the interface that the kernel will have. */
import type { Feature } from "../model.ts";

/** ioctls that a series brings; a kernel has them with any configuration. */
const IOCTLS: readonly [Feature, string][] = [
  ["unique-ioctl", "KCOV_UNIQUE_ENABLE"],
  ["reset-ioctl", "KCOV_RESET_TRACE"],
];

/** Features of the interface that no option tells, for each ioctl that the header defines. */
export function ioctlFeatures(header: string): Feature[] {
  const defined = new Set(
    [...header.matchAll(/^[ \t]*#[ \t]*define[ \t]+(\w+)/gm)].map(([, name]) => name),
  );
  return IOCTLS.filter(([, name]) => defined.has(name)).map(([feature]) => feature);
}
