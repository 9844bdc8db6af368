// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { BuildInputs } from "../model/model.ts";
import { differingOptions, mayBegin, optionsOfMakefile, parseBuildStart } from "./build_start.ts";

const INPUTS: BuildInputs = {
  ...{ kernel: "k", config: "c", toolchain: "t", compiler: "clang", variables: { A: "1", B: "2" } },
  source: { path: "/s", version: "6", digest: "d", patches: [] },
  fragment: "CONFIG_A=y\n",
  toolchainFiles: { "/a": "1", "/b": "2" },
};
const asking = (fragment: string): BuildInputs => ({ ...INPUTS, fragment });

Deno.test("mayBegin() asks for the same ground, in whatever order it is told", () => {
  const turned = {
    ...INPUTS,
    variables: { B: "2", A: "1" },
    toolchainFiles: { "/b": "2", "/a": "1" },
  };
  assert.equal(mayBegin(INPUTS, turned), true);
  assert.equal(mayBegin(INPUTS, asking("CONFIG_Q=m\n")), true);
  assert.equal(mayBegin(INPUTS, { ...INPUTS, variables: { A: "1" } }), false);
  assert.equal(mayBegin(INPUTS, { ...INPUTS, base: "x" }), false);
  assert.equal(mayBegin(INPUTS, { ...INPUTS, late: "off" }), false);
  // Commands of a build with a plugin name it, but those that ask a script for it.
  const formed = { ...INPUTS, form: "own-1", plugin: "ab" };
  assert.equal(mayBegin(INPUTS, { ...INPUTS, plugin: "ab" }), true);
  assert.equal(mayBegin(formed, { ...formed, fragment: "" }), true);
  for (const other of [{ form: "own-2" }, { plugin: "cd" }]) {
    assert.equal(mayBegin(formed, { ...formed, ...other }), false);
  }
  assert.equal(mayBegin({ ...INPUTS, plugin: "ab" }, formed), false);
});

Deno.test("differingOptions() names options by lines that only one build asks for", () => {
  const other = asking('# CONFIG_A=y is why\nCONFIG_A=m\n# CONFIG_B is not set\nCONFIG_C="a b"\n');
  // A comment that reads like a line counts as one: it costs a copy at most.
  assert.deepEqual(differingOptions(INPUTS, other), ["CONFIG_A", "CONFIG_B", "CONFIG_C"]);
  assert.deepEqual(differingOptions(other, other), []);
  assert.deepEqual(differingOptions(INPUTS, asking("# why\n\nCONFIG_A=y")), []);
});

Deno.test("optionsOfMakefile() has every option outside of comments, once", () => {
  const text = "ifdef CONFIG_A\n# CONFIG_B\n\t# CONFIG_C\nx-$(CONFIG_D)-$(CONFIG_A) := 1 # y\n";
  assert.deepEqual(optionsOfMakefile(text), ["CONFIG_A", "CONFIG_D"]);
});

Deno.test("parseBuildStart() is null for anything that is no such file", () => {
  for (const one of [null, "", "{", "[]", '{"key":1,"name":"a"}', '{"key":"k"}']) {
    assert.equal(parseBuildStart(one), null);
  }
  assert.deepEqual(parseBuildStart('{"key":"k","name":"a/b"}'), { key: "k", name: "a/b" });
});
