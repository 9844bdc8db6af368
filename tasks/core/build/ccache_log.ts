// SPDX-License-Identifier: MIT
/** What ccache appends to CCACHE_STATSLOG: "# <source file>", then a line for each counter. */
import type { CacheUse } from "../model/model.ts";

/**
 * Counts the compilations of a log. What cannot be cached (linking) is left out, and so are kbuild's
 * questions about options of the compiler: a hundred calls on /dev/null, most of them alike, that
 * `ccache -s` counts as well.
 */
export function parseCcacheLog(text: string): CacheUse {
  const counters = text.split(/^(?=# )/m).filter((call) => !call.startsWith("# /dev/null\n"))
    .flatMap((call) => call.split("\n"));
  const count = (name: RegExp) => counters.filter((line) => name.test(line)).length;
  // ccache(1), "Cache statistics": each call that can be cached ends as one of these.
  const hits = count(/^(direct|preprocessed)_cache_hit$/);
  const misses = count(/^cache_miss$/);
  const failures = count(FAILED);
  return {
    ...{ hits, calls: hits + misses, remoteHits: count(/^remote_storage_hit$/) },
    ...(failures === 0 ? {} : { remoteFailures: failures }),
  };
}

/** A call stops asking a storage at its first error (ccache 4.7 to 4.12). */
const FAILED = /^remote_storage_(error|timeout)$/;

/** What a call has got from remote storage: any word of it at all, and all that it asked for. */
export function remoteAnswer(
  text: string,
): { readonly answered: boolean; readonly failed: boolean } {
  const counters = text.split("\n");
  return {
    answered: counters.some((one) => /^remote_storage_(read_)?(hit|miss)$/.test(one)),
    failed: counters.some((one) => FAILED.test(one)),
  };
}
