// SPDX-License-Identifier: MIT
/** What the recordings of a boot say. */
import type { Failure } from "./errors.ts";
import type { PromiseReport } from "./promises.ts";

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
  readonly promises: PromiseReport;
  readonly guest: {
    readonly release: string | null;
    readonly uptimeMs: number | null;
  };
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
