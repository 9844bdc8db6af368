// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { cellArchiveFiles, initramfsFiles } from "./guest_layout.ts";

const NOTHING = { calls: [], modules: [], selftests: [] };

Deno.test("cellArchiveFiles() has files below their folder, and none where there are none", () => {
  assert.deepEqual(cellArchiveFiles(NOTHING), ["kmatrix/cell.json"]);
  assert.deepEqual(cellArchiveFiles({ ...NOTHING, symbols: true }), [
    "kmatrix/cell.json",
    "kmatrix/symbols",
  ]);
  assert.deepEqual(
    cellArchiveFiles({ calls: ["pc"], modules: ["a.ko", "b.ko"], selftests: ["kcov_test"] }),
    [
      "kmatrix/cell.json",
      "kmatrix/calls",
      "kmatrix/calls/pc",
      "kmatrix/modules",
      "kmatrix/modules/a.ko",
      "kmatrix/modules/b.ko",
      "kmatrix/selftests",
      "kmatrix/selftests/kcov_test",
    ],
  );
});

Deno.test("the cell's archive relies on folders of the shared one", () => {
  const folders = cellArchiveFiles(NOTHING).map((path) => dirname(path));
  for (const folder of folders) assert.ok(initramfsFiles().includes(folder), folder);
});
