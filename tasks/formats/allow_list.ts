// SPDX-License-Identifier: MIT
/** splats.yaml: complaints of a kernel that are known, each with a reason and an end. */
import type { AllowedSplat, Cell, CellId, CellResult } from "../model.ts";
import type { Failure } from "../errors.ts";
import { globMatcher } from "./cells.ts";
import { checkExpiry } from "./matrix.ts";
import { nearest } from "./nearest.ts";
import { readYaml, type YamlValue } from "./yaml_reader.ts";

/**
 * A list of entries, each with `pattern` (a regular expression over the title), `reason`, `link`,
 * `expires` and, where it is not for all cells, `cells`.
 * @param cells Of the matrix beside which the file lies.
 * @param today YYYY-MM-DD
 * @throws KmatrixError (usage) with line, column and caret.
 */
export function parseAllowList(
  file: string,
  text: string,
  cells: readonly Pick<Cell, "id">[],
  today: string,
): AllowedSplat[] {
  const root = readYaml(file, text);
  if (root.isEmpty) return [];
  const ids = cells.map((cell) => cell.id);
  return root.list().map((item) => parseEntry(item, ids, today));
}

function parseEntry(item: YamlValue, ids: readonly CellId[], today: string): AllowedSplat {
  const required = ["pattern", "reason", "link", "expires"] as const;
  const fields = item.fields(["cells", ...required], required);
  const pattern = fields.pattern!.string();
  try {
    new RegExp(pattern);
  } catch (error) {
    throw fields.pattern!.error(`${item.path}.pattern: ${(error as Error).message}`);
  }
  for (const glob of fields.cells?.list() ?? []) {
    if (ids.some(globMatcher([glob.string()]))) continue;
    throw glob.error(
      `${JSON.stringify(glob.string())} matches no cell${nearest(glob.string(), ids)}`,
    );
  }
  return {
    pattern,
    cells: fields.cells?.strings() ?? ["*"],
    reason: fields.reason!.string(),
    link: fields.link!.string(),
    expires: checkExpiry(fields.expires!, today),
    place: item.place,
  };
}

/** The first entry that allows a complaint with this title in this cell; null for none. */
export function allowedBy(
  entries: readonly AllowedSplat[],
  cell: string,
  title: string,
): AllowedSplat | null {
  return entries.find((entry) =>
    globMatcher(entry.cells)(cell) && new RegExp(entry.pattern).test(title)
  ) ?? null;
}

/** Whether a boot ran all tests of its cell and came to its own end. */
export function ranWhole(result: CellResult, testFilter: readonly string[]): boolean {
  return result.boot === null && testFilter.length === 0 &&
    result.tests.every(({ outcome }) => outcome.kind !== "not-run");
}

/** What a run tells of one cell about the list. */
export interface CellUse {
  readonly cell: string;
  /** All of its tests ran to the end, so that whatever there is to complain about was complained about. */
  readonly whole: boolean;
  /** Places of the entries that allowed something. */
  readonly used: readonly string[];
}

/**
 * A failure for each entry that allowed nothing, although all of its cells ran whole.
 * @param cells Ids of all cells of the matrix.
 */
export function unusedEntries(
  entries: readonly AllowedSplat[],
  cells: readonly string[],
  uses: readonly CellUse[],
): Failure[] {
  return entries.filter((entry) => {
    if (uses.some(({ used }) => used.includes(entry.place))) return false;
    const mine = cells.filter(globMatcher(entry.cells));
    return mine.length > 0 &&
      mine.every((id) => uses.some(({ cell, whole }) => cell === id && whole));
  }).map(({ place, pattern, reason, link }) => ({
    kind: "usage",
    id: "unused-splat",
    message: `${place}: no kernel complained of ${JSON.stringify(pattern)}: remove the entry`,
    detail: `all of its cells ran; it is there because: ${reason} (${link})`,
  }));
}
