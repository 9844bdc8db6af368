// SPDX-License-Identifier: MIT
/** splats.yaml: complaints of a kernel that are known, each with a reason and an end. */
import type {
  AllowedSplat,
  Cell,
  CellId,
  CellResult,
  KnownWarning,
  ListUse,
} from "../model/model.ts";
import { type Failure, failure } from "../model/errors.ts";
import { globMatcher } from "../model/cells.ts";
import { checkExpiry } from "../matrix/matrix.ts";
import { nearest } from "../text/nearest.ts";
import { readYaml, type YamlValue } from "../text/yaml_reader.ts";

const REQUIRED_KEYS = ["pattern", "reason", "link", "expires"] as const;

/** Every key of an entry of splats.yaml. */
export const SPLAT_KEYS = ["cells", ...REQUIRED_KEYS] as const;

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
  const fields = item.fields(SPLAT_KEYS, REQUIRED_KEYS);
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

/** What a run tells of one cell about a list. */
export interface CellUse {
  readonly cell: string;
  /** It came as far as it takes to know that an entry was not needed. */
  readonly whole: boolean;
  /** What of the list it had a use for: places of entries, with globs as {@linkcode globKey}. */
  readonly used: readonly string[];
}

/** How it stands with one entry: only with every part of a run is it known to be unused. */
function listUse(
  key: string,
  cells: readonly string[],
  uses: readonly CellUse[],
  unused: Failure,
): ListUse {
  return {
    failure: unused,
    cells,
    heard: cells.filter((id) => uses.some(({ cell, whole }) => cell === id && whole)),
    used: uses.some(({ used }) => used.includes(key)),
  };
}

/**
 * The failure of each entry that had no use, although each of its cells came far enough to have one.
 * @param lists Of each part of the run, the same entries.
 */
export function unusedOf(lists: readonly (readonly ListUse[])[]): Failure[] {
  const parts = new Map<string, ListUse[]>();
  for (const use of lists.flat()) {
    const key = JSON.stringify([use.failure.id, use.failure.message]);
    parts.set(key, [...parts.get(key) ?? [], use]);
  }
  return [...parts.values()].filter((entry) => {
    const heard = new Set(entry.flatMap((use) => use.heard));
    const { cells } = entry[0]!;
    return cells.length > 0 && !entry.some(({ used }) => used) &&
      cells.every((id) => heard.has(id));
  }).map(([use]) => use!.failure);
}

/**
 * What became of each entry; its failure is that it allowed nothing, although all of its cells ran
 * whole.
 * @param cells Ids of all cells of the matrix.
 */
export function splatUses(
  entries: readonly AllowedSplat[],
  cells: readonly string[],
  uses: readonly CellUse[],
): ListUse[] {
  return entries.map(({ place, pattern, reason, link, cells: globs }) =>
    listUse(
      place,
      cells.filter(globMatcher(globs)),
      uses,
      failure(
        "usage",
        "unused-splat",
        `${place}: no kernel complained of ${JSON.stringify(pattern)}: remove the entry`,
        `all of its cells ran; it is there because: ${reason} (${link})`,
      ),
    )
  );
}

/** The same for known warnings of builds; a cell tells about them once it is built. */
export function warningUses(
  known: readonly KnownWarning[],
  cells: readonly string[],
  uses: readonly CellUse[],
): ListUse[] {
  return known.map(({ place, match, reason, cells: globs }) =>
    listUse(
      place,
      cells.filter(globMatcher(globs)),
      uses,
      failure(
        "usage",
        "unused-warning",
        `${place}: no build warned of ${JSON.stringify(match)}: remove the entry`,
        `all of its cells were built; it is there because: ${reason}`,
      ),
    )
  );
}

/** A glob of an expectation, among what is used of a list. */
export const globKey = (place: string, glob: string): string => `${place} ${glob}`;

/** Globs of a cell's expectation that tests of the cell match. */
export function globsUsed({ expect }: Pick<Cell, "expect">, tests: readonly string[]): string[] {
  if (expect.kind !== "fail" || expect.place === undefined) return [];
  const { place } = expect;
  return expect.tests.filter((glob) => tests.some(globMatcher([glob])))
    .map((glob) => globKey(place, glob));
}

/** The same for globs of `expect` that name no test of any cell that they are for. */
export function expectationUses(
  cells: readonly Pick<Cell, "id" | "expect">[],
  uses: readonly CellUse[],
): ListUse[] {
  const entries = new Set(cells.map(({ expect }) => expect));
  return [...entries].flatMap((expect): ListUse[] => {
    if (expect.kind !== "fail" || expect.place === undefined) return [];
    const { place, reason, link } = expect;
    const mine = cells.filter((cell) => cell.expect === expect).map(({ id }) => id);
    return expect.tests.map((glob) =>
      listUse(
        globKey(place, glob),
        mine,
        uses,
        failure(
          "usage",
          "unused-expectation",
          `${place}: no test of its cells matches ${JSON.stringify(glob)}: remove the glob`,
          `all of its cells ran; it is there because: ${reason} (${link})`,
        ),
      )
    );
  });
}
