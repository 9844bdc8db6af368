// SPDX-License-Identifier: MIT
/** Which frames of a stack say where a fault is. */
import { inAnyLog } from "../arch/logs.ts";
import { passedOverAs, RANKS } from "./passed_over.ts";
import { plainName, type StackFrame } from "./stack_frame.ts";

const passedOver = (frame: StackFrame) => passedOverAs(plainName(frame.function));

/**
 * Frames that say where a fault is, the innermost of a function that calls itself. Where none does,
 * the one that comes closest: no complaint with a stack is blamed on nothing.
 */
export function tellingFrames(frames: readonly StackFrame[]): StackFrame[] {
  const telling = strictlyTelling(frames);
  if (telling.length > 0) return telling;
  for (const rank of RANKS) {
    const best = frames.find((frame) => !frame.inlined && passedOver(frame)?.rank === rank);
    if (best) return [best];
  }
  return frames.slice(0, 1);
}

/** Frames of the stack itself that no entry of the table passes over; none where all are helpers. */
export function strictlyTelling(frames: readonly StackFrame[]): StackFrame[] {
  return frames.filter((frame) => !frame.inlined && passedOver(frame) === null)
    .filter((frame, index, telling) => frame.function !== telling[index - 1]?.function);
}

/** Through which an interrupt came in: below it is another context. */
export const INTERRUPT = new RegExp(`^${inAnyLog(({ interruptEntry }) => interruptEntry)}$`);
/** Through which an exception came in. */
export const EXCEPTION = new RegExp(`^${inAnyLog(({ exceptionEntry }) => exceptionEntry)}`);

/**
 * Without what the interrupted context was doing, where the interrupt has something to tell itself;
 * and without the interrupt, where it has not.
 */
export function ownContext(frames: readonly StackFrame[]): StackFrame[] {
  const at = frames.findIndex((frame) => INTERRUPT.test(plainName(frame.function)));
  if (at < 0) return [...frames];
  const [inside, below] = [frames.slice(0, at), frames.slice(at + 1)];
  if (strictlyTelling(inside).length > 0) return inside;
  return strictlyTelling(below).length > 0 ? ownContext(below) : [...frames];
}
