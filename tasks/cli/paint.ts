// SPDX-License-Identifier: MIT
/** Colours around texts of any origin. */
import { withoutLogCommands } from "../core/text/log_commands.ts";
import { plainText } from "../core/text/plain_text.ts";
import { PLAIN, type SummaryStyle } from "../core/report/summary.ts";

/** Colours of our own, and what makes text of any origin fit for a screen. */
export interface Paint {
  readonly style: SummaryStyle;
  /**
   * The text with the colours of `style` in it, and with nothing else that a terminal obeys; without
   * colours, also with nothing that a CI service obeys in its log.
   */
  shown(text: string): string;
}

/**
 * Texts of guests, builds and trees are in what is printed, and style marks are put around them
 * before that. Our marks carry a word that nobody else can know, so that all others can go.
 * @param secret That word: letters and digits.
 */
export function makePaint(colours: boolean, secret: string): Paint {
  // Without colours it is a log, or may become one.
  if (!colours) return { style: PLAIN, shown: (text) => withoutLogCommands(plainText(text)) };
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
