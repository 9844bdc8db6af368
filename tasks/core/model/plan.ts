// SPDX-License-Identifier: MIT
/** What is to be done: kernels, configs, machines, cells and the settings of a run. */
import type { ArchName } from "../arch/table.ts";
import type { FragmentLine } from "../kconfig/fragment.ts";
import type { PromiseBook } from "./promises.ts";
import type { AllowedSplat } from "./result.ts";

/** `<kernel>/<config>[@<toolchain>][/<machine>]`; the defaults of the matrix are not written. */
export type CellId = string & { readonly __brand: "CellId" };

/**
 * What a config may require of a compiler; each is probed by compiling (steps/doctor.ts). "dataflow" is
 * a plugin for it, which is compiled where a cell requires it (steps/dataflow_plugin.ts).
 */
export const COMPILER_FEATURES = [
  "trace-pc",
  "trace-cmp",
  "trace-pc-guard",
  "drop-ctors",
  "kernel-address",
  "dataflow",
] as const;
export type CompilerFeature = typeof COMPILER_FEATURES[number];

export interface Toolchain {
  readonly id: string;
  /** The value of make's LLVM=: "1", a suffix such as "-22", or a folder ending in "/". */
  readonly llvm: string;
  /** Replaces clang itself (make's CC=), from the environment; undefined for none. */
  readonly cc?: string | undefined;
  /** What it compiles for, from ARCH= of the environment; that of core/arch/table.ts without it. */
  readonly arch?: ArchName | undefined;
  /** LLVM= or CC= of the environment stand here, and not what the matrix says. */
  readonly replaced?: boolean;
}

export interface Machine {
  readonly id: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** QEMU's -machine value. */
  readonly type: string;
  /** As of its cells' toolchains. */
  readonly arch?: ArchName | undefined;
  /** Appended to the kernel command line. */
  readonly cmdline: string;
  /** What was asked for in so many words, and no configuration changes. */
  readonly fixed?: readonly ("type" | "memory")[];
  /** Further arguments of QEMU, behind all others: of `deno task repro --qemu-arg`. */
  readonly qemuArgs?: readonly string[];
}

/** One step to the .config that a config's fragments go on top of. */
export type BaseStep =
  /** A target of the tree's own make: `defconfig`, `x86_64_defconfig`, `kvm_guest.config`. */
  | { readonly kind: "target"; readonly name: string }
  /** A .config file of the user's. */
  | {
    readonly kind: "file";
    /** Absolute. */
    readonly path: string;
    /** As the user wrote it, for people. */
    readonly written: string;
    /** The variable that the path begins with, where it has no value. */
    readonly unset?: string;
  };

export interface ConfigSpec {
  readonly id: string;
  /** In their order; without it, tinyconfig alone. A file is the first. */
  readonly base?: readonly BaseStep[];
  /** Of --config, and not of the matrix. */
  readonly given?: boolean;
  /** Names of configs/<name>.config, merged in this order on top of guest.config and the base. */
  readonly fragments: readonly string[];
  /** Takes the place of the fragments, in a build folder of that name; of bisect-config. */
  readonly request?: { readonly lines: readonly FragmentLine[]; readonly folder: string };
  readonly requires: readonly CompilerFeature[];
}

export type SourceSpec =
  | {
    readonly kind: "debian";
    readonly package: string;
    /**
     * Where it comes from if it is not installed, apart from the system's apt: "trixie-backports", or
     * "backports" for those of the machine's own release. Without it, the system's apt installs it.
     */
    readonly suite?: string;
  }
  | {
    readonly kind: "tarball";
    readonly location: string;
    readonly sha256: string;
    /** As of a tree. */
    readonly unset?: string;
  }
  | { readonly kind: "git"; readonly repository: string; readonly ref: string }
  | {
    readonly kind: "tree";
    readonly path: string;
    /** The variable that the path begins with, where it has no value: there is no such source. */
    readonly unset?: string;
  }
  /** Commits of a repository on this machine: what the last one of them holds. */
  | {
    readonly kind: "commits";
    /** A checkout or a bare repository, absolute. */
    readonly repository: string;
    /** As the user wrote it, for people. */
    readonly range: string;
    /** Ids: the one that the others build on, and the way from it to the last one. */
    readonly base: string;
    readonly commits: readonly { readonly id: string; readonly subject: string }[];
  };

/** One patch of a series. */
export interface SeriesPatch {
  /** A diff, or a mail with one; absolute. */
  readonly file: string;
  /** Leading folders to take off its names, as of patch's -p; undefined: 1, or 0 where none has one. */
  readonly strip?: number | undefined;
}

/** A hunk that applied although not all of its context matched. */
export interface FuzzyHunk {
  readonly patch: string;
  readonly file: string;
  /** From 1; null where it is not known. */
  readonly hunk: number | null;
  /** Of the file where it applied. */
  readonly line: number;
  /** Lines of context that matched before and behind it. */
  readonly context: readonly [number, number];
}

export interface KernelSpec {
  readonly id: string;
  /** The folder of kernel.yaml, absolute. */
  readonly dir: string;
  readonly source: SourceSpec;
  /** Tried in this order where `source` cannot be had. */
  readonly otherSources?: readonly SourceSpec[];
  /** In the order in which they apply. */
  readonly series: readonly SeriesPatch[];
  /** Hunks may apply with less than their whole context (--fuzz). */
  readonly fuzz?: boolean;
  /** Keeps a tree of its own without patches too, so that its path is the same for any series. */
  readonly ownTree?: boolean;
  /** Named on the command line and not in the project: a stranger may have written it. */
  readonly brought?: boolean;
  /** The kernel of the project that its series goes on top of. */
  readonly base?: string;
  /**
   * Globs of objects that the tree leaves uninstrumented; null: nothing is known of it. Of a brought
   * kernel those of its base, of which it may differ.
   */
  readonly uninstrumented: readonly string[] | null;
  /** Its series lacks patches that `uninstrumented` counts on. */
  readonly incomplete?: boolean;
}

export type Expectation =
  | { readonly kind: "pass" }
  | { readonly kind: "skip" }
  | {
    readonly kind: "fail";
    /** Globs over `<fixture>.<variant>.<test>`; empty: the cell as a whole must fail. */
    readonly tests: readonly string[];
    readonly reason: string;
    readonly link: string;
    /** YYYY-MM-DD; from that day on the entry itself is an error. */
    readonly expires: string;
    /** "matrix.yaml:12"; none where it does not come from a file. */
    readonly place?: string;
  };

/** A compiler, linker or objtool warning that is known and why it may stay. */
export interface KnownWarning {
  readonly match: string;
  readonly cells: readonly string[];
  readonly reason: string;
  /** "matrix.yaml:12" */
  readonly place: string;
}

export interface Cell {
  readonly id: CellId;
  readonly kernel: KernelSpec;
  readonly config: ConfigSpec;
  readonly toolchain: Toolchain;
  readonly machine: Machine;
  readonly expect: Expectation;
}

export interface Matrix {
  readonly file: string;
  readonly toolchains: readonly Toolchain[];
  readonly machines: readonly Machine[];
  readonly configs: readonly ConfigSpec[];
  readonly kernels: readonly KernelSpec[];
  /** The declared cells, in order. */
  readonly cells: readonly Cell[];
  readonly warnings: readonly KnownWarning[];
  /** Of splats.yaml beside the matrix file. */
  readonly splats: readonly AllowedSplat[];
  /** Of kernels/<id>/promises.yaml. */
  readonly promises: PromiseBook;
  /** What one of --tree, --series or --range gets its cells from; null for none. */
  readonly template: CellTemplate | null;
}

/** Cells of a kernel that the matrix does not name; at least one of the two is there. */
export interface CellTemplate {
  /** Id of the kernel whose cells it gets, with their machines, toolchains and expectations. */
  readonly kernel: string | null;
  /** Ids of configs that it gets besides, on the default toolchain and machine. */
  readonly configs: readonly string[];
}

export interface Plan {
  readonly matrix: Matrix;
  readonly cells: readonly Cell[];
  /** --kconfig-add values, in order. */
  readonly kconfigAdd: readonly string[];
  readonly settings: RunSettings;
  /** Ids of kernels without whose source the run has failed; cells of others are left out then. */
  readonly mustHave?: readonly string[];
  /** Where it is one part of a plan for several machines. */
  readonly shard?: ShardRecord;
}

/** Which part of which plan a run is; goes into run.json, and tells a merge what belongs together. */
export interface ShardRecord {
  /** From 1. */
  readonly index: number;
  readonly of: number;
  /** The plan's digest. */
  readonly plan: string;
  /** A digest of the tool. */
  readonly tool: string;
  /** Name of the machine, and its cores as far as the run had them. */
  readonly host: string;
  readonly cores: number;
  /** Ids of the whole plan, in its order, and of each of its shards. */
  readonly cells: readonly string[];
  readonly shards: readonly (readonly string[])[];
}

export type AccelChoice = "auto" | "kvm" | "tcg";
export type Accel = "kvm" | "tcg";

/** Whether builds must be, may be or are not confined (core/build/sandbox.ts). */
export type SandboxChoice = "auto" | "require" | "off";

/** Whether objects may be instrumented late (docs/late-instrumentation.md). */
export type LateChoice = "on" | "off";

/** What the callbacks of KCOV dataflow take (docs/dataflow.md, "Forms"), as the plugin calls the forms. */
export const DATAFLOW_FORMS = ["own", "posted-pc", "posted-pointer"] as const;
export type DataflowForm = typeof DATAFLOW_FORMS[number];

/** What is asked of a run, whoever asks: the command line, a benchmark or a test. */
export interface Settings {
  /** Cores for builds and boots; null for all of the machine. */
  readonly jobs: number | null;
  readonly accel: AccelChoice;
  readonly sandbox: SandboxChoice;
  readonly lateInstrumentation: LateChoice;
  /**
   * Of kernels whose Makefiles ask for dataflow by flags of a compiler's own: cells that require it are
   * compiled by a script that takes these flags, and calls callbacks of this form. undefined: none are.
   */
  readonly dataflowForm?: DataflowForm | undefined;
  readonly failFast: boolean;
  /** Builds everything, in folders that are empty at first. */
  readonly freshBuild?: boolean;
  /** A kernel whose source cannot be had fails the run. */
  readonly requireAll?: boolean;
  /** Missing packages are installed; without it, the run is refused. */
  readonly install: boolean;
  /** Lines of Kconfig (`CONFIG_X=y`) for every cell, beyond its fragments. */
  readonly kconfigAdd: readonly string[];
  /** Limit of a whole boot in seconds, or null for the ladder of core/model/limits.ts. */
  readonly timeoutSeconds: number | null;
  /** Globs over test ids; empty for all. */
  readonly testFilter: readonly string[];
  /** How often a cell is booted; once without it. */
  readonly attempts?: AttemptPlan | undefined;
  /** A flaky cell does not fail the run. */
  readonly allowFlaky?: boolean;
  /** Failing cells that have booted are packed into archives. */
  readonly bundle?: boolean;
}

/** A run of which nothing special is asked. */
export const DEFAULT_SETTINGS: Settings = {
  jobs: null,
  accel: "auto",
  sandbox: "auto",
  lateInstrumentation: "on",
  dataflowForm: undefined,
  failFast: false,
  freshBuild: false,
  requireAll: false,
  install: true,
  kconfigAdd: [],
  timeoutSeconds: null,
  testFilter: [],
  attempts: undefined,
  allowFlaky: false,
  bundle: false,
};

/** Part `part` of `of` parts of the matrix, from 1. */
export interface Shard {
  readonly part: number;
  readonly of: number;
}

/** Which cells of a matrix a run has. */
export interface Selection {
  /** Globs over ids of cells; empty for all. */
  readonly globs: readonly string[];
}

/** The settings of a plan: what is asked for, with what machine and environment add. */
export interface RunSettings extends Omit<Settings, "jobs" | "kconfigAdd"> {
  readonly jobs: number;
  /** The caller's variables that make gets on its command line (core/model/environment.ts). */
  readonly makeVariables: Readonly<Record<string, string>>;
  /** The caller's variables that decide about a build and reach it by the environment. */
  readonly keyedVariables: Readonly<Record<string, string>>;
}

/** How often a cell is booted. */
export type AttemptPlan =
  /** Once more after each failed boot, up to so many times. */
  | { readonly kind: "retries"; readonly most: number }
  | { readonly kind: "repeat"; readonly count: number }
  | { readonly kind: "until-fail" }
  /** Again with the tests that did not run because one before them ended the boot. */
  | { readonly kind: "keep-going" };
