// SPDX-License-Identifier: MIT
/** The build folders of the cache, and what each was made from. */
import type { Host } from "./host.ts";
import type { Paths } from "../paths.ts";
import {
  type BuildInputs,
  INPUTS_FILE,
  isSameBuild,
  parseBuildInputs,
} from "../formats/build_inputs.ts";

export interface KeptBuild {
  readonly key: string;
  readonly dir: string;
  /** null for a folder whose build never came to its end, a shut config gate included. */
  readonly inputs: BuildInputs | null;
  /** When a run has taken it last, in ms since the epoch. */
  readonly usedMs: number;
}

/** Every build folder, in the order of their keys. */
export async function keptBuilds(paths: Paths, host: Host): Promise<KeptBuild[]> {
  return await Promise.all((await host.fs.list(paths.builds)).map(async (key) => {
    const dir = `${paths.builds}/${key}`;
    const file = `${dir}/${INPUTS_FILE}`;
    const stat = await host.fs.stat(file) ?? await host.fs.stat(dir);
    const inputs = parseBuildInputs(await host.fs.readTextIfAny(file));
    return { key, dir, inputs, usedMs: stat?.mtimeMs ?? 0 };
  }));
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
