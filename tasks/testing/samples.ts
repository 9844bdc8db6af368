// SPDX-License-Identifier: MIT
/** Small values of the model for tests; each takes what a test wants to be different. */
import { archOf } from "../core/arch/table.ts";
import {
  type Cell,
  type CellId,
  type CellReport,
  type ConfigSpec,
  type DeclaredTest,
  type Feature,
  type KernelSpec,
  type Machine,
  type Matrix,
  type PromiseReport,
  RUN_FORMAT,
  type RunReport,
  type Toolchain,
} from "../core/model/model.ts";
import { NO_FACTS } from "../core/report/cell_facts.ts";

export const CLANG: Toolchain = { id: "clang-22", llvm: "-22" };
export const UNI: Machine = {
  id: "uni",
  cpus: 1,
  memoryMiB: 256,
  type: archOf({}).qemu.machineType,
  cmdline: "",
};
export const SMP4: Machine = { ...UNI, id: "smp4", cpus: 4, memoryMiB: 512 };

export function sampleKernel(id: string, other: Partial<KernelSpec> = {}): KernelSpec {
  const source = { kind: "debian", package: "linux-source-6.12" } as const;
  const dir = `/project/kernels/${id}`;
  return { id, dir, source, series: [], uninstrumented: null, ...other };
}

export function sampleConfig(id: string, other: Partial<ConfigSpec> = {}): ConfigSpec {
  return { id, fragments: ["base"], requires: [], ...other };
}

export function sampleCell(id: string, other: Partial<Cell> = {}): Cell {
  const [kernel = "", config = "", machine] = id.split("/");
  return {
    id: id as CellId,
    kernel: sampleKernel(kernel),
    config: sampleConfig(config),
    toolchain: CLANG,
    machine: machine === undefined ? UNI : SMP4,
    expect: { kind: "pass" },
    ...other,
  };
}

export function sampleMatrix(...cells: readonly Cell[]): Matrix {
  const byId = <T extends { id: string }>(items: readonly T[]) => [
    ...new Map(items.map((item) => [item.id, item])).values(),
  ];
  return {
    file: "matrix.yaml",
    toolchains: [CLANG],
    machines: [UNI, SMP4],
    configs: byId(cells.map((cell) => cell.config)),
    kernels: byId(cells.map((cell) => cell.kernel)),
    cells,
    warnings: [],
    splats: [],
    promises: [],
    template: null,
  };
}

/** Of a boot that was asked nothing. */
export const NO_ANSWERS: PromiseReport = {
  against: null,
  answers: [],
  deviations: [],
  notAsked: [],
};

/** A declared test from its id, `<fixture>.<variant>.<test>`. */
export function sampleTest(id: string, requires: readonly Feature[] = []): DeclaredTest {
  const [fixture = "", variant = "", test = ""] = id.split(".");
  const file = `selftests/${fixture}_test.ts`;
  return { id, fixture, variant, test, requires, timeoutMs: 45_000, file };
}

/** What is known of `linux-6.12/kcov` when nothing is known yet. */
export function sampleCellReport(other: Partial<CellReport> = {}): CellReport {
  return {
    cell: "linux-6.12/kcov" as CellId,
    stages: [],
    tests: [],
    splats: [],
    verdict: { kind: "passed", note: "" },
    facts: NO_FACTS,
    consoleTail: "",
    repeat: "npx --yes deno task matrix 'linux-6.12/kcov'",
    ...other,
  };
}

export function sampleRun(
  cells: readonly CellReport[],
  other: Partial<RunReport> = {},
): RunReport {
  return {
    format: RUN_FORMAT,
    startedAt: "2026-01-02T03:04:05.678Z",
    durationMs: 61_500,
    accel: "tcg",
    cells,
    interrupted: null,
    failures: [],
    sources: [],
    usage: { programsMs: {}, peakMiB: 0 },
    ...other,
  };
}
