// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { optionTable, plannedObjects, turnedRound, withLine } from "./option_cost_table.ts";

Deno.test("plannedObjects() counts each object of a dry run once", () => {
  const text = `echo '  CC      kernel/fork.o'; clang -c -o kernel/fork.o
echo '  AS      arch/x86/entry/entry_64.o'; set -e; echo '  CC      kernel/fork.o'
echo '  AR      kernel/built-in.a'; echo '  HOSTCC  scripts/sorttable'`;
  assert.equal(plannedObjects(text), 2);
});

Deno.test("turnedRound() and withLine() give a .config with one option otherwise", () => {
  const config = "CONFIG_TTY=y\n# CONFIG_VT is not set\nCONFIG_TTY_MORE=y\n";
  const off = turnedRound({ option: "CONFIG_TTY", value: "y" })!;
  assert.equal(
    withLine(config, "CONFIG_TTY", off),
    "# CONFIG_TTY is not set\n# CONFIG_VT is not set\nCONFIG_TTY_MORE=y\n",
  );
  const on = turnedRound({ option: "CONFIG_VT", value: "n" })!;
  assert.match(withLine(config, "CONFIG_VT", on), /^CONFIG_VT=y$/m);
  assert.match(withLine(config, "CONFIG_NEW", "CONFIG_NEW=y"), /MORE=y\nCONFIG_NEW=y\n$/);
  assert.equal(turnedRound({ option: "CONFIG_NR_CPUS", value: "4" }), null);
});

Deno.test("optionTable() shows what each line costs or saves, the dearest first", () => {
  const costs = [
    { line: "CONFIG_PVH=y", objects: 590 },
    { line: "# CONFIG_VT is not set", objects: 630 },
    { line: "CONFIG_SMP=y", objects: null },
  ];
  assert.deepEqual(optionTable(costs, 592).split("\n"), [
    "592 objects",
    "   −38  # CONFIG_VT is not set",
    "    +2  CONFIG_PVH=y",
    " fixed  CONFIG_SMP=y",
  ]);
});
