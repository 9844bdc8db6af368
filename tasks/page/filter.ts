// SPDX-License-Identifier: MIT
/** Which cells and tests a filter leaves. */
import type { PageCell, PageModel, PageTest } from "../core/page/page_model.ts";
import type { ViewState } from "./view_state.ts";

/** All words have to be somewhere in the text. */
function matcher(words: string): (text: string) => boolean {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return (text) => {
    const low = text.toLowerCase();
    return wanted.every((word) => low.includes(word));
  };
}

/** What of a cell is looked through: its id, and what went wrong in it. */
const textOf = new WeakMap<PageCell, string>();

function searchText(cell: PageCell): string {
  const known = textOf.get(cell);
  if (known !== undefined) return known;
  const text = [
    cell.id,
    cell.word,
    cell.note,
    ...cell.failures.flatMap(({ id, message, tests }) => [id, message, ...tests]),
    ...cell.splats.map(({ title }) => title),
    ...cell.tests.filter(({ word }) => word === "failed" || word === "flaky").map(({ id }) => id),
  ].join("\n");
  textOf.set(cell, text);
  return text;
}

/** Cells of the verdicts that are asked for, in which the words are found. */
export function shownCells({ cells }: PageModel, { words, only }: ViewState): PageCell[] {
  const matches = matcher(words);
  return cells.filter((cell) =>
    (only.length === 0 || only.includes(cell.word)) && matches(searchText(cell))
  );
}

/**
 * Whether something that is said of a cell, which the run need not have, is shown: the verdict of the
 * cell is asked for, and the words are in what is said.
 */
export function saidFilter({ cells }: PageModel, { words, only }: ViewState) {
  const matches = matcher(words);
  const verdicts = new Map(cells.map(({ id, word }) => [id, word]));
  return (cell: string, said: string): boolean => {
    const verdict = verdicts.get(cell);
    const isAsked = only.length === 0 || (verdict !== undefined && only.includes(verdict));
    return isAsked && matches(`${cell}\n${said}`);
  };
}

/** Whether a test has the words in its name. */
export function testFilter({ words }: ViewState): (test: Pick<PageTest, "id" | "note">) => boolean {
  const matches = matcher(words);
  return ({ id, note }) => matches(`${id}\n${note}`);
}
