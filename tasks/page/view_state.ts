// SPDX-License-Identifier: MIT
/** What is shown, as the part of the address behind "#": so that it can be sent, and gone back to. */
import type { Change } from "../core/compare/compare.ts";
import { CHANGE_TITLES } from "../core/compare/compare_words.ts";
import type { CellWord, PageCell, PageTest } from "../core/page/page_model.ts";

export const CELL_WORDS: readonly CellWord[] = [
  "failed",
  "flaky",
  "unfinished",
  "left-out",
  "skipped",
  "passed",
];

export interface ViewState {
  /** Id of a view of the table in views.tsx; null for the first that the run has anything for. */
  readonly view: string | null;
  /** The cell that is looked at; null for none. */
  readonly cell: string | null;
  /** Which of its failures; the first is the cause. */
  readonly failure: number;
  /** A test of the cell. */
  readonly test: string | null;
  /** Which of its logs, and a line of it; null where the failure says so. */
  readonly log: number | null;
  readonly line: number | null;
  /** The filter's words. */
  readonly words: string;
  /** Verdicts that are shown; empty for all. */
  readonly only: readonly CellWord[];
  /** Kinds of changes that are shown; empty for all. */
  readonly changes: readonly Change[];
}

export const START: ViewState = {
  view: null,
  cell: null,
  failure: 0,
  test: null,
  log: null,
  line: null,
  words: "",
  only: [],
  changes: [],
};

function natural(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/** Whatever stands there is read; what means nothing is left aside. */
export function readHash(hash: string): ViewState {
  const read = new URLSearchParams(hash.replace(/^#/, ""));
  const listed = (name: string) => (read.get(name) ?? "").split(",");
  const [only, changes] = [listed("only"), listed("change")];
  return {
    view: read.get("view"),
    cell: read.get("cell"),
    failure: natural(read.get("failure")) ?? 0,
    test: read.get("test"),
    log: natural(read.get("log")),
    line: natural(read.get("line")),
    words: read.get("q") ?? "",
    only: CELL_WORDS.filter((word) => only.includes(word)),
    changes: CHANGE_TITLES.map(([change]) => change).filter((one) => changes.includes(one)),
  };
}

/** "#view=tests&q=remote"; "#" for the start. */
export function hashOf(state: ViewState): string {
  const words = new URLSearchParams();
  const put = (name: string, value: string | number | null, usual: string | number | null) => {
    if (value !== null && value !== usual) words.set(name, `${value}`);
  };
  put("view", state.view, null);
  put("cell", state.cell, null);
  put("failure", state.failure, 0);
  put("test", state.test, null);
  put("log", state.log, null);
  put("line", state.line, null);
  put("q", state.words, "");
  put("only", state.only.join(","), "");
  put("change", state.changes.join(","), "");
  return `#${words}`;
}

/** The address of a cell, with the filter that stands. */
export function cellHash(state: ViewState, cell: string, more: Partial<ViewState> = {}): string {
  return hashOf({
    ...START,
    words: state.words,
    only: state.only,
    changes: state.changes,
    view: state.view,
    cell,
    ...more,
  });
}

/** A test of a cell, with the failure that it is part of; beside none where it is to blame for none. */
export function testHash(
  state: ViewState,
  cell: Pick<PageCell, "id" | "failures">,
  test: Pick<PageTest, "id">,
): string {
  const failure = cell.failures.findIndex(({ tests }) => tests.includes(test.id));
  return cellHash(state, cell.id, {
    test: test.id,
    failure: failure < 0 ? cell.failures.length : failure,
  });
}
