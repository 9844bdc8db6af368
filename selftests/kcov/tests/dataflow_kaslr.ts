// SPDX-License-Identifier: MIT

/** A kernel that lies elsewhere in each boot records the PCs that it was linked with. */

import { assert, assertEquals, assertGreater, hex } from "../../harness/asserts.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  kernelFunctionOf,
  openMappedDataflow,
  seekNothing,
} from "../dataflow.ts";
import { kernelDisplacement, kernelSymbols } from "../symbols.ts";

const RING_WORDS = 64 * 1024;

export const dataflowKaslr = fixture("dataflow_kaslr", {
  file: "selftests/kcov/tests/dataflow_kaslr.ts",
  requires: [...DATAFLOW_REQUIRES, "kaslr"],
  variants: DATAFLOW_MODES,
  setup: (t, _mode: DataflowMode) => openMappedDataflow(t, RING_WORDS).enable(),
  teardown: (device) => device.disable(),
});

dataflowKaslr.test("pcs_are_those_of_the_image_as_linked", (t, device) => {
  const displacement = kernelDisplacement();
  assert(displacement !== null, "/proc/kallsyms is not that of the image, wherever it lies");
  const records = device.records((batch) => seekNothing(batch));
  assertGreater(records.length, 1, "records of one lseek");
  const [first, last] = [records[0]!, records.at(-1)!];
  t.log(`${records.length} records, ${hex(BigInt(displacement))} from where it was linked`);
  assertEquals(
    [kernelFunctionOf(first), kernelFunctionOf(last)],
    ["__x64_sys_lseek", "__x64_sys_lseek"],
    "functions of the first and the last record",
  );
  // One boot of some hundred lies where it was linked.
  if (displacement === 0) return;
  const symbols = kernelSymbols();
  const outside = records.filter(({ pc }) => !symbols.isText(pc));
  assertEquals(outside.map(({ pc }) => hex(pc)), [], "PCs outside of the image as linked");
});
