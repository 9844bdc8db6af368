// SPDX-License-Identifier: MIT

/** A declared test as the host reads it, and which cells have it. Pure. */

import { decidesPresence, type Feature } from "./features.ts";

/** One test as the host sees it. */
export interface DeclaredTest {
  /** `<fixture>.<variant>.<test>` */
  readonly id: string;
  readonly fixture: string;
  readonly variant: string;
  readonly test: string;
  /**
   * What it takes. Where the cell lacks a feature of the kernel's interface, the test SKIPs, and
   * only then; where it lacks another ({@link decidesPresence}), the test is not run at all.
   */
  readonly requires: readonly Feature[];
  /** Before scaling by the cell's `timeScale`. */
  readonly timeoutMs: number;
  /** Path of the source file in the repository. */
  readonly file: string;
}

/** Whether a cell with these features has this test. */
export function appliesTo(
  test: Pick<DeclaredTest, "requires">,
  features: readonly string[],
): boolean {
  return test.requires.every((one) => !decidesPresence(one) || features.includes(one));
}
