// SPDX-License-Identifier: MIT
/** What a run and its cells come to. */
import type { DedupFigures } from "../../../selftests/contract/dedup.ts";
import type { Feature } from "../../../selftests/contract/features.ts";
import type { BootPhase, OverBudget } from "./boot.ts";
import type { BuildStart, Inspection, KernelBuild, LeftOut, SandboxUse } from "./build.ts";
import type { Failure } from "./errors.ts";
import type { Accel, CellId, FuzzyHunk, ShardRecord } from "./plan.ts";
import type { PromiseReport } from "./promises.ts";
import type { Comparison, SplatReport, TestResult } from "./result.ts";
import type { SourceIdentity } from "./source.ts";
import type { Stage } from "./stage_table.ts";

export type StageOutcome =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly failure: Failure; readonly reruns?: readonly Failure[] }
  | { readonly kind: "flaky"; readonly failures: readonly Failure[]; readonly runs: number }
  /** Its kernel's source cannot be had, and the run goes on without it. */
  | { readonly kind: "left-out"; readonly failure: Failure }
  /** Not reached yet: only in the report of a run that goes on, or was killed here. */
  | { readonly kind: "pending" }
  | { readonly kind: "blocked"; readonly by: Stage | "setup" | "interrupt" | "fail-fast" };

export interface StageResult {
  readonly stage: Stage;
  readonly outcome: StageOutcome;
  readonly durationMs: number;
  /** When it began, from the run's start; missing where it did not, and in older run.json. */
  readonly startedMs?: number;
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
    /** What they are on top of, where that is not tinyconfig. */
    readonly base?: string;
    readonly fragments: readonly string[];
    /** Those of the build; what the machine adds is not among them. */
    readonly features: readonly Feature[];
  } | null;
  readonly build:
    | Pick<KernelBuild, "objects" | "compiled" | "reasons" | "cacheUse" | "lateUse"> & {
      /** How much of its time, 0 to 1, the machine was overloaded; older runs do not tell. */
      readonly stalledShare?: number;
      /** The build that its folder began as a copy of. */
      readonly start?: BuildStart;
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
    /** Of each phase, 0 to 1: how much of it the machine was overloaded; older runs do not tell. */
    readonly stalledShares?: Readonly<Partial<Record<BootPhase, number>>>;
    readonly overBudget: readonly OverBudget[];
    /** The kernel's, of the last boot that has told it. */
    readonly release: string | null;
  } | null;
  /** How the kernel has answered, in all boots of the cell. */
  readonly promises: PromiseReport | null;
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
  /** Nothing was judged: its kernel's source cannot be had. The reason is no failure of the run. */
  | { readonly kind: "left-out"; readonly failures: readonly [Failure] }
  | { readonly kind: "unfinished"; readonly why: string };

/** What a run cost, for the benchmark. */
export interface Usage {
  /** Wall time in ms during which each program ran, by its name. */
  readonly programsMs: Readonly<Record<string, number>>;
  /** The largest resident size of this tool itself, without its children. */
  readonly peakMiB: number;
}

/** Of run.json; another one is another shape, which this version does not read. */
export const RUN_FORMAT = 3;

/** What a run, or a part of it, had for an entry of the lists of a project. */
export interface ListUse {
  /** That the entry is not needed. */
  readonly failure: Failure;
  /** Ids of the cells that it is for. */
  readonly cells: readonly string[];
  /** Those of them that came far enough to have had a use for it. */
  readonly heard: readonly string[];
  readonly used: boolean;
}

/** A shard that a merged run has taken in. */
export interface MergedShard {
  readonly index: number;
  /** The folder or archive, as it was named. */
  readonly from: string;
  readonly host: string;
  readonly cores: number;
  readonly accel: Accel | null;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly cells: number;
}

/** Of which shards a run was made (`merge`). */
export interface MergeRecord {
  /** Digests of the plan and of the tool. */
  readonly plan: string;
  readonly tool: string;
  /** Shards of the plan. */
  readonly of: number;
  readonly shards: readonly MergedShard[];
}

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
  /** Where it is a part of a run on several machines. */
  readonly shard?: ShardRecord;
  /** Of a shard: what the lists say of its cells; missing where they say nothing of the run. */
  readonly lists?: readonly ListUse[];
  /** Where it was made of shards. */
  readonly merged?: MergeRecord;
}
