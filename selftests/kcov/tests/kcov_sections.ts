// SPDX-License-Identifier: MIT

/** Remote coverage with real sections: workers, threads and softirqs of a module of ours. */

import {
  assert,
  assertEquals,
  assertErrno,
  assertGreater,
  assertSameMembers,
  fail,
  inspect,
} from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { spawn } from "../../harness/child.ts";
import type { Feature } from "../../contract/features.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import { guest, onlineCpus, pinToCpu, sharedMemory, SYS } from "../../harness/guest.ts";
import {
  type CollectMode,
  common,
  enableModeOrSkip,
  enableOrSkip,
  entryPcs,
  type Kcov,
  KCOV_DISABLE,
  KCOV_RESET_TRACE,
  KCOV_TRACE_CMP,
  KCOV_TRACE_PC,
  openMapped,
  readNothing,
  skipIfNoReset,
  usb,
  WORDS_PER_COMPARISON,
} from "../kcov.ts";
import {
  BODY,
  loadSections,
  Owner,
  REMOTE_CHOSEN,
  type SectionContext,
  sectionLine,
  type Sections,
} from "../sections.ts";
import { undisturbed } from "../windows.ts";

const FILE = "selftests/kcov/tests/kcov_sections.ts";
const BUFFER_WORDS = 16 * 1024;
const AREA_WORDS = 4 * 1024;
/** A page of 64-bit words: the smallest buffer that can be mapped. */
const PAGE_WORDS = 512;
/** Some steps of each kind. */
const NUMBER = 0o1234567;

const PC = { traceMode: KCOV_TRACE_PC, areaWords: AREA_WORDS } as const;

/** Whatever a section leaves where it is made of zeros. */
function assertUntouched(device: Kcov, what: string): void {
  assertEquals(device.buffer.findIndex((word) => word !== 0n), -1, `first word used ${what}`);
}

/** The whole trace of a device that has been disabled. */
function traceOf(device: Kcov): bigint[] {
  return device.pcs(Number(device.buffer[0]!));
}

interface ContextVariant {
  readonly where: SectionContext;
  readonly mode: number;
  readonly requires?: readonly Feature[];
}

/** Each context in each mode. */
export const kcovSection = fixture("kcov_section", {
  file: FILE,
  requires: ["kcov", "modules"],
  variants: {
    worker_pc: { where: "worker", mode: KCOV_TRACE_PC },
    thread_pc: { where: "thread", mode: KCOV_TRACE_PC },
    softirq_pc: { where: "softirq", mode: KCOV_TRACE_PC },
    worker_cmp: { where: "worker", mode: KCOV_TRACE_CMP, requires: ["cmp"] },
    thread_cmp: { where: "thread", mode: KCOV_TRACE_CMP, requires: ["cmp"] },
    softirq_cmp: { where: "softirq", mode: KCOV_TRACE_CMP, requires: ["cmp"] },
  },
  setup(t, variant: ContextVariant) {
    const device = openMapped(t, BUFFER_WORDS);
    enableOrSkip(t, device, variant.mode);
    device.disable();
    // The way back from enabling is collected.
    device.buffer.fill(0n);
    return { device, sections: loadSections(t) };
  },
});

kcovSection.test("arrives_and_nothing_else_does", (_t, { device, sections }, { where, mode }) => {
  device.enableRemote({ traceMode: mode, areaWords: AREA_WORDS, handles: [usb(5)] });
  sections.runElsewhere(sectionLine(where, usb(5), REMOTE_CHOSEN));
  device.disable();
  const count = Number(device.buffer[0]!);
  assertGreater(count, 0, "entries");
  const pcs = mode === KCOV_TRACE_PC
    ? device.pcs(count)
    : device.comparisons(count).map(({ pc }) => pc);
  const functions = sections.functionsOf(pcs);
  const walk = mode === KCOV_TRACE_PC
    ? [BODY[where], "remote_walk", "remote_step", "remote_chosen"]
    : ["remote_walk", "remote_step"];
  for (const name of walk) {
    assert(functions.has(name), `${name} is not covered: ${inspect(functions)}`);
  }
  for (const other of Object.values(BODY)) {
    assert(other === BODY[where] || !functions.has(other), `${other} is covered`);
  }
  assert(!functions.has("remote_write"), "the writer of the line is covered");
  if (mode === KCOV_TRACE_PC) return;
  const chosen = device.comparisons(count).find(({ arg1 }) => arg1 === BigInt(REMOTE_CHOSEN));
  if (chosen === undefined) fail(`no comparison with ${REMOTE_CHOSEN}`);
  assertEquals(
    [chosen.arg2, chosen.isConst, chosen.sizeBytes, sections.functionOf(chosen.pc)],
    [BigInt(REMOTE_CHOSEN), true, 4, "remote_walk"],
    "operand, constant, size and place of the comparison with the chosen number",
  );
});

kcovSection.test("sections_are_appended_in_order", (_t, { device, sections }, { where, mode }) => {
  const words = mode === KCOV_TRACE_PC ? 1 : WORDS_PER_COMPARISON;
  const numbers = [NUMBER, REMOTE_CHOSEN, 7, NUMBER];
  const run = (some: readonly number[]): bigint[] => {
    device.buffer.fill(0n);
    device.enableRemote({ traceMode: mode, areaWords: AREA_WORDS, handles: [usb(5)] });
    for (const number of some) sections.runElsewhere(sectionLine(where, usb(5), number));
    device.disable();
    const used = 1 + Number(device.buffer[0]!) * words;
    assertEquals(
      device.buffer.findIndex((word, index) => index >= used && word !== 0n),
      -1,
      "first word used behind the trace",
    );
    return [...device.buffer.slice(1, used)];
  };
  const each = numbers.map((number) => run([number]));
  for (const entries of each) assertGreater(entries.length, 0, "entries of one section");
  assertEquals(run(numbers), each.flat(), "entries of all sections");
});

kcovSection.test("a_full_buffer_takes_what_fits", (t, { sections }, { where, mode }) => {
  const words = mode === KCOV_TRACE_PC ? 1 : WORDS_PER_COMPARISON;
  const most = Math.floor((PAGE_WORDS - 1) / words);
  const repeat = mode === KCOV_TRACE_PC ? 20 : 2;
  const argument = { traceMode: mode, areaWords: AREA_WORDS, handles: [usb(5)] };
  const entries = (device: Kcov, count: number) => [...device.buffer.slice(1, 1 + count * words)];

  const wide = openMapped(t, BUFFER_WORDS);
  wide.enableRemote(argument);
  sections.runElsewhere(sectionLine(where, usb(5), NUMBER, repeat));
  wide.disable();
  const each = Number(wide.buffer[0]!);
  assert(each > 10 && each < most, `${each} entries a section, and ${most} fit`);
  const one = entries(wide, each);

  const small = openMapped(t, PAGE_WORDS);
  small.enableRemote(argument);
  const fit = Math.ceil(most / each);
  for (let turn = 0; turn < fit + 2; turn++) {
    sections.runElsewhere(sectionLine(where, usb(5), NUMBER, repeat));
  }
  small.disable();
  assertEquals(Number(small.buffer[0]!), most, "entries of a full buffer");
  const all = Array.from({ length: fit }, () => one).flat();
  assertEquals(entries(small, most), all.slice(0, most * words), "entries of a full buffer");
});

kcovSection.test("a_count_beyond_the_buffer_takes_nothing", (_t, { device, sections }, variant) => {
  // Userspace may write what it likes there.
  const counts = [BigInt(BUFFER_WORDS), 1n << 32n, (1n << 61n) + 1n, 0xffffffffffffffffn];
  for (const count of counts) {
    device.buffer.fill(0n);
    device.buffer[0] = count;
    const { where, mode } = variant;
    device.enableRemote({ traceMode: mode, areaWords: AREA_WORDS, handles: [usb(5)] });
    sections.runElsewhere(sectionLine(where, usb(5), NUMBER));
    device.disable();
    assertEquals(device.buffer[0], count, "the count that was there");
    device.buffer[0] = 0n;
    assertUntouched(device, `with a count of ${count}`);
  }
});

/** What does not depend on the context. */
export const kcovSections = fixture("kcov_sections", {
  file: FILE,
  requires: ["kcov", "modules"],
  variants: { base: {} },
  setup: (t) => ({ device: openMapped(t, BUFFER_WORDS), sections: loadSections(t) }),
});

kcovSections.test("another_handle_brings_nothing", (_t, { device, sections }) => {
  device.enableRemote({ ...PC, commonHandle: common(9), handles: [usb(5), usb(0x1000005)] });
  for (const handle of [usb(6), usb(0x5000000), common(5), usb(9), usb(0x105), common(8), 0n]) {
    for (const where of ["worker", "thread", "softirq"] as const) {
      sections.runElsewhere(sectionLine(where, handle, NUMBER));
    }
  }
  assertUntouched(device, "by handles that nobody owns");
  for (const handle of [usb(5), usb(0x1000005), common(9)]) {
    const before = device.buffer[0]!;
    sections.runElsewhere(sectionLine("worker", handle, NUMBER));
    assert(device.buffer[0]! > before, `nothing arrives for ${handle.toString(16)}`);
  }
  device.disable();
});

kcovSections.test("two_owners_get_their_own", (t, { device, sections }) => {
  const expected = {
    thread: sections.pcsOf(t, "thread", NUMBER),
    worker: sections.pcsOf(t, "worker", REMOTE_CHOSEN),
    softirq: sections.pcsOf(t, "softirq", 7),
  };
  const second = openMapped(t, BUFFER_WORDS);
  const first = new Owner(device, { ...PC, handles: [usb(5)] });
  const other = new Owner(second, { ...PC, handles: [usb(6)] });
  // Whoever lets go gives its own handles back, and no others.
  new Owner(openMapped(t, PAGE_WORDS), { ...PC, handles: [usb(8)] }).letGo();
  // The others run and end while the first section is open.
  sections.runElsewhere(sectionLine("hold", usb(5), NUMBER));
  sections.runElsewhere(sectionLine("worker", usb(6), REMOTE_CHOSEN));
  sections.runElsewhere(sectionLine("softirq", usb(6), 7));
  assertUntouched(device, "while its section is open");
  sections.runElsewhere("release");
  other.letGo();
  first.letGo();
  assertEquals(traceOf(second), [...expected.worker, ...expected.softirq], "trace of the second");
  const held = traceOf(device);
  const foreign = held.some((pc) => sections.functionOf(pc) === BODY.worker);
  assert(!foreign, "the worker's code is in the first trace");
  const own = held.filter((pc) => sections.functionOf(pc) === BODY.thread);
  const once = expected.thread.filter((pc) => sections.functionOf(pc) === BODY.thread);
  assertEquals(own, [...once, ...once], "entries of the body of the section that was held");
});

kcovSections.test("nothing_arrives_after_disable", (t, { device, sections }) => {
  const argument = { ...PC, handles: [usb(5)] };
  const expected = sections.pcsOf(t, "worker", NUMBER);
  for (const again of [false, true]) {
    device.buffer.fill(0n);
    device.enableRemote(argument);
    sections.runElsewhere(sectionLine("hold", usb(5), NUMBER));
    device.disable();
    // A section belongs to the collection in which it began, not to a later one of the same handle.
    if (again) device.enableRemote(argument);
    sections.runElsewhere("release");
    const arrives = device.buffer.some((word) => word !== 0n);
    t.answer("section.after-disable", arrives ? "arrives" : "dropped");
    if (arrives) return;
    if (!again) device.enableRemote(argument);
    sections.runElsewhere(sectionLine("worker", usb(5), NUMBER));
    device.disable();
    assertEquals(traceOf(device), expected, "trace of a section afterwards");
    sections.runElsewhere(sectionLine("worker", usb(5), NUMBER));
    assertEquals(traceOf(device), expected, "trace when nobody owns the handle");
  }
});

kcovSections.test("the_mode_may_change_while_a_section_is_open", (_t, { device, sections }) => {
  const argument = { ...PC, handles: [usb(5)] };
  device.enableRemote(argument);
  sections.runElsewhere(sectionLine("hold", usb(5), NUMBER));
  device.disable();
  // The descriptor collects from its own thread now: what the section brings has no place in it.
  device.enable(KCOV_TRACE_PC);
  const recording = device.recording((batch) => readNothing(batch));
  const before = recording.steadyPcs();
  sections.runElsewhere("release");
  assertEquals(recording.steadyPcs(), before, "trace of the thread itself");
  device.disable();
});

kcovSections.test("the_size_of_the_area_bounds_a_section", (t, { device, sections }) => {
  const whole = sections.pcsOf(t, "worker", NUMBER, 100);
  for (const areaWords of [2, 3, 17, PAGE_WORDS]) {
    device.buffer.fill(0n);
    device.enableRemote({ ...PC, areaWords, handles: [usb(5)] });
    for (let turn = 0; turn < 2; turn++) {
      sections.runElsewhere(sectionLine("worker", usb(5), NUMBER, 100));
    }
    device.disable();
    const part = whole.slice(0, areaWords - 1);
    assertEquals(
      traceOf(device),
      [...part, ...part],
      `trace of two sections of ${areaWords} words`,
    );
  }
});

kcovSections.test("the_exit_of_the_owner_ends_it", (t, { device, sections }) => {
  const expected = sections.pcsOf(t, "worker", NUMBER);
  const argument = { ...PC, commonHandle: common(3), handles: [usb(5)] };
  const owner = new Owner(device, argument, "exit");
  sections.runElsewhere(sectionLine("hold", usb(5), NUMBER));
  owner.letGo();
  sections.runElsewhere("release");
  assertUntouched(device, "after the owner's exit");
  sections.runElsewhere(sectionLine("worker", usb(5), NUMBER));
  assertUntouched(device, "by a handle of an owner that is gone");
  // Handles and descriptor are free again.
  device.enableRemote(argument);
  sections.runElsewhere(sectionLine("worker", usb(5), NUMBER));
  device.disable();
  assertEquals(traceOf(device), expected, "trace of the next owner");
});

kcovSections.test("a_child_inherits_the_common_handle", (t, { device, sections }) => {
  const expected = sections.pcsOf(t, "worker", NUMBER);
  const line = `common ${NUMBER} 1`;
  sections.run(line);
  device.enableRemote({ ...PC, commonHandle: common(77), handles: [usb(5)] });
  sections.run(line);
  assertEquals(traceOf(device), expected, "trace of the owner itself");
  // A child has it, and what a child starts.
  sections.runElsewhere(line);
  spawn(() => {
    sections.runElsewhere(line);
    return true;
  }).join();
  assertEquals(traceOf(device), [...expected, ...expected, ...expected], "traces of descendants");
  const flags = new BigUint64Array(sharedMemory(8));
  const heir = spawn(() => {
    while (flags[0] === 0n) guest().call(SYS.schedYield);
    sections.run(line);
    return true;
  });
  device.disable();
  const left = device.buffer[0];
  sections.run(line);
  sections.runElsewhere(line);
  flags[0] = 1n;
  heir.join();
  assertEquals(device.buffer[0], left, "entries after KCOV_DISABLE, with the handle inherited");
  // Who gave the handle back is none of the next owner's.
  const next = openMapped(t, BUFFER_WORDS);
  const owner = new Owner(next, { ...PC, commonHandle: common(77) });
  sections.run(line);
  sections.runElsewhere(line);
  owner.letGo();
  assertUntouched(next, "by the owner before");
});

kcovSections.test("a_softirq_over_a_section_is_apart", (t, { device, sections }) => {
  const inner = sections.pcsOf(t, "softirq", REMOTE_CHOSEN);
  const second = openMapped(t, BUFFER_WORDS);
  const first = new Owner(device, { ...PC, handles: [usb(5)] });
  const other = new Owner(second, { ...PC, handles: [usb(6)] });
  const words = (handle: bigint, number: number) => `${handle.toString(16)} ${number} 1`;
  sections.runElsewhere(`nested ${words(usb(5), NUMBER)} ${words(usb(6), REMOTE_CHOSEN)}`);
  // One whose handle nobody owns takes nothing from the section below it.
  sections.runElsewhere(`nested ${words(usb(5), NUMBER)} ${words(usb(7), REMOTE_CHOSEN)}`);
  other.letGo();
  first.letGo();
  assertEquals(traceOf(second), inner, "trace of the softirq");
  const body = sections.pcsOf(t, "worker", NUMBER)
    .filter((pc) => sections.functionOf(pc) === BODY.worker);
  const found = traceOf(device);
  assert(
    found.every((pc) => sections.functionOf(pc) !== BODY.softirq),
    "the softirq's code is in the worker's trace",
  );
  assertEquals(
    found.filter((pc) => sections.functionOf(pc) === BODY.worker),
    [...body, ...body, ...body, ...body],
    "entries of the worker's body, before and after each softirq",
  );
});

// What kernels do differently: the answers are promises.

kcovSections.test("a_softirq_over_the_owner", (t, { device, sections }) => {
  const expected = sections.pcsOf(t, "softirq", NUMBER);
  device.enableRemote({ ...PC, handles: [usb(0x50f7)] });
  // Over this process, which owns the handle.
  sections.run(sectionLine("softirq", usb(0x50f7), NUMBER));
  assertEquals(traceOf(device), expected, "trace of the softirq over its owner");
  const disabled = device.ioctl(KCOV_DISABLE, 0);
  t.answer("section.softirq-over-owner", disabled === 0 ? "works" : "refused");
});

kcovSections.test(
  "an_inherited_handle_after_the_heirs_own_collection",
  (t, { device, sections }) => {
    const expected = sections.pcsOf(t, "worker", NUMBER);
    const line = `common ${NUMBER} 1`;
    device.enableRemote({ ...PC, commonHandle: common(0x4e1), handles: [] });
    spawn(() => {
      const own = openMapped(t, PAGE_WORDS);
      own.enable(KCOV_TRACE_PC);
      own.disable();
      sections.run(line);
      return true;
    }).join();
    device.disable();
    const arrived = traceOf(device);
    if (arrived.length > 0) assertEquals(arrived, expected, "trace of the heir's section");
    t.answer("section.inherited-handle", arrived.length > 0 ? "kept" : "lost");
  },
);

kcovSections.test("reset_by_the_owner_forgets_what_arrived", (t, { device, sections }) => {
  const expected = sections.pcsOf(t, "worker", NUMBER);
  device.enableRemote({ ...PC, handles: [usb(5)] });
  sections.runElsewhere(sectionLine("worker", usb(5), REMOTE_CHOSEN));
  assertGreater(Number(device.buffer[0]!), 0, "entries before");
  const reset = device.ioctl(KCOV_RESET_TRACE, 0);
  skipIfNoReset(t, reset);
  assertErrno(reset, 0, "KCOV_RESET_TRACE");
  assertEquals(device.buffer[0], 0n, "count after KCOV_RESET_TRACE");
  sections.runElsewhere(sectionLine("worker", usb(5), NUMBER));
  device.disable();
  assertEquals(traceOf(device), expected, "trace afterwards");
}, { requires: ["reset-ioctl"] });

interface OwnVariant {
  readonly own: CollectMode;
  readonly requires?: readonly Feature[];
}

const BITMAP_WORDS = 4 * 1024;

/** Softirqs with a section, over a task that collects from itself. */
export const kcovSectionOver = fixture("kcov_section_over", {
  file: FILE,
  requires: ["kcov", "modules"],
  variants: {
    pc: { own: "pc" },
    cmp: { own: "cmp", requires: ["cmp"] },
    unique: { own: "unique", requires: ["unique"] },
  },
  setup(t, { own }: OwnVariant) {
    const device = openMapped(t, 4 * BUFFER_WORDS);
    enableModeOrSkip(t, device, own, BITMAP_WORDS);
    device.disable();
    return { device, sections: loadSections(t) };
  },
});

/** A call, one in which a softirq comes with its section, and the first again, in one trace of the task. */
function assertStateGivenBack(
  t: TestContext,
  { device, sections }: { readonly device: Kcov; readonly sections: Sections },
  own: OwnVariant["own"],
  expected: readonly bigint[],
): void {
  const remote = openMapped(t, BUFFER_WORDS);
  const owner = new Owner(remote, { ...PC, handles: [usb(5)] });
  enableModeOrSkip(t, device, own, BITMAP_WORDS);
  const alone = device.recording((batch) => readNothing(batch)).run();
  assertGreater(alone, 0, "entries of one call");

  const batch = new Batch();
  device.resetIn(batch);
  readNothing(batch);
  const first = device.countIn(batch);
  const written = sections.lineIn(batch, sectionLine("softirq", usb(5), NUMBER));
  const second = device.countIn(batch);
  readNothing(batch);
  const third = device.countIn(batch);
  const disabled = batch.syscall(SYS.ioctl, [device.fd, KCOV_DISABLE, 0]);
  batch.run();
  assertGreater(Number(batch.result(written)), 0, "bytes written");
  assertEquals(batch.result(disabled), 0n, "KCOV_DISABLE after a softirq's section");
  owner.letGo();
  assertEquals(traceOf(remote), expected, "trace of the softirq");

  const [one, two, three] = [first, second, third].map((step) => Number(batch.result(step)));
  const pcs = entryPcs(device, own, three!);
  const names = pcs.map((pc) => sections.functionOf(pc));
  assert(!names.includes(BODY.softirq), "the softirq's code is in the task's trace");
  assert(names.includes("remote_write"), "the call that raised the softirq is not in the trace");
  // What it ran through before is there once more, or (unique mode) known.
  const before = pcs.slice(0, one);
  const after = pcs.slice(two);
  if (own === "unique") {
    assertEquals(after.filter((pc) => before.includes(pc)), [], "PCs that are there twice");
    const count = Number(device.buffer[BITMAP_WORDS]!);
    assertEquals(device.setBits().length, count, "bits set, compared with entries");
  } else {
    assertSameMembers(after.slice(0, before.length), before, "entries of the same call again");
  }
  assertGreater(two!, one!, "entries of the call with the softirq");
}

kcovSectionOver.test("gives_the_task_its_own_state_back", (t, { device, sections }, { own }) => {
  const expected = sections.pcsOf(t, "softirq", NUMBER);
  undisturbed(t, () => assertStateGivenBack(t, { device, sections }, own, expected));
});

/** Sections on all CPUs at once. */
export const kcovSectionsSmp = fixture("kcov_sections_smp", {
  file: FILE,
  requires: ["kcov", "modules", "smp"],
  variants: {
    worker: { where: "worker" },
    thread: { where: "thread" },
    softirq: { where: "softirq" },
  },
  setup(t, _variant: { readonly where: SectionContext }) {
    const cpus = onlineCpus().slice(0, 4);
    if (cpus.length < 2) t.skip("one CPU is online");
    return { cpus, sections: loadSections(t) };
  },
});

kcovSectionsSmp.test("each_owner_gets_its_own_50_times", (t, { cpus, sections }, { where }) => {
  const ROUNDS = 50;
  const numbers = cpus.map((_, index) => NUMBER + index);
  const expected = numbers.map((number) => sections.pcsOf(t, where, number));
  const meeting = sharedMemory(8);
  const processes = cpus.map((cpu, index) => {
    const device = openMapped(t, 64 * 1024);
    const owner = new Owner(device, { ...PC, handles: [usb(100 + index)] });
    const process = spawn(() => {
      pinToCpu(cpu);
      const batch = new Batch();
      batch.keep(meeting);
      batch.barrier(guest().address(meeting), cpus.length);
      const line = sectionLine(where, usb(100 + index), numbers[index]!);
      for (let round = 0; round < ROUNDS; round++) sections.lineIn(batch, line);
      batch.run();
      return true;
    });
    return { device, owner, process };
  });
  for (const { process } of processes) process.join();
  for (const [index, { device, owner }] of processes.entries()) {
    owner.letGo();
    const all = Array.from({ length: ROUNDS }, () => expected[index]!).flat();
    assertEquals(traceOf(device), all, `trace of the owner beside CPU ${cpus[index]}`);
  }
});
