// SPDX-License-Identifier: MIT

/** Coverage of modules: while they are loaded, run and unloaded, and all of it once more. */

import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertSameMembers,
  fail,
  hex,
  inspect,
} from "../../harness/asserts.ts";
import { Batch, type Step } from "../../harness/batch.ts";
import type { Feature } from "../../contract/features.ts";
import { fixture, type TestContext } from "../../harness/fixtures.ts";
import { close, cString, guest, O_RDWR, open, SYS } from "../../harness/guest.ts";
import {
  enableOrSkip,
  enableUniqueOrSkip,
  type Kcov,
  KCOV_DISABLE,
  KCOV_ENABLE,
  KCOV_TRACE_CMP,
  KCOV_TRACE_PC,
  KCOV_UNIQUE_ENABLE,
  openMapped,
} from "../kcov.ts";
import {
  type CodeRange,
  codeRanges,
  loadIn,
  loadUntilEnd,
  modulesHere,
  needModules,
  type OpenModule,
  openModule,
  shownSections,
  TARGET_CHOSEN,
  TARGET_PATH,
  TEST_MODULES,
  type TestModule,
  unloadAtEnd,
  unloadIn,
} from "../modules.ts";
import { kernelTextEnd, readKernelSymbols } from "../symbols.ts";

const FILE = "selftests/kcov/tests/kcov_modules.ts";
/** Loading a module leaves about ten thousand entries in mode PC. */
const BUFFER_WORDS = 256 * 1024;
/** 262144 indices: more than the tests ever hand out. */
const BITMAP_WORDS = 4 * 1024;

/** What one window collected. */
interface Window {
  /** Entries of all code, until the collection ended. */
  readonly entries: number;
  /** Entries from code of modules: each once, as a low half of the address, in order. */
  readonly pcs: readonly number[];
  /** Return value of the system call that was collected. */
  readonly result: bigint;
}

/** Collects from system calls one at a time, and from nothing in between. */
class Collector {
  readonly #device: Kcov;
  readonly #enable: readonly [number, number];
  /**
   * Modules lie above the kernel (Documentation/arch/x86/x86_64/mm.rst), also where KASLR has moved
   * both and KCOV has taken the same number off both.
   */
  readonly #modulesStart = kernelTextEnd();

  /** @param bitmapWords 0 for mode PC */
  constructor(device: Kcov, bitmapWords = 0) {
    this.#device = device;
    device.bitmapWords = bitmapWords;
    this.#enable = bitmapWords === 0
      ? [KCOV_ENABLE, KCOV_TRACE_PC]
      : [KCOV_UNIQUE_ENABLE, bitmapWords];
  }

  /** The bitmap is kept from window to window, the trace begins anew. */
  collect(operation: (batch: Batch) => Step): Window {
    const device = this.#device;
    const batch = new Batch();
    batch.keep(device.buffer);
    batch.store(device.addressOf(device.bitmapWords), 0n);
    const enabled = batch.syscall(SYS.ioctl, [device.fd, ...this.#enable]);
    const result = operation(batch);
    const disabled = batch.syscall(SYS.ioctl, [device.fd, KCOV_DISABLE, 0]);
    const count = device.countIn(batch);
    batch.run();
    assertEquals(batch.result(enabled), 0n, "result of enabling");
    assertEquals(batch.result(disabled), 0n, "result of KCOV_DISABLE");
    const entries = Number(batch.result(count));
    assertLess(entries, device.words - device.bitmapWords - 1, "entries, and room for more");
    return { entries, pcs: this.#modulePcs(entries), result: batch.result(result) };
  }

  /** Halves of words: a bigint for each of so many entries would take long. */
  #modulePcs(entries: number): number[] {
    const halves = new Uint32Array(this.#device.buffer.buffer);
    const found = new Set<number>();
    const first = 2 * (this.#device.bitmapWords + 1);
    for (let at = first; at < first + 2 * entries; at += 2) {
      if (halves[at]! >= this.#modulesStart) found.add(halves[at]!);
    }
    return [...found];
  }
}

/** A place in a module's code that does not depend on where the module lies. */
interface Place {
  /** "function+0x12" */
  readonly name: string;
  readonly section: string;
  /** All names of the function. */
  readonly functions: readonly string[];
  readonly pc: number;
}

/** Where the PCs of a window lie. Fails for one that is in no code of the module. */
function placesOf(
  window: Pick<Window, "pcs">,
  { content }: OpenModule,
  ranges: readonly CodeRange[],
): Place[] {
  return window.pcs.map((pc) => {
    // The entry is the address behind the call.
    const range = ranges.find(({ start, end }) => pc > start && pc <= end);
    const functions = range ? content.functionsAt(range.section, pc - 1 - range.start) : [];
    if (!range || functions.length === 0) {
      fail(`entry ${hex(BigInt(pc))} is in none of ${inspect(ranges)}`);
    }
    const { start } = content.functions.find(({ name, section }) =>
      name === functions[0] && section === range.section
    )!;
    const name = `${functions[0]}+0x${(pc - range.start - start).toString(16)}`;
    return { name, section: range.section, functions, pc };
  });
}

function assertRan(places: readonly Place[], section: string, wanted: readonly string[]): void {
  const ran = new Set(
    places.filter((each) => each.section === section).flatMap((each) => each.functions),
  );
  for (const name of wanted) {
    assert(ran.has(name), `${name} of ${section} is not covered: ${inspect(ran)}`);
  }
}

/**
 * The functions of .init.text that have to be covered: all that run, or none in a kernel that leaves
 * __init functions uninstrumented (7.3 does), in which case the module's file has no call in them.
 */
function reportingInit({ init }: TestModule, { content }: OpenModule): readonly string[] {
  const names = ["init_module", ...init];
  const silent = names.filter((name) => content.callsOf(".init.text", name) === 0);
  if (silent.length === names.length) return [];
  assertEquals(silent, [], "functions of .init.text without a callback, beside others with one");
  return names;
}

interface Life {
  readonly load: readonly string[];
  readonly run: readonly string[];
  readonly runAgain: readonly string[];
  readonly unload: readonly string[];
  /** Entries of all windows. */
  readonly entries: number;
}

/** Runs the handlers of a file of the module. */
function runFile(collector: Collector, { path, text }: NonNullable<TestModule["file"]>): Window {
  const handle = open(path, O_RDWR);
  const bytes = cString(text);
  const answer = new Uint8Array(256);
  try {
    const window = collector.collect((batch) => {
      batch.syscall(SYS.write, [handle, bytes, text.length]);
      // Not all such files can be rewound, but a write that moved the position can be undone.
      batch.syscall(SYS.lseek, [handle, 0, 0]);
      return batch.syscall(SYS.read, [handle, answer, answer.length]);
    });
    assertGreater(window.result, 0n, `bytes read from ${path}`);
    return window;
  } finally {
    close(handle);
  }
}

/** Loads, runs twice and unloads a module, and fails where a function that ran is not covered. */
function live(collector: Collector, module: TestModule, opened: OpenModule): Life {
  const { name, file } = module;
  const load = collector.collect((batch) => loadIn(batch, opened));
  assertEquals(load.result, 0n, `result of finit_module of ${name}`);
  const ranges = codeRanges(name, opened.content);
  const loaded = placesOf(load, opened, ranges);
  // What module_init() and module_exit() name has no other symbol left, when clang is done.
  assertRan(loaded, ".init.text", reportingInit(module, opened));
  assertRan(loaded, ".text", module.inside);

  // The memory of .init.text may be another's by now.
  const staying = ranges.filter(({ section }) => section !== ".init.text");
  const windows = file ? [runFile(collector, file), runFile(collector, file)] : [];
  const [ran = [], again = []] = windows.map((window) => placesOf(window, opened, staying));
  if (file) assertRan(ran, ".text", file.functions);

  const unload = collector.collect((batch) => unloadIn(batch, name));
  assertEquals(unload.result, 0n, `result of delete_module of ${name}`);
  const unloaded = placesOf(unload, opened, staying);
  assertRan(unloaded, ".exit.text", ["cleanup_module", ...module.exit]);
  const names = (places: readonly Place[]) => places.map((place) => place.name);
  return {
    load: names(loaded),
    run: names(ran),
    runAgain: names(again),
    unload: names(unloaded),
    entries: [load, ...windows, unload].reduce((sum, { entries }) => sum + entries, 0),
  };
}

function assertSameLife(actual: Life, expected: Life, what: string): void {
  for (const phase of ["load", "run", "unload"] as const) {
    assertSameMembers(actual[phase], expected[phase], `${what}: PCs of the module in ${phase}`);
  }
}

/** Loads what the module needs, and sees to it that the module itself is not there, now and later. */
function prepare(t: TestContext, module: TestModule): OpenModule {
  needModules(t);
  for (const name of [module.name, ...module.after]) {
    // A test before may have died.
    guest().tryCall(SYS.deleteModule, name, 0);
  }
  for (const name of module.after) loadUntilEnd(t, name);
  const opened = openModule(t, module.name);
  unloadAtEnd(t, module.name);
  return opened;
}

export const kcovModules = fixture("kcov_modules", {
  file: FILE,
  requires: ["kcov", "modules"],
  variants: TEST_MODULES,
  setup(t, module: TestModule) {
    const device = openMapped(t, BUFFER_WORDS);
    return { device, opened: prepare(t, module) };
  },
});

kcovModules.test("loads_with_one_section_of_each_name", (t, { opened }, { name }) => {
  guest().call(SYS.finitModule, opened.fd, "", 0);
  const shown = shownSections(name);
  t.log(shown.join(" "));
  assertEquals(new Set(shown).size, shown.length, "different names, compared with sections");
  const code = opened.content.sections.filter((each) => each.code && each.size > 0)
    .map((section) => section.name);
  for (const section of [".init.text", ".exit.text"]) {
    assert(code.includes(section), `no ${section} among ${code.join(" ")}`);
  }
  assertEquals(
    shown.filter((each) => code.includes(each)).sort(),
    code.sort(),
    "sections with code that the kernel shows, compared with the file",
  );
});

kcovModules.test("is_covered_from_load_to_unload", (t, { device, opened }, module) => {
  const collector = new Collector(device);
  const first = live(collector, module, opened);
  t.log(`${first.load.length} places while loading, ${first.run.length} inside`);
  assertSameMembers(first.runAgain, first.run, "PCs of the same calls again");
  assertSameLife(live(collector, module, opened), first, "after a reload");
});

export const kcovModulesUnique = fixture("kcov_modules_unique", {
  file: FILE,
  requires: ["kcov", "modules", "unique"],
  variants: TEST_MODULES,
  setup(t, module: TestModule) {
    const device = openMapped(t, BUFFER_WORDS);
    enableUniqueOrSkip(t, device, BITMAP_WORDS);
    device.disable();
    return { device, opened: prepare(t, module) };
  },
});

kcovModulesUnique.test("guards_start_anew_with_a_reload", (t, { device, opened }, module) => {
  const plain = live(new Collector(device), module, opened);

  device.buffer.fill(0n, 0, BITMAP_WORDS);
  const collector = new Collector(device, BITMAP_WORDS);
  const first = live(collector, module, opened);
  assertSameLife(first, plain, "compared with mode PC");
  assertEquals(first.runAgain, [], "PCs of the same calls again");
  const bitsBefore = device.setBits().length;
  assertEquals(bitsBefore, first.entries, "bits set, compared with entries");

  // The bitmap still holds the bits of the guards as they were: only guards with other indices let
  // the same PCs through.
  const second = live(collector, module, opened);
  assertSameLife(second, plain, "after a reload");
  assertEquals(second.runAgain, [], "PCs of the same calls again after a reload");
  assertEquals(
    device.setBits().length - bitsBefore,
    second.entries,
    "bits that the reload set, compared with its entries",
  );
  t.log(`${first.entries} entries, after the reload ${second.entries}`);
  assertLess(second.entries, first.entries, "entries of the second time, most of them known");
});

/** All modules at once, as reading /proc/kallsyms takes long. */
export const kcovModuleSymbols = fixture("kcov_module_symbols", {
  file: FILE,
  requires: ["kcov", "modules"],
  variants: { base: {} },
  setup: (t) => new Collector(openMapped(t, BUFFER_WORDS)),
});

kcovModuleSymbols.test("pcs_have_the_names_of_the_modules_functions", (t, collector) => {
  const modules = modulesHere();
  const seen = modules.map((module) => {
    const opened = prepare(t, module);
    const load = collector.collect((batch) => loadIn(batch, opened));
    assertEquals(load.result, 0n, `result of finit_module of ${module.name}`);
    const ranges = codeRanges(module.name, opened.content);
    const places = placesOf(load, opened, ranges);
    if (module.file) places.push(...placesOf(runFile(collector, module.file), opened, ranges));
    // The kernel forgets what lay in .init.text.
    return { name: module.name, places: places.filter((each) => each.section !== ".init.text") };
  });
  const symbols = readKernelSymbols();
  const named = seen.flatMap(({ name, places }) =>
    places.map((place) => {
      const address = 0xffffffff00000000n + BigInt(place.pc);
      assertEquals(symbols.moduleOf(address), name, `module that ${place.name} is in`);
      const known = symbols.nameOf(address) ?? "";
      assert(
        place.functions.includes(known),
        `${hex(address)} is in ${known} for the kernel, in the file in ${place.name}`,
      );
      return known;
    })
  );
  const names = new Set(named);
  t.log([...names].join(" "));
  for (const name of modules.flatMap(({ inside, file }) => [...inside, ...file?.functions ?? []])) {
    assert(names.has(name), `no PC in ${name}: ${inspect(names)}`);
  }
});

/** Our own module, whose code is known. */
export const kcovModuleTarget = fixture("kcov_module_target", {
  file: FILE,
  requires: ["kcov", "modules"],
  variants: {
    pc: { mode: KCOV_TRACE_PC },
    cmp: { mode: KCOV_TRACE_CMP, requires: ["cmp"] },
  },
  setup(t, { mode }: { readonly mode: number; readonly requires?: readonly Feature[] }) {
    const device = openMapped(t, BUFFER_WORDS);
    enableOrSkip(t, device, mode);
    device.disable();
    const opened = prepare(t, TEST_MODULES.kmatrix_target);
    guest().call(SYS.finitModule, opened.fd, "", 0);
    const ranges = codeRanges(TEST_MODULES.kmatrix_target.name, opened.content);
    const handle = open(TARGET_PATH, O_RDWR);
    t.cleanup(() => close(handle));
    return { device, opened, ranges, handle };
  },
});

function writeNumber(batch: Batch, handle: number, number: number): Step {
  const text = cString(String(number));
  return batch.syscall(SYS.write, [handle, text, text.length - 1]);
}

kcovModuleTarget.test("shows_the_number_that_was_written", (_t, context, { mode }) => {
  const { device, opened, ranges, handle } = context;
  const functionsOf = (pcs: readonly number[]) =>
    placesOf({ pcs }, opened, ranges).map(({ functions }) => functions[0]!);
  if (mode === KCOV_TRACE_PC) {
    const collector = new Collector(device);
    const covered = (number: number) => {
      const { pcs } = collector.collect((batch) => writeNumber(batch, handle, number));
      return new Set(functionsOf(pcs));
    };
    const always = ["target_set", "step", "kmatrix_walk"];
    assertSameMembers(covered(0), always, "functions for 0");
    assertSameMembers(covered(2), always, "functions for 2");
    assertSameMembers(covered(3), [...always, "odd"], "functions for 3");
    assertSameMembers(
      covered(TARGET_CHOSEN),
      [...always, "chosen"],
      "functions for the chosen one",
    );
    return;
  }
  device.enable(KCOV_TRACE_CMP);
  for (const number of [0x5eed1234, 12345]) {
    const recording = device.recording((batch) => writeNumber(batch, handle, number));
    const records = device.comparisons(recording.run());
    const ours = records.find(({ arg1, arg2 }) =>
      arg1 === BigInt(TARGET_CHOSEN) && arg2 === BigInt(number)
    );
    if (ours === undefined) fail(`no comparison with ${number}: ${inspect(records)}`);
    assert(ours.isConst, `no operand is marked constant: ${inspect(ours)}`);
    assertEquals(ours.sizeBytes, 4, "size of the operands");
    const [name] = functionsOf([Number(ours.pc & 0xffffffffn)]);
    assertEquals(name, "kmatrix_walk", "function that compares");
  }
  device.disable();
});
