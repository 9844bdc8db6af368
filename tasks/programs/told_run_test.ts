// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { eventLine, headerLine, type RunEvent } from "../core/model/run_event.ts";
import { denoHost } from "../host/deno_host.ts";
import { withTempDir } from "../testing/temp_dir.ts";
import { toldRun } from "./told_run.ts";

const PLANNED: RunEvent = { event: "cells-planned", cells: ["k/c"], builds: 1 };
const ENDED: RunEvent = { event: "cell-ended", cell: "k/c", verdict: "passed", failure: null };

Deno.test("toldRun() tells on what its child does, but for the child's own frame, prose and torn last line", () =>
  withTempDir(async (dir) => {
    const lines: readonly RunEvent[] = [
      { event: "run-started", command: "matrix" },
      PLANNED,
      { event: "notice", level: "warn", text: "slow" },
      ENDED,
      { event: "run-ended", exitCode: 3, durationMs: 1, interrupted: null },
    ];
    const stream = headerLine(0) + lines.map((event, n) => eventLine(event, n, n)).join("") +
      '{"seq":6,"ms":7,"event":"of another version"}\n{"seq":7,"ms';
    await Deno.writeTextFile(`${dir}/stream`, stream);
    const told: RunEvent[] = [];
    const emit = (event: RunEvent) => {
      if (event.event !== "notice") told.push(event);
    };
    const host = denoHost({ emit, signal: new AbortController().signal });
    // The child is given --events as its last words.
    const script = 'cat stream; echo "$NAME $*" >&2; exit 3';
    const argv = ["bash", "-c", script, "main"];
    const log = `${dir}/log`;
    assert.equal(await toldRun({ argv, cwd: dir, env: { NAME: "words:" }, log }, host), 3);
    assert.deepEqual(told, [PLANNED, ENDED]);
    assert.equal(await Deno.readTextFile(log), "words: --events -\n");
  }));
