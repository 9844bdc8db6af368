// SPDX-License-Identifier: MIT
/** Why one request was dropped, and its words for people. */
import type { Reason } from "./reason.ts";

/** The one thing that stands against a request. */
export type DropCause =
  | "no-such-option"
  /** A bool asked to be m, an int asked to be y, m without MODULES. */
  | "type"
  /** Another member of the same choice won. */
  | "choice"
  /** Asked to be off, but something selects it. */
  | "selected"
  | "range"
  | "depends"
  /** A compiler, linker or tool probe in Kconfig said no. */
  | "probe"
  /** No fragment can set it. */
  | "no-prompt"
  /** The prompt's own `if` does not hold. */
  | "prompt"
  | "unknown";

/** Why one request was dropped, and what to do. */
export interface Explanation {
  readonly option: string;
  readonly cause: DropCause;
  /** One line: what was asked, by which line, what was found, why. */
  readonly summary: string;
  /** The path from the option to the reasons, indented by two spaces a level. */
  readonly details: readonly string[];
  /** Lines to add to a fragment of the config, dependencies first. */
  readonly add: readonly string[];
  /** What has to be done besides, in sentences. */
  readonly advice: readonly string[];
  /** What can be done instead of all that, in sentences. */
  readonly instead: readonly string[];
}

/** An explanation as text, the last line without newline. */
export function formatExplanation(explanation: Explanation): string {
  const { summary, details, add, advice, instead } = explanation;
  const steps = [...advice];
  if (add.length === 1) steps.unshift(`add \`${add[0]}\` to a fragment of this config.`);
  if (add.length > 1) {
    steps.unshift(["add to a fragment of this config:", ...add].join("\n    "));
  }
  const lines = [
    ...steps.map((step, index) => `${index === 0 ? "To fix" : "And"}: ${step}`),
    ...instead.map((step, index) => `${index + steps.length === 0 ? "To fix" : "Or"}: ${step}`),
  ];
  return [summary, ...details, ...lines.map((line) => `  ${line}`)].join("\n");
}

/** What is found against a request, before it is an {@linkcode Explanation}. */
export interface Objection {
  readonly cause: DropCause;
  readonly brief: string;
  readonly reasons: readonly Reason[];
  readonly add: readonly string[];
  readonly advice: readonly string[];
  readonly instead?: readonly string[];
}
