// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { lacksOf } from "../core/source/kernel_sources.ts";
import { sha256 } from "../core/text/digest.ts";
import type { KernelSpec, SourceSpec } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { fetch } from "./fetch.ts";

function kernel(source: SourceSpec, ...otherSources: readonly SourceSpec[]): KernelSpec {
  return { id: "linux", dir: "/k", source, otherSources, series: [], uninstrumented: null };
}

Deno.test("fetch() refuses a cache whose path kbuild does not take", () =>
  withTempDir(async (dir) => {
    for (const name of ["a b", "a:b", "it's", "a$b"]) {
      const source = { kind: "tree", path: "/linux" } as const;
      const paths = pathsFor(`${dir}/${name}`, null, null);
      const cache = await rejectionOf(fetch(kernel(source), paths, new FakeHost()));
      assert.deepEqual([cache.kind, cache.id], ["usage", "bad-path"], name);
      assert.match(
        cache.message,
        /^the cache lies in .*\.cache, and kbuild takes no path with "."$/,
      );
    }
  }));

const URL = "https://example.org/linux-6.12.tar.xz";
const TARBALL = { kind: "tarball", location: URL, sha256: "0".repeat(64) } as const;

Deno.test("fetch() downloads a tarball again where the network failed, and only there", () =>
  withTempDir(async (dir) => {
    const ends: [{ code: number; stdout: string }[], number, RegExp][] = [
      [
        [{ code: 6, stdout: "000" }, { code: 22, stdout: "503" }, { code: 0, stdout: "200" }],
        3,
        /^$/,
      ],
      [[{ code: 22, stdout: "404" }], 1, /could not be downloaded/],
      [[{ code: 56, stdout: "200" }, { code: 23, stdout: "200" }], 2, /could not be downloaded/],
      [Array(4).fill({ code: 28, stdout: "000" }), 3, /could not be downloaded/],
    ];
    for (const [index, [results, tries, message]] of ends.entries()) {
      const left = [...results];
      const host = new FakeHost({
        answer: ({ argv }) => {
          if (argv[0] === "sha256sum") return { stdout: `${TARBALL.sha256}  x\n` };
          const result = left.shift()!;
          const file = argv[argv.indexOf("--output") + 1]!;
          Deno.writeTextFileSync(file, `${result.code}`);
          return result;
        },
      });
      const paths = pathsFor("/p", `${dir}/${index}`, null);
      const error = await fetch(kernel(TARBALL), paths, host).then(() => null, (error) => error);
      assert.match(error?.message ?? "", message);
      assert.equal(host.commands.filter(([name]) => name === "curl").length, tries, `${index}`);
      assert.equal(host.messages.length, tries - 1);
      const files = [...Deno.readDirSync(`${paths.sources}/downloads`)].map(({ name }) => name);
      assert.deepEqual(files, error ? [] : [`${TARBALL.sha256}-linux-6.12.tar.xz`]);
    }
  }));

Deno.test("fetch() asks a remote repository again, but not for a ref that it does not have", () =>
  withTempDir(async (dir) => {
    const remote = "https://example.org/linux.git";
    const cases: [string, string, number | null, number][] = [
      // What ls-remote says: the remote is out of reach, it has the ref, it has not; not asked.
      [remote, "v6.12", 128, 3],
      [remote, "v6.12", 0, 3],
      [remote, "v6.21", 2, 1],
      [remote, "a".repeat(40), null, 3],
      ["/srv/linux.git", "v6.12", null, 1],
    ];
    for (const [repository, ref, known, tries] of cases) {
      const host = new FakeHost({
        answer: ({ argv }) =>
          argv.includes("fetch")
            ? { code: 128, stderr: "fatal: gone" }
            : argv.includes("ls-remote")
            ? { code: known ?? assert.fail("asked") }
            : undefined,
      });
      const source = { kind: "git", repository, ref } as const;
      const error = await rejectionOf(fetch(kernel(source), pathsFor("/p", dir, null), host));
      assert.deepEqual([error.kind, error.id, error.detail], [
        "infra",
        "git-failed",
        "fatal: gone",
      ]);
      const fetches = host.commands.filter((argv) => argv.includes("fetch"));
      assert.equal(fetches.length, tries, `${repository} ${ref}`);
    }
  }));

/** A local tarball that is as it should be, and one that is not. */
async function tarballs(dir: string) {
  const location = `${dir}/linux.tar`;
  await Deno.writeTextFile(location, "a tar");
  const right = { kind: "tarball", location, sha256: await sha256("a tar") } as const;
  const host = new FakeHost({
    answer: ({ argv }) =>
      argv[0] === "sha256sum" ? { stdout: `${right.sha256}  ${argv.at(-1)}\n` } : { code: 127 },
  });
  return { right, wrong: { ...right, sha256: "ab".repeat(32) }, host };
}

Deno.test("fetch() takes the first source that can be had, and says why not those before it", () =>
  withTempDir(async (dir) => {
    const { right, host } = await tarballs(dir);
    const paths = pathsFor("/p", dir, null);
    const found = await fetch(
      kernel(
        { kind: "tree", path: "$LINUX_7_3", unset: "LINUX_7_3" },
        { kind: "tarball", location: `${dir}/gone.tar`, sha256: right.sha256 },
        { ...right, location: "https://mirror.example/linux.tar" },
        right,
        { kind: "tree", path: "/never/looked/at" },
      ),
      paths,
      host,
    );
    assert.deepEqual([found.spec, found.archive], [right, right.location]);
    assert.deepEqual(found.passedOver?.map(({ source, why }) => [source, why]), [
      ["$LINUX_7_3", "unset"],
      [`${dir}/gone.tar`, "absent"],
      ["https://mirror.example/linux.tar", "unreachable"],
    ]);
    assert.match(
      host.messages.join("\n"),
      /^notice: linux: taking .*linux\.tar: \$LINUX_7_3: LINUX_7_3 is not set.*; there is no file /m,
    );
  }));

Deno.test("fetch() names every reason where no source can be had", () =>
  withTempDir(async (dir) => {
    const { host } = await tarballs(dir);
    const none = await rejectionOf(fetch(
      kernel({ kind: "tree", path: "/gone" }, { kind: "tree", path: "$A", unset: "A" }),
      pathsFor("/p", dir, null),
      host,
    ));
    assert.deepEqual([none.kind, none.id], ["infra", "no-source"]);
    assert.deepEqual(lacksOf(none)?.map(({ why }) => why), ["absent", "unset"]);
    assert.match(none.message, /^none of the 2 sources of linux can be had: there is no folder/);
  }));

Deno.test("fetch() looks no further behind a source that is there and wrong", () =>
  withTempDir(async (dir) => {
    const { right, wrong, host } = await tarballs(dir);
    const paths = pathsFor("/p", dir, null);
    const damaged = await rejectionOf(fetch(kernel(wrong, right), paths, host));
    assert.deepEqual([damaged.id, lacksOf(damaged)], ["wrong-sha256", null]);
    const file = { kind: "tree", path: right.location } as const;
    const noTree = await rejectionOf(fetch(kernel(file, right), paths, host));
    assert.deepEqual([noTree.kind, noTree.id], ["usage", "no-kernel-tree"]);
  }));
