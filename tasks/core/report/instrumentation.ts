// SPDX-License-Identifier: MIT
/** What the inspect stage found in the instrumented kernels of a run, as figures. */
import type { CellFacts, CellId, Feature, RunReport } from "../model/model.ts";

export interface Instrumented {
  readonly cell: CellId;
  /** Calls in vmlinux that record a PC. */
  readonly pcCalls: number;
  /** Those that record operands of comparisons and switches. */
  readonly cmpCalls: number;
  /** null where the kernel has no guards. */
  readonly guardBytes: number | null;
  /** Sizes of all functions in vmlinux's .text. */
  readonly textBytes: number;
  /**
   * Of .text over the cell that differs only by unique mode, of the same kernel where there is one:
   * 0.02 for 2 % more. null for a cell without unique mode, and without such another one.
   */
  readonly growth: { readonly share: number; readonly over: CellId } | null;
  /** Of a kernel with dataflow: calls in vmlinux, and what the plugin notes of tables. */
  readonly dataflow: {
    readonly args: number;
    readonly rets: number;
    readonly tables: number;
    readonly tableBytes: number;
  } | null;
}

interface Inspected {
  readonly cell: CellId;
  readonly config: NonNullable<CellFacts["config"]>;
  readonly inspection: NonNullable<CellFacts["inspection"]>;
}

/** The cells whose kernel has KCOV and has passed inspection, in their order. */
export function instrumentation(report: Pick<RunReport, "cells">): Instrumented[] {
  const cells = report.cells.flatMap(({ cell, facts: { config, inspection } }): Inspected[] =>
    config && inspection ? [{ cell, config, inspection }] : []
  ).filter((one) => hasFeature(one, "kcov"));
  return cells.map((one) => {
    const { guardBytes, textBytes } = one.inspection;
    const calls = (pattern: RegExp) =>
      Object.entries(one.inspection.calls).filter(([name]) => pattern.test(name))
        .reduce((sum, [, count]) => sum + count, 0);
    const classic = classicOf(one, cells);
    return {
      cell: one.cell,
      pcCalls: calls(/^__sanitizer_cov_trace_pc/),
      cmpCalls: calls(/^__sanitizer_cov_trace_(const_)?(cmp|switch)/),
      guardBytes,
      textBytes,
      growth: classic
        ? { share: textBytes / classic.inspection.textBytes - 1, over: classic.cell }
        : null,
      dataflow: dataflowOf(one.inspection),
    };
  });
}

function dataflowOf({ calls, dataflow }: Inspected["inspection"]): Instrumented["dataflow"] {
  if (dataflow === undefined) return null;
  const { tables, tableBytes } = dataflow;
  const of = (name: string) => calls[`__sanitizer_cov_trace_${name}`] ?? 0;
  return { args: of("args"), rets: of("ret"), tables, tableBytes };
}

function hasFeature({ config }: Inspected, feature: Feature): boolean {
  return config.features.includes(feature);
}

/** The cell without unique mode whose config has the same fragments but one. */
function classicOf(cell: Inspected, cells: readonly Inspected[]): Inspected | undefined {
  const unique = (one: Inspected) => hasFeature(one, "unique");
  if (!unique(cell)) return undefined;
  const { fragments: mine, base: onBase } = cell.config;
  const fitting = cells.filter((one) => {
    const { fragments, base } = one.config;
    return base === onBase && !unique(one) && fragments.length === mine.length - 1 &&
      fragments.every((name) => mine.includes(name));
  });
  const kernel = cell.cell.split("/")[0];
  return fitting.find((one) => one.cell.startsWith(`${kernel}/`)) ?? fitting[0];
}
