// SPDX-License-Identifier: MIT

/**
 * `deno task cover`: what a system call, or the tests, cover. A boot that is asked for it in
 * cell.json runs this instead of the selftests, as tests of its own or around theirs.
 */

import {
  type CoverRequest,
  packPcs,
  TRACE_ATTACHMENT,
  type TraceFacts,
} from "../contract/cover.ts";
import { assertGreater } from "../harness/asserts.ts";
import { Batch } from "../harness/batch.ts";
import { fixture, type RunnableTest, type TestContext } from "../harness/fixtures.ts";
import { uninterrupted } from "../harness/guest.ts";
import { argumentOf } from "./call_argument.ts";
import { enableUniqueOrSkip, Kcov, KCOV_TRACE_PC, openMapped } from "./kcov.ts";

/** 512 KiB: 65535 entries. */
const BUFFER_WORDS = 64 * 1024;
/** 262144 PCs. */
const BITMAP_WORDS = 4 * 1024;

function attachPcs(t: TestContext, pcs: readonly bigint[]): void {
  for (const [name, value] of packPcs(pcs)) t.attach(name, value);
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
    t.attach(TRACE_ATTACHMENT, facts);
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
