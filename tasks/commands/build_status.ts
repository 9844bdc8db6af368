// SPDX-License-Identifier: MIT
/** What a run would find built already, and why it would build the rest; makes nothing. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Cell, Plan, SourceArchive, SourceTree } from "../core/model/model.ts";
import { previousBuild } from "../steps/build_store.ts";
import { changedSince } from "../steps/outdated.ts";
import { explainChanges } from "../core/build/build_inputs.ts";
import { isBuilt } from "../steps/build_store.ts";
import { identifyBuild } from "../stages/configure.ts";
import { sourceTree } from "../stages/patch.ts";

export interface BuildStatus {
  readonly key: string;
  readonly state: "built" | "changed" | "never built";
  /** Why it would be built again; none for what was never built. */
  readonly reasons: readonly string[];
}

/** The status of the build that a cell takes. @throws what requestOf() throws. */
export async function buildStatus(
  cell: Cell,
  archive: SourceArchive,
  plan: Plan,
  paths: Paths,
  host: Host,
): Promise<BuildStatus> {
  const source = await sourceTree(archive, cell.kernel, paths, host);
  const { key, make, inputs } = await identifyBuild(source, cell, plan, paths, host);
  if (await isBuilt({ key, source, inputs, buildDir: make.buildDir }, host)) {
    return { key, state: "built", reasons: [] };
  }
  const before = await previousBuild(inputs, paths, host);
  if (!before) return { key, state: "never built", reasons: [] };
  const reasons = explainChanges(before.inputs, inputs);
  if (archive.tree !== null && before.inputs.source.digest !== source.digest) {
    reasons.push(...await changedFiles(source, before.dir, paths, host));
  }
  // Nothing it was made from is different, so something in its folder is.
  if (reasons.length === 0) reasons.push(`${before.dir} is not as it was built`);
  return { key, state: "changed", reasons };
}

const FILES_SHOWN = 3;

/** Files of a tree of the user's own that have changed since a build. */
async function changedFiles(
  source: Pick<SourceTree, "path" | "linked">,
  buildDir: string,
  paths: Paths,
  host: Host,
): Promise<string[]> {
  const scratch = `${paths.cache}/trees/${crypto.randomUUID()}.list`;
  const names = (await changedSince(buildDir, source, scratch, host)).sort();
  const more = names.length > FILES_SHOWN ? `, and ${names.length - FILES_SHOWN} more` : "";
  return names.length === 0 ? [] : [`changed: ${names.slice(0, FILES_SHOWN).join(", ")}${more}`];
}
