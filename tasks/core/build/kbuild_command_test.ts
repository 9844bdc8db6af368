// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { commandFile, coverageOf, irArgv, readOrigin, simpleCommands } from "./kbuild_command.ts";

const compiled = (text: string) => {
  const origin = readOrigin(text);
  assert.equal(origin.kind, "compiled", text);
  return origin.kind === "compiled" ? origin : assert.fail();
};
const kinds = (...argv: string[]) => [...coverageOf(argv).kinds].sort();

Deno.test("commandFile() is hidden beside the object", () => {
  assert.equal(commandFile("kernel/fork.o"), "kernel/.fork.o.cmd");
  assert.equal(commandFile("vmlinux.o"), ".vmlinux.o.cmd");
});

Deno.test("readOrigin() finds the compiler's call in what kbuild has recorded", () => {
  const { argv, language } = compiled(
    "savedcmd_kernel/fork.o := clang-22 -Wp,-MMD,kernel/.fork.o.d -DKBUILD_BASENAME='\"fork\"' " +
      "-fsanitize-coverage=trace-pc -c -o kernel/fork.o /src/kernel/fork.c   ; " +
      "./tools/objtool/objtool --orc kernel/fork.o\n\nsource_kernel/fork.o := /src/kernel/fork.c\n",
  );
  assert.equal(language, "c");
  assert.deepEqual(argv, [
    "clang-22",
    "-Wp,-MMD,kernel/.fork.o.d",
    '-DKBUILD_BASENAME="fork"',
    "-fsanitize-coverage=trace-pc",
    "-c",
    "-o",
    "kernel/fork.o",
    "/src/kernel/fork.c",
  ]);
});

Deno.test("readOrigin() knows the shapes that trees and toolchains bring", () => {
  // Before 6.3.
  assert.equal(compiled("cmd_a.o := gcc -c -o a.o a.c").argv[0], "gcc");
  // Without a line end.
  assert.equal(compiled("savedcmd_a.o := clang -c -o a.o a.c").argv.at(-1), "a.c");
  // Wrappers, and a variable of the command.
  assert.equal(compiled("savedcmd_a.o := ccache clang -c -o a.o a.c").argv[0], "ccache");
  assert.equal(compiled("savedcmd_a.o := X=1 /opt/llvm/bin/clang -c a.c -o a.o").argv[0], "X=1");
  // make's own escapes.
  const escaped = compiled("savedcmd_a.o := clang '-DA=$$x $(pound)1' -c -o a.o a.c").argv;
  assert.equal(escaped[1], "-DA=$x #1");
  // What is done first, or afterwards, is not the compiler.
  const chain = "savedcmd_a.o := mkdir -p x && clang -c -o a.o a.c && objcopy -S a.o 2>&1 | cat";
  assert.equal(compiled(chain).argv[0], "clang");
  assert.equal(compiled("savedcmd_e.o := clang -D__ASSEMBLY__ -c -o e.o e.S").language, "assembly");
  const rust = "savedcmd_rust/core.o := OBJTREE=/o rustc -Cpasses=sancov-module " +
    "--emit=obj=rust/core.o /src/rust/core.rs";
  assert.equal(compiled(rust).language, "rust");
});

Deno.test("readOrigin() takes a module or a copy for its parts", () => {
  assert.deepEqual(
    readOrigin("savedcmd_m.ko := ld.lld -r -m elf_x86_64 -T x.lds -o m.ko m.o m.mod.o"),
    {
      kind: "parts",
      parts: ["m.o", "m.mod.o"],
      lists: [],
    },
  );
  assert.deepEqual(readOrigin("savedcmd_m.o := ld.lld -r -o m.o @m.mod ; objtool m.o"), {
    kind: "parts",
    parts: [],
    lists: ["m.mod"],
  });
  const copy = "savedcmd_x.pi.o := llvm-objcopy --prefix-symbols=__pi_ x.o x.pi.o";
  assert.deepEqual(readOrigin(copy), { kind: "parts", parts: ["x.o"], lists: [] });
});

Deno.test("readOrigin() says so where nothing is known", () => {
  for (
    const text of [
      "",
      "\n",
      "deps: here/a.c",
      "savedcmd_vmlinux.a := rm -f vmlinux.a; llvm-ar cDPrST vmlinux.a built-in.a",
      "savedcmd_x := ",
      // Preprocessed alone.
      "savedcmd_a.i := clang -E -o a.i a.c",
    ]
  ) {
    assert.equal(readOrigin(text).kind, "unknown", text);
  }
});

Deno.test("simpleCommands() takes a line as a shell does", () => {
  assert.deepEqual(simpleCommands(`a "b c" 'd;e' f\\ g; h&&i|j  `), [
    ["a", "b c", "d;e", "f g"],
    ["h"],
    ["i"],
    ["j"],
  ]);
  assert.deepEqual(simpleCommands(`x -D'a'"b\\"c"d`), [["x", '-Dab"cd']]);
  assert.deepEqual(simpleCommands("unclosed ' quote").length, 1);
  assert.deepEqual(simpleCommands(""), []);
});

Deno.test("simpleCommands() is linear", () => {
  const long = `clang ${"-DX='\"a\"' ".repeat(20_000)}${'"\\'.repeat(20_000)}`;
  const startMs = performance.now();
  simpleCommands(long);
  assert.ok(performance.now() - startMs < 2000);
});

Deno.test("coverageOf() reads what asks for calls, in its order", () => {
  assert.deepEqual(kinds("clang", "-O2"), []);
  assert.deepEqual(kinds("-fsanitize-coverage=trace-pc", "-fsanitize-coverage=trace-cmp"), [
    "cmp",
    "pc",
  ]);
  assert.deepEqual(kinds("-fsanitize-coverage=edge,trace-pc-guard,trace-cmp"), ["cmp", "guard"]);
  // The last word counts: a file's own flags come before those of KCOV.
  assert.deepEqual(kinds("-fno-sanitize-coverage=trace-pc", "-fsanitize-coverage=trace-pc"), [
    "pc",
  ]);
  assert.deepEqual(
    kinds("-fsanitize-coverage=trace-pc", "-fno-sanitize-coverage=trace-pc,edge"),
    [],
  );
  assert.deepEqual(kinds("-Xclang", "-fsanitize-coverage-trace-pc-guard"), ["guard"]);
  const counters = "-fsanitize-coverage=inline-8bit-counters";
  assert.deepEqual(kinds(counters, "-mllvm", "-sanitizer-coverage-trace-pc"), ["pc"]);
  assert.deepEqual(kinds(counters, "-mllvm", "-sanitizer-coverage-trace-pc=0"), []);
  // Nothing makes the pass run.
  assert.deepEqual(kinds("-mllvm", "-sanitizer-coverage-trace-pc"), []);
  assert.deepEqual(
    kinds("-Cpasses=sancov-module", "-Cllvm-args=-sanitizer-coverage-trace-compares"),
    [
      "cmp",
    ],
  );
  assert.deepEqual(kinds("-C", "passes=sancov", "-Cllvm-args=-sanitizer-coverage-trace-pc -x"), [
    "pc",
  ]);
  assert.deepEqual(kinds("-fplugin=./scripts/gcc-plugins/sancov_plugin.so"), ["pc"]);
  // Other instrumentation calls nothing of KCOV's.
  assert.deepEqual(
    kinds("-fsanitize=kernel-address", "-fsanitize-coverage=inline-8bit-counters"),
    [],
  );
  assert.deepEqual(kinds("-mllvm", "-sanitizer-coverage-drop-ctors"), []);
});

Deno.test("coverageOf() sees that a list decides", () => {
  assert.equal(coverageOf(["-fsanitize-coverage-ignorelist=skip.txt"]).byList, true);
  assert.equal(coverageOf(["-fsanitize-coverage-allowlist=/x"]).byList, true);
  assert.equal(coverageOf(["-fsanitize-coverage=trace-pc"]).byList, false);
});

Deno.test("irArgv() asks for the same functions, and writes no other file", () => {
  const argv = ["X=1", "clang", "-Wp,-MMD,a/.b.o.d", "-MF", "d", "-g", "-gline-tables-only", "-O2"];
  assert.deepEqual(irArgv([...argv, "-c", "-o", "b.o", "b.c"], "b.ll"), [
    "env",
    "X=1",
    "clang",
    "-O2",
    "b.c",
    "-S",
    "-emit-llvm",
    "-g0",
    "-Wno-error",
    "-Wno-unused-command-line-argument",
    "-o",
    "b.ll",
  ]);
});
