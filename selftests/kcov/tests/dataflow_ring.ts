// SPDX-License-Identifier: MIT

/**
 * The ring itself: whole records from word 1 to where word 0 says, numbers that rise by one, and what
 * happens where there is no room, or where userspace has written to word 0.
 */

import {
  brokenNumber,
  DATAFLOW_NUMBER_BITS,
  type DataflowRecord,
  dataflowRecordAt,
} from "../../contract/dataflow.ts";
import { assert, assertEquals, assertGreater, fail, inspect } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import { guest } from "../../harness/guest.ts";
import {
  type Dataflow,
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  openMappedDataflow,
  soundRecords,
  wholeRecords,
} from "../dataflow.ts";
import { commandLine, type DataflowModule, loadDataflowModule } from "../dataflow_module.ts";
import { assertSteps, assertStretch, stepPlaces, stretch } from "../dataflow_steps.ts";
import { undisturbed } from "../windows.ts";

const PAGE_WORDS = 512;
/** No header, no count, no PC. */
const SENTINEL = 0x5e5e5e5e5e5e5e5en;
/** Words of a record with one value. */
const ONE_VALUE = 4n;
/** Words of a record of struct df_widths where fields are expanded. */
const TEN_VALUES = 13n;

interface Context {
  readonly module: DataflowModule;
  /** Opens a ring and enables it. */
  readonly open: (words: number) => Dataflow;
}

export const dataflowRing = fixture("dataflow_ring", {
  file: "selftests/kcov/tests/dataflow_ring.ts",
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: DATAFLOW_MODES,
  setup(t, _mode: DataflowMode): Context {
    const module = loadDataflowModule(t);
    return { module, open: (words) => openMappedDataflow(t, words).enable() };
  },
});

dataflowRing.test("numbers_rise_by_one_over_a_long_stretch", (t, { module, open }, mode) => {
  const STEPS = 25_000;
  const device = open(1 << 20);
  const places = stepPlaces(module, device, mode);
  const first = 0x01000000;
  const ring = stretch(module, device, "loop", STEPS, first);
  t.log(`${assertStretch(ring, places, first, STEPS)} records in ${ring.length} words`);
});

const ENOUGH_WORDS = 8192n;

dataflowRing.test("what_the_engine_leaves_is_whole_as_well", (t, { open }) => {
  // Not a batch: calls, page faults and whatever the engine does, up to an ioctl that reads it.
  const device = open(1 << 20);
  device.ring[0] = 0n;
  // Where all files are instrumented, few reads leave as many records as anybody has to look at.
  for (let round = 0; round < 20 && device.ring[0]! < ENOUGH_WORDS; round++) {
    guest().readFile("/proc/self/status");
  }
  device.disable();
  const records = soundRecords(device.copy());
  assertGreater(records.length, 100, "records of reads of a file");
  t.log(`${records.length} records`);
});

/**
 * Fills the ring with sentinels, has a command run with a count of its choice in word 0, and gives the
 * count that it leaves. What else the task does meanwhile finds a full ring.
 */
function countAfter(
  { module }: Context,
  device: Dataflow,
  command: string,
  before: bigint,
  ...numbers: readonly number[]
): bigint {
  const full = BigInt(device.words - 1);
  const batch = new Batch();
  device.storeIn(batch, full);
  batch.fill(device.addressOf(1), SENTINEL, device.words - 1);
  const line = commandLine(command, device.addressOf(0), before, full, ...numbers);
  const written = module.lineIn(batch, line);
  batch.run();
  assertEquals(batch.result(written), BigInt(line.length), `bytes written of "${line}"`);
  return module.result();
}

/** Fails where a word outside of [from, to) has changed. */
function assertUntouched(device: Dataflow, from: bigint, to: bigint, what: string): void {
  const ring = device.ring;
  const sentinels = new BigUint64Array(ring.length).fill(SENTINEL);
  for (const [first, behind] of [[1, Number(from)], [Number(to), ring.length]] as const) {
    if (behind <= first) continue;
    const byte = guest().difference(
      ring.subarray(first, behind),
      sentinels.subarray(first, behind),
    );
    const at = first + Math.floor(byte / 8);
    if (byte >= 0) fail(`${what}: word ${at} of ${ring.length} has become ${inspect(ring[at])}`);
  }
}

/** Sizes and kinds of records, in the order in which they are written. */
type Piece = readonly [words: bigint, type: "entry" | "return"];

/** Holds what a command leaves at a count against what fits; then an empty ring against all of it. */
function assertFits(
  context: Context,
  device: Dataflow,
  [command, ...numbers]: readonly [command: string, ...numbers: number[]],
  before: bigint,
  pieces: readonly Piece[],
): void {
  const most = BigInt(device.words - 1);
  const what = `${command} with ${inspect(before)} in word 0 of ${device.words}`;
  const after = countAfter(context, device, command, before, ...numbers);
  let at = before;
  const fitting: Piece[] = [];
  for (const piece of pieces) {
    if (at > most || piece[0] > most - at) continue;
    fitting.push(piece);
    at += piece[0];
  }
  assertEquals(after, at, `count after ${what}`);
  assertUntouched(device, before + 1n, at + 1n, what);
  let word = before + 1n;
  for (const [words, type] of fitting) {
    const record = dataflowRecordAt(device.ring, Number(word));
    const found = [record.type, BigInt(record.values.length) + 3n] as const;
    assertEquals(found, [type, words], `type and words of the record at ${word} after ${what}`);
    assertEquals(context.module.ownOf([record]).length, 1, `records of the module after ${what}`);
    word += words;
  }
}

const STEP: readonly Piece[] = [[ONE_VALUE, "entry"], [ONE_VALUE, "return"]];

/** Counts near the end of a ring, and such as no kernel leaves. */
function countsToTry(words: number): bigint[] {
  const most = BigInt(words - 1);
  return [
    ...Array.from({ length: 20 }, (_, free) => most - BigInt(free)),
    ...[most + 1n, most + 2n, 2n * most, 0x80000000n, 0xffffffffn],
    // Those that are small for who keeps 32 bits, or adds to them and wraps.
    ...[1n << 32n, (1n << 32n) + 8n, (1n << 63n) + 8n, 1n << 63n],
    ...[1n, 2n, 3n, 4n, 5n, 8n, 13n, 14n].map((less) => (1n << 64n) - less),
  ];
}

dataflowRing.test("what_does_not_fit_is_left_out_and_the_next_fits_again", (t, context, mode) => {
  // Of the same task and without ENABLE in between: what a record without room leaves behind in the
  // task's state would keep out those that follow.
  const device = context.open(PAGE_WORDS);
  for (const before of countsToTry(PAGE_WORDS)) {
    undisturbed(t, () => {
      assertFits(context, device, ["ring", 1], before, STEP);
      assertFits(context, device, ["ring", 1], 0n, STEP);
    });
  }
  const widths: readonly Piece[] = [
    [mode.fields ? TEN_VALUES : ONE_VALUE, "entry"],
    [ONE_VALUE, "return"],
  ];
  // A record of fields has no room where the shorter one behind it has.
  for (const before of countsToTry(PAGE_WORDS)) {
    undisturbed(t, () => {
      assertFits(context, device, ["ring_widths"], before, widths);
      assertFits(context, device, ["ring_widths"], 0n, widths);
    });
  }
});

dataflowRing.test("the_smallest_ring_that_can_be_mapped_takes_what_fits", (t, context) => {
  const device = context.open(PAGE_WORDS);
  const steps = (PAGE_WORDS - 1) / 8 | 0;
  undisturbed(t, () => {
    const pieces = Array.from({ length: 2 * steps + 2 }, (_, at) => STEP[at % 2]!);
    assertFits(context, device, ["ring", steps + 1], 0n, pieces);
  });
});

dataflowRing.test("what_is_left_out_takes_a_number", (t, context) => {
  const device = context.open(PAGE_WORDS);
  const before = BigInt(PAGE_WORDS - 1) - ONE_VALUE;
  for (const steps of [1, 10, 1000]) {
    undisturbed(t, () => {
      const after = countAfter(context, device, "ring_gap", before, steps);
      assertEquals(after, 2n * ONE_VALUE, "count after one step from an empty ring");
      // The one that had room, and the first of the step behind all those that had none.
      const [last, next] = [Number(before) + 1, 1].map((word) =>
        dataflowRecordAt(device.ring, word)
      ) as [DataflowRecord, DataflowRecord];
      assertEquals([last.values, next.values], [[0n], [BigInt(steps)]], "steps of the records");
      const gap = next.number - last.number & 0xffffff;
      assertEquals(gap, 2 * steps, `how many numbers ${steps} steps have taken`);
    });
  }
});

/** Runs so many steps from an empty ring, until it is full, and gives the texts of the module's records. */
function overflow(context: Context, device: Dataflow, steps: number, first: number) {
  const line = commandLine("loop", steps, first);
  const ring = device.window((batch) => context.module.lineIn(batch, line));
  assert(ring.length <= device.words, `word 0 counts ${ring[0]} words of ${device.words}`);
  const own = context.module.recordsIn(ring, wholeRecords);
  return { ring, own, texts: context.module.textsOf(own) };
}

dataflowRing.test("a_ring_that_overflows_holds_the_first_records", (t, context, mode) => {
  const device = context.open(8 * PAGE_WORDS);
  for (let round = 0; round < 3; round++) {
    const first = 1000 * round;
    const { ring, own, texts } = overflow(context, device, 1000, first);
    assertGreater(ring.length, device.words - Number(ONE_VALUE), "words of a full ring");
    assertGreater(own.length, 100, "records of df_step in a full ring");
    const even = texts.slice(0, texts.length - texts.length % 2);
    assertSteps(even, mode, first, even.length / 2);
    // None is missing in between: all that have room are there.
    assertEquals(brokenNumber(own.map(({ number }) => number)), -1, "record with another number");
    // Emptied by userspace, and nothing else: it goes on.
    const again = context.module.call(device, "loop", 10, 7);
    assertSteps(again.texts, mode, 7, 10);
    if (round === 0) t.log(`${own.length} records of steps in ${ring.length} words`);
  }
});

/** How long the test goes on before it gives up. */
const WRAP_MS = 120_000;

dataflowRing.test("numbers_go_on_with_0_behind_the_greatest", (t, context, mode) => {
  const device = context.open(1 << 20);
  const STEPS = 120_000;
  /** The number of the first record of a window of so many steps. */
  const run = (steps: number) => {
    const batch = new Batch();
    device.resetIn(batch);
    context.module.lineIn(batch, commandLine("loop", steps, 0));
    batch.run();
    return Number(device.ring[1]! & 0xffffffn);
  };
  const startMs = guest().nowMs();
  // Near enough that one window of a thousand records goes across, and with room for those of the calls.
  for (let left = 2 ** DATAFLOW_NUMBER_BITS - run(1); left > 800;) {
    run(Math.min(STEPS, Math.floor((left - 600) / 2)));
    const before = left;
    left = 2 ** DATAFLOW_NUMBER_BITS - run(1);
    assert(left < before, `${left} numbers are left after a window, before it ${before}`);
    if (guest().nowMs() - startMs > WRAP_MS) {
      t.log(`${left} numbers are left after ${WRAP_MS} ms: the greatest is out of reach`);
      return;
    }
  }
  acrossTheEnd(t, context, device, mode);
}, { requires: ["dataflow-chosen"], timeoutMs: 2 * WRAP_MS });

function acrossTheEnd(
  t: TestContext,
  { module }: Context,
  device: Dataflow,
  mode: DataflowMode,
): void {
  const numbers = new Set<number>();
  for (let round = 0; round < 5; round++) {
    // It fails where a header is none, or a number not the next one.
    const { records, texts } = module.call(device, "loop", 500, 0);
    assertSteps(texts, mode, 0, 500);
    for (const record of records) numbers.add(record.number);
  }
  const greatest = 2 ** DATAFLOW_NUMBER_BITS - 1;
  assert(numbers.has(greatest) && numbers.has(0), "the greatest number was not among 5000 records");
  t.log(`${numbers.size} numbers around the greatest`);
}
