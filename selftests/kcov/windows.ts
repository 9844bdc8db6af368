// SPDX-License-Identifier: MIT

/** What to do about a machine that has other work too, or is faster or slower than another. */

import { AssertionError, fail } from "../harness/asserts.ts";
import type { TestContext } from "../harness/fixtures.ts";
import { guest } from "../harness/guest.ts";

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

/** A tick is due each 10 ms at the latest (CONFIG_HZ=100): time for a thousand of them. */
const INTERRUPTS_MS = 10_000;

/** A run that takes longer than a tick has one at least, so on a slow machine these are enough. */
const INTERRUPTED_RUNS = 200;

/**
 * Runs `once`, which tells how many interrupts it had, until there were `wanted` in all. How many runs
 * that takes says how fast the machine is, and nothing of the kernel: the faster it is, the fewer ticks
 * fall into one.
 * @param nowMs Of the monotonic clock.
 * @returns Interrupts that there were.
 * @throws AssertionError after ten seconds and 200 runs with fewer.
 */
export function untilInterrupted(
  wanted: number,
  once: () => number,
  nowMs: () => number = () => guest().nowMs(),
): number {
  const startMs = nowMs();
  let interrupts = 0;
  for (let runs = 0; interrupts < wanted; runs++) {
    if (runs >= INTERRUPTED_RUNS && nowMs() - startMs >= INTERRUPTS_MS) {
      fail(`${interrupts} interrupts in ${runs} runs, not ${wanted}`);
    }
    interrupts += once();
  }
  return interrupts;
}
