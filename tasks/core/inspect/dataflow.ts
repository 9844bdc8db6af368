// SPDX-License-Identifier: MIT
/**
 * Calls of KCOV dataflow's callbacks in an image and its objects, held against what the compiler was
 * told and against what the plugin notes in each object (docs/dataflow.md).
 */
import { counted } from "../text/counted.ts";
import type { DataflowFigures } from "../model/model.ts";
import { DATAFLOW_CALLBACKS, dataflowOf } from "../build/dataflow_plugin.ts";
import { type Elf, SHF_ALLOC, SHF_EXECINSTR } from "./elf.ts";
import { type Problem, problem } from "./instrumentation.ts";
import { globMatches } from "../../../selftests/contract/glob.ts";

type Kind = keyof typeof DATAFLOW_CALLBACKS;
const KINDS = Object.keys(DATAFLOW_CALLBACKS) as readonly Kind[];
const KIND_OF: ReadonlyMap<string, Kind> = new Map(
  KINDS.map((kind) => [DATAFLOW_CALLBACKS[kind], kind]),
);

/** What a configuration asks of dataflow; null for a kernel without. */
export interface DataflowOptions {
  readonly args: boolean;
  readonly rets: boolean;
  /** CONFIG_KCOV_DATAFLOW_INSTRUMENT_ALL; without it, chosen files and folders. */
  readonly instrumentsAll: boolean;
}

/** @param config Text of include/config/auto.conf. */
export function dataflowOptions(config: string): DataflowOptions | null {
  const has = (name: string) => new RegExp(`^CONFIG_KCOV_DATAFLOW${name}=y$`, "m").test(config);
  const [args, rets] = [has("_ARGS"), has("_RET")];
  return args || rets ? { args, rets, instrumentsAll: has("_INSTRUMENT_ALL") } : null;
}

/** As the note of a plugin has it, version 1: a string of the section .comment. */
export interface DataflowNote {
  readonly functions: number;
  readonly args: number;
  readonly lost: number;
  readonly rets: number;
  readonly tables: number;
  /** Pairs of offset and size in all tables. */
  readonly fields: number;
}

const NOTE = "kcov-dataflow ";
const NOTE_1 =
  /^kcov-dataflow 1: functions=(\d+) args=(\d+) lost=(\d+) rets=(\d+) tables=(\d+) fields=(\d+)$/;
/** Two words of 64 bits. */
const PAIR_BYTES = 16;

/** null for a text that is no note of that version. */
export function parseNote(text: string): DataflowNote | null {
  const [, ...numbers] = NOTE_1.exec(text) ?? [];
  if (numbers.length === 0) return null;
  const [functions, args, lost, rets, tables, fields] = numbers.map(Number) as Six;
  return { functions, args, lost, rets, tables, fields };
}
type Six = [number, number, number, number, number, number];

/** What one object has of dataflow. */
export interface DataflowObject {
  /** Direct calls in its code. */
  readonly calls: Readonly<Record<Kind, number>>;
  /** Other ways to a callback, jumps for one, by the name of the callback. */
  readonly others: readonly string[];
  /** Sections without instrumentation that have one, objtool's NOPs included. */
  readonly noinstr: readonly string[];
  /** Each note, as it stands. */
  readonly notes: readonly string[];
}

/** Code that runs where nothing may be called (include/linux/compiler_types.h, arch/x86/entry). */
const NOINSTR = /^\.(?:noinstr|entry|cpuidle|head)\.text(?:\.|$)/;
const NO_RELOCATION = 0;

/** Of a compiled object, or a module. */
export function dataflowOfObject(elf: Elf): DataflowObject {
  const calls: Record<Kind, number> = { args: 0, rets: 0 };
  const others: string[] = [];
  const noinstr = new Set<string>();
  for (const [index, section] of elf.sections.entries()) {
    if ((section.flags & SHF_ALLOC) === 0 || (section.flags & SHF_EXECINSTR) === 0) continue;
    let content: Uint8Array | null = null;
    for (const { symbol, offset, type } of elf.relocations(index)) {
      const name = elf.symbolTable[symbol]?.name ?? "";
      const kind = KIND_OF.get(name);
      if (kind === undefined) continue;
      if (NOINSTR.test(section.name)) noinstr.add(section.name);
      // What objtool has made a NOP of keeps its place in the table.
      if (type === NO_RELOCATION) continue;
      content ??= elf.content(section);
      if (elf.arch.code.isCall(content, offset)) calls[kind]++;
      else others.push(name);
    }
  }
  return { calls, others, noinstr: [...noinstr], notes: notesOf(elf) };
}

function notesOf(elf: Elf): string[] {
  const comment = elf.sections.find(({ name }) => name === ".comment");
  if (comment === undefined) return [];
  const text = new TextDecoder().decode(elf.content(comment));
  return text.split("\0").filter((one) => one.startsWith(NOTE));
}

/** An object of a kernel with the words of its compiler; null where no command tells. */
export interface DataflowFacts {
  readonly path: string;
  readonly argv: readonly string[] | null;
  /** null where its code cannot be seen. */
  readonly dataflow: DataflowObject | null;
  /** Whether it has calls for coverage. */
  readonly isCovered: boolean;
}

/**
 * A line for each thing that is wrong with an object.
 * @param declared Globs of what the tree leaves uninstrumented.
 */
export function dataflowProblems(
  object: DataflowFacts,
  declared: readonly string[],
): Problem[] {
  const { path, dataflow, argv } = object;
  if (dataflow === null) return [];
  const { calls, others, noinstr, notes } = dataflow;
  const add = (rule: string, what: string, text: string) => problem(rule, path, what, text);
  const total = calls.args + calls.rets + others.length;
  return [
    ...noinstr.map((section) => {
      const text = `${path} calls dataflow's callbacks in ${section}, where nothing may be called`;
      return add("dataflow-noinstr", section, text);
    }),
    ...[...new Set(others)].map((name) => {
      const text = `${path} reaches ${name} by something else than a call; ` +
        "the callback would take another function's caller for its own";
      return add("dataflow-jump", name, text);
    }),
    ...(total > 0 && isOptedOut(object, declared)
      ? [add(
        ...["dataflow-declared", ""] as const,
        `${path} has ${counted(total, "call")} for dataflow, although the tree declares it as ` +
          "uninstrumented (uninstrumented.list)",
      )]
      : []),
    ...(argv === null ? [] : flagProblems(object, dataflow, argv, add)),
    ...(notes.length === 0 && total > 0 && argv === null
      ? [add("dataflow-note", "", `${path} has calls for dataflow and no note of the plugin`)]
      : []),
    ...notes.flatMap((text) => noteProblems(text, object, calls, add)),
  ];
}

type Add = (rule: string, what: string, text: string) => Problem;

/** A glob covers more than it declares; what it covers and is not covered itself is meant. */
function isOptedOut({ path, isCovered }: DataflowFacts, declared: readonly string[]): boolean {
  return declared.includes(path) ||
    (!isCovered && declared.some((glob) => globMatches(glob, path)));
}

/** What the compiler was told, against what there is. */
function flagProblems(
  { path }: DataflowFacts,
  { calls, notes }: DataflowObject,
  argv: readonly string[],
  add: Add,
): Problem[] {
  const asked = dataflowOf(argv);
  const unasked = KINDS.filter((kind) => calls[kind] > 0 && !asked[kind]).map((kind) => {
    const name = DATAFLOW_CALLBACKS[kind];
    const text = `${path} calls ${name} ${counted(calls[kind], "time")}, and its compiler was ` +
      "not told to add that";
    return add("dataflow-unasked", name, text);
  });
  const isSilent = (asked.args || asked.rets) && notes.length === 0;
  const silent = `${path} was compiled with the dataflow plugin and has no note of it in .comment`;
  return isSilent ? [...unasked, add("dataflow-silent", "", silent)] : unasked;
}

/** What the plugin says that it has added, against what is called. */
function noteProblems(
  text: string,
  { path, dataflow }: DataflowFacts,
  calls: DataflowObject["calls"],
  add: Add,
): Problem[] {
  const note = parseNote(text);
  if (note === null) {
    return [add("dataflow-note", text, `${path} has a note that is not of version 1: ${text}`)];
  }
  if (dataflow !== null && dataflow.notes.length > 1) {
    return [add("dataflow-note", text, `${path} has ${dataflow.notes.length} notes of the plugin`)];
  }
  const noted = { args: note.args + note.lost, rets: note.rets };
  return KINDS.filter((kind) => calls[kind] !== noted[kind]).map((kind) => {
    const name = DATAFLOW_CALLBACKS[kind];
    const what = `${path} calls ${name} ${counted(calls[kind], "time")}`;
    return add(
      "dataflow-count",
      name,
      `${what}, and the plugin says that it has added ${noted[kind]}`,
    );
  });
}

/** The sum of all notes; those that are none of version 1 are problems already. */
export function dataflowFigures(objects: readonly DataflowFacts[]): DataflowFigures {
  const notes = objects.flatMap(({ dataflow }) =>
    (dataflow?.notes ?? []).flatMap((text) => parseNote(text) ?? [])
  );
  const sum = (of: (note: DataflowNote) => number) => notes.reduce((all, one) => all + of(one), 0);
  return {
    objects: notes.length,
    functions: sum((note) => note.functions),
    args: sum((note) => note.args),
    lost: sum((note) => note.lost),
    rets: sum((note) => note.rets),
    tables: sum((note) => note.tables),
    tableBytes: sum((note) => note.fields) * PAIR_BYTES,
  };
}

// ── the image ───────────────────────────────────────────────────────────────────────────────────

/** Symbols around code without instrumentation, as linker scripts have them. */
const NOINSTR_BOUNDS: readonly (readonly [string, string])[] = [
  ["__noinstr_text_start", "__noinstr_text_end"],
  ["__entry_text_start", "__entry_text_end"],
  ["__cpuidle_text_start", "__cpuidle_text_end"],
];

/** A kernel with all files instrumented has some thousand functions. */
const FEWEST_CALLS = 1000;

/**
 * What is wrong with the calls of a linked kernel.
 * @param asked null for a kernel without dataflow, which is to have none.
 */
export function dataflowImageProblems(elf: Elf, asked: DataflowOptions | null): Problem[] {
  const found = dataflowInImage(elf);
  const of = (rule: string, kind: Kind, text: string) =>
    problem(rule, "vmlinux", DATAFLOW_CALLBACKS[kind], `vmlinux ${text}`);
  return KINDS.flatMap((kind) => {
    const { calls, jumps, noinstr } = found[kind];
    const name = DATAFLOW_CALLBACKS[kind];
    const problems: Problem[] = [];
    const fewest = !asked?.[kind] ? 0 : asked.instrumentsAll ? FEWEST_CALLS : 1;
    if (calls < fewest) {
      const text = `calls ${name} ${counted(calls, "time")}; at least ${fewest} expected`;
      problems.push(of("calls-missing", kind, text));
    }
    if (!asked?.[kind] && calls > 0) {
      const text = `calls ${name} ${counted(calls, "time")}, but must not at all`;
      problems.push(of("calls-unasked", kind, text));
    }
    if (jumps > 0) {
      const text = `jumps to ${name} ${counted(jumps, "time")}; the callback would take another ` +
        "function's caller for its own";
      problems.push(of("dataflow-jump", kind, text));
    }
    if (noinstr > 0) {
      const text = `calls ${name} ${counted(noinstr, "time")} in code where nothing may be called`;
      problems.push(of("dataflow-noinstr", kind, text));
    }
    return problems;
  });
}

interface ImageCalls {
  calls: number;
  jumps: number;
  noinstr: number;
}

function dataflowInImage(elf: Elf): Record<Kind, ImageCalls> {
  const found = { args: noCalls(), rets: noCalls() };
  const targets = new Map(
    elf.symbols((name) => KIND_OF.has(name)).map(({ name, value }) => [value, KIND_OF.get(name)!]),
  );
  if (targets.size === 0) return found;
  const ranges = noinstrRanges(elf);
  for (const section of elf.sections) {
    if ((section.flags & SHF_ALLOC) === 0 || (section.flags & SHF_EXECINSTR) === 0) continue;
    const isApart = NOINSTR.test(section.name);
    elf.arch.code.calls(elf.content(section), section.address, (target, returnsTo) => {
      const kind = targets.get(target);
      if (kind === undefined) return;
      if (returnsTo === null) found[kind].jumps++;
      else {
        found[kind].calls++;
        const inside = ranges.some(([start, end]) => returnsTo > start && returnsTo <= end);
        if (isApart || inside) found[kind].noinstr++;
      }
    });
  }
  return found;
}

const noCalls = (): ImageCalls => ({ calls: 0, jumps: 0, noinstr: 0 });

function noinstrRanges(elf: Elf): [number, number][] {
  const names = new Set(NOINSTR_BOUNDS.flat());
  const places = new Map(
    elf.symbols((name) => names.has(name)).map((one) => [one.name, one.value]),
  );
  return NOINSTR_BOUNDS.flatMap(([start, end]): [number, number][] => {
    const [from, to] = [places.get(start), places.get(end)];
    return from === undefined || to === undefined ? [] : [[from, to]];
  });
}
