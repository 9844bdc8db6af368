// SPDX-License-Identifier: MIT
/** Why a symbol is on although no fragment asks for it. */
import { logicalLines } from "./entry_lines.ts";
import type { SymbolOrigins } from "./origins.ts";
import { branch, leaf, MAX_SHOWN, type Reason } from "./reason.ts";
import {
  type Expression,
  formatExpression,
  type KconfigSymbol,
  type Position,
  position,
  type ReverseDependency,
} from "./symbol_dump.ts";

/** That one symbol selects another, and who turned it on. */
export function selection(
  term: ReverseDependency,
  name: string,
  origins: SymbolOrigins,
): Reason {
  const by = term.by ?? "?";
  const rest = conditionBeyond(term.condition, by);
  const value = origins.symbol(by)?.value ?? term.value;
  return branch(
    `${by} selects ${name}${rest === "" ? "" : `, under ${rest}`}`,
    [leaf(`${by}=${value}, ${origins.origin(by)}`)],
  );
}

/** A symbol without prompt that is on: what it follows from. */
export function follows(symbol: KconfigSymbol, origins: SymbolOrigins): Reason {
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
    const value = origins.symbol(holder)?.value ?? "y";
    children.push(leaf(`${holder}=${value}, ${origins.origin(holder)}`));
  }
  return branch(
    `${name}=${symbol.value} follows from its definition and cannot be set by a fragment`,
    children,
  );
}

function source(where: Position, text: string): Reason {
  const lines = logicalLines(text).slice(1);
  return leaf(`${position(where)}: ${lines.join("; ")}`);
}

/** The symbols in a condition that are on, leaving out what stands below a `!`. */
export function collectOn(expression: Expression | null, into: Set<string>): void {
  if (expression === null) return;
  if (expression.op === "symbol" && expression.value !== "n") into.add(expression.name);
  else if (expression.op === "and" || expression.op === "or") {
    for (const arg of expression.args) collectOn(arg, into);
  }
}

/** The `if` of a select, without the selecting symbol itself; "" for none. */
export function conditionBeyond(condition: Expression | undefined, by: string): string {
  if (condition === undefined || condition.op !== "and") return "";
  const rest = condition.args.filter((arg) => !(arg.op === "symbol" && arg.name === by));
  if (rest.length === 0) return "";
  return formatExpression(rest.length === 1 ? rest[0]! : { ...condition, args: rest });
}
