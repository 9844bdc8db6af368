// SPDX-License-Identifier: MIT
/** Looks into the built kernel and its modules: are they instrumented as the configuration says? */
import { withElf } from "../steps/elf_file.ts";
import { dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";
import { ARCH_NAMES } from "../core/arch/table.ts";
import { callTables, type Paths } from "../core/model/paths.ts";
import type {
  DataflowFigures,
  Inspection,
  KernelBuild,
  KernelSpec,
  ModuleInspection,
} from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { keptInspectionShape } from "../steps/cache_files.ts";
import { cachedJson } from "../core/text/shape.ts";
import { sha256 } from "../core/text/digest.ts";
import {
  dataflowFigures,
  dataflowImageProblems,
  dataflowOptions,
  dataflowProblems,
} from "../core/inspect/dataflow.ts";
import {
  type ImageKind,
  inspectImage,
  inspectModule,
  type Problem,
  type ReturnAddresses,
} from "../core/inspect/instrumentation.ts";
import {
  callsAny,
  isSilent,
  lackOfComparisons,
  leftOutBeyond,
  leftOutLines,
  listProblems,
  silentObject,
  unaskedCalls,
} from "../core/inspect/instrumented_objects.ts";
import { changing } from "../steps/locks.ts";
import { type KernelObject, KernelObjects } from "../steps/kernel_objects.ts";

/** The files that decide what is found; a change of one of them makes every kernel unknown. */
export const RULES = [
  ...ARCH_NAMES.map((name) => `core/arch/${name}.ts`),
  "core/build/dataflow_plugin.ts",
  "core/inspect/dataflow.ts",
  "core/inspect/elf.ts",
  "core/inspect/instrumentation.ts",
  "core/inspect/instrumented_objects.ts",
  "core/build/kbuild_command.ts",
  "core/inspect/llvm_ir.ts",
  "steps/kernel_objects.ts",
  "stages/inspect.ts",
];

/** Which objects of a kernel may be without instrumentation, and how strictly. */
type Allowed =
  & Pick<KernelSpec, "uninstrumented" | "incomplete" | "brought">
  & Pick<ImageKind, "mayHaveDeadGuards">;

/**
 * What was found sound is remembered beside the kernel, for as long as its files are the same.
 * @throws KmatrixError "inspect" naming section, symbol or object of everything that is wrong.
 */
export async function inspect(
  kernel: KernelBuild,
  spec: Allowed,
  paths: Paths,
  host: Host,
): Promise<Inspection> {
  const { buildDir, features } = kernel.config;
  const products = [kernel.vmlinux, ...kernel.modules.map((name) => `${buildDir}/${name}`)];
  const looked = [
    features,
    spec.uninstrumented,
    spec.incomplete ?? false,
    spec.brought ?? false,
    spec.mayHaveDeadGuards ?? false,
    await Promise.all(products.map(async (path) => [path, await host.fs.stat(path)])),
    await Promise.all(RULES.map((name) => host.fs.readTextIfAny(`${paths.root}/tasks/${name}`))),
  ];
  const key = await sha256(JSON.stringify(looked));
  const file = `${buildDir}/kmatrix-inspected.json`;
  const kept = cachedJson(keptInspectionShape, await host.fs.readTextIfAny(file));
  const sound = kept?.key === key && kept.tables === await tablesState(buildDir, host);
  const inspection = sound ? kept.inspection : await changing(buildDir, host, async () => {
    const inspection = await lookInside(kernel, spec, host);
    const tables = await tablesState(buildDir, host);
    await host.fs.writeText(file, JSON.stringify({ key, tables, inspection }));
    return inspection;
  });
  for (const line of leftOutLines(inspection.leftOut)) host.log("notice", line);
  return inspection;
}

/** The tables that inspect() has left beside a kernel, for its guest; none without KCOV. */
export function callFiles({ config }: Pick<KernelBuild, "config">): string[] {
  return config.features.includes("kcov") ? Object.values(callTables(config.buildDir)) : [];
}

/** Sizes and times of the tables, as they stand for what was found. */
async function tablesState(buildDir: string, host: Host): Promise<string> {
  const tables = Object.values(callTables(buildDir));
  return JSON.stringify(await Promise.all(tables.map((path) => host.fs.stat(path))));
}

/** For the guest, which holds the PCs that it collects against them: words of 32 bits each. */
async function writeTables(
  buildDir: string,
  returns: ReturnAddresses,
  host: Host,
): Promise<void> {
  const tables = callTables(buildDir);
  for (const kind of ["pc", "cmp"] as const) {
    await host.fs.makeDir(dirname(tables[kind]));
    const file = await host.fs.writer(tables[kind]);
    try {
      await file.write(new Uint8Array(returns[kind].buffer));
    } finally {
      file.close();
    }
  }
}

async function lookInside(
  kernel: KernelBuild,
  spec: Allowed,
  host: Host,
): Promise<Inspection> {
  const { features, buildDir } = kernel.config;
  const config = await host.fs.readTextIfAny(`${buildDir}/include/config/auto.conf`);
  const dataflow = dataflowOptions(config ?? "");
  const instrumentsAll = config === null || /^CONFIG_KCOV_INSTRUMENT_ALL=y$/m.test(config);
  const image = await withElf(
    kernel.vmlinux,
    host,
    (elf) => {
      const found = inspectImage(elf, features, {
        instrumentsAll,
        mayHaveDeadGuards: spec.mayHaveDeadGuards ?? false,
      });
      return { ...found, problems: [...found.problems, ...dataflowImageProblems(elf, dataflow)] };
    },
  );
  if (features.includes("kcov")) await writeTables(buildDir, image.returns, host);
  const { problems, leftOut, isKnown, figures } = features.includes("kcov")
    ? await objectsOf(kernel, spec, dataflow !== null, host)
    : NO_OBJECTS;
  const modules: ModuleInspection[] = [];
  const inModules: Problem[] = [];
  for (const name of kernel.modules) {
    const path = `${buildDir}/${name}`;
    const fewest = isKnown(name) ? 0 : 1;
    const module = await withElf(path, host, (elf) => inspectModule(name, elf, features, fewest));
    modules.push(module.figures);
    inModules.push(...module.problems);
  }
  const all = [...image.problems, ...problems, ...inModules];
  if (all.length > 0) {
    const more = all.length > 1 ? ` (+${all.length - 1} more)` : "";
    const detail = all.map(({ text }) => text).join("\n");
    throw new KmatrixError("inspect", "not-as-asked", all[0]!.text + more, detail, {
      ...{ kind: "findings", findings: all.map(({ finding }) => finding) },
    });
  }
  const { calls, textBytes, guardBytes } = image;
  const noted = figures === null ? {} : { dataflow: figures };
  return { calls, textBytes, guardBytes, modules, ...noted, leftOut };
}

/** What the objects of a kernel and its modules tell. */
interface Objects {
  readonly problems: readonly Problem[];
  readonly leftOut: Inspection["leftOut"];
  /** Whether each object of a module was judged by itself, so that none is due of the whole. */
  isKnown(module: string): boolean;
  /** Of a kernel with dataflow. */
  readonly figures: DataflowFigures | null;
}

const NO_OBJECTS: Objects = {
  problems: [],
  leftOut: null,
  isKnown: () => false,
  figures: null,
};

async function objectsOf(
  kernel: KernelBuild,
  spec: Allowed,
  withDataflow: boolean,
  host: Host,
): Promise<Objects> {
  const { uninstrumented, incomplete = false, brought = false } = spec;
  const reader = new KernelObjects(kernel.config, host, withDataflow);
  const byPath = new Map((await reader.ofKernel()).map((object) => [object.path, object]));
  if (byPath.size === 0 && !brought && uninstrumented !== null) {
    const text =
      `${kernel.config.buildDir} has no archive of the objects that vmlinux is linked from`;
    throw new KmatrixError("infra", "no-object-list", text);
  }
  const known = new Set<string>();
  for (const name of kernel.modules) {
    const parts = await reader.partsOf(name);
    for (const part of parts) byPath.set(part.path, part);
    const judged = brought || uninstrumented !== null;
    if (judged && parts.every(({ coverage }) => coverage !== null)) known.add(name);
  }
  const objects = [...byPath.values()];
  const problems = objects.flatMap(unaskedCalls);
  if (!brought && kernel.config.features.includes("cmp")) {
    problems.push(...objects.flatMap(lackOfComparisons));
  }
  const traced = withDataflow ? objects.map((one) => ({ ...one, isCovered: callsAny(one) })) : [];
  problems.push(...traced.flatMap((one) => dataflowProblems(one, uninstrumented ?? [])));
  const silent = await silentObjects(objects, reader);
  problems.push(...silent.problems);
  if (!brought && uninstrumented !== null) {
    problems.push(...listProblems(objects, uninstrumented, incomplete, silent.excused));
  }
  const leftOut = brought && uninstrumented
    ? leftOutBeyond(objects, uninstrumented, silent.unexplained)
    : null;
  const figures = withDataflow ? dataflowFigures(traced) : null;
  return { problems, leftOut, isKnown: (module) => known.has(module), figures };
}

/** Compilers that are asked at the same time. */
const ASKED_AT_ONCE = 4;

/** Objects with the flags and without a call: those that nothing excuses, and those nobody knows of. */
async function silentObjects(
  objects: readonly KernelObject[],
  reader: KernelObjects,
): Promise<
  Record<"excused" | "unexplained", readonly string[]> & { problems: readonly Problem[] }
> {
  const problems: Problem[] = [];
  const [excused, unexplained]: [string[], string[]] = [[], []];
  const silent = objects.filter(isSilent);
  for (let at = 0; at < silent.length; at += ASKED_AT_ONCE) {
    const some = silent.slice(at, at + ASKED_AT_ONCE);
    const answers = await Promise.all(some.map((one) => reader.instrumentedFunctions(one)));
    for (const [index, { path }] of some.entries()) {
      const functions = answers[index]!;
      if (functions === null) unexplained.push(path);
      else if (functions.length > 0) problems.push(silentObject(path, functions));
      else excused.push(path);
    }
  }
  return { problems, excused, unexplained };
}
