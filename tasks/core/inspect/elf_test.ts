// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { ARCHITECTURES } from "../arch/table.ts";
import { KmatrixError } from "../model/errors.ts";
import { errorOf } from "../../testing/errors.ts";
import {
  relaSection,
  symbolSections,
  tinyElf,
  tinyKernel,
  tinyModule,
} from "../../testing/tiny_elf.ts";
import { Elf, whyNotRunnable } from "./elf.ts";
import { inspectImage, inspectModule } from "./instrumentation.ts";
import { inspectObject } from "./instrumented_objects.ts";

Deno.test("Elf reads sections, their content and symbols", () => {
  const elf = new Elf(
    tinyElf([
      ...symbolSections([{ name: "first", value: 1n }, {
        name: "high",
        value: 0xffffffff81000000n,
      }]),
      { name: ".text", type: 1, flags: 6, address: 0x1000n, content: Uint8Array.of(1, 2, 3) },
      { name: ".bss", type: 8, flags: 3, address: 0x2000n, size: 1 << 30 },
    ]),
    "vmlinux",
  );
  assert.deepEqual(elf.sections.map((section) => section.name), [
    ...["", ".symtab", ".strtab", ".text", ".bss", ".shstrtab"],
  ]);
  const text = elf.sections[3]!;
  assert.deepEqual([text.address, text.size, text.flags], [0x1000, 3, 6]);
  assert.deepEqual([...elf.content(text)], [1, 2, 3]);
  assert.equal(elf.content(elf.sections[4]!).length, 0);
  const values = [["", 0], ["first", 1], ["high", -0x7f000000]];
  assert.deepEqual(elf.symbolTable.map(({ name, value }) => [name, value]), values);
  assert.deepEqual(elf.symbols((name) => name === "high").map((one) => one.value), [-0x7f000000]);
});

Deno.test("Elf gives the relocations of a section by their place", () => {
  const elf = new Elf(
    tinyElf([
      ...symbolSections([{ name: "f", value: 0n }]),
      { name: ".text", type: 1, flags: 6, content: new Uint8Array(64) },
      relaSection(".text", 3, [
        { offset: 40, type: 4, symbol: 1, addend: -4 },
        { offset: 8, type: 11, symbol: 1, addend: 12 },
      ]),
    ]),
    "x.o",
  );
  assert.deepEqual(elf.relocations(3), [
    { offset: 8, type: 11, symbol: 1, addend: 12 },
    { offset: 40, type: 4, symbol: 1, addend: -4 },
  ]);
  assert.deepEqual(elf.relocations(2), []);
});

const MODULE = tinyModule({ calls: [0, 4, 8], callback: "__sanitizer_cov_trace_pc_guard" });

Deno.test("Elf refuses a file that is none, of another kind, or cut off", () => {
  const [bits32, bigEndian, outside] = [MODULE.slice(), MODULE.slice(), MODULE.slice()];
  bits32[4] = 1;
  bigEndian[5] = 2;
  // The top byte of the first section's size.
  outside[new DataView(outside.buffer).getUint32(0x28, true) + 64 + 39] = 0x7f;
  const cases: readonly [Uint8Array<ArrayBuffer>, RegExp][] = [
    [new Uint8Array(), /vmlinux is no 64-bit little-endian ELF file/],
    [new TextEncoder().encode("#!/bin/sh\n".repeat(20)), /is no 64-bit/],
    [bits32, /is no 64-bit/],
    [bigEndian, /is no 64-bit/],
    [MODULE.slice(0, -1), /vmlinux is cut off: its section table is missing/],
    [outside, /vmlinux is damaged: section "\.symtab" lies outside the file/],
  ];
  for (const [bytes, message] of cases) {
    const error = errorOf(() => new Elf(bytes, "vmlinux"));
    assert.equal(error.kind, "inspect");
    assert.match(error.message, message);
  }
});

Deno.test("Elf takes damage as a foreseen error or as other content, never as a crash", () => {
  fc.assert(
    fc.property(fc.nat(MODULE.length - 1), fc.nat(255), (at, byte) => {
      const damaged = MODULE.slice();
      damaged[at] = byte;
      try {
        const elf = new Elf(damaged, "x.ko");
        inspectModule("x.ko", elf, ["kcov", "unique"], 1);
        inspectImage(elf, []);
        inspectObject(elf, null);
      } catch (error) {
        assert.ok(error instanceof KmatrixError, String((error as Error).stack));
      }
    }),
    { numRuns: 3000 },
  );
});

/** The header of a program with segments of these types. */
function program(types: readonly number[], machine = 62): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(64 + 56 * types.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  view.setUint16(0x12, machine, true);
  view.setBigUint64(0x20, 64n, true);
  view.setUint16(0x36, 56, true);
  view.setUint16(0x38, types.length, true);
  types.forEach((type, index) => view.setUint32(64 + 56 * index, type, true));
  return bytes;
}

Deno.test("whyNotRunnable() lets static programs of the machine pass", () => {
  const why = (bytes: Uint8Array<ArrayBuffer>) =>
    whyNotRunnable({
      size: bytes.length,
      read: (at: number, count: number) => bytes.slice(at, at + count),
    }, ARCHITECTURES.x86_64);
  const [PT_LOAD, PT_INTERP] = [1, 3];
  assert.equal(why(program([PT_LOAD, PT_LOAD])), null);
  assert.match(why(program([PT_LOAD, PT_INTERP]))!, /dynamically.*-static/);
  assert.match(why(program([PT_LOAD], 183))!, /not for x86-64/);
  assert.match(why(program([PT_LOAD]).slice(0, 100))!, /cut off/);
  assert.match(why(new TextEncoder().encode("#!/bin/sh\n"))!, /no ELF file/);
});

Deno.test("the architecture of an ELF file is that of its header, and asked for by what reads code", () => {
  const bytes = tinyKernel({ calls: {} });
  assert.equal(new Elf(bytes, "vmlinux").arch, ARCHITECTURES.x86_64);
  const foreign = bytes.slice();
  new DataView(foreign.buffer).setUint16(0x12, 22, true); // EM_S390
  const elf = new Elf(foreign, "vmlinux");
  assert.equal(elf.sections.length, new Elf(bytes, "vmlinux").sections.length);
  for (const look of [() => inspectImage(elf, []), () => inspectModule("x.ko", elf, ["kcov"], 0)]) {
    assert.throws(
      look,
      (error) =>
        error instanceof KmatrixError && error.id === "no-elf" && /machine 22 /.test(error.message),
    );
  }
});
