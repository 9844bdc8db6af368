// SPDX-License-Identifier: MIT
/**
 * The one table of failure kinds: what each means for people, JUnit, the shell and the commands that
 * go on behind it. A kind without one of these answers does not compile. docs/verdicts.md shows the
 * table to users.
 */
import { EXIT } from "./exit_codes.ts";

/** Who has to act. */
export type Blame = "user" | "config" | "kernel" | "test" | "infra" | "tool";

interface KindFacts {
  readonly blame: Blame;
  /** Of a run that ends with one failure of this kind. */
  readonly exitCode: number;
  /**
   * The element in JUnit: "failure" where the kernel and the tests were judged, "error" for what kept
   * them from it.
   */
  readonly junit: "failure" | "error";
  /**
   * What of a kernel has failed: to make it as it is asked for, or to run it. null where the failure
   * says nothing of the kernel.
   */
  readonly kernelAt: "making" | "running" | null;
  /** What comes of the same input again, on another machine too; a script can show it. */
  readonly repeatable: boolean;
}

export const FAILURE_KIND_TABLE = {
  /** Bad command line, matrix, fragment line or allow-list entry. */
  usage: {
    blame: "user",
    exitCode: EXIT.usage,
    junit: "error",
    kernelAt: null,
    repeatable: false,
  },
  /** A glob or filter matched nothing, or nothing ran. */
  "no-match": {
    blame: "user",
    exitCode: EXIT.nothing,
    junit: "error",
    kernelAt: null,
    repeatable: true,
  },
  /** The series does not apply. */
  patch: {
    blame: "config",
    exitCode: EXIT.build,
    junit: "error",
    kernelAt: "making",
    repeatable: true,
  },
  /** A requested option did not survive, or a compiler lacks what the config requires. */
  config: {
    blame: "config",
    exitCode: EXIT.build,
    junit: "error",
    kernelAt: "making",
    repeatable: true,
  },
  /** The kernel does not compile, or compiles with a warning that nobody listed. */
  build: {
    blame: "kernel",
    exitCode: EXIT.build,
    junit: "failure",
    kernelAt: "making",
    repeatable: true,
  },
  /** Built, but not instrumented or laid out as asked. */
  inspect: {
    blame: "kernel",
    exitCode: EXIT.build,
    junit: "failure",
    kernelAt: "making",
    repeatable: true,
  },
  /** The kernel died, hung or complained in the guest. */
  kernel: {
    blame: "kernel",
    exitCode: EXIT.failed,
    junit: "failure",
    kernelAt: "running",
    repeatable: true,
  },
  /** A test failed, did not run, or skipped without leave. */
  test: {
    blame: "test",
    exitCode: EXIT.failed,
    junit: "failure",
    kernelAt: "running",
    repeatable: true,
  },
  /** The kernel answers otherwise than its promises.yaml states. */
  promise: {
    blame: "kernel",
    exitCode: EXIT.failed,
    junit: "failure",
    kernelAt: "running",
    repeatable: true,
  },
  /** The machinery: tools, disk, memory, downloads, QEMU, a killed compiler. */
  infra: {
    blame: "infra",
    exitCode: EXIT.infra,
    junit: "error",
    kernelAt: null,
    repeatable: false,
  },
  /** Ctrl-C or SIGTERM. */
  interrupted: {
    blame: "user",
    exitCode: EXIT.sigint,
    junit: "error",
    kernelAt: null,
    repeatable: false,
  },
  /** This tool itself is wrong. */
  bug: {
    blame: "tool",
    exitCode: EXIT.bug,
    junit: "error",
    kernelAt: null,
    repeatable: false,
  },
} as const satisfies Readonly<Record<string, KindFacts>>;

export type FailureKind = keyof typeof FAILURE_KIND_TABLE;

export const FAILURE_KINDS = Object.keys(FAILURE_KIND_TABLE) as readonly FailureKind[];

const factsOf = (kind: FailureKind): KindFacts => FAILURE_KIND_TABLE[kind];

/** Who has to act on a failure of this kind. */
export function blameOf(kind: FailureKind): Blame {
  return factsOf(kind).blame;
}

/** `<failure>` is for the kernel and the tests, `<error>` for what kept them from being judged. */
export function junitKind(kind: FailureKind): "failure" | "error" {
  return factsOf(kind).junit;
}

/** Whether a kernel was judged, and found wrong. */
export function isFinding(kind: FailureKind): boolean {
  return factsOf(kind).junit === "failure";
}

/** Whether a kernel could not be made as it is asked for: an answer about it, before any boot. */
export function isOfMaking(kind: FailureKind): boolean {
  return factsOf(kind).kernelAt === "making";
}

/** What a matrix can expect of a kernel. That a disk is full is never the failure it spoke of. */
export function mayBeExpected(kind: FailureKind): boolean {
  return factsOf(kind).kernelAt !== null;
}

/** Whether the same input shows it again; not what the machinery broke, or the user's own input. */
export function isRepeatable(kind: FailureKind): boolean {
  return factsOf(kind).repeatable;
}

/** The exit code of a run that ends with one failure of this kind. */
export function exitCodeOf(kind: FailureKind): number {
  return factsOf(kind).exitCode;
}

/**
 * Of several codes the first of these wins. Interruption and bugs stand first because nothing
 * that a broken-off run says about the rest can be trusted; then infrastructure, bad input,
 * build, test.
 */
const PRECEDENCE: readonly number[] = [
  EXIT.sigint,
  EXIT.sigterm,
  EXIT.bug,
  EXIT.infra,
  EXIT.usage,
  EXIT.build,
  EXIT.failed,
  EXIT.nothing,
];

/** The exit code of a run with all these failures; 0 for none. */
export function exitCodeOfAll(failures: readonly { readonly kind: FailureKind }[]): number {
  const codes = new Set(failures.map((failure) => exitCodeOf(failure.kind)));
  return PRECEDENCE.find((code) => codes.has(code)) ?? EXIT.ok;
}
