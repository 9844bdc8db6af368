// SPDX-License-Identifier: MIT
/** Tables for people: columns as wide as their widest text. */

export interface ColumnOptions {
  /** Columns whose texts end at the same place, counted from 0; all others begin there. */
  readonly right?: readonly number[];
  /** Characters; a column is not made wider for a text that is longer. */
  readonly widest?: number;
}

/** The same rows, each text filled up with blanks to its column's width; all rows are as long. */
export function padColumns(
  rows: readonly (readonly string[])[],
  { right = [], widest = Infinity }: ColumnOptions = {},
): string[][] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.min(widest, Math.max(...rows.map((row) => row[column]!.length)))
  );
  return rows.map((row) =>
    row.map((text, column) =>
      right.includes(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!)
    )
  );
}

/** A line a row, two blanks between columns and none at the end. */
export function tableLines(
  rows: readonly (readonly string[])[],
  options: ColumnOptions = {},
): string[] {
  return padColumns(rows, options).map((row) => row.join("  ").trimEnd());
}
