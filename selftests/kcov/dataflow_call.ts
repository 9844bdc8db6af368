// SPDX-License-Identifier: MIT

/**
 * `deno task dataflow`: the records of one system call. A boot that is asked for it in cell.json runs
 * this instead of the selftests.
 */

import {
  DATAFLOW_ATTACHMENT,
  type DataflowFacts,
  type DataflowRequest,
  packRing,
} from "../contract/dataflow_call.ts";
import { assertGreater } from "../harness/asserts.ts";
import { Batch } from "../harness/batch.ts";
import { fixture, type RunnableTest } from "../harness/fixtures.ts";
import { uninterrupted } from "../harness/guest.ts";
import { argumentOf } from "./call_argument.ts";
import { openMappedDataflow } from "./dataflow.ts";
import { kernelDisplacement } from "./symbols.ts";

/** 2 MiB: some thousand records with all their fields. */
const RING_WORDS = 256 * 1024;
/** What is attached goes through the results channel byte by byte. */
const TIMEOUT_MS = 120_000;

/** The call, once, as the test {@linkcode DATAFLOW_CALL_TEST}. */
export function dataflowCallTests({ number, args }: DataflowRequest): readonly RunnableTest[] {
  const dataflow = fixture("dataflow", {
    file: "selftests/kcov/dataflow_call.ts",
    requires: ["dataflow"],
    variants: { call: {} },
    setup: (t) => openMappedDataflow(t, RING_WORDS),
  });
  dataflow.test("trace", (t, device) => {
    // Opens what it needs before anything is recorded.
    const batch = new Batch();
    device.resetIn(batch);
    const call = batch.syscall(number, args.map(argumentOf));
    const count = device.countIn(batch);
    device.enable();
    uninterrupted(() => batch.run());
    device.disable();
    const ring = device.copy(batch.result(count));
    const facts: DataflowFacts = {
      result: Number(batch.result(call)),
      words: ring.length,
      ring: device.words,
      displacement: kernelDisplacement(),
    };
    t.attach(DATAFLOW_ATTACHMENT, facts);
    for (const [name, value] of packRing(ring)) t.attach(name, value);
    assertGreater(ring.length, 1, "words of the ring in use");
  }, { timeoutMs: TIMEOUT_MS });
  return dataflow.list();
}
