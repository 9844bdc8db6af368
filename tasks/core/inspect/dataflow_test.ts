// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  relaSection,
  symbolSections,
  tinyElf,
  tinyKernel,
  type TinyRelocation,
  type TinySection,
} from "../../testing/tiny_elf.ts";
import {
  type DataflowFacts,
  dataflowFigures,
  dataflowImageProblems,
  type DataflowObject,
  dataflowOfObject,
  dataflowOptions,
  dataflowProblems,
  parseNote,
} from "./dataflow.ts";
import { Elf } from "./elf.ts";
import { callsInImage } from "./instrumentation.ts";

const [ARGS, RET] = ["__sanitizer_cov_trace_args", "__sanitizer_cov_trace_ret"];
const PC = "__sanitizer_cov_trace_pc";
const PLUGIN = [
  ...["clang", "-fpass-plugin=/p.so", "-mllvm", "-kcov-dataflow-args"],
  ...["-mllvm", "-kcov-dataflow-ret", "-c"],
];
const ALL = { args: true, rets: true, instrumentsAll: true };
const CHOSEN = { ...ALL, instrumentsAll: false };

const note = (args = 0, lost = 0, rets = 0) =>
  `kcov-dataflow 1: functions=2 args=${args} lost=${lost} rets=${rets} tables=3 fields=7`;

interface Place {
  readonly section?: string;
  /** In front of the operand: 0xe8 calls. */
  readonly opcode?: number;
  /** R_X86_64_…: 4 is PLT32, 0 is NONE. */
  readonly type?: number;
}

/** An object of a section for each place of `args` and `rets`, and notes. */
function objectOf(
  args: readonly Place[],
  rets: readonly Place[],
  notes: readonly string[] = [],
): DataflowObject {
  const places = [...args.map((one) => [1, one] as const), ...rets.map((one) => [2, one] as const)];
  const sections: TinySection[] = [...symbolSections([
    { name: ARGS, value: 0n },
    { name: RET, value: 0n },
  ])];
  for (const [symbol, { section = ".text", opcode = 0xe8, type = 4 }] of places) {
    const content = Uint8Array.of(0x90, opcode, 0, 0, 0, 0);
    sections.push({ name: section, type: 1, flags: 6, content });
    const relocation: TinyRelocation = { offset: 2, type, symbol, addend: -4 };
    sections.push(relaSection(section, sections.length, [relocation]));
  }
  const text = ["clang version 22", ...notes].map((one) => `${one}\0`).join("");
  const content = new TextEncoder().encode(`\0${text}`);
  sections.push({ name: ".comment", type: 1, flags: 0x30, content });
  return dataflowOfObject(new Elf(tinyElf(sections), "x.o"));
}

const CALL: Place = {};

function problemsOf(
  dataflow: DataflowObject,
  more: Partial<DataflowFacts> = {},
  declared: readonly string[] = [],
): string[] {
  const facts = { path: "fs/x.o", argv: PLUGIN, isCovered: true, dataflow, ...more };
  return dataflowProblems(facts, declared).map(({ finding, text }) => `${finding.rule}: ${text}`);
}

Deno.test("dataflowOptions() reads what a configuration asks for", () => {
  assert.equal(dataflowOptions("CONFIG_KCOV=y\n"), null);
  assert.equal(dataflowOptions("# CONFIG_KCOV_DATAFLOW_ARGS is not set\n"), null);
  assert.deepEqual(dataflowOptions("CONFIG_KCOV_DATAFLOW_RET=y\n"), {
    ...{ args: false, rets: true, instrumentsAll: false },
  });
  const whole = ["ARGS", "RET", "INSTRUMENT_ALL"].map((one) => `CONFIG_KCOV_DATAFLOW_${one}=y\n`);
  assert.deepEqual(dataflowOptions(whole.join("")), ALL);
});

Deno.test("parseNote() takes a note of version 1, whole, and nothing else", () => {
  assert.deepEqual(parseNote(note(5, 1, 4)), {
    ...{ functions: 2, args: 5, lost: 1, rets: 4, tables: 3, fields: 7 },
  });
  for (const text of [note().replace("1:", "2:"), `${note()} more`, "kcov-dataflow 1:", ""]) {
    assert.equal(parseNote(text), null);
  }
});

Deno.test("dataflowOfObject() counts calls by their instruction, and tells other ways apart", () => {
  const found = objectOf(
    [CALL, CALL, { opcode: 0xe9 }, { section: ".noinstr.text" }],
    [CALL, { section: ".noinstr.text", type: 0 }, { opcode: 0x84 }],
    [note(3, 0, 1)],
  );
  assert.deepEqual(found, {
    calls: { args: 3, rets: 1 },
    others: [ARGS, RET],
    noinstr: [".noinstr.text"],
    notes: [note(3, 0, 1)],
  });
  const none = objectOf([], []);
  assert.deepEqual(none, { calls: { args: 0, rets: 0 }, others: [], noinstr: [], notes: [] });
});

Deno.test("dataflowProblems() finds nothing where the plugin's word is what the code has", () => {
  assert.deepEqual(problemsOf(objectOf([CALL, CALL, CALL], [CALL], [note(2, 1, 1)])), []);
  assert.deepEqual(problemsOf(objectOf([], [], [note()])), []);
  // Compiled without it.
  assert.deepEqual(problemsOf(objectOf([], []), { argv: ["clang", "-c"] }), []);
  assert.deepEqual(problemsOf(objectOf([], []), { argv: null }), []);
});

Deno.test("dataflowProblems() holds the calls in the code against those that were added", () => {
  const [first, ...more] = problemsOf(objectOf([CALL, CALL], [CALL], [note(2, 1, 1)]));
  assert.deepEqual(more, []);
  assert.equal(
    first,
    `dataflow-count: fs/x.o calls ${ARGS} 2 times, and the plugin says that it has added 3`,
  );
  assert.match(problemsOf(objectOf([], [CALL], [note(0, 0, 2)]))[0]!, /trace_ret 1 time, .* 2$/);
  assert.match(
    problemsOf(objectOf([], [], [note().replace("1:", "9:")]))[0]!,
    /^dataflow-note: fs\/x\.o has a note that is not of version 1: kcov-dataflow 9:/,
  );
  assert.match(problemsOf(objectOf([], [], [note(), note()]))[0]!, /has 2 notes of the plugin$/);
  assert.match(
    problemsOf(objectOf([CALL], []), { argv: null })[0]!,
    /^dataflow-note: fs\/x\.o has calls for dataflow and no note of the plugin$/,
  );
});

Deno.test("dataflowProblems() wants no jump, and nothing where nothing may be called", () => {
  const jumps = problemsOf(objectOf([{ opcode: 0xe9 }, { opcode: 0xe9 }], [], [note()]));
  assert.deepEqual(jumps.length, 1);
  assert.match(
    jumps[0]!,
    /^dataflow-jump: fs\/x\.o reaches \S+_args by something else than a call;/,
  );
  for (const section of [".noinstr.text", ".entry.text", ".cpuidle.text", ".head.text"]) {
    const calls = objectOf([{ section }], [], [note(1)]);
    assert.match(problemsOf(calls)[0]!, new RegExp(`^dataflow-noinstr: .* in \\${section}, where`));
  }
  // objtool has made a NOP of it; the plugin has added it all the same.
  const hidden = problemsOf(objectOf([{ section: ".noinstr.text", type: 0 }], [], [note(1)]));
  assert.deepEqual(hidden.map((text) => text.split(":")[0]), [
    "dataflow-noinstr",
    "dataflow-count",
  ]);
  assert.deepEqual(problemsOf(objectOf([{ section: ".text.hot" }], [], [note(1)])), []);
});

Deno.test("dataflowProblems() holds an object against what its compiler was told", () => {
  const calls = objectOf([CALL], [CALL], [note(1, 0, 1)]);
  const unasked = problemsOf(calls, { argv: ["clang", "-fsanitize-coverage=trace-pc", "-c"] });
  assert.equal(unasked.length, 2);
  assert.match(unasked[0]!, /^dataflow-unasked: fs\/x\.o calls \S+_args 1 time, and its compiler/);
  assert.match(problemsOf(calls, { argv: PLUGIN.toSpliced(2, 2) })[0]!, /trace_args 1 time/);
  assert.match(
    problemsOf(objectOf([], []))[0]!,
    /^dataflow-silent: fs\/x\.o was compiled with the dataflow plugin and has no note/,
  );
});

Deno.test("dataflowProblems() wants no call in what the tree leaves uninstrumented", () => {
  const calls = objectOf([CALL], [], [note(1)]);
  assert.match(problemsOf(calls, {}, ["fs/x.o"])[0]!, /^dataflow-declared: fs\/x\.o has 1 call /);
  // A glob covers more than it declares: what is covered by KCOV itself is not meant.
  assert.deepEqual(problemsOf(calls, {}, ["fs/*"]), []);
  assert.equal(problemsOf(calls, { isCovered: false }, ["fs/*"]).length, 1);
  assert.deepEqual(problemsOf(objectOf([], [], [note()]), {}, ["fs/x.o"]), []);
});

Deno.test("dataflowFigures() adds up the notes of all objects", () => {
  const facts = (dataflow: DataflowObject | null) => ({
    path: "x.o",
    argv: null,
    isCovered: true,
    dataflow,
  });
  assert.deepEqual(
    dataflowFigures([
      facts(objectOf([], [], [note(5, 1, 4)])),
      facts(objectOf([], [], [note(2, 0, 1)])),
      facts(objectOf([], [])),
      facts(null),
    ]),
    {
      ...{ objects: 2, functions: 4, args: 7, lost: 1, rets: 5, tables: 6 },
      tableBytes: 14 * 16,
    },
  );
});

const imageProblems = (
  calls: Readonly<Record<string, number>>,
  asked: Parameters<typeof dataflowImageProblems>[1],
  more: Partial<Parameters<typeof tinyKernel>[0]> = {},
) =>
  dataflowImageProblems(new Elf(tinyKernel({ calls, ...more }), "vmlinux"), asked)
    .map(({ finding, text }) => `${finding.rule}: ${text}`);

Deno.test("dataflowImageProblems() wants calls of what is configured, and of nothing else", () => {
  assert.deepEqual(imageProblems({ [PC]: 5 }, null), []);
  assert.deepEqual(imageProblems({ [ARGS]: 1000, [RET]: 1000 }, ALL), []);
  assert.deepEqual(imageProblems({ [ARGS]: 1, [RET]: 1 }, CHOSEN), []);
  assert.deepEqual(imageProblems({ [ARGS]: 1, [RET]: 0 }, { ...CHOSEN, rets: false }), []);
  assert.deepEqual(imageProblems({ [ARGS]: 0, [RET]: 999 }, { ...ALL, args: true }), [
    `calls-missing: vmlinux calls ${ARGS} 0 times; at least 1000 expected`,
    `calls-missing: vmlinux calls ${RET} 999 times; at least 1000 expected`,
  ]);
  // Nothing of vmlinux was chosen, or the plugin did nothing.
  assert.equal(imageProblems({}, CHOSEN).length, 2);
  assert.deepEqual(imageProblems({ [ARGS]: 3 }, null), [
    `calls-unasked: vmlinux calls ${ARGS} 3 times, but must not at all`,
  ]);
});

Deno.test("dataflowImageProblems() wants no jump and no call in noinstr text", () => {
  const jumps = imageProblems({ [ARGS]: 2, [RET]: 0 }, null, { opcode: 0xe9 });
  assert.deepEqual(jumps.map((text) => text.split(";")[0]), [
    `dataflow-jump: vmlinux jumps to ${ARGS} 2 times`,
  ]);
  // The first three calls of five bytes each.
  const start = 0xffffffff81000000n;
  for (const name of ["noinstr", "entry", "cpuidle"]) {
    const symbols = [
      { name: `__${name}_text_start`, value: start },
      { name: `__${name}_text_end`, value: start + 15n },
    ];
    assert.deepEqual(imageProblems({ [ARGS]: 9, [RET]: 9 }, CHOSEN, { symbols }), [
      `dataflow-noinstr: vmlinux calls ${ARGS} 3 times in code where nothing may be called`,
    ]);
  }
});

Deno.test("callsInImage() counts dataflow's calls beside the others, and takes none for a PC", () => {
  const elf = new Elf(tinyKernel({ calls: { [PC]: 2, [ARGS]: 3, [RET]: 1 } }), "vmlinux");
  const { calls, returns } = callsInImage(elf);
  assert.deepEqual(calls, { [PC]: 2, [ARGS]: 3, [RET]: 1 });
  assert.deepEqual([returns.pc.length, returns.cmp.length], [2, 0]);
});
