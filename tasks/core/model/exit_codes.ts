// SPDX-License-Identifier: MIT
/** The exit codes of every command; which failure has which is in failure_kinds.ts. */
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

/** The exit code where commander has printed a help page (its own code is 0) or a usage error. */
export function exitCodeOfCommander({ exitCode }: { readonly exitCode: number }): number {
  return exitCode === 0 ? EXIT.ok : EXIT.usage;
}
