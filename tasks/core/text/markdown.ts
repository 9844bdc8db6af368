// SPDX-License-Identifier: MIT
/** Text in a page of Markdown. */

/** A text as one cell of a table, shown as it is. */
export function tableCell(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("<", "&lt;")
    .replaceAll("`", "\\`").replaceAll(/[*_~]/g, "\\$&");
}
