// SPDX-License-Identifier: MIT
/** tinyconfig + fragments → olddefconfig → the gate: every request must have survived. */
import { archOf } from "../core/arch/table.ts";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
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
  findDropped,
  formatAddNotice,
  type MergedRequest,
  mergeFragments,
  overlayDotConfig,
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
  buildConfinement,
  buildIdentityText,
  clangOf,
  kernelTargets,
  llvmTool,
  makeArgv,
  type MakeRequest,
} from "../core/build/make.ts";
import { findBuildFailure, isNoFaultOfSource, makeError } from "../core/build/build_log.ts";
import { featureProbeArgv } from "../core/matrix/requirements.ts";
import { ioctlFeatures, optionFeatures } from "../core/model/features.ts";
import { checkSource } from "../steps/cache_guard.ts";
import { formatUnknownOffs, gateError, unknownOffs } from "../steps/config_gate.ts";
import { checkRoom } from "../steps/free_room.ts";
import { dropOtherToolchain } from "../steps/build_store.ts";
import { type CompilerCache, compilerCache, throughCache } from "../steps/compiler_cache.ts";
import { probeProgram } from "../steps/probe_cache.ts";
import { toolchainFiles } from "../steps/toolchain_files.ts";

/** Written when the gate is passed; a folder without it is configured anew. */
const STAMP = "kmatrix-configured.json";

/** What a cell asks on top of tinyconfig. @throws KmatrixError "usage" or "config". */
export async function requestOf(
  cell: Pick<Cell, "config">,
  kconfigAdd: readonly string[],
  paths: Paths,
  host: Host,
): Promise<MergedRequest> {
  if (cell.config.request) return { lines: cell.config.request.lines, notices: [] };
  try {
    const fragments: FragmentLine[][] = [];
    for (const name of cell.config.fragments) {
      const file = `configs/${name}.config`;
      fragments.push(parseFragment(await host.fs.readText(`${paths.root}/${file}`), file));
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
  await checkToolchain(cell, paths, host);
  const { request, identity, make, key, inputs } = await identifyBuild(
    source,
    cell,
    plan,
    paths,
    host,
  );
  const { buildDir } = make;
  await dropOtherToolchain(buildDir, inputs, host);
  const cache = await compilerCache({ ...make, source }, paths, host);
  // What is counted for a build begins here.
  if (cache) await host.fs.remove(cache.log);
  const dotConfig = await keptConfig(make, identity, host) ??
    await makeConfig(make, request, identity, cache, paths, host);
  return {
    source,
    key,
    buildDir,
    toolchain: cell.toolchain,
    features: [
      ...optionFeatures(parseDotConfig(dotConfig)),
      ...ioctlFeatures(
        await host.fs.readTextIfAny(`${source.path}/include/uapi/linux/kcov.h`) ?? "",
      ),
    ],
    notices: request.notices.map(formatAddNotice),
    inputs,
    durationMs: host.now() - startedAt,
  };
}

/** Where a cell is built, and from what. */
export interface BuildPlace {
  readonly request: MergedRequest;
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
  const { makeVariables, keyedVariables } = plan.settings;
  const variables = { ...makeVariables, ...keyedVariables };
  const fragment = renderFragment(request);
  const compiler = await toolchainVersion(cell.toolchain, paths, host);
  const files = await toolchainFiles(programsOf(cell.toolchain), paths.cache, host);
  const { path, version, digest, patches } = source;
  const inputs: BuildInputs = {
    kernel: cell.kernel.id,
    config: cell.config.id,
    toolchain: cell.toolchain.id,
    source: { path, version, digest, patches },
    fragment,
    compiler,
    ...(files === null ? {} : { toolchainFiles: files }),
    variables,
  };
  const identity = buildIdentityText({
    sourcePath: path,
    fragment,
    toolchain: compiler,
    variables,
    arch: cell.toolchain.arch,
    targets: kernelTargets(cell.toolchain, true),
  });
  const key = (await sha256(identity)).slice(0, 16);
  const make: MakeRequest = {
    source,
    buildDir: `${paths.builds}/${cell.config.request?.folder ?? key}`,
    toolchain: cell.toolchain,
    jobs: plan.settings.jobs,
    variables: makeVariables,
  };
  return { request, identity, key, make, inputs };
}

async function checkToolchain(cell: Cell, paths: Paths, host: Host): Promise<void> {
  for (const feature of cell.config.requires) {
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
): Promise<string | null> {
  const stamp = await host.fs.readTextIfAny(`${buildDir}/${STAMP}`);
  const dotConfig = await host.fs.readTextIfAny(`${buildDir}/.config`);
  if (stamp === null || dotConfig === null) return null;
  const kept = cachedJson(configStampShape, stamp);
  // A folder of its own name holds whatever was asked of it last (ConfigSpec.request).
  if (kept !== null && kept.identity !== identity) return null;
  if (kept !== null && kept.dotConfig === await sha256(dotConfig)) {
    if (kept.source === source.digest) return dotConfig;
    const { kconfigTimes } = source;
    const untouched = kconfigTimes !== undefined && kept.kconfigTimes === kconfigTimes;
    const kconfig = untouched ? kept.kconfig : await kconfigState(source, toolchain, host);
    if (kconfig && kept.kconfig === kconfig) {
      // An edited C file has no say in the configuration.
      const renewed = JSON.stringify({ ...kept, source: source.digest, kconfigTimes });
      await host.fs.writeText(`${buildDir}/${STAMP}`, renewed);
      return dotConfig;
    }
    host.log("info", "the source has changed since it was configured: configuring again");
    return null;
  }
  host.log("notice", `${buildDir} was changed since it was configured: configuring anew`);
  return null;
}

async function makeConfig(
  make: MakeRequest,
  request: MergedRequest,
  identity: string,
  cache: CompilerCache | null,
  paths: Paths,
  host: Host,
): Promise<string> {
  const { buildDir } = make;
  await checkSource(make.source, host);
  await host.fs.makeDir(buildDir);
  await host.fs.remove(`${buildDir}/${STAMP}`);
  await mustMake(make, ["tinyconfig"], cache, host);
  const tiny = await host.fs.readText(`${buildDir}/.config`);
  await host.fs.writeText(`${buildDir}/.config`, overlayDotConfig(tiny, request));
  await mustMake(make, ["olddefconfig"], cache, host);
  const dotConfig = await host.fs.readText(`${buildDir}/.config`);
  const values = parseDotConfig(dotConfig);
  const dropped = findDropped(request, values);
  if (dropped.length > 0) throw await gateError(make, request, tiny, dropped, paths, host);
  const unknown = await unknownOffs(make.source, request, values, host);
  if (unknown.length > 0) host.log("notice", formatUnknownOffs(unknown));
  const stamp: ConfigStamp = {
    identity,
    source: make.source.digest,
    dotConfig: await sha256(dotConfig),
    kconfig: await kconfigState(make.source, make.toolchain, host),
    kconfigTimes: make.source.kconfigTimes,
  };
  await host.fs.writeText(`${buildDir}/${STAMP}`, JSON.stringify(stamp));
  return dotConfig;
}

async function mustMake(
  make: MakeRequest,
  targets: readonly string[],
  cache: CompilerCache | null,
  host: Host,
): Promise<void> {
  const result = await host.run({
    argv: makeArgv(make, targets),
    ...throughCache(buildConfinement(make), cache),
  });
  if (result.code === 0) return;
  await checkRoom("make", make.buildDir, host);
  const what = `make ${targets.join(" ")} ended with code ${result.code}`;
  const confined = (await host.sandbox()).kind !== "none";
  const cause = findBuildFailure(result.stdout + result.stderr, confined);
  if (result.endless) {
    const text = `make ${targets.join(" ")} printed without end, and was stopped`;
    throw new KmatrixError("config", "make-config-failed", text, cause.tail, {
      ...{ kind: "make", targets, endless: true },
    });
  }
  if (result.code > 128) throw new KmatrixError("infra", "compiler-killed", what, cause.tail);
  if (isNoFaultOfSource(cause)) {
    throw makeError(cause, `${what}: ${cause.line}`, cause.tail, {
      ...{ kind: "output", line: cause.line },
    });
  }
  throw new KmatrixError("config", "make-config-failed", what, cause.tail, {
    ...{ kind: "make", targets, endless: false },
  });
}
