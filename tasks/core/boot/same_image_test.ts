// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { tinyElf, type TinySection } from "../../testing/tiny_elf.ts";
import { Elf, SHF_ALLOC, SHT_RELA } from "../inspect/elf.ts";
import { imageDigest } from "./same_image.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const TEXT: TinySection = { name: ".text", type: 1, flags: SHF_ALLOC, content: bytes("code") };

const digestOf = (...sections: TinySection[]) => imageDigest(new Elf(tinyElf(sections), "vmlinux"));

Deno.test("imageDigest() differs where what is loaded does", async () => {
  const plain = await digestOf(TEXT);
  assert.equal(await digestOf(TEXT), plain);
  assert.notEqual(await digestOf({ ...TEXT, content: bytes("cod3") }), plain);
  assert.notEqual(await digestOf({ ...TEXT, address: 4096n }), plain);
  const data: TinySection = { ...TEXT, name: ".data" };
  assert.notEqual(await digestOf(TEXT, data), plain);
});

Deno.test("imageDigest() is the same whatever line tables and notes say", async () => {
  const plain = await digestOf(TEXT);
  const lines: TinySection = { name: ".debug_line", type: 1, flags: 0, content: bytes("7") };
  assert.equal(await digestOf(TEXT, lines), plain);
  const notes: TinySection = { ...TEXT, name: ".notes", content: bytes("build id") };
  assert.equal(await digestOf(TEXT, notes), plain);
});

Deno.test("imageDigest() counts the relocations of what a module loads", async () => {
  const relocations: TinySection = {
    ...{ name: ".rela.text", type: SHT_RELA, flags: 0, info: 1, content: bytes("r") },
  };
  assert.notEqual(await digestOf(TEXT, relocations), await digestOf(TEXT));
});
