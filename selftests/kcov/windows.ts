// SPDX-License-Identifier: MIT

/** What to do about a machine that has other work too. Pure. */

import { AssertionError } from "../harness/asserts.ts";
import type { TestContext } from "../harness/fixtures.ts";

/** A window is some microseconds long, and at a load of ten one in a thousand is disturbed. */
const ATTEMPTS = 5;

/**
 * Runs a body that collects and asserts exact counts, again where an assertion fails, at most five
 * times; what fails then is what failed last. What a switch to another task, a tick or a page fault
 * adds to a trace is the thread's own and rightly there, but it is not there every time, and a wrong
 * kernel is wrong every time. Not for what goes wrong now and then, such as a race.
 *
 * The body starts anew each time: it resets the trace itself.
 */
export function undisturbed(t: Pick<TestContext, "log">, body: () => void): void {
  for (let attempt = 1;; attempt++) {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof AssertionError) || attempt === ATTEMPTS) throw error;
      t.log(`attempt ${attempt}: ${error.message}`);
    }
  }
}
