// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { kernelLog } from "./kernel_log.ts";
import type { Text } from "../text/lines.ts";

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

Deno.test("kernelLog() takes off what dmesg, /dev/kmsg, syslog and journalctl write", () => {
  const lines = [
    ...["[    T1] text", "[  C0] text", "[    1.234567 <    0.000012>] text", "[  +0.000012] text"],
    ...["[Sat Nov 28 16:29:53 2026] text", "[Nov28 16:29] text", "<4>text", "<4>[ 1.234567] text"],
    ...["kern  :warn  : [    1.234567] text", "2026-11-28T16:29:53,123456+00:00 text"],
    ...["4,123,456789,-;text", "4,123,456789,-,caller=T12;text", "6.4.0,6,4,5,-,ncfrag=0/9;text"],
    ...["Nov 28 16:29:53 host kernel: [ 1.234567] text", "Nov  8 16:29:53 host kernel: text"],
    ...["2026-11-28T16:29:53.123456+00:00 host kernel: text", "kernel: [    1.234567] text"],
    ...["[    1.234567] host kernel: text", "1764347393.123456 host kernel: text"],
    ...["Sat 2026-11-28 16:29:53 UTC host kernel: text", "> [    1.234567] text"],
    ...["2026-11-28T16:29:53.1234567Z [    1.234567] text", "16:29:53.123 [    1.234567] text"],
    ...["[    1.234567] c1    812 text", "  1.234567] text"],
  ];
  for (const line of lines) {
    const read = [...kernelLog(`${line}\n[    9.000000] z`)];
    assert.deepEqual(
      read.slice(0, -1).map((one) => [one.text, one.kernel]),
      [["text", true]],
      line,
    );
  }
});

Deno.test("kernelLog() takes off what stands in front of every line of a quoted log", () => {
  assert.deepEqual(texts("> a\n>\n>  b\n> [    1.000000] c"), ["a", "", " b", "c"]);
  assert.deepEqual(texts("    a\n\n     b\n"), ["a", " b"]);
  // A piece of a stack has one blank in front of each line.
  assert.deepEqual(texts(" f+0x1/0x2\n g+0x1/0x2"), [" f+0x1/0x2", " g+0x1/0x2"]);
  assert.deepEqual(texts("> a\nb"), ["> a", "b"]);
});

Deno.test("kernelLog() knows lines of programs in logs that name them", () => {
  const lines = [
    ...["Nov 28 16:29:53 host systemd[1]: text", "<12>text", "user  :warn  : [ 1.000000] text"],
    ...["12,5,6,-;text", "2026-11-28T16:29:53+0000 host init: text"],
  ];
  for (const line of lines) {
    const [read] = [...kernelLog(`${line}\n[    9.000000] z`)];
    assert.deepEqual([read!.text, read!.kernel, read!.doubtful], ["text", false, false], line);
  }
});

Deno.test("kernelLog() reads a record of /dev/kmsg as the lines that it has", () => {
  assert.deepEqual(kernels("4,1,2,-;a\\x0ab\\x09c\n SUBSYSTEM=x\n6,2,3,-;d\n"), ["a", "b\tc", "d"]);
});

Deno.test("kernelLog() decides by the kernel's first lines whose the lines without a stamp are", () => {
  const first = ["Linux version 6.12.40 (a@b) #1", "Command line: console=ttyS0"];
  const stamped = (line: string) => `[    1.000000] ${line}`;
  const whose = (...lines: readonly string[]) => {
    const last = [...kernelLog([...lines, "x"].join("\n"))].at(-1)!;
    return last.kernel ? "kernel" : last.doubtful ? "open" : "process";
  };
  assert.equal(whose(...first.map(stamped)), "process");
  assert.equal(whose(...first, stamped("y")), "kernel");
  assert.equal(whose(stamped("y")), "open");
  assert.equal(whose(...first), "kernel");
  // What a process has of /proc/version is no kernel's beginning.
  assert.equal(whose(...first.map(stamped), first[0]!), "process");
  assert.equal(whose(...first.map(stamped), ...first), "kernel");
  // dmesg shows times where the console has none.
  assert.equal(whose(...first, ...first.map(stamped)), "open");
  // Of the firmware, and of a kernel of before.
  assert.deepEqual(
    [...kernelLog(["x", ...first.map(stamped)].join("\n"))].map(({ doubtful }) => doubtful),
    [true, false, false],
  );
});

Deno.test("kernelLog() reads a line of any length and content in time that grows with it alone", () => {
  const texts = [
    "x",
    "[",
    "[ ",
    "> ",
    "[    1.000000] ",
    "\x1b[0;",
    "\x1b]",
    "<4>",
    "1",
    "Nov 28 ",
  ];
  const seconds = (text: string, length: number) => {
    const console = text.repeat(length / text.length);
    const began = performance.now();
    for (const _ of kernelLog(console)) { /* Read. */ }
    return (performance.now() - began) / 1000;
  };
  for (const text of texts) {
    // Quadratic would be minutes; what a busy machine needs is a few seconds at most.
    assert.ok(seconds(text, 4 << 20) < 10, JSON.stringify(text));
  }
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
