// SPDX-License-Identifier: MIT
/**
 * Which objects of a kernel call KCOV's callbacks, held against what the compiler was told and
 * against what the tree is known to leave out.
 */
import { counted } from "../text/counted.ts";
import type { LeftOut } from "../model/model.ts";
import { type Elf, SHF_ALLOC, SHF_EXECINSTR, STT_FUNC } from "./elf.ts";
import type { Parts } from "../text/lines.ts";
import { CALLBACK, type Problem, problem } from "./instrumentation.ts";
import {
  type Coverage,
  COVERAGE_FLAGS,
  type CoverageKind,
  type ObjectOrigin,
} from "../build/kbuild_command.ts";
import { globMatches } from "../../../selftests/contract/glob.ts";

/** What is known of one object. */
export interface ObjectFacts {
  /** Below the build folder. */
  readonly path: string;
  /** null where no command tells. */
  readonly language: Extract<ObjectOrigin, { kind: "compiled" }>["language"] | null;
  /** What the compiler was told; null where no command tells. */
  readonly coverage: Coverage | null;
  /** Whether it holds functions that a compiler made. */
  readonly hasCode: boolean;
  /** Calls in its code by what brings them; null where they cannot be seen. */
  readonly calls: Readonly<Record<CoverageKind, number>> | null;
}

/** Whether this is LLVM bitcode, which a build with link-time optimisation has for objects. */
export function isBitcode(file: Parts): boolean {
  const start = file.read(0, 4).toHex();
  // As it is, and behind a header of its own (llvm.org/docs/BitCodeFormat.html).
  return start === "4243c0de" || start === "dec0170b";
}

/** What an object that is no bitcode holds. */
export function inspectObject(
  elf: Elf,
  language: ObjectFacts["language"],
): Required<Pick<ObjectFacts, "hasCode" | "calls">> {
  const calls = { pc: 0, guard: 0, cmp: 0 };
  for (const [index, section] of elf.sections.entries()) {
    if ((section.flags & SHF_ALLOC) === 0 || (section.flags & SHF_EXECINSTR) === 0) continue;
    for (const { symbol } of elf.relocations(index)) {
      const name = elf.symbolTable[symbol]?.name ?? "";
      if (CALLBACK.test(name)) calls[kindOf(name)]++;
    }
  }
  // Only compilers leave a .comment, and few builds tell them not to.
  const byCompiler = language === null
    ? elf.sections.some((section) => section.name === ".comment")
    : language !== "assembly";
  const hasCode = byCompiler &&
    elf.symbolTable.some((symbol) =>
      symbol.type === STT_FUNC && symbol.size > 0 && !symbol.name.startsWith("asan.module_")
    );
  return { hasCode, calls };
}

function kindOf(callback: string): CoverageKind {
  if (callback.endsWith("_pc")) return "pc";
  return callback.endsWith("_pc_guard") ? "guard" : "cmp";
}

/** The globs of an uninstrumented.list; `#` starts a comment. */
export function parseUninstrumentedList(text: string): string[] {
  return text.split("\n").map((line) => line.replace(/#.*/, "").trim()).filter(Boolean);
}

/** Whether its code tells of coverage. */
export const callsAny = ({ calls }: ObjectFacts) =>
  calls !== null && calls.pc + calls.guard + calls.cmp > 0;

/** Whether nothing is told of its code: no call in it, or it cannot be seen and was compiled so. */
function isLeftOut(object: ObjectFacts): boolean {
  if (!object.hasCode) return false;
  return object.calls === null
    ? object.coverage !== null && object.coverage.kinds.size === 0
    : !callsAny(object);
}

/** The compiler was told to add calls to its functions, and it has functions and no such call. */
export function isSilent({ hasCode, calls, coverage }: ObjectFacts): boolean {
  if (!hasCode || calls === null || coverage === null || coverage.byList) return false;
  const told = coverage.kinds.has("pc") || coverage.kinds.has("guard");
  return told && calls.pc + calls.guard === 0;
}

/** A line for each kind of call that the compiler was not told to add. */
export function unaskedCalls({ path, calls, coverage }: ObjectFacts): Problem[] {
  if (calls === null || coverage === null) return [];
  const kinds = (Object.keys(calls) as CoverageKind[]).filter((kind) =>
    calls[kind] > 0 && !coverage.kinds.has(kind)
  );
  return kinds.map((kind) => {
    const flag = `-fsanitize-coverage=${COVERAGE_FLAGS[kind]}`;
    const text = `${path} has ${
      counted(calls[kind], "call")
    } that ${flag} brings, and was compiled without it`;
    return problem("calls-unasked", path, flag, text);
  });
}

/** A line where an object tells of PCs and was not to tell of comparisons, in a kernel that does. */
export function lackOfComparisons({ path, coverage }: ObjectFacts): Problem[] {
  const kinds = coverage?.kinds;
  if (!kinds || kinds.size === 0 || kinds.has("cmp")) return [];
  const flag = `-fsanitize-coverage=${COVERAGE_FLAGS.cmp}`;
  return [problem("flag-missing", path, flag, `${path} was compiled without ${flag}`)];
}

/** The line for a silent object; `functions` are those of it that nothing excuses. */
export function silentObject(path: string, functions: readonly string[]): Problem {
  const more = functions.length > 1 ? ` and ${functions.length - 1} more` : "";
  const text =
    `${path} was compiled with -fsanitize-coverage and has no call of a callback, not even in ` +
    `${functions[0]}()${more}`;
  return problem("object-silent", path, "", text);
}

/**
 * What is wrong with the objects of a kernel whose list is complete: each that has code and no call
 * is to be in it, and none that it names one by one may have a call.
 * @param incomplete A patch to come may be the one that takes an object out.
 * @param excused Objects whose functions all have an attribute for it, by the compiler's word: 7.3
 * leaves `__init` functions uninstrumented, and no Makefile declares that.
 */
export function listProblems(
  objects: readonly ObjectFacts[],
  declared: readonly string[],
  incomplete: boolean,
  excused: readonly string[] = [],
): Problem[] {
  const names = new Set(declared);
  const undeclared = objects.filter((one) =>
    isLeftOut(one) && !isDeclared(one, declared) && !excused.includes(one.path)
  );
  return [
    ...undeclared.map(({ path }) =>
      problem(
        ...["object-undeclared", path, ""] as const,
        `${path} has code but no call of a callback, and the tree does not declare it (uninstrumented.list)`,
      )
    ),
    // A glob may cover more than it declares.
    ...objects.filter((one) => !incomplete && callsAny(one) && names.has(one.path)).map((
      { path },
    ) =>
      problem(
        ...["object-declared", path, ""] as const,
        `${path} calls callbacks, although the tree declares it as uninstrumented (uninstrumented.list)`,
      )
    ),
  ];
}

/**
 * What a kernel leaves out that its base, by that list, does not.
 * @param unexplained Silent objects whose compiler could not be asked.
 */
export function leftOutBeyond(
  objects: readonly ObjectFacts[],
  base: readonly string[],
  unexplained: readonly string[],
): LeftOut {
  const beyond = objects.filter((one) => isLeftOut(one) && !isDeclared(one, base));
  const paths = (some: readonly ObjectFacts[]) => some.map(({ path }) => path);
  const silent = paths(beyond.filter(isSilent));
  return {
    byFlags: paths(beyond.filter((one) => !isSilent(one))),
    byAttributes: silent.filter((path) => !unexplained.includes(path)),
    unexplained: silent.filter((path) => unexplained.includes(path)),
  };
}

/** More names than these are for run.json. */
const NAMED = 8;

const LEFT_OUT_TEXTS: Readonly<Record<keyof LeftOut, string>> = {
  byFlags: "compiled without -fsanitize-coverage",
  byAttributes: "all functions excused by attributes, such as those of __init",
  unexplained: "no call, and the compiler could not be asked why",
};

/** Lines for people; none where nothing is left out. */
export function leftOutLines(leftOut: LeftOut | null): string[] {
  return Object.entries(leftOut ?? {}).flatMap(([how, paths]) => {
    if (paths.length === 0) return [];
    const more = paths.length > NAMED ? ` and ${paths.length - NAMED} more` : "";
    const names = paths.slice(0, NAMED).join(" ");
    const text = LEFT_OUT_TEXTS[how as keyof LeftOut];
    return [`uninstrumented beyond the base: ${paths.length} (${text}): ${names}${more}`];
  });
}

function isDeclared({ path }: ObjectFacts, globs: readonly string[]): boolean {
  return globs.some((glob) => globMatches(glob, path));
}
