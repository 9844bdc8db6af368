// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type LockHolder, lockHoldersText, parseLockHolder } from "./lock_holder.ts";

const OWN = { pid: 7, host: "here", namespace: "pid:[1]" };
const AT = Date.parse("2026-03-01T12:03:20Z");
const HOLDER: LockHolder = {
  ...{ pid: 4711, host: "here", namespace: "pid:[1]", folder: "/home/u/linux" },
  ...{ command: "matrix linux-6.12/kcov", sinceMs: AT },
};
const text = (...changes: readonly Partial<LockHolder>[]) =>
  lockHoldersText(changes.map((one) => ({ ...HOLDER, ...one })), OWN, AT + 201_400);

Deno.test("a holder is told with process, folder, command and since when", () => {
  assert.equal(
    text({}),
    "process 4711 in /home/u/linux (matrix linux-6.12/kcov), since 12:03:20 UTC (201 s)",
  );
});

Deno.test("a number of another machine or container is told as such, even one's own", () => {
  assert.match(text({ host: "node2", pid: 7 }), /^process 7 on node2 in /);
  assert.match(text({ namespace: "pid:[2]", pid: 7 }), /^process 7 of another container in /);
  assert.match(text({ pid: 7 }), /^this run, since /);
});

Deno.test("holders without end, words without end and strange names make one short line", () => {
  assert.equal(text(), "it");
  assert.match(text({}, {}, {}, {}, {}), /; process 4711 [^;]*\) and 2 more$/);
  assert.ok(text({ command: "x".repeat(5000) }).length < 250);
  assert.match(text({ folder: "/a\x1b[2Jb\nc" }), /^process 4711 in \/ab.c \(/);
  assert.match(text({ command: "" }), /in \/home\/u\/linux, since/);
  assert.match(text({ sinceMs: 1e300 }), /\(0 s\)$/);
  assert.match(text({ sinceMs: AT + 1e9 }), /\(0 s\)$/);
});

Deno.test("what is no word of a holder is read as none", () => {
  for (const one of [null, "", "1", "{}", "[]", JSON.stringify({ ...HOLDER, pid: -1 })]) {
    assert.equal(parseLockHolder(one), null);
  }
  assert.deepEqual(parseLockHolder(JSON.stringify(HOLDER)), HOLDER);
});
