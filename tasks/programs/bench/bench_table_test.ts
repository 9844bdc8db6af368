// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  benchTable,
  type Comparison,
  countCompilers,
  cpuSeconds,
  median,
  ratio,
} from "./bench_table.ts";

Deno.test("median() is the middle value", () => {
  assert.equal(median([3]), 3);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 3);
  assert.throws(() => median([]), /no median/);
});

const BOOT: Comparison = {
  what: "boot",
  against: "plain QEMU",
  unit: "s",
  ours: [2.2, 2.1, 9],
  theirs: [2, 2, 2],
  target: "at most 1.15 x",
};

Deno.test("benchTable() shows medians, ratios and what had no other side", () => {
  assert.equal(ratio(BOOT), 1.1);
  assert.equal(ratio({ ...BOOT, ours: [] }), null);
  const memory: Comparison = {
    ...{ what: "memory", against: "", unit: "MiB", ours: [120], theirs: [] },
    target: "at most 200 MB",
  };
  const hits: Comparison = {
    ...{ what: "hits", against: "726 calls", unit: "%", ours: [96.8], theirs: [] },
    target: "at least 90 %",
  };
  assert.match(benchTable([hits]), /^\| hits \| 97 % +\| 726 calls +\| - +\| 1 /m);
  assert.deepEqual(benchTable([BOOT, memory]).split("\n"), [
    "| what   | kmatrix | other side          | ratio | runs | target         |",
    "| ------ | ------- | ------------------- | ----- | ---- | -------------- |",
    "| boot   | 2.20 s  | 2.00 s (plain QEMU) | 1.10  | 3    | at most 1.15 x |",
    "| memory | 120 MiB | -                   | -     | 1    | at most 200 MB |",
  ]);
});

Deno.test("countCompilers() counts compilers and linkers that were started", () => {
  const log = [
    '12 execve("/usr/bin/clang-22", ["clang-22", "-c"], 0x7ff /* 9 vars */) = 0',
    '13 execve("/usr/lib/llvm-22/bin/clang", ["clang"], 0x7ff /* 9 vars */) = -1 ENOENT (No such file)',
    '14 execve("/usr/bin/ld.lld-22", ["ld.lld"], 0x7ff /* 9 vars */) = 0',
    '15 execve("/usr/bin/dpkg-query", ["dpkg-query"], 0x7ff /* 9 vars */) = 0',
    '16 execve("/usr/bin/clang-format", ["clang-format"], 0x7ff /* 9 vars */) = 0',
    "17 +++ exited with 0 +++",
  ];
  assert.equal(countCompilers(log.join("\n")), 2);
  assert.equal(countCompilers(""), 0);
});

Deno.test("cpuSeconds() adds the two times of bash", () => {
  assert.equal(cpuSeconds("some warning\n10.25 1.50\n"), 11.75);
  assert.throws(() => cpuSeconds("nothing"), /no times/);
});
