// SPDX-License-Identifier: MIT
/** A project of one's own lies on top of this one: what is not there comes from here. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { folderDigest } from "./file_digest.ts";

/** Absolute path of a part such as "configs/kcov.config", the first there is; null for none. */
export async function partOf(
  name: string,
  { layers }: Pick<Paths, "layers">,
  { fs }: Pick<Host, "fs">,
): Promise<string | null> {
  for (const layer of layers) if (await fs.exists(`${layer}/${name}`)) return `${layer}/${name}`;
  return null;
}

/** Names in a folder of parts such as "kernels", in all layers, sorted. */
export async function partNames(
  folder: string,
  { layers }: Pick<Paths, "layers">,
  { fs }: Pick<Host, "fs">,
): Promise<string[]> {
  const names = await Promise.all(layers.map((layer) => fs.list(`${layer}/${folder}`)));
  return [...new Set(names.flat())].sort();
}

/** Selftests of a project of one's own. */
export interface OwnSelftests {
  /** Absolute. */
  readonly folder: string;
  /** Files with tests, absolute, sorted; each exports its `fixtures`. */
  readonly files: readonly string[];
}

/** null where there are none but the tool's. */
export async function ownSelftests(
  { layers, root }: Pick<Paths, "layers" | "root">,
  { fs }: Pick<Host, "fs">,
): Promise<OwnSelftests | null> {
  const folder = `${layers[0]}/selftests`;
  if (layers[0] === root || await fs.kind(folder) !== "folder") return null;
  if (await isCheckout(layers[0]!, fs)) return null;
  const names = (await fs.list(folder)).filter((name) =>
    name.endsWith(".ts") && !/(_test|\.d)\.ts$/.test(name)
  );
  return { folder, files: names.map((name) => `${folder}/${name}`) };
}

/** Whether a folder is kmatrix itself, by what only the guest of kmatrix has. */
async function isCheckout(folder: string, fs: Host["fs"]): Promise<boolean> {
  const parts = ["selftests/main.ts", "selftests/runtime/init.c"];
  return (await Promise.all(parts.map((name) => fs.exists(`${folder}/${name}`))))
    .every((isThere) => isThere);
}

/**
 * Says so where a matrix of another checkout of kmatrix is used whose guest tests are not the tool's:
 * CI has a clone that is tested and one that tests, and people a launcher of one and an edited other.
 */
export async function tellOtherSelftests({ layers, root }: Paths, host: Host): Promise<void> {
  const [folder] = layers;
  if (folder === undefined || folder === root || !(await isCheckout(folder, host.fs))) return;
  const [there, here] = await Promise.all([
    folderDigest(`${folder}/selftests`, host, ["modules"]),
    folderDigest(`${root}/selftests`, host, ["modules"]),
  ]);
  if (there === here) return;
  const text =
    `${folder} is another checkout of kmatrix, with other guest tests; those of ${root} ` +
    "are run: to run the others, call its own deno task";
  host.log("warn", text);
}
