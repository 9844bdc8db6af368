// SPDX-License-Identifier: MIT

/** What the entries of mode PC are: addresses of the code that ran, and of no other. */

import { repeated } from "../apart.ts";
import { assert, assertEquals, assertGreater, fail, hex } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  close,
  guest,
  interruptsServed,
  O_RDONLY,
  open,
  presentWords,
  sharedMemory,
  SYS,
  uninterrupted,
} from "../../harness/guest.ts";
import { readCallTable } from "../calls.ts";
import { KCOV_TRACE_PC, openMapped, readNothing } from "../kcov.ts";
import { kernelSymbols } from "../symbols.ts";
import { undisturbed } from "../windows.ts";

const BUFFER_WORDS = 64 * 1024;

export const kcovPcs = fixture("kcov_pcs", {
  file: "selftests/kcov/tests/kcov_pcs.ts",
  requires: ["kcov"],
  variants: { base: {} },
  setup(t) {
    const symbols = kernelSymbols();
    return { device: openMapped(t, BUFFER_WORDS).enable(KCOV_TRACE_PC), symbols };
  },
  teardown: ({ device }) => device.disable(),
});

kcovPcs.test("every_pc_is_where_a_call_returns_to", (t, { device, symbols }) => {
  // Long and varied: formats a file of /proc and copies it out.
  const text = new Uint8Array(8192);
  const path = new Uint8Array([..."/proc/self/status\0"].map((c) => c.charCodeAt(0)));
  const recording = device.recording((batch) => {
    batch.syscall(SYS.openat, [-100, path, O_RDONLY, 0]);
    batch.syscall(SYS.read, [-1, text, text.length]);
    batch.syscall(SYS.getcwd, [text, text.length]);
    batch.syscall(SYS.uname, [text]);
  });
  const pcs = recording.pcs();
  assertGreater(pcs.length, 50, "entries of four system calls");
  const places = [...new Set(pcs)];
  const table = readCallTable("pc");
  t.log(`${places.length} places, ${table.size} calls in the image`);
  const strange = places.filter((pc) => !table.has(pc));
  assertEquals(
    strange.map((pc) => `${hex(pc)} in ${symbols.nameOf(pc)}`),
    [],
    "PCs that no call of the callback returns to",
  );
});

kcovPcs.test("names_are_those_of_the_call", (t, { device, symbols }) => {
  const calls = [
    ["read", SYS.read, [-1, 0, 0]],
    ["close", SYS.close, [-1]],
    ["lseek", SYS.lseek, [-1, 0, 0]],
    ["dup2", SYS.dup2, [-1, 5]],
    ["getppid", SYS.getppid, []],
    ["umask", SYS.umask, [0o22]],
    ["getpgid", SYS.getpgid, [0]],
    ["getsid", SYS.getsid, [0]],
    ["prctl", SYS.prctl, [0x5eed]],
  ] as const;
  for (const [name, number, args] of calls) {
    const pcs = device.recording((batch) => batch.syscall(number, args)).steadyPcs();
    const names = symbols.namesOf(pcs);
    t.log(`${name}: ${names.join(" ")}`);
    assertEquals(names[0], `__x64_sys_${name}`, `function of the first entry of ${name}`);
    const entries = names.filter((each) => each.startsWith("__x64_sys_"));
    assertEquals(entries, [`__x64_sys_${name}`], `system calls in the trace of ${name}`);
  }
});

kcovPcs.test("read_goes_through_the_lookup_of_its_descriptor", (t, { device, symbols }) => {
  const pcs = device.recording((batch) => readNothing(batch)).steadyPcs();
  t.attach("pcs", pcs.map(hex));
  const names = symbols.namesOf(pcs);
  t.attach("functions", names);
  assert(
    names.some((name) => /^(ksys_read|__do_sys_read|__se_sys_read)$/.test(name)) ||
      pcs.filter((pc) => symbols.nameOf(pc) === "__x64_sys_read").length > 1,
    `no body of read() in ${names.join(" ")}`,
  );
  assert(
    names.some((name) => /^_*f(d)?get/.test(name)),
    `no lookup of a descriptor in ${names.join(" ")}`,
  );
  // A descriptor that exists takes read() further.
  const zero = sharedMemory(1);
  const more = device.recording((batch) => {
    batch.syscall(SYS.read, [device.fd, zero, 1]);
  }).steadyPcs();
  const names2 = symbols.namesOf(more);
  assert(
    names2.includes("vfs_read"),
    `no vfs_read in the trace of a good descriptor: ${names2.join(" ")}`,
  );
  assert(!names.includes("vfs_read"), "vfs_read in the trace of a bad descriptor");
});

kcovPcs.test("count_is_the_number_of_entries", (t, { device }) => {
  const length = device.recording((batch) => readNothing(batch)).steadyPcs().length;
  const batch = new Batch();
  batch.fill(device.addressOf(0), 0n, BUFFER_WORDS);
  readNothing(batch);
  const count = device.countIn(batch);
  const words = [1, length, length + 1, BUFFER_WORDS - 1].map((word) =>
    batch.load(device.addressOf(word))
  );
  undisturbed(t, () => {
    batch.run();
    const [first, last, behind, end] = words.map((step) => batch.result(step));
    const what = "entries of one read(-1) in a buffer that was all zero";
    assertEquals(batch.result(count), BigInt(length), what);
    assert(first !== 0n && last !== 0n, `first and last entry are ${first} and ${last}`);
    assertEquals(behind, 0n, "word behind the last entry");
    assertEquals(end, 0n, "last word of the buffer");
  });
});

kcovPcs.test("calls_add_up", (_t, { device }) => {
  // Without a reset in between, every call appends the same entries in the same order.
  const once = device.recording((batch) => readNothing(batch)).steadyPcs();
  const three = device.recording((batch) => readNothing(batch, 3)).steadyPcs();
  assertEquals(three, [...once, ...once, ...once], "entries of three calls");
});

kcovPcs.test("same_call_same_pcs_thousands_of_times", (t, { device, symbols }) => {
  const single = device.recording((batch) => readNothing(batch));
  const calls = 4000;
  // The count of interrupts is read just around the window: those that the engine's own work takes
  // fall outside of it.
  const stat = open("/proc/stat", O_RDONLY);
  t.cleanup(() => close(stat));
  const stats = [new Uint8Array(16 * 1024), new Uint8Array(16 * 1024)] as const;
  const many = new Batch();
  many.syscall(SYS.pread64, [stat, stats[0], stats[0].length, 0]);
  device.resetIn(many);
  readNothing(many, calls);
  const count = device.countIn(many);
  many.syscall(SYS.pread64, [stat, stats[1], stats[1].length, 0]);
  const deviations: string[] = [];

  uninterrupted(() => {
    const once = single.steadyPcs();
    const wanted = repeated(once, BUFFER_WORDS - 1);
    // Only runs that interrupts fell into say something about interrupts, and under KVM a run is
    // shorter than a tick.
    const deadlineMs = guest().nowMs() + 15_000;
    let interrupts = 0;
    while (deviations.length < 12 && guest().nowMs() < deadlineMs) {
      many.run();
      const entries = Number(many.result(count));
      const trace = device.buffer.subarray(1, 1 + entries);
      const [served0, served1] = stats.map((text) => interruptsServed(guest().text(text)));
      const served = served1! - served0!;
      const oddByte = guest().difference(trace, wanted.subarray(0, entries));
      if (oddByte >= 0) {
        const odd = Math.floor(oddByte / trace.BYTES_PER_ELEMENT);
        const pcs = device.pcs(Math.min(odd + 40, entries), odd);
        deviations.push(symbols.namesOf(pcs).slice(0, 12).join(" "));
        continue;
      }
      assertEquals(
        entries,
        Math.min(calls * once.length, BUFFER_WORDS - 1),
        "entries of all calls",
      );
      interrupts += served;
      if (interrupts < 5) continue;
      t.log(
        `${entries} equal entries a run across ${interrupts} interrupts, ` +
          `${deviations.length} odd runs`,
      );
      return;
    }
    if (deviations.length === 0) {
      t.log(`equal entries in all runs, but only ${interrupts} interrupts: that says little`);
      return;
    }
    deviations.forEach((names) => t.log(`deviates at: ${names}`));
    fail(`no run of ${calls} calls gave only the ${once.length} PCs of one call`);
  });
});

kcovPcs.test("userspace_and_interrupts_leave_no_entries", (t, { device, symbols }) => {
  const words = presentWords(1 << 20);
  const address = guest().address(words);
  let passes = 16;

  uninterrupted(() => {
    let names: string[] = [];
    for (let attempt = 0; attempt < 16; attempt++) {
      const spin = device.recording((batch) => {
        for (let pass = 0; pass < passes; pass++) {
          batch.fill(address, BigInt(pass), words.length);
        }
      });
      const interruptsBefore = interruptsServed();
      const entries = spin.run();
      const interrupts = interruptsServed() - interruptsBefore;
      if (interrupts < 6) {
        // As many as would have seen enough; none at all says little, so not too many at once.
        passes = Math.ceil(passes * Math.min(8, 8 / Math.max(interrupts, 1)));
        continue;
      }
      if (entries === 0) {
        t.log(`no entries across ${interrupts} interrupts`);
        return;
      }
      names = symbols.namesOf(device.pcs(Math.min(entries, 100)));
    }
    fail(`entries of a thread that stayed in userspace: ${names.join(" ")}`);
  });
});
