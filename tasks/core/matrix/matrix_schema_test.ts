// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Ajv } from "ajv";
import { parse as parseYaml } from "yaml";
import { KmatrixError } from "../model/errors.ts";
import { sampleKernel } from "../../testing/samples.ts";
import { parseMatrix } from "./matrix.ts";
import { matrixSchema } from "./matrix_schema.ts";

const ROOT = new URL("../../../", import.meta.url);
const FILE = new URL("kmatrix.schema.json", ROOT);
const SCHEMA = matrixSchema([sampleKernel("k")]);
const isValid = new Ajv({ allowUnionTypes: true }).compile(SCHEMA);

Deno.test("kmatrix.schema.json is what the reader of a matrix asks for", async () => {
  if (Deno.env.get("UPDATE_SCHEMA")) {
    await Deno.writeTextFile(FILE, `${JSON.stringify(SCHEMA, null, 2)}\n`);
  }
  assert.deepEqual(JSON.parse(await Deno.readTextFile(FILE)), SCHEMA);
});

Deno.test("the schema takes the matrices of the project", async () => {
  for (const name of ["matrix.yaml", "starter/matrix.yaml", "selftests/crash/matrix.yaml"]) {
    const matrix = parseYaml(await Deno.readTextFile(new URL(name, ROOT)));
    assert.ok(isValid(matrix), `${name}: ${JSON.stringify(isValid.errors)}`);
  }
});

/** A matrix with one line of it replaced. */
const BASE = [
  'toolchains: { c: { llvm: "-22" } }',
  "machines: { m: { cpus: 1, memoryMiB: 256 } }",
  "configs: { a: { fragments: [f] } }",
  "product: [{ kernels: [k], configs: [a] }]",
];

Deno.test("the schema and the reader are of one mind about keys, kinds and words", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["", true],
    ["configs: { a: { fragments: [f], base: defconfig } }", true],
    ["configs: { a: { fragments: [f], base: [defconfig, kvm_guest.config] } }", true],
    ["configs: { a: { fragments: [f], requires: [trace-pc, trace-cmp] } }", true],
    ["configs: { a: { fragments: [f], requires: [trace-pcs] } }", false],
    ["configs: { a: { fragments: f } }", false],
    ["configs: { a: { requires: [trace-pc] } }", false],
    ["configs: { a: { fragments: [f], bse: defconfig } }", false],
    ["configs: [a]", false],
    ["machines: { m: { cpus: 0, memoryMiB: 256 } }", false],
    ["machines: { m: { cpus: 1.5, memoryMiB: 256 } }", false],
    ["machines: { m: { cpus: 1, memoryMiB: 32 } }", false],
    ["machines: { m: { cpus: 1 } }", false],
    ["toolchains: { c: { llvm: 1 } }", true],
    ["toolchains: { c: { llvm: true } }", false],
    ["toolchains: { c: { llvm: [1] } }", false],
    ["product: [{ kernels: [k] }]", false],
    ["product: { kernels: [k], configs: [a] }", false],
    ["produkt: []", false],
    ["expect: { k/a: pass }", true],
    ["expect: { k/a: passes }", false],
    ["expect: { k/a: { fail: { reason: r, link: l } } }", false],
    ["template: k", true],
    ["template: [a]", true],
    ["template: { configs: [a] }", true],
    ["template: { kernel: k }", false],
    ["warnings: [{ match: m, reason: r }]", true],
    ["warnings: [{ match: m }]", false],
    ["include: [k/a]", true],
    ["include: k/a", false],
  ];
  for (const [line, isGood] of cases) {
    const key = line.split(":")[0]!;
    const text = [...BASE.filter((one) => key === "" || !one.startsWith(`${key}:`)), line].join(
      "\n",
    );
    assert.equal(isValid(parseYaml(text)), isGood, `the schema on ${line}`);
    assert.equal(isRead(text), isGood, `the reader on ${line}`);
  }
});

function isRead(text: string): boolean {
  try {
    parseMatrix("/matrix.yaml", text, {
      ...{ kernels: [sampleKernel("k")], fragments: ["f"], today: "2026-01-01", tests: null },
    });
    return true;
  } catch (error) {
    assert.ok(error instanceof KmatrixError && error.kind === "usage");
    return false;
  }
}
