// SPDX-License-Identifier: MIT
/** Who gave a symbol the value that it has: a fragment, a select, the base, its own definition. */
import { type FragmentLine, placeOf } from "./fragment.ts";
import { MAX_SHOWN } from "./reason.ts";
import { type KconfigSymbol, position, type SymbolDump } from "./symbol_dump.ts";
import { sameValue } from "./values.ts";

/** Who said what before olddefconfig ran. */
export interface Origins {
  /** The merged request: option with prefix to the line that asked. */
  readonly asked: ReadonlyMap<string, FragmentLine>;
  /** parseDotConfig() of the base's .config. */
  readonly base: ReadonlyMap<string, string>;
  /** What the base is, for people: "tinyconfig". */
  readonly title: string;
}

/** {@linkcode Origins} of a merged request on top of a base's .config. */
export function originsOf(
  lines: readonly FragmentLine[],
  base: ReadonlyMap<string, string>,
  title = "tinyconfig",
): Origins {
  return { asked: new Map(lines.map((line) => [line.option, line])), base, title };
}

/** The symbols of one dump, each with who set it. */
export class SymbolOrigins {
  readonly #dump: SymbolDump;
  readonly #origins: Origins;

  constructor(dump: SymbolDump, origins: Origins) {
    this.#dump = dump;
    this.#origins = origins;
  }

  /** undefined for a name that the parser does not know. */
  symbol(name: string): KconfigSymbol | undefined {
    return this.#dump.symbols.get(name);
  }

  /** "n" for a name that the parser does not know. */
  value(name: string): string {
    return this.symbol(name)?.value ?? "n";
  }

  /** The compiler that the tree's probes were run with, and its version where it is known. */
  get compiler(): string {
    const { compiler, compilerVersion } = this.#dump;
    return compilerVersion === "" ? compiler : `${compiler} (${compilerVersion})`;
  }

  /** The line that asked for this very value. */
  asked(name: string, value: string): FragmentLine | undefined {
    const line = this.#origins.asked.get(`CONFIG_${name}`);
    return line !== undefined && sameValue(line.value, value) ? line : undefined;
  }

  /** Who gave a symbol the value that it has. */
  origin(name: string): string {
    const symbol = this.symbol(name);
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
          ? `chosen by ${this.#origins.title} in "${prompt}"`
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
      const { title } = this.#origins;
      return value === "n" ? `left off by ${title}` : `set by ${title}`;
    }
    const implied = symbol.impliedBy.filter((term) => term.value !== "n" && value !== "n");
    if (implied.length > 0) return `implied by ${implied.map((term) => term.by).join(", ")}`;
    if (symbol.dependsValue === "n") return "because its own dependencies are not met";
    return settable ? "its default" : "its default, for its prompt is hidden";
  }
}

/** A .config has strings in quotes, the parser has not. */
function sameText(dotConfig: string, value: string): boolean {
  return sameValue(dotConfig, value) || dotConfig === JSON.stringify(value);
}
