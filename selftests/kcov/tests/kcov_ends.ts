// SPDX-License-Identifier: MIT

/**
 * The first and the last of unique mode: first index of a boot, last bit of a bitmap, first index that
 * has no bit. Those of buffers and counts are in kcov_bounds.ts, of remote coverage in
 * kcov_section_ends.ts.
 */

import { assertEquals, assertGreater, fail, inspect } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import { AT_FDCWD, cString, O_RDONLY, SYS } from "../../harness/guest.ts";
import {
  enableUniqueOrSkip,
  type Kcov,
  KCOV_DISABLE,
  KCOV_TRACE_PC,
  KCOV_UNIQUE_ENABLE,
  openMapped,
  readNothing,
} from "../kcov.ts";
import { bitsByPc } from "../unique_bits.ts";
import { undisturbed } from "../windows.ts";

const FILE = "selftests/kcov/tests/kcov_ends.ts";
const BUFFER_WORDS = 16 * 1024;
/** 262144 indices: more than the tests ever hand out. */
const BITMAP_WORDS = 4 * 1024;
const WORD_BITS = 64;
const ALL_ONES = 0xffffffffffffffffn;

function setup(t: TestContext): Kcov {
  const device = openMapped(t, BUFFER_WORDS);
  device.buffer.fill(0n);
  enableUniqueOrSkip(t, device, BITMAP_WORDS);
  return device;
}

/** Calls that are the same each time, and go through a few hundred places. */
function variedCalls(batch: Batch): void {
  const memory = new Uint8Array(4096);
  readNothing(batch);
  batch.syscall(SYS.getppid);
  batch.syscall(SYS.dup2, [-1, 5]);
  batch.syscall(SYS.getsid, [0]);
  batch.syscall(SYS.openat, [AT_FDCWD, cString("/proc/self/no-such-file"), O_RDONLY, 0]);
  batch.syscall(SYS.getcwd, [memory, memory.length]);
  batch.syscall(SYS.uname, [memory]);
  batch.syscall(SYS.newfstatat, [AT_FDCWD, cString("/proc/self/status"), memory, 0]);
}

/** Has to be the first of a boot that uses unique mode, so it is the first of all fixtures. */
export const kcovFirst = fixture("kcov_first", {
  file: FILE,
  requires: ["kcov", "unique"],
  variants: { base: {} },
  setup,
});

kcovFirst.test("the_places_of_a_boot_are_numbered_from_1", (t, device) => {
  // The way out of KCOV_UNIQUE_ENABLE and the engine have used some; nothing has been emptied.
  const batch = new Batch();
  variedCalls(batch);
  const disabled = batch.syscall(SYS.ioctl, [device.fd, KCOV_DISABLE, 0]);
  const count = device.countIn(batch);
  batch.run();
  assertEquals(batch.result(disabled), 0n, "result of KCOV_DISABLE");
  const entries = Number(batch.result(count));
  assertGreater(entries, WORD_BITS, "entries");
  const pcs = device.pcs(entries);
  assertEquals(new Set(pcs).size, entries, "different entries");
  const expected = Array.from({ length: entries }, (_, index) => index + 1);
  assertEquals(device.setBits(), expected, "bits after the first entries of a boot");
  // Each has the number of its place in the trace.
  device.bitmapWords = 0;
  const bits = bitsByPc(device, BITMAP_WORDS, (more) => readNothing(more));
  assertGreater(bits.size, 0, "places of one call");
  const places = [...bits.keys()].map((pc) => pcs.indexOf(pc) + 1);
  assertEquals([...bits.values()], places, "bits of one call's places, and where they came first");
  t.log(`${entries} places`);
});

export const kcovEnds = fixture("kcov_ends", {
  file: FILE,
  requires: ["kcov", "unique"],
  variants: { base: {} },
  setup,
});

/** Bits of the places that the calls run through, ascending. */
function bitsOfCalls(device: Kcov): number[] {
  device.disable();
  device.buffer.fill(0n, 0, BITMAP_WORDS + 1);
  const batch = new Batch();
  batch.syscall(SYS.ioctl, [device.fd, KCOV_UNIQUE_ENABLE, BITMAP_WORDS]);
  device.bitmapWords = BITMAP_WORDS;
  variedCalls(batch);
  batch.syscall(SYS.ioctl, [device.fd, KCOV_DISABLE, 0]);
  batch.run();
  return device.setBits();
}

/** The PC of the one place with that bit, if the calls run through it once they are on their way. */
function ownerOf(device: Kcov, bit: number): bigint | undefined {
  device.enableUnique(BITMAP_WORDS);
  const word = Math.floor(bit / WORD_BITS);
  const batch = new Batch();
  batch.fill(device.addressOf(0), ALL_ONES, BITMAP_WORDS);
  batch.store(device.addressOf(word), ALL_ONES ^ 1n << BigInt(bit % WORD_BITS));
  batch.store(device.addressOf(BITMAP_WORDS), 0n);
  variedCalls(batch);
  const count = device.countIn(batch);
  const after = batch.load(device.addressOf(word));
  batch.run();
  device.disable();
  const first = BITMAP_WORDS + 1;
  const entries = device.buffer.slice(first, first + Number(batch.result(count)));
  const [pc, ...more] = entries;
  if (pc === undefined) return undefined;
  assertEquals(more, [], `further PCs of bit ${bit}`);
  assertEquals(batch.result(after), -1n, `word of bit ${bit} afterwards`);
  return pc;
}

/** A bit that is at that place of its word, and its PC. */
function placeWithBit(device: Kcov, bits: readonly number[], inWord: number): [number, bigint] {
  for (const bit of bits) {
    if (bit % WORD_BITS !== inWord || bit < WORD_BITS - 1) continue;
    const pc = ownerOf(device, bit);
    if (pc !== undefined) return [bit, pc];
  }
  return fail(`no place with bit ${inWord} of a word among ${inspect(bits)}`);
}

/** How often the PC is in the trace of the calls, made twice, with that bitmap (0: in mode PC). */
function timesOf(device: Kcov, bitmapWords: number, pc: bigint): number {
  if (bitmapWords === 0) device.enable(KCOV_TRACE_PC);
  else device.enableUnique(bitmapWords);
  const recording = device.recording((batch) => {
    variedCalls(batch);
    variedCalls(batch);
  });
  const times = recording.pcs().filter((each) => each === pc).length;
  device.disable();
  return times;
}

kcovEnds.test("the_last_bit_of_a_bitmap_is_used", (t, device) => {
  const [bit, pc] = placeWithBit(device, bitsOfCalls(device), WORD_BITS - 1);
  const words = (bit + 1) / WORD_BITS;
  t.log(`bit ${bit}, the last of ${words} words`);
  undisturbed(t, () => {
    assertGreater(timesOf(device, 0, pc), 1, "times in mode PC");
    assertEquals(timesOf(device, words, pc), 1, "times with a bitmap that just has the bit");
    assertEquals(timesOf(device, words + 1, pc), 1, "times with a bitmap of one word more");
  });
});

kcovEnds.test("the_first_index_behind_a_bitmap_is_outside", (t, device) => {
  const [bit, pc] = placeWithBit(device, bitsOfCalls(device), 0);
  const words = bit / WORD_BITS;
  t.log(`bit ${bit}, the first behind ${words} words`);
  undisturbed(t, () => {
    const inModePc = timesOf(device, 0, pc);
    assertGreater(inModePc, 1, "times in mode PC");
    assertEquals(timesOf(device, words, pc), inModePc, "times with a bitmap that just lacks it");
    assertEquals(timesOf(device, words + 1, pc), 1, "times with a bitmap that has it");
  });
});

kcovEnds.test("the_biggest_bitmap_leaves_the_first_pc", (t, device) => {
  // The trace has room for one, so what is there is what ran first.
  device.disable();
  device.enable(KCOV_TRACE_PC);
  const plain = device.recording((batch) => readNothing(batch)).steadyPcs();
  device.disable();
  device.enableUnique(BUFFER_WORDS - 2);
  const recording = device.recording((batch) => readNothing(batch));
  undisturbed(t, () => assertEquals(recording.pcs(), [plain[0]!], "the only entry"));
  device.disable();
});
