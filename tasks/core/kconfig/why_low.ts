// SPDX-License-Identifier: MIT
/**
 * Why a symbol or a condition is less than it was asked to be, as a tree of findings, each with what
 * would remove it: down to the leaf that a fragment can set, or that nothing can help.
 */
import { logicalLines, macroLines, probeAdvice } from "./entry_lines.ts";
import { configLine, placeOf } from "./fragment.ts";
import type { SymbolOrigins } from "./origins.ts";
import {
  branch,
  combine,
  cost,
  HOPELESS,
  hopeless,
  leaf,
  MAX_SHOWN,
  memberNames,
  type Reason,
} from "./reason.ts";
import {
  type Expression,
  formatExpression,
  type KconfigSymbol,
  LEVEL,
  level,
  parenthesized,
  position,
  type Tristate,
} from "./symbol_dump.ts";
import { collectOn, conditionBeyond, follows, selection } from "./why_on.ts";

/** Chains in real trees are four or five symbols long; the limit is for loops we do not foresee. */
const MAX_DEPTH = 10;

/** What keeps the symbols of one dump down. */
export class WhyLow {
  readonly #origins: SymbolOrigins;

  constructor(origins: SymbolOrigins) {
    this.#origins = origins;
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
    // A symbol that is defined twice, once without condition, keeps the other's as its dependency
    // (CPU_MITIGATIONS); what it can be set to is told by its prompts.
    if (symbol.prompts.length > 0 && level(symbol.visible) >= level(needed)) return null;
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
        const operand = {
          op: "symbol",
          name: simple[2]!,
          value: this.#origins.value(simple[2]!),
        } as const;
        const reasons = simple[1] === "!"
          ? (operand.value === "n" ? [] : [this.#mustBeOff(operand, path)])
          : this.expressionLow(operand, "m", path);
        unmet.push(...reasons);
        return branch(`${line} -- ${reasons.length === 0 ? "met" : "unmet"}`, reasons);
      }
      const values = [...new Set(condition.match(/[A-Z0-9_]{2,}/g) ?? [])]
        .filter((name) => this.#origins.symbol(name)?.defined)
        .map((name) => `${name}=${this.#origins.value(name)}`);
      return leaf(`${line} -- with ${values.join(", ")}`);
    });
    const text = `${symbol.symbol} (${position(symbol)}) cannot be on here:`;
    if (unmet.length > 0) return { text, children, ...combine(unmet) };
    if (probes.length > 0) {
      return {
        text,
        children: [...children, leaf(`probed with ${this.#origins.compiler}`)],
        add: [],
        advice: [probeAdvice(probes)],
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
        return [hopeless(`the constant ${expression.value} (a macro, or written so in Kconfig)`)];
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
      ...both,
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
          [...names].map((name) =>
            leaf(`${name}=${this.#origins.value(name)}, ${this.#origins.origin(name)}`)
          ),
        ),
        leaf: { cause: "depends", briefs: [`!${parenthesized(expression)} does not hold`] },
      };
    }
    const { name, value } = expression;
    const symbol = this.#origins.symbol(name);
    const unset = `# CONFIG_${name} is not set`;
    const text = `!${name}: ${name}=${value}, ${this.#origins.origin(name)}`;
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
        selectors.slice(0, MAX_SHOWN).map((term) => selection(term, name, this.#origins)),
      );
    }
    const asker = this.#origins.asked(name, value);
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
    return { ...result([], [], [follows(symbol, this.#origins)]), hopeless: true };
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
      const symbol = this.#origins.symbol(side.name);
      const macros = symbol === undefined ? [] : macroLines(symbol, /^default\b|^def_/);
      children.push({
        ...leaf(`${side.name}=${side.value}, ${this.#origins.origin(side.name)}`),
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

  /** Why a symbol is less than `want`. */
  symbolLow(name: string, want: Tristate, path: readonly string[]): Reason {
    const symbol = this.#origins.symbol(name);
    const line = configLine(`CONFIG_${name}`, want === "m" ? "y" : want);
    const simple = (text: string, add: string[], advice: string[]): Reason => ({
      text,
      children: [],
      add,
      advice,
      leaf: { cause: "depends", briefs: [`${name} is ${symbol?.value ?? "n"}`] },
    });
    if (symbol === undefined || path.length > MAX_DEPTH || path.includes(name)) {
      return simple(`${name}=${this.#origins.value(name)}`, [], []);
    }
    if (!symbol.defined) {
      return hopeless(`${name} is not an option of this kernel and architecture`);
    }
    const asker = this.#origins.asked(name, "n") ??
      (want === "y" ? this.#origins.asked(name, "m") : undefined);
    // A second line for what a fragment says already would contradict it.
    const [add, advice]: [string[], string[]] = asker === undefined
      ? [[line], []]
      : [[], [`replace \`${asker.text}\` of ${placeOf(asker)} by \`${line}\`.`]];
    const unmet = this.unmetDependencies(symbol, want, path);
    if (unmet !== null) {
      // After its dependencies it still has to be set itself, where a fragment can do that.
      const itself = unmet.add.length > 0 && symbol.prompts.length > 0;
      return {
        ...unmet,
        text: `${name}=${symbol.value}`,
        children: [
          ...(asker === undefined ? [] : [leaf(`${asker.text} is asked by ${placeOf(asker)}`)]),
          unmet,
        ],
        add: itself ? [...unmet.add, ...add] : unmet.add,
        advice: itself ? [...unmet.advice, ...advice] : unmet.advice,
      };
    }
    if (asker !== undefined && symbol.visible !== "n") {
      return simple(`${name}=${symbol.value}, asked by ${placeOf(asker)}`, add, advice);
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
    const chosen = winner === null || winner === undefined
      ? undefined
      : this.#origins.asked(winner, "y");
    return simple(
      `${name}=${symbol.value}, ${this.#origins.origin(name)}`,
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
        children: [...shown, leaf(`probed with ${this.#origins.compiler}`)],
        add: [],
        advice: [probeAdvice(macros)],
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
      hopeless: best === undefined || best.hopeless,
      // The summary names the far end of the best way, unless that end is "one of many".
      leaf: best !== undefined && best.children.length > 0 &&
          (best.leaf.cause === "probe" || cost([best]) < HOPELESS)
        ? best.leaf
        : { cause: "depends", briefs: [`${name} is ${symbol.value}`] },
    };
  }
}
