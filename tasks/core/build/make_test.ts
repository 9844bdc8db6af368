// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  type BuildIdentity,
  buildIdentityText,
  clangOf,
  llvmTool,
  makeArgv,
  type MakeRequest,
  moduleArgv,
} from "./make.ts";

const REQUEST: MakeRequest = {
  source: { path: "/src/linux", digest: "d" },
  buildDir: "/cache/builds/0123",
  toolchain: { id: "clang-22", llvm: "-22" },
  jobs: 2,
  variables: {},
};

/** Names of files are the same wherever the source and the build folder lie. */
const DEBUG_FLAGS = [
  "-gline-tables-only",
  "-ffile-prefix-map=/src/linux/=",
  "-ffile-prefix-map=../../../src/linux/=",
  "-ffile-prefix-map=/cache/builds/0123=.",
].join(" ");

Deno.test("llvmTool() names programs as kbuild does for each form of LLVM=", () => {
  assert.equal(llvmTool("1", "ld.lld"), "ld.lld");
  assert.equal(llvmTool("-22", "ld.lld"), "ld.lld-22");
  assert.equal(llvmTool("/opt/llvm/bin/", "ld.lld"), "/opt/llvm/bin/ld.lld");
});

Deno.test("clangOf() gives CC= when it is set", () => {
  assert.equal(clangOf({ id: "a", llvm: "-22" }), "clang-22");
  assert.equal(clangOf({ id: "a", llvm: "-22", cc: "clang-dev" }), "clang-dev");
});

Deno.test("makeArgv() builds out of tree, with fixed stamps", () => {
  assert.deepEqual(makeArgv(REQUEST, ["vmlinux", "modules"]), [
    "make",
    "-C",
    "/src/linux",
    "-j2",
    "--output-sync=target",
    "O=/cache/builds/0123",
    "LLVM=-22",
    "ARCH=x86_64",
    "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 2026",
    "KBUILD_BUILD_USER=kmatrix",
    "KBUILD_BUILD_HOST=kmatrix",
    "KBUILD_BUILD_VERSION=1",
    "LOCALVERSION=",
    `KCFLAGS=${DEBUG_FLAGS}`,
    "vmlinux",
    "modules",
  ]);
});

Deno.test("makeArgv() passes the user's W, V and KCFLAGS on, and CC= of the toolchain", () => {
  const argv = makeArgv({
    ...REQUEST,
    toolchain: { id: "clang-22", llvm: "1", cc: "clang-dev" },
    variables: { W: "1", V: "1", KCFLAGS: "-DX=1 -O1" },
  }, ["vmlinux"]);
  assert.deepEqual(argv.filter((word) => /^(LLVM|CC|W|V|KCFLAGS)=/.test(word)), [
    "LLVM=1",
    "CC=clang-dev",
    `KCFLAGS=${DEBUG_FLAGS} -DX=1 -O1`,
    "W=1",
    "V=1",
  ]);
});

Deno.test("moduleArgv() builds a folder's module as the kernel was built", () => {
  const kernel = makeArgv(REQUEST, ["modules"]);
  const argv = moduleArgv(REQUEST, "/cache/builds/0123/kmatrix-modules/probe");
  assert.deepEqual(argv.filter((word) => !kernel.includes(word)), [
    "M=/cache/builds/0123/kmatrix-modules/probe",
  ]);
  assert.deepEqual(kernel.filter((word) => !argv.includes(word)), []);
});

Deno.test("buildIdentityText() changes when, and only when, the build would", () => {
  const identity: BuildIdentity = {
    sourcePath: "/s",
    fragment: "CONFIG_KCOV=y\n",
    toolchain: "clang 22.1",
    variables: { W: "1", KCFLAGS: "-O1" },
    targets: ["vmlinux"],
  };
  const text = buildIdentityText(identity);
  assert.equal(
    buildIdentityText({ ...identity, variables: { KCFLAGS: "-O1", W: "1" } }),
    text,
    "the order of variables must not matter",
  );
  const others: Partial<BuildIdentity>[] = [
    { sourcePath: "/t" },
    { fragment: "CONFIG_KCOV=n\n" },
    { toolchain: "clang 22.2" },
    { variables: { W: "2", KCFLAGS: "-O1" } },
    { variables: {} },
    { targets: ["vmlinux", "modules"] },
  ];
  const texts = others.map((other) => buildIdentityText({ ...identity, ...other }));
  assert.equal(new Set([text, ...texts]).size, others.length + 1);
});
