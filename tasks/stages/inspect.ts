// SPDX-License-Identifier: MIT
/** Looks into the built kernel and its modules: are they instrumented as the configuration says? */
import type { Host } from "../host/host.ts";
import { callTables, type Paths } from "../paths.ts";
import type { Inspection, KernelBuild, KernelSpec, ModuleInspection } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { sha256 } from "../formats/digest.ts";
import { Elf } from "../formats/elf.ts";
import {
  inspectImage,
  inspectModule,
  inspectObject,
  type ReturnAddresses,
  undeclaredObjects,
  wronglyInstrumentedObjects,
} from "../formats/instrumentation.ts";
import { llvmTool } from "../formats/make.ts";

/** The files that decide what is found; a change of one of them makes every kernel unknown. */
const RULES = ["formats/elf.ts", "formats/instrumentation.ts", "stages/inspect.ts"];

/**
 * What was found sound is remembered beside the kernel, for as long as its files are the same.
 * @throws KmatrixError "inspect" naming section, symbol or object of everything that is wrong.
 */
export async function inspect(
  kernel: KernelBuild,
  spec: Pick<KernelSpec, "uninstrumented" | "incomplete">,
  paths: Paths,
  host: Host,
): Promise<Inspection> {
  const { buildDir, features } = kernel.config;
  const products = [kernel.vmlinux, ...kernel.modules.map((name) => `${buildDir}/${name}`)];
  const looked = [
    features,
    spec.uninstrumented,
    spec.incomplete ?? false,
    await Promise.all(products.map(async (path) => [path, await host.fs.stat(path)])),
    await Promise.all(RULES.map((name) => host.fs.readTextIfAny(`${paths.root}/tasks/${name}`))),
  ];
  const key = await sha256(JSON.stringify(looked));
  const file = `${buildDir}/kmatrix-inspected.json`;
  const kept = readKept(await host.fs.readTextIfAny(file));
  if (kept?.key === key && kept.tables === await tablesState(buildDir, host)) {
    return kept.inspection;
  }
  const inspection = await lookInside(kernel, spec, host);
  const tables = await tablesState(buildDir, host);
  await host.fs.writeText(file, JSON.stringify({ key, tables, inspection }));
  return inspection;
}

/** The tables that inspect() has left beside a kernel, for its guest; none without KCOV. */
export function callFiles({ config }: Pick<KernelBuild, "config">): string[] {
  return config.features.includes("kcov") ? Object.values(callTables(config.buildDir)) : [];
}

interface Kept {
  readonly key: string;
  readonly tables: string;
  readonly inspection: Inspection;
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
    await host.fs.makeDir(tables[kind].slice(0, tables[kind].lastIndexOf("/")));
    const file = await host.fs.appender(tables[kind]);
    try {
      await file.write(new Uint8Array(returns[kind].buffer));
    } finally {
      file.close();
    }
  }
}

function readKept(text: string | null): Kept | null {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    // What is damaged is found out again.
    return null;
  }
}

async function lookInside(
  kernel: KernelBuild,
  spec: Pick<KernelSpec, "uninstrumented" | "incomplete">,
  host: Host,
): Promise<Inspection> {
  const { features, buildDir } = kernel.config;
  const image = await withElf(kernel.vmlinux, host, (elf) => inspectImage(elf, features));
  if (features.includes("kcov")) await writeTables(buildDir, image.returns, host);
  const problems = [...image.problems];
  if (features.includes("kcov") && spec.uninstrumented !== null) {
    const { without, calling } = await linkedObjects(kernel, host);
    problems.push(
      ...undeclaredObjects(without, spec.uninstrumented).map((path) =>
        `${path} has code and no call of a callback, and the tree does not declare it (uninstrumented.list)`
      ),
      // The patch that takes an object out of the instrumentation may be one of those to come.
      ...wronglyInstrumentedObjects(calling, spec.incomplete ? [] : spec.uninstrumented).map((
        path,
      ) =>
        `${path} calls callbacks, and the tree declares it as uninstrumented (uninstrumented.list)`
      ),
    );
  }
  const modules: ModuleInspection[] = [];
  for (const name of kernel.modules) {
    const path = `${buildDir}/${name}`;
    const module = await withElf(path, host, (elf) => inspectModule(name, elf, features));
    modules.push(module.figures);
    problems.push(...module.problems);
  }
  if (problems.length > 0) {
    const more = problems.length > 1 ? ` (+${problems.length - 1} more)` : "";
    throw new KmatrixError("inspect", "not-as-asked", problems[0]! + more, problems.join("\n"));
  }
  return { calls: image.calls, textBytes: image.textBytes, guardBytes: image.guardBytes, modules };
}

async function withElf<T>(path: string, host: Host, body: (elf: Elf) => T): Promise<T> {
  const file = await host.fs.openParts(path);
  try {
    return body(new Elf(file, path));
  } finally {
    file.close();
  }
}

/** The objects that are linked into vmlinux: those with code of C and no call, and those with calls. */
async function linkedObjects(
  kernel: KernelBuild,
  host: Host,
): Promise<{ without: readonly string[]; calling: readonly string[] }> {
  const { buildDir, toolchain } = kernel.config;
  const ar = llvmTool(toolchain.llvm, "llvm-ar");
  // vmlinux.a is the thin archive that kbuild links vmlinux from.
  const list = await host.run({ argv: [ar, "t", "vmlinux.a"], cwd: buildDir });
  if (list.code !== 0) {
    throw new KmatrixError("infra", "no-object-list", `${ar} t vmlinux.a failed`, list.stderr);
  }
  const [without, calling]: [string[], string[]] = [[], []];
  for (const path of list.stdout.split("\n").filter(Boolean)) {
    const { codeBytes, calls } = await withElf(`${buildDir}/${path}`, host, inspectObject);
    if (calls > 0) calling.push(path);
    else if (codeBytes > 0) without.push(path);
  }
  return { without, calling };
}
