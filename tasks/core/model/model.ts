// SPDX-License-Identifier: MIT
/**
 * Every value that crosses an arrow of the pipeline, in the order of the flow:
 *
 * matrix.yaml ─plan→ Plan ─fetch→ SourceArchive ─patch→ SourceTree ─configure→ KernelConfig
 *   ─build→ KernelBuild ─inspect→ Inspection ─pack→ Initramfs ─boot→ BootRecord
 *   ─parse→ CellResult ─report→ files and an exit code
 */
import type { Failure } from "./errors.ts";
import type { FragmentLine } from "../kconfig/kconfig.ts";
import type { Stage } from "./stage_table.ts";
import type { DedupFigures } from "../../../selftests/contract/dedup.ts";
import type { CoverRequest, DeclaredTest, Session } from "../../../selftests/main.ts";
import { type Feature, FEATURES } from "../../../selftests/contract/features.ts";

export { type Feature, FEATURES };
export { type Stage, STAGES } from "./stage_table.ts";
export type { CoverRequest, DeclaredTest, Session };

/** `<kernel>/<config>[@<toolchain>][/<machine>]`; the defaults of the matrix are not written. */
export type CellId = string & { readonly __brand: "CellId" };

/** What a config may require of a compiler; each is probed by compiling (steps/doctor.ts). */
export const COMPILER_FEATURES = [
  "trace-pc",
  "trace-cmp",
  "trace-pc-guard",
  "drop-ctors",
  "kernel-address",
] as const;
export type CompilerFeature = typeof COMPILER_FEATURES[number];

// ── plan ────────────────────────────────────────────────────────────────────────────────────────

export interface Toolchain {
  readonly id: string;
  /** The value of make's LLVM=: "1", a suffix such as "-22", or a folder ending in "/". */
  readonly llvm: string;
  /** Replaces clang itself (make's CC=), from the environment; undefined for none. */
  readonly cc?: string | undefined;
  /** LLVM= or CC= of the environment stand here, and not what the matrix says. */
  readonly replaced?: boolean;
}

export interface Machine {
  readonly id: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** QEMU's -machine value. */
  readonly type: string;
  /** Appended to the kernel command line. */
  readonly cmdline: string;
  /** Further arguments of QEMU, behind all others: of `deno task repro --qemu-arg`. */
  readonly qemuArgs?: readonly string[];
}

export interface ConfigSpec {
  readonly id: string;
  /** Names of configs/<name>.config, merged in this order on top of tinyconfig. */
  readonly fragments: readonly string[];
  /** Takes the place of the fragments, in a build folder of that name; of bisect-config. */
  readonly request?: { readonly lines: readonly FragmentLine[]; readonly folder: string };
  readonly requires: readonly CompilerFeature[];
}

export type SourceSpec =
  | { readonly kind: "debian"; readonly package: string }
  | { readonly kind: "tarball"; readonly location: string; readonly sha256: string }
  | { readonly kind: "git"; readonly repository: string; readonly ref: string }
  | { readonly kind: "tree"; readonly path: string }
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
  /** In the order in which they apply. */
  readonly series: readonly SeriesPatch[];
  /** Hunks may apply with less than their whole context (--fuzz). */
  readonly fuzz?: boolean;
  /** Keeps a tree of its own without patches too, so that its path is the same for any series. */
  readonly ownTree?: boolean;
  /** Named on the command line and not in the project: a stranger may have written it. */
  readonly brought?: boolean;
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
  /** The kernel whose cells one of --tree or --series takes over; null for none. */
  readonly template: string | null;
}

export interface Plan {
  readonly matrix: Matrix;
  readonly cells: readonly Cell[];
  /** --kconfig-add values, in order. */
  readonly kconfigAdd: readonly string[];
  readonly settings: RunSettings;
}

export type AccelChoice = "auto" | "kvm" | "tcg";
export type Accel = "kvm" | "tcg";

/** Whether builds must be, may be or are not confined (core/build/sandbox.ts). */
export type SandboxChoice = "auto" | "require" | "off";

/** What is asked of a run, whoever asks: the command line, a benchmark or a test. */
export interface Settings {
  /** Cores for builds and boots; null for all of the machine. */
  readonly jobs: number | null;
  readonly accel: AccelChoice;
  readonly sandbox: SandboxChoice;
  readonly failFast: boolean;
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
  failFast: false,
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
  readonly shard?: Shard | undefined;
}

/** The settings of a plan: what is asked for, with what machine and environment add. */
export interface RunSettings extends Omit<Settings, "jobs" | "kconfigAdd"> {
  readonly jobs: number;
  /** The caller's variables that make gets on its command line (core/model/environment.ts). */
  readonly makeVariables: Readonly<Record<string, string>>;
  /** The caller's variables that decide about a build and reach it by the environment. */
  readonly keyedVariables: Readonly<Record<string, string>>;
}

// ── fetch, patch ────────────────────────────────────────────────────────────────────────────────

export interface SourceArchive {
  readonly kernelId: string;
  readonly spec: SourceSpec;
  /** What was found, for people: "6.12.117-1~deb12u1", a commit, a sha256. */
  readonly version: string;
  /** Equal digest, equal content. */
  readonly digest: string;
  /** A compressed tar to unpack, or null where `tree` is there already. */
  readonly archive: string | null;
  /** A tree to use as it is, or null. */
  readonly tree: string | null;
  /** Of `tree`: changes whenever name, size or time of a file does that Kconfig reads. */
  readonly kconfigTimes?: string;
  /** Of `tree`: a file with its links that lead out of it; null for none (steps/kernel_tree.ts). */
  readonly linked?: string | null;
}

export interface SourceTree {
  readonly kernelId: string;
  readonly version: string;
  /** Equal digest, equal content. */
  readonly digest: string;
  /** Absolute; never written to by a build, and the same for all contents of one kernel id. */
  readonly path: string;
  /** A file that is as old as the tree's content; null for a tree that is not ours. */
  readonly stamp?: string | null;
  /** As {@linkcode KernelSpec.brought}. */
  readonly brought?: boolean;
  /** As {@linkcode SourceArchive.kconfigTimes}. */
  readonly kconfigTimes?: string;
  /** As {@linkcode SourceArchive.linked}. */
  readonly linked?: string | null;
  /** The commits and the series in their order, by name and digest. */
  readonly patches: readonly { readonly name: string; readonly digest: string }[];
  /** Where the series applied with fuzz; empty before it is applied. */
  readonly fuzz?: readonly FuzzyHunk[];
}

/** One file of a checkout that is not as in its commit. */
export interface ChangedFile {
  readonly path: string;
  readonly state: "added" | "changed" | "deleted";
}

/** What a checkout held beyond its commit. */
export interface TreeDiff {
  /** SHA-256 of the diff, which git can apply to the commit. */
  readonly sha256: string;
  readonly bytes: number;
  /** Below the run's folder; null where it is too big to be kept. */
  readonly file: string | null;
  /** The first of them. */
  readonly files: readonly ChangedFile[];
  readonly fileCount: number;
}

/** What a --tree held when it was judged. */
export interface TreeIdentity {
  readonly path: string;
  /** null where the tree is no checkout of git. */
  readonly git: {
    readonly commit: string;
    /** As `git describe --tags` says it; null where no tag is near. */
    readonly describe: string | null;
    /** null for a detached HEAD. */
    readonly branch: string | null;
    /** null where the files are the commit's; what .gitignore names counts for nothing. */
    readonly diff: TreeDiff | null;
  } | null;
  /** Of all files, where git does not give them again (core/source/source_identity.ts); else null. */
  readonly content: { readonly sha256: string; readonly follow: boolean } | null;
}

export interface PatchIdentity {
  readonly name: string;
  /** SHA-256 of the file. */
  readonly sha256: string;
  /** Of a mail; null elsewhere. */
  readonly subject: string | null;
  /** Address of the mail's sender. */
  readonly author: string | null;
}

/** What of a kernel's source was judged, to tell it from what is there later. */
export interface SourceIdentity {
  readonly kernel: string;
  readonly spec: SourceSpec;
  /** As {@linkcode SourceArchive.version}. */
  readonly version: string;
  /** As {@linkcode SourceArchive.digest}; of a tree it says when it was touched, too. */
  readonly digest: string;
  readonly patches: readonly PatchIdentity[];
  /** null for what is no local tree. */
  readonly tree: TreeIdentity | null;
}

// ── configure, build, inspect ───────────────────────────────────────────────────────────────────

export interface KernelConfig {
  readonly source: SourceTree;
  readonly key: string;
  /** The O= folder, absolute. */
  readonly buildDir: string;
  readonly toolchain: Toolchain;
  readonly features: readonly Feature[];
  readonly notices: readonly string[];
  readonly inputs: BuildInputs;
  readonly durationMs: number;
}

export interface Warning {
  /** The make target whose output it was, e.g. "fs/select.o"; "" where unknown. */
  readonly target: string;
  readonly text: string;
}

export interface KernelBuild {
  readonly config: KernelConfig;
  readonly vmlinux: string;
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
  /** Of a brought kernel whose base is known. */
  readonly leftOut: LeftOut | null;
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

// ── pack, boot ──────────────────────────────────────────────────────────────────────────────────

export interface Initramfs {
  readonly path: string;
  readonly digest: string;
  /** Every test that the guest declares, as read on the host. */
  readonly tests: readonly DeclaredTest[];
}

/** Why QEMU is not running any more, as the host saw it. */
export type BootEnd =
  | { readonly kind: "exited"; readonly code: number; readonly cause?: ExitCause }
  | {
    readonly kind: "limit";
    readonly rung: LimitRung;
    readonly afterMs: number;
    /** What the phase was allowed; null for the cap on bytes. */
    readonly limitMs?: number | null;
  }
  | { readonly kind: "not-started"; readonly message: string };

/** What made QEMU end with code 0, which the guest's exit port cannot give. */
export type ExitCause =
  /** The guest switched its machine off. */
  | "power-off"
  /** The machine was reset: by the kernel, or because the CPU had no way on. */
  | "reset"
  /** Somebody sent QEMU a signal that it obeys. */
  | "terminated";

export type LimitRung =
  | "no-output"
  | "init-not-reached"
  | "guest-silent"
  | "boot-limit"
  | "console-cap"
  | "results-cap";

/** How long the phases of a boot took, in ms, as the host saw it. */
export interface BootTimes {
  /** From QEMU's start to the first byte on the console. */
  readonly firstOutputMs: number;
  /** From QEMU's start to the guest's first frame. */
  readonly initMs: number;
  /** The longest time without a frame after that. */
  readonly silentMs: number;
  readonly bootMs: number;
}

export interface BootRecord {
  readonly cell: string;
  readonly accel: Accel;
  readonly argv: readonly string[];
  readonly end: BootEnd;
  readonly durationMs: number;
  /** When each stream and the first test began, in ms from QEMU's start; missing where it did not. */
  readonly firstByteMs?: {
    readonly console?: number;
    readonly results?: number;
    readonly test?: number;
  };
  /** When the last result came. */
  readonly lastByteMs?: number;
  readonly features: readonly Feature[];
  readonly filter: readonly string[];
  /** Sizes of the two recordings, so that one which was cut later is found out. */
  readonly bytes: { readonly console: number; readonly results: number };
  /** The longest time between two frames. */
  readonly silentMs?: number;
  /** What was booted, to find source lines by as long as it is there. */
  readonly kernel?: {
    readonly vmlinux: string;
    readonly modules: readonly string[];
    readonly bytes: number;
    readonly mtimeMs: number;
  };
}

// ── parse, report ───────────────────────────────────────────────────────────────────────────────

export type TestOutcome =
  | { readonly kind: "passed" }
  /** `reruns`: the failures of further boots, where there were some. */
  | {
    readonly kind: "failed";
    readonly failure: Failure;
    readonly reruns?: readonly Failure[];
    /** It ran when the boot ended, and its failure is the boot's. */
    readonly endedBoot?: boolean;
  }
  /** Failed in some of `runs` boots, and not in the others. */
  | { readonly kind: "flaky"; readonly failures: readonly Failure[]; readonly runs: number }
  | { readonly kind: "skipped"; readonly reason: string }
  /** A declared, strict expected failure that did fail. */
  | { readonly kind: "expected-failure"; readonly reason: string }
  /** Never ran: the id of the failure that ended the boot before; null where it ended as it should. */
  | { readonly kind: "not-run"; readonly by: string | null };

export interface TestResult {
  readonly id: string;
  readonly fixture: string;
  /** `<variant>.<test>`. */
  readonly name: string;
  readonly file: string;
  readonly durationMs: number;
  readonly outcome: TestOutcome;
  readonly diagnostics: readonly string[];
  /** What the test has attached, by name: any JSON. */
  readonly attachments: Readonly<Record<string, unknown>>;
}

/** One complaint of the kernel, for reports; core/console/splats.ts finds them. */
export interface SplatReport {
  /** "page-fault"; docs/verdicts.md lists all. */
  readonly id: string;
  /** Its first line and, where that names none, the function it happened in. */
  readonly title: string;
  /** When it came first: a test's id, "boot", "teardown" or "between tests". */
  readonly during: string;
  /** When it came besides, each once. */
  readonly alsoDuring: readonly string[];
  /** How often it came. */
  readonly times: number;
  /** False for the consequence of the one before it. */
  readonly root: boolean;
  /** Equal for the same complaint in all cells. */
  readonly fingerprint: string;
  readonly frames: readonly SplatFrame[];
  /** Why it may be there, where the allow list (splats.yaml) says so. */
  readonly allowed: AllowedSplat | null;
}

export interface SplatFrame {
  /** As printed: "f+0x12/0x340 [module]". */
  readonly place: string;
  /** "f fs/read_write.c:588", the innermost inlined function first; empty where nobody looked. */
  readonly source: readonly string[];
}

/** An entry of splats.yaml: a complaint that is known and does not fail a cell. */
export interface AllowedSplat {
  /** A regular expression over the title. */
  readonly pattern: string;
  /** Globs over cell ids. */
  readonly cells: readonly string[];
  readonly reason: string;
  readonly link: string;
  /** YYYY-MM-DD; from that day on the entry itself is an error. */
  readonly expires: string;
  /** "splats.yaml:3" */
  readonly place: string;
}

/** What one boot's recordings say; the same from a live run and from files of yesterday. */
export interface CellResult {
  readonly cell: string;
  /** null: the guest came up, ran its plan and ended as it should. */
  readonly boot: Failure | null;
  readonly tests: readonly TestResult[];
  readonly splats: readonly SplatReport[];
  readonly guest: {
    readonly release: string | null;
    readonly uptimeMs: number | null;
  };
}

export type StageOutcome =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly failure: Failure; readonly reruns?: readonly Failure[] }
  | { readonly kind: "flaky"; readonly failures: readonly Failure[]; readonly runs: number }
  /** Not reached yet: only in the report of a run that goes on, or was killed here. */
  | { readonly kind: "pending" }
  | { readonly kind: "blocked"; readonly by: Stage | "setup" | "interrupt" | "fail-fast" };

export interface StageResult {
  readonly stage: Stage;
  readonly outcome: StageOutcome;
  readonly durationMs: number;
  readonly note: string;
}

/**
 * What is known of a cell beside its verdict, each null (or empty) until it came that far.
 * core/report/cell_facts.ts makes them, core/report/properties.ts says them as texts.
 */
export interface CellFacts {
  /** How builds of its run were confined. */
  readonly sandbox: SandboxUse | null;
  /** `version` as {@linkcode SourceArchive.version}. */
  readonly kernel: { readonly id: string; readonly version: string } | null;
  /** Where its series applied with fuzz. */
  readonly fuzz: readonly FuzzyHunk[];
  readonly config: {
    /** The build key. */
    readonly key: string;
    readonly fragments: readonly string[];
    /** Those of the build; what the machine adds is not among them. */
    readonly features: readonly Feature[];
  } | null;
  readonly build:
    | Pick<KernelBuild, "objects" | "compiled" | "reasons" | "cacheUse"> & {
      /** How many of its warnings the matrix lists for the cell. */
      readonly listedWarnings: number;
    }
    | null;
  readonly inspection: Omit<Inspection, "leftOut"> | null;
  /** Of the last boot. */
  readonly boot: {
    readonly accel: Accel;
    readonly durationMs: number;
    readonly phasesMs: Readonly<Partial<Record<BootPhase, number>>>;
    readonly overBudget: readonly OverBudget[];
    /** The kernel's, of the last boot that has told it. */
    readonly release: string | null;
  } | null;
  /** What unique mode spares, where the cell has measured it. */
  readonly dedup: DedupFigures | null;
  /** The tree's C programs beside our port, where the cell has run them. */
  readonly cPrograms: Comparison | null;
}

/** Everything known about one cell at the end (or at any moment) of a run. */
export interface CellReport {
  readonly cell: CellId;
  readonly stages: readonly StageResult[];
  readonly tests: readonly TestResult[];
  readonly splats: readonly SplatReport[];
  /** The judgement after `expect` was applied. */
  readonly verdict: CellVerdict;
  readonly facts: CellFacts;
  /** What a brought kernel leaves uninstrumented beyond its base. */
  readonly leftOut?: LeftOut;
  /** The last bytes of the console, for reports. */
  readonly consoleTail: string;
  /** The command that does this cell again. */
  readonly repeat: string;
  /** Where it was booted more than once: each boot's folder below the run's, and its verdict. */
  readonly attempts?: readonly Attempt[];
}

export interface Attempt {
  readonly folder: string;
  readonly verdict: CellVerdict["kind"];
}

export type CellVerdict =
  | {
    readonly kind: "passed";
    readonly note: string;
    /** What the matrix expects of it, where that is not that it passes. */
    readonly declared?: "skip" | "fail";
  }
  | { readonly kind: "failed"; readonly failures: readonly Failure[] }
  /** Passed, but not in every boot. */
  | { readonly kind: "flaky"; readonly failures: readonly Failure[]; readonly allowed: boolean }
  | { readonly kind: "unfinished"; readonly why: string };

/** What a run cost, for the benchmark. */
export interface Usage {
  /** Wall time in ms during which each program ran, by its name. */
  readonly programsMs: Readonly<Record<string, number>>;
  /** The largest resident size of this tool itself, without its children. */
  readonly peakMiB: number;
}

/** Of run.json; another one is another shape, which this version does not read. */
export const RUN_FORMAT = 2;

export interface RunReport {
  readonly format: typeof RUN_FORMAT;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly accel: Accel | null;
  readonly cells: readonly CellReport[];
  readonly interrupted: "SIGINT" | "SIGTERM" | null;
  /** Failures that belong to the run as a whole: a missing tool, an expired entry. */
  readonly failures: readonly Failure[];
  /** A source each kernel, as far as the run came. */
  readonly sources: readonly SourceIdentity[];
  readonly usage: Usage;
}

/** How often a cell is booted. */
export type AttemptPlan =
  /** Once more after each failed boot, up to so many times. */
  | { readonly kind: "retries"; readonly most: number }
  | { readonly kind: "repeat"; readonly count: number }
  | { readonly kind: "until-fail" }
  /** Again with the tests that did not run because one before them ended the boot. */
  | { readonly kind: "keep-going" };

export interface BuildInputs {
  /** Ids of what the matrix calls kernel, config and toolchain. */
  readonly kernel: string;
  readonly config: string;
  readonly toolchain: string;
  readonly source: Pick<SourceTree, "path" | "version" | "digest" | "patches">;
  /** tinyconfig plus this: a line each option. */
  readonly fragment: string;
  /** What compiler and linker say of themselves. */
  readonly compiler: string;
  /** What they consist of: a digest of each file, by its path. Older versions kept none. */
  readonly toolchainFiles?: Readonly<Record<string, string>>;
  /** The caller's variables that decide about a build. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface CacheUse {
  readonly hits: number;
  /** Compilations that could be cached. */
  readonly calls: number;
  /** Hits that came from CCACHE_REMOTE_STORAGE. */
  readonly remoteHits: number;
}

/** How this run's builds are confined. */
export type SandboxUse =
  | { readonly kind: "bubblewrap" }
  /** `why` is for people: "off", or what is missing. */
  | { readonly kind: "none"; readonly why: string };

export const BOOT_PHASES = ["start", "kernel", "init", "tests", "exit"] as const;

export type BootPhase = typeof BOOT_PHASES[number];

/** A phase that took longer than is due. */
export interface OverBudget {
  readonly phase: BootPhase;
  readonly ms: number;
  readonly budgetMs: number;
}

/** Names of results, `<fixture>.<variant>.<test>`, of the programs and of our port. */
export interface Comparison {
  /** On both sides, with the same outcome where ours ran. */
  readonly same: readonly string[];
  readonly differing: readonly string[];
  readonly onlyC: readonly string[];
  /** Nothing is said of them where a program did not come to its end. */
  readonly onlyOurs: readonly string[];
  /** Whether every program came to its end. */
  readonly whole: boolean;
}
