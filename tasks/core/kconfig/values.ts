// SPDX-License-Identifier: MIT
/** Values of options as they stand in a .config. */

export const TRISTATE = /^[ymn]$/;
// What the kernel takes for int (sym_string_valid: no leading zeros) and hex (0x is optional on
// reading, but without it a hex number cannot be told from a decimal one or from a word).
export const NUMBER = /^(?:-?(?:0|[1-9][0-9]*)|0[xX][0-9a-fA-F]+)$/;
export const HEX = /^0[xX][0-9a-fA-F]+$/;
export const QUOTED = /^"(?:[^"\\]|\\.)*"$/;

/**
 * Whether two values mean the same: hex by number (0x0A and 0xa), strings after unescaping, else
 * letter by letter. 10 and 0xa differ, for an int option takes no hex and a hex option reads 0x10.
 */
export function sameValue(a: string, b: string): boolean {
  if (a === b) return true;
  if (HEX.test(a) && HEX.test(b)) return BigInt(a.toLowerCase()) === BigInt(b.toLowerCase());
  if (QUOTED.test(a) && QUOTED.test(b)) return unquote(a) === unquote(b);
  return false;
}

/** The content of a quoted string value; other values as they are. */
export function unquote(value: string): string {
  return QUOTED.test(value) ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}
