// SPDX-License-Identifier: MIT
/** The marks that a guest leaves in the kernel log: which test runs. */

const RUN_MARK = /^kmatrix: (RUN|END|DONE)(?: (\S+))?$/;

/** Where the marks say that the guest is. */
export class RunMarks {
  readonly #order: readonly string[] | null;
  /** The test that runs, "boot" before the first, "teardown" behind the last, or "between tests". */
  during = "boot";
  #at = -1;

  /** @param order As of {@linkcode findSplats}. */
  constructor(order: readonly string[] | null) {
    this.#order = order;
  }

  /** Whether the line is a mark. Follows it; one that cannot be the guest's next is none of its own. */
  follow(line: string): boolean {
    const mark = line.startsWith("kmatrix: ") ? RUN_MARK.exec(line) : null;
    if (!mark) return false;
    const [, word, test] = mark;
    if (word === "DONE") this.during = "teardown";
    else if (test === undefined) return true;
    else if (word === "END") {
      if (this.during === test) this.during = "between tests";
    } else {
      // Forward only: printk may drop marks, but never brings one back.
      const next = this.#order === null ? 0 : this.#order.indexOf(test, this.#at + 1);
      if (next < 0) return true;
      this.#at = this.#order === null ? -1 : next;
      this.during = test;
    }
    return true;
  }
}
