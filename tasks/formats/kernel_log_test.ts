// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { kernelLog } from "./kernel_log.ts";
import type { Text } from "./lines.ts";

const texts = (console: Text) => [...kernelLog(console)].map(({ text }) => text);
const kernels = (console: Text) =>
  [...kernelLog(console)].filter(({ kernel }) => kernel).map(({ text }) => text);

Deno.test("kernelLog() takes off stamps, callers, levels, CR and terminal codes", () => {
  const lines = [
    "[    1.234567] text",
    "[    1.234567][    T1] text",
    "[12345.234567][   C0] text",
    "<4>[    1.234567] text",
    "\x1bc\x1b[?7l\x1b[2J[    1.234567] \x1b[1;31mtext\x1b[0m\r",
  ];
  for (const line of lines) assert.deepEqual(texts(line), ["text"], JSON.stringify(line));
});

Deno.test("kernelLog() names the caller where the kernel does", () => {
  assert.deepEqual(
    [...kernelLog("[    1.000000][    T7] a\n[    1.000000][    C1] b\n[    1.000000] c")]
      .map((line) => line.caller),
    ["T7", "C1", ""],
  );
});

Deno.test("kernelLog() tells what a process has written from what the kernel has", () => {
  const console = [
    "SeaBIOS (version 1.16)",
    "[    1.000000] kernel",
    "BUG: a process",
    "left open[    1.100000] kernel again",
    "",
  ].join("\n");
  assert.deepEqual(kernels(console), ["kernel", "kernel again"]);
  assert.ok(texts(console).includes("BUG: a process"));
});

Deno.test("kernelLog() takes every line for the kernel's where none has a stamp", () => {
  assert.deepEqual(kernels("Linux version\nBUG: x"), ["Linux version", "BUG: x"]);
});

Deno.test("kernelLog() knows what is printed too early for a stamp", () => {
  const early = "PANIC: early exception 0x0e IP 10:ffffffff81000000 error 0 cr2 0x0";
  assert.deepEqual(kernels(`[    0.000000] Linux\n${early}`), ["Linux", early]);
});

Deno.test("kernelLog() reads the bytes of a console as it reads its text, wherever they are torn", () => {
  const word = fc.constantFrom(
    ...["x", "BUG: y", "\n", "\r\n", "[    1.000000][   T1] z", "\x1b[2J", "€", "\n\n", "\xff"],
    ...["long ".repeat(4000), "short lines\n".repeat(1500), "\ufeff"],
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.nat(200_000), (words, cut) => {
      const text = words.join("").replace(/^\ufeff/, "");
      const bytes = new TextEncoder().encode(text);
      const torn = bytes.subarray(0, cut % (bytes.length + 1));
      assert.deepEqual(
        [...kernelLog(torn)],
        [...kernelLog(new TextDecoder("utf-8", { ignoreBOM: true }).decode(torn))],
      );
    }),
    { numRuns: 200 },
  );
});
