// SPDX-License-Identifier: MIT
/** Paths in what a build prints, as the user has them. */
import type { SourceTree } from "../model/model.ts";

/** What a build is made from, and what messages call it. */
export type ToldSource = Pick<SourceTree, "path" | "viewOf">;

/** The word `source/`, which is what the source is called through ccache (ccache_script.ts). */
const THROUGH_CCACHE = /(?<![\w./~+-])source\//g;

/** Makes of each path of the source one that leads to the user's file; other words stay. */
export function toldPaths(text: string, { path, viewOf }: ToldSource): string {
  const shown = viewOf ?? path;
  const whole = new RegExp(`${path.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}(?![\\w.-])`, "g");
  // By functions, for a "$" of a path is no sign of replace().
  return text.replace(THROUGH_CCACHE, () => `${shown}/`).replace(whole, () => shown);
}
