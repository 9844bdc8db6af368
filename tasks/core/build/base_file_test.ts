// SPDX-License-Identifier: MIT
/** Files that people have as their .config, and what is made of each. */
import assert from "node:assert/strict";
import { archOf } from "../arch/table.ts";
import { KmatrixError } from "../model/errors.ts";
import { checkBaseFile, parseBaseFile } from "./base_file.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (content: string | Uint8Array) =>
  parseBaseFile(
    checkBaseFile(typeof content === "string" ? bytes(content) : content, "x"),
    "x",
    archOf({}),
  );
const settings = (content: string) =>
  read(content).lines.map(({ option, value }) => `${option}=${value}`).join(" ");

Deno.test("a .config is read in the shapes that it comes in", () => {
  const cases: [string, string][] = [
    ["CONFIG_A=y\n# CONFIG_B is not set\n", "CONFIG_A=y CONFIG_B=n"],
    ["\uFEFFCONFIG_A=y\r\n# CONFIG_B is not set\r\n", "CONFIG_A=y CONFIG_B=n"],
    ["CONFIG_A=y\rCONFIG_B=m\r", "CONFIG_A=y CONFIG_B=m"],
    ["CONFIG_A=n", "CONFIG_A=n"],
    [
      'CONFIG_S="a \\"b\\" # c"\nCONFIG_H=0xFF\nCONFIG_I=-5\n',
      'CONFIG_S="a \\"b\\" # c" CONFIG_H=0xFF CONFIG_I=-5',
    ],
    ["# a comment\n#\n\n# end of Menu\nCONFIG_A=y   \n", "CONFIG_A=y"],
    // A fragment pasted behind it, as `cat fragment >> .config` does.
    ["CONFIG_A=y\nCONFIG_B=1\n# CONFIG_A is not set\nCONFIG_B=2\n", "CONFIG_A=n CONFIG_B=2"],
    // conf_read_simple() of 6.1 does not look at what follows.
    ["# CONFIG_A is not set # why\nCONFIG_B=y\n", "CONFIG_A=n CONFIG_B=y"],
    [
      'CONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14) 12.2.0"\n',
      'CONFIG_CC_VERSION_TEXT="gcc (Debian 12.2.0-14) 12.2.0"',
    ],
  ];
  for (const [text, wanted] of cases) assert.equal(settings(text), wanted, text);
});

Deno.test("what of a .config is no setting, or stands twice, is told", () => {
  const told = (text: string) => read(text).notices;
  assert.deepEqual(told("CONFIG_A=y\nCONFIG_A=y\n"), []);
  assert.deepEqual(told("CONFIG_A=y\nCONFIG_A=m\nCONFIG_B=y\n"), [
    '1 option set twice, of which the last line holds: line 2: "CONFIG_A=m"',
  ]);
  // Cut off in the middle of a line, or with the prompt of a shell behind it.
  assert.deepEqual(told("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C"), [
    '1 line set no option: line 3: "CONFIG_C"',
  ]);
  assert.deepEqual(
    told('CONFIG_A=y\nCONFIG_B="open\nCONFIG_C=y z\nX=y\nCONFIG_D=y\nCONFIG_E=y\nCONFIG_F=y\n$ \n'),
    [
      '4 lines set no option: line 2: "CONFIG_B=\\"open", line 3: "CONFIG_C=y z", line 4: "X=y", and 1 more',
    ],
  );
});

Deno.test("the head of a .config says what it was made for", () => {
  const head =
    "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.1.0 Kernel Configuration\n#\n";
  assert.deepEqual(read(`${head}CONFIG_A=y\n`).madeFor, { arch: "x86", version: "6.1.0" });
  assert.equal(read("CONFIG_A=y\n").madeFor, null);
});

Deno.test("what cannot be a .config of this architecture is refused with what it is", () => {
  const pe = new Uint8Array([0x4d, 0x5a, 0xea, 7, 0, 0xc0]);
  const elf = new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  const cases: [string | Uint8Array, RegExp][] = [
    ["", /^base x: the file is empty$/],
    ["\n# only comments\n", /no line of this file sets an option/],
    [elf, /an ELF file: scripts\/extract-ikconfig/],
    [pe, /a kernel image: scripts\/extract-ikconfig/],
    [new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), /xz data/],
    [new Uint8Array([0x28, 0xb5, 0x2f, 0xfd]), /zstd data/],
    [new Uint8Array([0xff, 0xfe, 0x43, 0]), /UTF-16/],
    ["CONFIG_A=y\n\0", /this is no text: byte 11 is zero/],
    ["<!DOCTYPE html>\n<html></html>\n", /no line of this file sets an option/],
    ["config KCOV\n\tbool\n", /no line of this file sets an option/],
    ["CONFIG_A=y\none\ntwo\n", /2 lines set no option, and 1 do: this is no \.config/],
    ["CONFIG_ARM64=y\nCONFIG_SMP=y\n", /a \.config of arm64, and cells here are of x86-64/],
    ["CONFIG_X86_32=y\n", /a \.config of 32-bit x86/],
    ["# Linux/riscv 6.6.0 Kernel Configuration\nCONFIG_SMP=y\n", /a \.config of riscv/],
  ];
  for (const [content, message] of cases) {
    assert.throws(() => read(content), (error) => {
      assert.ok(error instanceof KmatrixError && error.kind === "usage", String(content));
      assert.equal(error.id, "bad-base");
      assert.match(error.message, message);
      return true;
    }, String(content));
  }
  // One that says both is ours; one that says nothing may be.
  assert.equal(read("CONFIG_X86_64=y\nCONFIG_X86=y\n").lines.length, 2);
});
