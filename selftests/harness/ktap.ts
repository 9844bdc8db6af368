// SPDX-License-Identifier: MIT

/** KTAP lines in the style of kselftest (Documentation/dev-tools/ktap.rst). Pure. */

/** How one test ended. */
export type Outcome =
  | { readonly kind: "pass" }
  | { readonly kind: "fail"; readonly message: string }
  | { readonly kind: "skip"; readonly reason: string }
  | { readonly kind: "timeout"; readonly timeoutMs: number };

export const KTAP_VERSION_LINE = "KTAP version 1";

/** `1..N`. */
export function planLine(tests: number): string {
  return `1..${tests}`;
}

/** `# RUN <id>`: the line before a test. */
export function runLine(id: string): string {
  return `# RUN ${id}`;
}

/** Text as diagnostic lines, one for each line of text. */
export function diagnosticLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/).map((line) => `# ${line}`.trimEnd());
}

/** The result line of test number `number` (from 1). */
export function resultLine(number: number, id: string, outcome: Outcome): string {
  switch (outcome.kind) {
    case "pass":
      return `ok ${number} ${id}`;
    case "fail":
      return `not ok ${number} ${id}`;
    case "skip":
      return `ok ${number} ${id} # SKIP ${oneLine(outcome.reason)}`;
    case "timeout":
      return `not ok ${number} ${id} # TIMEOUT ${outcome.timeoutMs / 1000} s`;
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
