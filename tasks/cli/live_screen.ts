// SPDX-License-Identifier: MIT
/**
 * The part of a terminal below the lines that stay: a frame that is drawn over itself. The cursor
 * rests below it and is never hidden, so that nothing has to be undone when the tool is killed or
 * stopped.
 */

import { plainText } from "../core/text/plain_text.ts";

/** A terminal, as far as it is drawn on. */
export interface Device {
  /** All of it is with the system when this returns. */
  write(text: string): void;
  size(): { readonly columns: number; readonly rows: number };
  /** Columns that a text takes, its control sequences none. */
  width(text: string): number;
}

/** Terminals that know synchronized output show what is between these at once; others pass them over. */
const [BEGIN, END] = ["\x1b[?2026h", "\x1b[?2026l"];
// ECMA-48: erase to the end of the line (EL, 8.3.41), to the end of the page (ED, 8.3.39), up (CUU).
const [ERASE_LINE, ERASE_BELOW] = ["\x1b[K", "\x1b[J"];
const up = (rows: number) => rows > 0 ? `\x1b[${rows}A` : "";

export class LiveScreen {
  readonly #device: Device;
  #frame: readonly string[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  /**
   * Puts lines that stay above the frame, and draws the frame, in one write.
   * @param kept Of any length: the terminal wraps them.
   * @param frame Each narrower than the terminal.
   */
  draw(kept: readonly string[], frame: readonly string[]): void {
    const isSame = frame.length === this.#frame.length &&
      frame.every((line, index) => line === this.#frame[index]);
    if (kept.length === 0 && isSame) return;
    const top = `\r${up(this.#rows())}`;
    // What wraps may end in the last column, where erasing would take its last character.
    const above = kept.length > 0 ? ERASE_BELOW + kept.map((line) => `${line}\r\n`).join("") : "";
    const below = frame.map((line) => `${line}${ERASE_LINE}\r\n`).join("");
    this.#device.write(BEGIN + top + above + below + ERASE_BELOW + END);
    this.#frame = frame;
  }

  /** Takes the frame away. */
  clear(): void {
    this.draw([], []);
  }

  /** The frame was left behind: somebody else has written since. */
  forget(): void {
    this.#frame = [];
  }

  /** How many rows the frame takes now: a terminal that was made narrower wraps its lines. */
  #rows(): number {
    const { columns } = this.#device.size();
    return this.#frame.reduce((sum, line) => sum + this.#rowsOf(line, columns), 0);
  }

  /** A character of two columns is not cut in two: it begins the next row. */
  #rowsOf(line: string, columns: number): number {
    if (this.#device.width(line) <= columns) return 1;
    let [rows, column] = [1, 0];
    for (const { segment } of new Intl.Segmenter().segment(plainText(line))) {
      const width = this.#device.width(segment);
      if (column + width > columns) [rows, column] = [rows + 1, 0];
      column += width;
    }
    return rows;
  }
}
