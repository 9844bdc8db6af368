// SPDX-License-Identifier: MIT
/**
 * Text of a guest, a build or a stranger's tree without what a terminal would obey. Control
 * sequences go whole, for what is left of one without its escape byte reads like text ("[31mFAIL").
 * Their grammar is that of ECMA-48 (5.4, 5.6) and of xterm's control sequences.
 */

/** Ends a control string: BEL (xterm), ESC \ or its 8-bit form. */
const STRING_END = String.raw`(?:\x07|\x1b\\|\x9c)`;
/** A string that nothing ends does not swallow the lines behind it. */
const STRING_BODY = String.raw`(?:(?!\x1b\\)[^\x07\x9c\n])*`;

const SEQUENCES = new RegExp(
  [
    // OSC, DCS, SOS, PM, APC: titles, hyperlinks, clipboards, images.
    String.raw`(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])${STRING_BODY}${STRING_END}?`,
    // CSI: parameters, intermediates, a final byte; one that breaks off goes as far as it came.
    String.raw`(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?`,
    // Character sets and the like: intermediates and a final byte. Or an escape alone.
    String.raw`\x1b[ -/]*[0-~]?`,
  ].join("|"),
  "g",
);

/**
 * Control characters but tab and newline, those that turn the direction of writing, halves of
 * characters, and what is no character.
 */
export const UNPRINTABLE =
  // deno-lint-ignore no-control-regex
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** A backspace takes the character before it, as on paper and on a screen. */
function withoutErased(text: string): string {
  if (!text.includes("\b")) return text;
  const kept: string[] = [];
  for (const character of text) {
    if (character !== "\b") kept.push(character);
    else if (kept.length > 0 && kept.at(-1) !== "\n") kept.pop();
  }
  return kept.join("");
}

/**
 * Lines of printable text: no control sequence, no control character but tab and newline, nothing
 * that changes the direction of writing. A carriage return begins a new line, so that what would
 * overwrite a line on a screen hides nothing here. Linear in the length of the text.
 */
export function plainText(text: string): string {
  const printed = text.replace(SEQUENCES, "");
  const lines = printed.replace(
    /\r+\n?/g,
    (found, at) => at + found.length === printed.length && !found.endsWith("\n") ? "" : "\n",
  );
  return withoutErased(lines).replace(UNPRINTABLE, "");
}

/** The same on one line: line breaks and tabs are blanks. */
export function plainLine(text: string): string {
  return plainText(text).replace(/\s+/g, " ").trim();
}
