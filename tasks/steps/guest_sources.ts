// SPDX-License-Identifier: MIT
/** Where in the selftests a boot's failed tests stopped, kept beside its recordings. */
import { dirname, resolve } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { RECORDINGS } from "../core/model/paths.ts";
import type { OwnSelftests } from "./layers.ts";
import { guestPlaces } from "../core/judge/guest_stack.ts";

/** Beside the bundle. */
export const SOURCE_MAP = "tests.js.map";

/**
 * Names the sources of a source map as people know them: below the project where they are there, else
 * absolute. esbuild names them from the folder of its output, with links resolved.
 */
export async function nameSources(
  file: string,
  own: OwnSelftests | null,
  { root }: Pick<Paths, "root">,
  { fs }: Host,
): Promise<void> {
  const parsed: { sources?: unknown } = JSON.parse(await fs.readText(file));
  const { sources } = parsed;
  if (!Array.isArray(sources)) return;
  const selftests = await fs.realPath(`${root}/selftests`) ?? `${root}/selftests`;
  const places = [
    ...(own === null
      ? []
      : [[`${await fs.realPath(own.folder) ?? own.folder}/`, "selftests/"] as const]),
    ...[[`${selftests}/`, "selftests/"], [`${root}/`, ""]] as const,
  ];
  const named = sources.map((one) => {
    const path = resolve(dirname(file), String(one));
    const [folder = "", name = ""] = places.find(([folder]) => path.startsWith(folder)) ?? [];
    return name + path.slice(folder.length);
  });
  await fs.writeText(file, JSON.stringify({ ...parsed, sources: named }));
}

/**
 * Writes beside the recordings of a boot what the places on its stacks are in the sources, so that
 * they are the same for whoever judges them later. Nothing is written where there are none.
 * @param map Path of the source map of the bundle that was booted; null for none.
 */
export async function keepGuestSources(
  dir: string,
  map: string | null,
  host: Host,
): Promise<void> {
  if (map === null) return;
  const places = guestPlaces(await host.fs.readTextIfAny(`${dir}/${RECORDINGS.results}`) ?? "");
  if (places.length === 0) return;
  const text = await host.fs.readTextIfAny(map);
  if (text === null) return;
  // Loaded where a test has failed.
  const { placesInSources } = await import("../core/judge/source_map.ts");
  try {
    const sources = placesInSources(places, text);
    const json = `${JSON.stringify(sources, null, 2)}\n`;
    await host.fs.writeText(`${dir}/${RECORDINGS.stacks}`, json);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    host.log("notice", `stacks of tests without source lines: ${map}: ${error.message}`);
  }
}
