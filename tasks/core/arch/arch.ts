// SPDX-License-Identifier: MIT
/**
 * What an architecture is to the host: every fact that differs from one to the next, and nothing
 * else. A file of this room fills it in for each, and table.ts lists them; a fact that is forgotten
 * does not compile.
 */

/** One architecture that kernels are built for and booted on. */
export interface Arch {
  /** make's ARCH=, and the name everywhere here. */
  readonly name: string;
  /** Other values of ARCH= that mean it (the top Makefile's SRCARCH lines). */
  readonly aliases: readonly string[];
  /** Its folder below a kernel tree, such as "arch/x86" (SRCARCH of the top Makefile). */
  readonly folder: string;
  /** clang's --target= for it (scripts/Makefile.clang). */
  readonly target: string;
  readonly debian: DebianNames;
  readonly systemCalls: SystemCallTable;
  /**
   * What boots of a kernel with these values in its .config.
   * @param readSource text of a file of its tree, null where there is none
   */
  readonly image: (
    config: ReadonlyMap<string, string>,
    readSource: (file: string) => Promise<string | null>,
  ) => Promise<BootImage>;
  readonly qemu: QemuFacts;
  /** e_machine of its ELF files (EM_* of include/uapi/linux/elf-em.h). */
  readonly elfMachine: number;
  /** As people call it in a sentence. */
  readonly title: string;
  readonly code: CodeFacts;
  /** Lines of Kconfig, without a value, that the guest's runtime needs beside debugfs. */
  readonly guestOptions: readonly string[];
  readonly log: LogFacts;
}

/** How Debian names an architecture. */
export interface DebianNames {
  /** Of packages (`dpkg --print-architecture`). */
  readonly packages: string;
  /** Of the folders of libraries (`dpkg-architecture -qDEB_HOST_MULTIARCH`). */
  readonly libraries: string;
}

export interface SystemCallTable {
  /** Lines `<number> <abi> <name> …`, below the tree. */
  readonly file: string;
  /** The ABIs of the table that a 64-bit program has. */
  readonly abis: readonly string[];
}

/** What QEMU's -kernel takes. */
export interface BootImage {
  /** The make target that builds it; "vmlinux" is built in any case. */
  readonly target: string;
  /** Below the build folder. */
  readonly file: string;
}

/** Names of a package, by the package managers that are known (core/matrix/requirements.ts). */
export interface PackageNames {
  readonly apt: string;
  readonly dnf: string;
  readonly pacman: string;
  readonly zypper: string;
}

/** QEMU's words for one architecture. */
export interface QemuFacts {
  readonly program: string;
  readonly packages: PackageNames;
  /** The least version that will do, and for what. */
  readonly minimum: { readonly version: string; readonly for: string };
  /** -machine of a machine that names no type. */
  readonly machineType: string;
  /** The same for a kernel on a real base, with these values in its .config. */
  readonly machineFor: (config: ReadonlyMap<string, string>) => string;
  /** Types whose -machine value says more than their name. */
  readonly machineValues: Readonly<Record<string, string>>;
  /** -cpu, by accelerator. */
  readonly cpu: { readonly kvm: string; readonly tcg: string };
  /** What comes in front of a machine's own words on the kernel's command line, in this order. */
  readonly commandLine: (how: BootHow) => readonly string[];
  /** The device by which the guest's results leave it; `chardev` is the id of their file. */
  readonly resultsDevice: (chardev: string) => readonly string[];
  /** The device by which the guest ends QEMU. */
  readonly exitDevice: readonly string[];
  /** QEMU's exit code for a code that the guest gives to that device. */
  readonly exitCode: (guestCode: number) => number;
}

/** What of a boot decides about the kernel's command line. */
export interface BootHow {
  readonly accel: "kvm" | "tcg";
  readonly cpus: number;
}

/** Machine code and relocations. */
export interface CodeFacts {
  /**
   * Finds what may be a direct call or a tail call in a section of a linked image.
   * @param code The section's bytes.
   * @param address Of its first byte.
   * @param found Gets the address that is called, and where it returns to: null for a tail call.
   */
  readonly calls: (
    code: Uint8Array,
    address: number,
    found: (target: number, returnsTo: number | null) => void,
  ) => void;
  /** Whether the operand at this place of a section of an object is that of a direct call. */
  readonly isCall: (code: Uint8Array, operand: number) => boolean;
  /** Types of relocation that the kernel's loader of modules carries out (its module.c). */
  readonly moduleRelocations: ReadonlySet<number>;
  /**
   * Types that hold the address of data. The number is added to the addend, in bytes, to get the
   * place in the symbol's section: what a pc-relative operand counts from the end of its instruction.
   */
  readonly addressRelocations: ReadonlyMap<number, number>;
}

/** Functions that stand on a stack and do not say what went wrong, as far as an architecture has its own. */
export interface PassedOverFunctions {
  /** Entry and handling of exceptions. */
  readonly traps: readonly RegExp[];
  /** Entry of interrupts, and those of the tick and the watchdogs. */
  readonly interrupts: readonly RegExp[];
  /** Entry of system calls, of threads and of the kernel. */
  readonly entry: readonly RegExp[];
  readonly idle: readonly RegExp[];
  /** Machine code of calls and returns that compilers have others make. */
  readonly thunks: readonly RegExp[];
  /** Copies of memory. */
  readonly memory: readonly RegExp[];
  /** Accesses to registers. */
  readonly accessors: readonly RegExp[];
}

/**
 * What a kernel's log says in the words of one architecture, in all versions that logs come from.
 * Functions are whole names without suffixes of a compiler; those of `passedOver` are without the
 * underscores that they begin with, too.
 */
export interface LogFacts {
  /** In front of the function where the CPU was; null where the log has no such line. */
  readonly place: RegExp | null;
  /** The same line where the CPU was in user space, from its beginning. */
  readonly userPlace: RegExp | null;
  /** Functions through which an interrupt came in: below it is another context. */
  readonly interruptEntry: RegExp | null;
  /** Beginnings of functions through which an exception came in. */
  readonly exceptionEntry: RegExp | null;
  /** In front of the name of a system call's function, without "_". */
  readonly systemCallPrefix: RegExp | null;
  /** Beginnings of lines that come behind the whole title of a report. */
  readonly body: RegExp | null;
  /** Beginnings of other lines of a report: registers and tables of the CPU. */
  readonly part: RegExp | null;
  readonly passedOver: PassedOverFunctions;
}

/** For the log of an architecture that has no function of a class. */
export const NONE_PASSED_OVER: PassedOverFunctions = {
  traps: [],
  interrupts: [],
  entry: [],
  idle: [],
  thunks: [],
  memory: [],
  accessors: [],
};
