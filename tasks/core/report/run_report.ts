// SPDX-License-Identifier: MIT
/** run.json: a whole run, from which `report` writes its files again. */
import * as v from "valibot";
import {
  type AllowedSplat,
  type CellId,
  type CellReport,
  type CellVerdict,
  type LeftOut,
  type ListUse,
  type MergedShard,
  type MergeRecord,
  RUN_FORMAT,
  type RunReport,
  type ShardRecord,
  type SplatReport,
  type StageOutcome,
  STAGES,
  type TestOutcome,
  type TestResult,
} from "../model/model.ts";
import { type Failure, KmatrixError } from "../model/errors.ts";
import type { Evidence } from "../model/evidence.ts";
import { isCellId } from "../model/cells.ts";
import { FAILURE_KINDS } from "../model/failure_kinds.ts";
import { cellFactsShape } from "./cell_facts.ts";
import { cellProperties } from "./properties.ts";
import { sourceIdentityShape, sourceLackShape } from "../source/source_identity.ts";
import { count, givenJson, ms, objectOf, readJson, type Shape, strings } from "../text/shape.ts";

const stage = v.picklist(STAGES);

const evidenceShape: Shape<Evidence> = v.variant("kind", [
  v.looseObject({ kind: v.literal("output"), line: v.string() }),
  v.looseObject({ kind: v.literal("make"), targets: strings, endless: v.boolean() }),
  v.looseObject({
    kind: v.literal("options"),
    dropped: v.array(v.looseObject({
      option: v.string(),
      cause: v.nullable(v.string()),
      fragment: v.exactOptional(v.string()),
    })),
  }),
  v.looseObject({ kind: v.literal("compiler-feature"), feature: v.string() }),
  v.looseObject({
    kind: v.literal("findings"),
    findings: v.array(v.looseObject({ rule: v.string(), of: v.string(), what: v.string() })),
  }),
  v.looseObject({
    kind: v.literal("patch"),
    patch: v.string(),
    problems: v.array(v.looseObject({ kind: v.string(), file: v.nullable(v.string()) })),
  }),
  v.looseObject({ kind: v.literal("file"), name: v.string() }),
  v.looseObject({
    kind: v.literal("promises"),
    broken: v.array(v.looseObject({
      promise: v.string(),
      expected: v.nullable(v.string()),
      answered: v.string(),
    })),
  }),
  v.looseObject({ kind: v.literal("sources"), lacks: v.array(sourceLackShape) }),
]);

export const failureShape: Shape<Failure> = objectOf<Failure>()({
  kind: v.picklist(FAILURE_KINDS),
  id: v.string(),
  message: v.string(),
  detail: v.string(),
  subject: v.exactOptional(
    v.looseObject({ stage: v.exactOptional(stage), tests: v.exactOptional(strings) }),
  ),
  complaint: v.exactOptional(
    v.looseObject({ fingerprint: v.string(), title: v.string(), times: count }),
  ),
  evidence: v.exactOptional(evidenceShape),
});
const failures = v.array(failureShape);

const testOutcome: Shape<TestOutcome> = v.variant("kind", [
  v.looseObject({ kind: v.literal("passed") }),
  v.looseObject({
    kind: v.literal("failed"),
    failure: failureShape,
    reruns: v.exactOptional(failures),
    endedBoot: v.exactOptional(v.boolean()),
  }),
  v.looseObject({ kind: v.literal("flaky"), failures, runs: count }),
  v.looseObject({ kind: v.literal("skipped"), reason: v.string() }),
  v.looseObject({ kind: v.literal("expected-failure"), reason: v.string() }),
  v.looseObject({ kind: v.literal("not-run"), by: v.nullable(v.string()) }),
]);

const testResult: Shape<TestResult> = objectOf<TestResult>()({
  id: v.string(),
  fixture: v.string(),
  name: v.string(),
  file: v.string(),
  durationMs: ms,
  outcome: testOutcome,
  diagnostics: strings,
  attachments: v.record(v.string(), v.unknown()),
});

export const allowedSplatShape: Shape<AllowedSplat> = objectOf<AllowedSplat>()({
  pattern: v.string(),
  cells: strings,
  reason: v.string(),
  link: v.string(),
  expires: v.string(),
  place: v.string(),
});

const splatReport: Shape<SplatReport> = objectOf<SplatReport>()({
  id: v.string(),
  title: v.string(),
  during: v.string(),
  alsoDuring: strings,
  times: count,
  root: v.boolean(),
  fingerprint: v.string(),
  frames: v.array(v.looseObject({ place: v.string(), source: strings })),
  allowed: v.nullable(allowedSplatShape),
});

const stageOutcome: Shape<StageOutcome> = v.variant("kind", [
  v.looseObject({ kind: v.literal("passed") }),
  v.looseObject({
    kind: v.literal("failed"),
    failure: failureShape,
    reruns: v.exactOptional(failures),
  }),
  v.looseObject({ kind: v.literal("flaky"), failures, runs: count }),
  v.looseObject({ kind: v.literal("left-out"), failure: failureShape }),
  v.looseObject({ kind: v.literal("pending") }),
  v.looseObject({
    kind: v.literal("blocked"),
    by: v.picklist([...STAGES, "setup", "interrupt", "fail-fast"]),
  }),
]);

export const verdictShape: Shape<CellVerdict> = v.variant("kind", [
  v.looseObject({
    kind: v.literal("passed"),
    note: v.string(),
    declared: v.exactOptional(v.picklist(["skip", "fail"])),
  }),
  // What reports show first is the first of them.
  v.looseObject({ kind: v.literal("failed"), failures: v.pipe(failures, v.nonEmpty()) }),
  v.looseObject({
    kind: v.literal("flaky"),
    failures: v.pipe(failures, v.nonEmpty()),
    allowed: v.boolean(),
  }),
  v.looseObject({ kind: v.literal("left-out"), failures: v.tuple([failureShape]) }),
  v.looseObject({ kind: v.literal("unfinished"), why: v.string() }),
]);

const cellReport: Shape<CellReport> = objectOf<CellReport>()({
  cell: v.pipe(
    v.string(),
    v.check(isCellId, "no id of a cell"),
    v.transform((id) => id as CellId),
  ),
  stages: v.array(v.looseObject({
    stage,
    outcome: stageOutcome,
    durationMs: ms,
    startedMs: v.exactOptional(ms),
    note: v.string(),
  })),
  tests: v.array(testResult),
  splats: v.array(splatReport),
  verdict: verdictShape,
  facts: cellFactsShape,
  leftOut: v.exactOptional(
    objectOf<LeftOut>()({ byFlags: strings, byAttributes: strings, unexplained: strings }),
  ),
  consoleTail: v.string(),
  repeat: v.string(),
  attempts: v.exactOptional(v.array(v.looseObject({
    folder: v.pipe(v.string(), v.check(isCellId, "no folder of a boot")),
    verdict: v.picklist(["passed", "failed", "flaky", "left-out", "unfinished"]),
  }))),
});

const shardRecordShape: Shape<ShardRecord> = objectOf<ShardRecord>()({
  index: v.pipe(count, v.minValue(1)),
  of: v.pipe(count, v.minValue(1)),
  plan: v.string(),
  tool: v.string(),
  host: v.string(),
  cores: count,
  cells: strings,
  shards: v.array(strings),
});

const listUseShape: Shape<ListUse> = objectOf<ListUse>()({
  failure: failureShape,
  cells: strings,
  heard: strings,
  used: v.boolean(),
});

const accelShape = v.nullable(v.picklist(["kvm", "tcg"]));
const startedAtShape = v.pipe(v.string(), v.isoTimestamp("no time in ISO 8601"));

const mergeRecordShape: Shape<MergeRecord> = objectOf<MergeRecord>()({
  plan: v.string(),
  tool: v.string(),
  of: count,
  shards: v.array(
    objectOf<MergedShard>()({
      index: count,
      from: v.string(),
      host: v.string(),
      cores: count,
      accel: accelShape,
      startedAt: startedAtShape,
      durationMs: ms,
      cells: count,
    }),
  ),
});

export const runReportShape: Shape<RunReport> = objectOf<RunReport>()({
  format: v.literal(RUN_FORMAT),
  startedAt: startedAtShape,
  durationMs: ms,
  accel: accelShape,
  cells: v.array(cellReport),
  interrupted: v.nullable(v.picklist(["SIGINT", "SIGTERM"])),
  failures,
  sources: v.array(sourceIdentityShape),
  usage: v.looseObject({ programsMs: v.record(v.string(), ms), peakMiB: ms }),
  shard: v.exactOptional(shardRecordShape),
  lists: v.exactOptional(v.array(listUseShape)),
  merged: v.exactOptional(mergeRecordShape),
});

/** The text of run.json. Properties are for other programs, and not read back. */
export function runJson(run: RunReport): string {
  const cells = run.cells.map((cell) => ({
    ...cell,
    properties: cellProperties(cell, run.sources),
  }));
  return `${JSON.stringify({ ...run, cells }, null, 2)}\n`;
}

/** What files of any version have. */
const anyFormat = v.looseObject({ format: v.optional(v.unknown()), cells: v.array(v.unknown()) });

const HINT =
  "`deno task parse` judges the recordings of its cells again; `report` reads what a run " +
  "has written as run.json.";

/**
 * @param file Its path.
 * @throws KmatrixError "bad-run-json" for anything else, also what another version has written.
 */
export function parseRunReport(text: string, file: string): RunReport {
  const any = readJson(anyFormat, text);
  if (any.kind === "read" && any.value.format !== RUN_FORMAT) {
    const format = any.value.format === undefined ? "none" : JSON.stringify(any.value.format);
    const why = `written by another version of kmatrix: its format is ${format}, and this one ` +
      `reads ${RUN_FORMAT}`;
    throw new KmatrixError("usage", "bad-run-json", `${file}: ${why}`, HINT);
  }
  const run = givenJson(runReportShape, text, { file, id: "bad-run-json", hint: HINT });
  const ids = run.cells.map(({ cell }) => cell);
  const twice = ids.find((id, index) => ids.indexOf(id) < index);
  if (twice === undefined) return run;
  throw new KmatrixError("usage", "bad-run-json", `${file}: cells has ${twice} twice`, HINT);
}
