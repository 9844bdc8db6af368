// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellFacts, SourceIdentity } from "../model/model.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { bootFacts, NO_FACTS } from "./cell_facts.ts";
import { junitXml } from "./junit.ts";
import { cellProperties } from "./properties.ts";
import { parseRunReport, runJson } from "./run_report.ts";

const of = (facts: Partial<CellFacts>, other: Parameters<typeof sampleCellReport>[0] = {}) =>
  cellProperties(sampleCellReport({ ...other, facts: { ...NO_FACTS, ...facts } }), [SOURCE]);

const SOURCE: SourceIdentity = {
  ...{ kernel: "own", spec: { kind: "tree", path: "/tree" }, version: "6.12", digest: "d" },
  patches: [{ name: "fix.diff", sha256: "0123456789abcdef", subject: null, author: null }],
  tree: { path: "/tree", git: null, content: null },
};
const CONFIG = { key: "k0", fragments: ["base", "kcov"], features: ["kcov", "cmp"] } as const;
const BUILD = {
  ...{ objects: 9, compiled: false, reasons: ["a", "b"], listedWarnings: 2 },
  cacheUse: { hits: 3, calls: 4, remoteHits: 1 },
};
const INSPECTION = {
  ...{ calls: { __sanitizer_cov_trace_pc: 12 }, textBytes: 16, guardBytes: 48 },
  modules: [{ name: "drivers/a.ko", calls: { x: 1, y: 2 }, textBytes: 5, guards: 4 }],
};

Deno.test("cellProperties() says nothing of what is not known", () => {
  assert.deepEqual(of({}), {});
});

Deno.test("cellProperties() names the source of the cell's own kernel alone", () => {
  assert.deepEqual(of({ kernel: { id: "own", version: "6.12" } }), {
    "kernel.version": "6.12",
    "source.tree": "/tree",
    "source.series": "fix.diff 0123456789ab",
  });
  assert.deepEqual(of({ kernel: { id: "other", version: "6.1" } }), { "kernel.version": "6.1" });
});

Deno.test("cellProperties() tells how a kernel was built once it has passed inspection", () => {
  const early = {
    "build.sandbox": "none (off)",
    "build.key": "k0",
    "build.fragments": "base kcov",
    "build.warnings.listed": "2",
  };
  const facts: Partial<CellFacts> = {
    sandbox: { kind: "none", why: "off" },
    config: CONFIG,
    build: BUILD,
  };
  assert.deepEqual(of(facts), early);
  const leftOut = { byFlags: ["a.o", "b.o"], byAttributes: [], unexplained: ["c.o"] };
  assert.deepEqual(of({ ...facts, inspection: INSPECTION }, { leftOut }), {
    ...early,
    "build.features": "kcov cmp",
    "build.objects": "9",
    "build.compiled": "no (nothing changed)",
    "build.reason": "a; b",
    "build.ccache": "3 of 4 calls were hits, 1 of them from remote storage",
    "inspect.text.bytes": "16",
    "inspect.calls.__sanitizer_cov_trace_pc": "12",
    "inspect.guard.bytes": "48",
    "inspect.left-out": "a.o b.o",
    "inspect.left-out.unexplained": "c.o",
    "inspect.module.a.ko": "3 calls, 4 guards, 5 bytes of text",
  });
});

Deno.test("cellProperties() has what the dataflow plugin notes", () => {
  const dataflow = {
    ...{ objects: 2, functions: 40, args: 70, lost: 5, rets: 41, tables: 9, tableBytes: 480 },
  };
  const found = of({ config: CONFIG, build: BUILD, inspection: { ...INSPECTION, dataflow } });
  const own = Object.entries(found).filter(([name]) => name.startsWith("inspect.dataflow"));
  assert.deepEqual(Object.fromEntries(own), {
    "inspect.dataflow.functions": "40 in 2 objects",
    "inspect.dataflow.args": "75",
    "inspect.dataflow.unknown": "5",
    "inspect.dataflow.rets": "41",
    "inspect.dataflow.tables": "9",
    "inspect.dataflow.table.bytes": "480",
  });
});

Deno.test("cellProperties() names the build that another one began with", () => {
  const start = { key: "k7", name: "linux/kcov" };
  const build = { ...BUILD!, start };
  const found = of({ config: CONFIG, build, inspection: INSPECTION });
  assert.equal(found["build.start"], "a copy of linux/kcov (k7)");
});

Deno.test("cellProperties() has each phase of a boot, and what is over its budget", () => {
  const record = { accel: "tcg", features: [], durationMs: 4000 } as const;
  const boot = bootFacts({ ...record, firstByteMs: { console: 500 } }, "6.12.1");
  const attempts = [
    { folder: "a", verdict: "failed" },
    { folder: "b", verdict: "passed" },
  ] as const;
  assert.deepEqual(of({ boot }, { attempts }), {
    "boot.accel": "tcg",
    "boot.ms": "4000",
    "boot.phase.start": "500",
    "boot.phase.kernel": "3500",
    "boot.over-budget": "kernel (first kernel line to init) 3.5 s, budget 3 s",
    "guest.release": "6.12.1",
    "boot.attempts": "1 of 2 boots passed (50 %; 95 % interval 9 to 91 %)",
  });
});

Deno.test("cellProperties() names every figure of deduplication", () => {
  const mode = { overflows: 1, kept: 3547, lost: 7, nsPerCall: 2000 };
  const dedup = {
    ...{ words: 2048, bitmapWords: 512, programs: 4, calls: 200, pc: mode },
    unique: { overflows: 0, kept: 400, lost: 0, nsPerCall: 1960 },
  };
  assert.deepEqual(of({ dedup }), {
    "dedup.programs": "4",
    "dedup.buffer.words": "2048",
    "dedup.bitmap.words": "512",
    "dedup.pc.overflows": "1",
    "dedup.pc.overflow.rate": "25.0 %",
    "dedup.pc.pcs.kept": "3547",
    "dedup.pc.pcs.lost": "7",
    "dedup.pc.call.ns": "2000",
    "dedup.unique.overflows": "0",
    "dedup.unique.overflow.rate": "0.0 %",
    "dedup.unique.pcs.kept": "400",
    "dedup.unique.pcs.lost": "0",
    "dedup.unique.call.ns": "1960",
    "dedup.overflows.spared": "100.0 %",
  });
});

Deno.test("cellProperties() lists names that only one side has, C or ours", () => {
  const cPrograms = { same: ["a", "b"], differing: [], onlyC: ["c"], onlyOurs: ["d", "e"] };
  assert.deepEqual(of({ cPrograms: { ...cPrograms, whole: true } }), {
    "c.same": "2",
    "c.only.in.c": "c",
    "c.only.in.ours": "d e",
  });
});

Deno.test("cellProperties() names each complaint once", () => {
  const splat = {
    ...{ id: "warning", title: "WARNING: x", during: "a.b.c", alsoDuring: [], times: 1 },
    ...{ root: true, fingerprint: "1a2b3c4d", frames: [], allowed: null },
  };
  const allowed = {
    ...{ pattern: "x", cells: ["*"], reason: "known", link: "l", expires: "2099-01-01" },
    place: "splats.yaml:1",
  };
  const splats = [
    { ...splat, during: "boot", alsoDuring: ["a.b.c", "a.b.d"], times: 34 },
    splat,
    { ...splat, fingerprint: "0", allowed },
    { ...splat, fingerprint: "f", root: false },
  ];
  assert.deepEqual(of({}, { splats }), {
    "splat.1a2b3c4d": "boot and 2 more: WARNING: x (34 times)",
    "splat.0": "a.b.c: WARNING: x (allowed by splats.yaml:1: known)",
  });
});

Deno.test("properties are written and never read: JUnit comes from the facts of run.json", () => {
  const facts = { ...NO_FACTS, config: CONFIG, build: BUILD, inspection: INSPECTION };
  const run = sampleRun([sampleCellReport({ facts })], { sources: [SOURCE] });
  const text = runJson(run);
  assert.equal(JSON.parse(text).cells[0].properties["build.objects"], "9");
  const lied = text.replaceAll('"build.objects": "9"', '"build.objects": "8"');
  assert.notEqual(lied, text);
  assert.equal(junitXml(parseRunReport(lied, "run.json")), junitXml(run));
});
