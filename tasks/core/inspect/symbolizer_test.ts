// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { addressText, frameText, parseSymbolizer, symbolizerArgv } from "./symbolizer.ts";

Deno.test("symbolizerArgv() asks for inlined frames of each address", () => {
  const argv = symbolizerArgv({ llvm: "-22" }, "/b/vmlinux", [0xffffffff811404b0n, 0x10n]);
  assert.deepEqual(argv, [
    "llvm-symbolizer-22",
    "--obj=/b/vmlinux",
    "--inlines",
    "--no-demangle",
    "--relativenames",
    "--output-style=JSON",
    "0xffffffff811404b0",
    "0x10",
  ]);
});

Deno.test("addressText() writes a negative number as the kernel address that it is", () => {
  assert.equal(addressText(-1n), "0xffffffffffffffff");
});

// As llvm-symbolizer 22 answers, without the keys that are not read.
const ANSWER = JSON.stringify([
  {
    Address: "0xffffffff811404c3",
    ModuleName: "/b/vmlinux",
    Symbol: [
      { FunctionName: "fdget_pos", FileName: "include/linux/file.h", Line: 74, Column: 0 },
      { FunctionName: "ksys_read", FileName: "fs/read_write.c", Line: 703, Column: 0 },
    ],
  },
  {
    Address: "0x10",
    ModuleName: "/b/vmlinux",
    Symbol: [{ FunctionName: "", FileName: "", Line: 0, Column: 0 }],
  },
]);

Deno.test("parseSymbolizer() gives the innermost frame first", () => {
  const frames = parseSymbolizer(ANSWER).get(0xffffffff811404c3n)!;
  assert.deepEqual(frames.map(frameText), [
    "fdget_pos include/linux/file.h:74",
    "ksys_read fs/read_write.c:703",
  ]);
});

Deno.test("parseSymbolizer() knows what is not known", () => {
  const [frame] = parseSymbolizer(ANSWER).get(0x10n)!;
  assert.deepEqual(frame, { function: "??", file: "", line: 0 });
  assert.equal(frameText(frame!), "??");
  assert.equal(frameText({ function: "f", file: "a.S", line: 0 }), "f a.S:?");
});
