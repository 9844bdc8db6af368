// SPDX-License-Identifier: MIT
/** What the options of a fragment cost, counted from what make would compile. */
import { counted } from "../../core/text/counted.ts";

/** Objects that `make -n` names as compiled or assembled, each once. */
export function plannedObjects(makeDryRun: string): number {
  const names = [...makeDryRun.matchAll(/ (?:CC|AS) +([^ ;']+\.o)/g)].map(([, name]) => name);
  return new Set(names).size;
}

export interface OptionCost {
  /** As the fragment has it: "CONFIG_TTY=y", "# CONFIG_VT is not set". */
  readonly line: string;
  /** With the line turned round and all others as they are; null where Kconfig does not let it be. */
  readonly objects: number | null;
}

/** The other value of a line with y or n; null for a number or a text. */
export function turnedRound(
  { option, value }: { readonly option: string; readonly value: string },
): string | null {
  if (value === "y") return `# ${option} is not set`;
  return value === "n" ? `${option}=y` : null;
}

/** A .config with one option's line replaced. */
export function withLine(dotConfig: string, option: string, line: string): string {
  const there = new RegExp(`^(?:# ${option} is not set|${option}=.*)$`, "m");
  return there.test(dotConfig) ? dotConfig.replace(there, line) : `${dotConfig}${line}\n`;
}

/** A line each: what the fragment's line costs (+) or saves (−) in objects, the dearest first. */
export function optionTable(costs: readonly OptionCost[], objects: number): string {
  const rows = costs.map(({ line, objects: turned }) => {
    if (turned === null) return { line, cost: 0, text: "fixed" };
    const cost = objects - turned;
    return { line, cost, text: `${cost > 0 ? "+" : cost < 0 ? "−" : ""}${Math.abs(cost)}` };
  });
  rows.sort((a, b) => Math.abs(b.cost) - Math.abs(a.cost));
  return [
    counted(objects, "object"),
    ...rows.map(({ line, text }) => `${text.padStart(6)}  ${line}`),
  ].join("\n");
}
