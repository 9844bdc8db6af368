// SPDX-License-Identifier: MIT
/**
 * What a failure was found by, as values. It tells a failure from others of its id, in another build
 * of the same kernel too; messages are for people, and nothing is decided by them.
 */

export type Evidence =
  /** A line that make, a compiler or a linker printed: the cause of a failed build. */
  | { readonly kind: "output"; readonly line: string }
  /** make did not make these; `endless` where it was stopped because it printed without end. */
  | { readonly kind: "make"; readonly targets: readonly string[]; readonly endless: boolean }
  /** Options that did not survive, in the order in which they were asked for; at least one. */
  | { readonly kind: "options"; readonly dropped: readonly DroppedOption[] }
  /** What a compiler does not have. */
  | { readonly kind: "compiler-feature"; readonly feature: string }
  /** What the inspection found, the first one first; at least one. */
  | { readonly kind: "findings"; readonly findings: readonly Finding[] }
  /** Where a patch does not apply; no problems where it cannot be read at all. */
  | {
    readonly kind: "patch";
    readonly patch: string;
    readonly problems: readonly { readonly kind: string; readonly file: string | null }[];
  }
  /** A file that is wrong or missing, by its name alone. */
  | { readonly kind: "file"; readonly name: string }
  /** Promises that were answered otherwise; `expected` is null where nothing is stated. */
  | {
    readonly kind: "promises";
    readonly broken: readonly {
      readonly promise: string;
      readonly expected: string | null;
      readonly answered: string;
    }[];
  }
  /** A kernel's source cannot be had: each place that was tried, in their order; at least one. */
  | { readonly kind: "sources"; readonly lacks: readonly SourceLack[] };

export const LACK_REASONS = [
  /** The index was read, and the package is not in it. */
  "gone",
  /** A mirror, a server or what it was to send could not be read. */
  "unreachable",
  /** apt has it for this release, and it is not installed. */
  "not-installed",
  /** No apt on this machine. */
  "no-apt",
  /** apt knows no mirror of Debian. */
  "no-mirror",
  /** The machine's release has no name. */
  "no-release",
  /** The variable that says where it is has no value. */
  "unset",
  /** No such file or folder. */
  "absent",
] as const;

/** Why one source of a kernel cannot be had; nobody's mistake. */
export interface SourceLack {
  /** As kernel.yaml has it, for people. */
  readonly source: string;
  readonly why: typeof LACK_REASONS[number];
  readonly text: string;
}

export interface DroppedOption {
  readonly option: string;
  /** What stands against it (core/kconfig/why_dropped.ts); null where nobody could be asked. */
  readonly cause: string | null;
  /** The fragment that asks for it ("configs/kasan.config"); absent where the command line does. */
  readonly fragment?: string;
}

/** One thing that is not as asked in a built kernel. */
export interface Finding {
  /** Which rule it breaks, such as "calls-missing". */
  readonly rule: string;
  /** The image, module or object that breaks it. */
  readonly of: string;
  /** The callback, section or flag that the rule is about; "" for none. */
  readonly what: string;
}

/** Addresses, offsets, times, process ids, file positions: what changes from run to run. */
export function withoutNumbers(text: string): string {
  return text.replace(/0x[0-9a-f]+|\b[0-9a-f]{8,}\b/gi, "N").replace(/\+N\/N/g, "")
    .replace(/\d+/g, "N").trim();
}

/** Equal for the same evidence, whatever its numbers, and short enough to be shown. */
export function evidenceKey(evidence: Evidence): string {
  switch (evidence.kind) {
    case "output":
      // Without the folder of the file that it is about.
      return withoutNumbers(evidence.line.replace(/^\S*\//, ""));
    case "make":
      return [...evidence.targets, ...(evidence.endless ? ["without end"] : [])].join(" ");
    case "options": {
      const [{ option, cause } = { option: "", cause: null }] = evidence.dropped;
      return [option, cause ?? ""].filter(Boolean).join(" ");
    }
    case "compiler-feature":
      return evidence.feature;
    case "findings": {
      const [{ rule, of, what } = { rule: "", of: "", what: "" }] = evidence.findings;
      return [of, rule, what].filter(Boolean).join(" ");
    }
    case "patch": {
      const [problem] = evidence.problems;
      return [evidence.patch, problem?.kind ?? "", problem?.file ?? ""].filter(Boolean).join(" ");
    }
    case "file":
      return evidence.name;
    case "promises":
      return evidence.broken.map(({ promise, answered }) => `${promise} ${answered}`).join(", ");
    case "sources":
      return evidence.lacks.map(({ source, why }) => `${source} ${why}`).join(", ");
  }
}
