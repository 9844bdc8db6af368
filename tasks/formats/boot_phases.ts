// SPDX-License-Identifier: MIT
/** Where the time of a boot went, as far as the host sees it. */
import type { BootRecord } from "../model.ts";

/**
 * JUnit properties `boot.phase.*` in milliseconds; together they are `boot.ms`: `start` until the first
 * byte of the console (QEMU, its firmware, the kernel until it has a console), `kernel` until the
 * first byte of the results (kernel, init, the start of its engine), `tests` until QEMU's end. A boot
 * that did not get to a phase has no property of it.
 */
export function bootPhases(
  { firstByteMs, durationMs }: Pick<BootRecord, "firstByteMs" | "durationMs">,
): Record<string, string> {
  const { console, results } = firstByteMs ?? {};
  const ends: readonly [string, number | undefined, number | undefined][] = [
    ["start", 0, console],
    ["kernel", console, results ?? durationMs],
    ["tests", results, durationMs],
  ];
  const phases: Record<string, string> = {};
  for (const [name, from, to] of ends) {
    if (from !== undefined && to !== undefined) phases[`boot.phase.${name}`] = `${to - from}`;
  }
  return phases;
}
