// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { Batch } from "./batch.ts";
import { asciiJson, decodeWaitStatus } from "./child.ts";
import { errnoName, guest, parseCpuList } from "./guest.ts";

Deno.test("guest() refuses to work on the host", () => {
  assert.throws(() => guest(), /only inside the guest/);
});

Deno.test("parseCpuList() reads the kernel's list format", () => {
  assert.deepEqual(parseCpuList("0-3\n"), [0, 1, 2, 3]);
  assert.deepEqual(parseCpuList("0,2-3,7"), [0, 2, 3, 7]);
  assert.deepEqual(parseCpuList("\n"), []);
});

Deno.test("errnoName() knows the numbers the tests use", () => {
  assert.equal(errnoName(22), "EINVAL");
  assert.equal(errnoName(524), "ENOTSUPP");
  assert.equal(errnoName(71), "errno 71");
});

Deno.test("decodeWaitStatus() tells an exit from a signal", () => {
  assert.deepEqual(decodeWaitStatus(0x0300), { kind: "exited", code: 3 });
  assert.deepEqual(decodeWaitStatus(11), { kind: "signalled", signal: "SIGSEGV" });
  assert.deepEqual(decodeWaitStatus(0x80 | 6), { kind: "signalled", signal: "SIGABRT" });
  assert.deepEqual(decodeWaitStatus(42), { kind: "signalled", signal: "signal 42" });
});

Deno.test("asciiJson() writes no byte outside ASCII", () => {
  const json = asciiJson({ text: "ß€😀" });
  assert.match(json, /^[\x20-\x7e]+$/);
  assert.deepEqual(JSON.parse(json), { text: "ß€😀" });
});

Deno.test("Batch lays out operations as the runtime reads them", () => {
  const programs: bigint[][] = [];
  const batch = new Batch({
    address: () => 0x1000,
    run: (operations) => {
      const program = operations as BigInt64Array;
      programs.push([...program]);
      program[2] = -9n;
    },
    onSignal: (signal, operations) => {
      programs.push([BigInt(signal), ...operations as BigInt64Array]);
    },
  });
  const call = batch.syscall(0, [-1, null, new Uint8Array(1)], 3);
  const load = batch.load(0x2000);
  batch.fill(0x3000, 5n, 7);
  assert.throws(() => batch.result(call), RangeError);
  batch.run();
  assert.equal(batch.result(call), -9n);
  assert.equal(batch.result(load), 0n);
  assert.deepEqual(programs[0], [
    ...[0n, 3n, 0n, 0n, -1n, 0n, 0x1000n, 0n, 0n, 0n],
    ...[2n, 1n, 0n, 0x2000n, 0n, 0n, 0n, 0n, 0n, 0n],
    ...[1n, 7n, 0n, 0x3000n, 5n, 0n, 0n, 0n, 0n, 0n],
  ]);
  batch.runOnSignal(14);
  assert.deepEqual(programs[1], [14n, ...programs[0]!.with(2, -9n)]);
});
