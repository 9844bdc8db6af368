// SPDX-License-Identifier: MIT
/** Reads matrix.yaml and what lies beside it from the disk, and makes a plan of them. */
import { dirname } from "node:path/posix";
import { ARCH_NAMES, archNamed } from "../core/arch/table.ts";
import type { Host } from "../host/host.ts";
import type {
  Cell,
  KernelSpec,
  Matrix,
  Plan,
  RunSettings,
  SandboxChoice,
  Selection,
  Settings,
} from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { holdTree } from "./held_tree.ts";
import { failureFrom, KmatrixError } from "../core/model/errors.ts";
import { kconfigSymbols } from "../steps/kconfig_symbols.ts";
import { partNames, partOf } from "../steps/layers.ts";
import { kernelTree } from "../steps/kernel_tree.ts";
import { parseAllowList } from "../core/console/allow_list.ts";
import { globMatcher, splitCellId } from "../core/model/cells.ts";
import { keyedVariables, leftOut, makeVariables } from "../core/model/environment.ts";
import { parseKernelSpec } from "../core/matrix/kernel_spec.ts";
import { parseMatrix, withBroughtKernel } from "../core/matrix/matrix.ts";
import { bring, type BringRequest } from "../steps/bring.ts";
import { checkPatches } from "../steps/mailbox.ts";
import { requestOf } from "../stages/configure.ts";
import { fetch } from "../stages/fetch.ts";
import { treeInPlace } from "../stages/patch.ts";
import { loadPromises } from "../steps/promise_files.ts";
import { ensureReady } from "../steps/setup.ts";
import { requiredKernels, selectCells } from "../core/matrix/plan.ts";
import { declaredTestsIfAny } from "../steps/declared_tests.ts";

/** @throws KmatrixError "usage" for anything wrong in the matrix or in a kernel.yaml. */
export async function loadMatrix(file: string, paths: Paths, host: Host): Promise<Matrix> {
  const text = await host.fs.readTextIfAny(file);
  if (text === null) {
    throw new KmatrixError("usage", "no-matrix", `there is no matrix file ${file}`);
  }
  const fragments = (await partNames("configs", paths, host))
    .filter((name) => name.endsWith(".config")).map((name) => name.replace(/\.config$/, ""));
  const today = new Date(host.now()).toISOString().slice(0, 10);
  const parsed = parseMatrix(file, text, {
    kernels: await loadKernels(paths, host),
    fragments,
    today,
    tests: (await declaredTestsIfAny())?.map(({ id }) => id) ?? null,
    llvm: host.env("LLVM"),
    cc: host.env("CC"),
    lookUp: host.env,
    // One that is unknown is refused where a plan is made: other commands go without.
    arch: archNamed(host.env("ARCH")) ?? undefined,
  });
  const matrix = { ...parsed, promises: await loadPromises(paths, host) };
  const allowed = await host.fs.readTextIfAny(
    `${dirname(file)}/splats.yaml`,
  );
  if (allowed === null) return matrix;
  return { ...matrix, splats: parseAllowList("splats.yaml", allowed, matrix.cells, today) };
}

async function loadKernels(paths: Paths, host: Host): Promise<KernelSpec[]> {
  const kernels: KernelSpec[] = [];
  for (const id of await partNames("kernels", paths, host)) {
    const found = await partOf(`kernels/${id}/kernel.yaml`, paths, host);
    if (found === null) continue;
    const dir = dirname(found);
    const text = await host.fs.readText(found);
    const series = await host.fs.readTextIfAny(`${dir}/patches/series`);
    const list = await host.fs.readTextIfAny(`${dir}/uninstrumented.list`);
    const file = `kernels/${id}/kernel.yaml`;
    const kernel = parseKernelSpec(id, dir, file, text, series, list, host.env);
    await checkPatches(kernel.series, `kernels/${id}/patches/series`, host);
    kernels.push(kernel);
  }
  return kernels;
}

/** How far withOwnKernel() may go to read the Kconfig files of a kernel. */
export type TreeLook =
  /** In a tree of the user's own alone; of others every cell is taken. */
  | { readonly kind: "none" }
  /** With what the machine has; that they cannot be read is an error, or a notice. */
  | { readonly kind: "as-is"; readonly isMust?: boolean }
  /** The machine is made ready first. */
  | { readonly kind: "made-ready"; readonly sandbox: SandboxChoice };

/**
 * The matrix with the kernel of --tree, --series or --range in it, or as it is where none is named.
 * Its cells are those of the template that its Kconfig files have the options for; a notice names
 * each other one that the globs want, and the options. Nobody asks where every cell is named by its
 * id.
 * @param own Its paths are absolute.
 * @throws KmatrixError as bring() does; "no-match" where no cell is left to choose from.
 */
export async function withOwnKernel(
  matrix: Matrix,
  globs: readonly string[],
  own: BringRequest,
  look: TreeLook,
  paths: Paths,
  host: Host,
): Promise<Matrix> {
  const { tree, series, kernel, range } = own;
  if (tree === undefined && series === undefined && range === undefined) {
    for (const option of ["fuzz", "partial"] as const) {
      if (own[option]) {
        throw new KmatrixError("usage", "bad-usage", `--${option} needs --series`);
      }
    }
    if (kernel === undefined) return matrix;
    const text = "--kernel names what --series goes on top of; to choose cells, give a glob";
    throw new KmatrixError("usage", "bad-usage", text);
  }
  // Of commits, a bare repository will do.
  if (tree !== undefined && range === undefined) await kernelTree(tree, host);
  const brought = await bring(own, matrix, paths, host);
  const whole = withBroughtKernel(matrix, brought);
  const isId = (glob: string) => !glob.startsWith("!") && splitCellId(glob) !== undefined;
  if (globs.length > 0 && globs.every(isId)) return whole;
  // One that is named is taken, whatever the template holds.
  const mustOffer = !globs.some(isId);
  if (whole.cells.length === 0 && mustOffer) {
    const text = `the matrix has no template, so ${brought.id} has no cells of its own`;
    const name = `${brought.id}/${whole.configs.at(-1)!.id}`;
    throw new KmatrixError("no-match", "no-such-cell", text, `Name one, such as ${name}.`);
  }
  const known = await kconfigNames(whole.cells, brought, look, paths, host);
  if (known === null) return whole;
  const isWanted = globMatcher(globs);
  const cells: Cell[] = [];
  const reasons: string[] = [];
  for (const cell of whole.cells) {
    const lacking = await lackingOptions(cell, known, paths, host);
    if (lacking.length === 0) {
      cells.push(cell);
      continue;
    }
    const reason = `${cell.id} is left out: this kernel has no ${lacking.join(", ")}`;
    reasons.push(reason);
    if (isWanted(cell.id)) host.log("notice", reason);
  }
  if (cells.length === 0 && mustOffer) {
    const text = `${brought.id} lacks options of every cell that it would get`;
    throw new KmatrixError("no-match", "no-such-cell", text, reasons.join("\n"));
  }
  return { ...whole, cells };
}

/** Every symbol that the tree's Kconfig files define; null where the tree cannot be had yet. */
async function kconfigNames(
  cells: readonly Cell[],
  kernel: KernelSpec,
  look: TreeLook,
  paths: Paths,
  host: Host,
): Promise<ReadonlySet<string> | null> {
  const inPlace = treeInPlace(kernel);
  if (look.kind === "none" && inPlace === null) {
    const text = "--dry-run applies no patch and unpacks nothing: " +
      "cells that this kernel lacks the options for are listed too";
    host.log("notice", text);
    return null;
  }
  try {
    if (look.kind === "made-ready") {
      await ensureReady(cells, { install: true, sandbox: look.sandbox }, paths, host);
    }
    // Its state is no matter yet, and takes its time.
    if (inPlace !== null) return await kconfigSymbols((await kernelTree(inPlace, host)).path, host);
    const held = await holdTree(await fetch(kernel, paths, host), kernel, paths, host);
    try {
      return await kconfigSymbols(held.source.path, host);
    } finally {
      held.release();
    }
  } catch (error) {
    // Who plans for others would make another plan than they do.
    if (look.kind === "as-is" && look.isMust) throw error;
    // A run meets the same failure in its own stages and reports it for every cell.
    const { message } = failureFrom(error);
    host.log(
      "notice",
      `${kernel.id}: cells that it lacks the options for are not known: ${message}`,
    );
    return null;
  }
}

/** Options that a cell wants to be on and that are none of these symbols. */
export async function lackingOptions(
  cell: Cell,
  symbols: ReadonlySet<string>,
  paths: Paths,
  host: Host,
): Promise<string[]> {
  const { lines } = await requestOf(cell, [], paths, host);
  return lines.filter(({ option, value }) =>
    value !== "n" && !symbols.has(option.replace(/^CONFIG_/, ""))
  ).map(({ option }) => option);
}

/**
 * What a run with these settings will do.
 * @throws KmatrixError "no-match"; "usage" for a form of dataflow that no cell has a plugin for.
 */
export function makePlan(
  matrix: Matrix,
  { globs }: Selection,
  settings: Settings,
  host: Host,
): Plan {
  const cells = selectCells(matrix, globs);
  const { dataflowForm } = settings;
  if (
    dataflowForm !== undefined && !cells.some(({ config }) => config.requires.includes("dataflow"))
  ) {
    const text = `--dataflow-form ${dataflowForm} is for cells that require "dataflow", and none ` +
      "of the chosen ones does";
    const advice = "Name one, such as <kernel>/dataflow-posted of matrix-dataflow.yaml.";
    throw new KmatrixError("usage", "bad-usage", text, advice);
  }
  const ignored = leftOut(host.environment());
  if (ignored.length > 0) {
    const text = `not passed on to builds: ${ignored.join(", ")} (docs/matrix.md says what is)`;
    host.log("notice", text);
  }
  const { kconfigAdd, ...rest } = settings;
  const mustHave = requiredKernels(matrix, cells, globs, settings.requireAll ?? false);
  return { matrix, cells, kconfigAdd, settings: runSettings(rest, host), mustHave };
}

/** What machine and environment add. @throws KmatrixError "bad-environment" for another ARCH. */
function runSettings(settings: Omit<Settings, "kconfigAdd">, host: Host): RunSettings {
  const arch = host.env("ARCH");
  if (archNamed(arch) === null) {
    const text = `ARCH=${arch} is not supported; it may be ${ARCH_NAMES.join(" or ")}`;
    throw new KmatrixError("usage", "bad-environment", text);
  }
  return {
    ...settings,
    jobs: settings.jobs ?? navigator.hardwareConcurrency,
    makeVariables: makeVariables(host.env),
    keyedVariables: keyedVariables(host.env),
  };
}
