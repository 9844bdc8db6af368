// SPDX-License-Identifier: MIT
/** The screen: progress on standard error, results on standard output. */
import kleur from "kleur";
import type { Level } from "../host/host.ts";
import { PLAIN, type SummaryStyle } from "../formats/summary.ts";

export interface Terminal {
  readonly style: SummaryStyle;
  readonly width: number;
  log(level: Level, text: string): void;
  /** A result. */
  print(text: string): void;
  error(text: string): void;
}

const COLOURS: SummaryStyle = { good: kleur.green, bad: kleur.red, dim: kleur.dim };

/** Colours only on a terminal and without NO_COLOR; times since the start in front of progress. */
export function openTerminal(options: { verbose: boolean; quiet: boolean }): Terminal {
  const startedAt = performance.now();
  const colours = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  kleur.enabled = colours;
  const shown = (level: Level) =>
    level === "warn" || (level === "debug" ? options.verbose : !options.quiet);
  return {
    style: colours ? COLOURS : PLAIN,
    width: Deno.stdout.isTerminal() ? Deno.consoleSize().columns : 160,
    log(level, text) {
      if (!shown(level)) return;
      const time = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
      console.error(`[${time}s] ${level === "warn" || level === "notice" ? "! " : ""}${text}`);
    },
    print: (text) => console.log(text),
    error: (text) => console.error(`kmatrix: ${text}`),
  };
}
