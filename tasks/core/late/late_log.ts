// SPDX-License-Identifier: MIT
/** What late instrumentation came to in a build: the log of its script, and of ccache beneath it. */
import type { LateUse } from "../model/model.ts";

/** A line of the script's own: it has made an object. */
const MADE = "late";

/**
 * Reads what ccache (CCACHE_STATSLOG) and the script have appended in one build. An object that the
 * script left to the compiler is none of these, whatever was found for it.
 */
export function parseLateLog(text: string): LateUse {
  let [objects, hits] = [0, 0];
  for (const line of text.split("\n")) {
    if (line === MADE) objects++;
    if (line === "direct_cache_hit" || line === "preprocessed_cache_hit") hits++;
  }
  return { objects, shared: Math.min(hits, objects) };
}
