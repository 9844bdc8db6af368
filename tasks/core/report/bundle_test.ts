// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FEATURES } from "../../../selftests/contract/features.ts";
import type { CellVerdict, SourceSpec } from "../model/model.ts";
import { KmatrixError } from "../model/errors.ts";
import { parseManifest, verdictDifferences } from "./bundle.ts";

const verdict = (
  ...failures: readonly (readonly [id: string, message: string, ...tests: string[]])[]
): CellVerdict => ({
  kind: "failed",
  failures: failures.map(([id, message, ...tests]) => ({
    ...{ kind: "test", id, message, detail: "" },
    subject: tests.length === 0 ? { stage: "boot" } : { tests },
  })),
});
const PASSED: CellVerdict = { kind: "passed", note: "" };

Deno.test("verdictDifferences() looks at tests and words, not at counts and addresses", () => {
  const recorded = verdict(["test-failed", "saw 7", "f.v.t", "f.v.u"], ["panic", "at 0xff01"]);
  const again = verdict(["panic", "at 0xee01"], ["test-failed", "saw 8", "f.v.t", "f.v.u"]);
  assert.deepEqual(verdictDifferences(recorded, again), []);
  assert.deepEqual(verdictDifferences(PASSED, { kind: "passed", note: "x" }), []);
});

Deno.test("verdictDifferences() names what is new and what is gone", () => {
  const recorded = verdict(["test-failed", "m", "f.v.t"]);
  assert.deepEqual(verdictDifferences(recorded, verdict(["test-failed", "m", "f.v.other"])), [
    "recorded only: f.v.t: test-failed",
    "now only: f.v.other: test-failed",
  ]);
  assert.deepEqual(verdictDifferences(recorded, PASSED), [
    "recorded only: f.v.t: test-failed",
    "now only: passed",
  ]);
});

const SHA = "0".repeat(64);
const MACHINE = { id: "uni", cpus: 1, memoryMiB: 256, type: "microvm", cmdline: "" };
const WHOLE = {
  ...{ format: 2, cell: "a/b", machine: MACHINE, accel: "tcg", features: ["kcov"], filter: [] },
  ...{ timeoutSeconds: null, expect: { kind: "pass" }, allow: [], declared: [], tools: {} },
  source: { spec: { kind: "tree", path: "/tree" }, version: "6.12.99", identity: null },
  ...{ qemu: ["qemu"], properties: {}, verdict: PASSED },
  digests: { vmlinux: SHA, "initramfs.cpio": SHA },
};
const read = (more: object) => parseManifest(JSON.stringify({ ...WHOLE, ...more }), "x.tar.xz");

/** What a bundle is refused for. */
function refused(more: object | string): string {
  try {
    parseManifest(
      typeof more === "string" ? more : JSON.stringify({ ...WHOLE, ...more }),
      "x.tar.xz",
    );
  } catch (error) {
    assert.ok(error instanceof KmatrixError && error.kind === "usage" && error.id === "bad-bundle");
    return error.message;
  }
  return "";
}

Deno.test("parseManifest() reads what leaves the tool", () => {
  for (const cell of ["a/b", "linux-6.12+fix/kcov@clang-23/smp4"]) {
    assert.equal(read({ cell }).cell, cell);
  }
  assert.deepEqual(read({ machine: { ...MACHINE, qemuArgs: ["-d", "int"] } }).machine.qemuArgs, [
    ...["-d", "int"],
  ]);
});

Deno.test("parseManifest() reads sources of every kind", () => {
  // A kind that is added to SourceSpec is missed here by the compiler.
  const kinds: { readonly [K in SourceSpec["kind"]]: Extract<SourceSpec, { kind: K }> } = {
    debian: { kind: "debian", package: "linux-source-6.12" },
    tarball: { kind: "tarball", location: "/x.tar", sha256: SHA },
    git: { kind: "git", repository: "/r", ref: "v6.12" },
    tree: { kind: "tree", path: "/t" },
    commits: {
      ...{ kind: "commits", repository: "/r", range: "a..b", base: "0" },
      commits: [{ id: "1", subject: "s" }],
    },
  };
  for (const spec of Object.values(kinds)) {
    const identity = {
      ...{ kernel: "k", spec, version: "6.12.99", digest: "0", patches: [], tree: null },
    };
    const source = { spec, version: "6.12.99", identity };
    assert.deepEqual(read({ source }).source, source);
  }
});

Deno.test("parseManifest() refuses damage and other formats, and says what is wrong where", () => {
  const cases: readonly [object | string, string][] = [
    ["", "x.tar.xz: bundle.json: it is empty"],
    ["{", "x.tar.xz: bundle.json: it is no JSON"],
    ["null", "x.tar.xz: bundle.json: the whole must be an object, found null"],
    ['{"cell":"a/b"}', "x.tar.xz: its format is none, and this version reads 2"],
    [{ format: 1 }, "x.tar.xz: its format is 1, and this version reads 2"],
    [{ format: "9" }, 'x.tar.xz: its format is "9", and this version reads 2'],
    [{ machine: undefined }, "x.tar.xz: bundle.json: machine is missing"],
    [{ verdict: {} }, "x.tar.xz: bundle.json: verdict.kind is missing"],
    [{ declared: [{}] }, "x.tar.xz: bundle.json: declared.0.id is missing"],
    [
      { features: ["kcov", "x-ray"] },
      `x.tar.xz: bundle.json: features.1 must be (${
        FEATURES.map((name) => `"${name}"`).join(" | ")
      }), found "x-ray"`,
    ],
    [
      { digests: { vmlinux: SHA } },
      "x.tar.xz: bundle.json: digests: an object is not the digests of vmlinux and initramfs.cpio",
    ],
  ];
  for (const [more, message] of cases) assert.equal(refused(more), message);
});

Deno.test("parseManifest() refuses what reaches beyond its own boot", () => {
  for (const cell of ["../../etc/x", "a/..", "/a/b", "a", "a/b/c/d/e"]) {
    assert.match(refused({ cell }), /cell: ".*" is no cell id$/);
  }
  const machines: readonly [object, RegExp][] = [
    [{ type: "virt,dumpdtb=/x" }, /machine\.type: "virt,dumpdtb=\/x" is no type of a machine$/],
    [{ cpus: 0 }, /machine\.cpus must be 1 or more, found 0$/],
    [{ memoryMiB: "1,x=2" }, /machine\.memoryMiB must be a number, found "1,x=2"$/],
    [{ cmdline: 7 }, /machine\.cmdline must be a string, found 7$/],
    [{ qemuArgs: "-d" }, /machine\.qemuArgs must be a list, found "-d"$/],
  ];
  for (const [odd, message] of machines) {
    assert.match(refused({ machine: { ...MACHINE, ...odd } }), message);
  }
  const outside = { vmlinux: SHA, "initramfs.cpio": SHA, "../../../etc/passwd": SHA };
  assert.match(refused({ digests: outside }), /is no name of a file$/);
});
