// SPDX-License-Identifier: MIT
/** What is known of a cell beside its verdict: made here, kept in run.json, read as it is. */
import * as v from "valibot";
import {
  type BootRecord,
  type Cell,
  type CellFacts,
  type DataflowFigures,
  FEATURES,
  type FuzzyHunk,
  type Inspection,
  type KernelBuild,
  type KernelConfig,
  type ModuleInspection,
  type PromiseReport,
  type SourceArchive,
  type SourceTree,
  type TestResult,
} from "../model/model.ts";
import { baseTitle, isTiny } from "../build/config_base.ts";
import { bootPhases, overBudget, stalledShares } from "../boot/boot_phases.ts";
import type { CacheUse, LateUse, OverBudget, SandboxUse } from "../model/model.ts";
import { BOOT_PHASES } from "../model/model.ts";
import { comparisonOf, comparisonShape } from "../judge/c_programs.ts";
import { promiseReportShape } from "../judge/promises.ts";
import { dedupOf } from "./dedup_table.ts";
import { buildStartShape } from "../build/build_start.ts";
import { count, ms, objectOf, type Shape, strings } from "../text/shape.ts";
import type { DedupFigures, DedupMode } from "../../../selftests/contract/dedup.ts";

/** Of a cell of which nothing is known yet. */
export const NO_FACTS: CellFacts = {
  sandbox: null,
  kernel: null,
  fuzz: [],
  config: null,
  build: null,
  inspection: null,
  boot: null,
  promises: null,
  dedup: null,
  cPrograms: null,
};

/** What is known of a cell while it is on its way. */
export interface CellKnowledge {
  readonly sandbox: SandboxUse | null;
  readonly cell: Cell;
  /** What each stage gave, of those that it has passed. */
  readonly values: {
    readonly fetch?: SourceArchive;
    readonly patch?: SourceTree;
    readonly configure?: KernelConfig;
    readonly build?: KernelBuild;
    readonly inspect?: Inspection;
  };
  /** How many warnings of its build the matrix lists. */
  readonly listedWarnings: number;
  /** The last boot; null before the first. */
  readonly record: BootRecord | null;
  /** Of the kernel, as a guest reports it; null where none came to that. */
  readonly release: string | null;
  readonly tests: readonly TestResult[];
  /** null before the first boot. */
  readonly promises: PromiseReport | null;
}

/** The facts that reports have of a cell, each null as long as it is not known. */
export function cellFacts(known: CellKnowledge): CellFacts {
  const { cell, values: { fetch, patch, configure, build, inspect }, record } = known;
  return {
    sandbox: known.sandbox,
    kernel: fetch ? { id: cell.kernel.id, version: fetch.version } : null,
    fuzz: patch?.fuzz ?? [],
    config: configure ? configFacts(configure, cell.config) : null,
    build: build ? buildFacts(build, known.listedWarnings) : null,
    inspection: inspect ? inspectionFacts(inspect) : null,
    boot: record && bootFacts(record, known.release),
    promises: known.promises,
    ...testFacts(known.tests),
  };
}

function configFacts(
  { key, features }: KernelConfig,
  config: Cell["config"],
): CellFacts["config"] {
  const { fragments } = config;
  return { key, ...(isTiny(config) ? {} : { base: baseTitle(config) }), fragments, features };
}

/** @param listedWarnings How many of its warnings the matrix lists for the cell. */
function buildFacts(
  { objects, compiled, reasons, cacheUse, lateUse, stalledShare, start }: KernelBuild,
  listedWarnings: number,
): CellFacts["build"] {
  const stalled = stalledShare === undefined ? {} : { stalledShare };
  const late = lateUse === undefined ? {} : { lateUse };
  const begun = start === undefined ? {} : { start };
  return { objects, compiled, reasons, cacheUse, ...late, ...begun, ...stalled, listedWarnings };
}

/** What was left out is a list of its own in a cell's report. */
function inspectionFacts({ leftOut: _, ...figures }: Inspection): CellFacts["inspection"] {
  return figures;
}

/**
 * Where the time of a boot went.
 * @param release Of the kernel, as the guest reports it; null where it did not come to that.
 */
export function bootFacts(
  record: Pick<
    BootRecord,
    | ("firstByteMs" | "lastByteMs" | "durationMs" | "stalledMs")
    | ("accel" | "features" | "slowness")
  >,
  release: string | null,
): NonNullable<CellFacts["boot"]> {
  const phasesMs = bootPhases(record);
  return {
    accel: record.accel,
    durationMs: record.durationMs,
    phasesMs,
    ...(record.stalledMs === undefined ? {} : { stalledShares: stalledShares(record) }),
    overBudget: overBudget(phasesMs, record.accel, record.features, record.slowness),
    release,
  };
}

/** What tests have measured and compared. */
export function testFacts(
  tests: readonly TestResult[],
): Pick<CellFacts, "dedup" | "cPrograms"> {
  return { dedup: dedupOf(tests), cPrograms: comparisonOf(tests) };
}

const sandboxShape: Shape<SandboxUse> = v.variant("kind", [
  v.looseObject({ kind: v.literal("bubblewrap") }),
  v.looseObject({ kind: v.literal("none"), why: v.string() }),
]);

const fuzzShape: Shape<FuzzyHunk> = objectOf<FuzzyHunk>()({
  patch: v.string(),
  file: v.string(),
  hunk: v.nullable(count),
  line: count,
  context: v.tuple([count, count]),
});

const features = v.array(v.picklist(FEATURES));
const calls = v.record(v.string(), count);

const buildShape = objectOf<NonNullable<CellFacts["build"]>>()({
  objects: count,
  compiled: v.boolean(),
  reasons: strings,
  cacheUse: v.nullable(
    objectOf<CacheUse>()({
      ...{ hits: count, calls: count, remoteHits: count, remoteFailures: v.exactOptional(count) },
    }),
  ),
  lateUse: v.exactOptional(objectOf<LateUse>()({ objects: count, shared: count })),
  stalledShare: v.exactOptional(v.number()),
  start: v.exactOptional(buildStartShape),
  listedWarnings: count,
});

export const dataflowFiguresShape: Shape<DataflowFigures> = objectOf<DataflowFigures>()({
  objects: count,
  functions: count,
  args: count,
  lost: count,
  rets: count,
  tables: count,
  tableBytes: count,
});

const inspectionShape = objectOf<NonNullable<CellFacts["inspection"]>>()({
  calls,
  textBytes: count,
  guardBytes: v.nullable(count),
  modules: v.array(
    objectOf<ModuleInspection>()({ name: v.string(), calls, textBytes: count, guards: count }),
  ),
  dataflow: v.exactOptional(dataflowFiguresShape),
});

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

const bootShape = objectOf<NonNullable<CellFacts["boot"]>>()({
  accel: v.picklist(["kvm", "tcg"]),
  durationMs: ms,
  phasesMs: objectOf<Record<typeof BOOT_PHASES[number], number>>()({
    start: v.exactOptional(ms),
    kernel: v.exactOptional(ms),
    init: v.exactOptional(ms),
    tests: v.exactOptional(ms),
    exit: v.exactOptional(ms),
  }),
  stalledShares: v.exactOptional(
    objectOf<Partial<Record<typeof BOOT_PHASES[number], number>>>()({
      start: v.exactOptional(share),
      kernel: v.exactOptional(share),
      init: v.exactOptional(share),
      tests: v.exactOptional(share),
      exit: v.exactOptional(share),
    }),
  ),
  overBudget: v.array(
    objectOf<OverBudget>()({ phase: v.picklist(BOOT_PHASES), ms, budgetMs: ms }),
  ),
  release: v.nullable(v.string()),
});

const dedupMode = objectOf<DedupMode>()({
  overflows: count,
  kept: count,
  lost: count,
  nsPerCall: ms,
});
const dedupShape = objectOf<DedupFigures>()({
  words: count,
  bitmapWords: count,
  programs: count,
  calls: count,
  pc: dedupMode,
  unique: dedupMode,
});

export const cellFactsShape: Shape<CellFacts> = objectOf<CellFacts>()({
  sandbox: v.nullable(sandboxShape),
  kernel: v.nullable(v.looseObject({ id: v.string(), version: v.string() })),
  fuzz: v.array(fuzzShape),
  config: v.nullable(
    v.looseObject({
      key: v.string(),
      base: v.exactOptional(v.string()),
      fragments: strings,
      features,
    }),
  ),
  build: v.nullable(buildShape),
  inspection: v.nullable(inspectionShape),
  boot: v.nullable(bootShape),
  promises: v.nullable(promiseReportShape),
  dedup: v.nullable(dedupShape),
  cPrograms: v.nullable(comparisonShape),
});
