// SPDX-License-Identifier: MIT
import type { Failure, FailureKind } from "./errors.ts";

/** The exit codes of every command; the table of docs/verdicts.md is checked against this. */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  failed: 3,
  nothing: 4,
  build: 5,
  infra: 6,
  sigint: 130,
  sigterm: 143,
} as const;

/** The exit code of a run that ends with one failure of this kind. */
export function exitCodeOf(kind: FailureKind): number {
  switch (kind) {
    case "usage":
      return EXIT.usage;
    case "no-match":
      return EXIT.nothing;
    case "patch":
    case "config":
    case "build":
    case "inspect":
      return EXIT.build;
    case "kernel":
    case "test":
      return EXIT.failed;
    case "infra":
      return EXIT.infra;
    case "interrupted":
      return EXIT.sigint;
    case "bug":
      return EXIT.bug;
  }
}

/** The exit code where commander has printed a help page (its own code is 0) or a usage error. */
export function exitCodeOfCommander({ exitCode }: { readonly exitCode: number }): number {
  return exitCode === 0 ? EXIT.ok : EXIT.usage;
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
export function exitCodeOfAll(failures: readonly Failure[]): number {
  const codes = new Set(failures.map((failure) => exitCodeOf(failure.kind)));
  return PRECEDENCE.find((code) => codes.has(code)) ?? EXIT.ok;
}
