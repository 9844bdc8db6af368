// SPDX-License-Identifier: MIT
/** What `repro.sh` is made of: what was judged, and what it came to. */
import { globMatcher } from "../model/cells.ts";
import type {
  Accel,
  BootRecord,
  CellResult,
  DeclaredTest,
  Expectation,
  Machine,
  SourceIdentity,
  SourceSpec,
  Stage,
  TestOutcome,
} from "../model/model.ts";
import type { MakeRequest } from "../build/make.ts";

/** What a test must come to for the cell to be as declared; "any" where the matrix excuses it. */
export interface ExpectedTest {
  readonly id: string;
  readonly want: "ok" | "skip" | "any";
}

export interface BootFacts {
  readonly machine: Machine;
  readonly accel: Accel;
  readonly timeoutSeconds: number;
  /** SHA-256 of the files. */
  readonly digests: { readonly image: string; readonly initramfs: string };
  /** What QEMU loads: `name` beside the script, or `path`; `file` below the build folder. */
  readonly image: { readonly path: string; readonly file: string; readonly name: string };
  readonly expected: readonly ExpectedTest[];
  /** Tests that were not as expected. */
  readonly failed: readonly string[];
  /** Tests during which the kernel complained; what they reported themselves does not count. */
  readonly complained: readonly string[];
  /** Failed results of the tree's own C programs, which the script does not judge. */
  readonly beyond: readonly string[];
  /** First lines of complaints that are known and allowed. */
  readonly allowed: readonly string[];
  /** The kernel complained at all. */
  readonly complaints: boolean;
  /** The guest came to its end. */
  readonly complete: boolean;
}

export interface ReproFacts {
  readonly cell: string;
  /** The stage that failed; "boot" and "parse" stand for the boot and its tests. */
  readonly stage: Stage;
  /** The messages of the verdict. */
  readonly recorded: readonly string[];
  readonly repeat: string;
  readonly source: SourceSpec;
  readonly version: string;
  /** What was judged; null where it could not be found out. */
  readonly identity: SourceIdentity | null;
  /** The diffs in series/ beside the script, in order, and the folders to take off their names. */
  readonly series: readonly { readonly name: string; readonly strip: number }[];
  /** They were applied with --fuzz. */
  readonly fuzz?: boolean;
  readonly make: Pick<MakeRequest, "toolchain" | "variables">;
  /** The compiler plugin, in plugin/ beside the script; null for a kernel without. */
  readonly plugin: {
    readonly llvmConfig: string;
    /** SHA-256 of each file, by its name; those that end in `.cpp` are compiled. */
    readonly files: Readonly<Record<string, string>>;
    /** What make calls in the compiler's place: `compiler` there, and the name that it needs. */
    readonly script?: { readonly name: string; readonly sha256: string };
  } | null;
  readonly targets: readonly string[];
  /** SHA-256 of .config beside the script; null where it did not come to one. */
  readonly config: string | null;
  /** What is asked of the .config, an option a line; of a failed gate. */
  readonly request: readonly string[];
  /**
   * What request.config beside the script is: the whole .config before its last `olddefconfig`, or
   * lines to go on top of what these targets make.
   */
  readonly base: "whole" | readonly string[];
  readonly boot: BootFacts | null;
}

/** What a boot was judged by. */
export interface JudgedBoot {
  readonly record: Pick<BootRecord, "features">;
  readonly result: Pick<CellResult, "tests">;
  readonly declared: readonly DeclaredTest[];
  readonly expect: Expectation;
}

/** What each test of a boot must come to, in its order. */
export function expectedTests({ record, result, declared, expect }: JudgedBoot): ExpectedTest[] {
  const excused = expect.kind === "fail" && expect.tests.length > 0
    ? globMatcher(expect.tests)
    : () => false;
  return result.tests.flatMap(({ id }) => {
    const requires = declared.find((test) => test.id === id)?.requires;
    if (requires === undefined) return [];
    const lacking = requires.some((feature) => !record.features.includes(feature));
    return [{ id, want: excused(id) ? "any" : lacking ? "skip" : "ok" }];
  });
}

/** Ids of the tests that failed by what they reported, and of those that the kernel spoiled. */
export function failedTests(
  boot: JudgedBoot,
): Pick<BootFacts, "failed" | "complained" | "beyond"> {
  const wants = new Map(expectedTests(boot).map(({ id, want }) => [id, want]));
  const ids = (wanted: (outcome: TestOutcome) => boolean) =>
    boot.result.tests.filter(({ id, outcome }) =>
      ["ok", "skip"].includes(wants.get(id) ?? "") && wanted(outcome)
    ).map(({ id }) => id);
  const spoiled = (outcome: TestOutcome) =>
    outcome.kind === "failed" && !outcome.endedBoot && outcome.failure.complaint !== undefined;
  return {
    failed: ids((outcome) =>
      (outcome.kind === "failed" && !spoiled(outcome)) || outcome.kind === "not-run"
    ),
    complained: ids(spoiled),
    beyond: boot.result.tests.filter(({ id, outcome }) =>
      !wants.has(id) && outcome.kind === "failed"
    ).map(({ id }) => id),
  };
}
