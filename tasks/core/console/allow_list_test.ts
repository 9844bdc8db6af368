// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { AllowedSplat, CellResult } from "../model/model.ts";
import {
  allowedBy,
  expectationUses,
  globsUsed,
  parseAllowList,
  ranWhole,
  splatUses,
  unusedOf,
  warningUses,
} from "./allow_list.ts";
import { NO_ANSWERS, sampleCell } from "../../testing/samples.ts";
import { errorOf } from "../../testing/errors.ts";

const CELLS = [sampleCell("linux-6.12/kcov"), sampleCell("linux-6.12/kcov-cmp")];
const parse = (text: string) => parseAllowList("splats.yaml", text, CELLS, "2026-06-01");
const ENTRY = `- pattern: 'WARNING: .* kcov_ioctl'
  cells: ["*/kcov-cmp"]
  reason: known
  link: https://example.org/1
  expires: 2026-12-31
`;

Deno.test("parseAllowList() reads entries, and where they stand", () => {
  assert.deepEqual(parse(`# comment\n${ENTRY}`), [{
    pattern: "WARNING: .* kcov_ioctl",
    cells: ["*/kcov-cmp"],
    reason: "known",
    link: "https://example.org/1",
    expires: "2026-12-31",
    place: "splats.yaml:2",
  }]);
  assert.deepEqual(parse(ENTRY.replace(/ {2}cells.*\n/, ""))[0]!.cells, ["*"]);
});

Deno.test("parseAllowList() takes an empty file for an empty list", () => {
  for (const text of ["", "# nothing\n", "[]\n"]) assert.deepEqual(parse(text), []);
});

Deno.test("parseAllowList() says what is wrong, and where", () => {
  const cases: readonly [string, RegExp][] = [
    [ENTRY.replace("pattern:", "patern:"), /^splats\.yaml:1:3: unknown key "patern".*"pattern"\?/],
    [ENTRY.replace(/ {2}reason.*\n/, ""), /lacks the key "reason"$/],
    [ENTRY.replace(".* kcov", "( kcov"), /^splats\.yaml:1:12: .*Invalid regular expression/],
    [ENTRY.replace("*/kcov-cmp", "*/kcov-cmb"), /^splats\.yaml:2:11: .*matches no cell/],
    [ENTRY.replace("2026-12-31", "2026-05-31"), /^splats\.yaml:5:12: expired on 2026-05-31/],
    [ENTRY.replace("2026-12-31", "soon"), /expires must be a date/],
    ["pattern: x\n", /^splats\.yaml:1:1: the file must be a list, found a map$/],
  ];
  for (const [text, message] of cases) {
    const { kind, message: said } = errorOf(() => parse(text));
    assert.equal(kind, "usage");
    assert.match(said, message);
  }
});

Deno.test("allowedBy() goes by title and cell", () => {
  const entries = parse(ENTRY);
  const title = "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340";
  assert.equal(allowedBy(entries, "linux-6.12/kcov-cmp", title)?.place, "splats.yaml:1");
  assert.equal(allowedBy(entries, "linux-6.12/kcov", title), null);
  assert.equal(allowedBy(entries, "linux-6.12/kcov-cmp", "WARNING: elsewhere"), null);
});

const [ENTRY_OF_ALL] = parse(ENTRY.replace(/ {2}cells.*\n/, "")) as [AllowedSplat];
const ids = CELLS.map(({ id }) => id);
const unused = (...uses: readonly [whole: boolean, used: boolean][]) =>
  unusedOf([
    splatUses(
      [ENTRY_OF_ALL],
      ids,
      uses.map(([whole, used], index) => ({
        cell: ids[index]!,
        whole,
        used: used ? [ENTRY_OF_ALL.place] : [],
      })),
    ),
  ]);

Deno.test("unusedOf() names what no kernel said", () => {
  const [failure] = unused([true, false], [true, false]);
  assert.deepEqual([failure!.kind, failure!.id], ["usage", "unused-splat"]);
  assert.match(
    failure!.message,
    /^splats\.yaml:1: .*"WARNING: \.\* kcov_ioctl": remove the entry$/,
  );
  assert.match(failure!.detail, /known \(https:\/\/example\.org\/1\)$/);
});

Deno.test("unusedOf() waits until all cells of an entry have had their say", () => {
  assert.deepEqual(unused([true, false], [true, true]), []);
  assert.deepEqual(unused([true, false], [false, false]), []);
  assert.deepEqual(unused([true, false]), []);
  assert.deepEqual(unusedOf([splatUses([ENTRY_OF_ALL], [], [])]), []);
});

Deno.test("unusedOf() hears the cells of an entry from the parts of a run that have them", () => {
  const part = (index: number, used: boolean) =>
    splatUses([ENTRY_OF_ALL], ids, [{
      ...{ cell: ids[index]!, whole: true },
      used: used ? [ENTRY_OF_ALL.place] : [],
    }]);
  assert.deepEqual(unusedOf([part(0, false)]), []);
  assert.deepEqual(unusedOf([part(0, false), part(1, true)]), []);
  assert.equal(unusedOf([part(0, false), part(1, false)]).length, 1);
  assert.equal(unusedOf([part(1, false), part(0, false)]).length, 1);
});

Deno.test("ranWhole() wants a sound boot without a filter", () => {
  const failure = { kind: "kernel", id: "x", message: "x", detail: "" } as const;
  const result: CellResult = {
    ...{ cell: "a/b", boot: null, tests: [], splats: [], promises: NO_ANSWERS },
    guest: { release: null, uptimeMs: null },
  };
  assert.ok(ranWhole(result, []));
  assert.ok(!ranWhole(result, ["kcov.*"]));
  assert.ok(!ranWhole({ ...result, boot: failure }, []));
});

Deno.test("warningUses() name what no build has warned of, once all its cells are built", () => {
  const entry = { match: "objtool: x", cells: ["*"], reason: "known", place: "matrix.yaml:9" };
  const of = (...uses: readonly [whole: boolean, used: string[]][]) =>
    unusedOf([
      warningUses(
        [entry],
        ids,
        uses.map(([whole, used], index) => ({ cell: ids[index]!, whole, used })),
      ),
    ]);
  assert.deepEqual(of([true, []], [true, []]), [{
    ...{ kind: "usage", id: "unused-warning" },
    message: 'matrix.yaml:9: no build warned of "objtool: x": remove the entry',
    detail: "all of its cells were built; it is there because: known",
  }]);
  assert.deepEqual(of([true, []], [true, ["matrix.yaml:9"]]), []);
  assert.deepEqual(of([true, []], [false, []]), []);
  assert.deepEqual(of([true, []]), []);
});

Deno.test("expectationUses() name the globs of an entry that match no test of its cells", () => {
  const expect = {
    kind: "fail",
    ...{ reason: "known", link: "l", expires: "2099-01-01" },
    ...{ tests: ["kcov.*", "kcov_c.*"], place: "matrix.yaml:7" },
  } as const;
  const cells = ids.map((id) => ({ id, expect }));
  const of = (...uses: readonly [whole: boolean, tests: string[]][]) =>
    unusedOf([
      expectationUses(
        cells,
        uses.map(([whole, tests], index) => ({
          cell: ids[index]!,
          whole,
          used: globsUsed(cells[index]!, tests),
        })),
      ),
    ]).map(({ id, message }) => `${id} ${message}`);
  const unused = 'unused-expectation matrix.yaml:7: no test of its cells matches "kcov_c.*": ' +
    "remove the glob";
  assert.deepEqual(of([true, ["kcov.a.b"]], [true, []]), [unused]);
  assert.deepEqual(of([true, ["kcov.a.b"]], [true, ["kcov_c.x"]]), []);
  assert.deepEqual(of([true, ["kcov.a.b"]], [false, []]), []);
  // Of a bundle, and of a cell that is to fail as a whole.
  const { place: _, ...elsewhere } = expect;
  assert.deepEqual(globsUsed({ expect: elsewhere }, ["kcov.a.b"]), []);
  assert.deepEqual(expectationUses([{ id: ids[0]!, expect: elsewhere }], []), []);
});
