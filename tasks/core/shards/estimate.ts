// SPDX-License-Identifier: MIT
/**
 * What a build and its boots are expected to cost, by what the repository says of them and by nothing
 * that one machine alone knows: each machine that takes part in a plan of shards comes to the same.
 */
import { isTiny } from "../build/config_base.ts";
import type { FragmentLine } from "../kconfig/fragment.ts";
import type { Cell } from "../model/plan.ts";

/** CPUs that a job of CI has: hosted Linux runners of GitHub have four for public repositories. */
export const JOB_CPUS = 4;

// Of one run of the default matrix from nothing, on two cores, rounded; what is not in that matrix is
// from the parts of docs/real-configs.md and of core/boot/demands.ts. Only their ratios count.

/** CPU seconds of a kernel of tinyconfig with what the guest needs, and of one on a real base. */
const TINY_CPU_SECONDS = 300;
const REAL_CPU_SECONDS = 2600;
/** A further option that is on is some more objects. */
const OPTION_CPU_SECONDS = 1.5;
/** Getting, unpacking and patching a source, and configuring. */
const SOURCE_SECONDS = 40;
/** A boot with all tests, emulated. */
const BOOT_SECONDS = 11;

/** By how much an option makes compiling, and a boot, take longer. */
const FACTORS: Readonly<Record<string, readonly [build: number, boot: number]>> = {
  CONFIG_KASAN: [1.4, 1.5],
  CONFIG_KMSAN: [2, 4],
  CONFIG_KCSAN: [1.5, 3],
  CONFIG_UBSAN: [1.3, 1.5],
  CONFIG_KCOV: [1.15, 1],
  CONFIG_KCOV_UNIQUE: [1.1, 1.5],
  CONFIG_KCOV_ENABLE_COMPARISONS: [1.05, 1],
  CONFIG_PROVE_LOCKING: [1.05, 1.5],
  CONFIG_LTO_CLANG_FULL: [2.5, 1],
  CONFIG_LTO_CLANG_THIN: [1.6, 1],
  CONFIG_DEBUG_INFO_DWARF5: [1.3, 1],
  // What hangs on it are whole subsystems; tests of USB wait for devices.
  CONFIG_NET: [1.15, 1],
  CONFIG_USB: [1.1, 3],
  CONFIG_PCI: [1.15, 1],
  CONFIG_ACPI: [1.2, 1],
};

/**
 * Seconds of a job with {@linkcode JOB_CPUS} CPUs for the cells of one build, sources included.
 * @param lines What their config asks for on top of its base; none where that is not known.
 */
export function estimatedSeconds(cells: readonly Cell[], lines: readonly FragmentLine[]): number {
  const on = lines.filter(({ value }) => value !== "n");
  const product = (of: 0 | 1) =>
    on.reduce((factor, { option }) => factor * (FACTORS[option]?.[of] ?? 1), 1);
  const base = isTiny(cells[0]!.config) ? TINY_CPU_SECONDS : REAL_CPU_SECONDS;
  const build = (base + on.length * OPTION_CPU_SECONDS) * product(0) / JOB_CPUS;
  return Math.ceil(SOURCE_SECONDS + build + cells.length * BOOT_SECONDS * product(1));
}
