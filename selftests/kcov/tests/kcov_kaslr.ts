// SPDX-License-Identifier: MIT

/** A kernel that lies elsewhere in each boot (CONFIG_RANDOMIZE_BASE) reports the PCs that it was linked with. */

import { KASLR_ATTACHMENT } from "../../contract/kaslr.ts";
import { assert, assertEquals, assertGreater, hex } from "../../harness/asserts.ts";
import { fixture } from "../../harness/fixtures.ts";
import { SYS } from "../../harness/guest.ts";
import { readCallTable } from "../calls.ts";
import { KCOV_TRACE_PC, openMapped, readNothing } from "../kcov.ts";
import { kernelDisplacement, kernelSymbols } from "../symbols.ts";

const BUFFER_WORDS = 64 * 1024;
/** The least that a kernel is aligned to (CONFIG_PHYSICAL_ALIGN of 64-bit kernels). */
const ALIGNMENT = 2 << 20;

export const kcovKaslr = fixture("kcov_kaslr", {
  file: "selftests/kcov/tests/kcov_kaslr.ts",
  requires: ["kcov", "kaslr"],
  variants: { base: {} },
  setup(t) {
    const symbols = kernelSymbols();
    return { device: openMapped(t, BUFFER_WORDS).enable(KCOV_TRACE_PC), symbols };
  },
  teardown: ({ device }) => device.disable(),
});

kcovKaslr.test("pcs_are_those_of_the_image_as_linked", (t, { device, symbols }) => {
  const displacement = kernelDisplacement();
  assert(displacement !== null, "/proc/kallsyms is not that of the image, wherever it lies");
  assertEquals(displacement % ALIGNMENT, 0, `displacement of ${displacement} bytes`);
  const pcs = device.recording((batch) => readNothing(batch)).steadyPcs();
  assertGreater(pcs.length, 2, "entries of one read(-1)");
  t.log(`${pcs.length} entries, ${hex(BigInt(displacement))} from where it was linked`);
  t.attach(KASLR_ATTACHMENT, { displacement, pcs: pcs.map(hex) });
  const table = readCallTable("pc");
  const strange = pcs.filter((pc) => !table.has(pc));
  assertEquals(strange.map(hex), [], "PCs that no call of the image as linked returns to");
  assertEquals(symbols.nameOf(pcs[0]!), "__x64_sys_read", "function of the first entry");
});

kcovKaslr.test("no_pc_is_where_the_kernel_lies", (t, { device }) => {
  const displacement = kernelDisplacement();
  assert(displacement !== null, "/proc/kallsyms is not that of the image, wherever it lies");
  // One boot of some hundred lies where it was linked.
  if (displacement === 0) {
    t.log("the kernel lies where it was linked: nothing to tell apart");
    return;
  }
  const table = readCallTable("pc");
  const pcs = device.recording((batch) => batch.syscall(SYS.getppid, [])).steadyPcs();
  const moved = pcs.filter((pc) => table.has(pc - BigInt(displacement)));
  assertEquals(moved.map(hex), [], "PCs of getppid() that are addresses of this boot");
});
