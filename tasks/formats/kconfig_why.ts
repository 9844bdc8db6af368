// SPDX-License-Identifier: MIT
/**
 * Why `make olddefconfig` dropped an option: runs the kernel's own Kconfig parser (kconfig/
 * symbol_dump.c) and turns what it knows into an explanation.
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
import { distance } from "fastest-levenshtein";
import { configLine, type Dropped, type FragmentLine, placeOf, sameValue } from "./kconfig.ts";

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
  /** kconfig/symbol_dump.c. */
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

interface Position {
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

// ── explaining ──────────────────────────────────────────────────────────────────────────────────

/** The one thing that stands against a request. */
export type DropCause =
  | "no-such-option"
  /** A bool asked to be m, an int asked to be y, m without MODULES. */
  | "type"
  /** Another member of the same choice won. */
  | "choice"
  /** Asked to be off, but something selects it. */
  | "selected"
  | "range"
  | "depends"
  /** A compiler, linker or tool probe in Kconfig said no. */
  | "probe"
  /** No fragment can set it. */
  | "no-prompt"
  /** The prompt's own `if` does not hold. */
  | "prompt"
  | "unknown";

/** Why one request was dropped, and what to do. */
export interface Explanation {
  readonly option: string;
  readonly cause: DropCause;
  /** One line: what was asked, by which line, what was found, why. */
  readonly summary: string;
  /** The path from the option to the reasons, indented by two spaces a level. */
  readonly details: readonly string[];
  /** Lines to add to a fragment of the config, dependencies first. */
  readonly add: readonly string[];
  /** What has to be done besides, in sentences. */
  readonly advice: readonly string[];
  /** What can be done instead of all that, in sentences. */
  readonly instead: readonly string[];
}

/** Who said what before olddefconfig ran. */
export interface Origins {
  /** The merged request: option with prefix to the line that asked. */
  readonly asked: ReadonlyMap<string, FragmentLine>;
  /** parseDotConfig() of tinyconfig's .config. */
  readonly base: ReadonlyMap<string, string>;
}

/** {@linkcode Origins} of a merged request on top of tinyconfig's .config. */
export function originsOf(
  lines: readonly FragmentLine[],
  base: ReadonlyMap<string, string>,
): Origins {
  return { asked: new Map(lines.map((line) => [line.option, line])), base };
}

/** Explains one dropped request. Never throws on a complete dump, however odd the kernel. */
export function explainDropped(dropped: Dropped, dump: SymbolDump, origins: Origins): Explanation {
  const { request, found } = dropped;
  const verdict = new Explainer(dump, origins).judge(dropped);
  const is = found === undefined ? "absent" : configLine(request.option, found);
  const shown = new Set<string>();
  const lines = verdict.reasons.flatMap((reason) => renderReason(reason, 1, shown));
  if (!dump.settled) {
    lines.push(
      "  Caution: the .config differs from what the Kconfig parser computes now, so the values",
      "  above may be those of another configuration.",
    );
  }
  return {
    option: request.option,
    cause: verdict.cause,
    summary: `${configLine(request.option, request.value)} asked by ${placeOf(request)} ` +
      `is not in the final .config (found: ${is}): ${verdict.brief}`,
    details: lines,
    add: [...new Set(verdict.add)],
    advice: [...new Set(verdict.advice)],
    instead: [...new Set(verdict.instead ?? [])],
  };
}

/** An explanation as text, the last line without newline. */
export function formatExplanation(explanation: Explanation): string {
  const { summary, details, add, advice, instead } = explanation;
  const steps = [...advice];
  if (add.length === 1) steps.unshift(`add \`${add[0]}\` to a fragment of this config.`);
  if (add.length > 1) {
    steps.unshift(["add to a fragment of this config:", ...add].join("\n    "));
  }
  const lines = [
    ...steps.map((step, index) => `${index === 0 ? "To fix" : "And"}: ${step}`),
    ...instead.map((step, index) => `${index + steps.length === 0 ? "To fix" : "Or"}: ${step}`),
  ];
  return [summary, ...details, ...lines.map((line) => `  ${line}`)].join("\n");
}

/** A finding and what it rests on. */
interface Reason {
  readonly text: string;
  readonly children: readonly Reason[];
  /** Fragment lines that would remove it, in the order in which they depend on each other. */
  readonly add: readonly string[];
  readonly advice: readonly string[];
  /** What the chain below ends in, for the summary. */
  readonly leaf: { readonly cause: "depends" | "probe"; readonly briefs: readonly string[] };
}

interface Verdict {
  readonly cause: DropCause;
  readonly brief: string;
  readonly reasons: readonly Reason[];
  readonly add: readonly string[];
  readonly advice: readonly string[];
  readonly instead?: readonly string[];
}

const PROBE_ADVICE = "use a compiler or tool that passes the probe, or take the request out.";

/** Chains in real trees are four or five symbols long; the limit is for loops we do not foresee. */
const MAX_DEPTH = 10;
/** Of the alternatives of an OR, and of the selectors of a symbol, as many are shown. */
const MAX_SHOWN = 3;

const LEVEL: Readonly<Record<string, number>> = { n: 0, m: 1, y: 2 };

function level(value: string): number {
  return LEVEL[value] ?? 0;
}

function symbolName(option: string): string {
  return option.replace(/^CONFIG_/, "");
}

class Explainer {
  readonly #dump: SymbolDump;
  readonly #origins: Origins;

  constructor(dump: SymbolDump, origins: Origins) {
    this.#dump = dump;
    this.#origins = origins;
  }

  judge({ request, found }: Dropped): Verdict {
    const name = symbolName(request.option);
    const symbol = this.#dump.symbols.get(name);
    if (symbol === undefined || !symbol.defined) return this.#noSuchOption(name, symbol);
    const typed = this.#typeMismatch(request, symbol, found);
    if (typed !== null) return typed;
    switch (symbol.type) {
      case "bool":
      case "tristate":
        return level(request.value) > level(symbol.value)
          ? this.#tooLow(request, symbol)
          : this.#tooHigh(request, symbol);
      case "int":
      case "hex":
      case "string":
      case "unknown":
        return this.#otherValue(request, symbol);
    }
  }

  #noSuchOption(name: string, symbol: KconfigSymbol | undefined): Verdict {
    const version = this.#dump.kernelVersion;
    const near = nearestNames(name, this.#dump.names);
    const reasons = [
      symbol?.mentioned
        ? leaf(`Kconfig files mention ${name}, but none for this architecture defines it.`)
        : leaf(`No Kconfig file of ${version} for this architecture defines ${name}.`),
    ];
    if (near.length > 0) reasons.push(leaf(`There is: ${near.join(", ")}`));
    return {
      cause: "no-such-option",
      brief: `${version} has no such option`,
      reasons,
      add: [],
      advice: [
        "correct the name, take the line out, or use it with a kernel (or series) that has it.",
      ],
    };
  }

  #typeMismatch(
    request: FragmentLine,
    symbol: KconfigSymbol,
    found: string | undefined,
  ): Verdict | null {
    const { value, option } = request;
    const name = symbol.symbol;
    const wrong = (brief: string, advice: string): Verdict => ({
      cause: "type",
      brief,
      reasons: [leaf(`${name} is ${article(symbol.type)} option (${position(symbol)}).`)],
      add: [],
      advice: [advice],
    });
    switch (symbol.type) {
      case "bool":
        if (value === "m") {
          return wrong(
            `${name} is a bool, which cannot be a module`,
            `write \`${option}=y\` or \`# ${option} is not set\`.`,
          );
        }
        if (level(value) > 0 || value === "n") return null;
        return wrong(`${name} is a bool, not ${value}`, `write \`${option}=y\`.`);
      case "tristate": {
        if (!(value in LEVEL)) {
          return wrong(`${name} is a tristate, not ${value}`, `write \`${option}=y\` or \`=m\`.`);
        }
        const modules = this.#dump.symbols.get("MODULES");
        // Without MODULES, m becomes y, unless dependencies forbid it altogether.
        if (value !== "m" || found !== "y" || modules === undefined || modules.value !== "n") {
          return null;
        }
        const low = this.#symbolLow("MODULES", "y", []);
        return {
          cause: "type",
          brief: "modules are off, so m became y",
          reasons: [low],
          add: low.add,
          advice: low.advice,
          instead: [`write \`${option}=y\`.`],
        };
      }
      case "int":
        return /^-?[0-9]+$/.test(value) ? null : wrong(
          `${name} is an int, which ${value} is not`,
          `write a decimal number, for example \`${option}=${exampleInt(value, symbol.value)}\`.`,
        );
      case "hex":
        return /^(?:0x)?[0-9a-f]+$/i.test(value) ? null : wrong(
          `${name} is a hex number, which ${value} is not`,
          `write a hex number, for example \`${option}=${symbol.value}\`.`,
        );
      case "string":
        return value.startsWith('"') ? null : wrong(
          `${name} is a string, which needs double quotes`,
          `write \`${option}="${value}"\`.`,
        );
      case "unknown":
        return null;
    }
  }

  /** y or m was asked, less is there. */
  #tooLow(request: FragmentLine, symbol: KconfigSymbol): Verdict {
    const name = symbol.symbol;
    const want = request.value as Tristate;
    if (symbol.transitional) return transitional(name);
    const unmet = this.#unmetDependencies(symbol, want, []);
    if (unmet !== null) return dependencyVerdict(unmet);
    if (symbol.prompts.length === 0) {
      const low = this.#promptless(symbol, want, []);
      return {
        cause: low.leaf.cause === "probe" ? "probe" : "no-prompt",
        brief: low.leaf.cause === "probe"
          ? briefly(low.leaf.briefs)
          : `${name} has no prompt, so no fragment can set it`,
        reasons: [low],
        add: low.add,
        advice: low.advice,
        instead: [takeOut(request)],
      };
    }
    if (level(symbol.visible) < level(want)) return this.#prompt(symbol, want, request);
    if (symbol.choice !== null && symbol.choice.winner !== name) {
      return this.#choice(symbol, request);
    }
    return this.#unexplained(symbol);
  }

  /** Something less was asked than what is there. */
  #tooHigh(request: FragmentLine, symbol: KconfigSymbol): Verdict {
    const name = symbol.symbol;
    const want = request.value as Tristate;
    if (symbol.transitional) return transitional(name);
    const selectors = symbol.selectedBy.filter((term) => level(term.value) > level(want));
    if (selectors.length > 0) {
      const reasons = selectors.slice(0, MAX_SHOWN).map((term) => this.#selection(term, name));
      if (selectors.length > MAX_SHOWN) {
        reasons.push(leaf(`and ${selectors.length - MAX_SHOWN} more select ${name}.`));
      }
      const names = selectors.slice(0, MAX_SHOWN).map((term) => term.by ?? "?").join(", ");
      return {
        cause: "selected",
        brief: `${names} ${selectors.length > 1 ? "select" : "selects"} it`,
        reasons,
        add: [],
        advice: [],
        instead: [
          takeOut(request),
          `turn off ${selectors.length > 1 ? "all that select" : "what selects"} it: ${names}.`,
        ],
      };
    }
    if (symbol.choice !== null && symbol.choice.winner === name) {
      const others = symbol.choice.members.filter((member) =>
        member.name !== name && member.visible !== "n"
      );
      const prompt = symbol.choice.prompt ?? "";
      return {
        cause: "choice",
        brief: `one member of the choice "${prompt}" has to be on`,
        reasons: [leaf(`${name} is in the choice "${prompt}" (${position(symbol.choice)}).`)],
        add: [],
        advice: others.length > 0
          ? [`ask for another member: ${others.map((m) => `CONFIG_${m.name}=y`).join(", ")}.`]
          : [takeOut(request)],
      };
    }
    if (symbol.prompts.length === 0) return this.#noPrompt(symbol, request);
    if (symbol.visible === "n") return this.#prompt(symbol, "y", request);
    return this.#unexplained(symbol);
  }

  /** Nobody but Kconfig itself sets it. */
  #noPrompt(symbol: KconfigSymbol, request: FragmentLine): Verdict {
    return {
      cause: "no-prompt",
      brief: `${symbol.symbol} has no prompt, so no fragment can set it`,
      reasons: [this.#follows(symbol)],
      add: [],
      advice: [],
      instead: [takeOut(request)],
    };
  }

  /** An int, hex or string with another value. */
  #otherValue(request: FragmentLine, symbol: KconfigSymbol): Verdict {
    const name = symbol.symbol;
    if (symbol.transitional) return transitional(name);
    const unmet = this.#unmetDependencies(symbol, "y", []);
    if (unmet !== null && symbol.visible === "n") return dependencyVerdict(unmet);
    if (symbol.prompts.length === 0) return this.#noPrompt(symbol, request);
    if (symbol.visible === "n") return this.#prompt(symbol, "y", request);
    const range = symbol.ranges.find((one) => one.active !== "n");
    if (range !== undefined && symbol.type !== "string") {
      const asked = number(request.value, symbol.type);
      const [low, high] = [operandValue(range.low), operandValue(range.high)];
      if (
        asked !== null &&
        (asked < (number(low, symbol.type) ?? asked) ||
          asked > (number(high, symbol.type) ?? asked))
      ) {
        return {
          cause: "range",
          brief: `${name} has to be in ${low}..${high}`,
          reasons: [
            leaf(
              `range ${formatExpression(range.low)} ${formatExpression(range.high)} ` +
                `(${position(range)})${this.#rangeOrigin(range)}`,
            ),
          ],
          add: [],
          advice: [`ask for a value from ${low} to ${high}.`],
        };
      }
    }
    return this.#unexplained(symbol);
  }

  #rangeOrigin(range: KconfigSymbol["ranges"][number]): string {
    const parts = [range.low, range.high].flatMap((side) =>
      side.op === "symbol" ? [`${side.name}=${side.value}, ${this.#origin(side.name)}`] : []
    );
    return parts.length === 0 ? "" : `; ${parts.join("; ")}`;
  }

  #unexplained(symbol: KconfigSymbol): Verdict {
    const name = symbol.symbol;
    return {
      cause: "unknown",
      brief: "the Kconfig parser sees no reason against it",
      reasons: [
        leaf(
          `${name}=${symbol.value}: type ${symbol.type}, settable up to ${symbol.visible}, ` +
            `dependencies ${symbol.dependsValue} (${position(symbol)}).`,
        ),
      ],
      add: [],
      advice: ["look into the messages of make olddefconfig in the configure log."],
    };
  }

  /** The prompt is there, but its condition (beyond the dependencies) is not met. */
  #prompt(symbol: KconfigSymbol, want: Tristate, request: FragmentLine): Verdict {
    const name = symbol.symbol;
    const prompt = symbol.prompts[0]!;
    const unmet = this.#expressionLow(prompt.condition, want, [name]);
    const text = `${name} can be set only where its prompt is shown (${position(prompt)}); ` +
      `until then it is ${symbol.value}${this.#byDefault(symbol)}`;
    const reason = branch(text, unmet);
    const condition = briefly(reason.leaf.briefs);
    return {
      cause: "prompt",
      brief: `its prompt is hidden: ${condition || "its condition does not hold"}`,
      reasons: [reason],
      // The request itself is in a fragment already.
      add: reason.add,
      advice: reason.advice,
      instead: [takeOut(request)],
    };
  }

  #byDefault(symbol: KconfigSymbol): string {
    const active = symbol.defaults.find((one) => one.active !== "n");
    if (active === undefined) return "";
    return ` by its default ${formatExpression(active.default)} (${position(active)})`;
  }

  #choice(symbol: KconfigSymbol, request: FragmentLine): Verdict {
    const choice = symbol.choice!;
    const winner = choice.winner;
    const prompt = choice.prompt ?? "";
    const asker = winner === null ? undefined : this.#asked(winner, "y");
    const why = winner === null
      ? "none of its members is on"
      : `${winner}=y, ${this.#origin(winner)}`;
    return {
      cause: "choice",
      brief: winner === null
        ? `no member of the choice "${prompt}" is on`
        : `${winner} is chosen instead`,
      reasons: [
        branch(
          `${symbol.symbol} is in the choice "${prompt}" (${position(choice)}), ` +
            `of which one member can be on`,
          [leaf(why)],
        ),
      ],
      add: [],
      advice: asker === undefined
        ? [`ask for CONFIG_${symbol.symbol} as the only one of ${memberNames(choice.members)}.`]
        : [
          `keep only one of \`${asker.text}\` (${placeOf(asker)}) and ` +
          `\`${request.text}\` (${placeOf(request)}).`,
        ],
    };
  }

  #selection(term: ReverseDependency, name: string): Reason {
    const by = term.by ?? "?";
    const rest = conditionBeyond(term.condition, by);
    const value = this.#dump.symbols.get(by)?.value ?? term.value;
    return branch(
      `${by} selects ${name}${rest === "" ? "" : `, under ${rest}`}`,
      [leaf(`${by}=${value}, ${this.#origin(by)}`)],
    );
  }

  /** A symbol without prompt that is on: what it follows from. */
  #follows(symbol: KconfigSymbol): Reason {
    const name = symbol.symbol;
    const active = symbol.defaults.find((one) => one.active !== "n");
    const implied = symbol.impliedBy.filter((term) => term.value !== "n");
    const children: Reason[] = [];
    for (const definition of symbol.definitions) {
      if (definition.source !== null) children.push(source(definition, definition.source));
    }
    // What holds it up: the symbols of its conditions that are on now.
    const holders = new Set<string>();
    for (const expression of [symbol.depends, active?.condition ?? null, active?.default ?? null]) {
      collectOn(expression, holders);
    }
    for (const term of implied) if (term.by !== null) holders.add(term.by);
    holders.delete(name);
    for (const holder of [...holders].slice(0, 2 * MAX_SHOWN)) {
      const value = this.#dump.symbols.get(holder)?.value ?? "y";
      children.push(leaf(`${holder}=${value}, ${this.#origin(holder)}`));
    }
    return branch(
      `${name}=${symbol.value} follows from its definition and cannot be set by a fragment`,
      children,
    );
  }

  /** The line that asked for this very value. */
  #asked(name: string, value: string): FragmentLine | undefined {
    const line = this.#origins.asked.get(`CONFIG_${name}`);
    return line !== undefined && sameValue(line.value, value) ? line : undefined;
  }

  /** Who gave a symbol the value that it has. */
  #origin(name: string): string {
    const symbol = this.#dump.symbols.get(name);
    if (symbol === undefined) return "not explained by the dump";
    const { value } = symbol;
    const selectors = symbol.selectedBy.filter((term) => term.value !== "n");
    const asked = this.#asked(name, value);
    // A select is stronger than a request: it would have the value without anybody asking.
    const settable = symbol.visible !== "n";
    if (asked !== undefined && settable) return `asked by ${placeOf(asked)}`;
    const otherwise = this.#origins.asked.get(`CONFIG_${name}`);
    if (otherwise !== undefined && settable && otherwise.value !== "n" && value !== "n") {
      return `asked by ${placeOf(otherwise)} as ${otherwise.value}`;
    }
    if (selectors.length > 0) {
      return `selected by ${selectors.slice(0, MAX_SHOWN).map((term) => term.by).join(", ")}`;
    }
    if (symbol.choice !== null && settable) {
      const { winner, prompt } = symbol.choice;
      if (winner === name) {
        return this.#origins.base.get(`CONFIG_${name}`) === "y"
          ? `chosen by tinyconfig in "${prompt}"`
          : `the default of the choice "${prompt}"`;
      }
      return `${winner} is chosen in "${prompt}"`;
    }
    if (!symbol.defined) return "an option of other architectures";
    if (symbol.prompts.length === 0) {
      const active = symbol.defaults.find((one) => one.active !== "n");
      return active === undefined
        ? "without prompt and selected by nothing"
        : `which has no prompt and follows from ${position(active)}`;
    }
    const base = this.#origins.base.get(`CONFIG_${name}`);
    if (settable && base !== undefined && sameText(base, value)) {
      return value === "n" ? "left off by tinyconfig" : "set by tinyconfig";
    }
    const implied = symbol.impliedBy.filter((term) => term.value !== "n" && value !== "n");
    if (implied.length > 0) return `implied by ${implied.map((term) => term.by).join(", ")}`;
    if (symbol.dependsValue === "n") return "because its own dependencies are not met";
    return settable ? "its default" : "its default, for its prompt is hidden";
  }

  /** Reasons why the direct dependencies are less than `want`; null where they are not. */
  #unmetDependencies(
    symbol: KconfigSymbol,
    want: Tristate,
    path: readonly string[],
  ): Reason | null {
    // The dependencies of a choice member are only in its prompt's condition.
    const inChoice = symbol.choice !== null && symbol.depends === null;
    const depends = inChoice ? symbol.prompts[0]?.condition ?? null : symbol.depends;
    if (depends === null) return null;
    // A bool that depends on m can be y.
    const needed = symbol.type === "tristate" ? want : "m";
    if (level(depends.value) >= level(needed)) return null;
    const text = `${symbol.symbol} depends on ${formatExpression(depends)} ` +
      `(${position(symbol)}) -- ${depends.value === "n" ? "unmet" : `is ${depends.value}`}`;
    if (depends.op === "const") return this.#constant(symbol, [...path, symbol.symbol]);
    return branch(text, this.#expressionLow(depends, needed, [...path, symbol.symbol]));
  }

  /**
   * A dependency that is the plain constant n: the parser turned a macro into n, or n is written
   * there, and folded away what stood beside it. So the lines of the file are judged one by one.
   */
  #constant(symbol: KconfigSymbol, path: readonly string[]): Reason {
    const probes: string[] = [];
    const unmet: Reason[] = [];
    const children = symbol.definitions.flatMap(({ source }) =>
      source === null ? [] : logicalLines(source).filter((line) => /^depends\b/.test(line))
    ).map((line) => {
      const condition = line.replace(/^depends on\s+/, "");
      if (condition.includes("$(")) {
        probes.push(condition);
        return leaf(`${line} -- a probe`);
      }
      const simple = /^(!?)([A-Za-z0-9_]+)$/.exec(condition);
      if (simple !== null) {
        const operand = { op: "symbol", name: simple[2]!, value: this.#value(simple[2]!) } as const;
        const reasons = simple[1] === "!"
          ? (operand.value === "n" ? [] : [this.#mustBeOff(operand, path)])
          : this.#expressionLow(operand, "m", path);
        unmet.push(...reasons);
        return branch(`${line} -- ${reasons.length === 0 ? "met" : "unmet"}`, reasons);
      }
      const values = [...new Set(condition.match(/[A-Z0-9_]{2,}/g) ?? [])]
        .filter((name) => this.#dump.symbols.get(name)?.defined)
        .map((name) => `${name}=${this.#value(name)}`);
      return leaf(`${line} -- with ${values.join(", ")}`);
    });
    const text = `${symbol.symbol} (${position(symbol)}) cannot be on here:`;
    if (unmet.length > 0) return { text, children, ...combine(unmet) };
    if (probes.length > 0) {
      return {
        text,
        children: [...children, leaf(`probed with ${this.#compiler()}`)],
        add: [],
        advice: [PROBE_ADVICE],
        leaf: {
          cause: "probe",
          briefs: [`a probe for ${symbol.symbol} failed: ${probes.join("; ")}`],
        },
      };
    }
    return {
      text,
      children,
      add: [],
      advice: [],
      leaf: { cause: "depends", briefs: [`${symbol.symbol} is switched off in its Kconfig file`] },
    };
  }

  #compiler(): string {
    const { compiler, compilerVersion } = this.#dump;
    return compilerVersion === "" ? compiler : `${compiler} (${compilerVersion})`;
  }

  /** Why a condition is less than `want`, down to what can be set or cannot be helped. */
  #expressionLow(
    expression: Expression | null,
    want: Tristate,
    path: readonly string[],
  ): Reason[] {
    if (expression === null || level(expression.value) >= level(want)) return [];
    switch (expression.op) {
      case "and":
        return expression.args.flatMap((arg) => this.#expressionLow(arg, want, path));
      case "or":
        return [this.#noneOf(expression, want, path)];
      case "not":
        return [this.#mustBeOff(expression.args[0]!, path)];
      case "symbol":
        return [this.#symbolLow(expression.name, want, path)];
      case "const":
        return [leaf(`the constant ${expression.value} (a macro, or written so in Kconfig)`)];
      case "unknown":
        return [leaf(`a condition of a kind that this tool does not know is ${expression.value}`)];
      default:
        return [this.#comparison(expression, path)];
    }
  }

  #noneOf(
    expression: Expression & { op: "and" | "or" | "not" },
    want: Tristate,
    path: readonly string[],
  ): Reason {
    const alternatives = expression.args.map((arg) => {
      const reasons = this.#expressionLow(arg, want, path);
      return { op: arg.op, text: formatExpression(arg), reasons, cost: cost(reasons) };
    }).sort((a, b) => a.cost - b.cost);
    const best = alternatives[0]!;
    const shown = alternatives.slice(0, MAX_SHOWN);
    const children = shown.map(({ op, text, reasons }) =>
      reasons.length === 1 && op !== "and" ? reasons[0]! : branch(text, reasons)
    );
    if (alternatives.length > shown.length) {
      children.push(leaf(`… and ${alternatives.length - shown.length} more`));
    }
    const both = combine(best.reasons);
    return {
      text: `${formatExpression(expression)} -- one of these is needed`,
      children,
      add: both.add,
      advice: both.advice,
      leaf: best.cost < HOPELESS
        ? both.leaf
        : { cause: both.leaf.cause, briefs: [`${formatExpression(expression)} does not hold`] },
    };
  }

  /** `!X` (or `X=n`) is asked by a condition, and X is on. */
  #mustBeOff(expression: Expression, path: readonly string[]): Reason {
    if (expression.op !== "symbol") {
      const text = `!${parenthesized(expression)}: ${formatExpression(expression)} ` +
        `is ${expression.value}`;
      const names = new Set<string>();
      collectOn(expression, names);
      return {
        ...branch(
          text,
          [...names].map((name) => leaf(`${name}=${this.#value(name)}, ${this.#origin(name)}`)),
        ),
        leaf: { cause: "depends", briefs: [`!${parenthesized(expression)} does not hold`] },
      };
    }
    const { name, value } = expression;
    const symbol = this.#dump.symbols.get(name);
    const unset = `# CONFIG_${name} is not set`;
    const text = `!${name}: ${name}=${value}, ${this.#origin(name)}`;
    const brief = `${name} is ${value}`;
    const result = (add: string[], advice: string[], children: Reason[] = []): Reason => ({
      text,
      children,
      add,
      advice,
      leaf: { cause: "depends", briefs: [brief] },
    });
    if (symbol === undefined || path.includes(name)) return result([], []);
    const selectors = symbol.selectedBy.filter((term) => term.value !== "n");
    if (selectors.length > 0) {
      const names = selectors.slice(0, MAX_SHOWN).map((term) => term.by).join(", ");
      return result(
        [],
        [`turn off what selects ${name}: ${names}.`],
        selectors.slice(0, MAX_SHOWN).map((term) => this.#selection(term, name)),
      );
    }
    const asker = this.#asked(name, value);
    if (asker !== undefined) {
      return result([], [`replace \`${asker.text}\` of ${placeOf(asker)} by \`${unset}\`.`]);
    }
    if (symbol.choice !== null) {
      const others = symbol.choice.members.filter((m) => m.name !== name && m.visible !== "n");
      return result([], [`choose another member: ${memberNames(others)}.`]);
    }
    if (symbol.prompts.length > 0 && symbol.visible !== "n") return result([unset], []);
    if (symbol.prompts.length > 0) {
      const hidden = this.#expressionLow(symbol.prompts[0]!.condition, "y", [...path, name]);
      const both = combine(hidden);
      return result([...both.add, unset], [...both.advice], hidden);
    }
    return result([], [], [this.#follows(symbol)]);
  }

  #comparison(
    expression: Extract<Expression, { left: Expression }>,
    path: readonly string[],
  ): Reason {
    const { op, left, right } = expression;
    if (left.op === "symbol" && right.op === "const" && right.value in LEVEL) {
      if (op === "=" && right.value === "y" || op === "!=" && right.value === "n") {
        return this.#symbolLow(left.name, right.value === "y" ? "y" : "m", path);
      }
      if (op === "=" && right.value === "n") return this.#mustBeOff(left, path);
    }
    const text = formatExpression(expression);
    const children: Reason[] = [];
    let cause: "depends" | "probe" = "depends";
    const advice: string[] = [];
    for (const side of [left, right]) {
      if (side.op !== "symbol") continue;
      const symbol = this.#dump.symbols.get(side.name);
      const macros = symbol === undefined ? [] : macroLines(symbol, /^default\b|^def_/);
      children.push({
        ...leaf(`${side.name}=${side.value}, ${this.#origin(side.name)}`),
        children: macros.map((line) => leaf(line)),
      });
      if (macros.length > 0) {
        cause = "probe";
        advice.push(`install or update the tool that ${side.name} asks for its version.`);
      } else if (symbol !== undefined && symbol.visible !== "n") {
        advice.push(`set CONFIG_${side.name} so that ${text}.`);
      }
    }
    return {
      text: `${text} does not hold`,
      children,
      add: [],
      advice,
      leaf: { cause, briefs: [`${text} does not hold`] },
    };
  }

  #value(name: string): string {
    return this.#dump.symbols.get(name)?.value ?? "n";
  }

  /** Why a symbol is less than `want`. */
  #symbolLow(name: string, want: Tristate, path: readonly string[]): Reason {
    const symbol = this.#dump.symbols.get(name);
    const line = configLine(`CONFIG_${name}`, want === "m" ? "y" : want);
    const simple = (text: string, add: string[], advice: string[]): Reason => ({
      text,
      children: [],
      add,
      advice,
      leaf: { cause: "depends", briefs: [`${name} is ${symbol?.value ?? "n"}`] },
    });
    if (symbol === undefined || path.length > MAX_DEPTH || path.includes(name)) {
      return simple(`${name}=${this.#value(name)}`, [], []);
    }
    if (!symbol.defined) {
      return simple(`${name} is not an option of this kernel and architecture`, [], []);
    }
    const asker = this.#asked(name, "n");
    const unmet = this.#unmetDependencies(symbol, want, path);
    if (unmet !== null) {
      return {
        text: `${name}=${symbol.value}`,
        children: [
          ...(asker === undefined ? [] : [leaf(`${asker.text} is asked by ${placeOf(asker)}`)]),
          unmet,
        ],
        // After its dependencies it still has to be set itself, where a fragment can do that.
        add: unmet.add.length > 0 && symbol.prompts.length > 0 ? [...unmet.add, line] : unmet.add,
        advice: unmet.advice,
        leaf: unmet.leaf,
      };
    }
    if (asker !== undefined && symbol.visible !== "n") {
      return simple(`${name}=n, asked by ${placeOf(asker)}`, [], [
        `replace \`${asker.text}\` of ${placeOf(asker)} by \`${line}\`.`,
      ]);
    }
    if (symbol.prompts.length === 0) return this.#promptless(symbol, want, path);
    if (level(symbol.visible) < level(symbol.type === "tristate" ? want : "m")) {
      const hidden = this.#expressionLow(symbol.prompts[0]!.condition, want, [...path, name]);
      const reason = branch(
        `${name}=${symbol.value}, and its prompt is hidden (${position(symbol.prompts[0]!)})`,
        hidden,
      );
      return { ...reason, add: reason.add.length > 0 ? [...reason.add, line] : [] };
    }
    const winner = symbol.choice?.winner;
    const chosen = winner === null || winner === undefined ? undefined : this.#asked(winner, "y");
    return simple(
      `${name}=${symbol.value}, ${this.#origin(name)}`,
      chosen === undefined ? [line] : [],
      chosen === undefined
        ? []
        : [`replace \`${chosen.text}\` of ${placeOf(chosen)} by \`${line}\`.`],
    );
  }

  /** A symbol without prompt that is less than `want`, its dependencies being met. */
  #promptless(symbol: KconfigSymbol, want: Tristate, path: readonly string[]): Reason {
    const name = symbol.symbol;
    const inner = [...path, name];
    const macros = macroLines(symbol, /^default\b|^def_/);
    const head = `${name}=${symbol.value}, which has no prompt (${position(symbol)})`;
    if (macros.length > 0 && symbol.selectedBy.length === 0) {
      const shown = macros.map((line) => leaf(line));
      return {
        text: `${head}: a probe of the toolchain failed`,
        children: [...shown, leaf(`probed with ${this.#compiler()}`)],
        add: [],
        advice: [PROBE_ADVICE],
        leaf: { cause: "probe", briefs: [`the probe for ${name} failed: ${macros.join("; ")}`] },
      };
    }
    const ways: Reason[] = [];
    for (const term of symbol.selectedBy) {
      if (term.condition === undefined || term.by === null) continue;
      const rest = conditionBeyond(term.condition, term.by);
      ways.push(
        branch(
          `${term.by} selects it only under ${rest || term.by}`,
          this.#expressionLow(term.condition, want, inner),
        ),
      );
    }
    for (const one of symbol.defaults) {
      const text = `its default ${formatExpression(one.default)}` +
        (one.condition === null ? "" : ` if ${formatExpression(one.condition)}`) +
        ` (${position(one)})`;
      const reasons = one.active === "n"
        ? this.#expressionLow(one.condition, want, inner)
        : this.#expressionLow(one.default, want, inner);
      if (reasons.length > 0) ways.push(branch(text, reasons));
    }
    ways.sort((a, b) => cost([a]) - cost([b]));
    const idle = symbol.selectedBy.filter((term) => term.condition === undefined && term.by);
    if (idle.length > 0) {
      const names = idle.slice(0, 2 * MAX_SHOWN).map((term) => term.by).join(", ");
      const more = idle.length > 2 * MAX_SHOWN ? `, and ${idle.length - 2 * MAX_SHOWN} more` : "";
      ways.push({
        ...leaf(`it is on when one of these is: ${names}${more}`),
        advice: [
          idle.length === 1
            ? `ask for what selects ${name}: CONFIG_${idle[0]!.by}=y.`
            : `ask for one of those that select ${name}: ${names}${more}.`,
        ],
      });
    }
    const best = ways[0];
    return {
      text: ways.length === 0 ? `${head}, and which nothing selects here` : head,
      children: ways.slice(0, MAX_SHOWN),
      add: best?.add ?? [],
      advice: best?.advice ?? [],
      // The summary names the far end of the best way, unless that end is "one of many".
      leaf: best !== undefined && best.children.length > 0 &&
          (best.leaf.cause === "probe" || cost([best]) < HOPELESS)
        ? best.leaf
        : { cause: "depends", briefs: [`${name} is ${symbol.value}`] },
    };
  }
}

function transitional(name: string): Verdict {
  return {
    cause: "no-prompt",
    brief: `${name} is an old name that this kernel only carries over`,
    reasons: [leaf(`${name} is marked transitional: read from old .config files, never written.`)],
    add: [],
    advice: ["ask for the option that replaces it."],
  };
}

function dependencyVerdict(unmet: Reason): Verdict {
  return {
    cause: unmet.leaf.cause,
    brief: `${unmet.leaf.cause === "probe" ? "" : "unmet dependency, "}${
      briefly(unmet.leaf.briefs)
    }`,
    reasons: [unmet],
    add: unmet.add,
    advice: unmet.advice,
    instead: unmet.advice.length + unmet.add.length > 0
      ? []
      : ["nothing that a fragment can set helps; take the request out."],
  };
}

function leaf(text: string): Reason {
  return { text, children: [], add: [], advice: [], leaf: { cause: "depends", briefs: [text] } };
}

function branch(text: string, children: readonly Reason[]): Reason {
  return { text, children, ...combine(children) };
}

/** All of these reasons stand: all their remedies are needed. */
function combine(reasons: readonly Reason[]): Pick<Reason, "add" | "advice" | "leaf"> {
  // A probe is the hardest of all obstacles, so it is what the summary names.
  const probes = reasons.filter((reason) => reason.leaf.cause === "probe");
  const leaves = (probes.length > 0 ? probes : reasons).map((reason) => reason.leaf);
  return {
    add: reasons.flatMap((reason) => reason.add),
    advice: reasons.flatMap((reason) => reason.advice),
    leaf: {
      cause: probes.length > 0 ? "probe" : "depends",
      briefs: [...new Set(leaves.flatMap((one) => one.briefs))],
    },
  };
}

/** The cost of a reason that nothing in a fragment removes. */
const HOPELESS = 100;

/** How far a set of reasons is from being removed; orders the alternatives of an OR. */
function cost(reasons: readonly Reason[]): number {
  return reasons.reduce((sum, reason) => {
    if (reason.add.length > 0) return sum + reason.add.length;
    return sum + (reason.advice.length > 0 && reason.leaf.cause !== "probe" ? 10 : HOPELESS);
  }, 0);
}

/** `shown` keeps what was expanded already, for real dependencies share most of their paths. */
function renderReason(reason: Reason, depth: number, shown: Set<string>): string[] {
  const indent = "  ".repeat(depth);
  if (reason.children.length > 0 && shown.has(reason.text)) {
    return [`${indent}${reason.text} (see above)`];
  }
  shown.add(reason.text);
  return [
    `${indent}${reason.text}`,
    ...reason.children.flatMap((child) => renderReason(child, depth + 1, shown)),
  ];
}

function briefly(briefs: readonly string[]): string {
  const shown = briefs.slice(0, MAX_SHOWN).join(", ");
  return briefs.length > MAX_SHOWN ? `${shown} and ${briefs.length - MAX_SHOWN} more` : shown;
}

function position(where: Position | KconfigSymbol): string {
  if ("symbol" in where) {
    const first = where.definitions[0];
    return first === undefined ? "defined nowhere" : `${first.file}:${first.line}`;
  }
  return `${where.file}:${where.line}`;
}

function source(where: Position, text: string): Reason {
  const lines = logicalLines(text).slice(1);
  return leaf(`${position(where)}: ${lines.join("; ")}`);
}

function takeOut(request: FragmentLine): string {
  return `take \`${request.text}\` out of ${placeOf(request)}.`;
}

function memberNames(members: readonly { readonly name: string }[]): string {
  return members.map((member) => member.name).join(", ");
}

function article(type: string): string {
  return type === "int" ? "an int" : `a ${type}`;
}

function exampleInt(asked: string, current: string): string {
  return /^0x[0-9a-f]+$/i.test(asked) ? BigInt(asked.toLowerCase()).toString() : current;
}

/** strtoll() as sym_string_within_range() uses it: hex options need no 0x. */
function number(text: string, type: "int" | "hex" | "string" | "bool" | "tristate" | "unknown") {
  const digits = /^(-?)(0[xX])?([0-9a-fA-F]+)$/.exec(text);
  if (digits === null) return null;
  const hex = type === "hex" || digits[2] !== undefined;
  if (!hex && /[a-f]/i.test(digits[3]!)) return null;
  const magnitude = BigInt(`${hex ? "0x" : ""}${digits[3]}`);
  return digits[1] === "-" ? -magnitude : magnitude;
}

function operandValue(expression: Expression): string {
  return expression.value;
}

/** A .config has strings in quotes, the parser has not. */
function sameText(dotConfig: string, value: string): boolean {
  return sameValue(dotConfig, value) || dotConfig === JSON.stringify(value);
}

/** The symbols in a condition that are on, leaving out what stands below a `!`. */
function collectOn(expression: Expression | null, into: Set<string>): void {
  if (expression === null) return;
  if (expression.op === "symbol" && expression.value !== "n") into.add(expression.name);
  else if (expression.op === "and" || expression.op === "or") {
    for (const arg of expression.args) collectOn(arg, into);
  }
}

/** The `if` of a select, without the selecting symbol itself; "" for none. */
function conditionBeyond(condition: Expression | undefined, by: string): string {
  if (condition === undefined || condition.op !== "and") return "";
  const rest = condition.args.filter((arg) => !(arg.op === "symbol" && arg.name === by));
  if (rest.length === 0) return "";
  return formatExpression(rest.length === 1 ? rest[0]! : { ...condition, args: rest });
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

function parenthesized(expression: Expression): string {
  const text = formatExpression(expression);
  return expression.op === "symbol" || expression.op === "const" ? text : `(${text})`;
}

/** Lines of a Kconfig entry, continued ones joined, blanks squeezed. */
function logicalLines(text: string): string[] {
  return text.replace(/\\\r?\n/g, " ").split("\n").map((line) => line.trim().replace(/\s+/g, " "));
}

/** The lines of a symbol's entries that match and call a macro: $(cc-option,...) and its kin. */
function macroLines(symbol: KconfigSymbol, keyword: RegExp): string[] {
  return symbol.definitions.flatMap(({ source }) =>
    source === null
      ? []
      : logicalLines(source).filter((line) => keyword.test(line) && line.includes("$("))
  );
}

/** Option names near to a misspelt or foreign one, best first, at most six. */
export function nearestNames(name: string, names: readonly string[]): string[] {
  const limit = Math.max(1, Math.floor(name.length / 4));
  const close = names
    .map((candidate) => ({ candidate, far: distance(name, candidate) }))
    .filter(({ far }) => far <= limit)
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
    .map(({ candidate }) => candidate);
  const [family = name] = name.split("_");
  const relatives = names
    .filter((candidate) => candidate === family || candidate.startsWith(`${family}_`))
    .sort();
  // A family of hundreds (USB, SND) says nothing.
  const kin = relatives.length <= 12 ? relatives : [];
  return [...new Set([...close, ...kin])].slice(0, 6);
}
