// SPDX-License-Identifier: MIT
/** Text of strangers as a terminal may have it. */

const SEQUENCES =
  // deno-lint-ignore no-control-regex
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]/g;
/** Control characters but line end and tab, those that turn the direction, halves of characters. */
export const UNPRINTABLE =
  // deno-lint-ignore no-control-regex
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * Without what makes a terminal do something: escape sequences are left out whole, other control
 * characters, those that turn the direction of text, and halves of characters one by one. Line ends
 * and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(SEQUENCES, "").replace(UNPRINTABLE, "");
}
