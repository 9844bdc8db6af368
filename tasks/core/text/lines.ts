// SPDX-License-Identifier: MIT
/** Big logs piece by piece: as one text, or as an array of lines, they would cost many times as much. */

/** A text, or its bytes in UTF-8: in memory, or of a file that is read part by part. */
export type Text = string | Uint8Array | Parts;

/**
 * Decoded at once, and so what a line that is kept keeps in memory with it. Whole lines: one that is
 * longer is a piece of its own.
 */
const PIECE_BYTES = 16 << 10;
const NEWLINE = 0x0a;

/** The lines of a text, many at a time; the newline between two pieces is in neither. */
export function* pieces(text: Text): Generator<string> {
  if (typeof text === "string") return yield text;
  const { size, read } = text instanceof Uint8Array
    ? { size: text.length, read: (at: number, length: number) => text.subarray(at, at + length) }
    : text;
  // In UTF-8 no other character has a newline's byte, and bytes that are none do not swallow one.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let at = 0;
  for (let length = PIECE_BYTES;;) {
    const part = read(at, length);
    if (part.length < length || at + length >= size) return yield decoder.decode(part);
    const end = part.lastIndexOf(NEWLINE);
    if (end < 0) {
      length *= 2;
      continue;
    }
    yield decoder.decode(part.subarray(0, end));
    at += end + 1;
    length = PIECE_BYTES;
  }
}

/** Every line, without its newline. */
export function* linesOf(text: Text): Generator<string> {
  for (const piece of pieces(text)) yield* piece.split("\n");
}

/** A file that is read in parts: most of a kernel's objects is debug information. */
export interface Parts {
  /** In bytes. */
  readonly size: number;
  /** `length` bytes from `offset` on; fewer at the end of the file. */
  read(offset: number, length: number): Uint8Array;
}

/** Bytes in memory, read like a file. */
export function partsOf(bytes: Uint8Array): Parts {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}
