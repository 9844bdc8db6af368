// SPDX-License-Identifier: MIT
/** Names of error numbers, by the headers of the tree that the kernel was built from. */

/** Below a tree: those of user space, then those that no system call should return. */
export const ERRNO_HEADERS = [
  "include/uapi/asm-generic/errno-base.h",
  "include/uapi/asm-generic/errno.h",
  "include/linux/errno.h",
] as const;

/** Lines `#define ENAME number`; of several names for one number, the first. */
export function parseErrnos(headers: readonly string[]): Map<number, string> {
  const names = new Map<number, string>();
  for (const [, name, number] of headers.join("\n").matchAll(/^#define\s+(E\w+)\s+(\d+)\b/gm)) {
    if (!names.has(Number(number))) names.set(Number(number), name!);
  }
  return names;
}
