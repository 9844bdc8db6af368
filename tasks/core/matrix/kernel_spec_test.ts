// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { errorOf } from "../../testing/errors.ts";
import { parseKernelSpec, parseSeriesFile } from "./kernel_spec.ts";

const DIR = "/project/kernels/k";
const VARIABLES: Readonly<Record<string, string>> = {
  ...{ HOME: "/home/me", LINUX: "/src/linux/", EMPTY: "", RELATIVE: "linux" },
};
const parse = (text: string, series: string | null = null) =>
  parseKernelSpec(
    "k",
    DIR,
    "kernels/k/kernel.yaml",
    text,
    series,
    null,
    (name) => VARIABLES[name],
  );
const SHA = "ab".repeat(32);

Deno.test("parseKernelSpec() reads each kind of source", () => {
  const source = (text: string) => parse(`source: ${text}\n`).source;
  assert.deepEqual(source("{ debian: linux-source-6.12 }"), {
    kind: "debian",
    package: "linux-source-6.12",
  });
  assert.deepEqual(source(`{ tarball: https://x.org/l.tar.xz, sha256: ${SHA.toUpperCase()} }`), {
    kind: "tarball",
    location: "https://x.org/l.tar.xz",
    sha256: SHA,
  });
  assert.deepEqual(source("{ git: https://x.org/linux.git, ref: v6.12 }"), {
    kind: "git",
    repository: "https://x.org/linux.git",
    ref: "v6.12",
  });
  assert.deepEqual(source("{ tree: /src/linux }"), { kind: "tree", path: "/src/linux" });
});

Deno.test("parseKernelSpec() starts relative paths at the folder of kernel.yaml", () => {
  const source = (text: string) => parse(`source: ${text}\n`).source;
  assert.deepEqual(source("{ tree: ../linux }"), { kind: "tree", path: `${DIR}/../linux` });
  assert.deepEqual(source(`{ tarball: l.tar, sha256: ${SHA} }`), {
    kind: "tarball",
    location: `${DIR}/l.tar`,
    sha256: SHA,
  });
  assert.deepEqual(source("{ git: user@host.org:linux.git, ref: main }"), {
    kind: "git",
    repository: "user@host.org:linux.git",
    ref: "main",
  });
});

Deno.test("parseKernelSpec() reads a list of sources in its order", () => {
  const { source, otherSources } = parse([
    "source:",
    "  - debian: linux-source-7.3",
    "    suite: trixie-backports",
    "  - debian: linux-source-7.3",
    "  - tree: ${LINUX}",
    `  - { tarball: ~/l.tar.xz, sha256: ${SHA} }`,
  ].join("\n"));
  assert.deepEqual([source, ...otherSources!], [
    { kind: "debian", package: "linux-source-7.3", suite: "trixie-backports" },
    { kind: "debian", package: "linux-source-7.3" },
    { kind: "tree", path: "/src/linux" },
    { kind: "tarball", location: "/home/me/l.tar.xz", sha256: SHA },
  ]);
  assert.equal(parse("source: [{ tree: /src }]\n").otherSources, undefined);
});

Deno.test("parseKernelSpec() puts a variable or the home at the beginning of a path", () => {
  const path = (text: string) => {
    const { source } = parse(`source: { tree: ${text} }\n`);
    return source.kind === "tree" ? source.unset ?? source.path : null;
  };
  assert.equal(path("~/src/linux"), "/home/me/src/linux");
  assert.equal(path("$LINUX"), "/src/linux");
  assert.equal(path('"${LINUX}/a~b"'), "/src/linux/a~b");
  assert.equal(path("~other/linux"), `${DIR}/~other/linux`);
  assert.equal(path("$EMPTY/linux"), "EMPTY");
  assert.equal(path("$NOWHERE"), "NOWHERE");
  const { source } = parse(`source: { tarball: $NOWHERE/l.tar, sha256: ${SHA} }\n`);
  assert.deepEqual(source, {
    ...{ kind: "tarball", location: "$NOWHERE/l.tar", sha256: SHA, unset: "NOWHERE" },
  });
});

Deno.test("parseKernelSpec() reads the series in its order", () => {
  const spec = parse(
    "description: ours\nsource: { debian: linux-source-6.12 }\n",
    "# ours\n0001-a.patch\n\n0002-b.patch  # second\n",
  );
  assert.deepEqual(spec.series, [{ file: `${DIR}/patches/0001-a.patch` }, {
    file: `${DIR}/patches/0002-b.patch`,
  }]);
});

Deno.test("parseKernelSpec() says where and what when a file is wrong", () => {
  const cases: readonly [string, RegExp][] = [
    ["description: x\n", /:1:1: the file lacks the key "source"$/],
    ["source: {}\n", /:1:9: source needs exactly one of debian, tarball, git, tree$/],
    ["source: { debian: x1, tree: y }\n", /source needs exactly one of/],
    ["source: { debian: Linux! }\n", /:1:19: "Linux!" is no name of a Debian package$/],
    ["source: { debain: x }\n", /:1:11: unknown key "debain" in source; did you mean "debian"\?/],
    ["source: { tarball: x.tar }\n", /a tarball source needs "sha256"$/],
    [
      "source: { tarball: x.tar, sha256: abc }\n",
      /:1:35: sha256 must be 64 hex digits, found 3 characters$/,
    ],
    ["source: { git: x }\n", /a git source needs "ref"/],
    ["source: []\n", /:1:9: source is an empty list: one of debian, tarball, git, tree$/],
    ["source: linux-6.12\n", /:1:9: source must be a map with one of .*, such as `debian: linux-/],
    ["source: [linux-source-7.3]\n", /:1:10: source\[0\] must be a map with one of debian/],
    ["source: { debian: linux-source-7.3/sid }\n", /package; the suite stands in a key of its own/],
    ["source: { debian: linux-source-7.3=7.3.4-1 }\n", /package; the newest version that there is/],
    ["source: { tree: file:///src }\n", /:1:17: a tree is a folder of this machine, and file:/],
    ["source:\n  - tree: x\n  - {}\n", /:3:5: source\[1\] needs exactly one of debian/],
    [
      "source: { debian: x1, tree: y }\n",
      /needs exactly one of .*; several are a list, each behind a -$/,
    ],
    [
      "source:\n  - tree: x\n  - tree: x\n",
      /:3:5: source\[1\] is the same as source\[0\]: one of them can go$/,
    ],
    [
      "source: { debian: x1, suite: http://x }\n",
      /:1:30: "http:\/\/x" is no name of a suite, such as "trixie-backports", or "backports" for/,
    ],
    ["source: { debian: x1, suite: 13 }\n", /:1:30: "13" is no name of a suite/],
    ["source: { tree: x, suite: sid }\n", /"suite" has no meaning for a tree source$/],
    ["source: { tree: a/$LINUX }\n", /:1:17: "\$" may stand at the beginning alone, as \$NAME or/],
    ["source: { tree: $RELATIVE }\n", /:1:17: RELATIVE=linux: an absolute path is wanted/],
    ["source: { tree: x, ref: v1 }\n", /:1:25: "ref" has no meaning for a tree source$/],
    [`source: { git: x, ref: v1, sha256: ${SHA} }\n`, /"sha256" has no meaning for a git source$/],
    ["source: { tree: x }\ndescripton: y\n", /:2:1: unknown key "descripton"; did you mean/],
  ];
  for (const [text, message] of cases) {
    const error = errorOf(() => parse(text));
    assert.equal(error.kind, "usage");
    assert.match(error.message, /^kernels\/k\/kernel\.yaml:\d+:\d+: /);
    assert.match(error.message, message);
    assert.match(error.detail, /\n +\^$/);
  }
});

Deno.test("parseSeriesFile() refuses names that lead out of the folder", () => {
  for (const name of ["/etc/x.patch", "../x.patch", "a/../../x.patch", "a b.patch"]) {
    assert.equal(errorOf(() => parseSeriesFile(`${name}\n`, DIR)).id, "bad-series", name);
  }
  assert.deepEqual(parseSeriesFile("sub/x.patch\r\n", DIR), [{ file: `${DIR}/sub/x.patch` }]);
});

Deno.test("parseKernelSpec() reads which objects a tree leaves uninstrumented", () => {
  const spec = (list: string | null) =>
    parseKernelSpec("k", DIR, "k.yaml", "source: { tree: x }\n", null, list).uninstrumented;
  assert.equal(spec(null), null);
  assert.deepEqual(spec("# why\narch/x86/boot/*  # early\n\nmm/slub.o\n"), [
    "arch/x86/boot/*",
    "mm/slub.o",
  ]);
});
