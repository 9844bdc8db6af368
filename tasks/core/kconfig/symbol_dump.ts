// SPDX-License-Identifier: MIT
/**
 * What the kernel's own Kconfig parser knows of symbols: how symbol_dump.c, beside this file, is
 * made to tell it, and how that is read.
 *
 * How the dump is made, and why so. The parser calls the compiler and reads what make exports; a
 * hand-made list of variables would be right for one release at best. So make itself starts the
 * program, through interfaces that the kernel documents: KBUILD_KCONFIG (kbuild.rst) names a Kconfig
 * file of ours in the build folder, `listnewconfig` parses it without writing a .config, and the
 * `$(shell,...)` in it (kconfig-macro-language.rst) runs the program in the build folder with
 * exactly the environment that olddefconfig had. Two other ways were weighed: the variables of
 * scripts/kconfig/Makefile (`config-prog=`) do the same on undocumented names, and setting CC,
 * CLANG_FLAGS, RUSTC and so on by hand breaks with the next variable that a Kconfig file reads.
 */
import type { Dropped } from "./kconfig.ts";

// ── making the dump ─────────────────────────────────────────────────────────────────────────────

/** Files of the dump, relative to the build folder; fixed names, so that nothing needs quoting. */
export const SYMBOL_DUMP = {
  dir: "kmatrix",
  program: "kmatrix/symbol_dump",
  /** To be written first: {@linkcode symbolDumpKconfig}. */
  kconfig: "kmatrix/Kconfig",
  /** To be written first: {@linkcode symbolDumpRequest}. */
  symbols: "kmatrix/symbols",
  /** The result: {@linkcode parseSymbolDump}. */
  dump: "kmatrix/dump",
  /** What the parser and the program said, for the log and for errors. */
  messages: "kmatrix/messages",
  /** The make call: these variables besides those of olddefconfig, except W (it adds warnings). */
  makeVariables: { KBUILD_KCONFIG: "kmatrix/Kconfig" },
  makeTargets: ["listnewconfig"],
} as const;

/** The Kconfig objects that every `make *config` leaves in the build folder. */
const KCONFIG_OBJECTS = [
  "confdata",
  "expr",
  "lexer.lex",
  "menu",
  "parser.tab",
  "preprocess",
  "symbol",
  "util",
] as const;

export interface SymbolDumpCompile {
  /** The compiler that built those objects: HOSTCC, which is clang with make's LLVM=. */
  readonly hostCompiler: string;
  /** symbol_dump.c beside this file, absolute. */
  readonly program: string;
  readonly sourceDir: string;
  readonly buildDir: string;
}

/** The argv that compiles and links symbol_dump; takes a quarter of a second. */
export function symbolDumpCompileCommand(request: SymbolDumpCompile): string[] {
  const { hostCompiler, program, sourceDir, buildDir } = request;
  return [
    hostCompiler,
    "-O1",
    "-Wall",
    // The language of KBUILD_HOSTCFLAGS; the kernel's headers need typeof.
    "-std=gnu11",
    `-I${sourceDir}/scripts/include`,
    `-I${sourceDir}/scripts/kconfig`,
    "-o",
    `${buildDir}/${SYMBOL_DUMP.program}`,
    program,
    ...KCONFIG_OBJECTS.map((name) => `${buildDir}/scripts/kconfig/${name}.o`),
  ];
}

/** The content of {@linkcode SYMBOL_DUMP}.kconfig. */
export function symbolDumpKconfig(): string {
  const run = [
    SYMBOL_DUMP.program,
    "--names",
    `--symbols ${SYMBOL_DUMP.symbols}`,
    `--output ${SYMBOL_DUMP.dump}`,
    `Kconfig >${SYMBOL_DUMP.messages} 2>&1`,
  ].join(" ");
  // A symbol without prompt is nothing that listnewconfig would list.
  return `config KMATRIX_SYMBOL_DUMP
	def_bool $(shell,rm -f ${SYMBOL_DUMP.dump}; ${run} && echo y || echo n)
`;
}

/** The content of {@linkcode SYMBOL_DUMP}.symbols: the names to explain, and MODULES. */
export function symbolDumpRequest(dropped: readonly Dropped[]): string {
  const names = dropped.map((one) => symbolName(one.request.option));
  return [...new Set([...names, "MODULES"])].map((name) => `${name}\n`).join("");
}

// ── reading the dump ────────────────────────────────────────────────────────────────────────────

export type Tristate = "n" | "m" | "y";

/** For what may be a tristate: everything else is as n. */
export const LEVEL: Readonly<Record<string, number>> = { n: 0, m: 1, y: 2 };

/** 0, 1 or 2. */
export function level(value: string): number {
  return LEVEL[value] ?? 0;
}

/** A condition with its values at the final .config. */
export type Expression =
  | { readonly op: "and" | "or" | "not"; readonly value: Tristate; readonly args: Expression[] }
  | { readonly op: "symbol"; readonly name: string; readonly value: string }
  /** A literal; y or n may be what a macro such as $(cc-option,...) became. */
  | { readonly op: "const"; readonly value: string }
  | {
    readonly op: "=" | "!=" | "<" | "<=" | ">" | ">=";
    readonly value: Tristate;
    readonly left: Expression;
    readonly right: Expression;
  }
  | { readonly op: "unknown"; readonly value: Tristate };

export interface Position {
  /** Relative to the source tree. */
  readonly file: string;
  readonly line: number;
}

/** `select` or `imply` by another symbol. */
export interface ReverseDependency {
  readonly by: string | null;
  readonly value: Tristate;
  /** With the selecting symbol in it; only where that is not n. */
  readonly condition?: Expression;
}

/** What the kernel's parser knows about one symbol; all values at the final .config. */
export interface KconfigSymbol {
  readonly symbol: string;
  /** False: only mentioned (an option of other architectures), or not even that. */
  readonly defined: boolean;
  /** Whether any expression of this tree names it. */
  readonly mentioned: boolean;
  readonly type: "bool" | "tristate" | "int" | "hex" | "string" | "unknown";
  readonly value: string;
  /** Whether it stands in .config. */
  readonly written: boolean;
  /** The most that a .config can set it to; n: what a .config says is ignored. */
  readonly visible: Tristate;
  readonly transitional?: boolean;
  /** Of a transitional one: whose defaults name it, mostly the option that replaces it. */
  readonly heirs?: readonly string[];
  /** `source`: the entry's lines in the Kconfig file, with macros unexpanded, without its help. */
  readonly definitions: readonly (Position & { readonly source: string | null })[];
  /** `condition` includes the dependencies. */
  readonly prompts: readonly (Position & {
    readonly text: string;
    readonly value: Tristate;
    readonly condition: Expression | null;
  })[];
  readonly depends: Expression | null;
  readonly dependsValue: Tristate;
  readonly defaults: readonly (Position & {
    readonly active: Tristate;
    readonly default: Expression;
    readonly condition: Expression | null;
  })[];
  readonly ranges: readonly (Position & {
    readonly active: Tristate;
    readonly low: Expression;
    readonly high: Expression;
  })[];
  readonly selectedBy: readonly ReverseDependency[];
  readonly impliedBy: readonly ReverseDependency[];
  readonly choice:
    | (Position & {
      readonly prompt: string | null;
      readonly members: readonly {
        readonly name: string;
        readonly value: Tristate;
        readonly visible: Tristate;
      }[];
      readonly winner: string | null;
    })
    | null;
}

/** The output of symbol_dump. */
export interface SymbolDump {
  /** False: the .config is not what this environment's olddefconfig would write. */
  readonly settled: boolean;
  readonly kernelVersion: string;
  /** CC, e.g. "clang-22". */
  readonly compiler: string;
  readonly compilerVersion: string;
  /** Every option of this kernel and architecture, without prefix, in no order. */
  readonly names: readonly string[];
  readonly symbols: ReadonlyMap<string, KconfigSymbol>;
  /** Where Kconfig files that the parser has not read define symbols that it does not know. */
  readonly elsewhere: ReadonlyMap<string, readonly Position[]>;
}

/**
 * The words of grep that finds definitions of these symbols below the current folder. All those of a
 * tree are 1.2 MB, more than a command's answer holds.
 *
 * @param names As many as one word has room for, which is 128 KiB.
 */
export function definitionsArgv(names: readonly string[]): string[] {
  const pattern = `^[[:space:]]*(menu)?config[[:space:]]+(${names.join("|")})[[:space:]]*$`;
  // The parser's own tests define symbols as well, and so does what editors and patch(1) leave.
  const unread = ["--exclude-dir=kconfig", "--exclude=*~", "--exclude=*.orig", "--exclude=*.rej"];
  return ["grep", "-RnE", pattern, "--include=Kconfig*", ...unread, "."];
}

/** Reads what that grep printed: of each symbol the places of its definitions, sorted. */
export function parseDefinitions(text: string): Map<string, readonly Position[]> {
  const places = new Map<string, readonly Position[]>();
  for (const line of text.split("\n").sort()) {
    const found = /^\.\/(.+?):([0-9]+):\s*(?:menu)?config\s+(\w+)\s*$/.exec(line);
    if (found === null) continue;
    const [, file, number, name] = found as unknown as [string, string, string, string];
    places.set(name, [...places.get(name) ?? [], { file, line: Number(number) }]);
  }
  return places;
}

/**
 * Reads the JSON lines of symbol_dump.
 *
 * @throws {Error} when a line is no JSON, or the end line is missing (the program did not finish)
 */
export function parseSymbolDump(text: string): SymbolDump {
  let head: Record<string, unknown> = {};
  let names: readonly string[] = [];
  let ended = false;
  const symbols = new Map<string, KconfigSymbol>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "") continue;
    let record: Record<string, unknown>;
    try {
      record = JSON.parse(line);
    } catch {
      throw new Error(`symbol dump line ${index + 1} is no JSON: ${line.slice(0, 80)}`);
    }
    if ("symbolDump" in record) head = record;
    else if ("names" in record) names = record.names as string[];
    else if ("symbol" in record) {
      // Of a name that the parser never met the program says nothing but that.
      const mentioned = "type" in record;
      const symbol = { ...UNDEFINED, mentioned, ...record } as KconfigSymbol;
      symbols.set(symbol.symbol, symbol);
    } else if ("end" in record) ended = true;
  }
  if (head.symbolDump !== 1 || !ended) {
    throw new Error("the symbol dump is not complete: symbol_dump did not run to its end");
  }
  return {
    settled: head.settled === true,
    kernelVersion: String(head.kernelVersion ?? ""),
    compiler: String(head.compiler ?? ""),
    compilerVersion: String(head.compilerVersion ?? ""),
    names,
    symbols,
    elsewhere: new Map(),
  };
}

const UNDEFINED: Omit<KconfigSymbol, "symbol" | "mentioned"> = {
  defined: false,
  type: "unknown",
  value: "n",
  written: false,
  visible: "n",
  definitions: [],
  prompts: [],
  depends: null,
  dependsValue: "y",
  defaults: [],
  ranges: [],
  selectedBy: [],
  impliedBy: [],
  choice: null,
};

/** "KCOV" of "CONFIG_KCOV". */
export function symbolName(option: string): string {
  return option.replace(/^CONFIG_/, "");
}

/** A condition in Kconfig syntax. */
export function formatExpression(expression: Expression): string {
  switch (expression.op) {
    case "symbol":
      return expression.name;
    case "const":
      return expression.value;
    case "unknown":
      return "<unknown>";
    case "not":
      return `!${parenthesized(expression.args[0]!)}`;
    case "or":
      return expression.args.map(formatExpression).join(" || ");
    case "and":
      return expression.args.map((arg) =>
        arg.op === "or" ? `(${formatExpression(arg)})` : formatExpression(arg)
      ).join(" && ");
    default:
      return `${formatExpression(expression.left)} ${expression.op} ${
        formatExpression(expression.right)
      }`;
  }
}

/** The same, in parentheses where something stands beside it. */
export function parenthesized(expression: Expression): string {
  const text = formatExpression(expression);
  return expression.op === "symbol" || expression.op === "const" ? text : `(${text})`;
}

/** "lib/Kconfig.kasan:34"; of a symbol, that of its first definition. */
export function position(where: Position | KconfigSymbol): string {
  if ("symbol" in where) {
    const first = where.definitions[0];
    return first === undefined ? "defined nowhere" : `${first.file}:${first.line}`;
  }
  return `${where.file}:${where.line}`;
}
