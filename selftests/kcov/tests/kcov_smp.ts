// SPDX-License-Identifier: MIT

/** Several processes on several CPUs at the same moment. */

import { assert, assertEquals, assertGreater } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import { guest, onlineCpus, pinToCpu, sharedMemory, SYS } from "../../harness/guest.ts";
import {
  enableUniqueOrSkip,
  Kcov,
  KCOV_DISABLE,
  KCOV_ENABLE,
  KCOV_TRACE_PC,
  KCOV_UNIQUE_ENABLE,
  openKcov,
  openMapped,
  readNothing,
} from "../kcov.ts";
import { kernelSymbols } from "../symbols.ts";
import { bitsByPc } from "../unique_bits.ts";

const BUFFER_WORDS = 16 * 1024;
const BITMAP_WORDS = 4 * 1024;
const MOST_CPUS = 8;

export const kcovSmp = fixture("kcov_smp", {
  file: "selftests/kcov/tests/kcov_smp.ts",
  requires: ["kcov", "smp"],
  variants: { base: {} },
  setup(t) {
    const cpus = onlineCpus();
    openKcov(t);
    if (cpus.length < 2) t.skip("one CPU is online");
    return { cpus: cpus.slice(0, MOST_CPUS), symbols: kernelSymbols() };
  },
});

kcovSmp.test("traces_do_not_mix", (t, { cpus, symbols }) => {
  // Each process makes a call of its own; an entry that lands in the wrong buffer has a wrong name.
  const calls = [
    ["read", SYS.read],
    ["getppid", SYS.getppid],
    ["umask", SYS.umask],
    ["getsid", SYS.getsid],
    ["lseek", SYS.lseek],
    ["personality", SYS.personality],
    ["getpgid", SYS.getpgid],
    ["close", SYS.close],
  ] as const;
  const meeting = sharedMemory(8);
  const REPEAT = 300;
  const processes = cpus.map((cpu, i) => ({
    name: calls[i]![0],
    process: spawn(() => {
      const device = openMapped(t, BUFFER_WORDS).enable(KCOV_TRACE_PC);
      pinToCpu(cpu);
      const call = (batch: Batch, repeat: number) => void batch.syscall(calls[i]![1], [-1], repeat);
      const once = device.recording((batch) => call(batch, 1)).steadyPcs();
      const batch = new Batch();
      batch.keep(meeting);
      batch.barrier(guest().address(meeting), cpus.length);
      // Whoever waits long on a busy machine is switched out and in again, and that is traced.
      device.resetIn(batch);
      call(batch, REPEAT);
      const count = device.countIn(batch);
      batch.run();
      const pcs = device.pcs(Number(batch.result(count)));
      const known = new Set(once);
      return {
        expected: once.length * REPEAT,
        entries: pcs.filter((pc) => known.has(pc)).length,
        names: symbols.namesOf(pcs),
      };
    }),
  }));
  for (const { name, process } of processes) {
    const { expected, entries, names } = process.join();
    assertEquals(entries, expected, `${name}: entries of its own calls`);
    const foreign = names.filter((each) =>
      calls.some(([other]) => other !== name && each === `__x64_sys_${other}`)
    );
    assertEquals(foreign, [], `${name}: calls of other processes in its trace`);
  }
});

kcovSmp.test("one_descriptor_is_enabled_by_one_process", (t, { cpus }) => {
  const ROUNDS = 50;
  const device = openMapped(t, BUFFER_WORDS);
  const memory = sharedMemory(8 * 2 * ROUNDS);
  const word = (index: number) => guest().address(memory) + 8 * index;
  const processes = cpus.map((cpu) =>
    spawn(() => {
      pinToCpu(cpu);
      let won = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const batch = new Batch();
        batch.keep(memory);
        batch.barrier(word(2 * round), cpus.length);
        const enabled = batch.syscall(SYS.ioctl, [device.fd, KCOV_ENABLE, KCOV_TRACE_PC]);
        batch.barrier(word(2 * round + 1), cpus.length);
        batch.run();
        if (batch.result(enabled) === 0n) {
          won++;
          device.disable();
        }
      }
      return won;
    })
  );
  const wins = processes.map((process) => process.join());
  t.log(`wins: ${wins.join(" ")}`);
  assertEquals(wins.reduce((sum, won) => sum + won, 0), ROUNDS, `KCOV_ENABLE that succeeded`);
});

kcovSmp.test("fresh_code_gets_one_index_for_each_place", (t, { cpus }) => {
  const probe = openMapped(t, BUFFER_WORDS);
  enableUniqueOrSkip(t, probe, BITMAP_WORDS);
  probe.disable();

  // Calls that no other test makes in unique mode, so their places have no index yet.
  const fresh: readonly (readonly [number, readonly number[]])[] = [
    [SYS.getpriority, [0, 0]],
    [SYS.umask, [0o22]],
    [SYS.getpgid, [0]],
    [SYS.lseek, [-1, 0, 0]],
    [SYS.schedGetPriorityMax, [1]],
    [SYS.prctl, [0x5eed]],
    [SYS.personality, [0xffffffff]],
    [SYS.times, [0]],
    [SYS.getuid, []],
  ];
  const meeting = sharedMemory(8 * fresh.length);
  const calls = (batch: Batch) => fresh.forEach(([number, args]) => batch.syscall(number, args));
  const processes = cpus.map((cpu) =>
    spawn(() => {
      pinToCpu(cpu);
      const device = Kcov.open().init(BUFFER_WORDS);
      device.map();
      const race = new Batch();
      // Bitmap and count are empty: emptying them now would tear bits and entries apart where
      // something is collected in between.
      const enabled = race.syscall(SYS.ioctl, [device.fd, KCOV_UNIQUE_ENABLE, BITMAP_WORDS]);
      device.bitmapWords = BITMAP_WORDS;
      fresh.forEach(([number, args], i) => {
        race.barrier(guest().address(meeting) + 8 * i, cpus.length);
        // The second call is collected again where the first one set another bit than the guard's.
        race.syscall(number, args, 2);
      });
      const count = device.countIn(race);
      race.syscall(SYS.ioctl, [device.fd, KCOV_DISABLE, 0]);
      const total = device.countIn(race);
      race.run();
      assertEquals(race.result(enabled), 0n, "result of KCOV_UNIQUE_ENABLE");
      const raced = device.pcs(Number(race.result(count)));
      const bitsSet = device.setBits().length;
      const bits = bitsByPc(device, BITMAP_WORDS, calls);
      return {
        bits: [...bits].map(([pc, bit]) => [String(pc), bit] as const),
        // What the race traced, apart from what a context switch in between may have added.
        missing: [...bits.keys()].filter((pc) => !raced.includes(pc)).map(String),
        twice: raced.length - new Set(raced).size,
        bitsSet,
        total: Number(race.result(total)),
      };
    })
  );
  const results = processes.map((process) => process.join());
  const owners = new Map<number, string>();
  for (const { bits, missing, twice, bitsSet, total } of results) {
    assertGreater(bits.length, 10, "PCs with a bit");
    assertEquals(missing, [], "PCs that the race did not trace");
    assertEquals(twice, 0, "PCs that the race traced twice");
    assertEquals(bitsSet, total, "bits set by the race, compared with its entries");
    for (const [pc, bit] of bits) {
      const owner = owners.get(bit) ?? pc;
      assert(owner === pc, `bit ${bit} belongs to two PCs in different processes`);
      owners.set(bit, pc);
    }
  }
  const pcs = new Set(results.flatMap(({ bits }) => bits.map(([pc]) => pc)));
  assertEquals(owners.size, pcs.size, "bits of all processes, compared with PCs");
  t.log(`${pcs.size} PCs, the same bit in all of ${cpus.length} processes`);
}, { requires: ["unique"] });

kcovSmp.test("the_same_call_has_the_same_pcs_on_every_cpu", (t, { cpus }) => {
  const traces = cpus.map((cpu) =>
    spawn(() => {
      pinToCpu(cpu);
      const device = openMapped(t, BUFFER_WORDS).enable(KCOV_TRACE_PC);
      return device.recording((batch) => readNothing(batch)).steadyPcs().map(String);
    })
  ).map((process) => process.join());
  for (const trace of traces) assertEquals(trace, traces[0]!, "PCs of read(-1)");
});
