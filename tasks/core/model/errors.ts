// SPDX-License-Identifier: MIT
/**
 * Blame is part of the type: whatever goes wrong is a {@linkcode Failure} of one kind from the
 * first throw to the exit code. What a kind means for people, JUnit and the shell stands in the table
 * of failure_kinds.ts.
 */
import type { BuildFailureId } from "./build_failures.ts";
import type { Evidence } from "./evidence.ts";
import type { FailureKind } from "./failure_kinds.ts";
import type { Stage } from "./stage_table.ts";

/** What of a cell a failure is about; with neither of them, the cell as a whole. */
export interface FailureSubject {
  readonly stage?: Stage;
  /** Ids of tests, in the order in which they ran. */
  readonly tests?: readonly string[];
}

/** What the kernel complained of, where that is the failure. */
export interface Complaint {
  /** Equal for the same complaint in all tests and cells. */
  readonly fingerprint: string;
  readonly title: string;
  /** How often it came, in what the failure is about. */
  readonly times: number;
}

export interface Failure {
  readonly kind: FailureKind;
  /** Stable word for scripts, documented in docs/verdicts.md, e.g. "option-dropped". */
  readonly id: string;
  /** One line: what, where, which value. */
  readonly message: string;
  /** More lines: evidence, log tail, what to do. */
  readonly detail: string;
  /** Of the failures of a verdict. */
  readonly subject?: FailureSubject;
  readonly complaint?: Complaint;
  /** What else tells it from others of its id. */
  readonly evidence?: Evidence;
}

/** Makes a {@linkcode Failure} that is found out and not thrown. */
export function failure(
  kind: "build",
  id: BuildFailureId,
  message: string,
  detail?: string,
): Failure;
export function failure(
  kind: Exclude<FailureKind, "build">,
  id: string,
  message: string,
  detail?: string,
): Failure;
export function failure(kind: FailureKind, id: string, message: string, detail = ""): Failure {
  return { kind, id, ...headed(message, detail) };
}

/** A cause is one line: what comes behind it in a message is detail. */
function headed(message: string, detail: string): Pick<Failure, "message" | "detail"> {
  const [head = "", ...rest] = message.split("\n");
  const more = rest.join("\n").replace(/^\n+|\s+$/g, "");
  return { message: head, detail: [more, detail].filter(Boolean).join("\n") };
}

/** Thrown by stages; carries the {@linkcode Failure} that the pipeline turns into an outcome. */
export class KmatrixError extends Error implements Failure {
  override readonly name = "KmatrixError";
  readonly kind: FailureKind;
  readonly id: string;
  readonly detail: string;
  readonly evidence?: Evidence;

  constructor(
    kind: "build",
    id: BuildFailureId,
    message: string,
    detail?: string,
    evidence?: Evidence | undefined,
  );
  constructor(
    kind: Exclude<FailureKind, "build">,
    id: string,
    message: string,
    detail?: string,
    evidence?: Evidence | undefined,
  );
  constructor(
    kind: FailureKind,
    id: string,
    message: string,
    detail = "",
    evidence?: Evidence | undefined,
  ) {
    const told = headed(message, detail);
    super(told.message);
    this.kind = kind;
    this.id = id;
    this.detail = told.detail;
    if (evidence !== undefined) this.evidence = evidence;
  }

  /** A plain value of the same content, fit for JSON. */
  toFailure(): Failure {
    const { kind, id, message, detail, evidence } = this;
    return { kind, id, message, detail, ...(evidence === undefined ? {} : { evidence }) };
  }
}

/** Errors of Deno and of Node.js both have the system's code. */
function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if ("code" in one && codes.includes(String(one.code))) return true;
  }
  return false;
}

/** Any thrown value as a {@linkcode Failure}; what nobody foresaw is a bug of this tool. */
export function failureFrom(error: unknown): Failure {
  if (error instanceof KmatrixError) return error.toFailure();
  if (error instanceof Error) {
    if (hasCode(error, "ENOSPC")) return failure("infra", "disk-full", error.message);
    if (hasCode(error, "EACCES", "EPERM")) return failure("infra", "no-permission", error.message);
    if (hasCode(error, "EISDIR")) return failure("usage", "is-a-folder", error.message);
    return failure("bug", "bug", error.message, error.stack ?? "");
  }
  return failure("bug", "bug", String(error));
}
