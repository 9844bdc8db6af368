// SPDX-License-Identifier: MIT
/** Compiles a configured kernel, unless its build folder already holds the result. */
import type { Host } from "../host/host.ts";
import { moduleFolder, type Paths } from "../paths.ts";
import type { KernelBuild, KernelConfig, RunSettings } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import {
  collectWarnings,
  compiledAnything,
  countObjects,
  findBuildFailure,
  MAKE_CALL_MARK,
} from "../formats/build_log.ts";
import { buildConfinement, makeArgv, type MakeRequest, moduleArgv } from "../formats/make.ts";
import { explainChanges, INPUTS_FILE } from "../formats/build_inputs.ts";
import { previousBuild } from "../host/build_store.ts";
import { parseCcacheLog } from "../formats/ccache_log.ts";
import { type CompilerCache, compilerCache } from "../host/compiler_cache.ts";
import { sha256 } from "../formats/digest.ts";
import type { Confinement } from "../formats/sandbox.ts";

/** One make call, and what tells that it need not be made again. */
interface Job {
  /** Path below the build folder; written last, so that what has none is unfinished. */
  readonly stamp: string;
  /** Everything that decides the content of the products. */
  readonly content: readonly string[];
  readonly argv: readonly string[];
  readonly cache: CompilerCache | null;
  readonly confine: Confinement;
  /** Runs before make. */
  readonly prepare?: () => Promise<void>;
  /** Paths below the build folder; asked for when make is done. */
  readonly products: () => Promise<readonly string[]>;
}

interface Stamp {
  readonly content: string;
  /** Size and time of change of every product, by its path. */
  readonly products: Readonly<Record<string, { size: number; mtimeMs: number }>>;
}

/** What is built: with modules, also those of the selected options. */
export function buildTargets(config: Pick<KernelConfig, "features">): string[] {
  return config.features.includes("modules") ? ["vmlinux", "modules"] : ["vmlinux"];
}

function makeRequest(config: KernelConfig, settings: RunSettings): MakeRequest {
  return {
    source: config.source,
    buildDir: config.buildDir,
    toolchain: config.toolchain,
    jobs: settings.jobs,
    variables: settings.makeVariables,
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
  const { buildDir } = config;
  const log = `${buildDir}/kmatrix-build.log`;
  const request = makeRequest(config, settings);
  const confine = buildConfinement(request);
  const dotConfig = await sha256(await host.fs.readText(`${buildDir}/.config`));
  const content = kernelContent(config, dotConfig);
  const before = await previousBuild(config.inputs, paths, host);
  const reasons = before ? explainChanges(before.inputs, config.inputs) : [];
  if (reasons.length > 0) host.log("info", `building again: ${reasons.join("; ")}`);
  const cache = await compilerCache(config, paths, host);
  if (cache) await host.fs.remove(cache.log);
  let compiled = await perform(
    {
      stamp: KERNEL_STAMP,
      content,
      argv: makeArgv(request, buildTargets(config)),
      cache,
      confine,
      products: async () => ["vmlinux", ...await modulesOf(config, host)],
    },
    buildDir,
    log,
    host,
  );
  const modules = [...await modulesOf(config, host)];
  if (config.features.includes("modules")) {
    const kernel = await statOf(`${buildDir}/vmlinux`, host);
    for (const name of await host.fs.list(paths.testModules)) {
      const source = `${paths.testModules}/${name}`;
      const folder = moduleFolder(name);
      const product = `${folder}/${name}.ko`;
      compiled = await perform(
        {
          stamp: `${folder}.json`,
          // The kernel's source as well: it has the scripts that modules are linked by.
          content: [...content, JSON.stringify(kernel), await contentOf(source, host)],
          argv: moduleArgv(request, `${buildDir}/${folder}`),
          cache,
          confine,
          prepare: async () => {
            await checkInside(buildDir, ["kmatrix-modules", folder], host);
            await copyFolder(source, `${buildDir}/${folder}`, host);
          },
          products: () => Promise.resolve([product]),
        },
        buildDir,
        log,
        host,
      ) || compiled;
      modules.push(product);
    }
  }
  await checkInside(buildDir, ["vmlinux", ".config", "kmatrix-build.log", ...modules], host);
  const text = await readLog(log, host);
  // Written each time: its own time says when the build was used last.
  await host.fs.writeText(`${buildDir}/${INPUTS_FILE}`, JSON.stringify(config.inputs, null, 2));
  return {
    config,
    vmlinux: `${buildDir}/vmlinux`,
    modules,
    log,
    warnings: collectWarnings(text),
    objects: countObjects(text),
    compiled,
    reasons: compiled ? reasons : [],
    cacheUse: cache && parseCcacheLog(await host.fs.readTextIfAny(cache.log) ?? ""),
    durationMs: host.now() - startedAt,
  };
}

/** Whether build() would find the kernel as it left it, and start no compiler for it. */
export async function isBuilt(
  config: Pick<KernelConfig, "key" | "buildDir" | "source">,
  host: Host,
): Promise<boolean> {
  const { buildDir } = config;
  const dotConfig = await host.fs.readTextIfAny(`${buildDir}/.config`);
  const stamp = await readStamp(`${buildDir}/${KERNEL_STAMP}`, host);
  if (dotConfig === null || stamp === null) return false;
  const content = await sha256(kernelContent(config, await sha256(dotConfig)).join("\0"));
  return stamp.content === content && await productsUnchanged(buildDir, stamp, host);
}

const KERNEL_STAMP = "kmatrix-built.json";

function kernelContent(
  { key, source }: Pick<KernelConfig, "key" | "source">,
  dotConfig: string,
): string[] {
  return [key, source.digest, dotConfig];
}

/** Makes what the stamp does not show as made; says whether a compiler ran. */
async function perform(job: Job, buildDir: string, log: string, host: Host): Promise<boolean> {
  const stampFile = `${buildDir}/${job.stamp}`;
  const content = await sha256(job.content.join("\0"));
  const stamp = await readStamp(stampFile, host);
  if (stamp?.content === content && await productsUnchanged(buildDir, stamp, host)) return false;
  await host.fs.remove(stampFile);
  await job.prepare?.();
  await run(job, log, host);
  const products: Record<string, Stamp["products"][string]> = {};
  for (const name of await job.products()) {
    products[name] = await statOf(`${buildDir}/${name}`, host);
  }
  const done: Stamp = { content, products };
  await host.fs.writeText(stampFile, JSON.stringify(done, null, 2));
  return compiledAnything(await readLog(log, host));
}

/**
 * Nothing that the tree's Makefiles have left may lead this tool, which runs outside of their
 * sandbox, to files elsewhere.
 * @throws KmatrixError "build" (points-outside).
 */
async function checkInside(
  buildDir: string,
  names: readonly string[],
  host: Host,
): Promise<void> {
  const inside = `${await host.fs.realPath(buildDir)}/`;
  for (const name of names) {
    const real = await host.fs.realPath(`${buildDir}/${name}`);
    if (real === null || real.startsWith(inside)) continue;
    const text = `the build left ${buildDir}/${name}, which leads to ${real}`;
    throw new KmatrixError("build", "points-outside", text);
  }
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

/** kbuild writes the objects of all modules, in the order of the Makefiles, to modules.order. */
async function modulesOf(config: KernelConfig, host: Host): Promise<string[]> {
  if (!config.features.includes("modules")) return [];
  const order = await host.fs.readTextIfAny(`${config.buildDir}/modules.order`) ?? "";
  return order.split("\n").filter(Boolean).map((name) => name.replace(/\.o$/, ".ko"));
}

async function run({ argv, cache, confine }: Job, log: string, host: Host): Promise<void> {
  const before = await readLog(log, host);
  await host.fs.writeText(log, `${before}${MAKE_CALL_MARK}${new Date(host.now()).toISOString()}\n`);
  const result = await host.run({
    argv,
    log,
    confine: cache ? { ...confine, writable: [...confine.writable, cache.dir] } : confine,
    ...(cache ? { env: cache.env } : {}),
  });
  if (host.signal.aborted) throw new KmatrixError("interrupted", "interrupted", "interrupted");
  if (result.code === 0) return;
  const confined = (await host.sandbox()).kind !== "none";
  const cause = findBuildFailure(await readLog(log, host), confined);
  if (result.code > 128) {
    const text = `make was killed by signal ${result.code - 128}`;
    throw new KmatrixError("infra", "compiler-killed", text, cause.tail);
  }
  throw new KmatrixError(cause.kind, cause.id, cause.line, `${cause.tail}\n(whole log: ${log})`);
}

/** Logs of builds stay in the low megabytes; a runaway one is judged by its end. */
const LOG_BYTES = 32 << 20;

function readLog(log: string, host: Host): Promise<string> {
  return host.fs.readTail(log, LOG_BYTES);
}

async function readStamp(file: string, host: Host): Promise<Stamp | null> {
  const text = await host.fs.readTextIfAny(file);
  if (text === null) return null;
  try {
    const stamp = JSON.parse(text) as Stamp;
    return typeof stamp.products === "object" && stamp.products !== null ? stamp : null;
  } catch {
    host.log("notice", `${file} is damaged: building again`);
    return null;
  }
}

async function statOf(path: string, host: Host): Promise<{ size: number; mtimeMs: number }> {
  const stat = await host.fs.stat(path);
  if (!stat) throw new KmatrixError("build", "no-product", `make succeeded and left no ${path}`);
  return { size: stat.size, mtimeMs: stat.mtimeMs };
}

async function productsUnchanged(dir: string, stamp: Stamp, host: Host): Promise<boolean> {
  for (const [name, wanted] of Object.entries(stamp.products)) {
    const found = await host.fs.stat(`${dir}/${name}`);
    if (!found || found.size !== wanted.size || found.mtimeMs !== wanted.mtimeMs) {
      host.log("notice", `${dir}/${name} is not as it was built: building again`);
      return false;
    }
  }
  return Object.keys(stamp.products).length > 0;
}
