// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { pathsFor } from "../core/model/paths.ts";
import type { SourceSpec } from "../core/model/model.ts";
import { fetch } from "../stages/fetch.ts";
import { rejectionOf } from "../testing/errors.ts";
import { type FakeMachine, machineWithApt } from "../testing/fake_apt.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { sampleKernel } from "../testing/samples.ts";
import { lacksOf } from "../core/source/kernel_sources.ts";
import { lookForSource } from "./look_for_source.ts";

const OF_SUITE = {
  kind: "debian",
  package: "linux-source-7.3",
  suite: "trixie-backports",
} as const;
const PLAIN = { kind: "debian", package: "linux-source-6.12" } as const;
const BACKPORTS = {
  "trixie-backports": {
    "linux-source": "7.3.4-1~bpo13+1",
    "linux-source-7.2": "7.2.12-1~bpo13+1",
    "linux-source-7.3": "7.3.4-1~bpo13+1",
  },
};

/** A machine, and what it gives for sources. */
function on(machine: FakeMachine, dir: string) {
  const host = machineWithApt(machine);
  const paths = pathsFor("/project", dir, null);
  const get = (...sources: readonly SourceSpec[]) => {
    const [source, ...otherSources] = sources as [SourceSpec, ...SourceSpec[]];
    return fetch(sampleKernel("k", { source, otherSources }), paths, host);
  };
  const look = (source: SourceSpec, ask: boolean) => lookForSource([source], ask, paths, host);
  const ran = (...words: readonly string[]) =>
    host.commands.filter((argv) => words.every((word) => argv.includes(word)));
  const lists = () =>
    Promise.all(
      Object.keys(machine.suites ?? {}).map((suite) =>
        Deno.readTextFile(`${dir}/apt/${suite}/sources.list`)
      ),
    );
  return { host, get, look, ran, lists };
}

/** Why the only source cannot be had. */
async function whyNot(machine: FakeMachine, source: SourceSpec, dir: string) {
  const error = await rejectionOf(on(machine, dir).get(source));
  const [lack, ...more] = lacksOf(error) ?? [];
  assert.deepEqual([error.kind, more.length], ["infra", 0]);
  return { id: error.id, why: lack?.why, text: error.message, detail: error.detail };
}

Deno.test("fetch() takes a package of a suite once, by an apt whose files are all in the cache", () =>
  withTempDir(async (dir) => {
    const { host, get, ran } = on({ suites: BACKPORTS }, dir);
    const found = await get(OF_SUITE);
    assert.deepEqual([found.version, found.sha256], ["7.3.4-1~bpo13+1", "ab".repeat(32)]);
    assert.equal(await Deno.readTextFile(found.archive!), "tar of linux-source-7.3");
    assert.match(host.messages.join("\n"), /downloading linux-source-7\.3 .* \(2 MiB\)/);
    for (const argv of [...ran("update"), ...ran("download")]) {
      const folders = argv.filter((word) => /^Dir::/.test(word));
      assert.ok(folders.length >= 5, argv.join(" "));
      assert.ok(folders.every((word) => word.split("=")[1]!.startsWith(dir)), argv.join(" "));
    }
    assert.deepEqual(ran("sudo"), []);
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(`${dir}/apt/trixie-backports`))).map(({ name }) => name)
        .filter((name) => name.endsWith(".deb")),
      [],
    );

    const again = on({ offline: true, mirror: null }, dir);
    assert.deepEqual(await again.get(OF_SUITE), found);
    assert.deepEqual(again.ran("update"), []);
  }));

Deno.test("fetch() goes by the keys of Debian under either of their names", () =>
  withTempDir(async (dir) => {
    const folder = "/usr/share/keyrings/debian-archive-keyring";
    const names = [[".gpg"], [".pgp"], [".gpg", ".pgp"], []];
    for (const [index, there] of names.entries()) {
      const { get, lists } = on({ suites: BACKPORTS, keyrings: there }, `${dir}/${index}`);
      await get(OF_SUITE);
      const [list = ""] = await lists();
      assert.ok(list.startsWith(`deb [signed-by=${folder}${there[0] ?? ".gpg"}] http`), list);
    }
  }));

Deno.test("fetch() takes a package anew that is not as it was left", () =>
  withTempDir(async (dir) => {
    const { get, ran } = on({ suites: BACKPORTS }, dir);
    const { archive } = await get(OF_SUITE);
    await Deno.writeTextFile(archive!, "cut");
    await get(OF_SUITE);
    assert.equal(await Deno.readTextFile(archive!), "tar of linux-source-7.3");
    await Deno.writeTextFile(archive!.replace(/[^/]*$/, "package.json"), "{}");
    await get(OF_SUITE);
    assert.equal(ran("download").length, 3);
  }));

Deno.test("fetch() takes an installed package before that of a suite, with the same digest", () =>
  withTempDir(async (dir) => {
    const version = "7.3.4-1~bpo13+1";
    const { get, ran } = on({ installed: { "linux-source-7.3": version } }, dir);
    const installed = await get(OF_SUITE);
    assert.deepEqual(
      [installed.archive, installed.version, installed.sha256],
      ["/usr/src/linux-source-7.3.tar.xz", version, null],
    );
    assert.deepEqual(ran("apt-get"), []);
    const downloaded = await on({ suites: BACKPORTS }, dir).get(OF_SUITE);
    assert.equal(downloaded.digest, installed.digest);
  }));

Deno.test("fetch() goes by the release of the machine for its own backports", () =>
  withTempDir(async (dir) => {
    const own = { ...OF_SUITE, suite: "backports" };
    const found = await on({ suites: BACKPORTS }, dir).get(own);
    assert.equal(found.version, "7.3.4-1~bpo13+1");
    const derived = 'ID=linuxmint\nVERSION_CODENAME=gigi\nDEBIAN_CODENAME="trixie"\n';
    await on({ osRelease: derived, offline: true }, dir).get(own);
    const bookworm = "ID=debian\nVERSION_CODENAME=bookworm\n";
    const suites = { ...BACKPORTS, "bookworm-backports": { "linux-source-6.12": "6.12.9-1" } };
    const gone = await whyNot({ osRelease: bookworm, suites }, own, dir);
    assert.equal(
      gone.text,
      "bookworm-backports has no package linux-source-7.3; the newest there is: linux-source-6.12",
    );
    const none = await whyNot({ osRelease: "ID=debian\n" }, own, dir);
    assert.deepEqual([none.id, none.why], ["source-missing", "no-release"]);
  }));

Deno.test("fetch() tells a package that is gone from a mirror that cannot be read", () =>
  withTempDir(async (dir) => {
    const gone = await whyNot(
      { suites: BACKPORTS },
      { ...OF_SUITE, package: "linux-source-7.99" },
      dir,
    );
    assert.deepEqual([gone.id, gone.why], ["package-gone", "gone"]);
    assert.match(
      gone.text,
      /has no package linux-source-7\.99; the newest there is: linux-source-7\.3$/,
    );
    const offline = await whyNot({ suites: BACKPORTS, offline: true }, OF_SUITE, dir);
    assert.deepEqual([offline.id, offline.why], ["download-failed", "unreachable"]);
    assert.match(offline.text, /the index of trixie-backports cannot be read from http:\/\/mirror/);
    assert.match(offline.detail, /Failed to fetch InRelease/);
    const broken = await whyNot({ suites: BACKPORTS, brokenDownload: true }, OF_SUITE, dir);
    assert.deepEqual([broken.id, broken.why], ["download-failed", "unreachable"]);
    const unknown = await whyNot({ suites: BACKPORTS, mirror: null }, OF_SUITE, dir);
    assert.deepEqual([unknown.id, unknown.why], ["source-missing", "no-mirror"]);
    const foreign = await whyNot({ noApt: true }, OF_SUITE, dir);
    assert.deepEqual([foreign.id, foreign.why], ["source-missing", "no-apt"]);
  }));

Deno.test("fetch() asks a mirror that does not answer once for all kernels of a package", () =>
  withTempDir(async (dir) => {
    const { get, ran } = on({ suites: BACKPORTS, offline: true }, dir);
    for (const _ of ["linux-7.3", "linux-7.3-unique"]) {
      assert.equal((await rejectionOf(get(OF_SUITE))).id, "download-failed");
    }
    // Tried three times, as whatever the network breaks.
    assert.equal(ran("update").length, 3);
  }));

Deno.test("fetch() says why a package of the system is not there", () =>
  withTempDir(async (dir) => {
    const system = { "linux-source-6.12": "6.12.9-1", "linux-source-6.1": "6.1.1-1" };
    const there = await whyNot({ system }, PLAIN, dir);
    assert.deepEqual([there.id, there.why], ["source-missing", "not-installed"]);
    assert.match(there.text, /is not installed .*; apt has 6\.12\.9-1$/);
    const gone = await whyNot({ system }, { ...PLAIN, package: "linux-source-6.13" }, dir);
    assert.deepEqual([gone.id, gone.why], ["package-gone", "gone"]);
    assert.equal((await whyNot({ noApt: true }, PLAIN, dir)).why, "no-apt");
  }));

Deno.test("fetch() says that a package holds no source, and when there is no room", () =>
  withTempDir(async (dir) => {
    const empty = { ...OF_SUITE, package: "linux-source" };
    const machine = { suites: BACKPORTS, empty: ["linux-source"] };
    const without = await rejectionOf(on(machine, dir).get(empty, OF_SUITE));
    assert.deepEqual([without.kind, without.id], ["usage", "no-kernel-package"]);
    assert.match(without.detail, /such as linux-source-7\.3\.$/);
    const full = await rejectionOf(on({ suites: BACKPORTS, freeBytes: 1e6 }, dir).get(OF_SUITE));
    assert.deepEqual([full.kind, full.id, lacksOf(full)], ["infra", "too-little-room", null]);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${dir}/sources`)), []);
  }));

Deno.test("fetch() downloads what the machine's own apt has for a user who cannot install it", () =>
  withTempDir(async (dir) => {
    const system = { "linux-source-6.12": "6.12.9-1" };
    const user = on({ system, userId: 1000 }, dir);
    assert.match((await user.look(PLAIN, false)).text, /^linux-source-6\.12, to be downloaded$/);
    assert.match((await user.look(PLAIN, true)).text, /, 6\.12\.9-1, to be downloaded \(2 MiB\)$/);
    const found = await user.get(PLAIN);
    assert.deepEqual([found.version, found.sha256], ["6.12.9-1", "ab".repeat(32)]);
    assert.match(await Deno.readTextFile(found.archive!), /^tar of linux-source-6\.12/);
    assert.ok(found.archive!.startsWith(`${dir}/sources/`));
    const [download] = user.ran("download");
    // Neither can it become apt's own user, nor read lists anew.
    assert.ok(download!.includes("APT::Sandbox::User="));
    assert.deepEqual(user.ran("update"), []);
    await user.get(PLAIN);
    assert.equal(user.ran("download").length, 1);
    const installed = on(
      { system, userId: 1000, installed: { "linux-source-6.12": "6.12.10-1" } },
      dir,
    );
    assert.equal((await installed.get(PLAIN)).version, "6.12.10-1");
    const gone = await whyNot(
      { userId: 1000, system: {} },
      { ...PLAIN, package: "linux-source-5" },
      dir,
    );
    assert.equal(gone.id, "package-gone");
  }));

Deno.test("lookForSource() says where a package is, and asks a mirror where it may", () =>
  withTempDir(async (dir) => {
    const { get, look, ran } = on({ suites: BACKPORTS, system: {} }, dir);
    assert.match(
      (await look(OF_SUITE, false)).text,
      /^linux-source-7\.3 of trixie-backports, to be/,
    );
    assert.deepEqual(ran("update"), []);
    const asked = await look(OF_SUITE, true);
    assert.deepEqual([asked.isHere, asked.source], [false, OF_SUITE]);
    assert.match(asked.text, /, 7\.3\.4-1~bpo13\+1, to be downloaded \(2 MiB\)$/);
    assert.deepEqual(ran("download"), []);
    await get(OF_SUITE);
    const kept = await look(OF_SUITE, false);
    assert.equal(kept.isHere, true);
    assert.match(kept.text, /, 7\.3\.4-1~bpo13\+1, in the cache$/);
    assert.equal((await look(PLAIN, true)).source, null);
  }));
