// SPDX-License-Identifier: MIT
/** Requests of values that the type of their option cannot have. */
import type { Objection } from "./explanation.ts";
import { type FragmentLine, shortened } from "./fragment.ts";
import type { SymbolOrigins } from "./origins.ts";
import { leaf } from "./reason.ts";
import { type KconfigSymbol, LEVEL, position } from "./symbol_dump.ts";
import { unquote } from "./values.ts";
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
  const off = `\`# ${option} is not set\``;
  switch (symbol.type) {
    case "bool":
      if (value === "m") {
        return wrong(
          `${name} is a bool, which cannot be a module`,
          `write \`${option}=y\` or ${off}.`,
        );
      }
      if (value in LEVEL) return null;
      return wrong(
        `${name} is a bool, not ${shortened(value)}`,
        meansOff(value) ? `write ${off}.` : `write \`${option}=y\`.`,
      );
    case "tristate": {
      if (!(value in LEVEL)) {
        return wrong(
          `${name} is a tristate, not ${shortened(value)}`,
          meansOff(value) ? `write ${off}.` : `write \`${option}=y\` or \`=m\`.`,
        );
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
      // sym_string_valid(): 007 is none, and neither is -0x1.
      return /^-?(?:0|[1-9][0-9]*)$/.test(value) ? null : wrong(
        `${name} is an int, which ${isNot(value)}`,
        `write a decimal number, for example \`${option}=${exampleInt(value, symbol.value)}\`.`,
      );
    case "hex":
      return /^(?:0x)?[0-9a-f]+$/i.test(value) ? null : wrong(
        `${name} is a hex number, which ${isNot(value)}`,
        `write a hex number, for example \`${option}=${exampleHex(value, symbol.value)}\`.`,
      );
    case "string":
      if (value.startsWith('"')) return null;
      // `# CONFIG_X is not set` and CONFIG_X=n are one request; a string cannot be off.
      return value === "n"
        ? wrong(
          `${name} is a string, which is never off`,
          `write \`${option}=""\` for an empty one.`,
        )
        : wrong(
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

function isNot(value: string): string {
  return value === "n" ? "is never off" : `${shortened(value)} is not`;
}

/** Whether what was written for a bool or tristate can only mean n: 0, "n", "0". */
function meansOff(value: string): boolean {
  return /^(?:0+|n|no|off|false)?$/i.test(unquote(value));
}

/** The number that is meant by what was written, else the option's value now. */
function exampleInt(asked: string, current: string): string {
  const text = unquote(asked);
  if (/^0x[0-9a-f]+$/i.test(text)) return BigInt(text.toLowerCase()).toString();
  return /^-?[0-9]+$/.test(text) ? BigInt(text).toString() : current;
}

function exampleHex(asked: string, current: string): string {
  const text = unquote(asked);
  return /^(?:0x)?[0-9a-f]+$/i.test(text) ? `0x${text.replace(/^0x/i, "")}` : current;
}
