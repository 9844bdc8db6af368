// SPDX-License-Identifier: MIT
/** The first lines of a kernel's top Makefile. */

/** Other projects leave the last number out. */
const VERSION_LINES =
  /^VERSION[ \t]*=[ \t]*(\d+)[ \t]*\r?\nPATCHLEVEL[ \t]*=[ \t]*(\d+)[ \t]*\r?\nSUBLEVEL[ \t]*=[ \t]*(\d*)/m;

/** "6.12.40" of a Makefile that begins as a kernel's does; null for any other. */
export function kernelVersion(makefile: string): string | null {
  const found = VERSION_LINES.exec(makefile);
  return found && found.slice(1, 4).map((part) => part || "0").join(".");
}

/** Whether a Makefile may be that of a kernel. */
export function beginsKernelMakefile(makefile: string): boolean {
  return kernelVersion(makefile) !== null;
}
