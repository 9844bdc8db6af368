// SPDX-License-Identifier: MIT

/** Several processes on several CPUs at the same moment, and userspace that writes to a ring in use. */

import { dataflowFaultText, decodeDataflow, walkDataflow } from "../../contract/dataflow.ts";
import { assert, assertEquals, fail } from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { spawn } from "../../harness/child.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  ERRNO,
  guest,
  MAP_SHARED,
  onlineCpus,
  pinToCpu,
  PROT_READ,
  sharedMemory,
  SYS,
} from "../../harness/guest.ts";
import {
  collectsDataflow,
  Dataflow,
  DATAFLOW_DISABLE,
  DATAFLOW_ENABLE,
  DATAFLOW_INIT_TRACK,
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  openMappedDataflow,
  seekNothing,
} from "../dataflow.ts";
import { commandLine, Expected, loadDataflowModule, word } from "../dataflow_module.ts";

const RING_WORDS = 128 * 1024;
const MOST_CPUS = 8;
const { EBUSY, EINVAL } = ERRNO;

export const dataflowSmp = fixture("dataflow_smp", {
  file: "selftests/kcov/tests/dataflow_smp.ts",
  requires: [...DATAFLOW_REQUIRES, "modules", "smp"],
  variants: DATAFLOW_MODES,
  setup(t, _mode: DataflowMode) {
    const cpus = onlineCpus();
    if (cpus.length < 2) t.fail("one CPU is online");
    return { cpus: cpus.slice(0, MOST_CPUS), module: loadDataflowModule(t) };
  },
});

dataflowSmp.test("records_do_not_mix", (t, { cpus, module }, mode) => {
  // Each process has numbers of its own; one that lands in the wrong ring is seen, one that is torn too.
  const STEPS = 1500;
  const meeting = sharedMemory(8);
  const processes = cpus.map((cpu, place) =>
    spawn(() => {
      const device = openMappedDataflow(t, RING_WORDS).enable();
      pinToCpu(cpu);
      const own = module.reopened();
      const first = (place + 1) << 20;
      const ring = device.window((batch) => {
        batch.keep(meeting);
        batch.barrier(guest().address(meeting), cpus.length);
        own.lineIn(batch, commandLine("loop", STEPS, first));
      });
      const texts = own.textsOf(own.recordsIn(ring));
      const step = new Expected("df_step", mode);
      for (let at = 0; at < STEPS; at++) {
        const number = first + at;
        const [entry, back] = [texts[2 * at], texts[2 * at + 1]];
        if (entry !== step.entry(0, 4, number) || back !== step.returns(4, 3 * number + 1)) {
          return `step ${at} on CPU ${cpu}: ${entry}; ${back}`;
        }
      }
      return texts.length === 2 * STEPS ? "" : `${texts.length} records of ${STEPS} steps`;
    })
  );
  const wrong = processes.map((process) => process.join()).filter((text) => text !== "");
  assertEquals(wrong, [], "what was wrong in the rings of the processes");
});

dataflowSmp.test("one_descriptor_is_enabled_by_one_task", (t, { cpus }) => {
  const ROUNDS = 50;
  const device = openMappedDataflow(t, RING_WORDS);
  const memory = sharedMemory(8 * 2 * ROUNDS);
  const at = (index: number) => guest().address(memory) + 8 * index;
  const processes = cpus.map((cpu) =>
    spawn(() => {
      pinToCpu(cpu);
      const results: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const batch = new Batch();
        batch.keep(memory);
        batch.barrier(at(2 * round), cpus.length);
        const enabled = batch.syscall(SYS.ioctl, [device.fd, DATAFLOW_ENABLE, 0]);
        batch.barrier(at(2 * round + 1), cpus.length);
        batch.run();
        results.push(Number(batch.result(enabled)));
        if (batch.result(enabled) === 0n) device.disable();
      }
      return results;
    })
  );
  const all = processes.map((process) => process.join());
  const wins = all.map((results) => results.filter((result) => result === 0).length);
  t.log(`wins: ${wins.join(" ")}`);
  assertEquals(wins.reduce((sum, won) => sum + won, 0), ROUNDS, "ENABLE that succeeded");
  const others = new Set(all.flat().filter((result) => result !== 0));
  assertEquals(others, new Set([-EBUSY]), "results of the others");
});

dataflowSmp.test("one_descriptor_is_initialised_once", (t, { cpus }) => {
  const ROUNDS = 20;
  const devices = Array.from({ length: ROUNDS }, () => Dataflow.open());
  const memory = sharedMemory(8 * ROUNDS);
  const processes = cpus.map((cpu) =>
    spawn(() => {
      pinToCpu(cpu);
      return devices.map(({ fd }, round) => {
        const batch = new Batch();
        batch.keep(memory);
        batch.barrier(guest().address(memory) + 8 * round, cpus.length);
        const done = batch.syscall(SYS.ioctl, [fd, DATAFLOW_INIT_TRACK, 4096]);
        batch.run();
        return Number(batch.result(done));
      });
    })
  );
  const all = processes.map((process) => process.join());
  devices.forEach((device, round) => {
    const results = all.map((each) => each[round]!).sort((a, b) => b - a);
    const expected = [0, ...cpus.slice(1).map(() => -EBUSY)];
    assertEquals(results, expected, `results of INIT_TRACK at once, round ${round}`);
    device.close();
  });
  t.log(`${ROUNDS} rounds on ${cpus.length} CPUs`);
});

/** Runs until the flag is set. */
function untilSet(flags: BigUint64Array, body: () => void): void {
  while (flags[0] === 0n) body();
}

dataflowSmp.test("userspace_may_write_anything_to_a_ring_in_use", (t, { cpus, module }, mode) => {
  const WORDS = 2048;
  const ROUNDS = 60;
  const device = openMappedDataflow(t, WORDS);
  const flags = new BigUint64Array(sharedMemory(8));
  const address = device.addressOf(0);
  const counts = [
    ...[0n, 1n, BigInt(WORDS - 2), BigInt(WORDS - 1), BigInt(WORDS), 0xffffffffn, 1n << 32n],
    ...[1n << 63n, word(-1), word(-4), word(-9)],
  ];
  const scribbler = spawn(() => {
    pinToCpu(cpus[1]!);
    const batch = new Batch();
    for (const count of counts) {
      batch.store(address, count);
      // Headers of records that are none.
      for (const at of [1, 5, 1000]) batch.store(address + 8 * at, word(-1) ^ count);
    }
    let rounds = 0;
    untilSet(flags, () => {
      batch.run();
      rounds++;
    });
    return rounds;
  });
  pinToCpu(cpus[0]!);
  device.enable();
  let faults = 0;
  for (let round = 0; round < ROUNDS; round++) {
    module.run("loop", 50, round);
    module.run("widths_at", 0);
    // It is read while it changes: nothing is thrown, whatever stands there.
    const { fault } = decodeDataflow(device.ring);
    if (fault !== null && dataflowFaultText(fault) !== "") faults++;
    walkDataflow(device.ring);
  }
  flags[0] = 1n;
  const rounds = scribbler.join();
  t.log(`${rounds} rounds of scribbles, ${faults} of ${ROUNDS} rings with a fault`);
  assert(rounds > 0, "the other process wrote nothing");
  const step = new Expected("df_step", mode);
  const { texts } = module.call(device, "loop", 1, 3);
  assertEquals(texts, [step.entry(0, 4, 3), step.returns(4, 10)], "records once it is left alone");
});

dataflowSmp.test("descriptors_come_and_go_on_all_cpus", (t, { cpus, module }) => {
  const ROUNDS = 120;
  const shared = openMappedDataflow(t, 4096);
  const allowed = new Set([0, -EBUSY, -EINVAL]);
  const processes = cpus.map((cpu, place) =>
    spawn(() => {
      pinToCpu(cpu);
      // Numbers that are the same in each run: x -> 5x + c modulo 2^16.
      let random = place + 1;
      const choose = (count: number) => {
        random = random * 5 + 12345 & 0xffff;
        // The lowest bits repeat soon.
        return (random >> 6) % count;
      };
      const runner = module.reopened();
      let own: Dataflow | null = null;
      const odd: string[] = [];
      const tell = (what: string, result: number) => {
        if (!allowed.has(result)) odd.push(`${what}: ${result}`);
      };
      for (let round = 0; round < ROUNDS; round++) {
        const device = own !== null && choose(2) === 0 ? own : shared;
        switch (choose(6)) {
          case 0:
            tell("ENABLE", device.ioctl(DATAFLOW_ENABLE));
            break;
          case 1:
            tell("DISABLE", device.ioctl(DATAFLOW_DISABLE));
            break;
          case 2:
            // Closed as it is, or its task can never disable it.
            if (choose(4) > 0) own?.ioctl(DATAFLOW_DISABLE);
            own?.close();
            own = Dataflow.open().init(4096);
            break;
          case 3: {
            const memory = guest().map(4096 * 8, PROT_READ, MAP_SHARED, device.fd, 0);
            guest().unmap(memory);
            break;
          }
          case 4:
            // A child with the descriptors, which may enable what nobody has, and exits at once.
            spawn(() => {
              const result = device.ioctl(DATAFLOW_ENABLE);
              runner.run("loop", 5, round);
              return result;
            }).join();
            break;
          default:
            runner.run("loop", 20, round);
        }
      }
      return odd;
    })
  );
  const odd = processes.flatMap((process) => process.join(60_000));
  assertEquals(odd, [], "results of calls that are none of success, EBUSY and EINVAL");
  // Everybody has exited, whoever had enabled it.
  shared.enable();
  assert(collectsDataflow(shared), "nothing is recorded once all others have exited");
  shared.disable();
}, { timeoutMs: 90_000 });

dataflowSmp.test("the_same_call_has_the_same_pcs_on_every_cpu", (t, { cpus }) => {
  const traces = cpus.map((cpu) =>
    spawn(() => {
      pinToCpu(cpu);
      const device = openMappedDataflow(t, RING_WORDS).enable();
      const records = device.records((batch) => seekNothing(batch));
      return records.map(({ pc, type, index }) => `${pc} ${type} ${index}`);
    })
  ).map((process) => process.join());
  if (traces[0]!.length === 0) fail("no records of lseek");
  for (const trace of traces) assertEquals(trace, traces[0]!, "records of lseek");
});
