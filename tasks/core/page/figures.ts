// SPDX-License-Identifier: MIT
/** What the charts of a page show: figures of a run, by cell or by build. */
import { BOOT_PHASES, type BootPhase, type RunReport } from "../model/model.ts";
import type { Stage } from "../model/stage_table.ts";
import type { DedupFigures } from "../../../selftests/contract/dedup.ts";
import { instrumentation, type Instrumented } from "../report/instrumentation.ts";

export interface Figures {
  readonly instrumentation: readonly Instrumented[];
  readonly dedup: readonly { readonly cell: string; readonly figures: DedupFigures }[];
  /** Of the last boot of each cell, in ms; null for a phase that it did not come to. */
  readonly boots: readonly {
    readonly cell: string;
    readonly phasesMs: readonly (readonly [BootPhase, number | null])[];
    readonly overBudget: readonly BootPhase[];
  }[];
  readonly builds: readonly BuildFigures[];
  readonly timeline: Timeline;
}

/** A build, with all cells that share it. */
export interface BuildFigures {
  readonly key: string;
  readonly cells: readonly string[];
  readonly durationMs: number;
  readonly objects: number;
  /** False where nothing had changed. */
  readonly compiled: boolean;
  readonly cacheHits: number | null;
  readonly cacheCalls: number | null;
}

/** A stage at its time, with all cells for which it ran at once. */
export interface Bar {
  readonly stage: Stage;
  readonly cells: readonly string[];
  readonly startMs: number;
  readonly durationMs: number;
  readonly failed: boolean;
  /** The run would have been over sooner had it been shorter. */
  readonly critical: boolean;
}

export interface Timeline {
  readonly bars: readonly Bar[];
  /** From the run's start to its end, in ms. */
  readonly spanMs: number;
}

export function figuresOf(run: RunReport): Figures {
  return {
    instrumentation: instrumentation(run),
    dedup: run.cells.flatMap(({ cell, facts: { dedup } }) =>
      dedup ? [{ cell, figures: dedup }] : []
    ),
    boots: run.cells.flatMap(({ cell, facts: { boot } }) =>
      boot
        ? [{
          cell,
          phasesMs: BOOT_PHASES.map((phase) => [phase, boot.phasesMs[phase] ?? null] as const),
          overBudget: boot.overBudget.map(({ phase }) => phase),
        }]
        : []
    ),
    builds: buildsOf(run),
    timeline: timelineOf(run),
  };
}

function buildsOf({ cells }: RunReport): BuildFigures[] {
  const builds = new Map<string, BuildFigures & { readonly cells: string[] }>();
  for (const { cell, facts: { config, build }, stages } of cells) {
    const stage = stages.find((one) => one.stage === "build");
    if (!config || !build || !stage) continue;
    const known = builds.get(config.key);
    if (known) known.cells.push(cell);
    else {
      builds.set(config.key, {
        key: config.key,
        cells: [cell],
        durationMs: stage.durationMs,
        objects: build.objects,
        compiled: build.compiled,
        cacheHits: build.cacheUse?.hits ?? null,
        cacheCalls: build.cacheUse?.calls ?? null,
      });
    }
  }
  return [...builds.values()];
}

/** Stages with the same name, time and duration are one that cells have shared. */
function timelineOf(run: RunReport): Timeline {
  const bars = new Map<string, Bar & { readonly cells: string[] }>();
  for (const { cell, stages } of run.cells) {
    for (const { stage, startedMs, durationMs, outcome } of stages) {
      if (startedMs === undefined || outcome.kind === "pending") continue;
      const key = `${stage} ${startedMs} ${durationMs}`;
      const known = bars.get(key);
      const failed = outcome.kind === "failed" || (known?.failed ?? false);
      const cells = known?.cells ?? [];
      cells.push(cell);
      bars.set(key, { stage, cells, startMs: startedMs, durationMs, failed, critical: false });
    }
  }
  const all = [...bars.values()].sort((a, b) => a.startMs - b.startMs);
  const critical = criticalPath(all);
  return {
    bars: all.map((bar) => ({ ...bar, critical: critical.has(bar) })),
    spanMs: Math.max(run.durationMs, ...all.map(endOf)),
  };
}

const endOf = ({ startMs, durationMs }: Bar) => startMs + durationMs;

/** Between two stages the tool itself needs a moment. */
const MOMENT_MS = 250;

/**
 * From the stage that ended last back to the one that it waited for, and so on: of those that ended
 * before it began, the last; where several did so in the same moment, one of its own cells.
 */
function criticalPath(bars: readonly Bar[]): ReadonlySet<Bar> {
  const path = new Set<Bar>();
  let at = bars.toSorted((a, b) => endOf(b) - endOf(a))[0];
  while (at !== undefined) {
    const bar: Bar = at;
    path.add(bar);
    const before = bars.filter((one) => !path.has(one) && endOf(one) <= bar.startMs + 1)
      .sort((a, b) => endOf(b) - endOf(a));
    const last = before[0];
    at = before.find((one) =>
      endOf(one) >= endOf(last!) - MOMENT_MS && one.cells.some((id) =>
        bar.cells.includes(id)
      )
    ) ?? last;
  }
  return path;
}
