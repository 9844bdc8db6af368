// SPDX-License-Identifier: MIT
/**
 * Why `make olddefconfig` dropped an option: turns what the kernel's own Kconfig parser knows
 * (symbol_dump.ts) into an explanation.
 */
import type { Explanation, Objection } from "./explanation.ts";
import { configLine, type FragmentLine, placeOf, shortened } from "./fragment.ts";
import { type Dropped } from "./kconfig.ts";
import { nearestNames } from "./near_names.ts";
import { type Origins, SymbolOrigins } from "./origins.ts";
import {
  branch,
  briefly,
  leaf,
  MAX_SHOWN,
  memberNames,
  type Reason,
  renderReason,
} from "./reason.ts";
import {
  type Expression,
  formatExpression,
  type KconfigSymbol,
  level,
  type Position,
  position,
  type SymbolDump,
  symbolName,
  type Tristate,
} from "./symbol_dump.ts";
import { WhyLow } from "./why_low.ts";
import { follows, selection } from "./why_on.ts";
import { typeMismatch } from "./wrong_type.ts";

/** Explains one dropped request. Never throws on a complete dump, however odd the kernel. */
export function explainDropped(dropped: Dropped, dump: SymbolDump, origins: Origins): Explanation {
  const { request, found } = dropped;
  const objection = new Explainer(dump, origins).judge(dropped);
  const is = found === undefined ? "absent" : configLine(request.option, found);
  const shown = new Set<string>();
  const lines = objection.reasons.flatMap((reason) => renderReason(reason, 1, shown));
  if (!dump.settled) {
    lines.push(
      "  Caution: the .config differs from what the Kconfig parser computes now, so the values",
      "  above may be those of another configuration.",
    );
  }
  return {
    option: request.option,
    cause: objection.cause,
    summary: `${shortened(request.text)} asked by ${placeOf(request)} ` +
      `is not in the final .config (found: ${shortened(is)}): ${objection.brief}`,
    details: lines,
    add: [...new Set(objection.add)],
    advice: [...new Set(objection.advice)],
    instead: [...new Set(objection.instead ?? [])],
  };
}

class Explainer {
  readonly #dump: SymbolDump;
  readonly #origins: SymbolOrigins;
  readonly #low: WhyLow;

  constructor(dump: SymbolDump, origins: Origins) {
    this.#dump = dump;
    this.#origins = new SymbolOrigins(dump, origins);
    this.#low = new WhyLow(this.#origins);
  }

  judge({ request, found }: Dropped): Objection {
    const name = symbolName(request.option);
    const symbol = this.#dump.symbols.get(name);
    if (symbol === undefined || !symbol.defined) return this.#noSuchOption(name, symbol);
    const typed = typeMismatch(request, symbol, found, this.#low, this.#origins);
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

  #noSuchOption(name: string, symbol: KconfigSymbol | undefined): Objection {
    const version = this.#dump.kernelVersion;
    const elsewhere = this.#dump.elsewhere.get(name) ?? [];
    if (elsewhere.length > 0) return this.#ofOtherArchitectures(name, elsewhere);
    const near = nearestNames(name, this.#dump.names);
    const reasons = [
      symbol?.mentioned
        ? leaf(`Kconfig files of ${version} mention ${name}, but none defines it.`)
        : leaf(`No Kconfig file of ${version} defines ${name}.`),
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

  /** Kconfig files of the tree define it, and this architecture reads none of them. */
  #ofOtherArchitectures(name: string, places: readonly Position[]): Objection {
    const folders = places.map(({ file }) => /^arch\/([^/]+)\//.exec(file)?.[1]);
    const owners = [...new Set(folders.flatMap((folder) => folder ?? []))];
    const known = owners.length === places.length;
    return {
      cause: "no-such-option",
      brief: known
        ? `it is an option of another architecture (${briefly(owners)})`
        : "no Kconfig file that this architecture reads defines it",
      reasons: places.slice(0, MAX_SHOWN).map((place) =>
        leaf(`${name} is defined in ${position(place)}, which this architecture does not read.`)
      ),
      add: [],
      advice: ["take the line out."],
    };
  }

  /** y or m was asked, less is there. */
  #tooLow(request: FragmentLine, symbol: KconfigSymbol): Objection {
    const name = symbol.symbol;
    const want = request.value as Tristate;
    if (symbol.transitional) return transitional(symbol, request);
    const unmet = this.#low.unmetDependencies(symbol, want, []);
    if (unmet !== null) return dependencyObjection(unmet);
    if (symbol.prompts.length === 0) {
      const low = this.#low.promptless(symbol, want, []);
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
  #tooHigh(request: FragmentLine, symbol: KconfigSymbol): Objection {
    const name = symbol.symbol;
    const want = request.value as Tristate;
    if (symbol.transitional) return transitional(symbol, request);
    const selectors = symbol.selectedBy.filter((term) => level(term.value) > level(want));
    if (selectors.length > 0) {
      const reasons = selectors.slice(0, MAX_SHOWN).map((term) =>
        selection(term, name, this.#origins)
      );
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
  #noPrompt(symbol: KconfigSymbol, request: FragmentLine): Objection {
    return {
      cause: "no-prompt",
      brief: `${symbol.symbol} has no prompt, so no fragment can set it`,
      reasons: [follows(symbol, this.#origins)],
      add: [],
      advice: [],
      instead: [takeOut(request)],
    };
  }

  /** An int, hex or string with another value. */
  #otherValue(request: FragmentLine, symbol: KconfigSymbol): Objection {
    const name = symbol.symbol;
    if (symbol.transitional) return transitional(symbol, request);
    const unmet = this.#low.unmetDependencies(symbol, "y", []);
    if (unmet !== null && symbol.visible === "n") return dependencyObjection(unmet);
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
      side.op === "symbol" ? [`${side.name}=${side.value}, ${this.#origins.origin(side.name)}`] : []
    );
    return parts.length === 0 ? "" : `; ${parts.join("; ")}`;
  }

  #unexplained(symbol: KconfigSymbol): Objection {
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
  #prompt(symbol: KconfigSymbol, want: Tristate, request: FragmentLine): Objection {
    const name = symbol.symbol;
    const prompt = symbol.prompts[0]!;
    const unmet = this.#low.expressionLow(prompt.condition, want, [name]);
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

  #choice(symbol: KconfigSymbol, request: FragmentLine): Objection {
    const choice = symbol.choice!;
    const winner = choice.winner;
    const prompt = choice.prompt ?? "";
    const asker = winner === null ? undefined : this.#origins.asked(winner, "y");
    const why = winner === null
      ? "none of its members is on"
      : `${winner}=y, ${this.#origins.origin(winner)}`;
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
}

function transitional({ symbol, heirs = [] }: KconfigSymbol, request: FragmentLine): Objection {
  const names = heirs.map((heir) => `\`${configLine(`CONFIG_${heir}`, request.value)}\``);
  return {
    cause: "no-prompt",
    brief: `${symbol} is an old name that this kernel only carries over`,
    reasons: [
      leaf(`${symbol} is marked transitional: read from old .config files, never written.`),
    ],
    add: [],
    advice: [
      names.length === 0
        ? "ask for the option that replaces it."
        : `write ${briefly(names)} in place of \`${shortened(request.text)}\`.`,
    ],
  };
}

function dependencyObjection(unmet: Reason): Objection {
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

function takeOut(request: FragmentLine): string {
  return `take \`${shortened(request.text)}\` out of ${placeOf(request)}.`;
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
