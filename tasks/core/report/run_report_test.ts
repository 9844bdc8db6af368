// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { CellFacts, CellId, RunReport, TestOutcome } from "../model/model.ts";
import { type Failure, KmatrixError } from "../model/errors.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { bootRecord, record, scripted } from "../../testing/recorder.ts";
import { parseBootRecord } from "../boot/boot_record.ts";
import { cProgramTable } from "../judge/c_programs.ts";
import { dedupTable } from "./dedup_table.ts";
import { junitXml } from "./junit.ts";
import { parseRunReport, runJson } from "./run_report.ts";
import { sourceLines } from "../source/source_identity.ts";
import { failuresText, inspectTable, PLAIN, splatsText, summaryTable } from "./summary.ts";

const FAILURE: Failure = {
  ...{ kind: "kernel", id: "splat-warning", message: "m", detail: "d" },
  subject: { stage: "boot", tests: ["a.b.c"] },
  complaint: { fingerprint: "1a2b", title: "WARNING: x", times: 34 },
};
const OUTCOMES: readonly TestOutcome[] = [
  { kind: "passed" },
  { kind: "failed", failure: FAILURE, reruns: [FAILURE], endedBoot: true },
  { kind: "flaky", failures: [FAILURE], runs: 2 },
  { kind: "skipped", reason: "r" },
  { kind: "expected-failure", reason: "r" },
  { kind: "not-run", by: "panic" },
];
const ALLOWED = {
  ...{ pattern: "x", cells: ["*"], reason: "r", link: "l", expires: "2099-01-01" },
  place: "splats.yaml:1",
};
const MODE = { overflows: 1, kept: 2, lost: 3, nsPerCall: 4.5 };
const FACTS: CellFacts = {
  sandbox: { kind: "none", why: "off" },
  kernel: { id: "k", version: "6.12" },
  fuzz: [{ patch: "a", file: "kernel/kcov.c", hunk: null, line: 7, context: [1, 3] }],
  config: { key: "0123", fragments: ["base"], features: ["kcov"] },
  build: {
    ...{ objects: 9, compiled: true, reasons: ["a"], listedWarnings: 1 },
    cacheUse: { hits: 1, calls: 2, remoteHits: 0 },
  },
  inspection: {
    ...{ calls: { __sanitizer_cov_trace_pc: 12 }, textBytes: 16, guardBytes: null },
    modules: [{ name: "a/b.ko", calls: {}, textBytes: 1, guards: 0 }],
    dataflow: {
      ...{ objects: 1, functions: 2, args: 3, lost: 4, rets: 5, tables: 6, tableBytes: 7 },
    },
  },
  boot: {
    ...{ accel: "tcg", durationMs: 1234, phasesMs: { start: 100, kernel: 1134 }, release: "6.12" },
    overBudget: [{ phase: "start", ms: 900, budgetMs: 800 }],
  },
  promises: {
    against: { id: "k", version: "6.12", as: "nearest" },
    answers: [{ promise: "init.again", answers: ["EBUSY", "ok"] }],
    deviations: [
      { promise: "init.again", expected: null, answered: "ok", tests: ["a.b.c"] },
    ],
    notAsked: ["enable.pc"],
  },
  dedup: { words: 8, bitmapWords: 2, programs: 1, calls: 9, pc: MODE, unique: MODE },
  cPrograms: { same: ["a"], differing: [], onlyC: ["b"], onlyOurs: [], whole: true },
};
/** One of everything that a report can hold. */
const RUN: RunReport = sampleRun([
  sampleCellReport({
    stages: [
      { stage: "fetch", outcome: { kind: "passed" }, durationMs: 1, note: "6.12" },
      { stage: "build", outcome: { kind: "failed", failure: FAILURE }, durationMs: 1, note: "" },
      { stage: "boot", outcome: { kind: "blocked", by: "build" }, durationMs: 0, note: "" },
      { stage: "parse", outcome: { kind: "pending" }, durationMs: 0, note: "" },
    ],
    tests: OUTCOMES.map((outcome, n) => ({
      ...{ id: `a.b.t${n}`, fixture: "a", name: `b.t${n}`, file: "f.ts", durationMs: 1.5, outcome },
      ...{ diagnostics: ["x"], attachments: { figures: { n: [1, null] } } },
    })),
    splats: [{
      ...{ id: "warning", title: "WARNING: x", during: "boot", alsoDuring: ["a.b.c"], times: 2 },
      ...{ root: true, fingerprint: "1a2b", allowed: ALLOWED },
      frames: [{ place: "f+0x1/0x2", source: ["f a.c:1"] }],
    }],
    verdict: { kind: "failed", failures: [FAILURE] },
    facts: FACTS,
    leftOut: { byFlags: ["kernel/a.o"], byAttributes: [], unexplained: ["b.o"] },
    attempts: [{ folder: "k/c", verdict: "failed" }],
  }),
  sampleCellReport({
    cell: "k/flaky" as CellId,
    verdict: { kind: "flaky", failures: [FAILURE], allowed: false },
  }),
  sampleCellReport({ cell: "k/none" as CellId, verdict: { kind: "unfinished", why: "not run" } }),
], {
  sources: [{
    ...{ kernel: "k", spec: { kind: "tree", path: "/t" }, version: "6.12.0", digest: "d" },
    patches: [{ name: "a", sha256: "0", subject: "s", author: null }],
    tree: {
      path: "/t",
      git: {
        ...{ commit: "0".repeat(40), describe: "v6.12", branch: null },
        diff: {
          ...{ sha256: "0", bytes: 1, file: null, fileCount: 1 },
          files: [{ path: "a", state: "added" }],
        },
      },
      content: { sha256: "0", follow: false },
    },
  }],
  failures: [FAILURE],
  interrupted: "SIGINT",
  usage: { programsMs: { make: 1 }, peakMiB: 99 },
});

const { features, ...recording } = { ...record({ tests: [scripted("a.b.c")] }), features: [] };
const RECORD = bootRecord(recording, {
  ...{ features, firstByteMs: { console: 1, results: 2, test: 3 }, lastByteMs: 4, silentMs: 5 },
  kernel: { vmlinux: "/v", modules: ["/m"], bytes: 1, mtimeMs: 2 },
});

const FILES: readonly [string, object, (text: string) => unknown][] = [
  ["run.json", RUN, (text) => parseRunReport(text, "run.json")],
  ["boot.json", RECORD, (text) => parseBootRecord(text, "boot.json")],
];

/** Every place of a value, as the way to it. */
function* places(value: unknown, way: readonly string[] = []): Generator<readonly string[]> {
  yield way;
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* places(inner, [...way, key]);
}

function changed(value: unknown, [key, ...way]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  const copy = structuredClone(value) as Record<string, unknown>;
  const inner = changed(copy[key], way, to);
  if (inner === undefined && Array.isArray(copy)) copy.splice(Number(key), 1);
  else copy[key] = inner;
  return copy;
}

for (const [name, sound, parse] of FILES) {
  Deno.test(`${name} is read as it was written`, () => {
    const written = JSON.parse(JSON.stringify(sound));
    assert.deepEqual(parse(JSON.stringify(sound)), written);
    assert.deepEqual(parse(JSON.stringify({ ...sound, later: 1 })), { ...written, later: 1 });
  });

  Deno.test(`${name} with anything else in any place is read and can be shown, or is a user's mistake`, () => {
    const others = [undefined, null, 7, -1, "x", "", true, [], {}, [null], { kind: "x" }];
    let refused = 0;
    for (const way of places(sound)) {
      for (const other of others) {
        const text = JSON.stringify(changed(sound, way, other)) ?? "";
        let read;
        try {
          read = parse(text);
        } catch (error) {
          assert.ok(error instanceof KmatrixError, `${way.join(".")}: ${error}`);
          assert.deepEqual([error.kind, error.id], ["usage", `bad-${name.replace(".", "-")}`]);
          assert.ok(error.message.startsWith(`${name}: `), error.message);
          refused++;
          continue;
        }
        if (name === "run.json") show(read as RunReport);
      }
    }
    assert.ok(refused > 100, `${refused}`);
  });

  Deno.test(`${name} that is cut or damaged anywhere is a user's mistake, not a bug`, () => {
    const text = JSON.stringify(sound, null, 2);
    fc.assert(fc.property(fc.nat(text.length - 2), (length) => {
      assert.throws(() => parse(text.slice(0, length)), KmatrixError);
    }));
    for (const other of ["", "\0\0\0\0", "<html>", "[]", "null", "0", '""', "{}", "[[[["]) {
      assert.throws(() => parse(other), KmatrixError, other);
    }
  });
}

/** What commands do with a report. */
function show(run: RunReport): void {
  run.sources.flatMap(sourceLines);
  junitXml(run);
  summaryTable(run, 100, PLAIN);
  inspectTable(run, PLAIN);
  splatsText(run, PLAIN);
  failuresText(run, PLAIN);
  dedupTable(run);
  cProgramTable(run);
  runJson(run);
}

Deno.test("a run.json of another version is called that", () => {
  const { format: _, ...older } = RUN;
  assert.throws(
    () => parseRunReport(JSON.stringify(older), "out/run.json"),
    /^KmatrixError: out\/run\.json: written by another version of kmatrix: its format is none, and this one reads \d+$/,
  );
  assert.throws(
    () => parseRunReport(JSON.stringify({ ...RUN, format: 7 }), "x"),
    /its format is 7, and this one reads \d+$/,
  );
});
