// SPDX-License-Identifier: MIT
/**
 * The command that kbuild writes to `.<object>.cmd` once it has run it (scripts/Kbuild.include): what
 * a tree's Makefiles came to for one object, whatever they say and however they say it.
 */

/** How an object came to be. */
export type ObjectOrigin =
  | {
    readonly kind: "compiled";
    /** The compiler's call alone, without what follows it, such as objtool. */
    readonly argv: readonly string[];
    readonly language: "c" | "assembly" | "rust";
  }
  /** Linked or copied: `ld -r` of a module, objcopy. `lists` are files that name more parts. */
  | { readonly kind: "parts"; readonly parts: readonly string[]; readonly lists: readonly string[] }
  | { readonly kind: "unknown" };

/** Path of the command's file of an object. */
export function commandFile(object: string): string {
  return object.replace(/[^/]*$/, (name) => `.${name}.cmd`);
}

/** Reads the text of such a file. */
export function readOrigin(text: string): ObjectOrigin {
  const line = text.slice(0, (text.indexOf("\n") + 1 || text.length + 1) - 1);
  // Up to 6.2 the variable is called cmd_.
  const [, target, recorded] = /^(?:saved)?cmd_(\S+) := (.*)$/.exec(line) ?? [];
  if (recorded === undefined) return { kind: "unknown" };
  // As make reads it back.
  const commands = simpleCommands(recorded.replaceAll("$(pound)", "#").replaceAll("$$", "$"));
  for (const argv of commands) {
    const language = languageOf(argv);
    if (language !== null) return { kind: "compiled", argv, language };
  }
  const [first = []] = commands;
  const inputs = first.filter((word, at) => at > 0 && first[at - 1] !== "-o" && word !== target);
  const parts = inputs.filter((word) => /^[^-@].*\.o$/.test(word));
  const lists = inputs.flatMap((word) => /^@(.+)/.exec(word)?.[1] ?? []);
  return parts.length + lists.length === 0 ? { kind: "unknown" } : { kind: "parts", parts, lists };
}

/** Source files that a compiler is given, by the ending of their names. */
const LANGUAGES = { c: "c", S: "assembly", s: "assembly", rs: "rust" } as const;

/** null for a command that compiles no object. */
function languageOf(argv: readonly string[]): (typeof LANGUAGES)[keyof typeof LANGUAGES] | null {
  const source = argv.findLast((word) => /^[^-].*\.(c|S|s|rs)$/.test(word));
  if (source === undefined) return null;
  const language = LANGUAGES[source.slice(source.lastIndexOf(".") + 1) as keyof typeof LANGUAGES];
  const compiles = language === "rust"
    ? argv.some((word) => word.startsWith("--emit=")) || argv.includes("--emit")
    : argv.includes("-c");
  return compiles ? language : null;
}

/** The simple commands of a shell line, each as its words without quotes. */
export function simpleCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  // A word: quoted parts, escaped characters and others; or an operator between two commands.
  const token = /((?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s;&|'"\\])+)|[;&|]+/gs;
  for (const [operator, word] of line.matchAll(token)) {
    if (word !== undefined) commands.at(-1)!.push(unquote(word));
    else if (operator !== "") commands.push([]);
  }
  return commands.filter((argv) => argv.length > 0);
}

function unquote(word: string): string {
  return word.replace(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gs,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replace(/\\([$`"\\])/g, "$1") ?? escaped!,
  );
}

// ── what the compiler is told of coverage ───────────────────────────────────────────────────────

/** The callbacks of KCOV by what asks for them. */
export const COVERAGE_FLAGS = {
  pc: "trace-pc",
  guard: "trace-pc-guard",
  cmp: "trace-cmp",
} as const;

export type CoverageKind = keyof typeof COVERAGE_FLAGS;

export interface Coverage {
  /** What the compiler adds calls for. */
  readonly kinds: ReadonlySet<CoverageKind>;
  /** A list of the tree's decides which functions get them (-fsanitize-coverage-ignorelist=). */
  readonly byList: boolean;
}

const KIND_OF_FEATURE: Readonly<Record<string, CoverageKind>> = {
  "trace-pc": "pc",
  "trace-pc-guard": "guard",
  "trace-cmp": "cmp",
  // The names of LLVM's own options (-mllvm, and rustc's -Cllvm-args).
  "trace-compares": "cmp",
};

/**
 * What a compiler's words ask for, in their order, as clang takes them: the driver's
 * -f[no-]sanitize-coverage=, those of its inner compiler (-Xclang), LLVM's own, GCC's plugin.
 */
export function coverageOf(argv: readonly string[]): Coverage {
  const kinds = new Set<CoverageKind>();
  /** LLVM's own options, which are for SanitizerCoverage where something else makes it run. */
  const tuned = new Set<CoverageKind>();
  let [runs, byList] = [false, false];
  const take = (set: Set<CoverageKind>, feature: string, on: boolean) => {
    const kind = KIND_OF_FEATURE[feature];
    if (kind !== undefined) on ? set.add(kind) : set.delete(kind);
  };
  for (const word of argv) {
    const driver = /^-f(no-)?sanitize-coverage=(.*)$/.exec(word);
    if (driver) { for (const feature of driver[2]!.split(",")) take(kinds, feature, !driver[1]); }
    const inner = /^-fsanitize-coverage-(trace-[a-z-]+)$/.exec(word);
    if (inner) take(kinds, inner[1]!, true);
    if (/^-fplugin=.*sancov_plugin/.test(word)) take(kinds, "trace-pc", true);
    for (
      const [, feature, value] of word.matchAll(/-sanitizer-coverage-(trace-[a-z-]+)(?:=(\w+))?/g)
    ) {
      take(tuned, feature!, !/^(0|false)$/i.test(value ?? ""));
    }
    if (/^-fsanitize-coverage[=-]|passes=.*sancov/.test(word)) runs = true;
    if (/^-fsanitize-coverage-(ignore|allow|black|white)list=./.test(word)) byList = true;
  }
  return { kinds: new Set([...kinds, ...runs ? tuned : []]), byList };
}

/** Options that go with the making of an object, or write files beside it. */
const OF_OBJECTS = /^(-c|-Wp,-M.*|-M|-MM|-MD|-MMD|-MP|-g.*|-save-temps.*)$/;
/** The same with a word that follows. */
const WITH_FILE: readonly (string | undefined)[] = ["-o", "-MF", "-MT", "-MQ"];

/** The compiler's call that writes LLVM's textual IR of the same functions to a file. */
export function irArgv(argv: readonly string[], file: string): string[] {
  const words = argv.filter((word, at) =>
    !OF_OBJECTS.test(word) && !WITH_FILE.includes(word) && !WITH_FILE.includes(argv[at - 1])
  );
  // A warning about what goes with objects alone is no error here.
  const more = ["-S", "-emit-llvm", "-g0", "-Wno-error", "-Wno-unused-command-line-argument"];
  // The words may start with an assignment.
  return ["env", ...words, ...more, "-o", file];
}
