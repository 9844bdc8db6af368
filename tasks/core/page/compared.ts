// SPDX-License-Identifier: MIT
/** What a page shows of a comparison with an earlier run, as values: each text plain already. */
import { isEqual, type Item, type RunComparison } from "../compare/compare.ts";
import { CHANGE_TITLES, grouped, percentOf, remarks } from "../compare/compare_words.ts";
import { plainLine } from "../text/plain_text.ts";
import type { PageCell, PageChange, PageChanges, PageComparison } from "./page_model.ts";

/** @param cells Of the second run, as its page has them. */
export function pageComparison(
  comparison: RunComparison,
  cells: readonly PageCell[],
): PageComparison {
  const { items, warnings, figures, traces, times, otherTimes } = comparison;
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  return {
    before: plainLine(comparison.before),
    cells: comparison.cells,
    equal: isEqual(comparison),
    changes: CHANGE_TITLES.flatMap(([change, title]): PageChanges[] => {
      const these = items.filter((item) => item.change === change);
      const rows = grouped(these).map(({ item, more }) => pageChange(item, more, byId));
      return rows.length === 0 ? [] : [{ change, title, count: these.length, rows }];
    }),
    warnings: warnings.map((one) => ({ ...one, text: plainLine(one.text) })),
    figures: figures.map((one) => ({
      ...one,
      name: plainLine(one.name),
      percent: percentOf(one),
    })),
    traces: traces.map(({ cell, test, appeared, vanished }) => ({
      ...{ cell, test: plainLine(test) },
      ...{ appeared: appeared.map(plainLine), vanished: vanished.map(plainLine) },
    })),
    times: [...times, ...otherTimes],
    remarks: remarks(comparison),
  };
}

function pageChange(
  { cell, what, failure, otherCause }: Item,
  more: readonly Item[],
  cells: ReadonlyMap<string, PageCell>,
): PageChange {
  const found = cells.get(cell);
  const message = plainLine(failure?.message ?? "");
  const at = found?.failures.findIndex((one) =>
    one.id === failure?.id && one.message === message &&
    one.fingerprint === (failure.complaint?.fingerprint ?? null)
  ) ?? -1;
  return {
    cell,
    what: plainLine(what),
    more: more.map((one) => plainLine(one.what)),
    message,
    id: failure?.id ?? null,
    otherCause,
    link: found === undefined ? null : {
      test: found.tests.some(({ id }) => id === what) ? what : null,
      failure: Math.max(0, at),
    },
  };
}
