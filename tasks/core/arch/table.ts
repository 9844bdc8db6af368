// SPDX-License-Identifier: MIT
/** The architectures that kernels are built for and booted on: a line and a file each. */
import type { Arch } from "./arch.ts";
import { X86_64 } from "./x86_64.ts";

const TABLE = {
  x86_64: X86_64,
} satisfies Readonly<Record<string, Arch>>;

/** A key of the table, which is the name of the architecture: make's ARCH=. */
export type ArchName = keyof typeof TABLE;

export const ARCHITECTURES: Readonly<Record<ArchName, Arch>> = TABLE;
export const ARCH_NAMES = Object.keys(TABLE) as ArchName[];

/** Of whatever names none. */
export const DEFAULT_ARCH: ArchName = "x86_64";

/** Of a toolchain or a machine. */
export function archOf({ arch = DEFAULT_ARCH }: { readonly arch?: ArchName | undefined }): Arch {
  return ARCHITECTURES[arch];
}

/**
 * The architecture that a value of ARCH= means.
 * @param value Empty or undefined for none, as for make.
 * @returns null for one that is not in the table.
 */
export function archNamed(value: string | undefined): ArchName | null {
  if (!value) return DEFAULT_ARCH;
  return ARCH_NAMES.find((name) => name === value || ARCHITECTURES[name].aliases.includes(value)) ??
    null;
}

/** The architecture of an ELF file with this e_machine; undefined for one that is not in the table. */
export function archOfElf(machine: number): Arch | undefined {
  return Object.values(ARCHITECTURES).find(({ elfMachine }) => elfMachine === machine);
}
