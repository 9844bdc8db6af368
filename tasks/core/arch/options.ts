// SPDX-License-Identifier: MIT
/**
 * Options that are on for one architecture alone, by which a .config tells what it is of, and what
 * that is called. Of two that one .config may have, the narrower comes first.
 */
export const OPTIONS_OF_ARCHITECTURES: Readonly<Record<string, string>> = {
  CONFIG_X86_64: "x86-64",
  CONFIG_X86_32: "32-bit x86",
  CONFIG_UML: "User Mode Linux",
  CONFIG_ARM64: "arm64",
  CONFIG_ARM: "arm",
  CONFIG_RISCV: "riscv",
  CONFIG_PPC: "powerpc",
  CONFIG_S390: "s390",
  CONFIG_MIPS: "mips",
  CONFIG_LOONGARCH: "loongarch",
  CONFIG_SPARC: "sparc",
  CONFIG_PARISC: "parisc",
  CONFIG_ALPHA: "alpha",
  CONFIG_M68K: "m68k",
  CONFIG_SUPERH: "sh",
  CONFIG_XTENSA: "xtensa",
  CONFIG_ARC: "arc",
  CONFIG_CSKY: "csky",
  CONFIG_HEXAGON: "hexagon",
  CONFIG_MICROBLAZE: "microblaze",
  CONFIG_NIOS2: "nios2",
  CONFIG_OPENRISC: "openrisc",
};
