// SPDX-License-Identifier: MIT

/**
 * What interrupts a traced window, brought about and not waited for: calls that sleep, a busy process
 * on the same CPU, ticks inside of a call, signal handlers, other CPUs. The window's own calls are all
 * in the trace, to the entry, and nothing of anybody else.
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertSameMembers,
  fail,
  inspect,
} from "../../harness/asserts.ts";
import { Batch, type Step } from "../../harness/batch.ts";
import { pipe, type Process, spawn } from "../../harness/child.ts";
import type { Feature } from "../../contract/features.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import {
  AT_FDCWD,
  close,
  guest,
  interruptsServed,
  O_RDONLY,
  onlineCpus,
  pinToCpu,
  presentWords,
  sharedMemory,
  sleepMs,
  SYS,
  uninterrupted,
} from "../../harness/guest.ts";
import { type CollectMode, enableModeOrSkip, entryCounts, type Kcov, openMapped } from "../kcov.ts";
import { type KernelSymbols, kernelSymbols } from "../symbols.ts";
import { isExplained } from "../unstable_functions.ts";
import { untilInterrupted } from "../windows.ts";

const FILE = "selftests/kcov/tests/kcov_switches.ts";
const BUFFER_WORDS = 256 * 1024;
const BITMAP_WORDS = 4 * 1024;

/** A call that a process can be told by: entries in all modes, in functions that no other call has. */
interface Mark {
  readonly number: number;
  readonly args: readonly number[];
  /** Names of its functions. */
  readonly functions: RegExp;
}

const OWN: Mark = { number: SYS.dup2, args: [0x3a5a, 0x2b5b], functions: /dup[23]$/ };
const FOREIGN: Mark = {
  number: SYS.personality,
  args: [0xffffffff],
  functions: /sys_personality$/,
};
const HANDLER: Mark = { number: SYS.prctl, args: [0x5eed], functions: /sys_prctl$/ };

function markIn(batch: Batch, { number, args }: Mark, repeat = 1): Step {
  return batch.syscall(number, args, repeat);
}

interface ModeVariant {
  readonly mode: CollectMode;
  readonly requires?: readonly Feature[];
}

const MODES = {
  pc: { mode: "pc" },
  cmp: { mode: "cmp", requires: ["cmp"] },
  unique: { mode: "unique", requires: ["unique"] },
} as const satisfies Record<string, ModeVariant>;

/** How many entries each function has. */
type Entries = ReadonlyMap<string, number>;

/** A process that collects from itself. */
class Collector {
  readonly device: Kcov;
  readonly #mode: CollectMode;
  readonly #symbols: KernelSymbols;

  constructor(t: TestContext, mode: CollectMode) {
    this.#symbols = kernelSymbols();
    this.#mode = mode;
    this.device = openMapped(t, BUFFER_WORDS);
    enableModeOrSkip(t, this.device, mode, BITMAP_WORDS);
  }

  /** Entries by function. Fails where the trace is full: nothing could be said of the rest. */
  entries(count: number): Entries {
    const words = this.#mode === "cmp" ? 4 : 1;
    const room = BUFFER_WORDS - this.device.bitmapWords - 1;
    assertLess(count * words, room - words, "words of a trace that has room for more");
    const functions = new Map<string, number>();
    for (const [pc, times] of entryCounts(this.device, this.#mode, count)) {
      const name = this.#symbols.nameOf(pc) ?? inspect(pc);
      functions.set(name, (functions.get(name) ?? 0) + times);
    }
    return functions;
  }

  /** Entries of so many calls of a mark, by what one call leaves in this process. */
  expected(mark: Mark, calls: number): number {
    const once = this.device.recording((batch) => markIn(batch, mark));
    const entries = count(this.entries(once.run()), mark.functions);
    assertGreater(entries, 0, "entries of one call of a mark");
    const twice = this.device.recording((batch) => markIn(batch, mark, 2));
    const factor = this.#mode === "unique" ? 1 : 2;
    const both = count(this.entries(twice.run()), mark.functions);
    assertEquals(both, factor * entries, "entries of two calls");
    return this.#mode === "unique" ? entries : calls * entries;
  }
}

/**
 * Functions of kernel/sched/, whose Makefile keeps KCOV out: what they do at a switch is not a function
 * of the call that was interrupted.
 */
const SCHEDULER =
  /^(__)?schedule$|^(try_to_wake_up|ttwu_|finish_task_switch|pick_next_task|(en|de)queue_task|update_curr)/;

/** Entries of functions whose name fits. */
function count(entries: Entries, functions: RegExp): number {
  let sum = 0;
  for (const [name, times] of entries) if (functions.test(name)) sum += times;
  return sum;
}

/** How often this process gave up the CPU, by itself and not. */
function switches(): { readonly given: number; readonly taken: number } {
  const status = guest().readFile("/proc/self/status");
  const line = (name: string) => {
    const [, behind] = status.split(`\n${name}_ctxt_switches:`);
    return parseInt(behind!, 10);
  };
  return { given: line("voluntary"), taken: line("nonvoluntary") };
}

/** What a partner found in its own trace. */
interface PartnerResult {
  readonly own: number;
  readonly expected: number;
  readonly foreign: number;
}

/** Another process on the CPU of the tests, which collects in the same mode. */
class Partner {
  readonly #flags = new BigUint64Array(sharedMemory(16));
  readonly #process: Process<PartnerResult>;

  /** @param rounds What it does in one window: operations, with `calls` calls of {@link FOREIGN}. */
  constructor(
    t: TestContext,
    mode: CollectMode,
    rounds: (batch: Batch, stop: number) => { readonly calls: number; readonly last?: Step },
  ) {
    const stop = guest().address(this.#flags) + 8;
    this.#process = spawn(() => {
      pinToCpu(onlineCpus()[0]!);
      const collector = new Collector(t, mode);
      const one = collector.expected(FOREIGN, 1);
      const all = collector.expected(FOREIGN, 2);
      const batch = new Batch();
      collector.device.resetIn(batch);
      const { calls } = rounds(batch, stop);
      const total = collector.device.countIn(batch);
      this.#flags[0] = 1n;
      batch.run();
      const entries = collector.entries(Number(batch.result(total)));
      return {
        own: count(entries, FOREIGN.functions),
        expected: one + (calls - 1) * (all - one),
        foreign: count(entries, OWN.functions),
      };
    });
    while (this.#flags[0] === 0n) guest().call(SYS.schedYield);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Tells it to come to an end, and holds what it found against what it did. */
  end(): void {
    this.#flags[1] = 1n;
    const { own, expected, foreign } = this.#process.join();
    assertEquals(own, expected, "entries of the other process's calls in its own trace");
    assertEquals(foreign, 0, "entries of our calls in the other process's trace");
  }
}

export const kcovSwitch = fixture("kcov_switch", {
  file: FILE,
  requires: ["kcov"],
  variants: MODES,
  setup(t, { mode }: ModeVariant) {
    pinToCpu(onlineCpus()[0]!);
    return new Collector(t, mode);
  },
  teardown: ({ device }) => device.disable(),
});

/** Runs a window and holds its trace against the marks that ran in it. */
function assertWindow(
  collector: Collector,
  operations: (batch: Batch) => void,
  calls: number,
): Entries {
  const expected = collector.expected(OWN, calls);
  const entries = collector.entries(collector.device.recording(operations).run());
  assertEquals(count(entries, OWN.functions), expected, `entries of ${calls} calls of our own`);
  assertEquals(count(entries, FOREIGN.functions), 0, "entries of the other process's calls");
  const scheduler = [...entries.keys()].filter((name) => SCHEDULER.test(name));
  assertEquals(scheduler, [], "functions of the scheduler");
  return entries;
}

const ROUNDS = 20;

kcovSwitch.test("a_call_that_waits_for_another_process", (t, collector, { mode }) => {
  // Each waits for the other in a pipe: both sleep in the middle of a traced call, every time.
  const [ping, pong] = [pipe(), pipe()];
  const byte = new Uint8Array(1);
  const partner = new Partner(t, mode, (batch) => {
    for (let round = 0; round < ROUNDS; round++) {
      batch.syscall(SYS.read, [ping[0], byte, 1]);
      markIn(batch, FOREIGN);
      batch.syscall(SYS.write, [pong[1], byte, 1]);
    }
    return { calls: ROUNDS };
  });
  const before = switches();
  const entries = assertWindow(collector, (batch) => {
    for (let round = 0; round < ROUNDS; round++) {
      markIn(batch, OWN);
      batch.syscall(SYS.write, [ping[1], byte, 1]);
      batch.syscall(SYS.read, [pong[0], byte, 1]);
      markIn(batch, OWN);
    }
  }, 2 * ROUNDS);
  assertGreater(count(entries, /pipe_read/), 0, "entries of the call that waits");
  const { given, taken } = switches();
  const gone = given + taken - before.given - before.taken;
  assert(gone >= ROUNDS, `${gone} switches in ${ROUNDS} rounds that each need one`);
  partner.end();
});

kcovSwitch.test("a_futex_that_another_process_wakes", (t, collector, { mode }) => {
  const FUTEX_WAIT = 0;
  const FUTEX_WAKE = 1;
  const words = sharedMemory(16);
  // Two futexes of 32 bits, each in a word of its own.
  const [ours, theirs] = [guest().address(words), guest().address(words) + 8];
  const wait = (batch: Batch, address: number, round: number) => {
    // Returns at once where the value has changed already.
    batch.syscall(SYS.futex, [address, FUTEX_WAIT, round, 0]);
    batch.wait(address, BigInt(round + 1));
  };
  const wake = (batch: Batch, address: number, round: number) => {
    batch.store(address, BigInt(round + 1));
    batch.syscall(SYS.futex, [address, FUTEX_WAKE, 1]);
  };
  const partner = new Partner(t, mode, (batch) => {
    for (let round = 0; round < ROUNDS; round++) {
      wait(batch, theirs, round);
      markIn(batch, FOREIGN);
      wake(batch, ours, round);
    }
    return { calls: ROUNDS };
  });
  const before = switches();
  const entries = assertWindow(collector, (batch) => {
    for (let round = 0; round < ROUNDS; round++) {
      markIn(batch, OWN);
      wake(batch, theirs, round);
      wait(batch, ours, round);
      markIn(batch, OWN);
    }
  }, 2 * ROUNDS);
  assertGreater(count(entries, /futex/), 0, "entries of the call that waits");
  const { given, taken } = switches();
  const gone = given + taken - before.given - before.taken;
  assert(gone >= ROUNDS, `${gone} switches in ${ROUNDS} rounds that each need one`);
  partner.end();
});

/** A process that never stops computing, and now and then makes a call. */
function busyPartner(t: TestContext, mode: CollectMode): Partner {
  const scratch = presentWords(1 << 18);
  const LOOPS = 400;
  return new Partner(t, mode, (batch, stop) => {
    batch.keep(scratch);
    for (let loop = 0; loop < LOOPS; loop++) {
      batch.fill(guest().address(scratch), BigInt(loop), scratch.length);
      markIn(batch, FOREIGN);
    }
    batch.wait(stop, 1n);
    return { calls: LOOPS };
  });
}

kcovSwitch.test("sleep_and_yield_beside_a_busy_process", (t, collector, { mode }) => {
  const partner = busyPartner(t, mode);
  const time = new BigInt64Array([0n, 300_000n]);
  const before = switches();
  assertWindow(collector, (batch) => {
    for (let round = 0; round < ROUNDS; round++) {
      markIn(batch, OWN);
      batch.syscall(SYS.nanosleep, [time, 0]);
      markIn(batch, OWN);
      batch.syscall(SYS.schedYield);
      batch.syscall(SYS.poll, [0, 0, 1]);
    }
  }, 2 * ROUNDS);
  const given = switches().given - before.given;
  // A timer may be due before its call has come to sleep.
  assert(given >= ROUNDS, `${given} times the CPU was given up by ${2 * ROUNDS} calls`);
  partner.end();
});

/** Operations that make own calls and compute between them: the longer, the more `passes` there are. */
function longWindow(
  scratch: BigUint64Array,
  calls: number,
  passes: number,
): (batch: Batch) => void {
  return (batch) => {
    batch.keep(scratch);
    for (let call = 0; call < calls; call++) {
      markIn(batch, OWN);
      for (let pass = 0; pass < passes; pass++) {
        batch.fill(guest().address(scratch), BigInt(pass), scratch.length);
      }
    }
  };
}

/** Windows are tried with twice as many passes each time, until something has come in between. */
const MOST_PASSES = 1 << 9;

kcovSwitch.test("a_busy_process_takes_the_cpu_away", (t, collector, { mode }) => {
  const CALLS = 40;
  const scratch = presentWords(1 << 20);
  let taken = 0;
  for (let passes = 1; taken < 3; passes *= 2) {
    if (passes > MOST_PASSES) t.fail(`the CPU was taken ${taken} times in long windows`);
    const partner = busyPartner(t, mode);
    const before = switches();
    assertWindow(collector, longWindow(scratch, CALLS, passes), CALLS);
    taken += switches().taken - before.taken;
    partner.end();
  }
  t.log(`the CPU was taken ${taken} times`);
});

kcovSwitch.test("ticks_in_a_long_call", (t, collector, { mode }) => {
  const S_IFCHR = 0o020000;
  guest().tryCall(SYS.mknod, "/dev/zero", S_IFCHR | 0o666, 1 << 8 | 5);
  const zero = guest().call(SYS.openat, AT_FDCWD, "/dev/zero", O_RDONLY, 0);
  t.cleanup(() => close(zero));
  const PAGE_BYTES = 4096;
  const PAGES = 2048;
  const memory = presentWords(PAGES * PAGE_BYTES);
  const read = (pages: number) =>
    collector.device.recording((batch) =>
      batch.syscall(SYS.read, [zero, memory, pages * PAGE_BYTES])
    );
  const run = (recording: ReturnType<typeof read>) => {
    const before = interruptsServed();
    const total = recording.run();
    const interrupts = interruptsServed() - before;
    // What an interrupt leaves to the thread for its way back is not the call's.
    const window = { condition: "alone", interrupted: interrupts > 0, hasSeries: false } as const;
    const own = [...collector.entries(total)].filter(([name]) => !isExplained(name, window));
    const entries = own.reduce((sum, [, times]) => sum + times, 0);
    return { entries, interrupts, functions: own.map(([name]) => name) };
  };
  uninterrupted(() => {
    // What the call leaves where nothing comes in between: so much, and so much for each page.
    const quiet = (pages: number) => {
      const recording = read(pages);
      for (let attempt = 0; attempt < 200; attempt++) {
        const found = run(recording);
        if (found.interrupts === 0) return found;
      }
      fail(`an interrupt in each of 200 windows that read ${pages} pages`);
    };
    const [few, more] = [quiet(2), quiet(4)];
    const eachTwo = more.entries - few.entries;
    const expected = few.entries + eachTwo * (PAGES / 2 - 1);
    const long = read(PAGES);
    const interrupts = untilInterrupted(8, () => {
      const found = run(long);
      assertSameMembers(found.functions, more.functions, "functions of the long call");
      const what = `entries of a call with ${found.interrupts} interrupts`;
      assertEquals(found.entries, mode === "unique" ? more.entries : expected, what);
      return found.interrupts;
    });
    t.log(`${expected} entries a call, ${interrupts} interrupts`);
  });
});

kcovSwitch.test("a_signal_handler_makes_calls", (t, collector) => {
  const SIGUSR1 = 10;
  const SIGALRM = 14;
  const ITIMER_REAL = 0;
  const CALLS = 40;
  const runs = new BigUint64Array(sharedMemory(8));
  const handler = new Batch();
  handler.add(guest().address(runs), 1n);
  markIn(handler, HANDLER);
  for (const signal of [SIGUSR1, SIGALRM]) handler.runOnSignal(signal);

  // Sent by a call of the window itself: the handler runs on the way back from it.
  const pid = guest().call(SYS.getpid);
  const one = collector.expected(HANDLER, 1);
  const eachMore = collector.expected(HANDLER, 2) - one;
  const sent = assertWindow(collector, (batch) => {
    for (let call = 0; call < CALLS; call++) {
      markIn(batch, OWN);
      batch.syscall(SYS.kill, [pid, SIGUSR1]);
    }
  }, CALLS);
  assertEquals(runs[0], BigInt(CALLS), "runs of the handler");
  const what = "entries of the handler's calls";
  assertEquals(count(sent, HANDLER.functions), one + (CALLS - 1) * eachMore, what);

  // Sent by a timer, anywhere in the window: in userspace and on the way out of a call.
  const scratch = presentWords(1 << 20);
  const every2Ms = new BigInt64Array([0n, 2000n, 0n, 2000n]);
  const never = new BigInt64Array(4);
  for (let passes = 1;; passes *= 2) {
    if (passes > MOST_PASSES) t.fail("the timer sent less than three signals in each window");
    runs[0] = 0n;
    const found = assertWindow(collector, (batch) => {
      batch.syscall(SYS.setitimer, [ITIMER_REAL, every2Ms, 0]);
      longWindow(scratch, CALLS, passes)(batch);
      batch.syscall(SYS.setitimer, [ITIMER_REAL, never, 0]);
    }, CALLS);
    const times = Number(runs[0]);
    if (times < 3) continue;
    assertEquals(count(found, HANDLER.functions), one + (times - 1) * eachMore, what);
    t.log(`${times} signals of a timer`);
    return;
  }
});

/** From CPU to CPU while collecting. */
export const kcovSwitchSmp = fixture("kcov_switch_smp", {
  file: FILE,
  requires: ["kcov", "smp"],
  variants: MODES,
  setup(t, { mode }: ModeVariant) {
    const cpus = onlineCpus();
    const collector = new Collector(t, mode);
    if (cpus.length < 2) t.skip("one CPU is online");
    return { collector, cpus };
  },
  teardown: ({ collector }) => collector.device.disable(),
});

/** The kernel's bit mask of one CPU. */
function maskOf(cpu: number): BigUint64Array {
  const mask = new BigUint64Array(16);
  mask[Math.floor(cpu / 64)] = 1n << BigInt(cpu % 64);
  return mask;
}

kcovSwitchSmp.test("goes_along_when_the_thread_moves_itself", (_t, { collector, cpus }) => {
  const way = Array.from({ length: 5 }, () => cpus).flat();
  const seen = way.map(() => new Uint32Array(1));
  assertWindow(collector, (batch) => {
    way.forEach((cpu, index) => {
      const mask = maskOf(cpu);
      markIn(batch, OWN);
      batch.syscall(SYS.schedSetaffinity, [0, mask.byteLength, mask]);
      batch.syscall(SYS.getcpu, [seen[index]!, 0, 0]);
      markIn(batch, OWN);
    });
  }, 2 * way.length);
  assertEquals(seen.map((cpu) => cpu[0]!), way, "CPUs on which the window ran");
});

kcovSwitchSmp.test("goes_along_when_another_process_moves_it", (t, { collector, cpus }) => {
  const CALLS = 60;
  const scratch = presentWords(1 << 20);
  const pid = guest().call(SYS.getpid);
  for (let passes = 1;; passes *= 2) {
    if (passes > MOST_PASSES) t.fail("the thread stayed on one CPU in each window");
    const flags = new BigUint64Array(sharedMemory(8));
    const mover = spawn(() => {
      for (let turn = 0; flags[0] === 0n; turn++) {
        const mask = maskOf(cpus[turn % cpus.length]!);
        guest().call(SYS.schedSetaffinity, pid, mask.byteLength, mask);
        sleepMs(1);
      }
      return true;
    });
    const seen = Array.from({ length: CALLS }, () => new Uint32Array(1));
    assertWindow(collector, (batch) => {
      for (const cpu of seen) {
        markIn(batch, OWN);
        for (let pass = 0; pass < passes; pass++) {
          batch.fill(guest().address(scratch), 1n, scratch.length);
        }
        batch.syscall(SYS.getcpu, [cpu, 0, 0]);
      }
    }, CALLS);
    flags[0] = 1n;
    mover.join();
    const places = new Set(seen.map((cpu) => cpu[0]!));
    if (places.size < 2) continue;
    t.log(`the window ran on ${places.size} CPUs`);
    return;
  }
});
