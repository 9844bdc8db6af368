// SPDX-License-Identifier: MIT

/** Deduplication measured: what fits into a buffer of the same size in mode PC and in unique mode. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  fail,
  hex,
  inspect,
} from "../../harness/asserts.ts";
import { Batch, type Step } from "../../harness/batch.ts";
import { fixture } from "../../harness/fixtures.ts";
import { guest, sleepMs, uninterrupted } from "../../harness/guest.ts";
import {
  DEDUP_ATTACHMENT,
  dedupAttachment,
  type DedupModeOfProgram,
  type DedupProgram,
  overflowRate,
  readDedup,
  sparedOverflows,
} from "../../contract/dedup.ts";
import { preparePrograms, type Program } from "../dedup_programs.ts";
import { enableUniqueOrSkip, type Kcov, KCOV_TRACE_PC, openMapped } from "../kcov.ts";

/** What both modes get, and what of it unique mode spends on its bitmap: 32768 indices. */
const WORDS = 2048;
const BITMAP_WORDS = 512;
/** Holds every program in mode PC. */
const BIG_WORDS = 64 * 1024;

/** Where mode PC overflows less often there is nothing to spare; where more often, everything. */
const OVERFLOW_RATES = [0.05, 0.5] as const;
const SPARED = 0.95;

export const kcovDedup = fixture("kcov_dedup", {
  file: "selftests/kcov/tests/kcov_dedup.ts",
  requires: ["kcov", "unique"],
  variants: { base: {} },
  setup(t) {
    const small = openMapped(t, WORDS);
    enableUniqueOrSkip(t, small, BITMAP_WORDS);
    small.disable();
    return { small, big: openMapped(t, BIG_WORDS) };
  },
});

interface Trace {
  readonly entries: number;
  readonly overflow: boolean;
  /** Low halves of the different PCs. */
  readonly pcs: ReadonlySet<number>;
  /** Ticks of the CPU's counter. */
  readonly ticks: number;
}

/** One program for one enabled descriptor; can be run again and again. */
class Run {
  readonly #device: Kcov;
  readonly #batch = new Batch();
  readonly #steps: readonly [start: Step, end: Step, count: Step];
  readonly #check: () => void;

  constructor(device: Kcov, program: Program) {
    this.#device = device;
    const batch = this.#batch;
    device.resetIn(batch);
    const start = batch.ticks();
    this.#check = program.appendTo(batch);
    const end = batch.ticks();
    this.#steps = [start, end, device.countIn(batch)];
  }

  ticks(): number {
    this.#batch.run();
    const [start, end] = this.#steps;
    return Number(this.#batch.result(end) - this.#batch.result(start));
  }

  /** Throws an Error where a call did not end as it should. */
  trace(): Trace {
    const ticks = this.ticks();
    this.#check();
    const { words, bitmapWords } = this.#device;
    const entries = Number(this.#batch.result(this.#steps[2]));
    const capacity = words - bitmapWords - 1;
    const halves = new Uint32Array(this.#device.distinctPcs(entries).buffer);
    const pcs = new Set(halves.filter((_, index) => index % 2 === 0));
    // A trace that is just full may have lost nothing, but a fuzzer cannot know.
    return { entries, overflow: entries >= capacity, pcs, ticks };
  }
}

/** In nanoseconds, when the counter's pace is known. */
type InTicks = (ticks: number) => number;

interface Measured {
  readonly program: (ns: InTicks) => DedupProgram;
  /** PCs of the big buffer that unique mode does not have. */
  readonly lost: readonly number[];
}

function without(set: ReadonlySet<number>, other: ReadonlySet<number>): number[] {
  return [...set].filter((pc) => !other.has(pc));
}

function modeOf(trace: Trace, steady: ReadonlySet<number>, times: readonly number[], ns: InTicks) {
  return {
    overflow: trace.overflow,
    kept: trace.entries,
    lost: without(steady, trace.pcs).length,
    ns: ns(Math.min(...times)),
  } satisfies DedupModeOfProgram;
}

/** `count` traces of a run; where they are many, at different distances from the kernel's tick. */
function traces(run: Run, count: number): Trace[] {
  return Array.from({ length: count }, (_, index) => {
    // With CONFIG_HZ=250, the default, a tick comes every 4 ms.
    if (index > 1) sleepMs(index % 4 + 0.3);
    return run.trace();
  });
}

/**
 * Runs a program in mode PC with both buffers and in unique mode with the small one.
 * @param more Further runs in each mode, for what happens now and then.
 */
function measure(program: Program, small: Kcov, big: Kcov, more: number): Measured {
  big.enable(KCOV_TRACE_PC);
  const whole = traces(new Run(big, program), 2 + more);
  big.disable();
  for (const { overflow, entries } of whole) {
    assert(!overflow, `${program.name}: ${entries} entries fill the big buffer`);
  }
  // What a context switch or a first use of something adds is not in all of them.
  const steady = new Set(
    [...whole[0]!.pcs].filter((pc) => whole.every((trace) => trace.pcs.has(pc))),
  );

  small.enable(KCOV_TRACE_PC);
  const plain = new Run(small, program);
  const pc = plain.trace();
  const pcTicks = [pc.ticks, plain.ticks(), plain.ticks()];
  small.disable();

  small.enableUnique(BITMAP_WORDS);
  const deduplicated = new Run(small, program);
  const [unique, ...others] = traces(deduplicated, 1 + more) as [Trace, ...Trace[]];
  const uniqueTicks = [unique.ticks, deduplicated.ticks(), deduplicated.ticks()];
  small.disable();

  return {
    program: (ns) => ({
      name: program.name,
      calls: program.calls,
      distinct: steady.size,
      pc: modeOf(pc, steady, pcTicks, ns),
      unique: modeOf(unique, steady, uniqueTicks, ns),
    }),
    lost: others.reduce((lost, { pcs }) => lost.filter((pc) => !pcs.has(pc)), [
      ...without(steady, unique.pcs),
    ]),
  };
}

kcovDedup.test("unique_mode_overflows_less_and_loses_nothing", (t, { small, big }) => {
  const sys = guest();
  const clock = new Batch();
  const now = clock.ticks();
  const ticksNow = () => {
    clock.run();
    return Number(clock.result(now));
  };
  const [startMs, startTicks] = [sys.nowMs(), ticksNow()];

  const measured: Measured[] = [];
  for (const program of preparePrograms(t)) {
    let result = uninterrupted(() => measure(program, small, big, 0));
    // A path that the program takes now and then, such as a refill of a slab or a new time stamp of
    // a file after a tick, may be in both traces of the big buffer and not in that of unique mode.
    // What is lost for good is lost every time.
    let lost = new Set(result.lost);
    for (let again = 1; lost.size > 0 && again < 4; again++) {
      const [first] = lost;
      t.log(`${program.name}: ${lost.size} PCs missing, first ${hex(BigInt(first!))}; once more`);
      result = uninterrupted(() => measure(program, small, big, 4 * again));
      lost = new Set(result.lost.filter((pc) => lost.has(pc)));
    }
    measured.push({ ...result, lost: [...lost] });
  }

  const ticksPerMs = (ticksNow() - startTicks) / (sys.nowMs() - startMs);
  const results = measured.map(({ program, lost }) => {
    const result = program((ticks) => ticks / ticksPerMs * 1e6);
    return { ...result, unique: { ...result.unique, lost: lost.length } };
  });
  const attachment = dedupAttachment(WORDS, BITMAP_WORDS, results);
  t.attach(DEDUP_ATTACHMENT, attachment);
  const figures = readDedup(attachment) ?? fail("figures that cannot be read back");

  assertGreater(results.length, 19, "programs");
  const rate = overflowRate(figures, figures.pc);
  assertGreater(rate, OVERFLOW_RATES[0], "share of programs that overflow in mode PC");
  assertLess(rate, OVERFLOW_RATES[1], "share of programs that overflow in mode PC");
  assertGreater(figures.pc.lost, 0, "PCs that mode PC loses");
  const overflowing = results.filter(({ unique }) => unique.overflow).map(({ name }) => name);
  assert(
    sparedOverflows(figures) >= SPARED,
    `${figures.unique.overflows} overflows in place of ${figures.pc.overflows}: ${overflowing}`,
  );
  const losers = results.filter(({ unique }) => unique.lost > 0).map(({ name }) => name);
  assertEquals(losers, [], `programs of which unique mode loses PCs (${inspect(figures.unique)})`);
});
