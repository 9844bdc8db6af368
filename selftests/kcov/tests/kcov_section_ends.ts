// SPDX-License-Identifier: MIT

/** The first and the last of remote coverage: handles, areas, contexts that have no section. */

import {
  assert,
  assertEquals,
  assertErrno,
  assertGreater,
  assertLess,
  assertSameMembers,
} from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import { guest, interruptsServed, SYS } from "../../harness/guest.ts";
import {
  collects,
  common,
  enableOrSkip,
  Kcov,
  KCOV_ENABLE,
  KCOV_REMOTE_MAX_HANDLES,
  KCOV_TRACE_CMP,
  KCOV_TRACE_PC,
  openMapped,
  readNothing,
  usb,
  WORDS_PER_COMPARISON,
} from "../kcov.ts";
import { BODY, HARDIRQ_BODY, loadSections, Owner, sectionLine } from "../sections.ts";
import { untilInterrupted } from "../windows.ts";

const BUFFER_WORDS = 64 * 1024;
const AREA_WORDS = 4 * 1024;
/** CONFIG_KCOV_IRQ_AREA_SIZE, where nobody set another. */
const SOFTIRQ_AREA_WORDS = 0x40000;
const NUMBER = 0o1234567;
const OTHER = 0o7654;

const PC = { traceMode: KCOV_TRACE_PC, areaWords: AREA_WORDS } as const;

export const kcovSectionEnds = fixture("kcov_section_ends", {
  file: "selftests/kcov/tests/kcov_section_ends.ts",
  requires: ["kcov", "modules"],
  variants: { base: {} },
  setup: (t) => ({ device: openMapped(t, BUFFER_WORDS), sections: loadSections(t) }),
});

/** The whole trace of a device. */
function traceOf(device: Kcov): bigint[] {
  return device.pcs(Number(device.buffer[0]!));
}

/** The trace again and again. */
function times(trace: readonly bigint[], count: number): bigint[] {
  return Array.from({ length: count }, () => trace).flat();
}

function assertUntouched(device: Kcov, what: string): void {
  assertEquals(device.buffer.findIndex((word) => word !== 0n), -1, `first word used ${what}`);
}

kcovSectionEnds.test("each_of_0x100_handles_brings_its_own", (t, { device, sections }) => {
  const expected = sections.pcsOf(t, "worker", NUMBER);
  const others = sections.pcsOf(t, "worker", OTHER);
  // As many as there may be, twice: whatever the kernel sorts them by, many share it.
  const instances = Array.from({ length: 2 * KCOV_REMOTE_MAX_HANDLES }, (_, i) => 3 * i);
  const mine = instances.filter((_, i) => i % 2 === 0).map(usb);
  const theirs = instances.filter((_, i) => i % 2 === 1).map(usb);
  // In a thousand sections a worker is switched out now and then, and the way to the scheduler is its
  // own as well: kcov_stability judges that.
  const known = new Set([...expected, ...others]);
  const bodiesOf = (one: Kcov) => traceOf(one).filter((pc) => known.has(pc));
  const second = openMapped(t, BUFFER_WORDS);
  const first = new Owner(device, { ...PC, handles: mine });
  const other = new Owner(second, { ...PC, handles: theirs });
  const lines = (handles: readonly bigint[], number: number) =>
    handles.map((handle) => sectionLine("worker", handle, number));
  // The last and the first one alone, then all.
  sections.runElsewhere(...lines([mine.at(-1)!], NUMBER));
  assertEquals(bodiesOf(device), expected, "trace of the last handle");
  sections.runElsewhere(...lines([mine[0]!], NUMBER));
  assertEquals(bodiesOf(device), times(expected, 2), "trace of the last handle and the first");
  assertUntouched(second, "by the handles of another owner");
  sections.runElsewhere(...lines(mine, NUMBER), ...lines(theirs, OTHER));
  first.letGo();
  assertEquals(bodiesOf(device), times(expected, mine.length + 2), "trace of the first owner");
  assertEquals(bodiesOf(second), times(others, theirs.length), "trace of the second owner");
  // None is left of the owner that is gone, and all of the one that is there.
  sections.runElsewhere(...lines(mine, NUMBER), ...lines(theirs, OTHER));
  other.letGo();
  assertEquals(bodiesOf(device), times(expected, mine.length + 2), "trace of the owner before");
  assertEquals(bodiesOf(second), times(others, 2 * theirs.length), "trace of the one that is left");
});

kcovSectionEnds.test("the_first_and_last_instance_are_handles", (t, { device, sections }) => {
  const expected = sections.pcsOf(t, "worker", NUMBER);
  const LAST = 0xffffffff;
  const line = (handle: bigint) => sectionLine("worker", handle, NUMBER);
  for (const instance of [1, LAST]) {
    device.buffer.fill(0n);
    device.enableRemote({
      ...PC,
      commonHandle: common(instance),
      handles: [usb(0), usb(LAST)],
    });
    sections.runElsewhere(...[usb(1), usb(LAST - 1), common(2), common(LAST - 1)].map(line));
    assertUntouched(device, "by the handles beside");
    sections.runElsewhere(...[usb(0), usb(LAST), common(instance)].map(line));
    sections.run(`common ${NUMBER} 1`);
    device.disable();
    assertEquals(traceOf(device), times(expected, 4), "trace of all handles");
  }
});

kcovSectionEnds.test("an_area_of_one_word_holds_nothing", (_t, { device, sections }) => {
  device.enableRemote({ ...PC, areaWords: 1, handles: [usb(5)] });
  sections.runElsewhere(sectionLine("worker", usb(5), NUMBER));
  device.disable();
  assertUntouched(device, "by a section without room");
});

kcovSectionEnds.test("an_area_holds_whole_comparisons", (t, { device, sections }) => {
  enableOrSkip(t, device, KCOV_TRACE_CMP);
  device.disable();
  const entries = (areaWords: number): bigint[] => {
    device.buffer.fill(0n);
    device.enableRemote({ traceMode: KCOV_TRACE_CMP, areaWords, handles: [usb(5)] });
    sections.runElsewhere(sectionLine("worker", usb(5), NUMBER, 4));
    device.disable();
    return [...device.buffer.slice(1, 1 + Number(device.buffer[0]!) * WORDS_PER_COMPARISON)];
  };
  const whole = entries(AREA_WORDS);
  assertGreater(whole.length, 8 * WORDS_PER_COMPARISON, "words of a section");
  // 5, 9 and 33 words are full to the last one.
  for (const areaWords of [1, 2, 4, 5, 8, 9, 12, 13, 33]) {
    const fit = Math.floor((areaWords - 1) / WORDS_PER_COMPARISON) * WORDS_PER_COMPARISON;
    assertEquals(entries(areaWords), whole.slice(0, fit), `records in ${areaWords} words`);
  }
}, { requires: ["cmp"] });

kcovSectionEnds.test("areas_of_other_sizes_are_not_mixed_up", (t, { device, sections }) => {
  // What the kernel keeps of a small area must not serve a section that asks for more, and more is
  // written than the page that the smallest allocation has.
  const whole = sections.pcsOf(t, "worker", NUMBER, 100);
  assertGreater(whole.length, 1024, "entries of a long section");
  for (const areaWords of [2, 512, 1024, 600, 32 * 1024, 512, 32 * 1024 - 1]) {
    device.buffer.fill(0n);
    device.enableRemote({ ...PC, areaWords, handles: [usb(5)] });
    sections.runElsewhere(sectionLine("worker", usb(5), NUMBER, 100));
    device.disable();
    assertEquals(
      traceOf(device),
      whole.slice(0, areaWords - 1),
      `trace with an area of ${areaWords}`,
    );
  }
});

kcovSectionEnds.test("a_task_leaves_the_areas_of_softirqs_alone", (t, { device, sections }) => {
  const expected = sections.pcsOf(t, "softirq", OTHER);
  const second = openMapped(t, BUFFER_WORDS);
  const argument = { ...PC, areaWords: SOFTIRQ_AREA_WORDS };
  const first = new Owner(device, { ...argument, handles: [usb(5)] });
  const other = new Owner(second, { ...argument, handles: [usb(6)] });
  // Its section is open, and has an area of the size that softirqs have.
  sections.runElsewhere(sectionLine("hold", usb(5), NUMBER));
  sections.runElsewhere(sectionLine("softirq", usb(6), OTHER));
  sections.runElsewhere("release");
  sections.runElsewhere(sectionLine("worker", usb(5), NUMBER));
  sections.runElsewhere(sectionLine("softirq", usb(6), OTHER));
  other.letGo();
  first.letGo();
  assertEquals(traceOf(second), times(expected, 2), "trace of the softirqs");
});

/** KiB of vmalloc() in use. */
function usedKiB(): number {
  return Number(/^VmallocUsed: +(\d+) kB$/m.exec(guest().readFile("/proc/meminfo"))?.[1]);
}

kcovSectionEnds.test("areas_are_used_again", (_t, { device, sections }) => {
  const AREA_KIB = 512;
  device.enableRemote({ ...PC, areaWords: AREA_KIB * 1024 / 8, handles: [usb(5)] });
  const lines = (["worker", "thread"] as const).flatMap((where) =>
    Array.from({ length: 10 }, () => sectionLine(where, usb(5), OTHER))
  );
  sections.runElsewhere(...lines);
  const before = usedKiB();
  sections.runElsewhere(...lines);
  assertLess(usedKiB() - before, 2 * AREA_KIB, `KiB that ${lines.length} more sections took`);
  device.disable();
});

kcovSectionEnds.test("sections_let_go_of_the_descriptor", (_t, { sections }) => {
  const ROUNDS = 4;
  const KIB_EACH = 1024;
  const lines = (["worker", "thread", "softirq"] as const)
    .map((where) => sectionLine(where, usb(5), OTHER));
  const round = (): void => {
    spawn(() => {
      const own = Kcov.open().init(KIB_EACH * 1024 / 8);
      own.enableRemote({ ...PC, handles: [usb(5)] });
      sections.runElsewhere(...lines);
      return true;
    }).join();
  };
  round(); // leaves an area behind
  const before = usedKiB();
  for (let turn = 0; turn < ROUNDS; turn++) round();
  const deadlineMs = guest().nowMs() + 10_000;
  while (usedKiB() - before >= KIB_EACH && guest().nowMs() < deadlineMs) {
    guest().call(SYS.schedYield);
  }
  assertLess(usedKiB() - before, KIB_EACH, `KiB left by ${ROUNDS} descriptors of ${KIB_EACH}`);
});

kcovSectionEnds.test("a_hard_interrupt_has_no_section", (t, { device, sections }) => {
  const outer = sections.pcsOf(t, "softirq", NUMBER);
  device.enableRemote({ ...PC, handles: [usb(5), usb(6)] });
  sections.runElsewhere(sectionLine("hardirq", usb(5), NUMBER));
  assertUntouched(device, "by a hard interrupt over a task");
  // Over the section of a softirq it leaves no entry, whatever handle it asks for.
  const words = (handle: bigint, number: number) => `${handle.toString(16)} ${number} 1`;
  const body = outer.filter((pc) => sections.functionOf(pc) === BODY.softirq);
  const handles = [usb(5), usb(6), usb(7)];
  for (const handle of handles) {
    sections.runElsewhere(`interrupted ${words(usb(5), NUMBER)} ${words(handle, OTHER)}`);
  }
  device.disable();
  const found = traceOf(device);
  assert(
    found.every((pc) => sections.functionOf(pc) !== HARDIRQ_BODY),
    "the hard interrupt's code is in the trace",
  );
  assertEquals(
    found.filter((pc) => sections.functionOf(pc) === BODY.softirq),
    times(body, 2 * handles.length),
    "entries of the softirq's body, before and after each interrupt",
  );
});

kcovSectionEnds.test("a_hard_interrupt_leaves_a_collecting_task_alone", (t, setup) => {
  const { device, sections } = setup;
  const owned = openMapped(t, BUFFER_WORDS);
  const owner = new Owner(owned, { ...PC, handles: [usb(5)] });
  device.enable(KCOV_TRACE_PC);
  const batch = new Batch();
  device.resetIn(batch);
  sections.lineIn(batch, sectionLine("hardirq", usb(5), NUMBER));
  const first = device.countIn(batch);
  readNothing(batch);
  const second = device.countIn(batch);
  batch.run();
  device.disable();
  owner.letGo();
  const names = device.pcs(Number(batch.result(first))).map((pc) => sections.functionOf(pc));
  assert(names.includes("remote_write"), "the call that was interrupted is not in the trace");
  assert(!names.includes(HARDIRQ_BODY), "the hard interrupt's code is in the trace");
  assertGreater(batch.result(second), batch.result(first), "count after another call");
  assertUntouched(owned, "by a hard interrupt");
});

kcovSectionEnds.test("ticks_over_a_softirq_leave_no_entries", (t, { device, sections }) => {
  // A section that is long and has room for all of its entries.
  const REPEAT = 4000;
  const short = sections.functionsOf(sections.pcsOf(t, "softirq", NUMBER));
  const huge = openMapped(t, SOFTIRQ_AREA_WORDS);
  huge.enableRemote({ ...PC, handles: [usb(5)] });
  const line = sectionLine("softirq", usb(5), NUMBER, REPEAT);
  const sum = () => {
    huge.buffer[0] = 0n;
    const before = interruptsServed();
    sections.runElsewhere(line);
    return { entries: Number(huge.buffer[0]!), interrupts: interruptsServed() - before };
  };
  const first = sum();
  assertLess(first.entries, SOFTIRQ_AREA_WORDS - 2, "entries of a section that fits");
  const functions = new Set<string>();
  untilInterrupted(20, () => {
    const { entries, interrupts } = sum();
    assertEquals(entries, first.entries, "entries of equal sections");
    for (const name of sections.functionsOf([...huge.distinctPcs(entries)])) functions.add(name);
    return interrupts;
  });
  assertSameMembers(functions, short, "functions of the long sections");
  huge.disable();
  assert(device.buffer[0] === 0n, "another device has entries");
});

kcovSectionEnds.test("a_softirq_brings_no_old_collection_back", (t, { device, sections }) => {
  const owned = openMapped(t, BUFFER_WORDS);
  const owner = new Owner(owned, { ...PC, handles: [usb(5)] });
  const line = sectionLine("softirq", usb(5), OTHER);
  device.enable(KCOV_TRACE_PC);
  sections.run(line);
  assert(collects(device), "nothing is collected after a softirq's section");
  device.disable();
  // The task collects nothing now, and so it is after another softirq over it.
  sections.run(line);
  const before = device.buffer[0];
  const batch = new Batch();
  readNothing(batch, 10);
  batch.run();
  assertEquals(device.buffer[0], before, "count of a device that was disabled");
  assertErrno(device.ioctl(KCOV_ENABLE, KCOV_TRACE_PC), 0, "KCOV_ENABLE after all");
  assert(collects(device), "nothing is collected afterwards");
  device.disable();
  owner.letGo();
});

kcovSectionEnds.test(
  "a_softirq_without_owner_leaves_the_task_alone",
  (_t, { device, sections }) => {
    device.enable(KCOV_TRACE_PC);
    const batch = new Batch();
    device.resetIn(batch);
    const written = sections.lineIn(batch, sectionLine("softirq", usb(5), NUMBER));
    const first = device.countIn(batch);
    readNothing(batch);
    const second = device.countIn(batch);
    batch.run();
    device.disable();
    assertGreater(batch.result(written), 0n, "bytes written");
    const names = device.pcs(Number(batch.result(first))).map((pc) => sections.functionOf(pc));
    assert(!names.includes(BODY.softirq), "the softirq's code is in the task's trace");
    assertGreater(batch.result(second), batch.result(first), "count after another call");
  },
);

kcovSectionEnds.test("a_softirq_has_no_common_handle", (_t, { device, sections }) => {
  device.enableRemote({ ...PC, commonHandle: common(77), handles: [usb(5)] });
  sections.run(`common_softirq ${NUMBER} 1`);
  assertUntouched(device, "by a softirq with the common handle of the task below it");
  sections.run(`common ${NUMBER} 1`);
  assertGreater(Number(device.buffer[0]!), 0, "entries of a worker with it");
  device.disable();
});
