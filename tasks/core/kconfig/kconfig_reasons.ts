// SPDX-License-Identifier: MIT
/**
 * Why a symbol has the value that it has, as a tree of findings, each with what would remove it:
 * down to the leaf that a fragment can set, or that nothing can help.
 */
import { sameValue } from "./values.ts";
import { configLine, type FragmentLine, placeOf } from "./fragment.ts";
import {
  type Expression,
  formatExpression,
  type KconfigSymbol,
  LEVEL,
  level,
  parenthesized,
  type Position,
  position,
  type ReverseDependency,
  type SymbolDump,
  type Tristate,
} from "./symbol_dump.ts";

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

/** A finding and what it rests on. */
export interface Reason {
  readonly text: string;
  readonly children: readonly Reason[];
  /** Fragment lines that would remove it, in the order in which they depend on each other. */
  readonly add: readonly string[];
  readonly advice: readonly string[];
  /** What the chain below ends in, for the summary. */
  readonly leaf: { readonly cause: "depends" | "probe"; readonly briefs: readonly string[] };
}

/** Of the alternatives of an OR, and of the selectors of a symbol, as many are shown. */
export const MAX_SHOWN = 3;

/** A finding that rests on nothing else. */
export function leaf(text: string): Reason {
  return { text, children: [], add: [], advice: [], leaf: { cause: "depends", briefs: [text] } };
}

/** One that rests on others, and goes away with them. */
export function branch(text: string, children: readonly Reason[]): Reason {
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

/**
 * Lines, indented by two blanks a level.
 * @param shown Keeps what was expanded already, for real dependencies share most of their paths.
 */
export function renderReason(reason: Reason, depth: number, shown: Set<string>): string[] {
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

/** The first few, and how many more. */
export function briefly(briefs: readonly string[]): string {
  const shown = briefs.slice(0, MAX_SHOWN).join(", ");
  return briefs.length > MAX_SHOWN ? `${shown} and ${briefs.length - MAX_SHOWN} more` : shown;
}

const PROBE_ADVICE = "use a compiler or tool that passes the probe, or take the request out.";

/** Chains in real trees are four or five symbols long; the limit is for loops we do not foresee. */
const MAX_DEPTH = 10;

/** What is known of the symbols of one dump. */
export class Reasons {
  readonly #dump: SymbolDump;
  readonly #origins: Origins;

  constructor(dump: SymbolDump, origins: Origins) {
    this.#dump = dump;
    this.#origins = origins;
  }

  /** That one symbol selects another, and who turned it on. */
  selection(term: ReverseDependency, name: string): Reason {
    const by = term.by ?? "?";
    const rest = conditionBeyond(term.condition, by);
    const value = this.#dump.symbols.get(by)?.value ?? term.value;
    return branch(
      `${by} selects ${name}${rest === "" ? "" : `, under ${rest}`}`,
      [leaf(`${by}=${value}, ${this.origin(by)}`)],
    );
  }

  /** A symbol without prompt that is on: what it follows from. */
  follows(symbol: KconfigSymbol): Reason {
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
      children.push(leaf(`${holder}=${value}, ${this.origin(holder)}`));
    }
    return branch(
      `${name}=${symbol.value} follows from its definition and cannot be set by a fragment`,
      children,
    );
  }

  /** The line that asked for this very value. */
  asked(name: string, value: string): FragmentLine | undefined {
    const line = this.#origins.asked.get(`CONFIG_${name}`);
    return line !== undefined && sameValue(line.value, value) ? line : undefined;
  }

  /** Who gave a symbol the value that it has. */
  origin(name: string): string {
    const symbol = this.#dump.symbols.get(name);
    if (symbol === undefined) return "not explained by the dump";
    const { value } = symbol;
    const selectors = symbol.selectedBy.filter((term) => term.value !== "n");
    const asked = this.asked(name, value);
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
  unmetDependencies(
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
    return branch(text, this.expressionLow(depends, needed, [...path, symbol.symbol]));
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
          : this.expressionLow(operand, "m", path);
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
  expressionLow(
    expression: Expression | null,
    want: Tristate,
    path: readonly string[],
  ): Reason[] {
    if (expression === null || level(expression.value) >= level(want)) return [];
    switch (expression.op) {
      case "and":
        return expression.args.flatMap((arg) => this.expressionLow(arg, want, path));
      case "or":
        return [this.#noneOf(expression, want, path)];
      case "not":
        return [this.#mustBeOff(expression.args[0]!, path)];
      case "symbol":
        return [this.symbolLow(expression.name, want, path)];
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
      const reasons = this.expressionLow(arg, want, path);
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
          [...names].map((name) => leaf(`${name}=${this.#value(name)}, ${this.origin(name)}`)),
        ),
        leaf: { cause: "depends", briefs: [`!${parenthesized(expression)} does not hold`] },
      };
    }
    const { name, value } = expression;
    const symbol = this.#dump.symbols.get(name);
    const unset = `# CONFIG_${name} is not set`;
    const text = `!${name}: ${name}=${value}, ${this.origin(name)}`;
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
        selectors.slice(0, MAX_SHOWN).map((term) => this.selection(term, name)),
      );
    }
    const asker = this.asked(name, value);
    if (asker !== undefined) {
      return result([], [`replace \`${asker.text}\` of ${placeOf(asker)} by \`${unset}\`.`]);
    }
    if (symbol.choice !== null) {
      const others = symbol.choice.members.filter((m) => m.name !== name && m.visible !== "n");
      return result([], [`choose another member: ${memberNames(others)}.`]);
    }
    if (symbol.prompts.length > 0 && symbol.visible !== "n") return result([unset], []);
    if (symbol.prompts.length > 0) {
      const hidden = this.expressionLow(symbol.prompts[0]!.condition, "y", [...path, name]);
      const both = combine(hidden);
      return result([...both.add, unset], [...both.advice], hidden);
    }
    return result([], [], [this.follows(symbol)]);
  }

  #comparison(
    expression: Extract<Expression, { left: Expression }>,
    path: readonly string[],
  ): Reason {
    const { op, left, right } = expression;
    if (left.op === "symbol" && right.op === "const" && right.value in LEVEL) {
      if (op === "=" && right.value === "y" || op === "!=" && right.value === "n") {
        return this.symbolLow(left.name, right.value === "y" ? "y" : "m", path);
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
        ...leaf(`${side.name}=${side.value}, ${this.origin(side.name)}`),
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
  symbolLow(name: string, want: Tristate, path: readonly string[]): Reason {
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
    const asker = this.asked(name, "n");
    const unmet = this.unmetDependencies(symbol, want, path);
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
    if (symbol.prompts.length === 0) return this.promptless(symbol, want, path);
    if (level(symbol.visible) < level(symbol.type === "tristate" ? want : "m")) {
      const hidden = this.expressionLow(symbol.prompts[0]!.condition, want, [...path, name]);
      const reason = branch(
        `${name}=${symbol.value}, and its prompt is hidden (${position(symbol.prompts[0]!)})`,
        hidden,
      );
      return { ...reason, add: reason.add.length > 0 ? [...reason.add, line] : [] };
    }
    const winner = symbol.choice?.winner;
    const chosen = winner === null || winner === undefined ? undefined : this.asked(winner, "y");
    return simple(
      `${name}=${symbol.value}, ${this.origin(name)}`,
      chosen === undefined ? [line] : [],
      chosen === undefined
        ? []
        : [`replace \`${chosen.text}\` of ${placeOf(chosen)} by \`${line}\`.`],
    );
  }

  /** A symbol without prompt that is less than `want`, its dependencies being met. */
  promptless(symbol: KconfigSymbol, want: Tristate, path: readonly string[]): Reason {
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
          this.expressionLow(term.condition, want, inner),
        ),
      );
    }
    for (const one of symbol.defaults) {
      const text = `its default ${formatExpression(one.default)}` +
        (one.condition === null ? "" : ` if ${formatExpression(one.condition)}`) +
        ` (${position(one)})`;
      const reasons = one.active === "n"
        ? this.expressionLow(one.condition, want, inner)
        : this.expressionLow(one.default, want, inner);
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

function source(where: Position, text: string): Reason {
  const lines = logicalLines(text).slice(1);
  return leaf(`${position(where)}: ${lines.join("; ")}`);
}

/** "A, B, C" */
export function memberNames(members: readonly { readonly name: string }[]): string {
  return members.map((member) => member.name).join(", ");
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
