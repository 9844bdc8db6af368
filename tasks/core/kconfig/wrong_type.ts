// SPDX-License-Identifier: MIT
/** Requests of values that the type of their option cannot have. */
import type { Objection } from "./explanation.ts";
import type { FragmentLine } from "./fragment.ts";
import type { SymbolOrigins } from "./origins.ts";
import { leaf } from "./reason.ts";
import { type KconfigSymbol, LEVEL, level, position } from "./symbol_dump.ts";
import type { WhyLow } from "./why_low.ts";

/** Whether a request asks what the type of its option cannot be; null where it does not. */
export function typeMismatch(
  request: FragmentLine,
  symbol: KconfigSymbol,
  found: string | undefined,
  whyLow: WhyLow,
  origins: SymbolOrigins,
): Objection | null {
  const { value, option } = request;
  const name = symbol.symbol;
  const wrong = (brief: string, advice: string): Objection => ({
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
      const modules = origins.symbol("MODULES");
      // Without MODULES, m becomes y, unless dependencies forbid it altogether.
      if (value !== "m" || found !== "y" || modules === undefined || modules.value !== "n") {
        return null;
      }
      const low = whyLow.symbolLow("MODULES", "y", []);
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

function article(type: string): string {
  return type === "int" ? "an int" : `a ${type}`;
}

function exampleInt(asked: string, current: string): string {
  return /^0x[0-9a-f]+$/i.test(asked) ? BigInt(asked.toLowerCase()).toString() : current;
}
