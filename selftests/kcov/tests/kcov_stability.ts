// SPDX-License-Identifier: MIT

/** The same call leaves the same PCs, a thousand times, whatever goes on beside it. */

import { type Condition, CONDITIONS } from "../../contract/quality.ts";
import { assertEquals, assertGreater, hex } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { fixture, type VariantBase } from "../../harness/fixtures.ts";
import { ERRNO, guest, uninterrupted } from "../../harness/guest.ts";
import { repeated, takeApart } from "../apart.ts";
import { beside } from "../conditions.ts";
import { Counters } from "../counters.ts";
import {
  enableUniqueOrSkip,
  KCOV_RESET_TRACE,
  KCOV_TRACE_PC,
  openMapped,
  readNothing,
} from "../kcov.ts";
import { kernelSymbols } from "../symbols.ts";
import { isExplained, isSwitching } from "../unstable_functions.ts";

const BUFFER_WORDS = 16 * 1024;
const BITMAP_WORDS = 4 * 1024;
/** Calls of one window: long enough for something to happen in it, and still in the buffer. */
const CALLS = 100;
const LEAST_CALLS = 1000;
/** What shall have happened around windows before that says something. */
const WANTED_EVENTS = 20;
const ENOUGH_MS = 8_000;
const WORD_BYTES = 8;
/** So often, and in half of all switches, comes what belongs to each switch. */
const OFTEN = 4;

interface StabilityVariant extends VariantBase {
  readonly condition: Condition;
  readonly unique: boolean;
}

const variants: Record<string, StabilityVariant> = {};
for (const condition of CONDITIONS) {
  // A signal is taken on the way out of a call: that is the thread's own work, and much of it.
  if (condition === "signal") continue;
  variants[`pc_${condition}`] = { condition, unique: false };
  variants[`unique_${condition}`] = { condition, unique: true, requires: ["unique"] };
}

export const kcovStability = fixture("kcov_stability", {
  file: "selftests/kcov/tests/kcov_stability.ts",
  requires: ["kcov"],
  variants,
  setup: (t) => ({ device: openMapped(t, BUFFER_WORDS), symbols: kernelSymbols() }),
});

function commonWords(one: BigUint64Array, other: BigUint64Array): number {
  const odd = guest().difference(one, other);
  return odd < 0 ? one.length : Math.floor(odd / WORD_BYTES);
}

kcovStability.test("the_same_call_has_the_same_pcs", (t, { device, symbols }, variant) => {
  const { condition, unique } = variant;
  const hasSeries = device.ioctl(KCOV_RESET_TRACE, 0) !== -ERRNO.ENOTTY;
  const counters = new Counters(t);
  const enable = () => {
    if (unique) enableUniqueOrSkip(t, device, BITMAP_WORDS);
    else device.enable(KCOV_TRACE_PC);
  };
  enable();
  const single = device.recording((batch) => readNothing(batch));
  const once = uninterrupted(() => single.steadyPcs());
  assertGreater(once.length, 0, "entries of one call");
  device.disable();

  const { fifo, arm } = beside(t, condition);
  enable();
  // Each PC once, so one call is all that a window of unique mode shows of its own PCs.
  const whole = repeated(once, once.length * (unique ? 1 : CALLS));
  const batch = new Batch();
  counters.before(batch);
  arm(batch);
  device.resetIn(batch);
  readNothing(batch, CALLS);
  const count = device.countIn(batch);
  counters.after(batch);

  const seen = { calls: 0, windows: 0, interrupted: 0, switched: 0, faulted: 0 };
  const explained = new Map<string, number>();
  const inSwitches = new Map<string, number>();
  const findings = new Map<string, number>();
  const note = (map: Map<string, number>, what: string) => map.set(what, (map.get(what) ?? 0) + 1);
  const windows = () => {
    const endMs = guest().nowMs() + ENOUGH_MS;
    const isEnough = () =>
      seen.calls >= LEAST_CALLS &&
      (guest().nowMs() >= endMs || seen.interrupted >= WANTED_EVENTS);
    while (!isEnough()) {
      batch.run();
      const { interrupted, switched, faulted } = counters.read();
      seen.calls += CALLS;
      seen.windows++;
      seen.interrupted += interrupted;
      seen.switched += switched;
      seen.faulted += faulted;
      const first = device.bitmapWords + 1;
      const trace = device.buffer.subarray(first, first + Number(batch.result(count)));
      const window = { condition, interrupted: interrupted > 0, hasSeries };
      const { extra, missing } = takeApart(trace, once, whole, commonWords);
      for (const pc of missing) note(findings, `- ${symbols.nameOf(pc)} ${hex(pc)}`);
      for (const { pc, after } of extra) {
        const name = symbols.nameOf(pc) ?? hex(pc);
        const where = after === null ? "at the beginning" : `after ${symbols.nameOf(after)}`;
        if (isExplained(name, window)) note(explained, name);
        // A thread under SCHED_FIFO is switched out too, if hardly ever: by a thread of the kernel.
        else if (isSwitching(condition) || switched > 0) {
          note(inSwitches, `+ ${name} ${hex(pc)} ${where}`);
        } else note(findings, `+ ${name} ${hex(pc)} ${where}`);
      }
    }
  };
  if (fifo) uninterrupted(windows);
  else windows();
  device.disable();
  const list = (map: Map<string, number>) => [...map].map(([what, n]) => `${n} ${what}`);
  t.log(
    `${seen.calls} calls in ${seen.windows} windows: around ${seen.interrupted} an interrupt, ` +
      `${seen.switched} a context switch, ${seen.faulted} a page fault`,
  );
  if (explained.size > 0) t.log(`explained: ${list(explained).join(", ")}`);
  // The scheduler runs for the thread also where nothing is switched, and now and then it does what it
  // does rarely: it sets a timer, say. Without the series it calls instrumented code all the time, and
  // which functions these are depends on the configuration.
  const often = Math.max(OFTEN, seen.switched / 2);
  const rare = new Map<string, number>();
  for (const [what, n] of inSwitches) (hasSeries && n >= often ? findings : rare).set(what, n);
  if (rare.size > 0) t.log(`the scheduler's own, not judged: ${list(rare).join(", ")}`);
  for (const line of list(findings)) t.log(line);
  assertEquals(list(findings), [], "PCs that come (+) or go (-)");
});
