// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withTempDir } from "../testing/temp_dir.ts";
import { openEventFile } from "./event_file.ts";

Deno.test("openEventFile() has each line on the disk at once, and leaves out what debugs the tool", () =>
  withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/e`, "of an older run\n".repeat(100));
    const file = openEventFile(`${dir}/e`, Date.now());
    const lines = () =>
      Deno.readTextFileSync(`${dir}/e`).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines()[0].schema, "kmatrix-events");
    file.write({ event: "run-started", command: "matrix" });
    file.write({ event: "notice", level: "debug", text: "$ make" });
    file.write({ event: "notice", level: "warn", text: "ß" });
    assert.deepEqual(lines().slice(1).map(({ seq, event, text }) => [seq, event, text]), [
      [1, "run-started", undefined],
      [2, "notice", "ß"],
    ]);
    file.close();
  }));
