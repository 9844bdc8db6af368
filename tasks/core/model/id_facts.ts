// SPDX-License-Identifier: MIT
/** What there is to say of the id of a failure (failure_ids.ts). */
import type { FailureKind } from "./failure_kinds.ts";

export interface IdFacts {
  /** Most have one. */
  readonly kinds: readonly FailureKind[];
  /** What is wrong, as a part of a sentence. */
  readonly means: string;
  /** What to do about it, as an order. */
  readonly todo: string;
}
