// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CommandResult } from "../host/host.ts";
import { FakeHost } from "../testing/fake_host.ts";
import { withRetries } from "./retry.ts";

const NETWORK = ({ code }: CommandResult) => code === 6 ? "no name" : null;

/** Runs a command that ends with these codes in turn: its last code, and when each try began, in ms. */
async function tried(codes: readonly number[], host = new FakeHost(), during = () => {}) {
  const startMs = host.now();
  const begins: number[] = [];
  const { code } = await withRetries("the download", host, () => {
    begins.push(host.now() - startMs);
    during();
    const code = codes[begins.length - 1]!;
    return Promise.resolve({ ...RESULT, code });
  }, NETWORK);
  return { code, begins, messages: host.messages };
}

const RESULT = { argv: ["x"], code: 0, stdout: "", stderr: "", timedOut: false, durationMs: 0 };

Deno.test("withRetries() tries twice more, after 1 s and 4 s, and says so", async () => {
  assert.deepEqual(await tried([6, 6, 0]), {
    code: 0,
    begins: [0, 1000, 5000],
    messages: [
      "warn: the download failed (no name); try 2 of 3 begins in 1 s",
      "warn: the download failed (no name); try 3 of 3 begins in 4 s",
    ],
  });
});

Deno.test("withRetries() ends with what succeeds, or with the third failure", async () => {
  assert.deepEqual(await tried([0]), { code: 0, begins: [0], messages: [] });
  const { code, begins, messages } = await tried([6, 6, 6]);
  assert.deepEqual([code, begins, messages.length], [6, [0, 1000, 5000], 2]);
});

Deno.test("withRetries() does not repeat what the network is not behind", async () => {
  assert.deepEqual(await tried([22, 0]), { code: 22, begins: [0], messages: [] });
  assert.deepEqual((await tried([6, 22, 0])).begins, [0, 1000]);
});

Deno.test("withRetries() begins nothing more once the run is interrupted", async () => {
  const stop = new AbortController();
  const host = new FakeHost({ signal: stop.signal });
  assert.deepEqual((await tried([6, 0], host, () => stop.abort())).begins, [0]);

  const late = new AbortController();
  const waiting = new FakeHost({ signal: late.signal });
  waiting.clock.after(500, () => late.abort());
  assert.deepEqual((await tried([6, 0], waiting)).begins, [0]);
});
