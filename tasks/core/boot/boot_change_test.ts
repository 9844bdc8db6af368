// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { UNI } from "../../testing/samples.ts";
import { changedMachine, changeFlags } from "./boot_change.ts";

Deno.test("changedMachine() is the cell's own machine when nothing is asked", () => {
  assert.deepEqual(changedMachine(UNI, { qemuArg: [] }), UNI);
});

Deno.test("changedMachine() replaces sizes, and appends to the command line and to QEMU's", () => {
  const machine = { ...UNI, cmdline: "nosmt" };
  const change = { cmdline: "quiet", smp: 2, memory: 128, qemuArg: ["-d", "int"] };
  assert.deepEqual(changedMachine(machine, change), {
    ...UNI,
    cpus: 2,
    memoryMiB: 128,
    fixed: ["memory"],
    cmdline: "nosmt quiet",
    qemuArgs: ["-d", "int"],
  });
});

Deno.test("changeFlags() keeps values that begin with a dash with their option", () => {
  assert.deepEqual(changeFlags({ smp: 4, qemuArg: ["-d", "int"] }), [
    ...["--smp", "4", "--qemu-arg=-d", "--qemu-arg=int"],
  ]);
  assert.deepEqual(changeFlags({ qemuArg: [] }), []);
});
