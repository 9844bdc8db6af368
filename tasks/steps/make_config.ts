// SPDX-License-Identifier: MIT
/** base → the config's own lines → olddefconfig → the gate. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { circleOf, kconfigErrors, kconfigErrorText } from "../core/kconfig/kconfig_errors.ts";
import { KmatrixError } from "../core/model/errors.ts";
import {
  adjustmentLines,
  adjustments,
  modulesOf,
  namedFiles,
  withoutModules,
} from "../core/kconfig/base_adjust.ts";
import { isTiny } from "../core/build/config_base.ts";
import { baseFileText } from "../core/build/base_file.ts";
import { findDropped, overlayDotConfig, parseDotConfig } from "../core/kconfig/kconfig.ts";
import { sha256 } from "../core/text/digest.ts";
import { cachedJson } from "../core/text/shape.ts";
import { type KeptBase, keptBaseShape } from "./cache_files.ts";
import { toldPaths } from "../core/build/told_paths.ts";
import { buildConfinement, makeArgv, type MakeRequest } from "../core/build/make.ts";
import { findBuildFailure, isNoFaultOfSource, makeError } from "../core/build/build_log.ts";
import { checkTargets, type ConfigRequest } from "./base_config.ts";
import { tellBase } from "./base_report.ts";
import { formatUnknownOffs, gateError, unknownOffs } from "./config_gate.ts";
import { withAnswers } from "./compiler_answers.ts";
import { type CompilerCache, throughCache } from "./compiler_cache.ts";
import { checkRoom } from "./free_room.ts";

/** Of a real base: the .config before its last `olddefconfig`, below the build folder. */
export const START_CONFIG = "kmatrix-start.config";

export interface MadeConfig {
  readonly dotConfig: string;
  /** What became of a real configuration, for people; none on tinyconfig. */
  readonly notices: readonly string[];
}

/**
 * Makes the .config in the build folder.
 * @throws KmatrixError "config" for a dropped request with the reason, and for a target that the tree
 *   does not have; "build" or "infra" where make itself fails.
 */
export async function makeConfig(
  asked: ConfigRequest,
  cache: CompilerCache | null,
  paths: Paths,
  host: Host,
): Promise<MadeConfig> {
  const { make, config, base, request, version } = asked;
  const { buildDir, source } = make;
  const file = `${buildDir}/.config`;
  await host.fs.remove(`${buildDir}/${START_CONFIG}`);
  await checkTargets(base, make, config.id, version, host);
  await makeBase(asked, cache, paths, host);
  const made = await host.fs.readText(file);
  const real = !isTiny(config);
  const given = parseDotConfig(made);
  const adjusted = real ? adjustments(given, await filesPresent(given, source.path, host)) : [];
  const own = new Set(request.lines.map(({ option }) => option));
  const adjusting = adjustmentLines(adjusted.filter(({ option }) => !own.has(option)));
  const modules = real ? modulesOf(given) : [];
  const lines = [...adjusting, ...request.lines];
  // What a file asks may depend on what is added to it, and be gone once it was settled alone.
  const asFile = base.file !== null && base.steps.length === 1;
  const start = !real ? made : withoutModules(asFile ? baseFileText(base.file!) : made);
  const whole = overlayDotConfig(start, { ...request, lines });
  await host.fs.writeText(file, whole);
  if (real) await host.fs.writeText(`${buildDir}/${START_CONFIG}`, whole);
  await mustMake(make, ["olddefconfig"], cache, paths, host);
  const dotConfig = await host.fs.readText(file);
  const values = parseDotConfig(dotConfig);
  const dropped = findDropped(request, values);
  const origins = { title: base.title, values: given };
  if (dropped.length > 0) throw await gateError(make, request, origins, dropped, paths, host);
  const unknown = await unknownOffs(source, request, values, host);
  if (unknown.length > 0) host.log("notice", formatUnknownOffs(unknown));
  if (!real) return { dotConfig, notices: [] };
  const told = { given, values, adjusted, modules };
  return { dotConfig, notices: await tellBase(asked, told, paths, host) };
}

/** Makes the base's .config in the build folder, or takes it from what was made of the same before. */
async function makeBase(
  { make, base: { steps, file, identity }, ground }: ConfigRequest,
  cache: CompilerCache | null,
  paths: Paths,
  host: Host,
): Promise<void> {
  const dotConfig = `${make.buildDir}/.config`;
  const kept = ground === null || file !== null
    ? null
    : `${paths.cache}/probes/base-${(await sha256(`${identity} ${ground}`)).slice(0, 24)}.json`;
  const text = kept === null ? null : await host.fs.readTextIfAny(kept);
  const before = cachedJson(keptBaseShape, text);
  if (before !== null && before.digest === await sha256(before.dotConfig)) {
    return await host.fs.writeText(dotConfig, before.dotConfig);
  }
  for (const step of steps) {
    if (step.kind === "target") {
      await mustMake(make, [step.name], cache, paths, host);
      continue;
    }
    await host.fs.writeText(dotConfig, baseFileText(file!));
    await mustMake(make, ["olddefconfig"], cache, paths, host);
  }
  if (kept === null) return;
  const made = await host.fs.readText(dotConfig);
  const whole: KeptBase = { dotConfig: made, digest: await sha256(made) };
  await host.fs.writeText(kept, JSON.stringify(whole));
}

/** Those files of a base that the source tree has. */
async function filesPresent(
  given: ReadonlyMap<string, string>,
  source: string,
  host: Host,
): Promise<ReadonlySet<string>> {
  const inside = namedFiles(given).filter(isInside);
  const there = await Promise.all(inside.map((path) => host.fs.exists(`${source}/${path}`)));
  return new Set(inside.filter((_, index) => there[index]));
}

/** Whether a path that a stranger has written stays below the folder that it is used in. */
function isInside(path: string): boolean {
  return !/^\/|(?:^|\/)\.\.(?:\/|$)/.test(path);
}

async function mustMake(
  make: MakeRequest,
  targets: readonly string[],
  cache: CompilerCache | null,
  paths: Paths,
  host: Host,
): Promise<void> {
  const compiling = throughCache(buildConfinement(make), cache);
  const asking = await withAnswers(compiling, make, paths, host);
  const result = await host.run({ argv: makeArgv(make, targets), givesWay: true, ...asking });
  if (result.code === 0) return;
  await checkRoom("make", make.buildDir, host);
  const what = `make ${targets.join(" ")} ended with code ${result.code}`;
  const confined = (await host.sandbox()).kind !== "none";
  const printed = toldPaths(result.stdout + result.stderr, make.source);
  const cause = findBuildFailure(printed, confined);
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
  const said = await kconfigCause(result.stdout + result.stderr, make.source.path, host);
  const detail = [...said.slice(1), ...said.length > 0 ? [what] : [], cause.tail].join("\n");
  throw new KmatrixError("config", "make-config-failed", said[0] ?? what, detail, {
    ...{ kind: "make", targets, endless: false },
  });
}

/** What the tree's Kconfig files are wrong in, as a compiler says it; none where nothing tells. */
async function kconfigCause(output: string, tree: string, host: Host): Promise<string[]> {
  const [first, ...others] = kconfigErrors(output);
  const circle = circleOf(output);
  if (circle !== null) return [`Kconfig: error: recursive dependency: ${circle}`];
  if (first === undefined) return [];
  const file = isInside(first.file) ? `${tree}/${first.file}` : null;
  const text = file === null ? null : await host.fs.readTextIfAny(file).catch(() => null);
  const lines = (text ?? "").split("\n");
  const line = lines[first.line - 1]?.trimEnd().replaceAll("\t", "    ");
  return [
    kconfigErrorText(first),
    ...(line ? [`${first.line} | ${line}`] : []),
    ...others.map(kconfigErrorText),
  ];
}
