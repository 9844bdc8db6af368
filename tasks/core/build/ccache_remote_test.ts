// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  NO_REMOTE,
  remoteStorage,
  servers,
  withFolder,
  withoutPasswords,
  withoutServer,
} from "./ccache_remote.ts";

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

Deno.test("withFolder() adds a folder to storages, to write or only to read", () => {
  const users = remoteStorage("http://cache.example.org/x file:/srv/one", false);
  assert.deepEqual(withFolder(users, "/c/shared", "writable"), {
    value: "http://cache.example.org/x file:/srv/one file:/c/shared",
    writable: ["/srv/one", "/c/shared"],
    readable: [],
    leftOut: [],
  });
  const alone = withFolder(NO_REMOTE, "/c/shared", "read-only");
  assert.deepEqual(alone, {
    ...NO_REMOTE,
    value: "file:/c/shared|read-only",
    readable: ["/c/shared"],
  });
  // ccache itself takes it as it is meant.
  assert.deepEqual(remoteStorage(alone.value, true), alone);
});

Deno.test("withFolder() does without a folder whose path would be read as something else", () => {
  for (const folder of ["/my cache", "/a|b", "/50%", "/a*", "/a?b", "/a#b", "/a\tb"]) {
    assert.deepEqual(withFolder(NO_REMOTE, folder, "writable"), NO_REMOTE, folder);
  }
});

Deno.test("servers are told from folders, and one is left out without the others", () => {
  const value = "redis://u:secret@h:1/2|connect-timeout=50 file:/srv/one http://h/cache/|read-only";
  const remote = remoteStorage(value, false);
  const [redis, http, ...more] = servers(remote);
  assert.deepEqual([redis, http, more], [value.split(" ")[0], value.split(" ")[2], []]);
  assert.deepEqual(withoutServer(remote, redis!), {
    ...{ value: "file:/srv/one http://h/cache/|read-only", writable: ["/srv/one"], readable: [] },
    leftOut: ["redis:"],
  });
  assert.deepEqual(servers(NO_REMOTE), []);
});

Deno.test("no password of an address stands in a message", () => {
  const shown = {
    "redis://:secret@h:6379": "redis://***@h:6379",
    "unknown URL: http://u:se:cret@h/x and redis://a@b":
      "unknown URL: http://***@h/x and redis://***@b",
    "http://h/a@b": "http://h/a@b",
    "redis+unix://u:p@localhost/run/r.sock?db=1": "redis+unix://***@localhost/run/r.sock?db=1",
  };
  for (const [text, expected] of Object.entries(shown)) {
    assert.equal(withoutPasswords(text), expected);
  }
});
