// SPDX-License-Identifier: MIT
/** What is stated of how kernels answer, and what a boot's answers come to beside it. */
import type { Feature } from "../../../selftests/contract/features.ts";
import type { PromiseId } from "../../../selftests/contract/promises.ts";

/** How a kernel answers, with what makes it so. */
export interface Statement {
  readonly answer: string;
  readonly reason: string;
  /** "5ff3b30ab57d kcov: …" of the kernel's history, or a patch of a series of ours. */
  readonly from: { readonly kind: "commit" | "patch"; readonly name: string };
  /** "kernels/linux-6.12/promises.yaml:12" */
  readonly place: string;
}

/** One kernels/<id>/promises.yaml, with all that it builds on. */
export interface StatedPromises {
  /** Name of its folder. */
  readonly id: string;
  /** Whether the project has a kernel of that name, which is held against it. */
  readonly ofKernel: boolean;
  /** Of the kernels that it is about, "6.12". */
  readonly version: string;
  /** The one that it builds on. */
  readonly base: string | null;
  /** Ioctls of the uapi header that its kernels have beyond those of a plain one. */
  readonly brings: readonly Feature[];
  /** Where it was read; null for answers that boots have given. */
  readonly told: string | null;
  readonly statements: ReadonlyMap<PromiseId, Statement>;
}

/** All that a project states. */
export type PromiseBook = readonly StatedPromises[];

/** What a deviation is. */
export type HeldAs =
  /** A failure: the statements are about this kernel. */
  | "own"
  /** A failure, too: a series goes on top of it; answers that it does not know are differences. */
  | "base"
  /** A difference, for people to look at: nothing is stated of this kernel itself. */
  | "nearest";

/** An answer that is not the stated one. */
export interface Deviation {
  readonly promise: PromiseId;
  /** null where nothing is stated. */
  readonly expected: string | null;
  readonly answered: string;
  /** Ids of the tests that found it out. */
  readonly tests: readonly string[];
}

/** The answers of one boot beside what is stated. */
export interface PromiseReport {
  /** Whose statements; null where the project has none. */
  readonly against: { readonly id: string; readonly version: string; readonly as: HeldAs } | null;
  /** What was asked, in the order of the table; several answers where tests do not agree. */
  readonly answers: readonly { readonly promise: PromiseId; readonly answers: readonly string[] }[];
  /** Of stated promises a failure, unless `against` is the nearest. */
  readonly deviations: readonly Deviation[];
  /** Stated, and no test of this boot has asked. */
  readonly notAsked: readonly PromiseId[];
}
