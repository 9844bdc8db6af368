// SPDX-License-Identifier: MIT
/** Run folders for tests of the page: recorded boots as the cells of one run, with their logs. */
import { compareRuns, type RunComparison } from "../core/compare/compare.ts";
import { judgeOneBoot } from "../core/judge/verdict.ts";
import { judgeBoot } from "../core/judge/boot_result.ts";
import type { CellId, CellReport, RunReport, StageResult } from "../core/model/model.ts";
import { bootFacts, NO_FACTS, testFacts } from "../core/report/cell_facts.ts";
import { runJson } from "../core/report/run_report.ts";
import { readSituations } from "./recordings.ts";
import { sampleRun } from "./samples.ts";

/** Made of stages before the boot, each a second after the other. */
function stagesBefore(row: number): StageResult[] {
  const names = ["fetch", "patch", "configure", "build", "inspect", "pack"] as const;
  return names.map((stage, index) => ({
    stage,
    outcome: { kind: "passed" },
    durationMs: stage === "build" ? 9000 + 1000 * row : 300,
    startedMs: 20_000 * row + 400 * index + (index > 3 ? 9000 + 1000 * row : 0),
    note: "",
  }));
}

/** A run of recorded boots. */
export interface PageRun {
  readonly run: RunReport;
  /** Of each cell, by its id. */
  readonly consoles: ReadonlyMap<string, Uint8Array>;
}

/** @param cells Names of situations of tasks/testing/recordings/, by the ids of their cells. */
export async function recordedRun(cells: Readonly<Record<string, string>>): Promise<PageRun> {
  const situations = await readSituations();
  const consoles = new Map<string, Uint8Array>();
  const reports = Object.entries(cells).map(([id, name], row): CellReport => {
    const { recording, record } = situations.find((one) => one.name === name)!;
    consoles.set(id, recording.console);
    const result = judgeBoot({ ...recording, record });
    const { stages, tests, verdict } = judgeOneBoot({ kind: "pass" }, result, record.durationMs);
    const startedMs = 20_000 * row + 12_000 + 1000 * row;
    return {
      cell: id as CellId,
      stages: [...stagesBefore(row), ...stages.map((one) => ({ ...one, startedMs }))],
      tests,
      verdict,
      splats: result.splats,
      facts: {
        ...NO_FACTS,
        ...testFacts(tests),
        promises: result.promises,
        boot: bootFacts(record, result.guest.release),
      },
      consoleTail: "",
      repeat: `npx --yes deno task repro ${id}`,
    };
  });
  return { run: sampleRun(reports), consoles };
}

/** Sizes, a build and the phases of a boot, as of a real cell; `by` says how much of each. */
export function withFigures(
  { run, consoles }: PageRun,
  by: { readonly textBytes: number; readonly kernelMs: number },
): PageRun {
  const cells = run.cells.map((cell): CellReport => ({
    ...cell,
    facts: {
      ...cell.facts,
      inspection: {
        calls: { __sanitizer_cov_trace_pc: 71_748 },
        textBytes: by.textBytes,
        guardBytes: null,
        modules: [],
      },
      boot: cell.facts.boot && {
        ...cell.facts.boot,
        phasesMs: { start: 150, kernel: by.kernelMs, init: 90, tests: 9000, exit: 80 },
      },
    },
  }));
  return { run: { ...run, cells }, consoles };
}

/** What compare makes of two runs that are laid down nowhere. */
export function compared(
  before: PageRun,
  after: PageRun,
  warnings: Readonly<Record<"before" | "after", readonly string[]>>,
): RunComparison {
  const kept = ({ run }: PageRun, name: string, texts: readonly string[]) => ({
    ...{ run, name },
    warnings: new Map(run.cells.map(({ cell }) => [cell as string, texts])),
  });
  return compareRuns(
    kept(before, "20260101T030405 (2026-01-01 03:04 UTC)", warnings.before),
    kept(after, "20260102T030405 (2026-01-02 03:04 UTC)", warnings.after),
  );
}

const CHATTY = [
  "e1000: link",
  "ext4: commit",
  "usb 1-1: reset",
  "audit: type=1400 pid",
  "sched: cpu",
];

/** The same run whose consoles have so many bytes in all, of drivers that say much. */
export function withNoise({ run, consoles }: PageRun, bytes: number): PageRun {
  const each = bytes / consoles.size / 2;
  const noise = (from: number) => {
    const lines: string[] = [];
    for (let size = 0, n = from; size < each; n++) {
      const word = CHATTY[n % CHATTY.length];
      const line = `[${(n / 1e5).toFixed(6).padStart(12)}] ${word} ${
        (n * 2654435761) % 1e9
      } done\r\n`;
      lines.push(line);
      size += line.length;
    }
    return new TextEncoder().encode(lines.join(""));
  };
  const noisy = [...consoles].map(([id, console], row) => {
    const [before, behind] = [noise(row), noise(1e6 + row)];
    const all = new Uint8Array(before.length + console.length + behind.length);
    all.set(before);
    all.set(console, before.length);
    all.set(behind, before.length + console.length);
    return [id, all] as const;
  });
  return { run, consoles: new Map(noisy) };
}

/** Lays the run down as a run leaves it. */
export async function layDown({ run, consoles }: PageRun, dir: string): Promise<void> {
  for (const [id, console] of consoles) {
    await Deno.mkdir(`${dir}/${id}`, { recursive: true });
    await Deno.writeFile(`${dir}/${id}/console.log`, console);
  }
  await Deno.writeTextFile(`${dir}/run.json`, runJson(run));
}
