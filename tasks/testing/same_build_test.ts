// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { withTempDir } from "./fake_host.ts";
import { compareBuilds, isSameFile } from "./same_build.ts";
import { tinyKernel } from "./tiny_elf.ts";

const kernel = (calls: number) =>
  tinyKernel({ calls: { __sanitizer_cov_trace_pc: calls } }) as Uint8Array<ArrayBuffer>;

Deno.test("isSameFile() takes ELF files by their sections, and others by their bytes", () => {
  const text = (words: string) => new TextEncoder().encode(words);
  assert.equal(isSameFile(kernel(10), kernel(10), "a"), true);
  assert.equal(isSameFile(kernel(10), kernel(11), "a"), false);
  // Behind its last section, nothing of an ELF file is looked at.
  assert.equal(isSameFile(kernel(10), new Uint8Array([...kernel(10), 1]), "a"), true);
  assert.equal(isSameFile(text("a"), text("a"), "a"), true);
  assert.equal(isSameFile(text("a"), text("ab"), "a"), false);
  assert.equal(isSameFile(kernel(10), text("a"), "a"), false);
});

/** A 32-bit file of a section of code and one of debug information (elf(5)). */
function small(code: string, debug: string): Uint8Array<ArrayBuffer> {
  const parts = ["", code, debug, "\0.text\0.debug_info\0.names\0"];
  const names = [0, 1, 7, 19];
  const bytes = new Uint8Array(52 + parts.join("").length + 4 * 40);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1]);
  let at = 52;
  const table = 52 + parts.join("").length;
  for (const [index, part] of parts.entries()) {
    bytes.set(new TextEncoder().encode(part), at);
    const header = [names[index]!, index, 0, 0, at, part.length, 0, 0, 1, 0];
    for (const [field, value] of header.entries()) {
      view.setUint32(table + index * 40 + field * 4, value, true);
    }
    at += part.length;
  }
  view.setUint32(32, table, true);
  for (const [index, value] of [40, 4, 3].entries()) view.setUint16(46 + 2 * index, value, true);
  return bytes;
}

Deno.test("isSameFile() passes over debug information, and over nothing else", () => {
  assert.equal(isSameFile(small("code", "/one"), small("code", "/another"), "a"), true);
  assert.equal(isSameFile(small("code", "/one"), small("Code", "/one"), "a"), false);
  assert.equal(isSameFile(small("code", "/one"), small("code2", "/on"), "a"), false);
});

Deno.test("compareBuilds() names what differs or is missing, and passes over what is left over", async () => {
  await withTempDir(async (dir) => {
    const write = async (name: string, bytes: Uint8Array) => {
      await Deno.mkdir(dirname(`${dir}/${name}`), { recursive: true });
      await Deno.writeFile(`${dir}/${name}`, bytes);
    };
    for (const build of ["one", "other"]) {
      for (const name of ["vmlinux", "a/b.o", "c.o", "d.ko", "kmatrix-x/e.o"]) {
        await write(`${build}/${name}`, kernel(5));
      }
    }
    const compare = () => compareBuilds(`${dir}/one`, `${dir}/other`);
    assert.deepEqual(await compare(), { same: 4, different: [] });
    await write("other/left/over.o", kernel(7));
    await write("other/.config", new Uint8Array(1));
    await write("one/kmatrix-x/e.o", kernel(7));
    assert.deepEqual(await compare(), { same: 4, different: [] });
    await write("other/a/b.o", kernel(7));
    await Deno.remove(`${dir}/other/d.ko`);
    assert.deepEqual(await compare(), { same: 2, different: ["a/b.o", "d.ko"] });
  });
});
