// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type TinyModule, tinyModule } from "../../testing/tiny_elf.ts";
import { Elf } from "./elf.ts";
import {
  inspectObject,
  isBitcode,
  isSilent,
  lackOfComparisons,
  leftOutBeyond,
  leftOutLines,
  listProblems,
  type ObjectFacts,
  parseUninstrumentedList,
  silentObject,
  unaskedCalls,
} from "./instrumented_objects.ts";
import type { CoverageKind } from "../build/kbuild_command.ts";
import type { Problem } from "./instrumentation.ts";

const textOf = ({ text }: Problem) => text;

const PC = "__sanitizer_cov_trace_pc";

/** An object with code that was compiled with these flags and has one call of each of these kinds. */
function object(
  path: string,
  flags: readonly CoverageKind[] | null,
  called: readonly CoverageKind[] | null,
  other: Partial<ObjectFacts> = {},
): ObjectFacts {
  const count = (kind: CoverageKind) => called?.includes(kind) ? 1 : 0;
  return {
    path,
    language: "c",
    hasCode: true,
    coverage: flags && { kinds: new Set(flags), byList: false },
    calls: called && { pc: count("pc"), guard: count("guard"), cmp: count("cmp") },
    ...other,
  };
}

Deno.test("inspectObject() tells compiled code from assembly, and counts its calls", () => {
  const comment = { name: ".comment", type: 1, flags: 0x30, content: Uint8Array.of(0) };
  const inspect = (module: Partial<TinyModule>, language: ObjectFacts["language"] = null) =>
    inspectObject(new Elf(tinyModule({ calls: [], callback: PC, ...module }), "x.o"), language);
  const none = { pc: 0, guard: 0, cmp: 0 };
  assert.deepEqual(inspect({ sections: [comment] }), { hasCode: true, calls: none });
  assert.deepEqual(inspect({ calls: [null, null], sections: [comment] }).calls, { ...none, pc: 2 });
  // Where no command tells, a compiler's mark does.
  assert.equal(inspect({}).hasCode, false);
  assert.equal(inspect({}, "c").hasCode, true);
  assert.equal(inspect({}, "rust").hasCode, true);
  assert.equal(inspect({ sections: [comment] }, "assembly").hasCode, false);
  for (
    const [callback, kind] of [["pc_guard", "guard"], ["const_cmp8", "cmp"], ["switch", "cmp"]]
  ) {
    const { calls } = inspect({ calls: [null], callback: `__sanitizer_cov_trace_${callback}` });
    assert.deepEqual(calls, { ...none, [kind!]: 1 });
  }
});

Deno.test("isBitcode() knows LLVM's objects, wrapped or not", () => {
  const file = (...bytes: number[]) => ({ size: 8, read: () => Uint8Array.from(bytes) });
  assert.ok(isBitcode(file(0x42, 0x43, 0xc0, 0xde)));
  assert.ok(isBitcode(file(0xde, 0xc0, 0x17, 0x0b)));
  assert.ok(!isBitcode(file(0x7f, 0x45, 0x4c, 0x46)));
  assert.ok(!isBitcode(file()));
});

Deno.test("isSilent() holds the calls of an object against what its compiler was told", () => {
  assert.ok(isSilent(object("a.o", ["pc"], [])));
  assert.ok(isSilent(object("a.o", ["guard", "cmp"], ["cmp"])));
  assert.ok(!isSilent(object("a.o", ["pc"], ["pc"])));
  // It need not compare anything.
  assert.ok(!isSilent(object("a.o", ["pc", "cmp"], ["pc"])));
  assert.ok(!isSilent(object("a.o", ["cmp"], [])));
  assert.ok(!isSilent(object("a.o", [], [])));
  assert.ok(!isSilent(object("a.o", ["pc"], [], { hasCode: false })));
  // What is not known is no fault.
  assert.ok(!isSilent(object("a.o", null, [])));
  assert.ok(!isSilent(object("a.o", ["pc"], null)));
  const byList = { kinds: new Set<CoverageKind>(["pc"]), byList: true };
  assert.ok(!isSilent(object("a.o", ["pc"], [], { coverage: byList })));
});

Deno.test("unaskedCalls() names calls that no flag brings", () => {
  assert.deepEqual(unaskedCalls(object("a.o", ["pc", "cmp"], ["pc", "cmp"])), []);
  assert.match(
    unaskedCalls(object("a.o", [], ["pc"])).map(textOf).join(),
    /^a\.o has 1 call that -fsanitize-coverage=trace-pc brings, and was compiled without it$/,
  );
  assert.match(
    unaskedCalls(object("a.o", ["pc"], ["pc", "cmp"])).map(textOf).join(),
    /=trace-cmp brings/,
  );
  assert.match(
    unaskedCalls(object("a.o", ["pc"], ["guard"])).map(textOf).join(),
    /=trace-pc-guard brings/,
  );
  assert.deepEqual(unaskedCalls(object("a.o", null, ["pc"])), []);
  assert.deepEqual(unaskedCalls(object("a.o", [], null)), []);
});

Deno.test("lackOfComparisons() names objects that tell of PCs alone", () => {
  assert.match(
    lackOfComparisons(object("a.o", ["pc"], ["pc"])).map(textOf).join(),
    /^a\.o was .*=trace-cmp$/,
  );
  for (const flags of [["pc", "cmp"], [], null] as const) {
    assert.deepEqual(lackOfComparisons(object("a.o", flags, [])), []);
  }
});

Deno.test("listProblems() leaves what the kernel's list allows", () => {
  const declared = parseUninstrumentedList("# early code\narch/x86/boot/*\nmm/slub.o # why\n\n");
  const silent = ["arch/x86/boot/a/b.o", "mm/slub.o", "mm/slab.o"].map((path) =>
    object(path, [], [])
  );
  const problems = listProblems(silent, declared, false);
  assert.equal(problems.length, 1);
  assert.match(problems[0]!.text, /^mm\/slab\.o has code but no call/);
  // The command may say what it will.
  assert.equal(listProblems([object("a.o", ["pc"], [])], declared, false).length, 1);
  assert.deepEqual(listProblems([object("a.o", ["pc"], [])], declared, false, ["a.o"]), []);
  assert.equal(listProblems([object("a.o", ["pc"], [])], declared, false, ["b.o"]).length, 1);
  assert.equal(listProblems([object("a.o", null, [])], declared, false).length, 1);
  assert.deepEqual(listProblems([object("a.o", [], [], { hasCode: false })], declared, false), []);
  // Bitcode shows no calls: its command does.
  assert.equal(listProblems([object("a.o", [], null)], declared, false).length, 1);
  assert.deepEqual(listProblems([object("a.o", ["pc"], null)], declared, false), []);
});

Deno.test("listProblems() wants no call in an object that the list names", () => {
  const declared = parseUninstrumentedList("arch/x86/boot/*\nkernel/kcov.o\n");
  const calling = ["arch/x86/boot/a.o", "kernel/kcov.o", "kernel/fork.o"].map((path) =>
    object(path, ["pc"], ["pc"])
  );
  assert.match(
    listProblems(calling, declared, false).map(textOf).join("; "),
    /^kernel\/kcov\.o calls [^;]*$/,
  );
  assert.deepEqual(listProblems(calling, declared, true), []);
});

Deno.test("leftOutBeyond() names what the base does not leave out, by its cause", () => {
  const objects = [
    object("base.o", [], []),
    object("flags.o", [], []),
    object("list.o", ["pc"], [], { coverage: { kinds: new Set(["pc"]), byList: true } }),
    object("init.o", ["pc"], []),
    object("rust.o", ["pc"], []),
    object("asm.o", [], [], { hasCode: false }),
    object("calls.o", ["pc"], ["pc"]),
  ];
  const found = leftOutBeyond(objects, ["base.o"], ["rust.o"]);
  assert.deepEqual(found, {
    byFlags: ["flags.o", "list.o"],
    byAttributes: ["init.o"],
    unexplained: ["rust.o"],
  });
  assert.deepEqual(leftOutLines({ ...found, byAttributes: [], unexplained: [] }), [
    "uninstrumented beyond the base: 2 (compiled without -fsanitize-coverage): flags.o list.o",
  ]);
  const many = Array.from({ length: 10 }, (_, n) => `${n}.o`);
  assert.match(leftOutLines({ ...found, byFlags: many })[0]!, /: 10 .* 7\.o and 2 more$/);
  assert.deepEqual(leftOutLines(null), []);
});

Deno.test("silentObject() names a function", () => {
  assert.match(
    silentObject("a.o", ["f", "g", "h"]).text,
    /^a\.o was compiled .* f\(\) and 2 more$/,
  );
  assert.match(silentObject("a.o", ["f"]).text, / in f\(\)$/);
});
