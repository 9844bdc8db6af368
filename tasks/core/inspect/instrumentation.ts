// SPDX-License-Identifier: MIT
/**
 * What the inspect stage looks for in a kernel image, its objects and its modules. Calls are counted
 * from the code or from relocations, never derived from the guards, so that the two can disagree.
 */
import { counted } from "../text/counted.ts";
import type { Feature, ModuleInspection } from "../model/model.ts";
import type { Finding } from "../model/evidence.ts";
import { DATAFLOW_CALLBACKS } from "../build/dataflow_plugin.ts";
import { type Elf, type Relocation, type Section, SHF_ALLOC, SHF_EXECINSTR } from "./elf.ts";

/** The callbacks that clang calls (SanitizerCoverage: trace-pc, trace-pc-guard, trace-cmp). */
export const CALLBACK = /^__sanitizer_cov_trace_(pc|pc_guard|(const_)?cmp[1248]|switch)$/;

/** Those of KCOV dataflow, which are counted beside them. */
const DATAFLOW: ReadonlySet<string> = new Set(Object.values(DATAFLOW_CALLBACKS));
const isCounted = (name: string) => CALLBACK.test(name) || DATAFLOW.has(name);

const PC = "__sanitizer_cov_trace_pc";
const GUARD = "__sanitizer_cov_trace_pc_guard";
const DEAD_SHARE = 1000;
const COMPARE = /^__sanitizer_cov_trace_((const_)?cmp[1248]|switch)$/;

/** One u32 a call site (kcov.rst; the guard variables of SanitizerCoverage). */
export const GUARD_BYTES = 4;

/** A finding with the line for people. */
export interface Problem {
  readonly finding: Finding;
  readonly text: string;
}

export function problem(rule: string, of: string, what: string, text: string): Problem {
  return { finding: { rule, of, what }, text };
}

/** Where the guards of an image or a module are kept. */
const ownSection = (where: string, section: string) =>
  problem(
    ...["guards-apart", where, section] as const,
    `${where} has a section ${section} of its own; guards belong in .bss`,
  );

/**
 * A KCOV kernel of any size has thousands of call sites. A handful would mean that only some
 * stray file was built with the flags.
 */
const FEWEST_CALLS = 1000;

export type Calls = Readonly<Record<string, number>>;

export interface ImageFigures {
  readonly calls: Calls;
  /** Sizes of all functions in .text; the section itself is padded to whole huge pages. */
  readonly textBytes: number;
  /** null where the image has no guards. */
  readonly guardBytes: number | null;
  readonly returns: ReturnAddresses;
  readonly problems: readonly Problem[];
}

/** Addresses behind the calls of the callbacks, ascending, without their upper 32 bits of ones. */
export interface ReturnAddresses {
  /** Of the callbacks that report a PC: what KCOV may record in modes PC and unique. */
  readonly pc: Uint32Array<ArrayBuffer>;
  /** Of those that report a comparison. */
  readonly cmp: Uint32Array<ArrayBuffer>;
}

function isCode(section: Section): boolean {
  return (section.flags & SHF_ALLOC) !== 0 && (section.flags & SHF_EXECINSTR) !== 0;
}

function sum(calls: Calls, wanted: (name: string) => boolean): number {
  return Object.entries(calls).filter(([name]) => wanted(name)).reduce((n, [, one]) => n + one, 0);
}

/**
 * Calls of each callback in a linked kernel image and where they return to: what looks like a direct
 * call and has exactly a callback for its target. A tail call returns somewhere else.
 */
export function callsInImage(elf: Elf): { calls: Calls; returns: ReturnAddresses } {
  const callbacks = new Map<number, string>();
  for (const symbol of elf.symbols(isCounted)) {
    callbacks.set(symbol.value, symbol.name);
  }
  const calls: Record<string, number> = {};
  const [pc, cmp]: [number[], number[]] = [[], []];
  for (const name of callbacks.values()) calls[name] = 0;
  for (const section of elf.sections.filter(isCode)) {
    elf.arch.code.calls(elf.content(section), section.address, (target, returnsTo) => {
      const name = callbacks.get(target);
      if (name === undefined) return;
      calls[name]!++;
      if (returnsTo === null || DATAFLOW.has(name)) return;
      (COMPARE.test(name) ? cmp : pc).push(returnsTo);
    });
  }
  // The array takes the low halves.
  return { calls, returns: { pc: Uint32Array.from(pc).sort(), cmp: Uint32Array.from(cmp).sort() } };
}

/** What of a kernel is as its configuration has it. */
export interface ImageKind {
  /** CONFIG_KCOV_INSTRUMENT_ALL; without it some folders alone are instrumented. */
  readonly instrumentsAll: boolean;
  /**
   * Of a thousand guards one may have no call: clang reserves them, and drops a block that it finds
   * dead afterwards. In our own small kernels there is none.
   */
  readonly mayHaveDeadGuards?: boolean;
}

/** Figures of vmlinux, and one line for each thing that is not as the features promise. */
export function inspectImage(
  elf: Elf,
  features: readonly Feature[],
  { instrumentsAll, mayHaveDeadGuards = false }: ImageKind = { instrumentsAll: true },
): ImageFigures {
  const fewest = instrumentsAll ? FEWEST_CALLS : 1;
  const { calls, returns } = callsInImage(elf);
  const guards = guardArea(elf);
  return {
    calls,
    textBytes: elf.functionBytes(elf.sections.findIndex((section) => section.name === ".text")),
    guardBytes: guards?.bytes ?? null,
    returns,
    problems: [
      ...callProblems("vmlinux", calls, features, { pcs: fewest, comparisons: fewest }),
      ...(features.includes("unique") ? guardProblems(elf, calls, guards, mayHaveDeadGuards) : []),
      ...(features.includes("unique") ? constructorProblems("vmlinux", elf) : []),
      ...elf.sections.filter(({ name }) => name.startsWith("__sancov")).map(({ name }) =>
        ownSection("vmlinux", name)
      ),
    ],
  };
}

function callProblems(
  where: string,
  calls: Calls,
  features: readonly Feature[],
  due: { readonly pcs: number; readonly comparisons: number },
): Problem[] {
  const has = (feature: Feature) => features.includes(feature);
  const comparisons = "the comparison callbacks";
  const checks: readonly [string, (name: string) => boolean, boolean, number][] = [
    [PC, (name) => name === PC, has("kcov") && !has("unique"), due.pcs],
    [GUARD, (name) => name === GUARD, has("kcov") && has("unique"), due.pcs],
    [comparisons, (name) => COMPARE.test(name), has("kcov") && has("cmp"), due.comparisons],
  ];
  return checks.flatMap(([name, matches, wanted, fewest]) => {
    const found = sum(calls, matches);
    if (wanted && found < fewest) {
      const text = `${where} calls ${name} ${counted(found, "time")}; at least ${fewest} expected`;
      return [problem("calls-missing", where, name, text)];
    }
    if (wanted || found === 0) return [];
    const text = `${where} calls ${name} ${counted(found, "time")}, but must not at all`;
    return [problem("calls-unasked", where, name, text)];
  });
}

/** The area between the two symbols that the linker script puts around the guards. */
function guardArea(elf: Elf): { start: number; bytes: number } | null {
  const [start] = elf.symbols((name) => name === "__start___sancov_guards");
  const [stop] = elf.symbols((name) => name === "__stop___sancov_guards");
  return start && stop ? { start: start.value, bytes: stop.value - start.value } : null;
}

function guardProblems(
  elf: Elf,
  calls: Calls,
  guards: { start: number; bytes: number } | null,
  mayHaveDeadGuards: boolean,
): Problem[] {
  if (!guards) {
    const text = "vmlinux lacks __start___sancov_guards or __stop___sancov_guards";
    return [problem("guards-unmarked", "vmlinux", "", text)];
  }
  const problems: Problem[] = [];
  const wanted = GUARD_BYTES * (calls[GUARD] ?? 0);
  const surplus = guards.bytes - wanted;
  const isDue = surplus === 0 ||
    mayHaveDeadGuards && surplus > 0 && surplus <= wanted / DEAD_SHARE;
  if (!isDue) {
    const text = `vmlinux has ${guards.bytes} bytes of guards for ${
      counted(calls[GUARD] ?? 0, "call")
    }; ${wanted} are expected`;
    problems.push(problem("guard-bytes", "vmlinux", "", text));
  }
  const bss = elf.sections.find((section) => section.name === ".bss");
  const inside = bss && guards.start >= bss.address &&
    guards.start + guards.bytes <= bss.address + bss.size;
  if (!inside) {
    const text = "the guards of vmlinux do not lie inside .bss";
    problems.push(problem("guards-outside", "vmlinux", ".bss", text));
  }
  return problems;
}

/** Constructors of SanitizerCoverage, which `-sanitizer-coverage-drop-ctors` leaves out. */
function constructorProblems(where: string, elf: Elf): Problem[] {
  const symbols = elf.symbols((name) => name.startsWith("sancov.module_ctor"));
  if (symbols.length === 0) return [];
  const text = `${where} holds ${symbols.length} constructors of SanitizerCoverage (${
    symbols[0]!.name
  })`;
  return [problem("constructors", where, "", text)];
}

// ── modules ─────────────────────────────────────────────────────────────────────────────────────

/** Sections that a module may have once each: sysfs has one file a name. */
const ONCE = [".text", ".init.text", ".exit.text"];

/** What tells KASAN the globals of a module and forgets them: clang's own sections, one each. */
const KASAN_TEXT = /^\.text\.asan\.module_[cd]tor$/;

/**
 * Figures of one .ko, and what is wrong with it.
 * @param features Of the kernel.
 * @param fewestPcs Calls that are due of the callbacks that report a PC; it need not compare.
 */
export function inspectModule(
  name: string,
  elf: Elf,
  features: readonly Feature[],
  fewestPcs: number,
): { figures: ModuleInspection; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const allocated = elf.sections.filter((section) => section.flags & SHF_ALLOC);
  for (const [section, count] of countBy(allocated.map((one) => one.name))) {
    if (count === 1) continue;
    const text = `${name} has ${count} allocated sections named ${section}`;
    problems.push(problem("section-twice", name, section, text));
  }
  for (const section of elf.sections.filter(isCode)) {
    const base = ONCE.find((once) => section.name.startsWith(`${once}.`));
    if (features.includes("kasan") && KASAN_TEXT.test(section.name)) continue;
    if (base && section.size > 0) {
      const text = `${name} has a section ${section.name} that belongs in ${base}`;
      problems.push(problem("section-apart", name, section.name, text));
    }
  }
  const calls: Record<string, number> = {};
  const operands: number[] = [];
  const guardSections = guardSectionsOf(elf);
  const { moduleRelocations } = elf.arch.code;
  for (const [index, section] of elf.sections.entries()) {
    const relocations = elf.relocations(index);
    if (section.flags & SHF_ALLOC) {
      for (const { type } of relocations) {
        if (moduleRelocations.has(type)) continue;
        const text =
          `${name}: ${section.name} needs relocation type ${type}, which no loader knows`;
        problems.push(problem("relocation", name, `${section.name} type ${type}`, text));
        break;
      }
    }
    if (!isCode(section)) continue;
    for (const [position, relocation] of relocations.entries()) {
      const target = elf.symbolTable[relocation.symbol];
      if (!target || !isCounted(target.name)) continue;
      calls[target.name] = (calls[target.name] ?? 0) + 1;
      if (target.name !== GUARD) continue;
      const operand = guardOperand(elf, relocations, position, guardSections);
      if (operand !== null) operands.push(operand);
    }
  }
  problems.push(...callProblems(name, calls, features, { pcs: fewestPcs, comparisons: 0 }));
  if (features.includes("unique")) {
    problems.push(...constructorProblems(name, elf));
    problems.push(...operandProblems(name, calls[GUARD] ?? 0, operands));
    for (const section of elf.sections) {
      if (section.name.startsWith("__sancov_guards")) {
        problems.push(ownSection(name, section.name));
      }
    }
  }
  const text = allocated.filter(isCode).reduce((total, one) => total + one.size, 0);
  return { figures: { name, calls, textBytes: text, guards: new Set(operands).size }, problems };
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function guardSectionsOf(elf: Elf): Set<number> {
  return new Set(
    elf.sections.flatMap((section, index) =>
      section.name === ".bss" || section.name.startsWith("__sancov_guards") ? [index] : []
    ),
  );
}

/**
 * Where the guard of a call lies: the nearest relocation before the call that names a place in the
 * guards' section is the operand of the instruction that loads the argument. null where there is none.
 */
function guardOperand(
  elf: Elf,
  relocations: readonly Relocation[],
  position: number,
  sections: ReadonlySet<number>,
): number | null {
  const { addressRelocations } = elf.arch.code;
  const call = relocations[position]!;
  // The instruction that loads the argument may be some way up, but never behind another call.
  for (let at = position - 1; at >= 0; at--) {
    const before = relocations[at]!;
    const symbol = elf.symbolTable[before.symbol];
    if (call.offset - before.offset > 64) return null;
    const more = addressRelocations.get(before.type);
    if (symbol && more !== undefined && sections.has(symbol.section)) {
      return symbol.value + before.addend + more;
    }
  }
  return null;
}

function operandProblems(name: string, calls: number, operands: readonly number[]): Problem[] {
  const distinct = new Set(operands);
  const problems: Problem[] = [];
  const add = (rule: string, text: string) => problems.push(problem(rule, name, "", text));
  if (operands.length < calls) {
    add(
      "guard-missing",
      `${name}: ${calls - operands.length} of ${calls} calls have no guard operand`,
    );
  }
  if (distinct.size < operands.length) {
    add("guards-shared", `${name}: ${operands.length} calls share ${distinct.size} guards`);
  }
  const odd = [...distinct].find((place) => place % GUARD_BYTES !== 0);
  if (odd !== undefined) add("guard-unaligned", `${name}: a guard at ${odd} is not aligned`);
  return problems;
}
