// SPDX-License-Identifier: MIT
/** What a kernel's configuration and size ask of the machine that boots it, and of its time limits. */
import type { Arch } from "../arch/arch.ts";
import type { KernelDemands, Machine } from "../model/model.ts";

/** Detectors that cost time at every access, lock or call; KASAN is in the limits by its feature. */
const SLOW: Readonly<Record<string, number>> = {
  CONFIG_KMSAN: 4,
  CONFIG_KCSAN: 3,
  CONFIG_PROVE_LOCKING: 2,
  CONFIG_DEBUG_PAGEALLOC: 2,
  CONFIG_UBSAN: 1.5,
};

/** Options that are on in the cells of tinyconfig; more of them are more to initialise. */
const SMALL_OPTIONS = 600;

/** @param config Values of the final .config by option. */
export function demandsOf(config: ReadonlyMap<string, string>, arch: Arch): KernelDemands {
  const on = [...config.values()].filter((value) => value === "y").length;
  const detectors = Object.entries(SLOW).filter(([option]) => config.get(option) === "y");
  const slowness = detectors.reduce((product, [, factor]) => product * factor, 1) *
    Math.max(1, on / SMALL_OPTIONS);
  return {
    machineType: arch.qemu.machineFor(config),
    slowness: Math.round(10 * slowness) / 10,
    shadowed: ["CONFIG_KASAN", "CONFIG_KMSAN"].some((option) => config.get(option) === "y"),
  };
}

/** The guest itself with its initramfs, twice while it is unpacked, and what tests allocate. */
const GUEST_MIB = 160;
/** The image, the copy that its loader unpacks, and what the kernel allocates by its own size. */
const IMAGES = 3;
const STEP_MIB = 64;

/** Size of a loaded kernel in MiB, from its System.map; 0 where that does not tell. */
export function loadedMiB(systemMap: string): number {
  const at = (symbol: string) => {
    const found = new RegExp(`^([0-9a-f]+) \\w ${symbol}$`, "m").exec(systemMap);
    return found === null ? null : BigInt(`0x${found[1]}`);
  };
  const [start, end] = [at("_text"), at("_end")];
  return start === null || end === null || end < start ? 0 : Number((end - start) >> 20n);
}

/**
 * The machine that a kernel on a real base boots on: what the matrix says, with the type that the
 * configuration needs where none is said, and no less memory than the kernel fills.
 */
export function machineFor(
  machine: Machine,
  { machineType, shadowed }: KernelDemands,
  imageMiB: number,
): Machine {
  const { fixed = [] } = machine;
  const whole = (GUEST_MIB + IMAGES * imageMiB) * (shadowed ? 2 : 1);
  const least = Math.ceil(whole / STEP_MIB) * STEP_MIB;
  return {
    ...machine,
    type: fixed.includes("type") ? machine.type : machineType,
    memoryMiB: fixed.includes("memory") ? machine.memoryMiB : Math.max(machine.memoryMiB, least),
  };
}

/** What is different about a machine, for people; null for nothing. */
export function machineNotice(asked: Machine, taken: Machine): string | null {
  const parts = [
    ...(asked.type === taken.type ? [] : [`machine ${taken.type} in place of ${asked.type}`]),
    ...(asked.memoryMiB === taken.memoryMiB
      ? []
      : [`${taken.memoryMiB} MiB in place of ${asked.memoryMiB}`]),
  ];
  return parts.length === 0 ? null : `its configuration needs ${parts.join(", and ")}`;
}
