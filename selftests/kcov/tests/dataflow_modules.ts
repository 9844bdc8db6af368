// SPDX-License-Identifier: MIT

/** The life of a module that is recorded: loaded, run, unloaded and loaded again while a task records. */

import { assert, assertEquals, assertErrno, assertGreater } from "../../harness/asserts.ts";
import type { Batch, Step } from "../../harness/batch.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import { close, guest, O_WRONLY, open, SYS } from "../../harness/guest.ts";
import {
  collectsDataflow,
  type Dataflow,
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  openMappedDataflow,
} from "../dataflow.ts";
import { DATAFLOW_MODULE, DATAFLOW_RUN, DataflowModule, Expected } from "../dataflow_module.ts";
import {
  codeRanges,
  type LoadedModule,
  loadIn,
  needModules,
  type OpenModule,
  openModule,
  placeIn,
  unloadAtEnd,
  unloadIn,
} from "../modules.ts";

/** Loading a module leaves many records where all files are instrumented. */
const RING_WORDS = 2 << 20;

export const dataflowModules = fixture("dataflow_modules", {
  file: "selftests/kcov/tests/dataflow_modules.ts",
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: DATAFLOW_MODES,
  setup(t, _mode: DataflowMode) {
    needModules(t);
    // A test before may have died.
    guest().tryCall(SYS.deleteModule, DATAFLOW_MODULE, 0);
    const opened = openModule(t, DATAFLOW_MODULE);
    unloadAtEnd(t, DATAFLOW_MODULE);
    return { opened, device: openMappedDataflow(t, RING_WORDS) };
  },
});

/** One call in a window; its result has to be 0. */
function inWindow(device: Dataflow, what: string, call: (batch: Batch) => Step): BigUint64Array {
  let result = () => 0n;
  const ring = device.window((batch) => {
    const step = call(batch);
    result = () => batch.result(step);
  });
  assertErrno(Number(result()), 0, what);
  return ring;
}

/** The module as it lies now. Its file is opened where somebody is to write to it. */
function locate({ content }: OpenModule, file: number): DataflowModule {
  const ranges = codeRanges(DATAFLOW_MODULE, content);
  const functionOf = (pc: bigint) => {
    const place = placeIn(ranges, pc);
    return place === null ? "" : content.functionsAt(place.section, place.offset)[0] ?? "";
  };
  const loaded: LoadedModule = { file, functionOf, content, ranges };
  return new DataflowModule(loaded);
}

/** Loads, runs and unloads the module, and holds each window against what it has to leave. */
function live(device: Dataflow, opened: OpenModule, mode: DataflowMode): readonly bigint[] {
  const loading = inWindow(device, "finit_module", (batch) => loadIn(batch, opened));
  const file = open(DATAFLOW_RUN, O_WRONLY);
  const module = locate(opened, file);
  // What module_init() names has no other symbol left.
  const init = new Expected("init_module", mode);
  const loaded = module.textsOf(module.recordsIn(loading));
  assertEquals(loaded, [init.returns(4, 0)], "records of the module's code while it is loaded");

  const { records, texts } = module.call(device, "u16", 0x1234, 0x4321);
  const sum = new Expected("df_u16_2", mode);
  assertEquals(texts, [
    ...[sum.entry(0, 2, 0x1234), sum.entry(1, 2, 0x4321)],
    sum.returns(2, 0x5555),
  ], "records of the module");
  close(file);

  const unloading = inWindow(
    device,
    "delete_module",
    (batch) => unloadIn(batch, DATAFLOW_MODULE),
  );
  const exit = new Expected("cleanup_module", mode);
  const unloaded = module.textsOf(module.recordsIn(unloading));
  assertEquals(unloaded, [exit.returnsNothing()], "records of the module's code as it is unloaded");
  return records.map(({ pc }) => pc);
}

const LIVES = 3;

dataflowModules.test("is_recorded_from_load_to_unload_and_again", (t, context, mode) => {
  const { device, opened } = context;
  device.enable();
  const places = new Set<bigint>();
  for (let round = 0; round < LIVES; round++) {
    for (const pc of live(device, opened, mode)) places.add(pc);
  }
  assertGreater(places.size, 0, "PCs of the module");
  t.log(`${places.size} PCs in ${LIVES} lives of the module`);
  device.disable();
});

/** What the kernel does while the module's code is gone leaves no complaint, and is recorded. */
function assertGoesOn(t: TestContext, device: Dataflow): void {
  for (let round = 0; round < 20; round++) {
    assert(collectsDataflow(device), "nothing is recorded once the module is gone");
    guest().readFile("/proc/modules");
  }
  const records = device.copy().length;
  t.log(`${records} words after the module is gone`);
}

dataflowModules.test("unloading_while_a_task_records_is_no_trouble", (t, context, mode) => {
  const { device, opened } = context;
  guest().call(SYS.finitModule, opened.fd, "", 0);
  device.enable();
  const file = open(DATAFLOW_RUN, O_WRONLY);
  const module = locate(opened, file);
  const { texts } = module.call(device, "loop", 1, 3);
  const step = new Expected("df_step", mode);
  assertEquals(texts, [step.entry(0, 4, 3), step.returns(4, 10)], "records of the module");
  close(file);
  // PCs of the module, and addresses of its tables, are in the ring while it goes.
  guest().call(SYS.deleteModule, DATAFLOW_MODULE, 0);
  assertGoesOn(t, device);
  guest().call(SYS.finitModule, opened.fd, "", 0);
  const again = open(DATAFLOW_RUN, O_WRONLY);
  const { texts: second } = locate(opened, again).call(device, "loop", 1, 4);
  assertEquals(second, [step.entry(0, 4, 4), step.returns(4, 13)], "records after a reload");
  close(again);
  device.disable();
});

dataflowModules.test("a_module_is_loaded_by_a_task_that_records_nothing", (t, context, mode) => {
  const { device, opened } = context;
  guest().call(SYS.finitModule, opened.fd, "", 0);
  const file = open(DATAFLOW_RUN, O_WRONLY);
  t.cleanup(() => void guest().tryCall(SYS.close, file));
  const module = locate(opened, file);
  // Its callbacks are called all the same.
  for (let round = 0; round < 100; round++) module.run("loop", 10, round);
  assertEquals(device.ring[0]!, 0n, "count of a ring that nobody has enabled");
  device.enable();
  const step = new Expected("df_step", mode);
  const { texts } = module.call(device, "loop", 1, 5);
  assertEquals(texts, [step.entry(0, 4, 5), step.returns(4, 16)], "records once it is enabled");
  device.disable();
});
