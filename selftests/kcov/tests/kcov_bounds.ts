// SPDX-License-Identifier: MIT

/**
 * Nothing is written behind the buffer's last word, in any mode, whatever userspace stores to the
 * count. All buffers fill their last page, so a write behind them meets the guard page of vmalloc and
 * kills the process with an oops.
 */

import { assert, assertEquals, assertGreater, fail, hex } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import type { Feature } from "../../contract/features.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import { guest } from "../../harness/guest.ts";
import {
  type CollectMode,
  collects,
  enableModeOrSkip,
  type Kcov,
  openKcov,
  openMapped,
  readNothing,
  WORDS_PER_COMPARISON,
} from "../kcov.ts";
import { kernelSymbols } from "../symbols.ts";

const PAGE_WORDS = 512;
const SENTINEL = 0x5e5e5e5e5e5e5e5en;
const ALL_ONES = 0xffffffffffffffffn;

interface Variant {
  readonly requires?: readonly Feature[];
  readonly mode: CollectMode;
  readonly words: number;
  readonly bitmapWords: number;
}

/** What is behind the bitmap, if there is one: the count and the entries. */
interface Layout {
  readonly device: Kcov;
  readonly wordsPerEntry: number;
  /** Entries that fit. */
  readonly capacity: number;
  /** First word that no entry ever reaches, within the buffer or just behind it. */
  readonly end: number;
}

export const kcovBounds = fixture("kcov_bounds", {
  file: "selftests/kcov/tests/kcov_bounds.ts",
  requires: ["kcov"],
  variants: {
    pc_one_page: { mode: "pc", words: PAGE_WORDS, bitmapWords: 0 },
    pc_three_pages: { mode: "pc", words: 3 * PAGE_WORDS, bitmapWords: 0 },
    cmp_one_page: { mode: "cmp", words: PAGE_WORDS, bitmapWords: 0, requires: ["cmp"] },
    cmp_three_pages: { mode: "cmp", words: 3 * PAGE_WORDS, bitmapWords: 0, requires: ["cmp"] },
    unique_small_bitmap: {
      mode: "unique",
      words: PAGE_WORDS,
      bitmapWords: 1,
      requires: ["unique"],
    },
    unique_half: {
      mode: "unique",
      words: 2 * PAGE_WORDS,
      bitmapWords: PAGE_WORDS,
      requires: ["unique"],
    },
    // The biggest bitmap that is allowed leaves room for the count and one PC.
    unique_one_entry: {
      mode: "unique",
      words: PAGE_WORDS,
      bitmapWords: PAGE_WORDS - 2,
      requires: ["unique"],
    },
  },
  setup(t, variant: Variant): Layout {
    const device = openMapped(t, variant.words);
    enableModeOrSkip(t, device, variant.mode, variant.bitmapWords);
    const wordsPerEntry = variant.mode === "cmp" ? WORDS_PER_COMPARISON : 1;
    const room = variant.words - variant.bitmapWords - 1;
    const capacity = Math.floor(room / wordsPerEntry);
    return {
      device,
      wordsPerEntry,
      capacity,
      end: variant.bitmapWords + 1 + capacity * wordsPerEntry,
    };
  },
  teardown: ({ device }) => device.disable(),
});

/**
 * Sets the count, empties the bitmap, and puts the sentinel everywhere else. The trace is full
 * meanwhile: what a switch to another task adds would take the place of a sentinel.
 */
function presetIn(batch: Batch, { device, capacity }: Layout, count: bigint): void {
  const { bitmapWords, words } = device;
  batch.store(device.addressOf(bitmapWords), BigInt(capacity));
  batch.fill(device.addressOf(0), 0n, bitmapWords);
  batch.fill(device.addressOf(bitmapWords + 1), SENTINEL, words - bitmapWords - 1);
  batch.store(device.addressOf(bitmapWords), count);
}

/** All words are still the sentinel: the first one is, and each is as the one before. */
function assertUntouched(words: BigUint64Array, what: string): void {
  if (words.length === 0) return;
  const equal = guest().difference(words.subarray(1), words.subarray(0, -1)) < 0;
  if (equal && words[0] === SENTINEL) return;
  const written = [...words.keys()].filter((at) => words[at] !== SENTINEL);
  const first = written[0]!;
  fail(`${what}: ${written.length} were written to, word ${first} is ${hex(words[first]!)}`);
}

/** One call that collects; in unique mode an empty bitmap makes every call count. */
function callsIn(batch: Batch, { device }: Layout, calls: number): void {
  if (device.bitmapWords === 0) {
    readNothing(batch, calls);
    return;
  }
  for (let call = 0; call < calls; call++) {
    batch.fill(device.addressOf(0), 0n, device.bitmapWords);
    readNothing(batch);
  }
}

kcovBounds.test("a_full_buffer_ends_with_its_last_entry", (_t, layout, { mode }) => {
  const { device, capacity, end } = layout;
  const symbols = kernelSymbols();
  const batch = new Batch();
  presetIn(batch, layout, 0n);
  callsIn(batch, layout, capacity + 10);
  const count = device.countIn(batch);
  callsIn(batch, layout, 20);
  const later = device.countIn(batch);
  batch.run();
  assertEquals(batch.result(count), BigInt(capacity), "entries of a full buffer");
  assertEquals(batch.result(later), BigInt(capacity), "entries after 20 more calls");
  // The last word of an entry is a PC in every mode.
  const last = device.buffer[end - 1]!;
  assert(symbols.isText(last), `last entry ends in ${hex(last)}, not in kernel text`);
  if (mode !== "cmp") assertEquals(end, device.words, "end of the last entry");
  assertUntouched(device.buffer.slice(end), "words behind the last entry");
});

kcovBounds.test("the_last_free_entry_is_used", (_t, layout) => {
  const { device, capacity, wordsPerEntry, end } = layout;
  const batch = new Batch();
  presetIn(batch, layout, BigInt(capacity - 1));
  callsIn(batch, layout, 1);
  const count = device.countIn(batch);
  batch.run();
  assertEquals(batch.result(count), BigInt(capacity), "entries after a call with room for one");
  const entry = [...device.buffer.slice(end - wordsPerEntry, end)];
  assert(!entry.includes(SENTINEL), `a word of the last entry was not written: ${entry.map(hex)}`);
  const before = device.buffer[end - wordsPerEntry - 1]!;
  if (capacity > 1) assertEquals(before, SENTINEL, "word before the last entry");
});

kcovBounds.test("a_count_that_says_full_is_left_alone", (_t, layout) => {
  const { device, capacity } = layout;
  const batch = new Batch();
  presetIn(batch, layout, BigInt(capacity));
  callsIn(batch, layout, 10);
  const count = device.countIn(batch);
  batch.run();
  assertEquals(batch.result(count), BigInt(capacity), "count");
  assertUntouched(device.buffer.slice(device.bitmapWords + 1), "entries");
});

/**
 * Kernels before the check of the count in mode CMP reckon its place in 64 bits: times four words, this
 * one is 0. Entries stay inside the buffer, for all words of the place wrap around alike.
 */
const COUNT_THAT_WRAPS = 0x4000000000000000n;

kcovBounds.test("a_count_beyond_the_buffer_writes_nothing", (t, layout, { mode }) => {
  const { device, capacity } = layout;
  const counts = [
    BigInt(capacity) + 1n,
    BigInt(device.words),
    BigInt(device.words) + 1n,
    0x7fffffffn,
    0xffffffffn,
    0x100000000n, // 0 to code that keeps 32 bits
    ...(mode === "cmp" ? [] : [COUNT_THAT_WRAPS]),
  ];
  // Without the check, the entry of one of these begins in front of the buffer.
  const untilWrapped = [0x3fffffffffffffffn, 0x7fffffffffffffffn, 0x8000000000000000n, ALL_ONES];
  if (mode !== "cmp" || !countWraps(t, layout)) counts.push(...untilWrapped);
  for (const preset of counts) {
    const batch = new Batch();
    presetIn(batch, layout, preset);
    callsIn(batch, layout, 10);
    batch.run();
    const entries = device.buffer.slice(device.bitmapWords + 1);
    assertUntouched(entries, `entries after a count of ${hex(preset)}`);
  }
  assert(collects(device), "nothing is collected after a count that was no count");
});

/** Whether a comparison is recorded behind {@link COUNT_THAT_WRAPS}; a promise of the kernel. */
function countWraps(t: TestContext, layout: Layout): boolean {
  const { device } = layout;
  const batch = new Batch();
  presetIn(batch, layout, COUNT_THAT_WRAPS);
  callsIn(batch, layout, 10);
  batch.store(device.addressOf(0), BigInt(layout.capacity));
  batch.run();
  const wraps = device.buffer[1] !== SENTINEL;
  const answer = wraps ? "recorded in the first place" : "not recorded";
  t.answer("cmp.count-that-wraps", answer);
  return wraps;
}

kcovBounds.test("sizes_that_cannot_be_mapped_are_safe", (t, { device }, variant) => {
  // What such a buffer holds cannot be seen; KASAN sees a write behind it.
  device.disable();
  for (const words of [2, 3, 5, PAGE_WORDS - 1, PAGE_WORDS + 1]) {
    const other = openKcov(t).init(words);
    const bitmapWords = Math.min(variant.bitmapWords, words - 2);
    if (variant.mode === "unique" && bitmapWords < 1) continue;
    enableModeOrSkip(t, other, variant.mode, bitmapWords);
    const batch = new Batch();
    readNothing(batch, 1000);
    batch.run();
    other.disable();
  }
  enableModeOrSkip(t, device, variant.mode, variant.bitmapWords);
  assertGreater(device.recording((batch) => readNothing(batch)).run(), 0, "entries afterwards");
});
