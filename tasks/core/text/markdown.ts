// SPDX-License-Identifier: MIT
/** Text in a page of Markdown. */
import { plainLine, plainText } from "./plain_text.ts";

/** A text as one cell of a table, shown as it is. */
export function tableCell(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("<", "&lt;")
    .replaceAll("`", "\\`").replaceAll(/[*_~]/g, "\\$&");
}

/** What Markdown, GitHub's mentions, links and formulas are made of (GitHub Flavored Markdown, 2.4). */
const MARKS = /[\\`*_{}[\]#!|~$()]/g;

/**
 * A text of any origin on one line of a page: it is shown as it is, and links, embeds, formats and
 * mentions nothing.
 */
export function foreignText(text: string): string {
  return plainLine(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replace(MARKS, "\\$&").replaceAll("@", "&#64;").replaceAll("://", "&#58;//")
    .replace(/\b(www)\./gi, "$1&#46;");
}

/** Lines of any origin as a block of code, whose fence none of them can close. */
export function codeBlock(text: string): string {
  const plain = plainText(text).trimEnd();
  const longest = Math.max(2, ...[...plain.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${plain}\n${fence}`;
}
