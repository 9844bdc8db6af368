// SPDX-License-Identifier: MIT

/** The parts of the KCOV selftests that need no kernel. */

import assert from "node:assert/strict";
import { ask } from "./answers.ts";
import { CallTable } from "./calls.ts";
import {
  encodeRemoteArgument,
  KCOV_DISABLE,
  KCOV_ENABLE,
  KCOV_INIT_TRACE,
  KCOV_REMOTE_ENABLE,
  KCOV_RESET_TRACE,
  KCOV_UNIQUE_ENABLE,
} from "./kcov.ts";
import { ModuleFile } from "./module_file.ts";
import { packSymbols, SymbolTable } from "../contract/symbol_table.ts";
import { KernelSymbols } from "./symbols.ts";
import { AssertionError, fail } from "../harness/asserts.ts";
import { undisturbed, untilInterrupted } from "./windows.ts";
import { relaSection, symbolSections, tinyElf } from "../../tasks/testing/tiny_elf.ts";

Deno.test("ioctl numbers are those of the kernel's macros", () => {
  assert.equal(KCOV_INIT_TRACE, 0x80086301);
  assert.equal(KCOV_ENABLE, 0x6364);
  assert.equal(KCOV_DISABLE, 0x6365);
  assert.equal(KCOV_REMOTE_ENABLE, 0x40186366);
  assert.equal(KCOV_UNIQUE_ENABLE, 0x40086367);
  assert.equal(KCOV_RESET_TRACE, 0x6368);
});

Deno.test("encodeRemoteArgument() lays out struct kcov_remote_arg", () => {
  const bytes = encodeRemoteArgument({
    traceMode: 1,
    areaWords: 2,
    commonHandle: 3n,
    handles: [4n, 5n],
  });
  assert.equal(bytes.length, 40);
  const words = new Uint32Array(bytes.buffer);
  assert.deepEqual([...words], [1, 2, 2, 0, 3, 0, 4, 0, 5, 0]);
});

Deno.test("CallTable knows the return addresses that it was given, and none beside them", () => {
  const addresses = [0x81000005, 0x8100000a, 0x81200000];
  const table = new CallTable(Uint32Array.from(addresses));
  for (const low of addresses) {
    const pc = 0xffffffff00000000n + BigInt(low);
    assert.deepEqual([pc - 1n, pc, pc + 1n].map((each) => table.has(each)), [false, true, false]);
    assert.equal(table.has(BigInt(low)), false);
  }
  assert.equal(new CallTable(new Uint32Array()).has(0xffffffff81000005n), false);
});

const KALLSYMS = [
  "0000000000000000 A fixed_percpu_data",
  "ffffffff81000000 T _stext",
  "ffffffff81000000 T _text",
  "ffffffff81000100 t first",
  "ffffffff81000200 T second",
  "ffffffff81000300 T _etext",
  "ffffffff82000000 d data",
  "ffffffffa0002000 t later\t[mod]",
  "ffffffffa0001000 t early\t[mod]",
  "",
].join("\n");
const MODULES = "mod 16384 0 - Live 0xffffffffa0000000\n";

function tableOf(systemMap: string): SymbolTable {
  const packed = packSymbols(systemMap);
  assert.ok(packed !== null);
  return new SymbolTable(packed.buffer as ArrayBuffer, (bytes) => new TextDecoder().decode(bytes));
}

const table = tableOf(KALLSYMS);
const symbols = new KernelSymbols(table, KALLSYMS, MODULES);

Deno.test("KernelSymbols.nameOf() names the function of the call before a return address", () => {
  assert.equal(symbols.nameOf(0xffffffff81000101n), "first");
  assert.equal(symbols.nameOf(0xffffffff810001ffn), "first");
  assert.equal(symbols.nameOf(0xffffffff81000200n), "first", "call at the end of first");
  assert.equal(symbols.nameOf(0xffffffff81000201n), "second");
  assert.equal(symbols.nameOf(0xffffffff82000001n), undefined, "data");
  assert.equal(symbols.nameOf(0x1000n), undefined);
});

Deno.test("KernelSymbols knows loaded modules", () => {
  assert.equal(symbols.moduleOf(0xffffffffa0000010n), "mod");
  assert.equal(symbols.moduleOf(0xffffffff81000010n), undefined);
  assert.equal(symbols.nameOf(0xffffffffa0001001n), "early");
  assert.equal(symbols.nameOf(0xffffffffa0002001n), "later");
  assert.ok(!symbols.isText(0xffffffffa0004000n), "behind the module");
});

Deno.test("KernelSymbols tells modules apart whose sizes reach into each other", () => {
  // Text, data and what is gone after loading count for the size, and lie elsewhere.
  const lines = [
    "low 16384 0 - Live 0xffffffffa0000000\n",
    "high 16384 0 - Live 0xffffffffa0002000\n",
  ];
  for (const text of [lines.join(""), lines.toReversed().join("")]) {
    const both = new KernelSymbols(table, KALLSYMS, text);
    assert.equal(both.moduleOf(0xffffffffa0001ff0n), "low");
    assert.equal(both.moduleOf(0xffffffffa0002010n), "high");
  }
});

Deno.test("KernelSymbols knows modules where KCOV says they are beside a kernel that has moved", () => {
  const by = 0x1e000000;
  const moved = new KernelSymbols(table, KALLSYMS, MODULES, by);
  assert.equal(moved.nameOf(0xffffffffa0001001n - BigInt(by)), "early");
  assert.equal(moved.moduleOf(0xffffffffa0000010n), undefined);
  assert.equal(moved.nameOf(0xffffffff81000101n), "first", "of the image as linked");
});

Deno.test("KernelSymbols.isText() is true from _stext up to _etext", () => {
  assert.ok(symbols.isText(0xffffffff81000000n));
  assert.ok(symbols.isText(0xffffffff810002ffn));
  assert.ok(!symbols.isText(0xffffffff81000300n));
  assert.ok(!symbols.isText(0xffffffff80ffffffn));
});

Deno.test("KernelSymbols.namesOf() lists functions in order, each once", () => {
  const pcs = [0xffffffff81000201n, 0xffffffff81000101n, 0xffffffff81000203n, 0x5n];
  assert.deepEqual(symbols.namesOf(pcs), ["second", "first", "0x5"]);
});

Deno.test("packSymbols() keeps the functions of the kernel's text, one name an address", () => {
  const names = [0x80ffffff, 0x81000000, 0x810000ff, 0x81000100, 0x810001ff, 0x81ffffff].map((
    low,
  ) => table.at(low)?.name);
  assert.deepEqual(names, [undefined, "_stext", "_stext", "first", "first", "second"]);
  assert.deepEqual([table.start, table.end], [0x81000000, 0x81000300]);
  const aliases = tableOf([
    "ffffffff81000300 T _etext",
    "ffffffff81000010 T __memcpy",
    "ffffffff81000010 T memcpy",
    "ffffffff81000010 T ___memcpy",
    "ffffffff81000020 D data",
    "ffffffff81000000 T _stext",
  ].join("\n"));
  assert.equal(aliases.at(0x81000020)?.name, "memcpy");
  for (const names of [["__ia32_sys_x", "__x64_sys_x"], ["__x64_sys_x", "__ia32_sys_x"]]) {
    const lines = names.map((name) => `ffffffff81000010 T ${name}`);
    const text = ["ffffffff81000000 T _stext", ...lines, "ffffffff81000300 T _etext"].join("\n");
    assert.equal(tableOf(text).at(0x81000010)?.name, "__x64_sys_x");
  }
  assert.equal(packSymbols("ffffffff81000000 T _stext\n"), null, "no _etext");
  assert.equal(packSymbols(""), null);
});

Deno.test("SymbolTable.displacementOf() takes the kernel's word for where it is", () => {
  const [start, , first] = ["_stext", "_text", "first"].map((name) =>
    KALLSYMS.split("\n").find((line) => line.endsWith(` ${name}`))! + "\n"
  ) as [string, string, string];
  const by = (text: string) => table.displacementOf(text);
  const moved = (text: string) => text.replace("ffffffff81", "ffffffff9f");
  assert.equal(by(`0000000000000000 A fixed_percpu_data\n${start}${first}`), 0);
  assert.equal(by(`${start}${first}ffffffff8100017`), 0, "the last line is not whole");
  assert.equal(by(moved(start) + moved(first)), 0x1e000000, "all of it has moved");
  assert.equal(by(moved(start)), null, "_stext alone has moved");
  assert.equal(by(moved(start) + first), null, "a part has moved");
  assert.equal(by(start + first.replace("100", "180")), null, "another kernel");
  assert.equal(by("0000000000000000 T _stext\n"), null, "addresses are hidden");
  assert.equal(by(""), null);
});

Deno.test("ModuleFile lists sections, and functions of sections with code", () => {
  const file = new ModuleFile(tinyElf([
    ...symbolSections([
      { name: "early", value: 0n, section: 3, size: 8 },
      { name: "init_module", value: 0n, section: 3, size: 8 },
      { name: "late", value: 8n, section: 3, size: 4 },
      { name: "elsewhere", value: 0n, section: 0 },
      { name: "no_code", value: 0n, section: 4 },
    ]),
    { name: ".init.text", type: 1, flags: 6, content: new Uint8Array(12) },
    { name: ".data", type: 1, flags: 3, content: new Uint8Array(16) },
    { name: ".comment", type: 1, flags: 0, content: new Uint8Array(2) },
  ]));
  const of = (name: string) => file.sections.find((section) => section.name === name);
  assert.deepEqual(of(".init.text"), { name: ".init.text", size: 12, allocated: true, code: true });
  assert.deepEqual(of(".data"), { name: ".data", size: 16, allocated: true, code: false });
  assert.deepEqual(of(".comment"), { name: ".comment", size: 2, allocated: false, code: false });
  assert.deepEqual(file.functions.map(({ name }) => name), ["early", "init_module", "late"]);
  assert.deepEqual(file.functionsAt(".init.text", 7), ["early", "init_module"]);
  assert.deepEqual(file.functionsAt(".init.text", 8), ["late"]);
  assert.deepEqual(file.functionsAt(".init.text", 12), []);
  assert.deepEqual(file.functionsAt(".data", 0), []);
});

Deno.test("ModuleFile.callsOf() counts calls of both PC callbacks, by function and section", () => {
  const file = new ModuleFile(tinyElf([
    ...symbolSections([
      { name: "early", value: 0n, section: 3, size: 8 },
      { name: "init_module", value: 0n, section: 3, size: 8 },
      { name: "late", value: 8n, section: 3, size: 4 },
      { name: "silent", value: 12n, section: 3, size: 4 },
      { name: "early", value: 0n, section: 4, size: 16 },
      { name: "__sanitizer_cov_trace_pc", value: 0n },
      { name: "__sanitizer_cov_trace_pc_guard", value: 0n },
      { name: "__sanitizer_cov_trace_const_cmp4", value: 0n },
    ]),
    { name: ".init.text", type: 1, flags: 6, content: new Uint8Array(16) },
    { name: ".text", type: 1, flags: 6, content: new Uint8Array(16) },
    { name: ".data", type: 1, flags: 3, content: new Uint8Array(16) },
    relaSection(".init.text", 3, [
      { offset: 1, type: 4, symbol: 6 },
      { offset: 7, type: 4, symbol: 7 },
      { offset: 8, type: 4, symbol: 7 },
      { offset: 12, type: 4, symbol: 8 },
      { offset: 13, type: 4, symbol: 1 },
    ]),
    relaSection(".text", 4, [{ offset: 3, type: 4, symbol: 7 }]),
    // An address of the callback in data is no call.
    relaSection(".data", 5, [{ offset: 0, type: 1, symbol: 7 }]),
  ]));
  const init = ["early", "init_module", "late", "silent", "absent"]
    .map((name) => file.callsOf(".init.text", name));
  assert.deepEqual(init, [2, 2, 1, 0, 0]);
  assert.equal(file.callsOf(".text", "early"), 1);
  assert.equal(file.callsOf(".data", "early"), 0);
  assert.deepEqual(file.returnsTo(".init.text", "__sanitizer_cov_trace_pc_guard"), [11, 12]);
  assert.deepEqual(file.returnsTo(".text", "__sanitizer_cov_trace_pc"), []);
  assert.deepEqual(file.returnsTo(".data", "__sanitizer_cov_trace_pc"), []);
});

Deno.test("ModuleFile throws for what is no ELF64 file", () => {
  assert.throws(() => new ModuleFile(new Uint8Array(100)), /not an ELF64 file/);
  assert.throws(() => new ModuleFile(new Uint8Array()), RangeError);
});

/** Runs a body that fails so many times. */
function run(failures: number, error: () => never = () => fail("two more entries")) {
  const lines: string[] = [];
  let runs = 0;
  const body = () =>
    undisturbed({ log: (line) => lines.push(line) }, () => {
      if (++runs <= failures) error();
    });
  return { body, lines, runs: () => runs };
}

Deno.test("undisturbed() lets pass what holds in one of five attempts, and says so", () => {
  for (const failures of [0, 1, 4]) {
    const { body, lines, runs } = run(failures);
    body();
    assert.equal(runs(), failures + 1);
    assert.equal(lines.length, failures);
  }
  const { body, lines } = run(1);
  body();
  assert.deepEqual(lines, ["attempt 1: two more entries"]);
});

Deno.test("undisturbed() fails with what fails every time", () => {
  const { body, runs } = run(Infinity);
  assert.throws(body, AssertionError);
  assert.equal(runs(), 5);
});

Deno.test("undisturbed() repeats nothing but a claim that does not hold", () => {
  const { body, runs } = run(1, () => {
    throw new RangeError("a bug of the test");
  });
  assert.throws(body, RangeError);
  assert.equal(runs(), 1);
});

/** A machine on which a run takes `runMs` of the clock, and a tick comes each `tickMs`. */
function ticking(runMs: number, tickMs: number) {
  let [now, runs] = [0, 0];
  const once = () => {
    runs++;
    const before = Math.floor(now / tickMs);
    now += runMs;
    return Math.floor(now / tickMs) - before;
  };
  return { once, nowMs: () => now, runs: () => runs };
}

Deno.test("untilInterrupted() runs as often as it takes on a fast machine", () => {
  const machine = ticking(0.05, 10);
  assert.equal(untilInterrupted(8, machine.once, machine.nowMs), 8);
  assert.ok(machine.runs() >= 1599, `${machine.runs()} runs`);
});

Deno.test("untilInterrupted() takes what a slow machine has in one run", () => {
  const machine = ticking(3000, 4);
  assert.equal(untilInterrupted(8, machine.once, machine.nowMs), 750);
  assert.equal(machine.runs(), 1);
});

Deno.test("untilInterrupted() counts runs, too, where one takes longer than the time", () => {
  // Its ticks come late, and one of a run is all that is left of them.
  const machine = ticking(4000, 4000);
  assert.equal(untilInterrupted(20, machine.once, machine.nowMs), 20);
});

Deno.test("untilInterrupted() fails where none come, after the time and the runs", () => {
  for (const runMs of [0.5, 500]) {
    const machine = ticking(runMs, Infinity);
    assert.throws(() => untilInterrupted(1, machine.once, machine.nowMs), AssertionError);
    assert.ok(machine.nowMs() >= 10_000, `${machine.nowMs()} ms`);
    assert.ok(machine.runs() >= 200, `${machine.runs()} runs`);
  }
});

Deno.test("ask() reports what a system call came to, by the name of its error", () => {
  const told: string[] = [];
  const t = { answer: (promise: string, answer: string) => void told.push(`${promise} ${answer}`) };
  assert.equal(ask(t, "init.again", -16), -16);
  assert.equal(ask(t, "init.again", 0), 0);
  assert.equal(ask(t, "enable.cmp-not-built", -524), -524);
  assert.equal(ask(t, "init.again", -71), -71);
  assert.deepEqual(told, [
    "init.again EBUSY",
    "init.again ok",
    "enable.cmp-not-built ENOTSUPP",
    "init.again errno 71",
  ]);
});
