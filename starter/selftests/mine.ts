// SPDX-License-Identifier: MIT
/** Tests of my own. Each runs in a process of its own in the guest (docs/guest.md of kmatrix). */
import { assertEquals, assertGreater } from "kmatrix/harness/asserts.ts";
import { fixture } from "kmatrix/harness/fixtures.ts";
import { SYS } from "kmatrix/harness/guest.ts";
import { KCOV_TRACE_PC, openMapped } from "kmatrix/kcov/kcov.ts";
import { kernelSymbols } from "kmatrix/kcov/symbols.ts";

const mine = fixture("mine", {
  // As reports name it: from the folder of the matrix.
  file: "selftests/mine.ts",
  // In a cell without it the tests are skipped, as declared.
  requires: ["kcov"],
  variants: { base: {} },
  setup(t) {
    const symbols = kernelSymbols();
    return { symbols, device: openMapped(t, 4096).enable(KCOV_TRACE_PC) };
  },
  teardown: ({ device }) => device.disable(),
});

mine.test("getppid_is_covered", (t, { device, symbols }) => {
  const pcs = device.recording((batch) => batch.syscall(SYS.getppid, [])).steadyPcs();
  assertGreater(pcs.length, 0, "entries of one call");
  t.log(symbols.namesOf(pcs).join(" "));
  assertEquals(symbols.nameOf(pcs[0]!), "__x64_sys_getppid", "function of the first entry");
});

/** What kmatrix takes from each file of this folder; `*_test.ts` is left alone. */
export const fixtures = [mine];
