// SPDX-License-Identifier: MIT
/** Compiles a configured kernel, unless its build folder already holds the result. */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import { moduleFolder, type Paths } from "../core/model/paths.ts";
import type {
  CacheUse,
  KernelBuild,
  KernelConfig,
  RunSettings,
  Warning,
} from "../core/model/model.ts";
import { collectWarnings, countObjects, ObjectCounter } from "../core/build/build_log.ts";
import {
  buildConfinement,
  kernelTargets,
  makeArgv,
  type MakeRequest,
  moduleArgv,
} from "../core/build/make.ts";
import {
  type BuildReason,
  explainChanges,
  INPUTS_FILE,
  WHY_FILE,
} from "../core/build/build_inputs.ts";
import { modulesFor } from "../core/build/dataflow_plugin.ts";
import { BUILD_LOG } from "../core/build/build_start.ts";
import { toldPaths, type ToldSource } from "../core/build/told_paths.ts";
import { KERNEL_STAMP, kernelContent, nearestBuild, previousBuild } from "../steps/build_store.ts";
import { buildStart } from "../steps/build_start.ts";
import { parseCcacheLog } from "../core/build/ccache_log.ts";
import { dropOutdated } from "../steps/outdated.ts";
import { stalledMs } from "../steps/cpu_stall.ts";
import { type CompilerCache, compilerCache } from "../steps/compiler_cache.ts";
import { lateUse, withLateInstrumentation } from "../steps/late_instrumentation.ts";
import { counted } from "../core/text/counted.ts";
import { sha256 } from "../core/text/digest.ts";
import { checkInside, type Job, type Made, perform, readLog, statOf } from "../steps/make_job.ts";
import { buildSelftests } from "../steps/c_selftests.ts";

/** What is built: with modules, also those of the selected options. */
export function buildTargets(config: Pick<KernelConfig, "features" | "image">): string[] {
  return kernelTargets(config.image, config.features.includes("modules"));
}

function makeRequest(config: KernelConfig, settings: RunSettings): MakeRequest {
  return {
    source: config.source,
    buildDir: config.buildDir,
    toolchain: config.toolchain,
    jobs: settings.jobs,
    variables: settings.makeVariables,
    plugin: config.plugin,
    compiler: config.compiler,
  };
}

/**
 * Also builds the selftests' own modules where the kernel has modules; changing one of those does
 * not touch the kernel.
 * @throws KmatrixError "build" with the root-cause line and a bounded tail of the log; "infra"
 *   where the machine broke it: a killed compiler, a full disk.
 */
export async function build(
  config: KernelConfig,
  settings: RunSettings,
  paths: Paths,
  host: Host,
): Promise<KernelBuild> {
  const startedAt = host.now();
  const stalledBefore = await stalledMs(host);
  const { buildDir } = config;
  const log = `${buildDir}/${BUILD_LOG}`;
  const request = makeRequest(config, settings);
  const confine = buildConfinement(request);
  const dotConfig = await host.fs.readText(`${buildDir}/.config`);
  const content = kernelContent(config, await sha256(dotConfig));
  const before = await previousBuild(config.inputs, paths, host);
  const reasons = before ? explainChanges(before.inputs, config.inputs) : [];
  if (reasons.length > 0) host.log("info", `building again: ${reasons.join("; ")}`);
  const cache = await cacheFor(config, dotConfig, settings, paths, host);
  let { compiled } = await perform(
    {
      stamp: KERNEL_STAMP,
      content,
      wanted: [config.image.file],
      argv: makeArgv(request, buildTargets(config)),
      cache,
      confine,
      onOutput: await objectsTold(config, before, log, paths, host),
      prepare: () => dropOutdated(buildDir, config.source, host),
      source: config.source,
      products: async () => [
        ...new Set(["vmlinux", config.image.file]),
        ...await modulesOf(config, host),
        ...await generatedHeaders(buildDir, host),
      ],
    },
    buildDir,
    log,
    host,
  );
  const modules = [...await modulesOf(config, host)];
  if (config.features.includes("modules")) {
    const common = { content, cache, confine, source: config.source };
    for (const own of await ownModules(config, paths, host)) {
      const made = await buildModule(own, common, request, log, host);
      compiled ||= made.compiled;
      modules.push(...made.products);
    }
  }
  const selftests = await buildSelftests(config, request, content, host);
  await checkInside(buildDir, [
    ...["vmlinux", config.image.file, ".config", BUILD_LOG],
    ...modules,
  ], host);
  const at = new Date(host.now()).toISOString();
  await keepInputs(config, compiled ? { at, reasons, first: before === null } : null, host);
  return {
    config,
    vmlinux: `${buildDir}/vmlinux`,
    image: `${buildDir}/${config.image.file}`,
    modules,
    log,
    warnings: await warningsOf(log, config.source, host),
    objects: await readLog(log, host, countObjects),
    compiled: compiled || selftests.compiled,
    selftests: selftests.programs,
    reasons: compiled ? reasons : [],
    cacheUse: await cacheUseOf(cache, compiled, host),
    ...await startOf(buildDir, host),
    ...compiled ? await lateUse(buildDir, host) : {},
    ...stalledShare(stalledBefore, await stalledMs(host), host.now() - startedAt),
    durationMs: host.now() - startedAt,
  };
}

/** @param why null where nothing was compiled. */
async function keepInputs(
  { buildDir, inputs }: KernelConfig,
  why: BuildReason | null,
  host: Host,
): Promise<void> {
  // Written each time: its own time says when the build was used last.
  await host.fs.writeText(`${buildDir}/${INPUTS_FILE}`, JSON.stringify(inputs, null, 2));
  if (why) await host.fs.writeText(`${buildDir}/${WHY_FILE}`, JSON.stringify(why));
}

async function startOf(buildDir: string, host: Host): Promise<Pick<KernelBuild, "start">> {
  const start = await buildStart(buildDir, host);
  return start === null ? {} : { start };
}

/** The compiler cache of a build, and behind it late instrumentation. */
async function cacheFor(
  config: KernelConfig,
  dotConfig: string,
  { lateInstrumentation }: RunSettings,
  paths: Paths,
  host: Host,
): Promise<CompilerCache | null> {
  const cache = await compilerCache(config, paths, host);
  for (const kind of cache?.remote.leftOut ?? []) {
    const text = `CCACHE_REMOTE_STORAGE: ${kind} is out of reach of confined builds`;
    host.log("notice", `${text}, which have no network; --sandbox off lets them use it`);
  }
  const how = [config, dotConfig, lateInstrumentation] as const;
  return await withLateInstrumentation(cache, ...how, paths, host);
}

/** What ccache was good for; that its remote storage has failed costs time, and is said. */
async function cacheUseOf(
  cache: CompilerCache | null,
  compiled: boolean,
  host: Host,
): Promise<CacheUse | null> {
  if (cache === null) return null;
  const use = parseCcacheLog(await host.fs.readTextIfAny(cache.log) ?? "");
  const { remoteFailures: failed = 0, calls } = use;
  if (compiled && failed > 0) {
    const text = `CCACHE_REMOTE_STORAGE has failed in ${failed} of ${
      counted(calls, "compilation")
    }`;
    host.log("warn", `${text}: that costs time, and changes no object`);
  }
  return use;
}

function stalledShare(
  before: number | null,
  after: number | null,
  durationMs: number,
): Pick<KernelBuild, "stalledShare"> {
  if (before === null || after === null) return {};
  return { stalledShare: durationMs <= 0 ? 0 : Math.min(1, (after - before) / durationMs) };
}

async function warningsOf(log: string, source: ToldSource, host: Host): Promise<Warning[]> {
  const warnings = await readLog(log, host, collectWarnings);
  return warnings.map((one) => ({ ...one, text: toldPaths(one.text, source) }));
}

/** Emits how many objects make has compiled, some times a second. */
async function objectsTold(
  { key, buildDir, inputs }: KernelConfig,
  before: { readonly dir: string } | null,
  log: string,
  paths: Paths,
  host: Host,
): Promise<(chunk: Uint8Array) => void> {
  // What an edited file leads to is not known; a whole build has about as many as one like it.
  const like = await host.fs.exists(`${buildDir}/vmlinux`)
    ? null
    : before ?? await nearestBuild(inputs, paths, host);
  const last = like ? await readLog(`${like.dir}/${basename(log)}`, host, countObjects) : 0;
  const total = last > 0 ? last : null;
  const counter = new ObjectCounter();
  let [toldCount, toldAt] = [0, 0];
  return (chunk) => {
    counter.feed(chunk);
    const now = host.now();
    const done = counter.count;
    if (done === toldCount || (now - toldAt < OBJECTS_EVERY_MS && done !== total)) return;
    [toldCount, toldAt] = [done, now];
    host.emit({ event: "objects-compiled", key, done, total });
  };
}

const OBJECTS_EVERY_MS = 500;

/** Builds one of our modules, out of tree, in a folder of the build folder. */
async function buildModule(
  { name, source }: OwnModule,
  { content, ...common }: Pick<Job, "content" | "cache" | "confine" | "source">,
  request: MakeRequest,
  log: string,
  host: Host,
): Promise<Made> {
  const { buildDir } = request;
  const folder = moduleFolder(name);
  const kernel = await statOf(`${buildDir}/vmlinux`, host);
  const job: Job = {
    ...common,
    stamp: `${folder}.json`,
    // The kernel's source as well: it has the scripts that modules are linked by.
    content: [...content, JSON.stringify(kernel), await contentOf(source, host)],
    argv: moduleArgv(request, `${buildDir}/${folder}`),
    prepare: async () => {
      await checkInside(buildDir, ["kmatrix-modules", folder], host);
      await copyFolder(source, `${buildDir}/${folder}`, host);
    },
    products: () => Promise.resolve([`${folder}/${name}.ko`]),
  };
  return await perform(job, buildDir, log, host);
}

interface OwnModule {
  readonly name: string;
  /** Its folder. */
  readonly source: string;
}

/** The modules of ours that this kernel gets, with the folders of their sources. */
async function ownModules(
  { features, plugin }: KernelConfig,
  paths: Paths,
  host: Host,
): Promise<OwnModule[]> {
  const folders = [paths.testModules, ...features.includes("crash") ? [paths.crashModules] : []];
  const lists = folders.map(async (folder) =>
    modulesFor(await host.fs.list(folder), plugin)
      .map((name) => ({ name, source: `${folder}/${name}` }))
  );
  return (await Promise.all(lists)).flat();
}

/** kbuild builds out-of-tree modules where their source is, so the source is copied there. */
async function copyFolder(from: string, to: string, host: Host): Promise<void> {
  await host.fs.remove(to);
  await host.fs.makeDir(to);
  for (const name of await host.fs.list(from)) {
    await host.fs.copy(`${from}/${name}`, `${to}/${name}`);
  }
}

async function contentOf(folder: string, host: Host): Promise<string> {
  const names = await host.fs.list(folder);
  const texts = await Promise.all(names.map((name) => host.fs.readText(`${folder}/${name}`)));
  return JSON.stringify([names, texts]);
}

/** What every object depends on, and make takes as it finds it. */
async function generatedHeaders(buildDir: string, host: Host): Promise<string[]> {
  const names = ["include/config/auto.conf", "include/generated/autoconf.h"];
  const there = await Promise.all(names.map((name) => host.fs.exists(`${buildDir}/${name}`)));
  return names.filter((_, index) => there[index]);
}

/** kbuild writes the objects of all modules, in the order of the Makefiles, to modules.order. */
async function modulesOf(config: KernelConfig, host: Host): Promise<string[]> {
  if (!config.features.includes("modules")) return [];
  const order = await host.fs.readTextIfAny(`${config.buildDir}/modules.order`) ?? "";
  return order.split("\n").filter(Boolean).map((name) => name.replace(/\.o$/, ".ko"));
}
