// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { RUN_FORMAT, type RunReport } from "../core/model/model.ts";
import { report, reportCopies } from "./report.ts";

const RUN: RunReport = {
  format: RUN_FORMAT,
  accel: null,
  usage: { programsMs: {}, peakMiB: 0 },
  startedAt: "2026-01-01T00:00:00.000Z",
  durationMs: 0,
  cells: [],
  failures: [],
  sources: [],
  interrupted: null,
};

/** As Deno and Node.js both throw it. */
const DISK_FULL = Object.assign(new Error("x"), { code: "ENOSPC" });

Deno.test("report() blames the machine for a report that cannot be written any more", () =>
  withTempDir(async (dir) => {
    const files = { runDir: dir, junit: null, json: "/proc/x.json" };
    const error = await rejectionOf(report(RUN, files, new FakeHost()));
    assert.deepEqual([error.kind, error.id], ["infra", "report-unwritten"]);
    assert.match(error.message, /^\/proc\/x\.json cannot be written: /);
    assert.ok(Deno.statSync(`${dir}/run.json`).isFile, "what can be written is");
    const full = new FakeHost({ fs: { writeText: () => Promise.reject(DISK_FULL) } });
    assert.equal((await rejectionOf(report(RUN, files, full))).id, "disk-full");
  }));

Deno.test("reportCopies() writes what report() writes, and blames the machine the same way", () =>
  withTempDir(async (dir) => {
    const host = new FakeHost();
    const copies = { junit: `${dir}/copy.xml`, json: `${dir}/copy.json` };
    await report(RUN, { runDir: dir, junit: null, json: null }, host);
    await reportCopies(RUN, copies, host);
    assert.equal(await Deno.readTextFile(copies.junit), Deno.readTextFileSync(`${dir}/junit.xml`));
    assert.equal(await Deno.readTextFile(copies.json), Deno.readTextFileSync(`${dir}/run.json`));
    await reportCopies(RUN, { junit: null, json: null }, host);
    const error = await rejectionOf(reportCopies(RUN, { ...copies, junit: "/proc/x.xml" }, host));
    assert.deepEqual([error.kind, error.id], ["infra", "report-unwritten"]);
  }));
