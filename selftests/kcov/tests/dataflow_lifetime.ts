// SPDX-License-Identifier: MIT

/** Who is recorded, from when to when: fork, exit, close, threads, several descriptors. */

import { assert, assertEquals, assertErrno, assertLess, inspect } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { forkChild, spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import { cString, ERRNO, guest, sharedMemory, SIGKILL, SYS } from "../../harness/guest.ts";
import { Thread, type ThreadStep } from "../../harness/thread.ts";
import {
  collectsDataflow,
  Dataflow,
  DATAFLOW_DISABLE,
  DATAFLOW_ENABLE,
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  openMappedDataflow,
  soundRecords,
  wholeRecords,
} from "../dataflow.ts";
import {
  commandLine,
  type DataflowModule,
  Expected,
  loadDataflowModule,
} from "../dataflow_module.ts";

const { EBUSY, EINVAL } = ERRNO;
const RING_WORDS = 128 * 1024;

interface Context {
  readonly module: DataflowModule;
  readonly device: Dataflow;
}

export const dataflowLifetime = fixture("dataflow_lifetime", {
  file: "selftests/kcov/tests/dataflow_lifetime.ts",
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: DATAFLOW_MODES,
  setup(t, _mode: DataflowMode): Context {
    const module = loadDataflowModule(t);
    return { module, device: openMappedDataflow(t, RING_WORDS) };
  },
});

const enable = (device: Dataflow) => device.ioctl(DATAFLOW_ENABLE);
const disable = (device: Dataflow) => device.ioctl(DATAFLOW_DISABLE);

/** Texts of the module's records that a ring holds now. */
function ownTexts(module: DataflowModule, device: Dataflow): readonly string[] {
  return module.textsOf(module.recordsIn(device.copy(), wholeRecords));
}

/** Records of df_step() with one number. */
function stepTexts(mode: DataflowMode, number: number): readonly string[] {
  const step = new Expected("df_step", mode);
  return [step.entry(0, 4, number), step.returns(4, 3 * number + 1)];
}

dataflowLifetime.test("a_forked_child_does_not_inherit", (_t, { module, device }, mode) => {
  const shared = sharedMemory(16);
  const [start, done] = [guest().address(shared), guest().address(shared) + 8];
  device.enable();
  const child = spawn(() => {
    const batch = new Batch();
    batch.wait(start, 1n);
    const written = module.lineIn(batch, commandLine("loop", 100, 0xc0ffee));
    batch.store(done, 1n);
    batch.run();
    return { written: Number(batch.result(written)), disabled: disable(device) };
  });
  // The parent stays in userspace while the child runs the module.
  const ring = device.window((batch) => {
    batch.keep(shared);
    batch.store(start, 1n);
    batch.wait(done, 1n);
  });
  const { written, disabled } = child.join();
  assert(written > 0, `the child could not run the module: ${written}`);
  const texts = module.textsOf(module.recordsIn(ring));
  assertEquals(texts, [], "records of the child in the parent's ring");
  assertErrno(disabled, EINVAL, "DISABLE by the child");
  assertEquals(module.call(device, "loop", 1, 5).texts, stepTexts(mode, 5), "the parent's own");
});

dataflowLifetime.test("a_child_may_enable_what_the_parent_disabled", (_t, context, mode) => {
  const { module, device } = context;
  // Each yields to the other: they may have one CPU between them.
  const flags = new BigUint64Array(sharedMemory(16));
  const [TRIED, DISABLED] = [0, 1];
  const waitFor = (flag: number) => {
    while (flags[flag] === 0n) guest().call(SYS.schedYield);
  };
  device.enable();
  const child = spawn(() => {
    const early = enable(device);
    flags[TRIED] = 1n;
    waitFor(DISABLED);
    device.enable();
    return { early, texts: module.call(device, "loop", 1, 0xabc).texts };
  });
  waitFor(TRIED);
  device.disable();
  flags[DISABLED] = 1n;
  const { early, texts } = child.join();
  assertErrno(early, EBUSY, "ENABLE by the child while the parent records");
  assertEquals(texts, stepTexts(mode, 0xabc), "records of the child");
  // It has exited without DISABLE.
  assertErrno(enable(device), 0, "ENABLE after the child's end");
  assertEquals(module.call(device, "loop", 1, 6).texts, stepTexts(mode, 6), "the parent's own");
});

/** Lets children that are recorded come to an end, one after the other. */
function assertEndFrees(
  { module, device }: Context,
  mode: DataflowMode,
  end: "exit" | "kill",
): void {
  for (let round = 0; round < 5; round++) {
    const child = forkChild<"enabled">((send) => {
      device.enable();
      send("enabled");
      if (end === "kill") guest().call(SYS.kill, guest().call(SYS.getpid), SIGKILL);
    });
    let enabled = false;
    const how = child.wait({ timeoutMs: 10_000, onMessage: () => void (enabled = true) });
    assert(enabled, `the child of round ${round} could not enable`);
    assertEquals(how.kind, end === "exit" ? "exited" : "signalled", "end of the child");
    assertErrno(disable(device), EINVAL, "DISABLE after the child's end");
    assertErrno(enable(device), 0, "ENABLE after the child's end");
    const { texts } = module.call(device, "loop", 1, round);
    assertEquals(texts, stepTexts(mode, round), "records after the child's end");
    device.disable();
  }
}

dataflowLifetime.test("exit_of_a_recorded_child_frees_the_descriptor", (_t, context, mode) => {
  assertEndFrees(context, mode, "exit");
});

dataflowLifetime.test("death_of_a_recorded_child_frees_the_descriptor", (_t, context, mode) => {
  assertEndFrees(context, mode, "kill");
});

dataflowLifetime.test("close_while_enabled_takes_nothing_away", (t, { module, device }, mode) => {
  device.enable();
  device.close();
  // The task and the mapping keep the ring.
  for (let round = 0; round < 20; round++) {
    const { texts } = module.call(device, "loop", 1, round);
    assertEquals(texts, stepTexts(mode, round), "records after the descriptor was closed");
  }
  const other = openMappedDataflow(t, RING_WORDS);
  assertErrno(enable(other), EBUSY, "ENABLE of another descriptor by the same task");
  device.unmap();
  // Now only the task holds it, and whatever it does is written there.
  for (let round = 0; round < 50; round++) module.run("loop", 200, round);
  module.run("widths_at", 0);
  assertErrno(enable(other), EBUSY, "ENABLE of another descriptor once the ring is unmapped");
  assertEquals(other.ring[0]!, 0n, "count of the other ring");
  const elsewhere = spawn(() => {
    other.enable();
    return module.call(other, "loop", 1, 77).texts;
  }).join();
  assertEquals(elsewhere, stepTexts(mode, 77), "records of another task by another descriptor");
});

dataflowLifetime.test("close_by_everybody_else_takes_nothing_away", (_t, context, mode) => {
  const { module, device } = context;
  const flags = new BigUint64Array(sharedMemory(16));
  const [ENABLED, CLOSED] = [0, 1];
  const child = spawn(() => {
    device.enable();
    device.close();
    flags[ENABLED] = 1n;
    while (flags[CLOSED] === 0n) guest().call(SYS.schedYield);
    return module.call(device, "loop", 1, 9).texts;
  });
  while (flags[ENABLED] === 0n) guest().call(SYS.schedYield);
  device.unmap();
  device.close();
  flags[CLOSED] = 1n;
  assertEquals(child.join(), stepTexts(mode, 9), "records of the task whose ring all have closed");
});

dataflowLifetime.test("closed_rings_are_freed", () => {
  const ROUNDS = 4;
  const KIB_EACH = 1024;
  const usedKiB = () =>
    Number(/^VmallocUsed: +(\d+) kB$/m.exec(guest().readFile("/proc/meminfo"))?.[1]);
  const before = usedKiB();
  for (let round = 0; round < ROUNDS; round++) {
    spawn(() => {
      const device = Dataflow.open().init(KIB_EACH * 1024 / 8).enable();
      // Left to the exit of the task: that of the task goes first, or that of the descriptor has gone.
      if (round % 2 === 0) device.close();
      return null;
    }).join();
  }
  const deadlineMs = guest().nowMs() + 10_000;
  while (usedKiB() - before >= KIB_EACH && guest().nowMs() < deadlineMs) {
    guest().call(SYS.schedYield);
  }
  const left = usedKiB() - before;
  assertLess(left, KIB_EACH, `KiB still in use after ${ROUNDS} rings of ${KIB_EACH}`);
});

dataflowLifetime.test("two_descriptors_have_two_rings", (t, { module, device }, mode) => {
  const second = openMappedDataflow(t, RING_WORDS);
  device.enable();
  assertErrno(enable(second), EBUSY, "ENABLE of a second descriptor by one task");
  assertEquals(module.call(device, "loop", 1, 1).texts, stepTexts(mode, 1), "in the first ring");
  assertEquals(second.ring[0]!, 0n, "count of the second while the first is enabled");
  device.disable();
  const left = device.ring[0]!;
  second.enable();
  assertEquals(module.call(second, "loop", 1, 2).texts, stepTexts(mode, 2), "in the second ring");
  assertEquals(device.ring[0]!, left, "count of the first while the second is enabled");
  assertErrno(disable(device), EINVAL, "DISABLE of the first while the second is enabled");
  second.disable();
  assertErrno(enable(device), 0, "ENABLE of the first again");
});

/** A thread's call of the module. The text stays where it is: a copy in memory of its own. */
function lineStep(module: DataflowModule, line: string): ThreadStep {
  const text = new Uint8Array(sharedMemory(line.length));
  text.set(cString(line).subarray(0, line.length));
  kept.push(text);
  return { call: SYS.write, args: [module.loaded.file, guest().address(text), line.length] };
}

/** What threads read. */
const kept: Uint8Array[] = [];

dataflowLifetime.test("a_second_thread_is_a_task_of_its_own", (t, { module, device }, mode) => {
  const second = openMappedDataflow(t, RING_WORDS);
  const line = commandLine("loop", 1, 0x7e57);
  const write = lineStep(module, line);
  device.enable();
  device.ring[0] = 0n;
  const ioctl = (one: Dataflow, command: number): ThreadStep => ({
    call: SYS.ioctl,
    args: [one.fd, command, 0],
  });
  const thread = new Thread([
    // Not recorded by the ring of the thread that started it.
    write,
    ioctl(device, DATAFLOW_DISABLE),
    ioctl(device, DATAFLOW_ENABLE),
    // It may have one of its own.
    ioctl(second, DATAFLOW_ENABLE),
    write,
    ioctl(device, DATAFLOW_ENABLE),
    ioctl(second, DATAFLOW_DISABLE),
    write,
  ]);
  assertEquals(thread.results(), [
    ...[line.length, -EINVAL, -EBUSY],
    ...[0, line.length, -EBUSY, 0],
    line.length,
  ], "results of the thread's calls");
  assertEquals(ownTexts(module, device), [], "records of the thread in the ring of the other");
  assertEquals(ownTexts(module, second), stepTexts(mode, 0x7e57), "records in its own ring");
  soundRecords(second.copy());
  assertEquals(module.call(device, "loop", 1, 8).texts, stepTexts(mode, 8), "of the first thread");
});

dataflowLifetime.test("exit_of_a_thread_frees_its_descriptor", (t, { module, device }, mode) => {
  const second = openMappedDataflow(t, RING_WORDS);
  const line = commandLine("loop", 1, 0x7e58);
  device.enable();
  const thread = new Thread([
    { call: SYS.ioctl, args: [second.fd, DATAFLOW_ENABLE, 0] },
    lineStep(module, line),
  ]);
  assertEquals(thread.results(), [0, line.length], "results of the thread's calls");
  device.disable();
  // It is on its way out of the kernel.
  const deadlineMs = guest().nowMs() + 10_000;
  let enabled = enable(second);
  while (enabled === -EBUSY && guest().nowMs() < deadlineMs) {
    guest().call(SYS.schedYield);
    enabled = enable(second);
  }
  assertErrno(enabled, 0, "ENABLE of the descriptor of a thread that has exited");
  const texts = ownTexts(module, second);
  assertEquals(texts, stepTexts(mode, 0x7e58), `its records: ${inspect(texts)}`);
  assert(collectsDataflow(second), "nothing is recorded of the other thread");
});
