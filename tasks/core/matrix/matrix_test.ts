// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { errorOf } from "../../testing/errors.ts";
import { sampleKernel } from "../../testing/samples.ts";
import { parseMatrix, resolveCell, type Surroundings, withBroughtKernel } from "./matrix.ts";

const AROUND: Surroundings = {
  kernels: [sampleKernel("linux-6.12"), sampleKernel("linux-6.12-unique")],
  fragments: ["base", "kcov", "kasan"],
  today: "2026-06-15",
  tests: ["kcov.pc.basic", "kcov.cmp.basic", "kcov_host.base.opens"],
};

const AXES = `toolchains:
  clang-22: { llvm: "-22" }
  clang-21: { llvm: -21 }
machines:
  uni: { cpus: 1, memoryMiB: 256 }
  smp4: { cpus: 4, memoryMiB: 512, type: q35, cmdline: "nosmt" }
configs:
  nokcov: { fragments: [base] }
  kcov: { fragments: [base, kcov], requires: [trace-pc] }
`;
const PRODUCT = `product:
  - kernels: [linux-6.12]
    configs: [nokcov, kcov]
`;

const parse = (text: string, around: Partial<Surroundings> = {}) =>
  parseMatrix("matrix.yaml", text, { ...AROUND, ...around });
const ids = (text: string) => parse(text).cells.map((cell) => cell.id);
const expectFail = (more: string) =>
  `${AXES}${PRODUCT}expect:
  linux-6.12/kcov:
    fail:
${more}`;

Deno.test("parseMatrix() reads the axes with their defaults", () => {
  const matrix = parse(AXES + PRODUCT);
  assert.deepEqual(matrix.toolchains, [{ id: "clang-22", llvm: "-22" }, {
    id: "clang-21",
    llvm: "-21",
  }]);
  assert.deepEqual(matrix.machines, [
    { id: "uni", cpus: 1, memoryMiB: 256, type: "microvm", cmdline: "" },
    { id: "smp4", cpus: 4, memoryMiB: 512, type: "q35", fixed: ["type"], cmdline: "nosmt" },
  ]);
  assert.deepEqual(matrix.configs, [
    { id: "nokcov", fragments: ["base"], requires: [] },
    { id: "kcov", fragments: ["base", "kcov"], requires: ["trace-pc"] },
  ]);
  assert.deepEqual(matrix.cells.map(({ id, expect }) => [id, expect.kind]), [
    ["linux-6.12/nokcov", "pass"],
    ["linux-6.12/kcov", "pass"],
  ]);
});

Deno.test("parseMatrix() multiplies kernels, configs, toolchains and machines in that order", () => {
  assert.deepEqual(
    ids(`${AXES}product:
  - { kernels: [linux-6.12], configs: [kcov], toolchains: [clang-22, clang-21], machines: [smp4, uni] }
`),
    [
      "linux-6.12/kcov/smp4",
      "linux-6.12/kcov",
      "linux-6.12/kcov@clang-21/smp4",
      "linux-6.12/kcov@clang-21",
    ],
  );
});

Deno.test("parseMatrix() lists a cell once when two products hold it", () => {
  const again = "  - { kernels: [linux-6.12, linux-6.12-unique], configs: [kcov] }\n";
  assert.deepEqual(ids(AXES + PRODUCT + again), [
    "linux-6.12/nokcov",
    "linux-6.12/kcov",
    "linux-6.12-unique/kcov",
  ]);
});

Deno.test("parseMatrix() adds include and then takes exclude away", () => {
  const text = `${AXES}${PRODUCT}include: [linux-6.12-unique/kcov/smp4, linux-6.12/kcov]
exclude: ["*/nokcov"]
`;
  assert.deepEqual(ids(text), ["linux-6.12/kcov", "linux-6.12-unique/kcov/smp4"]);
});

Deno.test("parseMatrix() gives each cell the last expectation whose glob matches it", () => {
  const { cells } = parse(`${AXES}${PRODUCT}expect:
  "*": skip
  linux-6.12/kcov: pass
`);
  assert.deepEqual(cells.map((cell) => cell.expect.kind), ["skip", "pass"]);
});

Deno.test("parseMatrix() reads an expected failure whole", () => {
  const { cells } = parse(expectFail(`      tests: ["kcov.*.basic"]
      reason: known
      link: https://example.org/1
      expires: 2026-12-31
`));
  assert.deepEqual(cells[1]!.expect, {
    kind: "fail",
    place: "matrix.yaml:14",
    tests: ["kcov.*.basic"],
    reason: "known",
    link: "https://example.org/1",
    expires: "2026-12-31",
  });
});

Deno.test("parseMatrix() refuses an expected failure from its expiry date on", () => {
  const on = (today: string) =>
    parse(expectFail("      { reason: r, link: l, expires: 2026-06-15 }\n"), { today });
  assert.equal(on("2026-06-14").cells.length, 2);
  for (const today of ["2026-06-15", "2027-01-01"]) {
    const error = errorOf(() => on(today));
    assert.equal(error.kind, "usage");
    assert.match(error.message, /^matrix\.yaml:16:38: expired on 2026-06-15: fix the cause/);
  }
});

Deno.test("parseMatrix() reads known warnings, for all cells where none is named", () => {
  const { warnings } = parse(`${AXES}${PRODUCT}warnings:
  - { match: "objtool: foo()", reason: r1 }
  - { match: bar, cells: ["*/kcov"], reason: r2 }
`);
  assert.deepEqual(warnings, [
    { match: "objtool: foo()", cells: ["*"], reason: "r1", place: "matrix.yaml:14" },
    { match: "bar", cells: ["*/kcov"], reason: "r2", place: "matrix.yaml:15" },
  ]);
});

Deno.test("parseMatrix() says where and what when a matrix is wrong", () => {
  const swap = (from: string, to: string) => {
    const text = AXES + PRODUCT;
    assert.ok(text.includes(from), from);
    return text.replace(from, to);
  };
  const cases: readonly [string, RegExp][] = [
    ["", /:1:1: the file must be a map, found nothing$/],
    [AXES, /:1:1: the file lacks the key "product"$/],
    [swap("product:", "produkt:"), /:10:1: unknown key "produkt"; did you mean "product"\?/],
    [swap('llvm: "-22"', "llmv: 1"), /:2:15: unknown key "llmv" in toolchains\.clang-22/],
    [swap('llvm: "-22"', "llvm: clang"), /:2:21: LLVM="clang" must be 1, a suffix such as -22/],
    [swap('{ llvm: "-22" }', "{}"), /:2:13: toolchains\.clang-22 lacks the key "llvm"$/],
    [swap("cpus: 1", "cpus: 0"), /:5:16: machines\.uni\.cpus must be a whole number of at least 1/],
    [swap("memoryMiB: 256", "memoryMiB: 8"), /:5:30: .*at least 64, found number 8$/],
    [swap("  uni:", "  u/i:"), /:5:3: "u\/i" is no id: letters, digits and \._\+- only$/],
    [swap("[base]", "[bsae]"), /:8:25: unknown fragment .* "bsae"; did you mean "base"\?/],
    [swap("[base]", "[]"), /:8:24: nokcov needs at least one fragment$/],
    [
      swap("[trace-pc]", "[trace-pcs]"),
      /:9:47: unknown compiler feature "trace-pcs"; did you mean/,
    ],
    [swap("configs: [nokcov, kcov]", "configs: [nokcov, kcvo]"), /:12:23: unknown config "kcvo"/],
    [swap("[linux-6.12]", "[linux-6.13]"), /:11:15: unknown kernel .*did you mean "linux-6\.12"\?/],
    [swap("  - kernels: [linux-6.12]\n  ", "  -"), /:11:6: product\[0\] lacks the key "kernels"$/],
    [`${AXES}${PRODUCT}include: [linux-6.12]\n`, /:13:11: "linux-6\.12" is no cell id/],
    [`${AXES}${PRODUCT}include: [linux-6.1/kcov]\n`, /:13:11: unknown kernel "linux-6\.1"/],
    [
      `${AXES}${PRODUCT}include: [linux-6.12/kcov/smp5]\n`,
      /unknown machine "smp5"; did you mean "smp4"/,
    ],
    [`${AXES}${PRODUCT}include: [linux-6.12/kcov@gcc]\n`, /unknown toolchain "gcc"/],
    [`${AXES}${PRODUCT}exclude: ["*/kasan"]\n`, /:13:11: exclude "\*\/kasan" matches no cell$/],
    [
      `${AXES}${PRODUCT}expect: { linux-6.12/kvoc: skip }\n`,
      /:13:11: expect .* matches no cell; did/,
    ],
    [`${AXES}${PRODUCT}expect: { "*": fail }\n`, /:13:16: unknown expectation/],
    [expectFail("      { link: l, expires: 2026-12-31 }\n"), /lacks the key "reason"$/],
    [expectFail("      { reason: r, expires: 2026-12-31 }\n"), /lacks the key "link"$/],
    [expectFail("      { reason: r, link: l }\n"), /lacks the key "expires"$/],
    [expectFail("      { reason: r, link: l, expires: soon }\n"), /must be a date such as/],
    [expectFail("      { reason: r, link: l, expires: 2026-13-01 }\n"), /must be a date such as/],
    [expectFail("      { reason: r, link: l, expires: 2026-11-31 }\n"), /must be a date such as/],
    [
      expectFail("      { reason: r, link: l, expires: 2027-02-29 }\n"),
      /:16:38: expires must be a date such as 2026-12-31, found "2027-02-29"$/,
    ],
    [
      expectFail(
        "      { tests: [kcov.*, kvoc.pc.basic], reason: r, link: l, expires: 2027-01-01 }\n",
      ),
      /:16:25: "kvoc\.pc\.basic" matches no test; did you mean "kcov\.pc\.basic"\?/,
    ],
    [
      `${AXES}${PRODUCT}expect:\n  linux-6.12/kcov: skip\n  "*/kcov": pass\n`,
      /:14:3: expect "linux-6\.12\/kcov": later entries replace it for all of its cells$/,
    ],
    [
      `${AXES}${PRODUCT}warnings: [{ match: x }]\n`,
      /:13:12: warnings\[0\] lacks the key "reason"$/,
    ],
    [
      `${AXES}${PRODUCT}warnings: [{ match: x, cells: ["*", b], reason: r }]\n`,
      /:13:37: "b" matches no cell$/,
    ],
    [
      `${AXES}${PRODUCT}template: linux-6.13\n`,
      /:13:11: unknown kernel .*did you mean "linux-6\.12"/,
    ],
    [`${AXES}${PRODUCT}template: [kcov, kvoc]\n`, /:13:18: unknown config "kvoc"; did you mean/],
    [`${AXES}${PRODUCT}template: []\n`, /:13:11: template needs at least one config$/],
    [
      `${AXES}${PRODUCT}template: { configs: [] }\n`,
      /:13:22: template\.configs needs at least one/,
    ],
    [`${AXES}${PRODUCT}template: { configs: kcov }\n`, /:13:22: template\.configs must be a list/],
    [`${AXES}${PRODUCT}template: { kernel: x, configs: [kcov] }\n`, /:13:21: unknown kernel "x"/],
    [`${AXES}${PRODUCT}template: { kernel: linux-6.12 }\n`, /:13:11: template lacks the key/],
    [`${AXES}${PRODUCT}template: { kernels: [a] }\n`, /:13:13: unknown key "kernels" in template/],
    [`${AXES}${PRODUCT}template:\n`, /:13:10: template must be a string, found nothing$/],
    [
      AXES.replace(/configs:[^]*/, "configs: {}\n") + PRODUCT,
      /configs must have at least one entry$/,
    ],
  ];
  for (const [text, message] of cases) {
    const error = errorOf(() => parse(text));
    assert.equal(error.kind, "usage");
    assert.match(error.message, message);
    const [, line, column] = /^matrix\.yaml:(\d+):(\d+): /.exec(error.message)!;
    const [shown, caret] = error.detail.split("\n");
    assert.equal(shown, `  ${text.split("\n")[Number(line) - 1]}`);
    assert.equal(caret, `${" ".repeat(Number(column) + 1)}^`);
  }
});

Deno.test("parseMatrix() lets LLVM= and CC= replace the default toolchain, and no other", () => {
  const toolchains = (around: Partial<Surroundings>) => parse(AXES + PRODUCT, around).toolchains;
  assert.deepEqual(toolchains({ llvm: "1" })[0], {
    ...{ id: "clang-22", llvm: "1", cc: undefined, replaced: true },
  });
  assert.deepEqual(toolchains({ llvm: "/opt/llvm/bin/", cc: "clang-dev" })[0], {
    id: "clang-22",
    llvm: "/opt/llvm/bin/",
    cc: "clang-dev",
    replaced: true,
  });
  assert.deepEqual(toolchains({ cc: "clang-dev" })[0], {
    id: "clang-22",
    llvm: "-22",
    cc: "clang-dev",
    replaced: true,
  });
  assert.deepEqual(toolchains({ llvm: "1" })[1], { id: "clang-21", llvm: "-21" });
  assert.equal(parse(AXES + PRODUCT, { llvm: "1" }).cells[0]!.id, "linux-6.12/nokcov");
});

Deno.test("parseMatrix() takes an empty LLVM= or CC= for none", () => {
  assert.deepEqual(parse(AXES + PRODUCT, { llvm: "", cc: "" }).toolchains[0], {
    id: "clang-22",
    llvm: "-22",
  });
});

Deno.test("parseMatrix() refuses an LLVM= that kbuild would not understand", () => {
  const error = errorOf(() => parse(AXES + PRODUCT, { llvm: "clang-22" }));
  assert.equal(error.id, "bad-environment");
  assert.match(error.message, /LLVM= in the environment: LLVM="clang-22" must be 1/);
});

Deno.test("resolveCell() gives any pair that exists, in the matrix or not", () => {
  const matrix = parse(AXES + PRODUCT);
  const cell = resolveCell(matrix, "linux-6.12-unique/nokcov/smp4");
  assert.ok(typeof cell !== "string");
  assert.equal(cell.id, "linux-6.12-unique/nokcov/smp4");
  assert.equal(cell.machine.cpus, 4);
  assert.deepEqual(cell.expect, { kind: "pass" });
  // A default that is written out is the same cell.
  const spelled = resolveCell(matrix, "linux-6.12/kcov@clang-22/uni");
  assert.ok(typeof spelled !== "string");
  assert.equal(spelled.id, "linux-6.12/kcov");
});

Deno.test("withBroughtKernel() gives the cells of the template's kernel, then its configs, none twice", () => {
  const more = `  - { kernels: [linux-6.12-unique], configs: [kcov], machines: [smp4, uni] }
expect: { linux-6.12-unique/kcov/smp4: skip }
`;
  const own = sampleKernel("own");
  const brought = (template: string) => {
    const whole = withBroughtKernel(parse(`${AXES}${PRODUCT}${more}${template}`), own);
    assert.equal(whole.kernels.at(-1), own);
    return whole.cells.map(({ id, expect }) => `${id} ${expect.kind}`);
  };
  const ofKernel = ["own/kcov/smp4 skip", "own/kcov pass"];
  assert.deepEqual(brought(""), []);
  assert.deepEqual(brought("template: linux-6.12-unique"), ofKernel);
  assert.deepEqual(brought("template: [kcov, nokcov, kcov]"), ["own/nokcov pass", "own/kcov pass"]);
  const both = "template: { kernel: linux-6.12-unique, configs: [kcov, nokcov] }";
  assert.deepEqual(brought(both), [...ofKernel, "own/nokcov pass"]);
  // Its own cells can do without the kernel's.
  assert.deepEqual(brought("template: { configs: [kcov] }"), ["own/kcov pass"]);
});
