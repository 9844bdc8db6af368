// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NO_REMOTE, remoteStorage } from "./ccache_remote.ts";

Deno.test("remoteStorage() passes everything on where builds have a network", () => {
  const value = "redis://:secret@cache.example.org file:/srv/ccache|read-only";
  assert.deepEqual(remoteStorage(value, false), {
    value,
    writable: [],
    readable: ["/srv/ccache"],
    leftOut: [],
  });
  assert.deepEqual(remoteStorage("", false), NO_REMOTE);
});

Deno.test("remoteStorage() keeps folders alone for confined builds, and names what it leaves out", () => {
  const value = "http://a:secret@cache.example.org/x redis+unix:/run/r.sock " +
    "file:///srv/one|umask=002 file:/srv/two/|read-only=true file://localhost/srv/n-*/x|shards=a,b";
  const { value: kept, ...rest } = remoteStorage(value, true);
  assert.equal(kept, value.slice(value.indexOf("file:///")));
  assert.deepEqual(rest, {
    writable: ["/srv/one", "/srv"],
    readable: ["/srv/two"],
    leftOut: ["http:", "redis+unix:"],
  });
});
