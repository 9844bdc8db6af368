// SPDX-License-Identifier: MIT

/** Reports how the kernel answers (contract/promises.ts), without judging it: the host does that. */

import type { PromiseId } from "../contract/promises.ts";
import type { TestContext } from "../harness/fixtures.ts";
import { errnoName } from "../harness/guest.ts";

/** What a raw system call came to, as an answer: "ok" or the name of the error. */
export function resultText(result: number): string {
  return result >= 0 ? "ok" : errnoName(-result);
}

/** Reports a raw result (negative: an error number) and gives it back; true is not its meaning. */
export function ask(t: Pick<TestContext, "answer">, promise: PromiseId, result: number): number {
  t.answer(promise, resultText(result));
  return result;
}
