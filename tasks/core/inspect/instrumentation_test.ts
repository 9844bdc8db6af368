// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Feature } from "../model/model.ts";
import {
  type TinyKernel,
  tinyKernel,
  type TinyModule,
  tinyModule,
  type TinyRelocation,
} from "../../testing/tiny_elf.ts";
import { Elf } from "./elf.ts";
import {
  CALLBACK,
  callsInImage,
  inspectImage,
  inspectModule,
  type Problem,
} from "./instrumentation.ts";

const textOf = ({ text }: Problem) => text;

const PC = "__sanitizer_cov_trace_pc";
const GUARD = "__sanitizer_cov_trace_pc_guard";
const CMP = "__sanitizer_cov_trace_const_cmp4";

const imageProblems = (kernel: TinyKernel, ...features: Feature[]) =>
  inspectImage(new Elf(tinyKernel(kernel), "vmlinux"), features).problems.map(textOf).join("; ");
const moduleOf = (module: Partial<TinyModule>, ...features: Feature[]) => {
  const bytes = tinyModule({ calls: [0, 4], callback: GUARD, ...module });
  return inspectModule("lib/x.ko", new Elf(bytes, "x.ko"), features, 1);
};

Deno.test("CALLBACK matches the callbacks of trace-pc, trace-pc-guard and trace-cmp", () => {
  const names = ["pc", "pc_guard", "cmp1", "cmp8", "const_cmp2", "switch"];
  for (const name of names) assert.match(`__sanitizer_cov_trace_${name}`, CALLBACK);
  for (const name of ["pc_guard_init", "pc_indir", "cmp", "cmp3"]) {
    assert.doesNotMatch(`__sanitizer_cov_trace_${name}`, CALLBACK);
  }
});

Deno.test("callsInImage() counts calls and tail calls, in loaded code alone", () => {
  const count = (opcode: number) =>
    callsInImage(new Elf(tinyKernel({ calls: { [PC]: 7, [CMP]: 2 }, opcode }), "vmlinux")).calls;
  assert.deepEqual(count(0xe8), { [PC]: 7, [CMP]: 2 });
  assert.deepEqual(count(0xe9), { [PC]: 7, [CMP]: 2 });
  assert.deepEqual(count(0xeb), { [PC]: 0, [CMP]: 0 });
});

Deno.test("callsInImage() gives the addresses behind calls, and none behind tail calls", () => {
  const returns = (opcode: number) =>
    callsInImage(new Elf(tinyKernel({ calls: { [PC]: 3, [CMP]: 2 }, opcode }), "vmlinux")).returns;
  const { pc, cmp } = returns(0xe8);
  assert.deepEqual([...pc], [0x81000005, 0x8100000a, 0x8100000f]);
  assert.deepEqual([...cmp], [0x81000014, 0x81000019]);
  assert.deepEqual([returns(0xe9).pc.length, returns(0xe9).cmp.length], [0, 0]);
});

Deno.test("inspectImage() gives the figures of a kernel", () => {
  const elf = new Elf(tinyKernel({ calls: { [GUARD]: 1000 }, guardBytes: 4000 }), "vmlinux");
  const { calls, guardBytes, textBytes, problems } = inspectImage(elf, ["kcov", "unique"]);
  assert.deepEqual(calls, { [GUARD]: 1000 });
  assert.equal(guardBytes, 4000);
  // The callback itself is the one function with a size.
  assert.equal(textBytes, 16);
  assert.deepEqual(problems, []);
});

Deno.test("inspectImage() finds nothing in a kernel that is as its features promise", () => {
  const cases: readonly [Readonly<Record<string, number>>, readonly Feature[]][] = [
    [{}, []],
    [{ [PC]: 0 }, ["kasan"]],
    [{ [PC]: 1000 }, ["kcov"]],
    [{ [PC]: 1000, [CMP]: 1000 }, ["kcov", "cmp"]],
  ];
  for (const [calls, features] of cases) {
    assert.equal(imageProblems({ calls }, ...features), "", features.join(" "));
  }
});

Deno.test("inspectImage() names each callback that is missing or should not be there", () => {
  const cases: readonly [Readonly<Record<string, number>>, readonly Feature[], RegExp][] = [
    [{}, ["kcov"], /^vmlinux calls __sanitizer_cov_trace_pc 0 times; at least 1000 expected$/],
    [{ [PC]: 999 }, ["kcov"], /^vmlinux calls __sanitizer_cov_trace_pc 999 times; /],
    [{ [PC]: 1 }, [], /^vmlinux calls __sanitizer_cov_trace_pc 1 time, but must not at all$/],
    [{ [PC]: 1000 }, ["kcov", "cmp"], /^vmlinux calls the comparison callbacks 0 times; /],
    [{ [PC]: 1000, [CMP]: 5 }, ["kcov"], /^vmlinux calls the comparison callbacks 5 times, but /],
    [{ [PC]: 1000, [GUARD]: 1 }, ["kcov"], /trace_pc_guard 1 time, but must not at all$/],
    [{ [PC]: 9, [GUARD]: 0 }, ["kcov", "unique"], /trace_pc 9 times, but must .*guard 0 times; /],
  ];
  for (const [calls, features, message] of cases) {
    assert.match(imageProblems({ calls }, ...features), message);
  }
});

Deno.test("inspectImage() holds the guards of a unique kernel against its calls", () => {
  const unique = (kernel: Partial<TinyKernel>) =>
    imageProblems({ calls: { [GUARD]: 1000 }, guardBytes: 4000, ...kernel }, "kcov", "unique");
  assert.equal(unique({}), "");
  assert.match(
    unique({ guardBytes: 3996 }),
    /3996 bytes of guards for 1000 calls; 4000 are expected/,
  );
  assert.match(
    unique({ calls: { [GUARD]: 300_000 }, guardBytes: 1_200_000 }),
    /not lie inside \.bss/,
  );
  const none: TinyKernel = { calls: { [GUARD]: 1000 } };
  assert.match(imageProblems(none, "kcov", "unique"), /lacks __start___sancov_guards/);
  const constructor = { name: "sancov.module_ctor_trace_pc_guard", value: 0n };
  assert.match(unique({ symbols: [constructor] }), /1 constructors of SanitizerCoverage/);
  const section = { name: "__sancov_guards", type: 8, flags: 3, size: 4 };
  assert.match(unique({ sections: [section] }), /a section __sancov_guards of its own/);
});

Deno.test("inspectModule() counts calls by their relocations, and guards by their operands", () => {
  const { figures, problems } = moduleOf({ calls: [0, 4, 8] }, "kcov", "unique", "modules");
  assert.deepEqual(problems, []);
  assert.deepEqual(figures, {
    name: "lib/x.ko",
    calls: { [GUARD]: 3 },
    textBytes: 52,
    guards: 3,
  });
});

Deno.test("inspectModule() finds a guard by an operand that counts from the end of its instruction", () => {
  // lea guard(%rip),%rdi: R_X86_64_PC32 with the guard's place less the four bytes of the operand.
  const [first, second] = [
    { offset: 1, type: 2, symbol: 2, addend: 8 - 4 },
    { offset: 13, type: 2, symbol: 2, addend: 12 - 4 },
  ];
  const module = (relocations: readonly TinyRelocation[]) =>
    moduleOf({ calls: [null, null], relocations }, "kcov", "unique", "modules");
  assert.deepEqual(module([first, second]).problems, []);
  assert.equal(module([first, second]).figures.guards, 2);
  const shared = module([first, { ...second, addend: 4 }]).problems;
  assert.deepEqual(shared.map(({ finding }) => finding.rule), ["guards-shared"]);
  const odd = module([first, { ...second, addend: 6 }]).problems;
  assert.match(odd[0]!.text, /a guard at 10 is not aligned$/);
});

Deno.test("inspectModule() says what is wrong with a module's guards", () => {
  const first = (module: Partial<TinyModule>) =>
    moduleOf(module, "kcov", "unique").problems[0]?.text;
  assert.match(first({ calls: [0, 0] })!, /^lib\/x\.ko: 2 calls share 1 guards$/);
  assert.match(first({ calls: [null, 0, 4] })!, /^lib\/x\.ko: 1 of 3 calls have no guard operand$/);
  assert.match(first({ calls: [0, 6] })!, /^lib\/x\.ko: a guard at 6 is not aligned$/);
  assert.match(
    first({ calls: [] })!,
    /^lib\/x\.ko calls .*_guard 0 times; at least 1 expected$/,
  );
  const constructor = { name: "sancov.module_ctor_trace_pc_guard", value: 0n };
  assert.match(first({ symbols: [constructor] })!, /holds 1 constructors/);
  const section = { name: "__sancov_guards", type: 8, flags: 3, size: 8 };
  assert.match(first({ sections: [section] })!, /guards belong in \.bss/);
});

Deno.test("inspectModule() says what a loader would choke on", () => {
  const first = (module: Partial<TinyModule>) =>
    moduleOf(module, "kcov", "unique").problems[0]?.text;
  const again = { name: ".text", type: 1, flags: 6, content: new Uint8Array(4) };
  assert.match(first({ sections: [again] })!, /^lib\/x\.ko has 2 allocated sections named \.text$/);
  const split = { ...again, name: ".text.hot" };
  assert.match(first({ sections: [split] })!, /section \.text\.hot that belongs in \.text$/);
  const kasan = { ...again, name: ".text.asan.module_ctor" };
  assert.match(first({ sections: [kasan] })!, /section \.text\.asan\.module_ctor that belongs/);
  assert.deepEqual(moduleOf({ sections: [kasan] }, "kcov", "unique", "kasan").problems, []);
  const gotpcrel = { offset: 100, type: 9, symbol: 1 };
  assert.match(first({ relocations: [gotpcrel] })!, /^lib\/x\.ko: \.text needs relocation type 9/);
});

Deno.test("inspectModule() refuses guards in a module of a kernel without unique mode", () => {
  assert.match(
    moduleOf({}, "kcov").problems.map(textOf).join("; "),
    /calls __sanitizer_cov_trace_pc 0 times; .*trace_pc_guard 2 times, but must not at all/,
  );
  assert.deepEqual(moduleOf({ callback: PC, calls: [null, null] }, "kcov").problems, []);
});

Deno.test("inspectModule() wants as many calls as are due, and no comparison", () => {
  const bytes = tinyModule({ calls: [], callback: PC });
  const problems = (fewest: number) =>
    inspectModule("x.ko", new Elf(bytes, "x.ko"), ["kcov", "cmp"], fewest).problems;
  assert.deepEqual(problems(0), []);
  assert.match(
    problems(1).map(textOf).join(),
    /^x\.ko calls __sanitizer_cov_trace_pc 0 times; [^,]*$/,
  );
});

Deno.test("inspectImage() lets a big kernel have a few guards without a call, and none too few", () => {
  const found = (count: number) => {
    const calls = { __sanitizer_cov_trace_pc_guard: 2000 };
    const elf = new Elf(tinyKernel({ calls, guardBytes: 4 * count }), "vmlinux");
    const kind = { instrumentsAll: true, mayHaveDeadGuards: true };
    return inspectImage(elf, ["kcov", "unique"], kind).problems.map(({ finding }) => finding.rule);
  };
  assert.deepEqual([2000, 2002, 2003, 1999].map(found), [
    [],
    [],
    ["guard-bytes"],
    ["guard-bytes"],
  ]);
});

Deno.test("inspectImage() wants few calls where chosen folders alone are instrumented", () => {
  const few = new Elf(tinyKernel({ calls: { [PC]: 3 } }), "vmlinux");
  const none = new Elf(tinyKernel({ calls: {} }), "vmlinux");
  const chosen = { instrumentsAll: false };
  assert.deepEqual(inspectImage(few, ["kcov"], chosen).problems, []);
  assert.equal(inspectImage(few, ["kcov"]).problems.length, 1);
  assert.equal(inspectImage(none, ["kcov"], chosen).problems.length, 1);
});
