// SPDX-License-Identifier: MIT
/** What ccache appends to CCACHE_STATSLOG: "# <source file>", then a line for each counter. */

export interface CacheUse {
  readonly hits: number;
  /** Calls that could be cached. */
  readonly calls: number;
  /** Hits that came from CCACHE_REMOTE_STORAGE. */
  readonly remoteHits: number;
}

/** Counts the calls of a log; what cannot be cached (linking, probes) is left out. */
export function parseCcacheLog(text: string): CacheUse {
  const lines = text.split("\n");
  // ccache(1), "Cache statistics": each call that can be cached ends as one of these.
  const hits = lines.filter((line) => /^(direct|preprocessed)_cache_hit$/.test(line)).length;
  const misses = lines.filter((line) => line === "cache_miss").length;
  const remoteHits = lines.filter((line) => line === "remote_storage_hit").length;
  return { hits, calls: hits + misses, remoteHits };
}
