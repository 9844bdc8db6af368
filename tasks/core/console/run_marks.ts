// SPDX-License-Identifier: MIT
/** The marks that a guest leaves in the kernel log: which test runs. */
import { readMark } from "../../../selftests/contract/marks.ts";

/** When no test runs, as people read it: before the first, behind the last, or else. */
const OUTSIDE_TESTS = {
  boot: "during boot",
  teardown: "during teardown",
  "between tests": "between tests",
} as const;
export type OutsideTests = keyof typeof OUTSIDE_TESTS;

/** "during boot"; null for the id of a test. */
export function outsideText(during: string): string | null {
  return Object.hasOwn(OUTSIDE_TESTS, during) ? OUTSIDE_TESTS[during as OutsideTests] : null;
}

/** Where the marks say that the guest is. */
export class RunMarks {
  readonly #order: readonly string[] | null;
  /** The test that runs, or one of {@linkcode OutsideTests}. */
  during: OutsideTests | string = "boot";
  #at = -1;

  /** @param order As of {@linkcode findSplats}. */
  constructor(order: readonly string[] | null) {
    this.#order = order;
  }

  /** Whether the line is a mark. Advances on a mark; ignores one that cannot come next. */
  follow(line: string): boolean {
    const mark = readMark(line);
    if (mark === null) return false;
    if (mark.word === "DONE") this.during = "teardown";
    else if (mark.word === "END") {
      if (this.during === mark.test) this.during = "between tests";
    } else {
      const { test } = mark;
      // Forward only: printk may drop marks, but never brings one back.
      const next = this.#order === null ? 0 : this.#order.indexOf(test, this.#at + 1);
      if (next < 0) return true;
      this.#at = this.#order === null ? -1 : next;
      this.during = test;
    }
    return true;
  }
}
