// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { X86_64 } from "./x86_64.ts";

const HEAD = "arch/x86/platform/pvh/head.S";
const MAKEFILE = "arch/x86/platform/pvh/Makefile";
/** As kernels have it that let %gs point at a canary, and as later ones have it. */
const CANARY = "\tmov $MSR_GS_BASE, %ecx\n\tleal canary(%rip), %eax\n\twrmsr\n";
const ZERO = "\tmovl $MSR_GS_BASE, %ecx\n\txorl %eax, %eax\n\twrmsr\n";
const OBJECTS = "obj-$(CONFIG_PVH) += enlighten.o head.o\n";

/** Target of make for a kernel with these options at y. */
async function target(options: readonly string[], files: Record<string, string>): Promise<string> {
  const config = new Map(options.map((option) => [`CONFIG_${option}`, "y"]));
  const image = await X86_64.image(config, (file) => Promise.resolve(files[file] ?? null));
  assert.equal(image.file, image.target === "vmlinux" ? "vmlinux" : "arch/x86/boot/bzImage");
  return image.target;
}

Deno.test("vmlinux boots by its PVH entry, where it has one and stays where it was linked", async () => {
  const files = { [HEAD]: ZERO, [MAKEFILE]: OBJECTS };
  assert.equal(await target(["PVH"], files), "vmlinux");
  assert.equal(await target(["PVH", "KCOV_INSTRUMENT_ALL"], files), "vmlinux");
  assert.equal(await target(["KCOV_INSTRUMENT_ALL"], files), "bzImage");
  assert.equal(await target(["PVH", "RANDOMIZE_BASE"], files), "bzImage");
  assert.equal(await target(["PVH"], {}), "vmlinux", "a tree without such files");
});

Deno.test("a PVH entry that KCOV traces before per-CPU data is there does not boot", async () => {
  const files = { [HEAD]: CANARY, [MAKEFILE]: OBJECTS };
  assert.equal(await target(["PVH", "KCOV_INSTRUMENT_ALL"], files), "bzImage");
  assert.equal(await target(["PVH"], files), "vmlinux", "nothing is instrumented");
  for (const line of ["KCOV_INSTRUMENT := n", "KCOV_INSTRUMENT_enlighten.o\t:= n"]) {
    const without = { ...files, [MAKEFILE]: `${OBJECTS}${line}\n` };
    assert.equal(await target(["PVH", "KCOV_INSTRUMENT_ALL"], without), "vmlinux", line);
  }
  const other = { ...files, [MAKEFILE]: `${OBJECTS}KCOV_INSTRUMENT_head.o := n\n` };
  assert.equal(await target(["PVH", "KCOV_INSTRUMENT_ALL"], other), "bzImage");
});
