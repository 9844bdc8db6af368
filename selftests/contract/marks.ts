// SPDX-License-Identifier: MIT

/** Lines that the guest puts into the kernel log, so that a complaint is given to a test. Pure. */

/** RUN and END stand before and after each test, DONE after the last. */
export type Mark =
  | { readonly word: "RUN" | "END"; readonly test: string }
  | { readonly word: "DONE" };

const PREFIX = "kmatrix: ";
const MARK = /^kmatrix: (?:(RUN|END) (\S+)|DONE)$/;

/** `kmatrix: RUN <id>`, `kmatrix: END <id>` or `kmatrix: DONE`, without a line end. */
export function markLine(mark: Mark): string {
  return mark.word === "DONE" ? `${PREFIX}DONE` : `${PREFIX}${mark.word} ${mark.test}`;
}

/** The mark that a line of the kernel log is, without its time; null for any other line. */
export function readMark(line: string): Mark | null {
  const match = line.startsWith(PREFIX) ? MARK.exec(line) : null;
  if (match === null) return null;
  const [, word, test] = match;
  return word === undefined ? { word: "DONE" } : { word: word as "RUN" | "END", test: test! };
}
