// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { archOf } from "../arch/table.ts";
import type { Machine } from "../model/model.ts";
import { demandsOf, loadedMiB, machineFor, machineNotice } from "./demands.ts";

const options = (count: number, ...more: string[]) =>
  new Map([
    ...Array.from({ length: count }, (_, n): [string, string] => [`CONFIG_N${n}`, "y"]),
    ...more.map((name): [string, string] => [`CONFIG_${name}`, "y"]),
  ]);
const demands = (...args: Parameters<typeof options>) => demandsOf(options(...args), archOf({}));
const UNI: Machine = { id: "uni", cpus: 1, memoryMiB: 256, type: "microvm", cmdline: "" };

Deno.test("demandsOf() is slower with more options and with each detector", () => {
  assert.equal(demands(500).slowness, 1);
  assert.equal(demands(1800).slowness, 3);
  assert.equal(demands(100, "PROVE_LOCKING").slowness, 2);
  assert.equal(demands(1198, "PROVE_LOCKING", "KCSAN").slowness, 12);
});

Deno.test("machineFor() takes a machine with ACPI and PCI where both are on, unless one is said", () => {
  const full = demands(10, "ACPI", "PCI");
  assert.equal(machineFor(UNI, full, 0).type, "pc");
  assert.equal(machineFor({ ...UNI, fixed: ["type"] }, full, 0).type, "microvm");
  for (const one of ["ACPI", "PCI"]) {
    assert.equal(machineFor(UNI, demands(10, one), 0).type, "microvm");
  }
});

Deno.test("machineFor() gives a kernel room for its image, twice with a shadow, and never less", () => {
  const plain = demands(10);
  assert.equal(machineFor(UNI, plain, 20).memoryMiB, 256);
  assert.equal(machineFor(UNI, plain, 100).memoryMiB, 512);
  assert.equal(machineFor(UNI, demands(10, "KASAN"), 100).memoryMiB, 960);
  assert.equal(machineFor({ ...UNI, memoryMiB: 2048 }, plain, 100).memoryMiB, 2048);
  assert.equal(machineFor({ ...UNI, fixed: ["memory"] }, plain, 100).memoryMiB, 256);
});

Deno.test("machineNotice() names what is different, and nothing else", () => {
  assert.equal(machineNotice(UNI, UNI), null);
  const taken = { ...UNI, type: "pc", memoryMiB: 512 };
  assert.equal(
    machineNotice(UNI, taken),
    "its configuration needs machine pc in place of microvm, and 512 MiB in place of 256",
  );
});

Deno.test("loadedMiB() reads the ends of the image", () => {
  const map = "0000000000000000 D __per_cpu\nffffffff81000000 T _text\nffffffff86400000 B _end\n";
  assert.equal(loadedMiB(map), 84);
  assert.equal(loadedMiB("ffffffff81000000 T _text\n"), 0);
  assert.equal(loadedMiB(""), 0);
});
