// SPDX-License-Identifier: MIT
/** Compiles a configured kernel, unless its build folder already holds the result. */
import type { Host } from "../host/host.ts";
import type { KernelBuild, KernelConfig, RunSettings } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import {
  collectWarnings,
  compiledAnything,
  countObjects,
  findBuildFailure,
  MAKE_CALL_MARK,
} from "../formats/build_log.ts";
import { makeArgv } from "../formats/make.ts";
import { sha256 } from "../formats/digest.ts";

/** Written last, so that a folder without it is unfinished. */
const STAMP = "kmatrix-built.json";

interface Stamp {
  readonly key: string;
  /** Digest of the source. */
  readonly source: string;
  readonly dotConfig: string;
  /** Path below the build folder, size and time of change of every product. */
  readonly products: Readonly<Record<string, { size: number; mtimeMs: number }>>;
}

/** What is built: with modules, also those of the selected options. */
export function buildTargets(config: Pick<KernelConfig, "features">): string[] {
  return config.features.includes("modules") ? ["vmlinux", "modules"] : ["vmlinux"];
}

/** The make call; also what --dry-run prints. */
export function buildArgv(config: KernelConfig, settings: RunSettings): string[] {
  return makeArgv({
    source: config.source,
    buildDir: config.buildDir,
    toolchain: config.toolchain,
    jobs: settings.jobs,
    variables: settings.makeVariables,
  }, buildTargets(config));
}

/**
 * @throws KmatrixError "build" with the root-cause line and a bounded tail of the log; "infra"
 *   where the machine broke it: a killed compiler, a full disk.
 */
export async function build(
  config: KernelConfig,
  settings: RunSettings,
  host: Host,
): Promise<KernelBuild> {
  const startedAt = host.now();
  const log = `${config.buildDir}/kmatrix-build.log`;
  const vmlinux = `${config.buildDir}/vmlinux`;
  const dotConfig = await sha256(await host.fs.readText(`${config.buildDir}/.config`));
  const stamp = await readStamp(config, host);
  const fresh = stamp !== null && stamp.key === config.key &&
    stamp.source === config.source.digest && stamp.dotConfig === dotConfig &&
    await productsUnchanged(config.buildDir, stamp, host);
  let compiled = false;
  if (!fresh) {
    await host.fs.remove(`${config.buildDir}/${STAMP}`);
    await run(config, settings, log, host);
    compiled = compiledAnything(await readLog(log, host));
  }
  const text = await readLog(log, host);
  if (!fresh) {
    const products: Record<string, Stamp["products"][string]> = {};
    for (const name of ["vmlinux", ...await modulesOf(config, host)]) {
      products[name] = await statOf(`${config.buildDir}/${name}`, host);
    }
    const done: Stamp = { key: config.key, source: config.source.digest, dotConfig, products };
    await host.fs.writeText(`${config.buildDir}/${STAMP}`, JSON.stringify(done, null, 2));
  }
  return {
    config,
    vmlinux,
    modules: await modulesOf(config, host),
    log,
    warnings: collectWarnings(text),
    objects: countObjects(text),
    compiled,
    durationMs: host.now() - startedAt,
  };
}

/** kbuild writes the objects of all modules, in the order of the Makefiles, to modules.order. */
async function modulesOf(config: KernelConfig, host: Host): Promise<string[]> {
  if (!config.features.includes("modules")) return [];
  const order = await host.fs.readTextIfAny(`${config.buildDir}/modules.order`) ?? "";
  return order.split("\n").filter(Boolean).map((name) => name.replace(/\.o$/, ".ko"));
}

async function run(
  config: KernelConfig,
  settings: RunSettings,
  log: string,
  host: Host,
): Promise<void> {
  const argv = buildArgv(config, settings);
  const before = await readLog(log, host);
  await host.fs.writeText(log, `${before}${MAKE_CALL_MARK}${new Date(host.now()).toISOString()}\n`);
  const result = await host.run({ argv, log });
  if (host.signal.aborted) throw new KmatrixError("interrupted", "interrupted", "interrupted");
  if (result.code === 0) return;
  const cause = findBuildFailure(await readLog(log, host));
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

async function readStamp(config: KernelConfig, host: Host): Promise<Stamp | null> {
  const text = await host.fs.readTextIfAny(`${config.buildDir}/${STAMP}`);
  if (text === null) return null;
  try {
    const stamp = JSON.parse(text) as Stamp;
    return typeof stamp.products === "object" && stamp.products !== null ? stamp : null;
  } catch {
    host.log("notice", `${config.buildDir}/${STAMP} is damaged: building again`);
    return null;
  }
}

async function statOf(path: string, host: Host): Promise<{ size: number; mtimeMs: number }> {
  const stat = await host.fs.stat(path);
  if (!stat) throw new KmatrixError("build", "no-vmlinux", `make succeeded and left no ${path}`);
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
