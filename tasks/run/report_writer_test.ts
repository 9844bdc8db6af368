// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { RunEvent } from "../core/model/run_event.ts";
import type { RunReport } from "../core/model/model.ts";
import { FakeHost } from "../testing/fake_host.ts";
import { ReportWriter } from "./report_writer.ts";

const ENDED: RunEvent = { event: "cell-ended", cell: "k/c", verdict: "passed", failure: null };
const OTHER: RunEvent = { event: "notice", level: "info", text: "" };

/** A run whose report says how often it was asked for, and a disk that is slow or fails. */
function writing(failures = 0) {
  const host = new FakeHost();
  const written: number[] = [];
  let asked = 0;
  let busy = false;
  const writer = new ReportWriter(
    () => ({ durationMs: ++asked }) as RunReport,
    async ({ durationMs }) => {
      assert.ok(!busy, "two writes at once");
      busy = true;
      await new Promise((resolve) => setTimeout(resolve, 1));
      busy = false;
      if (failures-- > 0) throw new Error("no space");
      written.push(durationMs);
    },
    host,
  );
  return { host, writer, written };
}

Deno.test("ReportWriter writes for what changes a report, and once for all that came meanwhile", async () => {
  const { writer, written } = writing();
  writer.read(OTHER);
  await writer.settled();
  assert.deepEqual(written, []);
  for (let n = 0; n < 5; n++) writer.read(ENDED);
  await writer.settled();
  assert.deepEqual(written, [1, 2]);
  writer.read(ENDED);
  await writer.settled();
  assert.deepEqual(written, [1, 2, 3]);
});

Deno.test("ReportWriter warns of a report that it cannot write, and writes the next", async () => {
  const { host, writer, written } = writing(1);
  writer.read(ENDED);
  await writer.settled();
  assert.equal(host.messages.length, 1);
  writer.read(ENDED);
  await writer.settled();
  assert.deepEqual(written, [2]);
});

Deno.test("ReportWriter rests nine times as long as a write takes, unless somebody waits for it", async () => {
  const host = new FakeHost();
  const startedAt = host.now();
  const writtenAt: number[] = [];
  const writer = new ReportWriter(
    () => ({}) as RunReport,
    async () => {
      writtenAt.push(host.now() - startedAt);
      await host.clock.sleep(100);
    },
    host,
  );
  // The second and third come while the first is written.
  for (let n = 0; n < 3; n++) writer.read(ENDED);
  while (writtenAt.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  await writer.settled();
  assert.deepEqual(writtenAt, [0, 1000]);
  assert.equal(host.now() - startedAt, 1100);
});
