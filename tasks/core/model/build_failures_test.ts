// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BUILD_FAILURES } from "./build_failures.ts";

Deno.test("docs/verdicts.md lists every id of kind build, and no other", async () => {
  const text = await Deno.readTextFile(new URL("../../../docs/verdicts.md", import.meta.url));
  const listed = text.split("\n").map((row) => row.split("|").map((cell) => cell.trim()))
    .filter(([, , kind]) => kind === "build")
    .flatMap(([, ids]) => [...ids!.matchAll(/`([\w-]+)`/g)].map(([, id]) => id!));
  assert.deepEqual([...new Set(listed)].sort(), Object.keys(BUILD_FAILURES).sort());
});
