// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type SignalName, watchSignals } from "./interruption.ts";

Deno.test("the first signal ends what runs, the same one passed on does nothing, the next leaves", () => {
  const listeners = new Map<SignalName, () => void>();
  const did: string[] = [];
  let nowMs = 10;
  const interruption = watchSignals({
    now: () => nowMs,
    tell: (text) => did.push(text.split(":")[0]!),
    leave: (name) => did.push(`left by ${name}`),
  }, (name, body) => listeners.set(name, body));
  interruption.signal.addEventListener("abort", () => did.push("ended"));
  assert.equal(interruption.name, null);
  listeners.get("SIGINT")!();
  listeners.get("SIGINT")!();
  nowMs += 400;
  listeners.get("SIGINT")!();
  assert.deepEqual(did, ["interrupted", "ended"]);
  assert.equal(interruption.name, "SIGINT");
  nowMs += 200;
  listeners.get("SIGTERM")!();
  assert.deepEqual(did, ["interrupted", "ended", "left by SIGTERM"]);
  assert.equal(interruption.name, "SIGINT");
});
