// SPDX-License-Identifier: MIT

/**
 * `deno task cover`: what a system call, or the tests, cover. A boot that is asked for it in
 * cell.json runs this instead of the selftests, as tests of its own or around theirs.
 */

import { assertGreater } from "../harness/asserts.ts";
import { Batch, type BatchArgument } from "../harness/batch.ts";
import { fixture, type RunnableTest, type TestContext } from "../harness/fixtures.ts";
import { cString, uninterrupted } from "../harness/guest.ts";
import { enableUniqueOrSkip, Kcov, KCOV_TRACE_PC, openMapped } from "./kcov.ts";

/** An argument of the call; integers are text, for JSON has no 64-bit numbers. */
export type CoverArgument =
  | { readonly kind: "integer"; readonly value: string }
  /** ASCII, handed over with a terminating zero. */
  | { readonly kind: "text"; readonly value: string }
  /** Memory of that many bytes, zeroed. */
  | { readonly kind: "buffer"; readonly bytes: number };

/** What cell.json may hold as `cover`. */
export type CoverRequest =
  | {
    readonly kind: "call";
    /** Number of the system call. */
    readonly number: number;
    readonly args: readonly CoverArgument[];
  }
  /** The selected selftests, each of which then attaches the PCs that it read. */
  | { readonly kind: "tests" };

/** 512 KiB: 65535 entries. */
const BUFFER_WORDS = 64 * 1024;
/** 262144 PCs. */
const BITMAP_WORDS = 4 * 1024;

/** What a trace attaches as `trace`. */
export interface TraceFacts {
  /** What the call returned; -errno where it failed. */
  readonly result: number;
  readonly entries: number;
  /** The buffer had no room for more. */
  readonly full: boolean;
}

/** A frame of the results channel holds some kilobytes; an entry takes nine bytes. */
const ENTRIES_A_FRAME = 400;

/**
 * Attaches entries as `pcs.0`, `pcs.1`, …: hexadecimal words with a blank between them, those of the
 * topmost 4 GiB without their first eight digits.
 */
export function attachPcs(t: Pick<TestContext, "attach">, pcs: readonly bigint[]): void {
  const word = (pc: bigint) => {
    const low = (pc & 0xffffffffn).toString(16).padStart(8, "0");
    const high = pc >> 32n & 0xffffffffn;
    return high === 0xffffffffn ? low : high.toString(16) + low;
  };
  for (let at = 0; at < pcs.length; at += ENTRIES_A_FRAME) {
    const chunk = pcs.slice(at, at + ENTRIES_A_FRAME);
    t.attach(`pcs.${at / ENTRIES_A_FRAME}`, chunk.map(word).join(" "));
  }
}

function argumentOf(argument: CoverArgument): BatchArgument {
  switch (argument.kind) {
    case "integer":
      return BigInt(argument.value);
    case "text":
      return cString(argument.value);
    case "buffer":
      // Filled, so that its pages are there before the window opens.
      return new Uint8Array(argument.bytes).fill(0);
  }
}

/** One system call, once in each mode, as tests `cover.pc.trace` and `cover.unique.trace`. */
function callTests({ number, args }: Extract<CoverRequest, { kind: "call" }>): RunnableTest[] {
  const cover = fixture("cover", {
    file: "selftests/kcov/cover.ts",
    requires: ["kcov"],
    variants: { pc: { unique: false }, unique: { unique: true, requires: ["unique"] } },
    setup: (t) => openMapped(t, BUFFER_WORDS),
  });
  cover.test("trace", (t, device, { unique }) => {
    if (unique) enableUniqueOrSkip(t, device, BITMAP_WORDS);
    else device.enable(KCOV_TRACE_PC);
    const batch = new Batch();
    device.resetIn(batch);
    const call = batch.syscall(number, args.map(argumentOf));
    const count = device.countIn(batch);
    uninterrupted(() => batch.run());
    const entries = Number(batch.result(count));
    const full = entries >= device.words - device.bitmapWords - 1;
    const pcs = device.pcs(entries);
    device.disable();
    const facts: TraceFacts = { result: Number(batch.result(call)), entries, full };
    t.attach("trace", facts);
    attachPcs(t, pcs);
    assertGreater(entries, 0, "entries of the call");
  });
  return cover.list();
}

/** A test that also attaches every PC it reads out of a buffer, in the order of the first reading. */
function withPcs(test: RunnableTest): RunnableTest {
  return {
    ...test,
    run(t) {
      const seen = Kcov.seen = new Set<bigint>();
      try {
        test.run(t);
      } finally {
        Kcov.seen = undefined;
        attachPcs(t, [...seen]);
      }
    },
  };
}

/** What a boot with this request runs. */
export function coverTests(
  request: CoverRequest,
  selftests: readonly RunnableTest[],
): readonly RunnableTest[] {
  return request.kind === "call" ? callTests(request) : selftests.map(withPcs);
}
