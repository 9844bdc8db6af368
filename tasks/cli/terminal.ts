// SPDX-License-Identifier: MIT
/** The screen: progress on standard error, results on standard output. */
import { type EventText, eventText } from "../core/report/event_text.ts";
import { plainText } from "../core/text/plain_text.ts";
import type { RunEvent } from "../core/model/run_event.ts";
import { PLAIN, type SummaryStyle } from "../core/report/summary.ts";

export interface Terminal {
  readonly style: SummaryStyle;
  readonly width: number;
  /** What is worth a line. */
  show(event: RunEvent): void;
  /** A result. */
  print(text: string): void;
  error(text: string): void;
}

/** Colours of our own, and what makes text of any origin fit for a screen. */
export interface Paint {
  readonly style: SummaryStyle;
  /** The text with the colours of `style` in it, and with nothing else that a terminal obeys. */
  shown(text: string): string;
}

/**
 * Texts of guests, builds and trees are in what is printed, and style marks are put around them
 * before that. Our marks carry a word that nobody else can know, so that all others can go.
 * @param secret That word: letters and digits.
 */
export function makePaint(colours: boolean, secret: string): Paint {
  if (!colours) return { style: PLAIN, shown: plainText };
  const mark = (code: number) => `\x1b[${secret};${code}m`;
  const around = (code: number, end: number) => (text: string) => mark(code) + text + mark(end);
  const marks = new RegExp(`\\x1b\\[${secret};(\\d+)m`);
  return {
    // SGR (ECMA-48, 8.3.117): green, red, faint, and what ends them.
    style: { good: around(32, 39), bad: around(31, 39), dim: around(2, 22) },
    // Split by a group: every second part is a code.
    shown: (text) =>
      text.split(marks).map((part, index) => index % 2 ? `\x1b[${part}m` : plainText(part)).join(
        "",
      ),
  };
}

export interface TerminalOptions {
  readonly verbose: boolean;
  readonly quiet: boolean;
  /** Where results go: standard output may be a program's. */
  readonly results: "standard output" | "standard error";
}

/** Colours only on a terminal and without NO_COLOR; times since the start in front of progress. */
export function openTerminal(options: TerminalOptions): Terminal {
  const startedAt = performance.now();
  const colours = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR");
  const { style, shown } = makePaint(colours, crypto.randomUUID().replaceAll("-", ""));
  const isShown = (level: EventText["level"]) =>
    level === "warn" || (level === "debug" ? options.verbose : !options.quiet);
  return {
    style,
    width: Deno.stdout.isTerminal() ? Deno.consoleSize().columns : 160,
    show(event) {
      const line = eventText(event);
      if (line === null || !isShown(line.level)) return;
      const { level, text } = line;
      const time = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
      const sign = level === "warn" || level === "notice" ? "! " : "";
      console.error(`[${time}s] ${sign}${shown(text)}`);
    },
    print: (text) => {
      if (options.results === "standard error") console.error(shown(text));
      else console.log(shown(text));
    },
    error: (text) => console.error(shown(`kmatrix: ${text}`)),
  };
}
