// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { circleOf, kconfigErrors, kconfigErrorText } from "./kconfig_errors.ts";

/** As the parser of 6.12 writes them; each with its first line as a compiler would. */
const CASES: Readonly<Record<string, string>> = {
  'lib/Kconfig.kcov:3: syntax error\nlib/Kconfig.kcov:3: unknown statement "defalt"\n':
    'lib/Kconfig.kcov:3: error: unknown statement "defalt"; did you mean "default"?',
  'Kconfig:9: syntax error\nKconfig:9: unknown statement "frobnicate"\n':
    'Kconfig:9: error: unknown statement "frobnicate"',
  "Kconfig:4: syntax error\nKconfig:1: missing end statement for this entry\n":
    "Kconfig:1: error: missing end statement for this entry",
  'init/Kconfig:1: can\'t open file "lib/none"\n':
    'init/Kconfig:1: error: can\'t open file "lib/none"',
  "Kconfig:5: syntax error\nKconfig:5: invalid statement\n": "Kconfig:5: error: syntax error",
  "Kconfig:3: unterminated reference to 'shell,': missing ')'\n":
    "Kconfig:3: error: unterminated reference to 'shell,': missing ')'",
  "scripts/Kconfig.include:40: linker 'ld.lld' not found\n":
    "scripts/Kconfig.include:40: error: linker 'ld.lld' not found",
  "Kconfig:2:warning: multi-line strings not supported\nKconfig:7: error: choice must have a prompt\n":
    "Kconfig:7: error: choice must have a prompt",
  [
    "make[1]: Entering directory '/b'\n  HOSTCC  scripts/kconfig/conf.o\r\n" +
    "arch/x86/Kconfig:12: invalid option\r\nmake[2]: *** [scripts/kconfig/Makefile:85: x] Error 1\n"
  ]: "arch/x86/Kconfig:12: error: invalid option",
};

Deno.test("kconfigErrors() gives the cause with its file and line", () => {
  for (const [output, due] of Object.entries(CASES)) {
    const [first] = kconfigErrors(output);
    assert.ok(first, output);
    assert.equal(kconfigErrorText(first), due);
  }
});

Deno.test("kconfigErrors() takes nothing of make, compilers and warnings for Kconfig's", () => {
  const others = [
    "Makefile:12: *** missing separator.  Stop.",
    "scripts/kconfig/conf.c:3:9: error: use of undeclared identifier 'x'",
    "scripts/kconfig/conf.c:3: error: old style",
    "Kconfig:3:warning: ignoring unsupported character '@'",
    "make[2]: *** [scripts/Makefile.build:229: scripts/kconfig] Error 2",
    "time: 12:30: nothing",
  ];
  assert.deepEqual(kconfigErrors(others.join("\n")), []);
});

Deno.test("circleOf() names the options of a recursive dependency, with places or without", () => {
  const said =
    "\tsymbol A depends on B\n\tsymbol B is selected by A\nFor a resolution refer to x\n";
  const due = "A depends on B, B is selected by A";
  assert.equal(circleOf(`error: recursive dependency detected!\n${said}`), due);
  const placed = said.replace(/^\t/gm, "lib/Kconfig:4:\t");
  assert.equal(circleOf(`lib/Kconfig:4:error: recursive dependency detected!\n${placed}`), due);
  assert.equal(circleOf("Kconfig:1: syntax error"), null);
});
