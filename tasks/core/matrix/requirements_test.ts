// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { packageManagerOf } from "./package_manager.ts";
import { type Cell, COMPILER_FEATURES } from "../model/model.ts";
import { sampleCell, sampleConfig, sampleKernel } from "../../testing/samples.ts";
import {
  featureFlags,
  featureProbeArgv,
  type Requirement,
  requirementsFor,
  versionAtLeast,
} from "./requirements.ts";

const find = (cells: readonly Cell[], id: string): Requirement | undefined =>
  requirementsFor(cells).find((one) => one.id === id);

Deno.test("versionAtLeast() compares number by number", () => {
  for (
    const [found, minimum] of [
      ["13.0.1", "13.0.1"],
      ["22.1.8", "13.0.1"],
      ["4.0", "4.0.0"],
      ["4.10", "4.9"],
      ["2.6.4", "2.5.35"],
      ["3.8.2", "2.0"],
    ] as const
  ) assert.equal(versionAtLeast(found, minimum), true, `${found} ${minimum}`);
  for (
    const [found, minimum] of [["13.0.0", "13.0.1"], ["3.82", "4.0"], ["4", "4.0.1"]] as const
  ) assert.equal(versionAtLeast(found, minimum), false, `${found} ${minimum}`);
});

Deno.test("packageManagerOf() reads os-release of the four families, and knows no other", () => {
  const cases: readonly [string, string | null][] = [
    ['PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nID=debian\n', "apt"],
    ["ID=ubuntu\nID_LIKE=debian\n", "apt"],
    ['ID="linuxmint"\nID_LIKE="ubuntu debian"\n', "apt"],
    ["ID=fedora\n", "dnf"],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf"],
    ["ID=arch\n", "pacman"],
    ["ID=endeavouros\nID_LIKE='arch'\n", "pacman"],
    ['ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "zypper"],
    ["ID=alpine\n", null],
    ['NAME="debian"\nVARIANT_ID=debian\n', null],
    ["", null],
  ];
  for (const [text, manager] of cases) assert.equal(packageManagerOf(text), manager, text);
});

Deno.test("requirementsFor() lists each thing once, with a reason and a package where one helps", () => {
  const all = requirementsFor([
    sampleCell("linux-6.12/nokcov"),
    sampleCell("linux-6.12/kcov/smp4"),
    sampleCell("linux-6.13/kcov"),
  ]);
  const ids = all.map((one) => one.id);
  assert.deepEqual(ids, [...new Set(ids)]);
  for (
    const id of [
      ...["clang-22", "ld.lld-22", "llvm-ar-22", "llvm-nm-22", "llvm-objcopy-22", "make", "flex"],
      ...["bison", "bc", "libelf headers", "cpio", "tar", "xz", "qemu-system-x86_64"],
      ...["libquickjs", "linux-source-6.12", "disk", "memory", "clang-22 -static"],
    ]
  ) assert.ok(ids.includes(id), id);
  for (const { id, why, packages, probe } of all) {
    assert.notEqual(why, "", id);
    if (!["disk", "memory"].includes(probe.kind)) assert.ok(packages?.apt, id);
  }
});

Deno.test("requirementsFor() names versioned packages where the toolchain has a suffix", () => {
  assert.equal(find([sampleCell("k/c")], "ld.lld-22")!.packages!.apt, "lld-22");
  assert.equal(find([sampleCell("k/c")], "ld.lld-22")!.packages!.dnf, "lld");
  const plain = sampleCell("k/c", { toolchain: { id: "clang", llvm: "1" } });
  assert.equal(find([plain], "clang")!.packages!.apt, "clang");
  const folder = sampleCell("k/c", { toolchain: { id: "own", llvm: "/opt/bin/", cc: "ccache" } });
  assert.ok(find([folder], "ccache") && find([folder], "/opt/bin/llvm-nm"));
});

Deno.test("requirementsFor() probes a compiler feature when a config requires it, without blocking others", () => {
  const config = sampleConfig("kcov", { requires: ["trace-pc", "kernel-address"] });
  const cells = [sampleCell("k/nokcov"), sampleCell("k/kcov", { config })];
  const probed = requirementsFor(cells).filter((one) => /^clang-22: /.test(one.id));
  assert.deepEqual(probed.map(({ id, blocksRun, packages }) => [id, blocksRun, packages]), [
    ["clang-22: trace-pc", false, null],
    ["clang-22: kernel-address", false, null],
  ]);
  assert.equal(probed[0]!.why, "required by kcov");
});

Deno.test("requirementsFor() needs room for each kernel and each build", () => {
  const disk = (...ids: string[]) => {
    const { probe } = find(ids.map((id) => sampleCell(id)), "disk")!;
    return probe.kind === "disk" ? probe.bytes : 0;
  };
  const [one, two, machine] = [disk("a/x"), disk("a/x", "a/y"), disk("a/x", "a/x/smp4")];
  assert.ok(two > one);
  assert.equal(machine, one);
  assert.ok(disk("a/x", "b/x") - one > two - one, "a kernel takes more than a build");
});

Deno.test("requirementsFor() asks more for a kernel on a real base", () => {
  const base = [{ kind: "target", name: "defconfig" }] as const;
  const real = sampleCell("k/c", { config: sampleConfig("c", { base }) });
  const bytes = (cell: ReturnType<typeof sampleCell>) => {
    const { probe } = find([cell], "disk")!;
    return probe.kind === "disk" ? probe.bytes : 0;
  };
  assert.ok(bytes(real) > bytes(sampleCell("k/c")) + (1 << 30));
  assert.equal(find([real], "openssl headers")!.packages!.apt, "libssl-dev");
  assert.equal(find([sampleCell("k/c")], "openssl headers"), undefined);
});

Deno.test("requirementsFor() asks for what the kind of source and a series take", () => {
  const ids = (kernel: Parameters<typeof sampleKernel>[1]) =>
    requirementsFor([sampleCell("k/c", { kernel: sampleKernel("k", kernel) })]).map((one) =>
      one.id
    );
  const has = (list: readonly string[], ...wanted: string[]) =>
    assert.deepEqual(
      ["tar", "xz", "curl", "git"].filter((id) => list.includes(id)),
      wanted,
    );
  const tree = { kind: "tree", path: "/src" } as const;
  const sha256 = "ab".repeat(32);
  has(ids({ source: tree }));
  has(ids({ source: tree, series: [{ file: "/p/1.patch" }] }), "git");
  has(ids({ source: { kind: "tarball", location: "/l.tar.xz", sha256 } }), "tar", "xz");
  has(ids({ source: { kind: "tarball", location: "https://x/l", sha256 } }), "tar", "xz", "curl");
  const git = { kind: "git", repository: "r", ref: "v1" } as const;
  has(ids({ source: git, series: [{ file: "/p/1.patch" }] }), "tar", "git");
  const commits = { kind: "commits", repository: "/r", range: "a..b", base: "a", commits: [] };
  has(ids({ source: { ...commits, kind: "commits" } }), "git");
});

Deno.test("requirementsFor() finds versions in what programs really print", () => {
  const printed: Readonly<Record<string, [string, string]>> = {
    "clang-22": [
      "Debian clang version 22.1.8 (1~deb12u1)\nTarget: x86_64-pc-linux-gnu\n",
      "22.1.8",
    ],
    "ld.lld-22": ["Debian LLD 22.1.8 (compatible with GNU linkers)\n", "22.1.8"],
    "llvm-ar-22": ["Debian LLVM version 22.1.8\n  Optimized build.\n", "22.1.8"],
    "llvm-objcopy-22": [
      "llvm-objcopy, compatible with GNU objcopy\nLLVM (http://llvm.org/):\n  LLVM version 16.0.6\n",
      "16.0.6",
    ],
    "make": ["GNU Make 4.3\nBuilt for x86_64-pc-linux-gnu\n", "4.3"],
    "flex": ["flex 2.6.4\n", "2.6.4"],
    "bison": ["bison (GNU Bison) 3.8.2\nWritten by Robert Corbett\n", "3.8.2"],
    "bc": ["bc 1.07.1\nCopyright 1991-1994\n", "1.07.1"],
    "cpio": ["cpio (GNU cpio) 2.13\n", "2.13"],
    "tar": ["tar (GNU tar) 1.34\n", "1.34"],
    "xz": ["xz (XZ Utils) 5.4.1\nliblzma 5.4.1\n", "5.4.1"],
    "qemu-system-x86_64": ["QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n", "7.2.22"],
  };
  for (const [id, [text, version]] of Object.entries(printed)) {
    const { probe } = find([sampleCell("k/c")], id)!;
    assert.ok(probe.kind === "version");
    assert.equal(probe.pattern.exec(text)?.[1], version, id);
    assert.ok(probe.minimum === null || versionAtLeast(version, probe.minimum), id);
  }
});

Deno.test("featureProbeArgv() compiles an empty file with the feature's flags for x86-64", () => {
  assert.deepEqual(featureProbeArgv({ id: "c", llvm: "-22" }, "drop-ctors"), [
    "clang-22",
    "--target=x86_64-linux-gnu",
    "-fsanitize-coverage=trace-pc-guard",
    "-mllvm",
    "-sanitizer-coverage-drop-ctors",
    "-c",
    "-x",
    "c",
    "/dev/null",
    "-o",
    "/dev/null",
  ]);
  const own = COMPILER_FEATURES.filter((feature) => feature !== "dataflow");
  assert.equal(new Set(own.map((feature) => featureFlags(feature).join(" "))).size, own.length);
});
