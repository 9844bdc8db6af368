// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  explainChanges,
  formatBuildReason,
  isSameBuild,
  likeness,
  parseBuildInputs,
  parseBuildReason,
  toolchainChanges,
} from "./build_inputs.ts";
import type { BuildInputs } from "../model/model.ts";

const INPUTS: BuildInputs = {
  kernel: "linux-6.12-unique",
  config: "kcov-unique",
  toolchain: "clang-22",
  source: {
    path: "/cache/sources/linux-6.12-unique",
    version: "6.12.1",
    digest: "s1",
    patches: [{ name: "0001-a.patch", digest: "a1" }, { name: "0002-b.patch", digest: "b1" }],
  },
  fragment: "#\n# configs/base.config\n#\nCONFIG_MODULES=y\n# CONFIG_SMP is not set\n",
  compiler: "/usr/bin/clang-22 clang version 22.1.0\n/usr/bin/ld.lld-22 LLD 22.1.0",
  variables: {},
};

function changed(
  source: Partial<BuildInputs["source"]>,
  rest: Partial<BuildInputs> = {},
): string[] {
  return explainChanges(INPUTS, { ...INPUTS, ...rest, source: { ...INPUTS.source, ...source } });
}

Deno.test("explainChanges() names what is different, and nothing where nothing is", () => {
  assert.deepEqual(changed({}), []);
  assert.deepEqual(changed({ digest: "s2", version: "6.12.2" }), ["version 6.12.1 → 6.12.2"]);
  assert.deepEqual(changed({ digest: "s2" }), ["files of the source"]);
  assert.deepEqual(changed({ path: "/elsewhere" }), [
    "the source lies elsewhere: /cache/sources/linux-6.12-unique → /elsewhere",
  ]);
  assert.deepEqual(
    changed({}, { fragment: INPUTS.fragment.replace("# CONFIG_SMP is not set", "CONFIG_SMP=y") }),
    ["requested options: - # CONFIG_SMP is not set, + CONFIG_SMP=y"],
  );
  assert.deepEqual(
    changed({}, {
      compiler: INPUTS.compiler.replace("clang version 22.1.0", "clang version 22.1.1"),
    }),
    [
      "the toolchain: - /usr/bin/clang-22 clang version 22.1.0, " +
      "+ /usr/bin/clang-22 clang version 22.1.1",
    ],
  );
  assert.deepEqual(changed({}, { variables: { KCFLAGS: "-O1" } }), ['KCFLAGS: "" → "-O1"']);
  assert.deepEqual(changed({}, { plugin: "ab" }), ["the dataflow plugin: none → ab"]);
  assert.deepEqual(changed({}, { form: "own-1" }), ["the dataflow form: none → own-1"]);
});

Deno.test("explainChanges() names the patches of a series that are new, gone, changed or elsewhere", () => {
  const [first, second] = INPUTS.source.patches;
  const series = (...patches: BuildInputs["source"]["patches"]) =>
    changed({ digest: "s2", patches });
  assert.deepEqual(series(first!, { ...second!, digest: "b2" }), [
    "the series: 0002-b.patch has changed",
  ]);
  assert.deepEqual(series(first!), ["the series: - 0002-b.patch"]);
  assert.deepEqual(series(first!, second!, { name: "0003-c.patch", digest: "c" }), [
    "the series: + 0003-c.patch",
  ]);
  assert.deepEqual(series(second!, first!), ["the series: another order"]);
  const many = Array.from({ length: 5 }, (_, n) => ({ name: `n${n}.patch`, digest: `${n}` }));
  assert.deepEqual(series(first!, second!, ...many), [
    "the series: + n0.patch, + n1.patch, + n2.patch, and 2 more",
  ]);
});

Deno.test("isSameBuild() looks at kernel, config and toolchain", () => {
  assert.ok(isSameBuild(INPUTS, { ...INPUTS, fragment: "" }));
  for (const other of [{ kernel: "x" }, { config: "x" }, { toolchain: "x" }]) {
    assert.ok(!isSameBuild(INPUTS, { ...INPUTS, ...other }));
  }
});

Deno.test("likeness() is the share of options that two builds have in common, on one base", () => {
  const of = (fragment: string, base?: string) => ({
    ...INPUTS,
    fragment,
    ...(base === undefined ? {} : { base }),
  });
  const kcov = of("CONFIG_KCOV=y\nCONFIG_DEBUG_FS=y\n");
  assert.equal(likeness(kcov, kcov), 1);
  assert.equal(likeness(kcov, of("CONFIG_KCOV=y\nCONFIG_SMP=y\n")), 1 / 3);
  assert.equal(likeness(kcov, of("# CONFIG_KCOV is not set\n")), 0);
  assert.equal(likeness(kcov, of(kcov.fragment, "defconfig")), 0);
  assert.equal(likeness(of(""), of("")), 1);
});

Deno.test("parseBuildInputs() gives back what was written, and null for damage", () => {
  for (const inputs of [INPUTS, { ...INPUTS, plugin: "ab" }, { ...INPUTS, form: "own-1" }]) {
    assert.deepEqual(parseBuildInputs(JSON.stringify(inputs)), inputs);
  }
  for (const text of [null, "", "{", "null", "[]", "{}", '{"kernel": 1}']) {
    assert.equal(parseBuildInputs(text), null, `${text}`);
  }
});

Deno.test("toolchainChanges() names files that are other ones, and says nothing where none are known", () => {
  const files = (toolchainFiles: Record<string, string>) => ({ toolchainFiles });
  const before = files({ "/bin/clang": "c1", "/lib/libLLVM.so": "l1" });
  assert.deepEqual(toolchainChanges(before, before), []);
  assert.deepEqual(toolchainChanges({}, before), []);
  assert.deepEqual(toolchainChanges(before, {}), []);
  assert.deepEqual(
    toolchainChanges(before, files({ "/bin/clang": "c2", "/lib/libLLVM.so.2": "l1" })),
    ["/bin/clang has changed", "+ /lib/libLLVM.so.2", "- /lib/libLLVM.so"],
  );
  assert.deepEqual(explainChanges({ ...INPUTS, ...before }, { ...INPUTS, ...files({}) }), [
    "the toolchain: - /bin/clang, - /lib/libLLVM.so",
  ]);
});

Deno.test("formatBuildReason() says when and why; what is no reason is none", () => {
  const why = { at: "2026-01-02T03:04:05.678Z", reasons: ["a", "b"], first: false };
  const say = (change: Partial<typeof why>) =>
    formatBuildReason(parseBuildReason(JSON.stringify({ ...why, ...change }))!);
  assert.equal(say({}), "built 2026-01-02 03:04 UTC: a; b");
  assert.equal(say({ first: true }), "built 2026-01-02 03:04 UTC: for the first time");
  assert.match(say({ reasons: [] }), /it was changed since, or the build was interrupted$/);
  for (const text of [null, "", "{}", "null", '{"at":1,"reasons":[]}']) {
    assert.equal(parseBuildReason(text), null);
  }
});
