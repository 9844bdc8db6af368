// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { KmatrixError } from "../model/errors.ts";
import { errorOf } from "../../testing/errors.ts";
import { readYaml, type YamlValue } from "./yaml_reader.ts";

const read = (text: string) => readYaml("m.yaml", text);

Deno.test("readYaml() gives line, column, the line and a caret when the syntax is wrong", () => {
  const error = errorOf(() => read("a: 1\nb: [x, y\nc: 2\n"));
  assert.equal(error.kind, "usage");
  assert.equal(error.id, "bad-yaml");
  assert.match(error.message, /^m\.yaml:3:1: /);
  assert.equal(error.detail, "  c: 2\n  ^");
});

Deno.test("readYaml() refuses a key that comes twice, and points at the second", () => {
  const error = errorOf(() => read("kcov: 1\nkasan: 2\nkcov: 3\n"));
  assert.match(error.message, /^m\.yaml:3:1: .*unique/);
});

Deno.test("YamlValue puts the caret below the value that is wrong", () => {
  const machine = read("machines:\n  smp4: { cpus: four }\n").fields(["machines"]).machines!;
  const cpus = machine.entries()[0]!.value.fields(["cpus"]).cpus!;
  const error = errorOf(() => cpus.integer(1));
  assert.equal(
    error.message,
    'm.yaml:2:17: machines.smp4.cpus must be a whole number of at least 1, found string "four"',
  );
  assert.equal(error.detail, "    smp4: { cpus: four }\n                  ^");
});

Deno.test("YamlValue.fields() names an unknown key, where it is and the nearest known one", () => {
  const configs = read("configs:\n  kcov:\n    fragment: [base]\n").fields(["configs"]).configs!;
  const error = errorOf(() => configs.entries()[0]!.value.fields(["fragments", "requires"]));
  assert.equal(
    error.message,
    'm.yaml:3:5: unknown key "fragment" in configs.kcov; did you mean "fragments"? ' +
      "(choices: fragments, requires)",
  );
});

Deno.test("YamlValue.fields() names a key that is missing", () => {
  assert.match(
    errorOf(() => read("a: 1\n").fields(["a", "b"], ["b"])).message,
    /^m\.yaml:1:1: the file lacks the key "b"$/,
  );
});

Deno.test("YamlValue.fields() says what it found when a map is wanted", () => {
  const found = (text: string) => errorOf(() => read(text).fields(["a"])).message;
  assert.match(found(""), /the file must be a map, found nothing$/);
  assert.match(found("- 1\n"), /must be a map, found a list$/);
  assert.match(found("7\n"), /must be a map, found number 7$/);
  assert.match(found("true\n"), /must be a map, found boolean true$/);
});

Deno.test("YamlValue.string() takes an unquoted number as it was written", () => {
  const values = read("a: -22\nb: 6.10\nc: x\n").fields(["a", "b", "c"]);
  assert.equal(values.a!.string(), "-22");
  assert.equal(values.b!.string(), "6.10");
  assert.equal(values.c!.string(), "x");
});

Deno.test("YamlValue.string() refuses what is no word", () => {
  for (const text of ["a: [x]", "a: {x: 1}", "a:", 'a: ""', "a: true", "a: null"]) {
    assert.match(errorOf(() => read(text).fields(["a"]).a!.string()).message, /a must be a string/);
  }
});

Deno.test("YamlValue.integer() refuses fractions, words and what is too small", () => {
  for (const text of ["a: 1.5", "a: '4'", "a: 0", "a: -1", "a: [1]", "a: .inf", "a: .nan"]) {
    assert.match(errorOf(() => read(text).fields(["a"]).a!.integer(1)).message, /at least 1/);
  }
  assert.equal(read("a: 4").fields(["a"]).a!.integer(1), 4);
});

Deno.test("YamlValue.oneOf() offers the nearest choice", () => {
  assert.match(
    errorOf(() => read("a: skp").fields(["a"]).a!.oneOf(["pass", "skip"], "expectation")).message,
    /unknown expectation "skp"; did you mean "skip"\?/,
  );
});

Deno.test("YamlValue.list() and strings() read lists in order, and only lists", () => {
  assert.deepEqual(read("a: [x, y]").fields(["a"]).a!.strings(), ["x", "y"]);
  assert.match(errorOf(() => read("a: x").fields(["a"]).a!.list()).message, /must be a list/);
  assert.match(
    errorOf(() => read("a: [x, [y]]").fields(["a"]).a!.strings()).message,
    /^m\.yaml:1:8: a\[1\] must be a string, found a list$/,
  );
});

Deno.test("readYaml() only ever throws located errors, whatever the text", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ab:-[]{}#'\"&*!|>%@\n\t ,?0") });
  fc.assert(
    fc.property(text, (text) => {
      try {
        read(text).fields(["a", "b"]).a?.strings();
      } catch (error) {
        assert.ok(error instanceof KmatrixError, String(error));
        assert.match(error.message, /^m\.yaml:\d+:\d+: /);
      }
    }),
    { numRuns: 500 },
  );
});

/** A value without its places. */
function plain(value: YamlValue): unknown {
  if (value.isMap) {
    return Object.fromEntries(value.entries().map(({ key, value }) => [key, plain(value)]));
  }
  return value.isEmpty ? null : value.string();
}

Deno.test("YamlValue follows aliases, and merges what << names behind a map's own keys", () => {
  assert.deepEqual(read("b: &x [p, q]\na: *x\n").fields(["a", "b"]).a!.strings(), ["p", "q"]);
  const merged = [
    "x: &x { cpus: 1, memoryMiB: 2 }",
    "y: &y { cpus: 3, type: pc }",
    "a: { <<: *x, cpus: 4 }",
    "b: { <<: [*x, *y], cmdline: z }",
    "c: { <<: { cpus: 5 } }",
  ].join("\n");
  const { a, b, c } = plain(read(merged)) as Record<string, unknown>;
  assert.deepEqual(a, { cpus: "4", memoryMiB: "2" });
  assert.deepEqual(b, { cmdline: "z", cpus: "1", memoryMiB: "2", type: "pc" });
  assert.deepEqual(c, { cpus: "5" });
});

Deno.test("YamlValue refuses aliases that lead nowhere, in circles, or to too much", () => {
  const message = (text: string) => errorOf(() => plain(read(text))).message;
  assert.match(message("a: *nix\n"), /^m\.yaml:1:4: the alias \*nix names no anchor \(&nix\)/);
  assert.match(message("a: &a { <<: *a }\n"), /^m\.yaml:1:13: more than 1000 aliases to follow$/);
  assert.match(message("a: { <<: 3 }\n"), /^m\.yaml:1:10: a\.<< must be a map, found number 3$/);
  const levels = Array.from({ length: 30 }, (_, n) => {
    const all = Array(9).fill(`*x${n}`).join(", ");
    return `x${n + 1}: &x${n + 1} { <<: [${all}] }`;
  });
  const startedAt = performance.now();
  assert.match(message(`x0: &x0 { k: 1 }\n${levels.join("\n")}\n`), /more than 1000 aliases/);
  assert.ok(performance.now() - startedAt < 2000);
});

Deno.test("YamlValue has words for what people get wrong in YAML", () => {
  const message = (text: string) => errorOf(() => plain(read(text))).message;
  const cases: readonly [string, RegExp][] = [
    ["a: true\n", /a must be a string \(true in quotes is one\), found boolean true$/],
    ["a:\n\tb: 1\n", /^m\.yaml:2:1: Tabs are not allowed as indentation$/],
    ["a: 1\n---\nb: 2\n", /^m\.yaml:2:1: a second document begins here; one file is one document$/],
    ["a: !foo x\n", /^m\.yaml:1:4: Unresolved tag: !foo$/],
    ["? [x]\n: 1\n", /a key of the file must be a string, found a list$/],
    ["a: { : 1 }\n", /a key of a must be a string, found nothing$/],
  ];
  for (const [text, expected] of cases) assert.match(message(text), expected, text);
  // What YAML 1.1 took for a boolean or a number in base 60 is a word.
  assert.deepEqual(plain(read("a: yes\nb: on\nc: 12:30\nd: 0o17\ne: ~\n")), {
    ...{ a: "yes", b: "on", c: "12:30", d: "0o17", e: null },
  });
  assert.deepEqual(plain(read("\ufeffa: x\r\nb: y\r\n")), { a: "x", b: "y" });
});
