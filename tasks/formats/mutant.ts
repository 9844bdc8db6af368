// SPDX-License-Identifier: MIT
/**
 * mutants/*.patch: one wrong line each, with who must notice it standing in the file before anything
 * is run. The header is the text in front of the diff:
 *
 *     Cell: linux-6.12-unique/kcov-unique
 *     Catcher: stage inspect            or: test GLOB [GLOB…]
 *     Why: what is wrong
 */
import { type CellReport, type Stage, STAGES } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { globMatcher } from "./cells.ts";

export interface Mutant {
  /** File name without its suffix. */
  readonly name: string;
  /** The cell that the unmutated kernel passes. */
  readonly cell: string;
  readonly catcher: { kind: "stage"; stage: Stage } | { kind: "tests"; globs: readonly string[] };
  readonly why: string;
}

/** @throws KmatrixError (usage) naming the file and the header that is missing or wrong. */
export function parseMutant(name: string, text: string): Mutant {
  const head = text.split(/^--- /m)[0]!;
  const field = (key: string) => {
    const value = new RegExp(`^${key}: (.+)$`, "m").exec(head)?.[1]?.trim();
    if (value !== undefined) return value;
    throw new KmatrixError(
      "usage",
      "bad-mutant",
      `mutants/${name}.patch lacks the line "${key}: …"`,
    );
  };
  const words = field("Catcher").split(/\s+/);
  const wrong = (message: string) =>
    new KmatrixError("usage", "bad-mutant", `mutants/${name}.patch: Catcher: ${message}`);
  const rest = words.slice(1);
  if (rest.length === 0) throw wrong('"stage NAME" or "test GLOB …" is wanted');
  switch (words[0]) {
    case "stage": {
      const stage = STAGES.find((one) => one === rest[0]);
      if (!stage || rest.length > 1) throw wrong(`"${rest.join(" ")}" is no stage`);
      return { name, cell: field("Cell"), catcher: { kind: "stage", stage }, why: field("Why") };
    }
    case "test": {
      const catcher = { kind: "tests", globs: rest } as const;
      return { name, cell: field("Cell"), catcher, why: field("Why") };
    }
    default:
      throw wrong(`"${words[0]}" is neither "stage" nor "test"`);
  }
}

export interface MutantVerdict {
  /** Whether the expected catcher noticed. */
  readonly caught: boolean;
  /** What noticed, for the table. */
  readonly by: string;
  /** Failed tests that the mutant does not expect to fail. */
  readonly others: readonly string[];
}

/** Who caught a mutant, from the report of its cell alone. */
export function judgeMutant(mutant: Mutant, report: CellReport): MutantVerdict {
  const stage = report.stages.find((one) => one.outcome.kind === "failed")?.stage;
  const failed = report.tests.filter((one) => one.outcome.kind === "failed").map((one) => one.id);
  if (mutant.catcher.kind === "stage") {
    const caught = stage === mutant.catcher.stage;
    return { caught, by: stage === undefined ? describe(failed) : `stage ${stage}`, others: [] };
  }
  const expected = globMatcher(mutant.catcher.globs);
  const hits = failed.filter(expected);
  // A boot that dies takes all tests with it: no test has caught anything then.
  if (stage !== undefined) return { caught: false, by: `stage ${stage}`, others: [] };
  const others = failed.filter((id) => !expected(id));
  return { caught: hits.length > 0, by: describe(hits.length > 0 ? hits : failed), others };
}

function describe(failed: readonly string[]): string {
  if (failed.length === 0) return "nobody";
  return failed.length === 1 ? failed[0]! : `${failed[0]} (+${failed.length - 1})`;
}
