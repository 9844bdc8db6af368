// SPDX-License-Identifier: MIT
/** The schema of matrix.yaml for editors, made of what its reader asks of a file. */
import { readYaml } from "../text/yaml_reader.ts";
import { readMatrix, type Surroundings } from "./matrix.ts";

/** What places are for, as editors show it; docs/matrix.md has more. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  "toolchains": "Compilers by id; the first is the default.",
  "toolchains.*.llvm":
    "The value of make's LLVM=: 1, a suffix such as -22, or a folder with a / at its end.",
  "machines": "Machines of QEMU by id; the first is the default.",
  "machines.*.cpus": "Number of CPUs.",
  "machines.*.memoryMiB": "Memory in MiB.",
  "machines.*.type": "QEMU's -machine; without it the usual one, or what the configuration needs.",
  "machines.*.cmdline": "Appended to the kernel's command line.",
  "configs": "Kernel configurations by id.",
  "configs.*.base":
    "What the fragments go on top of: a target such as defconfig, or a .config (a path with a /), or a list; default tinyconfig.",
  "configs.*.fragments": "Names of configs/*.config, merged in this order.",
  "configs.*.requires": "Features that the compiler must have.",
  "product": "Each block gives a cell for every combination of what it lists.",
  "product[].kernels": "Ids of kernels/*.",
  "product[].configs": "Ids of configs.",
  "product[].toolchains": "Ids of toolchains; default the first.",
  "product[].machines": "Ids of machines; default the first.",
  "include":
    "Cells to add: kernel/config, with @toolchain and /machine where they are not the default.",
  "exclude": "Globs of cells to remove.",
  "expect": "What cells come to, by glob: pass, skip, or fail.",
  "expect.*.fail": "A failure that is known, until a date.",
  "expect.*.fail.tests": "Globs over ids of tests; without it the cell itself.",
  "expect.*.fail.reason": "Why it fails.",
  "expect.*.fail.link": "Where that is worked on.",
  "expect.*.fail.expires": "The last day on which it may, YYYY-MM-DD.",
  "warnings":
    "Warnings of compiler, linker and objtool that are known; any other one fails the build.",
  "warnings[].match": "A part of the line.",
  "warnings[].cells": "Globs of cells; default all.",
  "warnings[].reason": "Why it is known.",
  "template":
    "Cells of a kernel of --tree, --series or --range: a kernel's id, a list of configs, or both.",
  "template.kernel": "The kernel whose cells it gets.",
  "template.configs": "Configs besides.",
};

/** A file that has each key, each way to write it once. */
const WHOLE = `
toolchains: { c: { llvm: "-22" } }
machines: { m: { cpus: 1, memoryMiB: 64, type: t, cmdline: x } }
configs:
  a: { fragments: [f], requires: [trace-pc], base: defconfig }
  b: { fragments: [f], base: [defconfig, x.config] }
product: [{ kernels: [k], configs: [a, b], toolchains: [c], machines: [m] }]
include: [k/a]
exclude: [k/b]
expect:
  k/a: { fail: { tests: ["*"], reason: r, link: "https://e.org", expires: 9999-12-31 } }
warnings: [{ match: m, cells: ["k/*"], reason: r }]
template: { kernel: k, configs: [a] }
`;
/** What may stand there in another form. */
const OTHERS = [
  ["template: { kernel: k, configs: [a] }", "template: k"],
  ["template: { kernel: k, configs: [a] }", "template: [a]"],
  [/k\/a: \{ fail.*/, "k/a: skip"],
] as const;

const AROUND: Omit<Surroundings, "kernels"> = {
  fragments: ["f"],
  today: "2026-01-01",
  tests: null,
};

/** @param kernels Any one with the id `k`. */
export function matrixSchema(kernels: Surroundings["kernels"]): Record<string, unknown> {
  const root = readYaml("matrix.yaml", WHOLE);
  readMatrix(root, "/matrix.yaml", { ...AROUND, kernels });
  for (const [from, to] of OTHERS) {
    const other = readYaml("matrix.yaml", WHOLE.replace(from, to), root.shape);
    readMatrix(other, "/matrix.yaml", { ...AROUND, kernels });
  }
  const unread = root.shape.unread();
  if (unread.length > 0) throw new RangeError(`no sample has ${unread.join(", ")}`);
  const unused = new Set(Object.keys(DESCRIPTIONS));
  const schema = root.shape.schema((path) => {
    unused.delete(path);
    return DESCRIPTIONS[path];
  });
  if (unused.size > 0) throw new RangeError(`nothing is at ${[...unused].join(", ")}`);
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "matrix.yaml of kmatrix",
    ...schema,
  };
}
