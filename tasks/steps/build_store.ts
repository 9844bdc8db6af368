// SPDX-License-Identifier: MIT
/** The build folders of the cache, and what each was made from. */
import { texts } from "./cache_files.ts";
import { changing } from "./locks.ts";
import { cachedJson } from "../core/text/shape.ts";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import {
  type BuildReason,
  INPUTS_FILE,
  isSameBuild,
  likeness,
  parseBuildInputs,
  parseBuildReason,
  toolchainChanges,
  WHY_FILE,
} from "../core/build/build_inputs.ts";
import type { BuildInputs, KernelConfig } from "../core/model/model.ts";
import { sha256 } from "../core/text/digest.ts";
import { isMade } from "./make_job.ts";

export interface KeptBuild {
  readonly key: string;
  readonly dir: string;
  /** null for a folder whose build never came to its end, a shut config gate included. */
  readonly inputs: BuildInputs | null;
  /** When a run has taken it last, in ms since the epoch. */
  readonly usedMs: number;
  /** When and why it was compiled last; null where an older version has done it. */
  readonly why: BuildReason | null;
}

/** Every build folder, in the order of their keys. */
export async function keptBuilds(paths: Paths, host: Host): Promise<KeptBuild[]> {
  return await Promise.all((await host.fs.list(paths.builds)).map(async (key) => {
    const dir = `${paths.builds}/${key}`;
    const file = `${dir}/${INPUTS_FILE}`;
    const stat = await host.fs.stat(file) ?? await host.fs.stat(dir);
    const inputs = parseBuildInputs(await host.fs.readTextIfAny(file));
    const why = parseBuildReason(await host.fs.readTextIfAny(`${dir}/${WHY_FILE}`));
    return { key, dir, inputs, usedMs: stat?.mtimeMs ?? 0, why };
  }));
}

/** By what everything in a build folder was made: {@linkcode BuildInputs.toolchainFiles}. */
const TOOLCHAIN_FILE = "kmatrix-toolchain.json";

/**
 * Files of compiler and linker that are not those by which a build folder was made; none where that
 * is not known.
 */
export async function toolchainNews(
  buildDir: string,
  inputs: Pick<BuildInputs, "toolchainFiles">,
  host: Host,
): Promise<string[]> {
  const text = await host.fs.readTextIfAny(`${buildDir}/${TOOLCHAIN_FILE}`);
  if (text === null) return [];
  const toolchainFiles = cachedJson(texts, text);
  if (toolchainFiles === null) return [`${TOOLCHAIN_FILE} is damaged`];
  return toolchainChanges({ toolchainFiles }, inputs);
}

/**
 * Empties a build folder of another toolchain. make compares command lines and times, and a compiler
 * that was changed in place changes neither; all that stays is the list of what was built last.
 */
export async function dropOtherToolchain(
  buildDir: string,
  inputs: Pick<BuildInputs, "toolchainFiles">,
  host: Host,
): Promise<void> {
  if (!inputs.toolchainFiles) return;
  const news = await toolchainNews(buildDir, inputs, host);
  if (news.length > 0) {
    host.log("notice", `the toolchain: ${news.join(", ")}: building all of ${buildDir} again`);
    const before = await host.fs.readTextIfAny(`${buildDir}/${INPUTS_FILE}`);
    await changing(buildDir, host, () => host.fs.remove(buildDir));
    if (before !== null) await host.fs.writeText(`${buildDir}/${INPUTS_FILE}`, before);
  }
  const wanted = JSON.stringify(inputs.toolchainFiles, null, 2);
  const file = `${buildDir}/${TOOLCHAIN_FILE}`;
  if (await host.fs.readTextIfAny(file) !== wanted) await host.fs.writeText(file, wanted);
}

/** Whether the build stage would find the kernel as it left it, and start no compiler for it. */
export async function isBuilt(
  config: Pick<KernelConfig, "key" | "buildDir" | "inputs"> & Digested,
  host: Host,
): Promise<boolean> {
  const { buildDir, inputs } = config;
  if ((await toolchainNews(buildDir, inputs, host)).length > 0) return false;
  const dotConfig = await host.fs.readTextIfAny(`${buildDir}/.config`);
  if (dotConfig === null) return false;
  const content = kernelContent(config, await sha256(dotConfig));
  return await isMade(`${buildDir}/${KERNEL_STAMP}`, content, buildDir, host);
}

interface Digested {
  readonly source: { readonly digest: string };
}

export const KERNEL_STAMP = "kmatrix-built.json";

/** All that decides about a kernel, of {@linkcode KERNEL_STAMP}. */
export function kernelContent(
  { key, source }: Pick<KernelConfig, "key"> & Digested,
  dotConfig: string,
): string[] {
  return [key, source.digest, dotConfig];
}

/** The newest build of the same kernel, config and toolchain; null for none. */
export async function previousBuild(
  inputs: BuildInputs,
  paths: Paths,
  host: Host,
): Promise<(KeptBuild & { readonly inputs: BuildInputs }) | null> {
  const same = (await keptBuilds(paths, host)).flatMap((build) =>
    build.inputs && isSameBuild(build.inputs, inputs) ? [{ ...build, inputs: build.inputs }] : []
  );
  return same.sort((a, b) => b.usedMs - a.usedMs)[0] ?? null;
}

/** The build that has most in common with one that was never made; null for none. */
export async function nearestBuild(
  inputs: BuildInputs,
  paths: Paths,
  host: Host,
): Promise<KeptBuild | null> {
  const rated = (await keptBuilds(paths, host)).map((build) => ({
    build,
    rating: build.inputs === null ? 0 : likeness(build.inputs, inputs),
  }));
  return rated.filter(({ rating }) => rating > 0)
    .sort((a, b) => b.rating - a.rating || b.build.usedMs - a.build.usedMs)[0]?.build ?? null;
}
