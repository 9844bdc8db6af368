// SPDX-License-Identifier: MIT

/**
 * The reference selftest: the names are those of the C program `kcov_test`, so that results line up.
 */

import { assertEquals, assertGreater, assertLess } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import type { Feature } from "../../contract/features.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  enableOrSkip,
  enableUniqueOrSkip,
  KCOV_TRACE_CMP,
  KCOV_TRACE_PC,
  needResetIoctl,
  openMapped,
  readNothing,
  type ResetBy,
  WORDS_PER_COMPARISON,
} from "../kcov.ts";
import { undisturbed } from "../windows.ts";

const BUFFER_WORDS = 64 * 1024;
const BITMAP_WORDS = 4 * 1024;
const FILE = "selftests/kcov/tests/kcov.ts";

/**
 * The way back from the reset ioctl is traced too: what a reset leaves is a few entries, far less
 * than any full buffer.
 */
const FEW_ENTRIES = 100n;

interface Variant {
  readonly requires?: readonly Feature[];
  readonly reset: ResetBy;
  readonly readOnly: boolean;
}

function checkVariant({ reset, readOnly }: Variant): void {
  if (reset === "store" && readOnly) {
    throw new Error("fixture error: a read-only mapping cannot be reset by a store");
  }
}

export const kcov = fixture("kcov", {
  file: FILE,
  requires: ["kcov"],
  variants: {
    mode_trace_pc: { mode: KCOV_TRACE_PC, reset: "store", readOnly: false },
    mode_trace_cmp: { mode: KCOV_TRACE_CMP, reset: "store", readOnly: false, requires: ["cmp"] },
    reset_ioctl_rw: {
      mode: KCOV_TRACE_PC,
      reset: "ioctl",
      readOnly: false,
      requires: ["reset-ioctl"],
    },
    reset_ioctl_ro: {
      mode: KCOV_TRACE_PC,
      reset: "ioctl",
      readOnly: true,
      requires: ["reset-ioctl"],
    },
  },
  setup(t, variant: Variant & { readonly mode: number }) {
    checkVariant(variant);
    const device = openMapped(t, BUFFER_WORDS, { readOnly: variant.readOnly });
    if (variant.reset === "ioctl") needResetIoctl(t, device);
    enableOrSkip(t, device, variant.mode);
    return device;
  },
  teardown: (device) => device.disable(),
});

kcov.test("kcov_basic_syscall_coverage", (t, device, variant) => {
  const capacity = variant.mode === KCOV_TRACE_CMP
    ? Math.floor((BUFFER_WORDS - 1) / WORDS_PER_COMPARISON)
    : BUFFER_WORDS - 1;

  const twice = new Batch();
  device.resetIn(twice, variant.reset);
  const start = device.countIn(twice);
  readNothing(twice);
  const middle = device.countIn(twice);
  readNothing(twice);
  const end = device.countIn(twice);

  let fewest = capacity;
  for (const round of ["first", "after another reset"]) {
    undisturbed(t, () => {
      twice.run();
      const first = twice.result(middle) - twice.result(start);
      const second = twice.result(end) - twice.result(middle);
      t.log(`${round}: ${first} entries, then ${second}`);
      assertGreater(first, 0n, `${round}: entries of one read(-1)`);
      assertGreater(second, 0n, `${round}: entries of the next read(-1)`);
      assertLess(first, 10n * second, `${round}: entries of the first of two equal calls`);
      assertLess(second, 10n * first, `${round}: entries of the second of two equal calls`);
      fewest = Math.min(fewest, Number(first), Number(second));
    });
  }

  const fill = new Batch();
  device.resetIn(fill, variant.reset);
  // Twice as many calls as fill the buffer: one of them may leave less than those seen so far.
  readNothing(fill, Math.ceil(2 * capacity / fewest));
  const full = device.countIn(fill);
  readNothing(fill);
  const beyond = device.countIn(fill);
  device.resetIn(fill, variant.reset);
  const emptied = device.countIn(fill);
  readNothing(fill);
  const again = device.countIn(fill);
  undisturbed(t, () => {
    fill.run();
    assertEquals(fill.result(full), BigInt(capacity), "entries of a full buffer");
    assertEquals(fill.result(beyond), BigInt(capacity), "entries after one more call");
    if (variant.reset === "store") assertEquals(fill.result(emptied), 0n, "entries after a store");
    assertLess(fill.result(emptied), FEW_ENTRIES, "entries after the reset of a full buffer");
    assertGreater(fill.result(again), fill.result(emptied), "entries after a reset and a call");
  });
});

export const kcovUniq = fixture("kcov_uniq", {
  file: FILE,
  requires: ["kcov", "unique"],
  variants: {
    fast_rw: { reset: "store", readOnly: false },
    slow_rw: { reset: "ioctl", readOnly: false, requires: ["reset-ioctl"] },
    slow_ro: { reset: "ioctl", readOnly: true, requires: ["reset-ioctl"] },
  },
  setup(t, variant: Variant) {
    checkVariant(variant);
    const device = openMapped(t, BUFFER_WORDS, { readOnly: variant.readOnly });
    if (variant.reset === "ioctl") needResetIoctl(t, device);
    enableUniqueOrSkip(t, device, BITMAP_WORDS);
    return device;
  },
  teardown: (device) => device.disable(),
});

kcovUniq.test("kcov_uniq_coverage", (t, device, variant) => {
  const batch = new Batch();
  device.resetIn(batch, variant.reset);
  const start = device.countIn(batch);
  readNothing(batch);
  const first = device.countIn(batch);
  readNothing(batch);
  const second = device.countIn(batch);
  readNothing(batch, 1000);
  const many = device.countIn(batch);
  readNothing(batch);
  const last = device.countIn(batch);
  device.resetIn(batch, variant.reset);
  const emptied = device.countIn(batch);
  readNothing(batch);
  const again = device.countIn(batch);

  for (const round of ["first", "after another reset"]) {
    undisturbed(t, () => {
      batch.run();
      const [begin, one, two, thousand, more, empty, end] = [
        start,
        first,
        second,
        many,
        last,
        emptied,
        again,
      ].map((step) => batch.result(step)) as [
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
        bigint,
      ];
      t.log(
        `${round}: ${one - begin} entries, then ${two - one}, after 1000 calls ${more - thousand}`,
      );
      assertGreater(one, begin, `${round}: count after one read(-1)`);
      assertLess(two - one, one - begin + 1n, `${round}: entries of the same call again`);
      assertEquals(more, thousand, `${round}: count after 1000 calls and one more`);
      if (variant.reset === "store") assertEquals(empty, 0n, `${round}: count after a store`);
      assertLess(empty, FEW_ENTRIES, `${round}: count after a reset`);
      assertGreater(end, empty, `${round}: count after a reset and a call`);
    });
  }
});
