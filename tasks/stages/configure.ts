// SPDX-License-Identifier: MIT
/** Configures a cell (steps/make_config.ts), unless its build folder holds what came of it before. */
import { archOf } from "../core/arch/table.ts";
import type { Host } from "../host/host.ts";
import { partOf } from "../steps/layers.ts";
import { fragmentFile, type Paths } from "../core/model/paths.ts";
import type {
  BuildInputs,
  Cell,
  KernelConfig,
  Plan,
  SourceTree,
  Toolchain,
} from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { type ConfigStamp, configStampShape } from "../steps/cache_files.ts";
import { sha256 } from "../core/text/digest.ts";
import { cachedJson } from "../core/text/shape.ts";
import {
  formatAddNotice,
  type MergedRequest,
  mergeFragments,
  parseDotConfig,
  renderFragment,
} from "../core/kconfig/kconfig.ts";
import {
  ContradictionError,
  FragmentError,
  type FragmentLine,
  parseFragment,
  parseKconfigAdd,
} from "../core/kconfig/fragment.ts";
import {
  buildIdentityText,
  clangOf,
  kernelTargets,
  llvmTool,
  type MakeRequest,
} from "../core/build/make.ts";
import { demandsOf } from "../core/boot/demands.ts";
import { isTiny } from "../core/build/config_base.ts";
import { featureProbeArgv } from "../core/matrix/requirements.ts";
import { ioctlFeatures, optionFeatures } from "../core/model/features.ts";
import { checkSource } from "../steps/cache_guard.ts";
import { loadBase, type LoadedBase } from "../steps/base_config.ts";
import { lateFiles } from "../steps/late_instrumentation.ts";
import { changing } from "../steps/locks.ts";
import { type MadeConfig, makeConfig } from "../steps/make_config.ts";
import { ensurePlugin, type PluginPlace, pluginPlace, withForm } from "../steps/dataflow_plugin.ts";
import { beginAnew, beginBuild } from "../steps/build_start.ts";
import { dropOtherToolchain } from "../steps/build_store.ts";
import { type CompilerCache, compilerCache, writeScript } from "../steps/compiler_cache.ts";
import { probeProgram } from "../steps/probe_cache.ts";
import { toolchainFiles } from "../steps/toolchain_files.ts";

/** Written when the gate is passed; a folder without it is configured anew. */
const STAMP = "kmatrix-configured.json";

/** What the guest needs of any kernel: a fragment that every config has. */
const GUEST_FRAGMENT = "guest";

/** What a cell asks on top of its base. @throws KmatrixError "usage" or "config". */
export async function requestOf(
  cell: Pick<Cell, "config">,
  kconfigAdd: readonly string[],
  paths: Paths,
  host: Host,
): Promise<MergedRequest> {
  if (cell.config.request) return { lines: cell.config.request.lines, notices: [] };
  try {
    const fragments: FragmentLine[][] = [];
    const names = cell.config.fragments.filter((name) => name !== GUEST_FRAGMENT);
    for (const name of [GUEST_FRAGMENT, ...names]) {
      const file = fragmentFile(name);
      const path = await partOf(file, paths, host) ?? `${paths.root}/${file}`;
      fragments.push(parseFragment(await host.fs.readText(path), file));
    }
    const adds = kconfigAdd.map((argument, index) => parseKconfigAdd(argument, index + 1));
    return mergeFragments(fragments, adds);
  } catch (error) {
    if (error instanceof FragmentError) {
      const [first, ...rest] = error.message.split("\n");
      throw new KmatrixError("usage", "bad-fragment", first!, rest.join("\n"));
    }
    if (error instanceof ContradictionError) {
      const [first, ...rest] = error.message.split("\n");
      throw new KmatrixError("usage", "contradiction", first!, rest.join("\n"));
    }
    throw error;
  }
}

/**
 * @throws KmatrixError "config" for a dropped request, with the reason, or a toolchain that lacks a
 *   required feature; "usage" for a bad or contradictory fragment; "build" where make itself fails.
 */
export async function configure(
  source: SourceTree,
  cell: Cell,
  plan: Plan,
  paths: Paths,
  host: Host,
): Promise<KernelConfig> {
  const startedAt = host.now();
  await checkToolchain(cell, plan, paths, host);
  const place = await identifyBuild(source, cell, plan, paths, host);
  const { request, identity, make, key, inputs } = place;
  const { buildDir } = make;
  const fresh = { buildDir, inputs, arch: archOf(cell.toolchain).folder };
  const isCopy = plan.settings.freshBuild
    ? await beginAnew(fresh, host)
    : await beginBuild(fresh, paths, host);
  await dropOtherToolchain(buildDir, inputs, host);
  const cache = await compilerCache({ ...make, source }, paths, host);
  // What is counted for a build begins here.
  if (cache) await host.fs.remove(cache.log);
  const made = await keptConfig(make, identity, host) ??
    await changing(buildDir, host, async () => {
      try {
        return await configured(place, cell, cache, paths, host);
      } catch (error) {
        // As large as a build, and of no use.
        if (isCopy) await host.fs.remove(buildDir);
        throw error;
      }
    });
  const values = parseDotConfig(made.dotConfig);
  for (const line of made.notices) host.log("notice", `${cell.id}: ${line}`);
  return {
    source,
    key,
    buildDir,
    toolchain: cell.toolchain,
    ...(make.plugin === undefined ? {} : { plugin: make.plugin }),
    ...(make.compiler === undefined ? {} : { compiler: make.compiler }),
    features: [
      ...optionFeatures(values),
      ...ioctlFeatures(
        await host.fs.readTextIfAny(`${source.path}/include/uapi/linux/kcov.h`) ?? "",
      ),
    ],
    image: await archOf(cell.toolchain).image(
      values,
      (file) => host.fs.readTextIfAny(`${source.path}/${file}`),
    ),
    demands: isTiny(cell.config) ? null : demandsOf(values, archOf(cell.toolchain)),
    notices: [...request.notices.map(formatAddNotice), ...made.notices],
    inputs,
    durationMs: host.now() - startedAt,
  };
}

/** Where a cell is built, and from what. */
export interface BuildPlace {
  readonly request: MergedRequest;
  readonly base: LoadedBase;
  readonly identity: string;
  readonly key: string;
  readonly make: MakeRequest;
  readonly inputs: BuildInputs;
}

/** Reads what decides about a cell's build; makes nothing. @throws as requestOf() does. */
export async function identifyBuild(
  source: SourceTree,
  cell: Cell,
  plan: Plan,
  paths: Paths,
  host: Host,
): Promise<BuildPlace> {
  const request = await requestOf(cell, plan.kconfigAdd, paths, host);
  const base = await loadBase(cell.config, cell.toolchain, host);
  const { makeVariables, keyedVariables, lateInstrumentation: lateness } = plan.settings;
  const variables = { ...makeVariables, ...keyedVariables };
  const fragment = renderFragment(request);
  const compiler = await toolchainVersion(cell.toolchain, paths, host);
  const files = await toolchainFiles(programsOf(cell.toolchain), paths.cache, host);
  const plugin = await pluginOf(cell, plan, paths, host);
  const { path, version, digest, patches } = source;
  const inputs: BuildInputs = {
    kernel: cell.kernel.id,
    config: cell.config.id,
    toolchain: cell.toolchain.id,
    source: { path, version, digest, patches },
    ...(isTiny(cell.config) ? {} : { base: base.identity }),
    fragment,
    compiler,
    ...(files === null ? {} : { toolchainFiles: { ...files, ...await lateFiles(lateness) } }),
    variables,
    // What is compiled without it is kept apart, for whoever compares the two.
    ...(lateness === "off" ? { late: "off" } : {}),
    ...(plugin === null ? {} : { plugin: plugin.digest }),
    ...(plugin?.script === undefined ? {} : { form: plugin.script.key }),
  };
  const identity = buildIdentityText({
    sourcePath: path,
    base: inputs.base,
    fragment,
    toolchain: compiler,
    variables,
    arch: cell.toolchain.arch,
    late: inputs.late,
    plugin: inputs.plugin,
    form: inputs.form,
    // Which image boots follows from the rest.
    targets: kernelTargets({ target: "vmlinux" }, true),
  });
  const key = (await sha256(identity)).slice(0, 16);
  const make: MakeRequest = {
    source,
    buildDir: `${paths.builds}/${cell.config.request?.folder ?? key}`,
    toolchain: cell.toolchain,
    jobs: plan.settings.jobs,
    variables: makeVariables,
    ...(plugin === null ? {} : { plugin: plugin.file }),
    ...(plugin?.script === undefined ? {} : { compiler: plugin.script.file }),
  };
  return { request, base, identity, key, make, inputs };
}

/** The compiler plugin of a cell; null for all but those that require one. */
export async function pluginOf(
  { config, toolchain }: Pick<Cell, "config" | "toolchain">,
  { settings }: Pick<Plan, "settings">,
  paths: Paths,
  host: Host,
): Promise<PluginPlace | null> {
  if (!config.requires.includes("dataflow")) return null;
  const place = await pluginPlace(toolchain, paths, host);
  return await withForm(place, toolchain, settings.dataflowForm);
}

/** Makes the compiler plugin, too, where the cell requires one. */
async function checkToolchain(
  cell: Cell,
  { settings }: Pick<Plan, "settings">,
  paths: Paths,
  host: Host,
): Promise<void> {
  for (const feature of cell.config.requires) {
    if (feature === "dataflow") {
      const place = await ensurePlugin(cell.toolchain, paths, host);
      const { script } = await withForm(place, cell.toolchain, settings.dataflowForm);
      if (script) await writeScript(script.file, script.text, host);
      continue;
    }
    const argv = featureProbeArgv(cell.toolchain, feature);
    const answer = await probeProgram(argv, paths.cache, host);
    if (answer.code === 0) continue;
    throw new KmatrixError(
      "config",
      "toolchain-lacks-feature",
      `config ${cell.config.id} requires the compiler feature "${feature}", which toolchain ` +
        `${cell.toolchain.id} (${clangOf(cell.toolchain)}) does not have`,
      answer.stderr.trim(),
      { kind: "compiler-feature", feature },
    );
  }
}

function programsOf(toolchain: Toolchain): string[] {
  return [clangOf(toolchain), llvmTool(toolchain.llvm, "ld.lld")];
}

/** Compiler and linker as they name themselves; an upgrade makes another build key. */
async function toolchainVersion(toolchain: Toolchain, paths: Paths, host: Host): Promise<string> {
  const version = async (program: string) => {
    const answer = await probeProgram([program, "--version"], paths.cache, host);
    return `${await host.fs.which(program)} ${answer.stdout.trim()}`;
  };
  return (await Promise.all(programsOf(toolchain).map(version))).join("\n");
}

/**
 * A digest of the content of every file that Kconfig reads or that its shell calls run: those by
 * their name, all of scripts/, and the Makefiles and configs of the architecture. Not of times: a
 * checkout there and back changes those alone. Half a second for 2,800 files.
 */
async function kconfigState(
  { path, linked }: Pick<SourceTree, "path" | "linked">,
  toolchain: Toolchain,
  host: Host,
): Promise<string> {
  const { code, stdout } = await host.run({
    argv: ["sh", "-c", LIST_KCONFIG, linked ?? "", archOf(toolchain).folder],
    cwd: path,
  });
  return code === 0 ? stdout.slice(0, 64) : "";
}

/** Content of what a configuration is made from; $0 names the file of
 * links out of the tree, if any, $1 the folder of the architecture. */
const LIST_KCONFIG = `set -f
skip="( -name .git -o -name __pycache__ ) -prune -o"
read="( -name Kconfig* -o -path ./Makefile -o -path ./scripts/*
  -o -path ./$1/Makefile* -o -path */configs/* ) -exec sha256sum {} +"
{
  find . $skip -xtype f $read
  [ -z "$0" ] || xargs -0 sh -c 'words=$0; set -f; find -L "$@" $words || :' \\
    "$skip -type f $read" < "$0"
} | LC_ALL=C sort | sha256sum`;

async function keptConfig(
  { buildDir, source, toolchain }: MakeRequest,
  identity: string,
  host: Host,
): Promise<MadeConfig | null> {
  const stamp = await host.fs.readTextIfAny(`${buildDir}/${STAMP}`);
  const dotConfig = await host.fs.readTextIfAny(`${buildDir}/.config`);
  if (stamp === null || dotConfig === null) return null;
  const kept = cachedJson(configStampShape, stamp);
  // A folder of its own name holds whatever was asked of it last (ConfigSpec.request).
  if (kept !== null && kept.identity !== identity) return null;
  if (kept !== null && kept.dotConfig === await sha256(dotConfig)) {
    const made = { dotConfig, notices: kept.notices ?? [] };
    if (kept.source === source.digest) return made;
    const { kconfigTimes } = source;
    const untouched = kconfigTimes !== undefined && kept.kconfigTimes === kconfigTimes;
    const kconfig = untouched ? kept.kconfig : await kconfigState(source, toolchain, host);
    if (kconfig && kept.kconfig === kconfig) {
      // An edited C file has no say in the configuration.
      const renewed = JSON.stringify({ ...kept, source: source.digest, kconfigTimes });
      await host.fs.writeText(`${buildDir}/${STAMP}`, renewed);
      return made;
    }
    host.log("info", "the source has changed since it was configured: configuring again");
    return null;
  }
  host.log("notice", `${buildDir} was changed since it was configured: configuring anew`);
  return null;
}

async function configured(
  place: BuildPlace,
  cell: Cell,
  cache: CompilerCache | null,
  paths: Paths,
  host: Host,
): Promise<MadeConfig> {
  const { make, request, base, identity } = place;
  const { buildDir, source, toolchain } = make;
  await checkSource(source, host);
  await host.fs.makeDir(buildDir);
  await host.fs.remove(`${buildDir}/${STAMP}`);
  const { version } = place.inputs.source;
  const { toolchainFiles: files, compiler, variables, plugin, form } = place.inputs;
  const more = [plugin, form].filter((one) => one !== undefined);
  const made = [source.digest, compiler, files, variables, ...more];
  const ground = files && JSON.stringify(made);
  const asked = { make, config: cell.config, base, request, version, ground: ground ?? null };
  const config = await makeConfig(asked, cache, paths, host);
  const stamp: ConfigStamp = {
    identity,
    source: source.digest,
    dotConfig: await sha256(config.dotConfig),
    kconfig: await kconfigState(source, toolchain, host),
    kconfigTimes: source.kconfigTimes,
    notices: config.notices,
  };
  await host.fs.writeText(`${buildDir}/${STAMP}`, JSON.stringify(stamp));
  return config;
}
