// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { KmatrixError } from "../errors.ts";
import { errorOf } from "../testing/errors.ts";
import { relaSection, symbolSections, tinyElf, tinyModule } from "../testing/tiny_elf.ts";
import { Elf } from "./elf.ts";
import { inspectImage, inspectModule, inspectObject } from "./instrumentation.ts";

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
        inspectModule("x.ko", elf, ["kcov", "unique"]);
        inspectImage(elf, []);
        inspectObject(elf);
      } catch (error) {
        assert.ok(error instanceof KmatrixError, String((error as Error).stack));
      }
    }),
    { numRuns: 3000 },
  );
});
