// SPDX-License-Identifier: MIT

/**
 * What runs over the task is none of its own: hard interrupts, softirqs and timers leave no record and
 * land in none, ticks of the machine neither. What the task does with interrupts off is its own.
 */

import {
  assertEquals,
  assertGreater,
  assertLess,
  assertSameMembers,
} from "../../harness/asserts.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  AT_FDCWD,
  close,
  guest,
  interruptsServed,
  O_RDONLY,
  presentWords,
  SYS,
  uninterrupted,
} from "../../harness/guest.ts";
import {
  type Dataflow,
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  kernelFunctionsIn,
  openMappedDataflow,
} from "../dataflow.ts";
import { type DataflowModule, Expected, loadDataflowModule } from "../dataflow_module.ts";
import { assertStretch, stepPlaces, stretch } from "../dataflow_steps.ts";
import { isExplained } from "../unstable_functions.ts";
import { untilInterrupted } from "../windows.ts";

const RING_WORDS = 1 << 20;

interface Context {
  readonly module: DataflowModule;
  readonly device: Dataflow;
}

export const dataflowContexts = fixture("dataflow_contexts", {
  file: "selftests/kcov/tests/dataflow_contexts.ts",
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: DATAFLOW_MODES,
  setup(t, _mode: DataflowMode): Context {
    const module = loadDataflowModule(t);
    return { module, device: openMappedDataflow(t, RING_WORDS).enable() };
  },
  teardown: ({ device }) => device.disable(),
});

/** Runs a function of the module over the task, again and again, and then one in it. */
function assertOverTheTask(
  { module, device }: Context,
  mode: DataflowMode,
  where: "hardirq" | "softirq",
): void {
  const TIMES = 20;
  const { texts, result } = module.call(device, where, TIMES);
  const step = new Expected("df_step", mode);
  assertEquals(result, BigInt(TIMES), `runs of df_in_${where}`);
  const what = `records of the module beside those of df_in_${where}`;
  assertEquals(texts, [step.entry(0, 4, TIMES), step.returns(4, 3 * TIMES + 1)], what);
}

dataflowContexts.test("a_hard_interrupt_over_the_task_leaves_no_record", (_t, context, mode) => {
  assertOverTheTask(context, mode, "hardirq");
});

dataflowContexts.test("a_softirq_over_the_task_leaves_no_record", (_t, context, mode) => {
  assertOverTheTask(context, mode, "softirq");
});

dataflowContexts.test("a_timer_lands_in_no_record", (t, { module, device }, mode) => {
  // It comes at any instruction, those that write a record included; under emulation it comes late,
  // and the later, the busier the machine is.
  const [WANTED, SOME, SOON_MS, MOST_MS] = [30, 3, 2000, 10_000];
  const places = stepPlaces(module, device, mode);
  const startMs = guest().nowMs();
  let [times, steps] = [0, 500];
  // As many as come soon, and some of them at any rate.
  const limitMs = () => times < SOME ? MOST_MS : SOON_MS;
  while (times < WANTED && guest().nowMs() - startMs < limitMs()) {
    const ring = stretch(module, device, "timer", steps);
    const came = Number(module.result());
    assertStretch(ring, places, 0, steps);
    times += came;
    if (came < 5) steps = Math.min(16_000, 2 * steps);
  }
  assertGreater(times, 0, "interrupts of the timer");
  t.log(`${times} interrupts of the timer`);
});

dataflowContexts.test("what_a_task_does_with_interrupts_off_is_its_own", (_t, context, mode) => {
  const { module, device } = context;
  const step = new Expected("df_step", mode);
  const { texts } = module.call(device, "atomic", 40);
  assertEquals(texts, [
    ...[step.entry(0, 4, 40), step.returns(4, 121)],
    ...[step.entry(0, 4, 41), step.returns(4, 124)],
    ...[step.entry(0, 4, 42), step.returns(4, 127)],
  ], "records without interrupts, without preemption, without softirqs");
});

const SWITCHED = { condition: "wakeup", interrupted: true, hasSeries: false } as const;
const isOfSwitch = (name: string) => isExplained(name, SWITCHED);

/** What a window had: how many interrupts around it and in it, and its functions. */
interface Seen {
  readonly interrupts: number;
  readonly names: ReadonlySet<string>;
}

/**
 * Functions of a window without an interrupt. On a slow machine one comes each time, for the counting
 * takes longer than a tick; then those that all of many windows have, which is nothing of an interrupt.
 */
function namesOfAll(look: () => Seen): ReadonlySet<string> {
  let common: ReadonlySet<string> | null = null;
  for (let attempt = 0; attempt < 50; attempt++) {
    const { interrupts, names } = look();
    if (interrupts === 0) return names;
    const before: ReadonlySet<string> = common ?? names;
    common = new Set([...before].filter((name) => names.has(name)));
  }
  return common!;
}

/** Functions that serve ticks, timers and softirqs. */
const TICK =
  /tick_|hrtimer|softirq|timer_interrupt|run_timer|process_times|sysvec_|irq_(enter|exit)|rcu_sched_clock/;

dataflowContexts.test("ticks_in_a_long_call_leave_no_record", (t, { device }) => {
  const S_IFCHR = 0o020000;
  guest().tryCall(SYS.mknod, "/dev/zero", S_IFCHR | 0o666, 1 << 8 | 5);
  const zero = guest().call(SYS.openat, AT_FDCWD, "/dev/zero", O_RDONLY, 0);
  t.cleanup(() => close(zero));
  const PAGE_BYTES = 4096;
  const PAGES = 1024;
  const memory = presentWords(PAGES * PAGE_BYTES);
  const read = (pages: number): Seen => {
    const before = interruptsServed();
    const ring = device.window((batch) =>
      batch.syscall(SYS.read, [zero, memory, pages * PAGE_BYTES])
    );
    const interrupts = interruptsServed() - before;
    // What a switch to another task does on the way back belongs to the task.
    const names = new Set([...kernelFunctionsIn(ring)].filter((name) => !isOfSwitch(name)));
    assertLess(ring.length, RING_WORDS - 64, "words of a ring that has room for more");
    return { interrupts, names };
  };
  uninterrupted(() => {
    const quiet = namesOfAll(() => read(4));
    const interrupts = untilInterrupted(8, () => {
      const long = read(PAGES);
      const served = [...long.names].filter((name) => TICK.test(name));
      assertEquals(served, [], `functions of interrupts in a call with ${long.interrupts}`);
      assertSameMembers(long.names, quiet, "functions of the long call");
      return long.interrupts;
    });
    assertGreater(quiet.size, 1, "functions of a read");
    t.log(`${interrupts} interrupts, functions ${[...quiet].join(" ")}`);
  });
});
