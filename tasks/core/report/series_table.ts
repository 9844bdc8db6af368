// SPDX-License-Identifier: MIT
/** `deno task series`: what each patch did to each cell, and which of them broke it first. */
import { type Failure, failure } from "../model/errors.ts";
import { counted } from "../text/counted.ts";
import { tableLines } from "../text/columns.ts";

/** One cell with the first k patches of a series. */
export type PatchOutcome =
  /** The tree does not have these options yet: neither a pass nor a failure. */
  | { readonly kind: "not-offered"; readonly options: readonly string[] }
  | {
    readonly kind: "passed";
    readonly passed: number;
    readonly skipped: number;
    /** Tests that failed and did not fail in a second boot. */
    readonly flaky: readonly string[];
  }
  | { readonly kind: "failed"; readonly failures: readonly Failure[] }
  /** Nothing behind a patch that does not apply can be tried. */
  | { readonly kind: "blocked"; readonly by: string };

export interface SeriesCell {
  readonly outcome: PatchOutcome;
  /** Compiler, linker and objtool warnings that the matrix does not list. */
  readonly warnings: readonly string[];
}

export interface SeriesRow {
  /** File name without .patch; "(without the series)" for none. */
  readonly patch: string;
  /** By cell id. */
  readonly cells: ReadonlyMap<string, SeriesCell>;
}

export const BASE_ROW = "(without the series)";

/** A warning without its numbers of lines, which any patch in front of it moves. */
function warningKey(text: string): string {
  return text.replace(/:\d+(:\d+)?:/, ":").replace(/\+0x[0-9a-f]+/g, "");
}

/** Warnings of a row that the row before had not. */
export function newWarnings(cell: SeriesCell, before: SeriesCell | undefined): string[] {
  const known = new Set(before?.warnings.map(warningKey));
  return cell.warnings.filter((text) => !known.has(warningKey(text)));
}

export interface Break {
  readonly cell: string;
  /** null: it fails without the series already. */
  readonly patch: string | null;
  readonly failures: readonly Failure[];
}

/** The first row that breaks each cell; cells that nothing breaks are left out. */
export function firstBreaks(rows: readonly SeriesRow[]): Break[] {
  const cells = [...rows[0]?.cells.keys() ?? []];
  return cells.flatMap((cell): Break[] => {
    let before: SeriesCell | undefined;
    for (const [index, row] of rows.entries()) {
      const now = row.cells.get(cell);
      if (!now) continue;
      const failures = failuresOf(now, index === 0 ? undefined : before, index === 0);
      if (failures.length > 0) return [{ cell, patch: index === 0 ? null : row.patch, failures }];
      before = now;
    }
    return [];
  });
}

function failuresOf(now: SeriesCell, before: SeriesCell | undefined, isBase: boolean): Failure[] {
  const { outcome } = now;
  const added = isBase ? [] : newWarnings(now, before);
  const words = `${counted(added.length, "new warning")}; first: ${added[0]}`;
  const warned = added.length === 0
    ? []
    : [failure("build", "new-warning", words, added.join("\n"))];
  switch (outcome.kind) {
    case "failed":
      return [...outcome.failures, ...warned];
    case "not-offered": {
      const had = before !== undefined && before.outcome.kind !== "not-offered";
      if (!had) return [];
      const text = `the tree has no ${outcome.options.join(", ")} any more`;
      return [failure("config", "option-dropped", text)];
    }
    case "passed":
    case "blocked":
      return warned;
  }
}

/** "ok 50" and what is worth a word; the option that is missing; the failure by its id. */
export function outcomeText(cell: SeriesCell, before: SeriesCell | undefined): string {
  const { outcome } = cell;
  const added = newWarnings(cell, before).length;
  const warned = added === 0 ? "" : `, ${counted(added, "new warning")}`;
  switch (outcome.kind) {
    case "not-offered":
      return `has no ${outcome.options[0]}${
        outcome.options.length > 1 ? ` (+${outcome.options.length - 1})` : ""
      }`;
    case "blocked":
      return `blocked by ${outcome.by}`;
    case "passed": {
      const flaky = outcome.flaky.length === 0 ? "" : `, ${outcome.flaky.length} flaky`;
      return `ok ${outcome.passed}${flaky}${warned}`;
    }
    case "failed": {
      const { kind, id } = outcome.failures[0]!;
      const tests = outcome.failures.filter((one) => one.kind === "test").length;
      return (kind === "test" ? `${tests} FAILED` : `FAILED ${id}`) + warned;
    }
  }
}

/** A row a patch and a column a cell, then the first patch that breaks each. */
export function seriesTable(rows: readonly SeriesRow[]): string {
  const cells = [...rows[0]?.cells.keys() ?? []];
  const table = [["patch", ...cells]];
  rows.forEach((row, index) => {
    const before = rows[index - 1];
    table.push([
      index === 0 ? row.patch : `${index} ${row.patch}`,
      ...cells.map((cell) => {
        const now = row.cells.get(cell);
        return now ? outcomeText(now, before?.cells.get(cell)) : "-";
      }),
    ]);
  });
  const lines = tableLines(table);
  const breaks = firstBreaks(rows);
  const verdicts = cells.map((cell) => {
    const found = breaks.find((one) => one.cell === cell);
    if (!found) return `${cell}: no patch breaks it`;
    const what = `${found.failures[0]!.message.split("\n")[0]} [${found.failures[0]!.id}]`;
    return found.patch === null
      ? `${cell}: fails without the series already: ${what}`
      : `${cell}: first broken by ${found.patch}: ${what}`;
  });
  return [...lines, "", ...verdicts].join("\n");
}
