// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { curlNetworkTrouble, isRemoteRepository } from "./transfer.ts";

Deno.test("curlNetworkTrouble() tells what passes from what another try cannot better", () => {
  const passing = [[6, 0], [7, 0], [18, 200], [28, 0], [35, 0], [52, 0], [56, 200], [22, 503], [
    22,
    429,
  ]];
  for (const [code, status] of passing) {
    assert.ok(curlNetworkTrouble(code!, status!), `${code} ${status}`);
  }
  assert.equal(curlNetworkTrouble(22, 502), "HTTP status 502");
  // Not found, no permission, no such protocol, no room, a wrong certificate, no such file, a signal.
  const lasting = [[22, 404], [22, 403], [1, 0], [3, 0], [23, 200], [60, 0], [37, 0], [127, 0], [
    137,
    0,
  ]];
  for (const [code, status] of lasting) {
    assert.equal(curlNetworkTrouble(code!, status!), null, `${code} ${status}`);
  }
});

Deno.test("isRemoteRepository() knows URLs and scp's form from paths", () => {
  for (
    const remote of [
      "https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git",
      "git://git.kernel.org/x.git",
      "ssh://git@example.org:22/x.git",
      "git@github.com:torvalds/linux.git",
    ]
  ) assert.ok(isRemoteRepository(remote), remote);
  for (const local of ["/srv/linux.git", "file:///srv/linux.git", "/srv/a:b/linux"]) {
    assert.ok(!isRemoteRepository(local), local);
  }
});
