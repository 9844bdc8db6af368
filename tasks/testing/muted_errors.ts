// SPDX-License-Identifier: MIT
/**
 * Stands in for core/model/errors.ts in a run in which no failure has words of its own: each message is the id
 * of its failure, and there is no detail (fake_project.ts, `muted`). What is decided must not change.
 */
import * as real from "../core/model/errors.ts";
import type { Evidence } from "../core/model/evidence.ts";
import type { FailureKind } from "../core/model/failure_kinds.ts";

export type * from "../core/model/errors.ts";

export class KmatrixError extends real.KmatrixError {
  constructor(
    kind: FailureKind,
    id: string,
    _message: string,
    _detail = "",
    evidence?: Evidence | undefined,
  ) {
    super(...([kind, id, id, "", evidence] as ConstructorParameters<typeof real.KmatrixError>));
  }
}

export function failure(kind: FailureKind, id: string): real.Failure {
  return real.failure(...([kind, id, id] as Parameters<typeof real.failure>));
}

export function failureFrom(error: unknown): real.Failure {
  const found = real.failureFrom(error);
  return { ...found, message: found.id, detail: "" };
}
