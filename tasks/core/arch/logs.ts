// SPDX-License-Identifier: MIT
/** Kernel logs are read whatever architecture they come from: the words of all in one. */
import type { LogFacts, PassedOverFunctions } from "./arch.ts";
import { ARM64_LOG, ARM_LOG, POWERPC_LOG, RISCV_LOG, S390_LOG } from "./other_logs.ts";
import { ARCHITECTURES } from "./table.ts";

/** Every log that is read; the words of one may be those of another, too. */
export const LOGS: readonly LogFacts[] = [
  ...Object.values(ARCHITECTURES).map(({ log }) => log),
  ...[ARM64_LOG, ARM_LOG, RISCV_LOG, POWERPC_LOG, S390_LOG],
];

/** The source of a regular expression that fits what one of the logs has for a fact; nothing, where none has. */
export function inAnyLog(fact: (log: LogFacts) => RegExp | null): string {
  const found = LOGS.map(fact).filter((one) => one !== null);
  // Without an alternative it would fit everything.
  if (found.length === 0) return "(?!)";
  return `(?:${found.map(({ source }) => source).join("|")})`;
}

/** Of every log, the functions of a class. */
export function passedOverInAnyLog(kind: keyof PassedOverFunctions): readonly RegExp[] {
  return LOGS.flatMap(({ passedOver }) => passedOver[kind]);
}
