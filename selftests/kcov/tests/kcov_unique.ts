// SPDX-License-Identifier: MIT

/** Unique mode and the reset ioctl (out of tree): bitmap, indices, errors. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertSameMembers,
  inspect,
} from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { spawn } from "../../harness/child.ts";
import type { Feature } from "../../contract/features.ts";
import { fixture } from "../../harness/fixtures.ts";
import { SYS, uninterrupted } from "../../harness/guest.ts";
import { ask } from "../answers.ts";
import {
  type CollectMode,
  collects,
  enableModeOrSkip,
  enableUniqueOrSkip,
  Kcov,
  KCOV_DISABLE,
  KCOV_ENABLE,
  KCOV_RESET_TRACE,
  KCOV_TRACE_PC,
  KCOV_UNIQUE_ENABLE,
  needResetIoctl,
  openKcov,
  openMapped,
  readNothing,
} from "../kcov.ts";
import { bitsByPc } from "../unique_bits.ts";
import { undisturbed } from "../windows.ts";

const BUFFER_WORDS = 16 * 1024;
/** 262144 indices: more than the tests ever hand out. */
const BITMAP_WORDS = 4 * 1024;
const ALL_ONES = 0xffffffffffffffffn;
const FILE = "selftests/kcov/tests/kcov_unique.ts";

/** Calls with a loop or two in them, so that mode PC sees some PCs several times. */
function severalCalls(batch: Batch): void {
  readNothing(batch, 3);
  batch.syscall(SYS.getppid);
  batch.syscall(SYS.dup2, [-1, 5]);
  readNothing(batch);
  batch.syscall(SYS.getsid, [0]);
}

export const kcovUnique = fixture("kcov_unique", {
  file: FILE,
  requires: ["kcov", "unique"],
  variants: { base: {} },
  setup(t) {
    const device = openMapped(t, BUFFER_WORDS);
    enableUniqueOrSkip(t, device, BITMAP_WORDS);
    return device;
  },
});

/** The PCs of mode PC for the same calls, in the order they ran. */
function pcsOfModePc(device: Kcov): bigint[] {
  device.enable(KCOV_TRACE_PC);
  const pcs = device.recording(severalCalls).steadyPcs();
  device.disable();
  return pcs;
}

kcovUnique.test("traces_each_pc_of_mode_pc_once", (_t, device) => {
  const unique = device.recording(severalCalls).steadyPcs();
  device.disable();
  const plain = pcsOfModePc(device);
  assertGreater(
    plain.length,
    new Set(plain).size,
    "entries of mode PC compared with different ones",
  );
  assertEquals(unique.length, new Set(unique).size, "entries compared with different ones");
  assertSameMembers(unique, plain, "PCs of unique mode compared with mode PC");
  // Each where it ran first.
  assertEquals(unique, [...new Set(plain)], "order of the PCs");
});

kcovUnique.test("one_bit_is_set_for_each_pc", (_t, device) => {
  // Emptied while nothing is collected: what comes between the bitmap and the count would leave
  // bits of no entry.
  device.disable();
  device.buffer.fill(0n, 0, BITMAP_WORDS + 1);
  const batch = new Batch();
  const enabled = batch.syscall(SYS.ioctl, [device.fd, KCOV_UNIQUE_ENABLE, BITMAP_WORDS]);
  device.bitmapWords = BITMAP_WORDS;
  severalCalls(batch);
  const count = device.countIn(batch);
  batch.syscall(SYS.ioctl, [device.fd, KCOV_DISABLE, 0]);
  const total = device.countIn(batch);
  batch.run();
  assertEquals(batch.result(enabled), 0n, "result of KCOV_UNIQUE_ENABLE");
  const entries = Number(batch.result(total));
  const bits = device.setBits();
  assertGreater(Number(batch.result(count)), 10, "entries of the calls");
  assertEquals(bits.length, entries, "bits set, compared with entries");
  assertEquals(new Set(device.pcs(entries)).size, entries, "different PCs, compared with entries");
  assert(!bits.includes(0), "bit 0 is set, and indices start at 1");
});

kcovUnique.test("a_set_bit_keeps_its_pc_out", (_t, device) => {
  const batch = new Batch();
  // Hands out an index to every place first.
  severalCalls(batch);
  batch.fill(device.addressOf(0), ALL_ONES, BITMAP_WORDS);
  batch.store(device.addressOf(BITMAP_WORDS), 0n);
  severalCalls(batch);
  const count = device.countIn(batch);
  batch.run();
  assertEquals(batch.result(count), 0n, "entries when every bit is set");
});

kcovUnique.test("a_repeated_call_adds_nothing", (_t, device) => {
  device.recording((batch) => readNothing(batch)).run();
  // The bitmap is kept from window to window: ticks and switches to other tasks fall into each of
  // so many calls, and what they add is known the next time.
  const batch = new Batch();
  batch.store(device.addressOf(BITMAP_WORDS), 0n);
  readNothing(batch, 20_000);
  const after = device.countIn(batch);
  const added: bigint[] = [];
  uninterrupted(() => {
    while (added.length < 10 && added.at(-1) !== 0n) {
      batch.run();
      added.push(batch.result(after));
    }
  });
  assertEquals(
    added.at(-1),
    0n,
    `entries that 20000 equal calls add, each time: ${inspect(added)}`,
  );
});

kcovUnique.test("a_one_word_bitmap_loses_nothing", (_t, device) => {
  device.disable();
  const plain = pcsOfModePc(device);
  device.enableUnique(1);
  const pcs = device.recording(severalCalls).steadyPcs();
  device.disable();
  assertSameMembers(pcs, plain, "PCs with a one-word bitmap compared with mode PC");
  // A PC whose index is outside of the bitmap is there as often as in mode PC, one inside it once.
  const times = (list: readonly bigint[], pc: bigint) => list.filter((each) => each === pc).length;
  let inside = 0;
  for (const pc of new Set(plain)) {
    const [here, there] = [times(pcs, pc), times(plain, pc)];
    assert(here === there || here === 1, `a PC ${here} times, in mode PC ${there} times`);
    if (here < there) inside++;
  }
  assertLess(inside, 64, "PCs that are kept out by 63 bits");
});

kcovUnique.test("the_count_is_behind_the_bitmap", (t, device) => {
  for (const bitmapWords of [1, 2, 3, 100, BITMAP_WORDS, BUFFER_WORDS - 100]) {
    device.disable();
    device.buffer.fill(0n);
    device.enableUnique(bitmapWords);
    const batch = new Batch();
    device.resetIn(batch);
    readNothing(batch);
    const count = device.countIn(batch);
    const first = batch.load(device.addressOf(bitmapWords + 1));
    undisturbed(t, () => {
      batch.run();
      const entries = batch.result(count);
      assertGreater(entries, 0n, `count behind ${bitmapWords} words`);
      assertLess(entries, 100n, `count behind ${bitmapWords} words`);
      assert(batch.result(first) >> 32n !== 0n, `first entry behind ${bitmapWords} words`);
    });
  }
  device.disable();
});

kcovUnique.test("a_full_trace_still_sets_bits", (t, device) => {
  const capacity = BUFFER_WORDS - BITMAP_WORDS - 1;
  const sentinel = 0x5e5en;
  const batch = new Batch();
  device.resetIn(batch);
  batch.store(device.addressOf(BITMAP_WORDS), BigInt(capacity));
  batch.store(device.addressOf(BUFFER_WORDS - 1), sentinel);
  readNothing(batch);
  // The place is free again, but the PCs are known already.
  batch.store(device.addressOf(BITMAP_WORDS), 0n);
  readNothing(batch);
  const count = device.countIn(batch);
  const last = batch.load(device.addressOf(BUFFER_WORDS - 1));
  undisturbed(t, () => {
    batch.run();
    assertEquals(batch.result(last), sentinel, "last word of a trace that was full");
    const what = "entries of a call whose PCs did not fit the first time";
    assertEquals(batch.result(count), 0n, what);
  });
});

kcovUnique.test("every_pc_has_a_bit_of_its_own_everywhere", (t, device) => {
  device.disable();
  const here = bitsByPc(device, BITMAP_WORDS, severalCalls);
  t.log(`${here.size} PCs, bits ${[...here.values()].join(" ")}`);
  assertGreater(here.size, 10, "PCs with a bit");
  assertEquals(new Set(here.values()).size, here.size, "different bits, compared with PCs");
  const there = spawn(() => {
    const other = Kcov.open().init(BUFFER_WORDS);
    other.map();
    const bits = bitsByPc(other, BITMAP_WORDS, severalCalls);
    return [...bits].map(([pc, bit]) => [String(pc), bit] as const);
  }).join();
  assertSameMembers(
    there.map(([pc, bit]) => `${pc}:${bit}`),
    [...here].map(([pc, bit]) => `${pc}:${bit}`),
    "PCs and bits of another process and descriptor",
  );
});

kcovUnique.test("enable_checks_state_then_thread_then_size", (t, device) => {
  const unique = (words: number | bigint) => device.ioctl(KCOV_UNIQUE_ENABLE, words);
  device.disable();
  if (ask(t, "unique.no-bitmap", unique(0)) === 0) device.disable();
  // 2^32 + 16 and 2^63 look like good sizes to code that keeps some of the bits.
  for (const words of [BUFFER_WORDS, 0xffffffff, 0x100000010n, 1n << 63n, -1]) {
    if (ask(t, "unique.too-big", unique(words)) === 0) device.disable();
  }
  // The biggest one that is taken stays enabled.
  let beside = 0;
  for (; unique(BUFFER_WORDS - beside) !== 0; beside++) {
    assertLess(beside, BUFFER_WORDS, "words that no bitmap fits beside");
  }
  t.answer("unique.words-beside", `${beside}`);
  ask(t, "unique.again", unique(16));
  ask(t, "unique.enable-while-unique", device.ioctl(KCOV_ENABLE, KCOV_TRACE_PC));
  ask(t, "unique.by-another", spawn(() => unique(16)).join());

  const fresh = openKcov(t);
  // The state of the descriptor comes before the state of the thread.
  ask(t, "unique.before-init", fresh.ioctl(KCOV_UNIQUE_ENABLE, 16));
  fresh.init(BUFFER_WORDS);
  ask(t, "unique.busy-thread", fresh.ioctl(KCOV_UNIQUE_ENABLE, 16));
  ask(t, "unique.busy-thread-bad-size", fresh.ioctl(KCOV_UNIQUE_ENABLE, 0));
  device.disable();

  const tiny = openKcov(t).init(2);
  ask(t, "unique.no-bitmap", tiny.ioctl(KCOV_UNIQUE_ENABLE, 0));
  for (const words of [1, 2]) ask(t, "unique.too-big", tiny.ioctl(KCOV_UNIQUE_ENABLE, words));
});

kcovUnique.test("disable_gives_the_whole_buffer_back", (_t, device) => {
  device.disable();
  device.enable(KCOV_TRACE_PC);
  const batch = new Batch();
  device.resetIn(batch);
  readNothing(batch, BUFFER_WORDS);
  const count = device.countIn(batch);
  batch.run();
  device.disable();
  assertEquals(
    batch.result(count),
    BigInt(BUFFER_WORDS - 1),
    "entries of a full buffer in mode PC",
  );
  device.enableUnique(8);
  assert(collects(device), "nothing is collected in unique mode after mode PC");
  device.disable();
});

export const kcovReset = fixture("kcov_reset", {
  file: FILE,
  requires: ["kcov", "reset-ioctl"],
  variants: {
    pc: { mode: "pc" },
    cmp: { mode: "cmp", requires: ["cmp"] },
    unique: { mode: "unique", requires: ["unique"] },
  },
  setup(t, { mode }: { readonly mode: CollectMode; readonly requires?: readonly Feature[] }) {
    const device = openMapped(t, BUFFER_WORDS);
    needResetIoctl(t, device);
    enableModeOrSkip(t, device, mode, BITMAP_WORDS);
    return device;
  },
});

kcovReset.test("clears_bitmap_and_count", (_t, device, { mode }) => {
  const countWord = device.bitmapWords;
  const batch = new Batch();
  batch.fill(device.addressOf(0), ALL_ONES, countWord);
  batch.store(device.addressOf(countWord), 1000n);
  const reset = batch.syscall(SYS.ioctl, [device.fd, KCOV_RESET_TRACE, 0]);
  const emptied = device.countIn(batch);
  readNothing(batch);
  const count = device.countIn(batch);
  batch.syscall(SYS.ioctl, [device.fd, KCOV_DISABLE, 0]);
  const total = device.countIn(batch);
  batch.run();
  assertEquals(batch.result(reset), 0n, "result of KCOV_RESET_TRACE");
  // The way back from the ioctl is collected.
  assertLess(batch.result(emptied), 100n, "count after the reset");
  assertGreater(batch.result(count), batch.result(emptied), "count after a call");
  if (mode === "unique") {
    assertEquals(BigInt(device.setBits().length), batch.result(total), "bits set, and entries");
  }
});

kcovReset.test("is_for_the_enabling_thread_with_argument_0", (t, device) => {
  for (const argument of [1, 0x100000000n, -1]) {
    ask(t, "reset.argument", device.ioctl(KCOV_RESET_TRACE, argument));
  }
  const batch = new Batch();
  batch.store(device.addressOf(device.bitmapWords), 1000n);
  const refused = batch.syscall(SYS.ioctl, [device.fd, KCOV_RESET_TRACE, 1]);
  const count = device.countIn(batch);
  batch.run();
  if (batch.result(refused) !== 0n) {
    assertGreater(batch.result(count), 999n, "count after a reset that failed");
  }
  ask(t, "reset.by-another", spawn(() => device.ioctl(KCOV_RESET_TRACE, 0)).join());
  const other = openKcov(t).init(BUFFER_WORDS);
  ask(t, "reset.another-descriptor", other.ioctl(KCOV_RESET_TRACE, 0));
  ask(t, "reset.enabled", device.ioctl(KCOV_RESET_TRACE, 0));
  device.disable();
  ask(t, "reset.not-enabled", device.ioctl(KCOV_RESET_TRACE, 0));
});
