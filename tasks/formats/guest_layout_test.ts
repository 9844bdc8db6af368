// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cellArchiveFiles, initramfsFiles } from "./guest_layout.ts";

Deno.test("cellArchiveFiles() has the modules below their folder, and none where there are none", () => {
  assert.deepEqual(cellArchiveFiles([]), ["kmatrix/cell.json"]);
  assert.deepEqual(cellArchiveFiles(["a.ko", "b.ko"]), [
    "kmatrix/cell.json",
    "kmatrix/modules",
    "kmatrix/modules/a.ko",
    "kmatrix/modules/b.ko",
  ]);
});

Deno.test("the cell's archive relies on folders of the shared one", () => {
  const folders = cellArchiveFiles([]).map((path) => path.replace(/\/[^/]*$/, ""));
  for (const folder of folders) assert.ok(initramfsFiles().includes(folder), folder);
});
