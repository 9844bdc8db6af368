// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseCcacheLog } from "./ccache_log.ts";

Deno.test("parseCcacheLog() counts the calls that could be cached", () => {
  const log = [
    "# ../../sources/linux-6.12/init/main.c",
    "cache_miss",
    "direct_cache_miss",
    "local_storage_miss",
    "# ../../sources/linux-6.12/kernel/kcov.c",
    "direct_cache_hit",
    "local_storage_miss",
    "remote_storage_hit",
    "remote_storage_read_hit",
    "# ../../sources/linux-6.12/kernel/fork.c",
    "direct_cache_miss",
    "preprocessed_cache_hit",
    "# /dev/null",
    "cache_miss",
    "# /dev/null",
    "direct_cache_hit",
    "remote_storage_hit",
    "# scripts/kconfig/conf",
    "called_for_link",
    "",
  ];
  assert.deepEqual(parseCcacheLog(log.join("\n")), { hits: 2, calls: 3, remoteHits: 1 });
  assert.deepEqual(parseCcacheLog(""), { hits: 0, calls: 0, remoteHits: 0 });
});
