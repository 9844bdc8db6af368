// SPDX-License-Identifier: MIT
/** matrix.yaml → {@linkcode Matrix}. Every key is described in docs/matrix.md. */
import { dirname } from "node:path/posix";
import { type ArchName, archOf, DEFAULT_ARCH } from "../arch/table.ts";
import {
  type Cell,
  type CellId,
  type CellTemplate,
  COMPILER_FEATURES,
  type ConfigSpec,
  type Expectation,
  type KernelSpec,
  type KnownWarning,
  type Machine,
  type Matrix,
  type Toolchain,
} from "../model/model.ts";
import { cellId, globMatcher, splitCellId } from "../model/cells.ts";
import { nearest } from "../text/nearest.ts";
import { readYaml, type YamlValue } from "../text/yaml_reader.ts";
import { KmatrixError } from "../model/errors.ts";
import { parseBase } from "./base_spec.ts";
import type { LookUp, Place } from "./yaml_path.ts";
import { C_FIXTURE } from "../../../selftests/contract/c_programs.ts";

/** What lies beside matrix.yaml: the pure parser is told, it does not look. */
export interface Surroundings {
  readonly kernels: readonly KernelSpec[];
  /** Names of configs/*.config without the suffix. */
  readonly fragments: readonly string[];
  /** YYYY-MM-DD, to judge expiry dates against. */
  readonly today: string;
  /** Ids of the tests that the guest declares; null where they are not known: no name is checked. */
  readonly tests: readonly string[] | null;
  /** LLVM= and CC= of the environment; they replace the default toolchain for this run. */
  readonly llvm?: string | undefined;
  readonly cc?: string | undefined;
  /** What ARCH= of the environment means: of all toolchains and machines. */
  readonly arch?: ArchName | undefined;
  /** Gives a variable of the environment: paths may begin with one. */
  readonly lookUp?: LookUp | undefined;
}

/** Ids of toolchains, machines and configs. */
export const CONFIG_ID = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

/**
 * @throws KmatrixError (usage) with line, column, caret and the nearest known name.
 */
export function parseMatrix(file: string, text: string, around: Surroundings): Matrix {
  return readMatrix(readYaml(file, text), file, around);
}

/** @param root The whole file. */
export function readMatrix(root: YamlValue, file: string, around: Surroundings): Matrix {
  const fields = root.fields(
    [
      "toolchains",
      "machines",
      "configs",
      "product",
      "include",
      "exclude",
      "expect",
      "warnings",
      "template",
    ],
    ["toolchains", "machines", "configs", "product"],
  );
  const toolchains = parseToolchains(fields.toolchains!, around);
  const machines = parseIds(fields.machines!, (id, value) => parseMachine(id, value, around));
  const place = { dir: dirname(file), lookUp: around.lookUp ?? (() => undefined) };
  const configs = parseIds(fields.configs!, (id, value) => parseConfig(id, value, around, place));
  const axes = { toolchains, machines, configs, kernels: around.kernels };

  const cells = new Map<CellId, Cell>();
  const add = (cell: Cell) => {
    if (!cells.has(cell.id)) cells.set(cell.id, cell);
  };
  for (const block of fields.product!.list()) parseProduct(block, axes).forEach(add);
  for (const item of fields.include?.list() ?? []) {
    const cell = resolveCell(axes, item.string());
    if (typeof cell === "string") throw item.error(cell);
    add(cell);
  }
  for (const item of fields.exclude?.list() ?? []) {
    const matches = globMatcher([item.string()]);
    const hit = [...cells.keys()].filter(matches);
    if (hit.length === 0) throw item.error(`exclude ${quote(item.string())} matches no cell`);
    hit.forEach((id) => cells.delete(id));
  }
  const entries: { key: string; at: YamlValue; expect: Expectation }[] = [];
  for (const { key, at, value } of fields.expect?.entries() ?? []) {
    const expect = parseExpectation(value, at.place, around);
    const hit = [...cells.keys()].filter(globMatcher([key]));
    if (hit.length === 0) {
      throw at.error(`expect ${quote(key)} matches no cell${nearest(key, [...cells.keys()])}`);
    }
    hit.forEach((id) => cells.set(id, { ...cells.get(id)!, expect }));
    entries.push({ key, at, expect });
  }
  for (const { key, at, expect } of entries) {
    if ([...cells.values()].some((cell) => cell.expect === expect)) continue;
    throw at.error(`expect ${quote(key)}: later entries replace it for all of its cells`);
  }
  const warnings = (fields.warnings?.list() ?? []).map((item) => parseWarning(item, cells));
  const template = fields.template === undefined ? null : parseTemplate(fields.template, axes);
  return {
    file,
    ...axes,
    cells: [...cells.values()],
    warnings,
    splats: [],
    promises: [],
    template,
  };
}

/**
 * The matrix with a kernel that the user brought: its cells are those of the template under its own
 * id, each once, and no others; any other pair can still be named.
 */
export function withBroughtKernel(matrix: Matrix, kernel: KernelSpec): Matrix {
  const axes = { ...matrix, kernels: [...matrix.kernels, kernel] };
  const { kernel: model, configs } = matrix.template ?? { kernel: null, configs: [] };
  const cells = matrix.cells.filter((cell) => cell.kernel.id === model).map((cell) => ({
    ...makeCell(axes, kernel, cell.config, cell.toolchain, cell.machine),
    expect: cell.expect,
  }));
  const besides = matrix.configs.filter(({ id }) => configs.includes(id)).map((config) =>
    makeCell(axes, kernel, config, axes.toolchains[0]!, axes.machines[0]!)
  ).filter(({ id }) => !cells.some((cell) => cell.id === id));
  return { ...axes, cells: [...cells, ...besides] };
}

type Axes = Pick<Matrix, "toolchains" | "machines" | "configs" | "kernels">;

/**
 * The cell of an id, in the matrix or not: stage commands take any kernel/config pair that exists.
 * Gives the message of an error where some part of the id does not exist.
 */
export function resolveCell(axes: Axes, id: string): Cell | string {
  const parts = splitCellId(id);
  if (!parts) {
    return `${quote(id)} is no cell id: write <kernel>/<config>[@<toolchain>][/<machine>]`;
  }
  const kernel = axes.kernels.find((item) => item.id === parts.kernel);
  if (!kernel) return unknown("kernel", parts.kernel, axes.kernels);
  const config = axes.configs.find((item) => item.id === parts.config);
  if (!config) return unknown("config", parts.config, axes.configs);
  const toolchain = parts.toolchain === undefined
    ? axes.toolchains[0]!
    : axes.toolchains.find((item) => item.id === parts.toolchain);
  if (!toolchain) return unknown("toolchain", parts.toolchain!, axes.toolchains);
  const machine = parts.machine === undefined
    ? axes.machines[0]!
    : axes.machines.find((item) => item.id === parts.machine);
  if (!machine) return unknown("machine", parts.machine!, axes.machines);
  return makeCell(axes, kernel, config, toolchain, machine);
}

function makeCell(
  axes: Axes,
  kernel: KernelSpec,
  config: ConfigSpec,
  toolchain: Toolchain,
  machine: Machine,
): Cell {
  const id = cellId(axes, kernel, config, toolchain, machine);
  return { id, kernel, config, toolchain, machine, expect: { kind: "pass" } };
}

function unknown(what: string, name: string, known: readonly { id: string }[]): string {
  return `unknown ${what} ${quote(name)}${nearest(name, known.map((item) => item.id))}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function parseIds<T>(value: YamlValue, parse: (id: string, value: YamlValue) => T): T[] {
  const entries = value.entries();
  if (entries.length === 0) throw value.error(`${value.path} must have at least one entry`);
  return entries.map(({ key, at, value }) => {
    if (!CONFIG_ID.test(key)) {
      throw at.error(`${quote(key)} is no id: letters, digits and ._+- only`);
    }
    return parse(key, value);
  });
}

function parseToolchains(value: YamlValue, around: Surroundings): Toolchain[] {
  const declared = parseIds(value, (id, item): Toolchain => {
    const fields = item.fields(["llvm"], ["llvm"]);
    const llvm = checkLlvm(fields.llvm!.string(), (message) => fields.llvm!.error(message));
    return { id, llvm, ...targetOf(around) };
  });
  // An empty variable is an unset one, as for make.
  const { llvm: wanted, cc } = { llvm: around.llvm || undefined, cc: around.cc || undefined };
  if (wanted === undefined && cc === undefined) return declared;
  const wrong = (message: string) =>
    new KmatrixError("usage", "bad-environment", `LLVM= in the environment: ${message}`);
  const llvm = wanted === undefined ? declared[0]!.llvm : checkLlvm(wanted, wrong);
  return [{ ...declared[0]!, llvm, cc, replaced: true }, ...declared.slice(1)];
}

/** The three forms of Documentation/kbuild/llvm.rst. */
function checkLlvm(llvm: string, error: (message: string) => KmatrixError): string {
  if (llvm === "1" || /^-[0-9]+$/.test(llvm) || llvm.endsWith("/")) return llvm;
  throw error(
    `LLVM=${quote(llvm)} must be 1, a suffix such as -22, or a folder that ends in "/"`,
  );
}

/** The architecture of a toolchain or machine, where it is not the one that goes without saying. */
function targetOf({ arch = DEFAULT_ARCH }: Surroundings): { readonly arch?: ArchName } {
  return arch === DEFAULT_ARCH ? {} : { arch };
}

function parseMachine(id: string, value: YamlValue, around: Surroundings): Machine {
  const fields = value.fields(["cpus", "memoryMiB", "type", "cmdline"], ["cpus", "memoryMiB"]);
  const cpus = fields.cpus!.integer(1);
  return {
    id,
    cpus,
    memoryMiB: fields.memoryMiB!.integer(64),
    type: fields.type?.string() ?? archOf(around).qemu.machineType,
    cmdline: fields.cmdline?.string() ?? "",
    ...(fields.type === undefined ? {} : { fixed: ["type"] as const }),
    ...targetOf(around),
  };
}

function parseConfig(
  id: string,
  value: YamlValue,
  around: Surroundings,
  place: Place,
): ConfigSpec {
  const fields = value.fields(["base", "fragments", "requires"], ["fragments"]);
  const fragments = fields.fragments!.list().map((item) =>
    item.oneOf(around.fragments, "fragment (configs/*.config)", true)
  );
  if (fragments.length === 0) throw fields.fragments!.error(`${id} needs at least one fragment`);
  const requires = fields.requires?.list().map((item) =>
    item.oneOf(COMPILER_FEATURES, "compiler feature")
  );
  const base = fields.base === undefined ? {} : { base: parseBase(fields.base, place) };
  return { id, ...base, fragments, requires: requires ?? [] };
}

function parseProduct(block: YamlValue, axes: Axes): Cell[] {
  const fields = block.fields(["kernels", "configs", "toolchains", "machines"], [
    "kernels",
    "configs",
  ]);
  const pick = <T extends { id: string }>(
    value: YamlValue | undefined,
    known: readonly T[],
    what: string,
  ): T[] =>
    value === undefined
      ? [known[0]!]
      : value.list().map((item) =>
        known.find((one) => one.id === item.oneOf(known.map((one) => one.id), what, true))!
      );
  const cells: Cell[] = [];
  for (const kernel of pick(fields.kernels, axes.kernels, "kernel (kernels/<id>/kernel.yaml)")) {
    for (const config of pick(fields.configs, axes.configs, "config")) {
      for (const toolchain of pick(fields.toolchains, axes.toolchains, "toolchain")) {
        for (const machine of pick(fields.machines, axes.machines, "machine")) {
          cells.push(makeCell(axes, kernel, config, toolchain, machine));
        }
      }
    }
  }
  return cells;
}

/** The id of a kernel, a list of configs, or a map with both. */
function parseTemplate(value: YamlValue, axes: Axes): CellTemplate {
  const kernelOf = (item: YamlValue) =>
    item.oneOf(axes.kernels.map(({ id }) => id), "kernel", true);
  const configsOf = (item: YamlValue) => {
    const configs = item.list().map((one) =>
      one.oneOf(axes.configs.map(({ id }) => id), "config", true)
    );
    if (configs.length === 0) throw item.error(`${item.path} needs at least one config`);
    return configs;
  };
  if (value.isList) return { kernel: null, configs: configsOf(value) };
  if (!value.isMap) return { kernel: kernelOf(value), configs: [] };
  const { kernel, configs } = value.fields(["kernel", "configs"], ["configs"]);
  return { kernel: kernel === undefined ? null : kernelOf(kernel), configs: configsOf(configs!) };
}

function parseExpectation(value: YamlValue, place: string, around: Surroundings): Expectation {
  if (!value.isMap) {
    const word = value.oneOf(["pass", "skip"], "expectation (pass, skip, or a map with fail)");
    return { kind: word };
  }
  const fail = value.fields(["fail"], ["fail"]).fail!;
  const fields = fail.fields(["tests", "reason", "link", "expires"], ["reason", "link", "expires"]);
  for (const glob of fields.tests?.list() ?? []) checkTestGlob(glob, around.tests);
  return {
    kind: "fail",
    place,
    tests: fields.tests?.strings() ?? [],
    reason: fields.reason!.string(),
    link: fields.link!.string(),
    expires: checkExpiry(fields.expires!, around.today),
  };
}

/** The results of a tree's C programs have ids that only a boot of that tree tells. */
function checkTestGlob(value: YamlValue, tests: readonly string[] | null): void {
  const glob = value.string();
  if (tests === null || glob.startsWith(`${C_FIXTURE}.`)) return;
  if (tests.some(globMatcher([glob]))) return;
  throw value.error(`${quote(glob)} matches no test${nearest(glob, tests)}`);
}

/**
 * The date behind which an entry is an error of its own.
 * @param today YYYY-MM-DD
 * @throws KmatrixError (usage) where the value is no date, or one that has come.
 */
export function checkExpiry(value: YamlValue, today: string): string {
  const expires = value.string();
  if (!isDate(expires)) {
    throw value.error(`expires must be a date such as 2026-12-31, found ${quote(expires)}`);
  }
  if (expires <= today) {
    throw value.error(
      `expired on ${expires}: fix the cause and remove the entry, or decide on a new date`,
    );
  }
  return expires;
}

/** YYYY-MM-DD of a day that there is: Date.parse() takes 2026-02-30 for the second of March. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

function parseWarning(value: YamlValue, cells: ReadonlyMap<CellId, Cell>): KnownWarning {
  const fields = value.fields(["match", "cells", "reason"], ["match", "reason"]);
  const globs = fields.cells?.strings() ?? ["*"];
  for (const [index, glob] of globs.entries()) {
    if (![...cells.keys()].some(globMatcher([glob]))) {
      throw fields.cells!.list()[index]!.error(`${quote(glob)} matches no cell`);
    }
  }
  const { place } = value;
  return { match: fields.match!.string(), cells: globs, reason: fields.reason!.string(), place };
}
