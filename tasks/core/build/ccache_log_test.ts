// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseCcacheLog, remoteAnswer } from "./ccache_log.ts";

Deno.test("of each call it is known whether remote storage has failed", () => {
  // As ccache 4.7.5 notes them: nobody there, a refused PUT (507), a hit, and no such storage.
  const calls = [
    ["cache_miss", "direct_cache_miss", "remote_storage_error"],
    ["cache_miss", "remote_storage_read_miss", "remote_storage_error"],
    ["direct_cache_hit", "remote_storage_hit", "remote_storage_read_hit"],
    ["cache_miss", "remote_storage_timeout"],
    ["direct_cache_hit", "local_storage_hit"],
  ].map((counters, at) => [`# kernel/${at}.c`, ...counters].join("\n"));
  assert.deepEqual(parseCcacheLog(calls.join("\n")), {
    ...{ hits: 2, calls: 5, remoteHits: 1, remoteFailures: 3 },
  });
  const answers = calls.map(remoteAnswer).map(({ answered, failed }) => [answered, failed]);
  assert.deepEqual(answers, [
    [false, true],
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ]);
});

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
