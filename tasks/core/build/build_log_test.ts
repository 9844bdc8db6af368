// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { KnownWarning } from "../model/model.ts";
import {
  collectWarnings,
  compiledAnything,
  condenseLog,
  countObjects,
  findBuildFailure,
  isCutLog,
  judgeWarnings,
  logCutMark,
  MAKE_CALL_MARK,
  ObjectCounter,
  reusedLog,
} from "./build_log.ts";

/* What kbuild, clang 22, ld.lld 22, objtool and GNU make 4.3 print; the paths are shortened. */

const START = `${MAKE_CALL_MARK}2026-01-01T00:00:00.000Z
make: Entering directory '/src/linux'
make[1]: Entering directory '/build'
`;

const SELECT = `  CC      fs/select.o
/src/linux/fs/select.c:973:12: warning: stack frame size (1032) exceeds limit (1024) in 'do_sys_poll' [-Wframe-larger-than]
  973 | static int do_sys_poll(struct pollfd __user *ufds, unsigned int nfds,
      |            ^
1 warning generated.
`;
const MAPLE = `  CC      lib/maple_tree.o
/src/linux/lib/maple_tree.c:4053:20: warning: stack frame size (1080) exceeds limit (1024) in 'mas_wr_store_entry' [-Wframe-larger-than]
 4053 | static inline void mas_wr_store_entry(struct ma_wr_state *wr_mas)
      |                    ^
`;
const OBJTOOL = `  LD      vmlinux.o
vmlinux.o: warning: objtool: vmx_handle_exit+0x1c3: unreachable instruction
`;
const MODPOST = `  MODPOST Module.symvers
WARNING: modpost: missing MODULE_DESCRIPTION() in lib/test_x.o
`;

Deno.test("collectWarnings() takes compiler, objtool and modpost warnings with their target", () => {
  assert.deepEqual(collectWarnings(START + SELECT + MAPLE + OBJTOOL + MODPOST), [
    {
      target: "fs/select.o",
      text:
        "/src/linux/fs/select.c:973:12: warning: stack frame size (1032) exceeds limit (1024) in 'do_sys_poll' [-Wframe-larger-than]",
    },
    {
      target: "lib/maple_tree.o",
      text:
        "/src/linux/lib/maple_tree.c:4053:20: warning: stack frame size (1080) exceeds limit (1024) in 'mas_wr_store_entry' [-Wframe-larger-than]",
    },
    {
      target: "vmlinux.o",
      text: "vmlinux.o: warning: objtool: vmx_handle_exit+0x1c3: unreachable instruction",
    },
    {
      target: "Module.symvers",
      text: "WARNING: modpost: missing MODULE_DESCRIPTION() in lib/test_x.o",
    },
  ]);
});

Deno.test("collectWarnings() takes the linker's, kconfig's and a module's, too", () => {
  const log = `${START}.config:12:warning: override: reassigning to symbol KCOV
  LD [M]  lib/test_x.ko
ld.lld: warning: lib/test_x.o: section type mismatch
`;
  assert.deepEqual(collectWarnings(log).map((one) => one.target), ["", "lib/test_x.ko"]);
});

Deno.test("collectWarnings() finds nothing in a quiet build", () => {
  const log = `${START}  CC      fs/stack.o\n  CC      lib/warning.o\n  AR      fs/built-in.a\n`;
  assert.deepEqual(collectWarnings(log), []);
});

Deno.test("collectWarnings() drops an object's warning when a later make compiled it again", () => {
  const again = `${START}  CC      fs/select.o\n  LD      vmlinux.o\n`;
  assert.deepEqual(
    collectWarnings(START + SELECT + MAPLE + OBJTOOL + again).map((one) => one.target),
    ["lib/maple_tree.o"],
  );
});

Deno.test("collectWarnings() keeps an object's warning when a later make left it alone", () => {
  const again = `${START}  CC      fs/stack.o\n`;
  assert.equal(collectWarnings(START + SELECT + again).length, 1);
});

Deno.test("collectWarnings() lists a line once when one compile said it twice", () => {
  const twice = SELECT + SELECT.split("\n").slice(1).join("\n");
  assert.equal(collectWarnings(START + twice).length, 1);
});

Deno.test("countObjects() counts the kernel's C objects once, and no host tool", () => {
  const log = `${START}  HOSTCC  scripts/mod/modpost.o
  CC      /build/tools/objtool/check.o
  CC      fs/select.o
  AS      arch/x86/entry/entry.o
  CC [M]  lib/test_x.o
${START}  CC      fs/select.o
  CC      init/version-timestamp.o
`;
  assert.equal(countObjects(log), 3);
});

Deno.test("compiledAnything() looks at the last make call alone", () => {
  const idle = `${START}  CALL    scripts/checksyscalls.sh\n  DESCEND objtool\n`;
  assert.equal(compiledAnything(START + SELECT), true);
  assert.equal(compiledAnything(START + SELECT + idle), false);
  assert.equal(compiledAnything(`${START}  LDS     arch/x86/kernel/vmlinux.lds\n`), false);
  assert.equal(compiledAnything(`${START}  LD      vmlinux\n`), true);
});

Deno.test("judgeWarnings() parts known from new warnings, by the cell they are listed for", () => {
  const warnings = collectWarnings(START + SELECT + OBJTOOL);
  const known: KnownWarning[] = [
    { match: "in 'do_sys_poll'", cells: ["*/kcov"], reason: "r", place: "m:1" },
    { match: "objtool: vmx_", cells: ["*"], reason: "r", place: "m:2" },
    { match: "never said", cells: ["*"], reason: "r", place: "m:3" },
  ];
  const here = judgeWarnings(warnings, known, "linux/kcov");
  assert.deepEqual([here.listed.length, here.unlisted.length], [2, 0]);
  assert.deepEqual(here.used, ["m:1", "m:2"]);
  const there = judgeWarnings(warnings, known, "linux/nokcov");
  assert.deepEqual(there.unlisted.map((one) => one.target), ["fs/select.o"]);
});

const ENDING = `make[3]: *** [/src/linux/scripts/Makefile.build:229: fs/select.o] Error 1
make[2]: *** [/src/linux/scripts/Makefile.build:478: fs] Error 2
make[1]: *** [/src/linux/Makefile:1939: .] Error 2
make: *** [Makefile:224: __sub-make] Error 2
`;

Deno.test("findBuildFailure() gives the first error's own line when a file does not compile", () => {
  const log = `${START}  CC      fs/stack.o
  CC      fs/select.o
/src/linux/fs/select.c:3:9: error: use of undeclared identifier 'undeclared'
    3 |         return undeclared;
      |                ^~~~~~~~~~
/src/linux/fs/select.c:9:2: error: expected ';'
2 errors generated.
${ENDING}`;
  const { kind, id, line, tail } = findBuildFailure(log);
  assert.deepEqual([kind, id], ["build", "compile-error"]);
  assert.equal(
    line,
    "/src/linux/fs/select.c:3:9: error: use of undeclared identifier 'undeclared'",
  );
  assert.match(tail, /__sub-make\] Error 2$/);
});

Deno.test("findBuildFailure() names each cause by its kind, the machine's own as infra", () => {
  const cases: readonly [string, string, string, RegExp][] = [
    [
      `  CC      fs/select.o\nKilled\n${ENDING.replace("Error 1\n", "Error 137\n")}`,
      "infra",
      "compiler-killed",
      /fs\/select\.o\] Error 137$/,
    ],
    [
      "make[3]: *** [/src/linux/scripts/Makefile.build:229: fs/select.o] Killed\n",
      "infra",
      "compiler-killed",
      /Killed$/,
    ],
    [
      `clang-22: error: unable to execute command: Killed\nclang-22: error: clang frontend command failed\n${ENDING}`,
      "infra",
      "compiler-killed",
      /unable to execute command: Killed$/,
    ],
    [
      `make[3]: *** [/src/linux/Makefile:9: vmlinux] Terminated\n`,
      "infra",
      "compiler-killed",
      /Terminated$/,
    ],
    [
      `error: unable to open output file 'fs/select.o': 'No space left on device'\n1 error generated.\n${ENDING}`,
      "infra",
      "disk-full",
      /No space left on device'$/,
    ],
    [`LLVM ERROR: out of memory\n${ENDING}`, "infra", "out-of-memory", /out of memory$/],
    [
      `clang-22: fatal error: posix_spawn failed: Cannot allocate memory\n${ENDING}`,
      "infra",
      "out-of-memory",
      /Cannot allocate memory$/,
    ],
    [
      `PLEASE submit a bug report to https://example.org and include the crash backtrace\n${ENDING}`,
      "infra",
      "compiler-crashed",
      /^PLEASE submit/,
    ],
    [
      `/bin/sh: 1: flex: not found\n${ENDING.replace("Error 1\n", "Error 127\n")}`,
      "infra",
      "missing-tool",
      /flex: not found$/,
    ],
    [
      "make: nosuchtool: No such file or directory\nmake: *** [Makefile:2: a] Error 127\n",
      "infra",
      "missing-tool",
      /Error 127$/,
    ],
    [
      `ld.lld: error: undefined symbol: kcov_unique\n>>> referenced by fork.c\n${ENDING}`,
      "build",
      "link-error",
      /undefined symbol: kcov_unique$/,
    ],
    [
      `ERROR: modpost: "kcov_unique" [lib/test_x.ko] undefined!\n${ENDING}`,
      "build",
      "modpost-error",
      /^ERROR: modpost/,
    ],
    [
      "make: *** No rule to make target 'vmlinuz'.  Stop.\n",
      "build",
      "make-error",
      /No rule to make target/,
    ],
    [ENDING, "build", "make-error", /Error 1$/],
  ];
  for (const [text, kind, id, line] of cases) {
    const found = findBuildFailure(START + text);
    assert.deepEqual([found.kind, found.id], [kind, id], text);
    assert.match(found.line, line);
  }
});

Deno.test("findBuildFailure() blames the machine when a full disk shows as a compile error too", () => {
  const log = `${START}/src/linux/fs/select.c:3:9: error: expected ';'
/bin/sh: 1: cannot create fs/.select.o.d: No space left on device
${ENDING}`;
  assert.equal(findBuildFailure(log).id, "disk-full");
});

Deno.test("findBuildFailure() takes no cause from source that the compiler quotes", () => {
  const log = `${START}/src/linux/mm/oom_kill.c:7:2: error: call to undeclared function 'pr_er'
    7 |         pr_er("Out of memory: Killed process, No space left on device");
      |         ^
${ENDING}`;
  assert.deepEqual(findBuildFailure(log).id, "compile-error");
});

Deno.test("findBuildFailure() looks at the last make call alone", () => {
  const log = `${START}No space left on device\n${START}x.c:1:1: error: y\n${ENDING}`;
  assert.equal(findBuildFailure(log).id, "compile-error");
});

Deno.test("findBuildFailure() keeps a bounded tail, and answers for an empty log", () => {
  const long = Array.from({ length: 500 }, (_, n) => `line ${n} ${"x".repeat(900)}`).join("\n");
  const { tail } = findBuildFailure(START + long);
  assert.equal(tail.split("\n").length, 30);
  assert.ok(tail.length < 30 * 401);
  assert.equal(findBuildFailure("").line, "make said nothing");
});

Deno.test("findBuildFailure() names the sandbox where it was in the way, and only there", () => {
  const failed = "make: *** [Makefile:9: x] Error 2\n";
  const denials = [
    "/bin/sh: 1: cannot create /home/u/.profile: Read-only file system",
    "curl: (6) Could not resolve host: example.org",
    "bash: connect: Network is unreachable",
    "cat: /root/.ssh/id_ed25519: No such file or directory",
    "clang: error: unable to open output file '/src/x.o': 'Read-only file system'",
  ];
  for (const line of denials) {
    const found = findBuildFailure(`${START}${line}\n${failed}`, true);
    assert.deepEqual([found.kind, found.id], ["build", "sandbox-denied"], line);
    assert.ok(found.line.endsWith(`: ${line}`), found.line);
    assert.notEqual(findBuildFailure(`${START}${line}\n${failed}`, false).id, "sandbox-denied");
  }
  const others: readonly [string, string][] = [
    // What a program got over is not what stopped it.
    [`${denials[0]}\nx.c:1:1: error: y\n${failed}`, "compile-error"],
    [`${denials[2]}\nsh: cannot create y: No space left on device\n${failed}`, "disk-full"],
    ['x.c:1:1: error: y\n    1 | "Read-only file system"\n' + failed, "compile-error"],
    [`fatal error: 'gelf.h' file not found\n${failed}`, "compile-error"],
    ["cat: include/x: No such file or directory\n" + failed, "make-error"],
    ["bwrap: Creating new namespace failed: Operation not permitted\n", "sandbox-broken"],
  ];
  for (const [text, id] of others) assert.equal(findBuildFailure(START + text, true).id, id, text);
});

Deno.test("reusedLog() keeps targets and names those with warnings", () => {
  const log = `${MAKE_CALL_MARK}x
  CC      a.o
a.c:1: warning: odd
  CC      b.o
b.c:1: warning: gone since
  CC [M]  c.o
${MAKE_CALL_MARK}y
  CC      b.o
  LD      vmlinux
`;
  assert.deepEqual(reusedLog(log), {
    text: "  CC a.o\n  CC b.o\n  CC c.o\n  LD vmlinux\n",
    warned: ["a.o"],
  });
  assert.equal(countObjects(reusedLog(log)!.text), countObjects(log));
  assert.deepEqual(collectWarnings(reusedLog(log)!.text), []);
});

Deno.test("reusedLog() is null where something was said of no target, or a part is missing", () => {
  assert.equal(reusedLog("warning: odd\n  CC      a.o\n"), null);
  assert.equal(reusedLog(`  CC      a.o\n${MAKE_CALL_MARK}x\nwarning: odd\n`), null);
  assert.equal(reusedLog(logCutMark(7)), null);
  assert.deepEqual(reusedLog(""), { text: "", warned: [] });
});

Deno.test("condenseLog() tells the same as the log, and once", () => {
  const calls = [
    START + "warning: of no target\n" + SELECT + MAPLE,
    START + "  CC [M]  lib/test_x.o\n" + OBJTOOL + MODPOST,
    START + SELECT.replace("1032", "1040") + "  HOSTCC  scripts/kallsyms\n",
  ];
  const log = calls.join("").repeat(3);
  const condensed = condenseLog(log);
  assert.deepEqual(collectWarnings(condensed), collectWarnings(log));
  assert.equal(countObjects(condensed), countObjects(log));
  assert.equal(condenseLog(condensed), condensed);
  assert.ok(condensed.length < log.length / 3, condensed);
});

Deno.test("a log is read the same as text and as bytes", () => {
  const log = `${START}${SELECT}${"  CC      a.o\n".repeat(3000)}${MAPLE}x: error: y\n${OBJTOOL}`;
  const bytes = new TextEncoder().encode(log);
  assert.deepEqual(collectWarnings(bytes), collectWarnings(log));
  assert.deepEqual(findBuildFailure(bytes), findBuildFailure(log));
  assert.equal(countObjects(bytes), countObjects(log));
  assert.equal(compiledAnything(bytes), true);
});

Deno.test("isCutLog() knows the mark of a log that lacks something", () => {
  assert.equal(isCutLog(START + SELECT), false);
  assert.equal(isCutLog(START + logCutMark(7) + SELECT), true);
  assert.equal(isCutLog("echo '[kmatrix: 7 bytes of the log left out]'"), false);
});

Deno.test("ObjectCounter counts as countObjects() does, however the output is cut", () => {
  const log =
    "  CC      a.o\n  CC [M]  b/c.o\n  HOSTCC  scripts/x\n  AS      d.o\n  CC      a.o\n  CC      e.o";
  const bytes = new TextEncoder().encode(`${log}\n`);
  for (const size of [1, 3, 1000]) {
    const counter = new ObjectCounter();
    for (let at = 0; at < bytes.length; at += size) counter.feed(bytes.subarray(at, at + size));
    assert.equal(counter.count, countObjects(log));
    assert.equal(counter.count, 3);
  }
});
