// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { kernelLog } from "./kernel_log.ts";

const texts = (console: string) => kernelLog(console).map(({ text }) => text);
const kernels = (console: string) =>
  kernelLog(console).filter(({ kernel }) => kernel).map(({ text }) => text);

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
    kernelLog("[    1.000000][    T7] a\n[    1.000000][    C1] b\n[    1.000000] c").map((line) =>
      line.caller
    ),
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
