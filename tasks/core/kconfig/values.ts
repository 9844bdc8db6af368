// SPDX-License-Identifier: MIT
/** Values of options as they stand in a .config. */

const TRISTATE = /^[ymn]$/;
// What the kernel takes for an int or a hex option, whose 0x may be missing (sym_string_valid()).
// Which of both it is, is known once the tree is: ff and 007 are right for hex alone.
const NUMBER = /^(?:-?[0-9]+|(?:0[xX])?[0-9a-fA-F]+)$/;
export const HEX = /^0[xX][0-9a-fA-F]+$/;
export const QUOTED = /^"(?:[^"\\]|\\.)*"$/;

/** Whether some option can have a value that stands there without quotes. */
export function isBareValue(value: string): boolean {
  return TRISTATE.test(value) || NUMBER.test(value);
}

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
