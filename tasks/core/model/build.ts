// SPDX-License-Identifier: MIT
/** A configured and a built kernel, and what was found in it. */
import type { Feature } from "../../../selftests/contract/features.ts";
import type { BootImage } from "../arch/arch.ts";
import type { Toolchain } from "./plan.ts";
import type { SourceTree } from "./source.ts";

/** What a configuration asks of the machine, and of time limits. */
export interface KernelDemands {
  /** QEMU's -machine, where the matrix says none. */
  readonly machineType: string;
  /** How many times longer than one of our small kernels it takes, KASAN apart; at least 1. */
  readonly slowness: number;
  /** Whether its memory has a shadow. */
  readonly shadowed: boolean;
}

export interface KernelConfig {
  readonly source: SourceTree;
  readonly key: string;
  /** The O= folder, absolute. */
  readonly buildDir: string;
  readonly toolchain: Toolchain;
  /** The compiler plugin that it is built with, absolute; missing for none. */
  readonly plugin?: string;
  /** What make calls in the compiler's place, absolute; missing for the compiler itself. */
  readonly compiler?: string;
  readonly features: readonly Feature[];
  /** What QEMU loads of this configuration. */
  readonly image: BootImage;
  /** Of a real base; null for tinyconfig, of which machines and limits of the matrix are made. */
  readonly demands: KernelDemands | null;
  /** For people: what --kconfig-add replaces, and what became of a real base. */
  readonly notices: readonly string[];
  readonly inputs: BuildInputs;
  readonly durationMs: number;
}

export interface Warning {
  /** The make target whose output it was, e.g. "fs/select.o"; "" where unknown. */
  readonly target: string;
  readonly text: string;
}

/** A build that another one began with. */
export interface BuildStart {
  /** Its build key. */
  readonly key: string;
  /** `<kernel>/<config>` */
  readonly name: string;
}

export interface KernelBuild {
  readonly config: KernelConfig;
  readonly vmlinux: string;
  /** What QEMU loads: vmlinux, or what the architecture has made of it; absolute. */
  readonly image: string;
  /** Paths of the .ko files below the build folder. */
  readonly modules: readonly string[];
  readonly log: string;
  readonly warnings: readonly Warning[];
  /** C objects of the kernel compiled so far in this build folder. */
  readonly objects: number;
  /** False: nothing had changed and no compiler was started. */
  readonly compiled: boolean;
  /** What is different since this was built last; none for a first build and for no build. */
  readonly reasons: readonly string[];
  /** What ccache did in this run; null without it. */
  readonly cacheUse: CacheUse | null;
  /** What was instrumented late in this run; missing for nothing. */
  readonly lateUse?: LateUse;
  /** How much of the time, 0 to 1, the machine was overloaded; missing where the host does not tell. */
  readonly stalledShare?: number;
  /** The build that its folder began as a copy of; missing where it began with nothing. */
  readonly start?: BuildStart;
  /** Static programs of the tree's own KCOV selftest, absolute; none where it has none. */
  readonly selftests: readonly string[];
  readonly durationMs: number;
}

export interface Inspection {
  /** Calls of each instrumentation callback in vmlinux, by name. */
  readonly calls: Readonly<Record<string, number>>;
  /** Sizes of all functions in vmlinux's .text. */
  readonly textBytes: number;
  /** null where the kernel has no guards. */
  readonly guardBytes: number | null;
  readonly modules: readonly ModuleInspection[];
  /** Of a kernel that is instrumented for KCOV dataflow. */
  readonly dataflow?: DataflowFigures;
  /** Of a brought kernel whose base is known. */
  readonly leftOut: LeftOut | null;
}

/**
 * What KCOV dataflow's plugin notes in the objects of a kernel and its modules (docs/dataflow.md), in
 * sum. How often vmlinux calls what it has added is in {@linkcode Inspection.calls}.
 */
export interface DataflowFigures {
  /** Objects with a note. */
  readonly objects: number;
  readonly functions: number;
  /** Calls that tell of an argument, and those that say that nothing is known of one. */
  readonly args: number;
  readonly lost: number;
  readonly rets: number;
  /** Tables of fields, and the bytes of their pairs. */
  readonly tables: number;
  readonly tableBytes: number;
}

/** Objects with code and no call that the base of a kernel does not leave out, by their paths. */
export interface LeftOut {
  /** Compiled without -fsanitize-coverage. */
  readonly byFlags: readonly string[];
  /** Compiled with it, and each function has an attribute that keeps it away, such as by `__init`. */
  readonly byAttributes: readonly string[];
  /** Compiled with it, without a call, and the compiler could not be asked for the attributes. */
  readonly unexplained: readonly string[];
}

export interface ModuleInspection {
  /** Path below the build folder. */
  readonly name: string;
  readonly calls: Readonly<Record<string, number>>;
  readonly textBytes: number;
  /** Guards that the calls use. */
  readonly guards: number;
}

export interface BuildInputs {
  /** Ids of what the matrix calls kernel, config and toolchain. */
  readonly kernel: string;
  readonly config: string;
  readonly toolchain: string;
  readonly source: Pick<SourceTree, "path" | "version" | "digest" | "patches">;
  /** What the fragments go on top of, where that is not tinyconfig. */
  readonly base?: string;
  /** The base plus this: a line each option. */
  readonly fragment: string;
  /** What compiler and linker say of themselves. */
  readonly compiler: string;
  /** What they consist of: a digest of each file, by its path. Older versions kept none. */
  readonly toolchainFiles?: Readonly<Record<string, string>>;
  /** The caller's variables that decide about a build. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where late instrumentation was turned off (docs/late-instrumentation.md). */
  readonly late?: "off";
  /** Digest of the compiler plugin (docs/dataflow.md); missing for a build without. */
  readonly plugin?: string;
  /** Form of its calls and digest of the script in front of the compiler, where there is one. */
  readonly form?: string;
}

export interface CacheUse {
  readonly hits: number;
  /** Compilations that could be cached. */
  readonly calls: number;
  /** Hits that came from CCACHE_REMOTE_STORAGE. */
  readonly remoteHits: number;
  /** Compilations in which it did not answer, or did not take what it was given; missing for none. */
  readonly remoteFailures?: number;
}

/** What late instrumentation came to (docs/late-instrumentation.md). */
export interface LateUse {
  /** C objects that were made of what all coverage variants share. */
  readonly objects: number;
  /** How many of them found it in the compiler cache, and cost no compilation. */
  readonly shared: number;
}

/** How this run's builds are confined. */
export type SandboxUse =
  | { readonly kind: "bubblewrap" }
  /** `why` is for people: "off", or what is missing. */
  | { readonly kind: "none"; readonly why: string };
