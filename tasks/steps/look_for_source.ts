// SPDX-License-Identifier: MIT
/** Where the sources of a kernel would come from now; nothing of them is downloaded. */
import type { Host } from "../host/host.ts";
import { downloadedTarball, type Paths } from "../core/model/paths.ts";
import type { SourceSpec } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { lackingSource, lacksOf, sourceName } from "../core/source/kernel_sources.ts";
import {
  downloadable,
  installedPackage,
  keptPackage,
  packageInSuite,
  whyNotInstalled,
} from "./debian_source.ts";

/** @throws KmatrixError where a folder or a file that is named is not there. */
export async function checkIsThere(source: SourceSpec, host: Host): Promise<void> {
  if (source.kind !== "tree" && source.kind !== "tarball") return;
  if (source.unset !== undefined) {
    const text = `${sourceName(source)}: ${source.unset} is not set, which would say where it is`;
    throw lackingSource("source-missing", source, "unset", text);
  }
  const path = source.kind === "tree" ? source.path : source.location;
  if (isRemote(path) || await host.fs.realPath(path) !== null) return;
  const text = `there is no ${source.kind === "tree" ? "folder" : "file"} ${path}`;
  throw lackingSource("source-missing", source, "absent", text);
}

export function isRemote(location: string): boolean {
  return /^https?:/.test(location);
}

/** Which source of a kernel is taken, and why not those before it. */
export interface SourceLook {
  /** null where none can be had, as far as that is known. */
  readonly source: SourceSpec | null;
  /** Whether it is on this machine. */
  readonly isHere: boolean;
  /** For people: the source and its state, then those before it. */
  readonly text: string;
}

/**
 * Looks for the sources in their order.
 * @param ask Whether the index of a suite is read anew for a package that is not here.
 * @throws what reading an index throws besides that a package is not in it.
 */
export async function lookForSource(
  sources: readonly SourceSpec[],
  ask: boolean,
  paths: Paths,
  host: Host,
): Promise<SourceLook> {
  const lacks: string[] = [];
  for (const source of sources) {
    try {
      const { isHere, state } = await stateOf(source, ask, paths, host);
      const before = lacks.length === 0 ? "" : `; before it: ${lacks.join("; ")}`;
      return { source, isHere, text: `${sourceName(source)}, ${state}${before}` };
    } catch (error) {
      if (!(error instanceof KmatrixError) || lacksOf(error) === null) throw error;
      lacks.push(error.message);
    }
  }
  return { source: null, isHere: false, text: lacks.join("; ") };
}

interface SourceState {
  readonly isHere: boolean;
  readonly state: string;
}

/** @throws KmatrixError where it cannot be had. */
async function stateOf(
  source: SourceSpec,
  ask: boolean,
  paths: Paths,
  host: Host,
): Promise<SourceState> {
  await checkIsThere(source, host);
  switch (source.kind) {
    case "debian": {
      const installed = await installedPackage(source.package, host);
      if (installed) return { isHere: true, state: `${installed.version}, installed` };
      const kept = await keptPackage(source, paths, host);
      if (kept) return { isHere: true, state: `${kept.version}, in the cache` };
      const own = await downloadable(source, host);
      if (source.suite === undefined && own === null) throw await whyNotInstalled(source, host);
      if (!ask) return { isHere: false, state: "to be downloaded" };
      const { version, bytes } = own ?? await packageInSuite(source, paths, host);
      const size = `${Math.ceil(bytes / (1 << 20))} MiB`;
      return { isHere: false, state: `${version}, to be downloaded (${size})` };
    }
    case "tarball": {
      const isHere = !isRemote(source.location) ||
        await host.fs.exists(downloadedTarball(source, paths));
      return { isHere, state: isHere ? "on this machine" : "to be downloaded" };
    }
    case "git":
      return { isHere: false, state: "fetched by git" };
    case "commits":
    case "tree":
      return { isHere: true, state: "on this machine" };
  }
}
