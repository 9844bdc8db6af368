// SPDX-License-Identifier: MIT
/**
 * What can be wrong with a build, by the ids of its failures: docs/verdicts.md shows them to users. An
 * error of kind "build" has one of these ids, and an id without an answer does not compile.
 */

interface BuildFailureFacts {
  /**
   * "code" where what is built is wrong; "conduct" where its Makefiles did what no build may, whatever
   * they build.
   */
  readonly wrong: "code" | "conduct";
}

export const BUILD_FAILURES = {
  "compile-error": { wrong: "code" },
  "link-error": { wrong: "code" },
  "modpost-error": { wrong: "code" },
  "make-error": { wrong: "code" },
  "no-product": { wrong: "code" },
  "new-warning": { wrong: "code" },
  "selftest-build-error": { wrong: "code" },
  /** It tried to get out of its sandbox. */
  "sandbox-denied": { wrong: "conduct" },
  /** What it left leads to files elsewhere. */
  "points-outside": { wrong: "conduct" },
  /** It printed more than is kept. */
  "log-cap": { wrong: "conduct" },
} as const satisfies Readonly<Record<string, BuildFailureFacts>>;

export type BuildFailureId = keyof typeof BUILD_FAILURES;

/** Whether a build did what no build may, whatever it builds: no fault of what is compiled. */
export function isOfConduct(id: BuildFailureId): boolean {
  return BUILD_FAILURES[id].wrong === "conduct";
}

/** Whether a failure has one of the ids of builds. */
export function isBuildFailureId(id: string): id is BuildFailureId {
  return Object.hasOwn(BUILD_FAILURES, id);
}
