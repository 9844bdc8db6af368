// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  hiddenFolders,
  installationOf,
  isBelow,
  sandboxArgv,
  sandboxEnvironment,
  sandboxText,
} from "./sandbox.ts";

/** The mounts of an argv, in order: option and path. */
function mounts(argv: readonly string[]): string[] {
  const take = ["--tmpfs", "--ro-bind-try", "--bind", "--remount-ro"];
  return argv.flatMap((word, index) =>
    take.includes(word) ? [`${word.slice(2)} ${argv[index + 1]}`] : []
  );
}

const HIDDEN = { readOnly: ["/home", "/root"], scratch: ["/tmp"] };

Deno.test("sandboxArgv() cuts every tie, and shows the system for reading", () => {
  const argv = sandboxArgv({ writable: ["/c/b"], readable: [] }, HIDDEN, {
    PATH: "/bin",
    A: "b c",
  });
  assert.deepEqual(argv.slice(0, 5), ["env", "-i", "PATH=/bin", "A=b c", "bwrap"]);
  for (const flag of ["--unshare-all", "--die-with-parent", "--new-session"]) {
    assert.ok(argv.includes(flag), flag);
  }
  assert.match(argv.join(" "), /--ro-bind \/ \/ --dev \/dev --proc \/proc /);
  assert.equal(argv.at(-1), "--");
});

Deno.test("sandboxArgv() mounts outer folders first, and closes the hidden ones at the end", () => {
  const argv = sandboxArgv(
    { writable: ["/home/u/p/.cache/builds/k"], readable: ["/home/u/linux", "/usr/src", "/tmp/t"] },
    { readOnly: ["/home", "/root", "/tmp/t/home"], scratch: ["/tmp"] },
    {},
  );
  assert.deepEqual(mounts(argv), [
    "tmpfs /tmp",
    "tmpfs /home",
    "tmpfs /root",
    "ro-bind-try /tmp/t",
    "tmpfs /tmp/t/home",
    "ro-bind-try /home/u/linux",
    "bind /home/u/p/.cache/builds/k",
    "remount-ro /home",
    "remount-ro /root",
    "remount-ro /tmp/t/home",
  ]);
});

Deno.test("hiddenFolders() has the user's home wherever it is, but never the system", () => {
  assert.deepEqual(hiddenFolders("/home/u").readOnly, ["/home", "/root", "/run"]);
  assert.deepEqual(hiddenFolders("/var/lib/ci/").readOnly, [
    "/home",
    "/root",
    "/var/lib/ci",
    "/run",
  ]);
  for (const home of [undefined, "", "/", "/usr", "/usr/share/x", "/etc"]) {
    assert.deepEqual(hiddenFolders(home).readOnly, ["/home", "/root", "/run"], `${home}`);
  }
});

Deno.test("installationOf() brings a compiler's headers along, but never a whole home", () => {
  assert.equal(installationOf("/home/u/llvm/bin/clang", "/home/u"), "/home/u/llvm");
  assert.equal(installationOf("/home/u/bin/clang", "/home/u"), "/home/u/bin");
  assert.equal(installationOf("/home/bin/clang", "/home/u"), "/home/bin");
  assert.equal(installationOf("/root/bin/clang", undefined), "/root/bin");
  assert.equal(installationOf("/srv/ci/bin/clang", "/srv/ci/"), "/srv/ci/bin");
  assert.equal(installationOf("/opt/clang", "/home/u"), "/opt");
});

Deno.test("isBelow() compares whole names", () => {
  assert.ok(isBelow("/home/u", "/home") && isBelow("/home", "/home"));
  assert.ok(!isBelow("/homes", "/home"));
});

Deno.test("sandboxText() says what was used, and why nothing was", () => {
  assert.equal(sandboxText({ kind: "bubblewrap" }), "bubblewrap");
  assert.equal(sandboxText({ kind: "none", why: "off" }), "none (off)");
});

Deno.test("sandboxEnvironment() shows an empty home, and no folder of the caller's for temporary files", () => {
  const passed = { PATH: "/bin", LC_ALL: "C", HOME: "/home/u", TMPDIR: "/home/u/tmp" };
  assert.deepEqual(sandboxEnvironment(passed, "/root"), {
    ...{ PATH: "/bin", LC_ALL: "C", HOME: "/root" },
  });
});
