// SPDX-License-Identifier: MIT

/** Who collects, from when to when: fork, exit, close, several descriptors. */

import { assert, assertEquals, assertGreater, assertLess } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { forkChild, spawn } from "../../harness/child.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import { guest, sharedMemory, SIGKILL, SYS } from "../../harness/guest.ts";
import { ask } from "../answers.ts";
import {
  collects,
  Kcov,
  KCOV_DISABLE,
  KCOV_ENABLE,
  KCOV_TRACE_PC,
  openMapped,
  readNothing,
} from "../kcov.ts";
import { kernelSymbols } from "../symbols.ts";

const BUFFER_WORDS = 16 * 1024;

export const kcovLifetime = fixture("kcov_lifetime", {
  file: "selftests/kcov/tests/kcov_lifetime.ts",
  requires: ["kcov"],
  variants: { base: {} },
  setup(t) {
    kernelSymbols();
    return openMapped(t, BUFFER_WORDS);
  },
});

/** Entries before, and after reads that should not be collected. */
function entriesOf(device: Kcov, operations: (batch: Batch) => void): readonly [bigint, bigint] {
  const batch = new Batch();
  const before = device.countIn(batch);
  operations(batch);
  const after = device.countIn(batch);
  batch.run();
  return [batch.result(before), batch.result(after)];
}

function assertCollectsNothing(device: Kcov, what: string): void {
  const [before, after] = entriesOf(device, (batch) => readNothing(batch, 100));
  assertEquals(after, before, `count across 100 calls ${what}`);
}

kcovLifetime.test("nothing_is_collected_unless_enabled", (_t, device) => {
  assertCollectsNothing(device, "before KCOV_ENABLE");
  assertEquals(device.buffer[0]!, 0n, "count of a fresh buffer");
  device.enable(KCOV_TRACE_PC);
  assert(collects(device), "nothing is collected while enabled");
  device.disable();
  assertCollectsNothing(device, "after KCOV_DISABLE");
  assertGreater(device.buffer[0]!, 0n, "count that KCOV_DISABLE leaves");
});

kcovLifetime.test("enable_again_continues_the_trace", (_t, device) => {
  device.enable(KCOV_TRACE_PC);
  assert(collects(device), "nothing is collected");
  device.disable();
  const count = device.buffer[0]!;
  const first = device.buffer[1]!;
  for (let round = 0; round < 10; round++) {
    device.enable(KCOV_TRACE_PC);
    const [before, after] = entriesOf(device, (batch) => readNothing(batch));
    assert(before >= count, `count fell from ${count} to ${before} by KCOV_ENABLE`);
    assertGreater(after, before, "count after a call in a later round");
    device.disable();
  }
  assertEquals(device.buffer[1]!, first, "first entry of all rounds");
});

kcovLifetime.test("a_forked_child_does_not_inherit", (t, device) => {
  const symbols = kernelSymbols();
  const shared = sharedMemory(16);
  const [start, done] = [guest().address(shared), guest().address(shared) + 8];
  device.enable(KCOV_TRACE_PC);
  const child = spawn(() => {
    const batch = new Batch();
    batch.wait(start, 1n);
    batch.syscall(SYS.personality, [0xffffffff], 500);
    batch.store(done, 1n);
    batch.run();
    return device.ioctl(KCOV_DISABLE, 0);
  });
  // The parent stays in userspace while the child calls personality(), which nobody else does.
  const entries = device.recording((batch) => {
    batch.keep(shared);
    batch.store(start, 1n);
    batch.wait(done, 1n);
  }).run();
  const names = symbols.namesOf(device.distinctPcs(entries));
  const disabled = child.join();
  // On one CPU the scheduler leaves entries in the parent each time it gives way to the child.
  assert(entries < BUFFER_WORDS - 1, "the trace of the parent is full: it proves nothing");
  assert(!names.includes("__x64_sys_personality"), "a call of the child is in the parent's trace");
  ask(t, "disable.by-another", disabled);
  assert(collects(device), "the child ended the parent's collection");
});

kcovLifetime.test("a_child_may_enable_what_the_parent_disabled", (t, device) => {
  const symbols = kernelSymbols();
  // Each yields to the other: they may have one CPU between them, and a busy one.
  const flags = new BigUint64Array(sharedMemory(16));
  const [TRIED, DISABLED] = [0, 1];
  const waitFor = (flag: number) => {
    while (flags[flag] === 0n) guest().call(SYS.schedYield);
  };
  device.enable(KCOV_TRACE_PC);
  const child = spawn(() => {
    const early = device.ioctl(KCOV_ENABLE, KCOV_TRACE_PC);
    flags[TRIED] = 1n;
    waitFor(DISABLED);
    device.enable(KCOV_TRACE_PC);
    const pcs = device.recording((batch) => batch.syscall(SYS.personality, [0xffffffff]))
      .steadyPcs();
    return { early, names: symbols.namesOf(pcs) };
  });
  waitFor(TRIED);
  device.disable();
  flags[DISABLED] = 1n;
  const { early, names } = child.join();
  ask(t, "enable.by-another", early);
  assertEquals(names[0], "__x64_sys_personality", "first function of the child's trace");
  // The child has exited: its exit disabled the descriptor.
  device.enable(KCOV_TRACE_PC);
  assert(collects(device), "nothing is collected after the child's turn");
});

function testEndOfChild(t: TestContext, device: Kcov, end: "exit" | "kill"): void {
  const child = forkChild<"enabled">((send) => {
    device.enable(KCOV_TRACE_PC);
    send("enabled");
    if (end === "kill") guest().call(SYS.kill, guest().call(SYS.getpid), SIGKILL);
  });
  let enabled = false;
  const how = child.wait({ timeoutMs: 10_000, onMessage: () => void (enabled = true) });
  assert(enabled, "the child could not enable");
  assertEquals(how.kind, end === "exit" ? "exited" : "signalled", "end of the child");
  ask(t, "life.exit", device.ioctl(KCOV_ENABLE, KCOV_TRACE_PC));
  assert(collects(device), "nothing is collected after the child's end");
  device.disable();
}

kcovLifetime.test("exit_of_a_collecting_child_disables", (t, device) => {
  for (let round = 0; round < 5; round++) testEndOfChild(t, device, "exit");
});

kcovLifetime.test("death_of_a_collecting_child_disables", (t, device) => {
  for (let round = 0; round < 5; round++) testEndOfChild(t, device, "kill");
});

kcovLifetime.test("close_while_enabled_goes_on_collecting", (t, device) => {
  device.enable(KCOV_TRACE_PC);
  device.close();
  // The mapping and the thread keep the buffer.
  const goesOn = collects(device);
  t.answer("life.close", goesOn ? "goes on" : "ends");
  const other = openMapped(t, BUFFER_WORDS);
  if (ask(t, "life.closed-busy-thread", other.ioctl(KCOV_ENABLE, KCOV_TRACE_PC)) === 0) {
    assert(!goesOn, "two descriptors collect from one thread");
    return;
  }
  device.unmap();
  // Now only the thread holds it. Whatever it does still writes there.
  const batch = new Batch();
  readNothing(batch, BUFFER_WORDS);
  batch.run();
  ask(t, "life.closed-busy-thread", other.ioctl(KCOV_ENABLE, KCOV_TRACE_PC));
  const elsewhere = spawn(() => {
    other.enable(KCOV_TRACE_PC);
    return collects(other);
  }).join();
  assert(elsewhere, "another process collects nothing through another descriptor");
});

kcovLifetime.test("closed_descriptors_are_freed", () => {
  const ROUNDS = 4;
  const KIB_EACH = 1024;
  const usedKiB = () =>
    Number(/^VmallocUsed: +(\d+) kB$/m.exec(guest().readFile("/proc/meminfo"))?.[1]);
  const before = usedKiB();
  for (let round = 0; round < ROUNDS; round++) {
    spawn(() => {
      // Left to the exit of the process: first the thread's reference goes, then the descriptor's.
      Kcov.open().init(KIB_EACH * 1024 / 8).enable(KCOV_TRACE_PC);
      return null;
    }).join();
  }
  const deadlineMs = guest().nowMs() + 10_000;
  while (usedKiB() - before >= KIB_EACH && guest().nowMs() < deadlineMs) {
    guest().call(SYS.schedYield);
  }
  assertLess(
    usedKiB() - before,
    KIB_EACH,
    `KiB still in use after ${ROUNDS} buffers of ${KIB_EACH}`,
  );
});

kcovLifetime.test("a_fresh_buffer_is_empty", () => {
  // What others had in their buffers is in the memory that the kernel gives out next.
  const WORDS = 64 * 1024;
  for (let round = 0; round < 20; round++) {
    const device = Kcov.open().init(WORDS);
    const words = device.map();
    const first = words[0]!;
    const differs = guest().difference(words.subarray(1), words.subarray(0, -1));
    assertEquals([first, differs], [0n, -1], `first word, first byte not as before, ${round}`);
    words.fill(0x5e5e5e5e5e5e5e5en);
    device.unmap();
    device.close();
  }
});

kcovLifetime.test("two_descriptors_have_two_buffers", (t, first) => {
  const second = openMapped(t, BUFFER_WORDS);
  first.enable(KCOV_TRACE_PC);
  assert(collects(first), "nothing is collected through the first descriptor");
  assertEquals(second.buffer[0]!, 0n, "count of the second while the first is enabled");
  first.disable();
  const left = first.buffer[0]!;
  second.enable(KCOV_TRACE_PC);
  assert(collects(second), "nothing is collected through the second descriptor");
  assertEquals(first.buffer[0]!, left, "count of the first while the second is enabled");
  ask(t, "disable.another-descriptor", first.ioctl(KCOV_DISABLE, 0));
  second.disable();
});

kcovLifetime.test("processes_collect_side_by_side", (t) => {
  // On one CPU they take turns, so the trace follows the thread across context switches.
  const symbols = kernelSymbols();
  const calls = [
    ["umask", SYS.umask],
    ["getsid", SYS.getsid],
    ["getppid", SYS.getppid],
    ["personality", SYS.personality],
  ] as const;
  const processes = calls.map(([name, number]) => ({
    name,
    process: spawn(() => {
      const device = openMapped(t, BUFFER_WORDS);
      device.enable(KCOV_TRACE_PC);
      const recording = device.recording((batch) => {
        for (let turn = 0; turn < 80; turn++) {
          batch.syscall(number, [0]);
          batch.syscall(SYS.schedYield);
        }
      });
      return symbols.namesOf(recording.distinctPcs());
    }),
  }));
  for (const { name, process } of processes) {
    const entries = process.join().filter((each) => each.startsWith("__x64_sys_"));
    const foreign = entries.filter((each) =>
      calls.some(([other]) => other !== name && each === `__x64_sys_${other}`)
    );
    assert(entries.includes(`__x64_sys_${name}`), `${name}: its own call is missing in ${entries}`);
    assertEquals(foreign, [], `${name}: calls of the other processes in its trace`);
  }
});
