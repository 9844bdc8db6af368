// SPDX-License-Identifier: MIT
/**
 * mutants/*.patch: one wrong line each, with who must notice it standing in the file before anything
 * is run. The header is the text in front of the diff:
 *
 *     Cell: linux-6.12-unique/kcov-unique
 *     Matrix: matrix-dataflow.yaml      only where the cell is of another matrix than matrix.yaml
 *     Catcher: stage inspect            or: test GLOB [GLOB…]
 *     Also: GLOB [GLOB…]                only where other tests may, but need not, notice too
 *     Rebuilds: everything              only where the whole kernel is compiled anew
 *     Why: what is wrong
 */
import { counted } from "../core/text/counted.ts";
import { type CellReport, type Stage, STAGES } from "../core/model/model.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { isFinding } from "../core/model/failure_kinds.ts";
import { globMatcher } from "../core/model/cells.ts";
import { scanDiff } from "../core/source/diff.ts";
import { namesOf } from "../core/source/series.ts";

export interface Mutant {
  /** File name without its suffix. */
  readonly name: string;
  /** The cell that the unmutated kernel passes. */
  readonly cell: string;
  /** The matrix file that knows the cell, relative to the project. */
  readonly matrix: string;
  readonly catcher: { kind: "stage"; stage: Stage } | { kind: "tests"; globs: readonly string[] };
  /** Tests that may be red beside those of the catcher: what the mutant does to them is chance. */
  readonly also: readonly string[];
  readonly why: string;
  /** Whether every object is compiled again; such mutants run last. */
  readonly rebuildsAll: boolean;
  /** Paths below the kernel's source that it changes; below the project for one of the plugin. */
  readonly files: readonly string[];
  /** Whether it changes the compiler's plugin, and no kernel. */
  readonly ofPlugin: boolean;
}

/** Of cells where nothing else is said. */
export const MUTANTS_MATRIX = "matrix.yaml";

/** @throws KmatrixError (usage) naming the file and the header that is missing or wrong. */
export function parseMutant(name: string, text: string): Mutant {
  const wrong = (message: string) =>
    new KmatrixError("usage", "bad-mutant", `mutants/${name}.patch: ${message}`);
  const start = text.search(/^--- /m);
  const head = start < 0 ? text : text.slice(0, start);
  const files = start < 0
    ? []
    : [...new Set(scanDiff(text.slice(start)).files.flatMap((file) => namesOf(file, 1)))];
  if (files.length === 0) throw wrong("no diff behind the header");
  const ofPlugin = files.some((file) => file.startsWith("plugins/"));
  if (ofPlugin && !files.every((file) => file.startsWith("plugins/"))) {
    throw wrong("changes the plugin and a kernel: one line of one of them is wanted");
  }
  const optional = (key: string) => new RegExp(`^${key}: (.+)$`, "m").exec(head)?.[1]?.trim();
  const field = (key: string) => {
    const value = optional(key);
    if (value === undefined) throw wrong(`lacks the line "${key}: …"`);
    return value;
  };
  const rebuilds = optional("Rebuilds");
  if (rebuilds !== undefined && rebuilds !== "everything") {
    throw wrong(`Rebuilds: "${rebuilds}" is not "everything"`);
  }
  return {
    name,
    cell: field("Cell"),
    matrix: optional("Matrix") ?? MUTANTS_MATRIX,
    catcher: catcherOf(field("Catcher"), wrong),
    also: optional("Also")?.split(/\s+/) ?? [],
    why: field("Why"),
    rebuildsAll: rebuilds !== undefined,
    files,
    ofPlugin,
  };
}

function catcherOf(text: string, wrong: (message: string) => KmatrixError): Mutant["catcher"] {
  const [kind, ...rest] = text.split(/\s+/);
  if (rest.length === 0) throw wrong('Catcher: "stage NAME" or "test GLOB …" is wanted');
  if (kind === "test") return { kind: "tests", globs: rest };
  if (kind !== "stage") throw wrong(`Catcher: "${kind}" is neither "stage" nor "test"`);
  const stage = STAGES.find((one) => one === rest[0]);
  if (!stage || rest.length > 1) throw wrong(`Catcher: "${rest.join(" ")}" is no stage`);
  return { kind: "stage", stage };
}

/** The cheap ones first, and of these the ones of one build together, kernels before plugins. */
export function orderMutants(mutants: readonly Mutant[]): Mutant[] {
  const key = ({ rebuildsAll, cell, ofPlugin, name }: Mutant) =>
    `${Number(rebuildsAll)} ${cell}\0${Number(ofPlugin)} ${name}`;
  return [...mutants].sort((a, b) => key(a) < key(b) ? -1 : 1);
}

export type MutantVerdict =
  /** The expected catcher noticed, and nobody else. */
  | { readonly kind: "caught"; readonly by: string; readonly red: number }
  /** `what` says who noticed instead, who was silent, or who noticed beside the catcher. */
  | { readonly kind: "not-as-expected"; readonly what: string; readonly red: number }
  /** The machinery failed, which says nothing about the mutant. */
  | { readonly kind: "broken"; readonly what: string };

/**
 * Who caught a mutant, from the report of its cell alone. A stage must be the one that is expected;
 * of tests, at least one of each glob must be red, and none that the file does not name. A boot that
 * dies takes all tests with it: no test has caught anything then.
 */
export function judgeMutant(mutant: Mutant, report: CellReport): MutantVerdict {
  const failures = report.verdict.kind === "failed" ? report.verdict.failures : [];
  const machinery = failures.find((failure) => !isFinding(failure.kind));
  if (machinery) return { kind: "broken", what: `${machinery.id}: ${machinery.message}` };
  if (report.verdict.kind === "left-out") {
    return { kind: "broken", what: `its cell is left out: ${report.verdict.failures[0].message}` };
  }
  // What is missing on the machine is a failure of the run, and its cells just do not go on.
  if (report.verdict.kind === "unfinished") {
    return { kind: "broken", what: `its cell did not run to an end: ${report.verdict.why}` };
  }
  const failed = report.tests.filter((one) => one.outcome.kind === "failed").map((one) => one.id);
  const red = failed.length;
  const stage = failedStage(report);
  const { catcher } = mutant;
  if (catcher.kind === "stage") {
    if (stage?.stage === catcher.stage) return { kind: "caught", by: stageText(stage), red };
    return {
      kind: "not-as-expected",
      what: stage ? stageText(stage) : failed.length > 0 ? describe(failed) : "nobody noticed",
      red,
    };
  }
  if (stage) return { kind: "not-as-expected", what: stageText(stage), red };
  if (red === 0) return { kind: "not-as-expected", what: "nobody noticed", red };
  const silent = catcher.globs.filter((glob) => !failed.some(globMatcher([glob])));
  const expected = globMatcher([...catcher.globs, ...mutant.also]);
  const others = failed.filter((id) => !expected(id));
  if (silent.length === 0 && others.length === 0) {
    const first = globMatcher(catcher.globs);
    const by = [...failed.filter(first), ...failed.filter((id) => !first(id))];
    return { kind: "caught", by: describe(by), red };
  }
  const parts = [
    ...(silent.length > 0 ? [`silent: \`${silent.join(" ")}\``] : []),
    ...(others.length > 0 ? [`red as well: \`${others.join(" ")}\``] : []),
  ];
  return { kind: "not-as-expected", what: parts.join("; "), red };
}

function failedStage(report: CellReport): { stage: Stage; failure: Failure } | undefined {
  for (const { stage, outcome } of report.stages) {
    if (outcome.kind === "failed") return { stage, failure: outcome.failure };
  }
  return undefined;
}

function stageText({ stage, failure }: { stage: Stage; failure: Failure }): string {
  return `stage ${stage} (${failure.id})`;
}

function describe(failed: readonly string[]): string {
  return `\`${failed[0]}\`` + (failed.length === 1 ? "" : ` (+${failed.length - 1})`);
}

/** What the file of a mutant says of its catcher, as Markdown that stars do not spoil. */
export function catcherText({ catcher }: Mutant): string {
  return catcher.kind === "stage" ? `stage ${catcher.stage}` : `\`${catcher.globs.join(" ")}\``;
}

export interface MutantRow {
  readonly mutant: Mutant;
  readonly verdict: MutantVerdict;
  readonly seconds: number;
}

/** The table of a run, in Markdown: a line each, in the order they ran. */
export function mutantTable(rows: readonly MutantRow[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["mutant", "cell", "expected", "caught by", "red", "time"]),
    line(["---", "---", "---", "---", "--:", "--:"]),
    ...rows.map(({ mutant, verdict, seconds }) =>
      line([
        mutant.name,
        mutant.cell,
        catcherText(mutant),
        verdict.kind === "caught"
          ? verdict.by
          : verdict.kind === "broken"
          ? `BROKEN: ${verdict.what}`
          : `NOT AS EXPECTED: ${verdict.what}`,
        verdict.kind === "broken" ? "" : `${verdict.red}`,
        `${seconds} s`,
      ])
    ),
  ].join("\n") + "\n";
}

/** One line about all rows. */
export function mutantSummary(rows: readonly MutantRow[]): string {
  const caught = rows.filter((row) => row.verdict.kind === "caught");
  const byTests = caught.filter((row) => row.mutant.catcher.kind === "tests");
  return `${counted(rows.length, "mutant")}, ${caught.length} caught as expected, ` +
    `${byTests.length} of them by guest tests while all others stayed green`;
}
