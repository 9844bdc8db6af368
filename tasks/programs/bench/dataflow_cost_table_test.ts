// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  type DataflowCost,
  type DataflowCosts,
  dataflowTable,
  growth,
  LATENCY_SOURCE,
  parseLatency,
  withSection,
} from "./dataflow_cost_table.ts";

const OFF: DataflowCost = {
  textBytes: 4096 * 1024,
  dataBytes: 1024 * 1024,
  buildCpuSeconds: 200,
  bootMs: [90, 100, 500],
  callNs: [1000],
  collectingNs: [],
};
const COSTS: DataflowCosts = {
  off: OFF,
  values: { ...OFF, textBytes: 5120 * 1024, bootMs: [171], callNs: [2330], collectingNs: [9000] },
  fields: { ...OFF, dataBytes: 900 * 1024, callNs: [2400], collectingNs: [30_000, 32_000, 40_000] },
};

Deno.test("dataflowTable() has medians, growth over the kernel without, and what was published", () => {
  assert.deepEqual(dataflowTable(COSTS).split("\n"), [
    "| what                       | off   | values          | fields            | published |",
    "| -------------------------- | ----- | --------------- | ----------------- | --------- |",
    "| text, KiB                  | 4096  | 5120 (+25.0 %)  | 4096 (+0.0 %)     | +9.5 %    |",
    "| data, KiB                  | 1024  | 1024 (+0.0 %)   | 900 (−12.1 %)     |           |",
    "| build, CPU s               | 200.0 | 200.0 (+0.0 %)  | 200.0 (+0.0 %)    |           |",
    "| boot, kernel to init, ms   | 100   | 171 (+71.0 %)   | 100 (+0.0 %)      | +71 %     |",
    "| lseek, nobody collects, ns | 1000  | 2330 (+133.0 %) | 2400 (+140.0 %)   | +133 %    |",
    "| lseek, collecting, ns      | -     | 9000 (+800.0 %) | 32000 (+3100.0 %) |           |",
  ]);
  assert.equal(growth(null, 1), "");
  assert.equal(growth(1, 0), "");
});

Deno.test("parseLatency() reads what the guest's program prints, and no other", () => {
  assert.deepEqual(parseLatency('…\n"kmatrix-latency idle=812 collecting=30110"\n'), {
    ...{ idle: 812, collecting: 30_110 },
  });
  assert.deepEqual(parseLatency("kmatrix-latency idle=-3\n"), { idle: -3, collecting: null });
  assert.throws(() => parseLatency("Error: ENOENT"), /no latency/);
  const empty = "kmatrix-latency idle=1 collecting=2 nothing-collected";
  assert.throws(() => parseLatency(empty), /collected nothing/);
});

Deno.test("the guest's program times a call without and with the device", () => {
  const calls: [number, ...unknown[]][] = [];
  let now = 0;
  const counter = new BigUint64Array(1 << 4);
  /** A kernel in which a call takes 1 µs, and 5 while records are taken; the engine needs half one. */
  const run = (hasDevice: boolean) => {
    let isOn = false;
    const sys = {
      nowMs: () => now,
      address: () => now += 0.0005,
      map: () => counter.buffer,
      call: (number: number, ...args: unknown[]) => {
        calls.push([number, ...args]);
        if (number === 16 && args[1] === 0x6464) isOn = true;
        if (number === 16 && args[1] === 0x6465) isOn = false;
        return 3;
      },
      tryCall: (number: number, ...args: unknown[]) => {
        if (number === 257) return hasDevice && `${args[1]}`.endsWith("kcov_dataflow") ? 4 : -2;
        now += 0.0005 + (isOn ? 0.005 : 0.001);
        if (isOn) counter[0]! += 4n;
        return 0;
      },
    };
    const SYS = { openat: 257, lseek: 8, ioctl: 16 };
    return new Function("sys", "SYS", `return ${LATENCY_SOURCE}`)(sys, SYS) as string;
  };
  assert.deepEqual(parseLatency(run(false)), { idle: 1000, collecting: null });
  assert.deepEqual(parseLatency(run(true)), { idle: 1000, collecting: 5000 });
  assert.deepEqual(calls.map(([number, , request]) => [number, request]).slice(-3), [
    [16, 0x80086401],
    [16, 0x6464],
    [16, 0x6465],
  ]);
});

Deno.test("withSection() writes one section anew and leaves the others", () => {
  const page = "# Page\n\nText.\n\n## One\n\n1\n\n## Two\n\n2\n";
  assert.equal(withSection(page, "Two", "3\n"), "# Page\n\nText.\n\n## One\n\n1\n\n## Two\n\n3\n");
  const added = withSection(page, "Dataflow", "table");
  assert.equal(added, `${page}\n## Dataflow\n\ntable\n`);
  assert.equal(withSection(added, "Dataflow", "table"), added);
});
