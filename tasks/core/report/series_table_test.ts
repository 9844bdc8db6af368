// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Failure } from "../model/errors.ts";
import {
  BASE_ROW,
  firstBreaks,
  newWarnings,
  type PatchOutcome,
  type SeriesCell,
  type SeriesRow,
  seriesTable,
} from "./series_table.ts";

const OK: PatchOutcome = { kind: "passed", passed: 50, skipped: 2, flaky: [] };
const NOT_OFFERED: PatchOutcome = { kind: "not-offered", options: ["CONFIG_NEW"] };
const failure = (kind: Failure["kind"], id: string): Failure => ({
  ...{ kind, id, message: `${id} happened`, detail: "" },
});
const failed = (kind: Failure["kind"], id: string): PatchOutcome => ({
  ...{ kind: "failed", failures: [failure(kind, id)] },
});

/** A row for one cell "k/a", and the outcomes of "k/b" where there are some. */
function rows(...list: readonly (PatchOutcome | SeriesCell)[]): SeriesRow[] {
  return list.map((one, index) => ({
    patch: index === 0 ? BASE_ROW : `p${index}`,
    cells: new Map([["k/a", "outcome" in one ? one : { outcome: one, warnings: [] }]]),
  }));
}

const breakOf = (...list: readonly (PatchOutcome | SeriesCell)[]) => {
  const [found] = firstBreaks(rows(...list));
  return found && `${found.patch}: ${found.failures.map(({ id }) => id).join(" ")}`;
};

Deno.test("firstBreaks() names the first patch with a failure, and no later one", () => {
  assert.equal(breakOf(OK, OK, OK), undefined);
  const broken = failed("test", "test-failed");
  assert.equal(breakOf(OK, OK, broken, failed("build", "link-error"), OK), "p2: test-failed");
  assert.equal(breakOf(broken, broken, OK), "null: test-failed");
});

Deno.test("firstBreaks() takes an option that is not there yet for neither pass nor failure", () => {
  assert.equal(breakOf(NOT_OFFERED, NOT_OFFERED, OK), undefined);
  assert.equal(breakOf(NOT_OFFERED, failed("kernel", "panic")), "p1: panic");
  assert.equal(breakOf(OK, NOT_OFFERED), "p1: option-dropped");
});

const warned = (...warnings: string[]): SeriesCell => ({ outcome: OK, warnings });

Deno.test("firstBreaks() blames the patch that brings a warning, not the one that moves it", () => {
  const old = "kernel/fork.c:7:1: warning: unused variable 'x'";
  const moved = "kernel/fork.c:9:1: warning: unused variable 'x'";
  const more = "kernel/fork.c:9:1: warning: unused variable 'y'";
  assert.equal(breakOf(warned(old), warned(moved)), undefined);
  assert.equal(breakOf(warned(old), warned(moved), warned(moved, more)), "p2: new-warning");
  assert.equal(breakOf(OK, warned(old)), "p1: new-warning");
  assert.deepEqual(newWarnings(warned(moved, more), warned(old)), [more]);
});

Deno.test("seriesTable() has a row a patch and the first breaks below", () => {
  const list = rows(NOT_OFFERED, OK, failed("kernel", "panic"), {
    outcome: { kind: "passed", passed: 49, skipped: 0, flaky: ["x"] },
    warnings: ["a.c:1:1: warning: w"],
  });
  assert.equal(
    seriesTable(list),
    `patch                 k/a
(without the series)  has no CONFIG_NEW
1 p1                  ok 50
2 p2                  FAILED panic
3 p3                  ok 49, 1 flaky, 1 new warning

k/a: first broken by p2: panic happened [panic]`,
  );
  assert.match(seriesTable(rows(OK, OK)), /^k\/a: no patch breaks it$/m);
  assert.match(
    seriesTable(rows(failed("build", "link-error"))),
    /^k\/a: fails without the series already: link-error happened \[link-error\]$/m,
  );
  assert.match(
    seriesTable(rows(OK, failed("patch", "does-not-apply"), { kind: "blocked", by: "p1" })),
    /^2 p2 +blocked by p1$/m,
  );
});
